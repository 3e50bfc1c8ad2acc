"""A stream of lines in blocks of whole lines: what one worker reads at a time."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from forensics.case.batch import UNIQUE, Batch, Builder
from forensics.case.framing import join_messages, split_messages
from forensics.case.ids import IdIndex
from forensics.case.records import Record, SourceHeader
from forensics.sources.limits import Limits
from forensics.sources.members import BOM, Member, iterate_lines, skip_line
from forensics.sources.objects import read_record


@dataclass(frozen=True)
class BlockReading:
    """What a block gave. `told` is false where no line of it was of a known kind."""

    batch: Batch
    counts: dict[str, int]
    """Counts of records, rows (but those stored once, which the case counts) and quarantined."""
    lines: int
    told: bool

    def to_bytes(self) -> bytes:
        """For another process of this program."""
        head = json.dumps([self.counts, self.lines, self.told]).encode()
        return join_messages((head, self.batch.to_bytes()))

    @classmethod
    def from_bytes(cls, data: bytes | memoryview) -> BlockReading:
        head, batch = split_messages(data)
        return cls(Batch.from_bytes(batch), *json.loads(bytes(head)))


def iterate_blocks(stream: BinaryIO, limits: Limits) -> Iterator[bytes | Member]:
    """Blocks of whole lines, and lines over the limit, which are skipped past, as members of
    number 0. A byte order mark at the beginning is left out.
    """
    first = True
    while block := stream.read(limits.block):
        if first:
            block, first = block.removeprefix(BOM), False
        if not block.endswith(b"\n"):
            block += stream.readline(limits.record + 1)
        whole = block.rfind(b"\n") + 1
        rest = block[whole:]
        if len(rest) <= limits.record:
            yield block  # its last line may be the last of all
            continue
        if whole:
            yield block[:whole]
        yield skip_line(stream, 0, rest, limits)


def make_builder() -> Builder:
    """A builder that knows no case: it gives each part that is stored once when first seen."""
    seen = {table: IdIndex() for table in UNIQUE}
    return Builder(lambda table, key: seen[table].add(key))


def read_block(
    block: bytes, header: SourceHeader, limits: Limits, builder: Builder
) -> BlockReading:
    """The records of a block's lines, numbered from 1."""
    counts = dict.fromkeys(("records", "rows", "quarantined"), 0)
    number = 0
    told = False
    for number, data, problem in iterate_lines(io.BytesIO(block), limits, beginning=False):
        if problem is None:
            record = read_record(data, number, limits)
            told = told or bool(record.rows)
        else:
            record = Record(number, data, [], problem=problem)
        taken = builder.take(record, header)
        counts["records"] += 1
        counts["rows"] += sum(table not in UNIQUE for table, _ in record.rows)
        counts["quarantined"] += taken.quarantined
    # Blank lines at the end have no number; counting all line ends would take longer.
    ends = block.count(b"\n", len(block.rstrip(b" \t\r\n")))
    lines = max(number - 1, 0) + ends + (not block.endswith(b"\n"))
    return BlockReading(builder.build(), counts, lines, told)
