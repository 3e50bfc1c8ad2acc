"""Versions over time: ISVSVN or TEE TCB SVN of each workload, TCB of each platform."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from forensics.report.charts import (
    BIN_SQL,
    STEP,
    Chart,
    Lane,
    Shape,
    bind,
    draw_dots,
    label_levels,
    rank_levels,
)
from forensics.report.rows import fetch
from forensics.report.sightings import Span
from forensics.report.tables import cap

if TYPE_CHECKING:
    import duckdb

_LANES = 12
_ROWS = 60
_HEIGHT = 72


@dataclass(frozen=True)
class _Series:
    """What is followed over time, and by which value; all are SQL over `sighting`."""

    key: str
    value: str
    only: str
    label: Callable[[Sequence[str]], list[str]]  # for the values, in ascending order


def _show_version(value: str) -> str:
    """ISVSVNs are five digits here so that they sort; TEE TCB SVNs are 32 hex digits."""
    return str(int(value)) if len(value) == 5 else value


def _label_versions(values: Sequence[str]) -> list[str]:
    """What fits beside a lane: an ISVSVN does, 32 digits do not."""
    if all(len(value) == 5 for value in values):
        return [_show_version(value) for value in values]
    return _number(values)


def _number(values: Sequence[str]) -> list[str]:
    return [f"level {place}" for place in range(1, len(values) + 1)]


_VERSIONS = _Series(
    key="[coalesce(workload_id, 'no workload'), tee, "
    "CASE tee WHEN 'sgx' THEN concat(mrsigner[1:12], ' product ', isv_prodid) ELSE '' END]",
    value="CASE tee WHEN 'sgx' THEN printf('%05d', isv_svn) ELSE tee_tcb_svn END",
    only="tee IS NOT NULL",
    label=_label_versions,
)
_PLATFORMS = _Series(
    key="[ppid, fmspc, tee]",
    value="concat(tcb_components, ' ', printf('%05d', pce_svn))",
    only="ppid IS NOT NULL",
    label=_number,
)


def chart_versions(connection: duckdb.DuckDBPyConnection, span: Span) -> Chart:
    """Needs `make_sightings`."""
    levels = _read_levels(connection, _VERSIONS)
    rows = [
        (key[0], key[1], key[2], _show_version(value), first, last, sightings)
        for key, value, first, last, sightings, _ in levels
    ]
    names = ("workload", "tee", "signer and product", "version", "first", "last", "sightings")
    return Chart(
        anchor="versions",
        title="Security versions of workloads",
        summary=_summarise(levels, "product of a workload", "security version")
        + " ISVSVN for SGX; for TDX the TEE TCB SVN, numbered from the lowest up: the table spells "
        "it out.",
        lanes=_draw(connection, _VERSIONS, levels, span),
        legend=_LEGEND,
        tables=[cap("Versions of workloads", names, rows, _ROWS, "see sql: observation and quote")],
    )


def chart_platforms(connection: duckdb.DuckDBPyConnection, span: Span) -> Chart:
    """Needs `make_sightings`."""
    levels = _read_levels(connection, _PLATFORMS)
    rows = [
        (key[0], key[1], key[2], *value.split(" "), first, last, sightings)
        for key, value, first, last, sightings, _ in levels
    ]
    names = (
        *("platform (PPID)", "FMSPC", "tee", "TCB components", "PCE SVN"),
        *("first", "last", "sightings"),
    )
    return Chart(
        anchor="platforms",
        title="TCB of platforms",
        summary=_summarise(levels, "platform", "TCB")
        + " Levels are numbered from the lowest components up; the table spells them out.",
        lanes=_draw(connection, _PLATFORMS, levels, span),
        legend=_LEGEND,
        tables=[cap("TCB of platforms", names, rows, _ROWS, "see sql: observation and quote")],
    )


_LEGEND = (
    ("accepted", "accepted at receipt"),
    ("weak", "accepted, but with an out-of-date or revoked TCB"),
    ("rejected", "rejected"),
    ("undetermined", "undetermined"),
    ("fallen", "ring: below a level that was seen before"),
)

_Level = tuple[tuple[str, ...], str, object, object, int, int]


def _read_levels(connection: duckdb.DuckDBPyConnection, series: _Series) -> list[_Level]:
    """(key, value, first, last, sightings, values of the key): what changed, then what is many."""
    rows = fetch(
        connection,
        f"SELECT {series.key} AS key, {series.value} AS value, min(received_at), "
        "max(received_at), count(*) AS sightings, count(*) OVER (PARTITION BY key) AS values "
        f"FROM sighting WHERE {series.only} AND value IS NOT NULL GROUP BY key, value "
        "ORDER BY values DESC, sum(sightings) OVER (PARTITION BY key) DESC, key, value",
    )
    return [(tuple(str(part) for part in row[0]), *row[1:]) for row in rows]


def _draw(
    connection: duckdb.DuckDBPyConnection,
    series: _Series,
    levels: Sequence[_Level],
    span: Span,
) -> list[Lane]:
    keys = list(dict.fromkeys(level[0] for level in levels))[:_LANES]
    rows = fetch(
        connection,
        f"SELECT {series.key} AS key, {series.value} AS value, {BIN_SQL.format('seconds')} AS bin, "
        f"{_TONE} AS tone FROM sighting WHERE {series.only} AND value IS NOT NULL "
        "AND key IN (SELECT unnest($keys::VARCHAR[][])) "
        "AND seconds >= $start AND seconds < $start + $length GROUP BY ALL "
        "ORDER BY bin, key, value, tone",
        {"keys": [list(key) for key in keys], **bind(span)},
    )
    lanes = []
    for key in keys:
        values = sorted(level[1] for level in levels if level[0] == key)
        own = [row[1:] for row in rows if tuple(str(part) for part in row[0]) == key]
        if not own:
            continue  # none of them has a time
        label = " ".join(_shorten(part) for part in key if part)
        lanes.append(_draw_lane(label, values, series.label(values), own))
    return lanes


_TONE = """
CASE WHEN receipt = 'accepted' AND (receipt_status LIKE 'OutOfDate%' OR receipt_status = 'Revoked')
     THEN 'weak' ELSE coalesce(receipt, 'undetermined') END
"""


def _draw_lane(
    label: str, values: Sequence[str], labels: Sequence[str], points: Sequence[tuple[str, int, str]]
) -> Lane:
    heights = rank_levels(values, _HEIGHT)
    tones: dict[str, list[tuple[float, float]]] = {}
    fallen = []
    highest: str | None = None
    for value, number, tone in points:
        spot = (number * STEP + STEP / 2, heights[value])
        tones.setdefault(tone, []).append(spot)
        if highest is not None and value < highest:
            fallen.append(spot)
        highest = max(value, highest or value)
    shapes = [Shape("dot", "fallen", draw_dots(fallen))] if fallen else []
    shapes += [Shape("dot", tone, draw_dots(spots)) for tone, spots in sorted(tones.items())]
    known: dict[Hashable, float] = dict(heights)
    return Lane(label, _HEIGHT, shapes, label_levels(known, labels))


def _summarise(levels: Sequence[_Level], noun: str, of: str) -> str:
    kinds = Counter(level[0] for level in levels)
    changed = sum(number > 1 for number in kinds.values())
    text = f"{len(kinds)} × {noun}, of which {changed} showed more than one {of}."
    if len(kinds) > _LANES:
        text += f" Drawn are {_LANES}: those with the most changes, then with the most sightings."
    return text


def _shorten(part: str) -> str:
    """A PPID is 32 hex digits; the table has it whole."""
    return f"{part[:12]}…" if len(part) == 32 else part
