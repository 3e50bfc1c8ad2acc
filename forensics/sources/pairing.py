"""Quotes and their sidecars: `NAME.json` beside a quote file `NAME` or `NAME.anything`.

A sidecar's fields become the quote's observation, which keeps the quote file as its source; the
sidecar is a source of its own without records, unless something in it could not be read. When the
case already holds the quote file, the sidecar gives a second observation of that quote, so that
nothing said in it is lost.

Quotes and possible sidecars of one folder or archive wait for each other here. No more than the
limit: beyond it, all but the newest names go on unpaired.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath

from forensics.case.records import Record, SourceHeader
from forensics.errors import EvidenceError
from forensics.formats.evidence import parse_evidence
from forensics.sources.archives import STREAM_SUFFIXES
from forensics.sources.events import Reading, find_type, read_fields
from forensics.sources.fields import OBSERVATION
from forensics.sources.objects import EVENTS, UNRECOGNISED, classify, refuse

_SEPARATORS = re.compile(r"[/\\!]")  # of folders, and of archives from their members


@dataclass(frozen=True, slots=True)
class HeldQuote:
    """`data` is the file, `quote` the bytes that it holds (the same unless encoded)."""

    header: SourceHeader
    data: bytes
    quote: bytes

    @property
    def size(self) -> int:
        return len(self.data) + len(self.quote)


@dataclass(frozen=True, slots=True)
class HeldObject:
    """A JSON object that is a sidecar if there is a quote for it.

    `line` is its line if it is an event after all, null for the whole file.
    """

    header: SourceHeader
    data: bytes
    value: dict[str, object]
    line: int | None

    @property
    def size(self) -> int:
        return 4 * len(self.data)  # the decoded object weighs more than its text


@dataclass(frozen=True, slots=True)
class Pair:
    """A quote with its sidecar, either of them alone, or one more quote of a sidecar."""

    quote: HeldQuote | None
    sidecar: HeldObject | None


class Pairing:
    """What one folder or archive holds back until it is complete."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: list[HeldQuote | HeldObject] = []
        self._size = 0

    def hold(self, item: HeldQuote | HeldObject) -> Iterator[Pair]:
        """Add an item; gives what has to leave because too much is held."""
        self._held.append(item)
        self._size += item.size
        if self._size > self._limit:
            yield from _match(self._cut(_first_stem(item.header.path)))

    def _cut(self, newest: str) -> list[HeldQuote | HeldObject]:
        """Take out all but those of the newest name; all of them where that is the only one."""
        kept: list[HeldQuote | HeldObject] = []
        ready: list[HeldQuote | HeldObject] = []
        for item in self._held:
            (kept if _first_stem(item.header.path) == newest else ready).append(item)
        if not ready:
            kept, ready = ready, kept
        self._held = kept
        self._size = sum(item.size for item in kept)
        return ready

    def release(self) -> Iterator[Pair]:
        """Everything that is still held, paired, in the order of arrival: quotes, then objects."""
        held, self._held, self._size = self._held, [], 0
        yield from _match(held)


def may_be_sidecar(item: HeldObject) -> bool:
    """Event fields without evidence of their own, or nothing known.

    An event's type is such a field, if it is the type of a quote's observation.
    """
    kind = classify(item.value)
    if kind == EVENTS and _is_named_json(item):
        return "quote" not in item.value and find_type(item.value) is OBSERVATION
    return kind == UNRECOGNISED


def _is_named_json(item: HeldObject) -> bool:
    return _place(item.header.path).endswith(".json")


def _match(held: list[HeldQuote | HeldObject]) -> Iterator[Pair]:
    objects = {
        _place(item.header.path).removesuffix(".json"): item
        for item in held
        if isinstance(item, HeldObject) and _is_named_json(item)
    }
    taken: set[str] = set()
    for item in held:
        if isinstance(item, HeldQuote):
            place = _place(item.header.path)
            sidecar = objects.get(place) or objects.get(_without_suffix(place))
            if sidecar is not None:
                taken.add(sidecar.header.path)
            yield Pair(item, sidecar)
    for item in held:
        if isinstance(item, HeldObject) and item.header.path not in taken:
            yield Pair(None, item)


def _place(path: str) -> str:
    """Where a file stands; that of `a.bin.gz!a.bin` is `a.bin`, as if it had been unpacked."""
    archive, mark, member = path.rpartition("!")
    for suffix in STREAM_SUFFIXES:
        if mark and archive.endswith(f"{member}{suffix}"):
            return archive.removesuffix(suffix)
    return path


def _without_suffix(path: str) -> str:
    return path.removesuffix(PurePath(path).suffix)


def _first_stem(path: str) -> str:
    """The path up to the first dot of its file name: what a quote and its sidecar share."""
    path = _place(path)
    name = _SEPARATORS.split(path)[-1]
    return path.removesuffix(name) + name.partition(".")[0]


def read_bare_quote(held: HeldQuote) -> Record:
    """The record of a quote without a sidecar. Nothing was observed where nothing can be parsed."""
    try:
        parse_evidence(held.quote)
    except EvidenceError as error:
        return refuse(held.data, None, error)
    return Record(None, held.data, [("observation", {})], quote=held.quote)


def read_sidecar(held: HeldObject) -> Reading:
    """The event fields that a sidecar adds; its own `quote`, if any, is no field of it."""
    return read_fields(held.value, held.data)


def read_paired_quote(held: HeldQuote, reading: Reading) -> Record:
    """The record of a quote with its sidecar's fields; there even if the quote is unreadable."""
    return Record(None, held.data, [("observation", dict(reading.row))], quote=held.quote)
