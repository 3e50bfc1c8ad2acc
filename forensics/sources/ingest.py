"""Evidence in: every file and archive member becomes a source, and all its records are accounted
for.

The order is fixed by names, each source is named by the SHA-256 of its bytes before any of it is
used, and a source that the case knows is not read again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from forensics.case.records import Problem, Record, SourceHeader
from forensics.case.writer import Writer
from forensics.errors import EvidenceError, UsageError
from forensics.sources.archives import COMPRESSED, iterate_members
from forensics.sources.entries import (
    Content,
    Entry,
    entry_of_bytes,
    examine,
    guard_reading,
    iterate_guarded,
)
from forensics.sources.files import read_file
from forensics.sources.inflate import Budget
from forensics.sources.limits import DEFAULT_LIMITS, Limits
from forensics.sources.members import BOM, Member, iterate_array, iterate_lines
from forensics.sources.objects import (
    EVENTS,
    UNRECOGNISED,
    begins_with_lines,
    decode_json,
    find_line,
    refuse,
)
from forensics.sources.pairing import (
    HeldObject,
    HeldQuote,
    Pairing,
    may_be_sidecar,
    read_bare_quote,
)
from forensics.sources.settle import QUOTE, Settler, rename
from forensics.sources.sniff import ARCHIVES, Kind, decode_text, holds_many_quotes, sniff
from forensics.sources.streams import add_blocks, add_members
from forensics.sources.walk import check_paths, walk_paths

if TYPE_CHECKING:
    from forensics.case.intake import SourceIntake

ARCHIVE = "archive"
SPECIAL = "special"

Progress = Callable[[int], None]


def ingest_paths(
    writer: Writer,
    paths: Sequence[Path],
    limits: Limits = DEFAULT_LIMITS,
    progress: Progress | None = None,
    workers: int = 0,
) -> None:
    """Read all evidence under `paths` into `writer`; `progress` is told the input bytes done.

    Logs too large to be held in memory are read by `workers` processes, or by this one; what
    comes of them is the same to the byte.

    The case may lie in a folder of evidence: it is passed over.

    Raises `UsageError`: `unreadable-path` and `source-in-case`, before anything is written;
    `source-changed`, when a file was written to while it was read.
    """
    check_paths(paths, writer.root)
    ingest = _Ingest(writer, limits, progress, workers)
    for folder in walk_paths(paths, writer.root):
        ingest.take_folder(folder)


class _Ingest:
    def __init__(
        self, writer: Writer, limits: Limits, progress: Progress | None, workers: int
    ) -> None:
        self._writer = writer
        self._settler = Settler(writer)
        self._limits = limits
        self._progress = progress
        self._workers = workers
        self._done = 0
        self._current = 0

    def take_folder(self, entries: Sequence[Entry]) -> None:
        pairing = Pairing(self._limits.held_for_pairing)
        for entry in entries:
            try:
                self._take(entry, pairing, None, 0)
            except EvidenceError as error:
                self._refuse_unreadable(entry, error)
        self._settler.settle(pairing.release())

    def _take(self, entry: Entry, pairing: Pairing, budget: Budget | None, nesting: int) -> None:
        """Take in one entry. Raises `EvidenceError` when it cannot be read at all."""
        stamp = entry.stamp() if entry.stamp else None
        content = examine(entry, self._limits)
        if entry.stamp:
            self._current = content.size
        self._take_content(entry, content, pairing, budget, nesting)
        if entry.stamp:
            if entry.stamp() != stamp:
                raise UsageError("source-changed", f"{entry.path} changed while it was read")
            self._done += content.size
            self._current = 0
            self._report(0)

    def _take_content(
        self, entry: Entry, content: Content, pairing: Pairing, budget: Budget | None, nesting: int
    ) -> None:
        header = SourceHeader(content.source_id, entry.path, UNRECOGNISED, content.size)
        if entry.special is not None:
            error = EvidenceError("not-a-regular-file", entry.special)
            self._settler.put(header, SPECIAL, refuse(content.head, None, error))
            return
        kind = sniff(content.head, content.size)
        if kind in ARCHIVES:
            self._take_archive(entry, header, kind, pairing, budget, nesting)
        elif kind is Kind.JSON_ARRAY:
            self._take_stream(entry, header, iterate_array)
        elif kind is Kind.JSON_LINES:
            self._take_lines(entry, header, content)
        elif kind is Kind.JSON_OBJECT:
            self._take_json(entry, header, content, pairing)
        elif content.data is None:
            self._settler.put(header, str(kind), _refuse_large(content, kind, self._limits))
        else:
            self._take_whole(header, kind, content.data, pairing)

    # Whole files

    def _take_whole(self, header: SourceHeader, kind: Kind, data: bytes, pairing: Pairing) -> None:
        decoded = data
        if kind is Kind.TEXT:
            if holds_many_quotes(data):
                self._take_quote_lines(header, data)
                return
            kind, decoded = decode_text(data)
        if kind is Kind.QUOTE:
            self._settler.settle(pairing.hold(HeldQuote(header, data, decoded)))
            return
        name, record = read_file(kind, decoded, data)
        self._settler.put(header, name, record)

    def _take_quote_lines(self, header: SourceHeader, data: bytes) -> None:
        """A text file with an encoded quote on each line."""
        if self._writer.knows(header.source_id, header.path):
            return
        with self._writer.source(rename(header, QUOTE)) as add:
            for number, line in enumerate(data.splitlines(), 1):
                if line.strip():
                    _, quote = decode_text(line)
                    add(_renumber(read_bare_quote(HeldQuote(header, line, quote)), number))

    # JSON

    def _take_json(
        self, entry: Entry, header: SourceHeader, content: Content, pairing: Pairing
    ) -> None:
        """A file that begins like an object: one object, or lines of them."""
        data = content.data
        if data is None or begins_with_lines(content.head, self._limits):
            self._take_lines(entry, header, content)
            return
        try:
            value = self._decode_object(data)
        except EvidenceError as error:
            if data.startswith(b"{") + data.count(b"\n{") > 1:
                self._take_lines(entry, header, content)
            else:
                self._settler.put(header, UNRECOGNISED, refuse(data, None, error))
            return
        held = HeldObject(header, data, value, find_line(value, data))
        if may_be_sidecar(held):
            self._settler.settle(pairing.hold(held))
        else:
            self._settler.put_object(held)

    def _decode_object(self, data: bytes) -> dict[str, object]:
        if len(data) > self._limits.record:
            message = f"a JSON object of {len(data)} bytes; the limit is {self._limits.record}"
            raise EvidenceError("too-large", message)
        value = decode_json(data.removeprefix(BOM), self._limits)
        assert isinstance(value, dict)  # it begins with a brace
        return value

    def _take_lines(self, entry: Entry, header: SourceHeader, content: Content) -> None:
        """Lines one by one; where they are many, in blocks."""
        if content.data is not None:
            self._take_stream(entry, header, iterate_lines)
            return
        with self._open_stream(entry, header) as opened:
            if opened is not None:
                add, stream = opened
                add_blocks(add, header, stream, self._limits, self._workers, self._report)

    def _take_stream(
        self,
        entry: Entry,
        header: SourceHeader,
        iterate: Callable[[BinaryIO, Limits], Iterator[Member]],
    ) -> None:
        with self._open_stream(entry, header) as opened:
            if opened is not None:
                add, stream = opened
                add_members(add, iterate(stream, self._limits), self._limits, self._report)

    @contextmanager
    def _open_stream(
        self, entry: Entry, header: SourceHeader
    ) -> Iterator[tuple[SourceIntake, BinaryIO] | None]:
        """Null for a known source. A stream that breaks off gives what came before that."""
        if self._writer.knows(header.source_id, header.path):
            yield None
            return
        with self._writer.source(rename(header, EVENTS)) as add:
            add.kind = UNRECOGNISED
            try:
                with guard_reading():
                    stream = entry.open()
                with stream:
                    yield add, stream
            except EvidenceError as error:
                add(refuse(b"", None, error, header.source_id))

    # Archives

    def _take_archive(
        self,
        entry: Entry,
        header: SourceHeader,
        kind: Kind,
        outer: Pairing,
        budget: Budget | None,
        nesting: int,
    ) -> None:
        """Its members, then the archive itself, a source whose only record can be a problem."""
        if self._writer.knows(header.source_id, header.path):
            return
        problem: Problem | None = None
        try:
            if nesting == self._limits.nesting:
                raise EvidenceError("nesting-limit", f"archives nested more than {nesting} deep")
            budget = budget or Budget(header.size, self._limits)
            # One compressed file is still a file of its folder; other archives are folders.
            alone = kind in COMPRESSED
            pairing = outer if alone else Pairing(self._limits.held_for_pairing)
            try:
                problem = self._take_members(entry, kind, pairing, budget, nesting + 1)
            finally:
                if not alone:
                    self._settler.settle(pairing.release())
        except EvidenceError as error:
            problem = Problem(error.code, error.message, error.offset)
        with self._writer.source(rename(header, ARCHIVE)) as add:
            if problem is not None:
                problem.digest = header.source_id
                add(Record(None, _read_beginning(entry, self._limits), [], problem=problem))

    def _take_members(
        self, entry: Entry, kind: Kind, pairing: Pairing, budget: Budget, nesting: int
    ) -> Problem | None:
        """Take in all members; the problem of the first that could not be read, if any."""
        problem: Problem | None = None
        for member in iterate_guarded(iterate_members(entry, kind, budget, self._limits)):
            try:
                self._take(member, pairing, budget, nesting)
            except EvidenceError as error:
                message = f"{member.path}: {error.message}"
                if error.code == "expansion-limit":
                    message += "; this member and those after it were not read"
                    raise EvidenceError(error.code, message) from None
                problem = problem or Problem(error.code, message)
        return problem

    def _refuse_unreadable(self, entry: Entry, error: EvidenceError) -> None:
        """A file that could be listed but not read: a description stands for its bytes."""
        data = f"{error.message}: {entry.path}".encode("utf-8", "backslashreplace")
        content = examine(entry_of_bytes(entry.path, data), self._limits)
        header = SourceHeader(content.source_id, entry.path, SPECIAL, content.size)
        self._settler.put(header, SPECIAL, refuse(data, None, error))

    def _report(self, partial: int) -> None:
        if self._progress is not None:
            # Members of an archive may be larger than the archive.
            self._progress(self._done + min(partial, self._current))


def _refuse_large(content: Content, kind: Kind, limits: Limits) -> Record:
    """A large file of a kind that is no stream; the source id is the SHA-256 of all of it."""
    code = "unrecognised-content" if kind is Kind.UNRECOGNISED else "too-large"
    message = f"{content.size} bytes; whole files are read up to {limits.whole_file}"
    return refuse(content.head, None, EvidenceError(code, message), content.source_id)


def _read_beginning(entry: Entry, limits: Limits) -> bytes:
    try:
        with guard_reading(), entry.open() as stream:
            return stream.read(limits.kept)
    except EvidenceError:
        return b""


def _renumber(record: Record, line: int) -> Record:
    record.line = line
    return record
