"""Tables of a report: what a page shows of them is capped, and says how to see the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Table:
    """`rows` are at most what is shown; `total` is how many there are, `rest` shows them all."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    total: int | None = None
    rest: str = ""

    @property
    def left_out(self) -> int:
        return 0 if self.total is None else self.total - len(self.rows)


def cap(
    caption: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], most: int, rest: str
) -> Table:
    """A table of the first `most` rows."""
    return Table(caption, columns, rows[:most], total=len(rows), rest=rest)
