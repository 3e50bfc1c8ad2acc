"""Finding things in a case by their id, or by the unambiguous start of one."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from forensics.errors import UsageError

if TYPE_CHECKING:
    import duckdb

MIN_DIGITS = 4

_FEW_LINES: Final = 1 << 14  # more are no filter worth having
_OBSERVATION_ID = re.compile("[0-9a-f]{40}")
_DIGITS = re.compile(f"[0-9a-f]{{{MIN_DIGITS},64}}")

# Where ids live: (view, its id column). Order is the order in which matches are shown.
IDENTIFIED = (
    ("finding", "finding_id"),
    ("finding", "fingerprint"),
    ("observation", "observation_id"),
    ("quote", "quote_id"),
    ("quote", "signing_id"),
    ("source", "source_id"),
    ("collateral", "collateral_id"),
    ("crl", "crl_id"),
    ("certificate", "certificate_id"),
)


@dataclass(frozen=True)
class Match:
    """A row of a view. `columns` are in the view's order."""

    view: str
    identifier: str
    columns: Sequence[str]
    row: dict[str, Any]


def find_matches(
    connection: duckdb.DuckDBPyConnection, identifier: str, *, views: Sequence[str] = ()
) -> list[Match]:
    """Rows whose id starts with `identifier`, of these views or of any.

    Raises `UsageError` (`bad-id`) when that is not 4 to 64 hex digits.
    """
    digits = identifier.strip().lower()
    if not _DIGITS.fullmatch(digits):
        raise UsageError("bad-id", f"an id is {MIN_DIGITS} to 64 hex digits: {identifier!r:.80}")
    matches: list[Match] = []
    for view, column in IDENTIFIED:
        if (views and view not in views) or any(match.view == view for match in matches):
            continue  # an id that matched by one column of a view is the same row by another
        relation = connection.sql(
            f'SELECT * FROM "{view}" WHERE "{column}" >= ? AND "{column}" < ? ORDER BY "{column}"',
            params=[digits, digits + "g"],
        )
        matches += [
            Match(view, str(row[column]), relation.columns, row)
            for row in relation.to_arrow_table().to_pylist()
        ]
    return matches


def find_one(
    connection: duckdb.DuckDBPyConnection,
    views: Sequence[str],
    identifier: str,
    *,
    same: str | None = None,
) -> Match:
    """The only row of these views whose id starts with `identifier`.

    Rows that agree in the column `same` count as one, and the first view's is taken: the ids of a
    quote file and of its sighting begin alike. Raises `UsageError` (`no-match`, `ambiguous`).
    """
    matches = find_matches(connection, identifier, views=views)
    found = {match.row[same] if same else match.identifier for match in matches}
    named = " or ".join(views)
    if not found:
        raise UsageError("no-match", f"no {named} {identifier:.80} in this case")
    if len(found) > 1:
        raise UsageError("ambiguous", f"{len(found)} of {named} begin with {identifier:.80}")
    return min(matches, key=lambda match: views.index(match.view))


def name_lines(observation_ids: Collection[str]) -> str:
    """A condition on rows of `observation` which all with one of these ids meet, and few others.

    The ids themselves are text, which would be made for every row of a case to be compared.
    """
    if not all(map(_OBSERVATION_ID.fullmatch, observation_ids)):
        return "true"  # of a case that this tool did not make
    lines = sorted({int(identifier[32:], 16) for identifier in observation_ids})
    if len(lines) > _FEW_LINES:
        return "true"
    return f"coalesce(source_line, 0) IN ({', '.join(map(str, lines or [-1]))})"
