"""Small sources into the case: one record each, quotes together with their sidecars."""

from __future__ import annotations

from collections.abc import Iterable

from forensics.case.records import Record, SourceHeader
from forensics.case.writer import Writer
from forensics.sources.members import BOM
from forensics.sources.objects import classify, read_object
from forensics.sources.pairing import (
    HeldObject,
    HeldQuote,
    Pair,
    read_bare_quote,
    read_paired_quote,
    read_sidecar,
)

QUOTE = "quote"
SIDECAR = "sidecar"


def rename(header: SourceHeader, kind: str) -> SourceHeader:
    """The header with its kind, once that is known."""
    return SourceHeader(header.source_id, header.path, kind, header.size)


class Settler:
    """Writes what need not wait any longer; what the case knows already is counted and left out."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def put(self, header: SourceHeader, kind: str, record: Record) -> bool:
        """Write a source of one record; false when it is known already."""
        if self._writer.knows(header.source_id, header.path):
            return False
        with self._writer.source(rename(header, kind)) as add:
            add(record)
        return True

    def put_object(self, held: HeldObject) -> None:
        """Write an object that is no quote's sidecar, as whatever it says it is."""
        kind = classify(held.value)
        data = held.data.removeprefix(BOM)
        self.put(held.header, kind, read_object(kind, held.value, data, held.line))

    def settle(self, pairs: Iterable[Pair]) -> None:
        """Write pairs; a sidecar after all of its quotes."""
        sidecars: dict[bytes, tuple[HeldObject, HeldQuote, bool]] = {}
        for pair in pairs:
            if pair.quote is None:
                assert pair.sidecar is not None
                self.put_object(pair.sidecar)
            else:
                fresh = self._put_quote(pair.quote, pair.sidecar)
                if pair.sidecar is not None:
                    key = pair.sidecar.header.source_id
                    before = sidecars.get(key)
                    spoken = fresh or (before is not None and before[2])
                    sidecars[key] = (pair.sidecar, pair.quote, spoken)
        for sidecar, quote, spoken in sidecars.values():
            self._put_sidecar(sidecar, quote, spoken)

    def _put_quote(self, quote: HeldQuote, sidecar: HeldObject | None) -> bool:
        """Write a quote's source; false when it is known already."""
        if sidecar is None:
            return self.put(quote.header, QUOTE, read_bare_quote(quote))
        return self.put(quote.header, QUOTE, read_paired_quote(quote, read_sidecar(sidecar)))

    def _put_sidecar(self, sidecar: HeldObject, quote: HeldQuote, spoken: bool) -> None:
        """Write a sidecar's source; `spoken`: its fields are in an observation already."""
        if self._writer.knows(sidecar.header.source_id, sidecar.header.path):
            return
        reading = read_sidecar(sidecar)
        record = Record(None, sidecar.data, [], problem=reading.problem)
        if not spoken:
            record.rows = [("observation", reading.row)]
            record.quote = quote.quote
        with self._writer.source(rename(sidecar.header, SIDECAR)) as add:
            if record.rows or record.problem is not None:
                add(record)
