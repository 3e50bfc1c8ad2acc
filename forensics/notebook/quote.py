"""A quote in a notebook: the page of `quote show`, its parts as records, and differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from forensics.formats.evidence import Evidence
from forensics.notebook.html import render_tables, to_text
from forensics.notebook.records import Records
from forensics.report.quote_diff import RELATIONS, Difference, compare_quotes
from forensics.report.quote_page import PARTS, QuotePage


class QuoteView:
    """One quote. `quote` is parsed, `bytes(...)` of it are the original ones."""

    def __init__(self, page: QuotePage) -> None:
        self.page = page

    @property
    def quote(self) -> Evidence:
        return self.page.quote

    @property
    def quote_id(self) -> str:
        """SHA-256 of the bytes as seen, hex."""
        return self.page.quote_id

    def __bytes__(self) -> bytes:
        return self.quote.to_bytes()

    @property
    def fields(self) -> Records:
        """Every byte: part, field, value, what it says, which signature covers it."""
        return _records("fields", self.page.fields)

    @property
    def verdicts(self) -> Records:
        return _records("verdicts", self.page.verdicts)

    @property
    def sightings(self) -> Records:
        return _records("sightings", self.page.sightings)

    @property
    def certificates(self) -> Records:
        return _records("certificates", self.page.certificates)

    def diff(self, other: QuoteView) -> DifferenceView:
        """What `other` differs in, and whether any signature would notice."""
        return DifferenceView(compare_quotes(self.quote, other.quote))

    def __repr__(self) -> str:
        tee = f"{self.quote.tee.upper()}, version {self.quote.version}"
        receipts = {v["outcome"] for v in self.page.verdicts if v["moment"] == "receipt"}
        return f"<Quote {self.quote_id[:12]}: {', '.join([tee, *sorted(receipts)])}>"

    def _repr_html_(self) -> str:
        tables = dict(PARTS) | {"fields": _FIELDS_SHOWN}
        return render_tables((name, tables[name], getattr(self.page, name)) for name in tables)


class DifferenceView:
    """Two quotes side by side; `conclusion` says in a sentence how they are related."""

    def __init__(self, difference: Difference) -> None:
        self.difference = difference

    @property
    def conclusion(self) -> str:
        return self.difference.conclusion

    @property
    def fields(self) -> Records:
        return _records("differing fields", self.difference.fields)

    def __repr__(self) -> str:
        difference = self.difference
        counts = f"{len(difference.unsigned)} of {len(difference.fields)} differences unsigned"
        return f"<Difference: {self.conclusion}; {counts}>"

    def _repr_html_(self) -> str:
        shown = ("field", "bytes", "a", "b", "covered_by", "note")
        return render_tables(
            [
                (self.conclusion, RELATIONS, self.difference.relations),
                ("differing fields", shown, self.difference.fields),
            ]
        )


def _records(title: str, rows: Sequence[dict[str, Any]]) -> Records:
    """Columns of values that are numbers here and hex there become text."""
    import pyarrow as pa

    texts = [
        {name: to_text(cell) if name in _MIXED else cell for name, cell in row.items()}
        for row in rows
    ]
    return Records(title, pa.Table.from_pylist(texts))


_MIXED = ("value", "a", "b")
_FIELDS_SHOWN = ("part", "offset", "field", "value", "says", "meaning", "covered_by")
