"""Streams of records into one source of the case: record by record, or in blocks of lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from forensics.case.processes import hire
from forensics.case.records import Record, SourceHeader
from forensics.errors import EvidenceError
from forensics.sources.blocks import BlockReading, iterate_blocks, make_builder, read_block
from forensics.sources.entries import iterate_guarded
from forensics.sources.limits import Limits
from forensics.sources.members import Member
from forensics.sources.objects import EVENTS, read_record
from forensics.sources.worker import MODULE, Task

if TYPE_CHECKING:
    from forensics.case.intake import SourceIntake

Report = Callable[[int], None]
"""Called with the bytes of the stream done so far."""

_Read = Callable[[Iterable[bytes]], Iterator[BlockReading]]

_REPORT_STEP = 1 << 22


def add_members(
    add: SourceIntake, members: Iterator[Member], limits: Limits, report: Report
) -> None:
    """Add each record. Raises `EvidenceError` where the stream breaks off."""
    size = reported = 0
    for number, data, problem in iterate_guarded(members):
        if problem is None:
            record = read_record(data, number, limits)
            if record.rows:
                add.kind = EVENTS
            add(record)
        else:
            add(Record(number, data, [], problem=problem))
        size += len(data)
        if size - reported >= _REPORT_STEP:
            reported = size
            report(size)


def add_blocks(
    add: SourceIntake,
    header: SourceHeader,
    stream: BinaryIO,
    limits: Limits,
    workers: int,
    report: Report,
) -> None:
    """Add the records of all lines. Raises `EvidenceError` where the stream breaks off."""
    pieces = _Pieces(iterate_guarded(iterate_blocks(stream, limits)), report)
    lines = 0
    with _open_reader(header, limits, workers) as read:
        while True:
            for reading in read(pieces.take_blocks()):
                if reading.told:
                    add.kind = EVENTS
                add.take_batch(reading.batch, reading.counts, lines)
                lines += reading.lines
            if pieces.oversized is None:
                break
            _, data, problem = pieces.oversized
            lines += 1
            add(Record(lines, data, [], problem=problem))
    if pieces.error is not None:
        raise pieces.error


class _Pieces:
    """Blocks in runs: an oversized line, or an error, ends a run and is kept for the caller, who
    then has taken in all that came before it.
    """

    def __init__(self, pieces: Iterator[bytes | Member], report: Report) -> None:
        self.oversized: Member | None = None
        self.error: EvidenceError | None = None
        self._pieces = pieces
        self._report = report
        self._size = 0

    def take_blocks(self) -> Iterator[bytes]:
        self.oversized = None
        try:
            for piece in self._pieces:
                if not isinstance(piece, bytes):
                    self.oversized = piece
                    return
                yield piece
                self._size += len(piece)
                self._report(self._size)
        except EvidenceError as error:
            self.error = error


def _open_reader(
    header: SourceHeader, limits: Limits, workers: int
) -> AbstractContextManager[_Read]:
    if workers:
        return _read_elsewhere(header, limits, workers)
    return _read_here(header, limits)


@contextmanager
def _read_here(header: SourceHeader, limits: Limits) -> Iterator[_Read]:
    builder = make_builder()
    yield lambda blocks: (read_block(block, header, limits, builder) for block in blocks)


@contextmanager
def _read_elsewhere(header: SourceHeader, limits: Limits, count: int) -> Iterator[_Read]:
    task = msgspec.json.encode(Task(header.source_id, limits))
    with hire(MODULE, count, task) as workers:
        yield lambda blocks: map(BlockReading.from_bytes, workers.answer(blocks))
