"""What a rule weighs against all history, in a few rows that are continued from run to run.

Only all of the history tells whether a log is an extract, or how far clocks are apart, and no part
of it does. A header's `[totals.NAME]` names the CTE of the query that gives the rows, and says what
each of its columns is: a "key" by which it groups (VARCHAR), or the "sum" (BIGINT), the smallest
("min") or the largest ("max", DOUBLE) over what no key of the scope connects. Without keys it is
one row. Each row is then that of the run before, less what the rows in the scope gave then, with
what they give now; and these stand in the place of the CTE while the rest of the query looks at the
scope alone. `known_NAME`, which `widens_when` may ask, are those of the run before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

TYPES: Final = {"key": "VARCHAR", "sum": "BIGINT", "min": "DOUBLE", "max": "DOUBLE"}
"""What columns may be -> their type."""

Value = str | int | float | None
Rows = Sequence[Sequence[Value]]
"""In the order of the header's columns."""


@dataclass(frozen=True, slots=True)
class Totals:
    """`part` is the name of the CTE, `columns` are its columns and what they are: keys first."""

    part: str
    columns: tuple[tuple[str, str], ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.columns)

    @property
    def keyed(self) -> bool:
        """Whether there is one row of each key, and not just one."""
        return any(kind == "key" for _, kind in self.columns)

    @property
    def select(self) -> str:
        """A query for the rows, over the CTEs of the detector's query."""
        return f"SELECT {', '.join(self.names)} FROM {self.part}"

    def go_on(self, before: Rows, known: Rows, now: Rows) -> Rows | None:
        """The rows of everything, in the order of their keys; None where one cannot be known.

        `before` are those of the run before; `known` and `now` are those of what is in the scope:
        what that run saw of it, and all of it.
        """
        groups = [self.group(rows) for rows in (before, known, now)]
        told = dict(groups[0])
        for key in groups[1].keys() | groups[2].keys():
            row = self._add_up(*(group.get(key, self._nothing) for group in groups))
            if row is None:
                return None
            told[key] = row
        there = [key for key in told if not key or told[key] != self._nothing]
        return [[*key, *told[key]] for key in sorted(there, key=_rank)]

    def group(self, rows: Rows) -> dict[tuple[Value, ...], Sequence[Value]]:
        """The values of each key, in the order of the keys."""
        keys = len(self.columns) - len(self._kinds)
        groups = {tuple(row[:keys]): list(row[keys:]) for row in rows}
        return {key: groups[key] for key in sorted(groups, key=_rank)}

    @property
    def _kinds(self) -> Sequence[str]:
        """The kinds of the columns that are not keys."""
        return [kind for _, kind in self.columns if kind != "key"]

    @property
    def _nothing(self) -> Sequence[Value]:
        return [0 if kind == "sum" else None for kind in self._kinds]

    def _add_up(
        self, before: Sequence[Value], known: Sequence[Value], now: Sequence[Value]
    ) -> Sequence[Value] | None:
        row: list[Value] = []
        for kind, *parts in zip(self._kinds, before, known, now, strict=True):
            if kind == "sum":
                row.append(_sum(*parts))
            elif _may_be_gone(kind, *parts):
                return None
            else:
                row.append(_choose(kind, parts[0], parts[2]))
        return row


def _rank(key: Sequence[Value]) -> list[tuple[bool, str]]:
    return [(value is None, str(value)) for value in key]


def _sum(before: Value, known: Value, now: Value) -> int:
    assert isinstance(before, int)
    assert isinstance(known, int)
    assert isinstance(now, int)
    return before - known + now


def _choose(kind: str, one: Value, other: Value) -> Value:
    """The smaller or larger of two; either may be null."""
    there = [float(value) for value in (one, other) if value is not None]
    return (min if kind == "min" else max)(there, default=None)


def _may_be_gone(kind: str, before: Value, known: Value, now: Value) -> bool:
    """Whether the outermost value came from the scope, and is no longer there."""
    return known is not None and known == before and _choose(kind, before, now) != now
