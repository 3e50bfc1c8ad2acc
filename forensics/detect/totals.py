"""What a rule weighs against all history in one row, and goes on with from run to run.

Whether a log is an extract, or how far clocks are apart, all of the history tells, and no part of
it. A header's `[totals.NAME]` names the CTE of the query that gives the row, and says of each
column whether it is a "sum" (BIGINT) or a maximum ("max", DOUBLE) over what no key of the scope
connects. Then the row is that of the run before, less what the rows in the scope gave then, with
what they give now; and it stands in the place of the CTE while the rest of the query looks at the
scope alone. `known_NAME`, which `widens_when` may ask, is the row of the run before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

TYPES: Final = {"sum": "BIGINT", "max": "DOUBLE"}
"""What columns may be -> their type."""

Row = Mapping[str, int | float | None]


@dataclass(frozen=True, slots=True)
class Totals:
    """`part` is the name of the CTE, `columns` are its columns and what they are."""

    part: str
    columns: tuple[tuple[str, str], ...]

    @property
    def select(self) -> str:
        """A query for the row, over the CTEs of the detector's."""
        return f"SELECT {', '.join(self.names)} FROM {self.part}"

    def go_on(self, before: Row, known: Row, now: Row) -> Row | None:
        """The row of everything; None where that cannot be told.

        `before` is the row of the run before; `known` and `now` are of what is in the scope: of
        what that run saw, and of all.
        """
        row = {
            name: before[name] - known[name] + now[name]  # type: ignore[operator]
            if kind == "sum"
            else _raise(before[name], known[name], now[name])
            for name, kind in self.columns
        }
        lowered = any(
            kind == "max" and before[name] is not None and row[name] is None
            for name, kind in self.columns
        )
        return None if lowered else row

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.columns)

    def write(self, before: Row, now: Row) -> Mapping[str, str]:
        """Queries for the row of the run before and for that of everything, by what they stand
        for.
        """
        return {self.part: self._write(now), f"known_{self.part}": self._write(before)}

    def _write(self, row: Row) -> str:
        values = (
            f"CAST({'NULL' if row[name] is None else repr(str(row[name]))} AS {TYPES[kind]}) "
            f"AS {name}"
            for name, kind in self.columns
        )
        return f"SELECT {', '.join(values)}"


def _raise(before: float | None, known: float | None, now: float | None) -> float | None:
    """The largest of everything; None where there is none, or where what was largest before may be
    gone: it was in the scope, or as large, and is smaller now.
    """
    if before is None or (now is not None and now >= before):
        return now
    return before if known is None or known < before else None
