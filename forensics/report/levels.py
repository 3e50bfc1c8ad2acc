"""Versions over time: ISVSVN or TEE TCB SVN of each workload, TCB of each platform.

What fell is ringed; `forensics.report.falls` says when a version has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
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
from forensics.report.falls import BYTES, BYTES_OF_MODULE, Comparison, Key, find_falls
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
    comparison: Comparison


def _show_version(value: str) -> str:
    """ISVSVNs are five digits here so that they sort; TEE TCB SVNs are 32 hex digits."""
    return str(int(value)) if len(value) == 5 else value


def _label_versions(values: Sequence[str]) -> list[str]:
    """What fits beside a lane: an ISVSVN does, 32 digits do not."""
    if all(len(value) == 5 for value in values):
        return [_show_version(value) for value in values]
    return _number(values)


def _order(value: str) -> str:
    """In a TEE TCB SVN the module's major version, byte 1, goes before its SVN, byte 0."""
    return value[2:4] + value[:2] + value[4:] if len(value) == 32 else value


def _number(values: Sequence[str]) -> list[str]:
    return [f"level {place}" for place in range(1, len(values) + 1)]


_VERSIONS = _Series(
    key="[coalesce(workload_id, 'no workload'), tee, "
    "CASE tee WHEN 'sgx' THEN concat(mrsigner[1:12], ' product ', isv_prodid) ELSE '' END]",
    value="CASE tee WHEN 'sgx' THEN printf('%05d', isv_svn) ELSE tee_tcb_svn END",
    only="tee IS NOT NULL",
    label=_label_versions,
    # An ISVSVN belongs to the workload (see svn-rollback), a TEE TCB SVN to the platform.
    comparison=Comparison(
        holder="CASE tee WHEN 'sgx' THEN coalesce(workload_id, enclave_id) ELSE platform_id END",
        parts=f"CASE len(value) WHEN 5 THEN [value] ELSE {BYTES_OF_MODULE} END",
        family="tdx",
        kept="tee = 'tdx'",
    ),
)
_PLATFORMS = _Series(
    key="[platform_id, coalesce(fmspc, ''), tee]",
    value="CASE tee WHEN 'snp' THEN committed_tcb "
    "ELSE concat(tcb_components, ' ', printf('%05d', pce_svn)) END",
    only="platform_id IS NOT NULL",
    label=_number,
    comparison=Comparison(
        holder="platform_id",
        # For SNP no document names components; for the others the PCE SVN follows a blank.
        parts=f"CASE len(value) WHEN 16 THEN {BYTES} ELSE list_append({BYTES}, value[34:]) END",
        family="sgx",
    ),
)


def chart_versions(connection: duckdb.DuckDBPyConnection, span: Span) -> Chart:
    """Needs `make_sightings`."""
    levels = _read_levels(connection, _VERSIONS)
    rows = [
        (*key, _show_version(value), first, last, sightings)
        for key, value, first, last, sightings, _ in levels
    ]
    names = ("workload", "tee", "signer and product", "version", "first", "last", "sightings")
    return Chart(
        anchor="versions",
        title="Security versions of workloads",
        summary=_summarise(levels, "product of a workload", "security version")
        + " ISVSVN for SGX; for TDX the TEE TCB SVN, numbered from the lowest module up: the table "
        "spells it out. That is the platform's, so only what one platform showed is compared, and "
        "a TD keeps that of its launch. SEV-SNP is left out: no check judges a guest's version.",
        lanes=_draw(connection, _VERSIONS, levels, span),
        legend=_LEGEND,
        tables=[cap("Versions of workloads", names, rows, _ROWS, "see sql: observation and quote")],
    )


def chart_platforms(connection: duckdb.DuckDBPyConnection, span: Span) -> Chart:
    """Needs `make_sightings`."""
    levels = _read_levels(connection, _PLATFORMS)
    rows = [
        (*key, *value.partition(" ")[::2], first, last, sightings)
        for key, value, first, last, sightings, _ in levels
    ]
    names = (
        *("platform (PPID or chip id)", "FMSPC", "tee", "TCB components", "PCE SVN"),
        *("first", "last", "sightings"),
    )
    return Chart(
        anchor="platforms",
        title="TCB of platforms",
        summary=_summarise(levels, "platform", "TCB")
        + " Levels are numbered in the order of their bytes; the table spells them out. A chip of "
        "SEV-SNP stands with its committed TCB, below which it loads nothing: its host may report "
        "a lower one at will.",
        lanes=_draw(connection, _PLATFORMS, levels, span),
        legend=_LEGEND,
        tables=[cap("TCB of platforms", names, rows, _ROWS, "see sql: observation and quote")],
    )


_LEGEND = (
    ("accepted", "accepted at receipt"),
    ("weak", "accepted, but with an out-of-date TCB"),
    ("rejected", "rejected"),
    ("undetermined", "undetermined"),
    ("fallen", "ring: a component is lower than was seen before, and none is higher"),
)

_Level = tuple[Key, str, object, object, int, int]


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
    falls = find_falls(connection, series.comparison, series.key, series.value, keys, span)
    lanes = []
    for key in keys:
        values = sorted((level[1] for level in levels if level[0] == key), key=_order)
        own = [row[1:] for row in rows if tuple(str(part) for part in row[0]) == key]
        if not own:
            continue  # none of them has a time
        label = " ".join(_shorten(part) for part in key if part)
        lanes.append(_draw_lane(label, values, series.label(values), own, falls.get(key, [])))
    return lanes


_TONE = """
CASE WHEN receipt = 'accepted' AND receipt_status LIKE 'OutOfDate%' THEN 'weak'
     ELSE coalesce(receipt, 'undetermined') END
"""


def _draw_lane(
    label: str,
    values: Sequence[str],
    labels: Sequence[str],
    points: Sequence[tuple[str, int, str]],
    falls: Sequence[tuple[str, int]],
) -> Lane:
    heights = rank_levels(values, _HEIGHT)
    spots: dict[str, list[tuple[float, float]]] = {}
    for value, number, tone in points:
        spots.setdefault(tone, []).append(_place(number, heights[value]))
    rings = draw_dots(_place(number, heights[value]) for value, number in falls)
    shapes = [Shape("dot", "fallen", rings)] if rings else []  # below the dots that it surrounds
    shapes += [Shape("dot", tone, draw_dots(those)) for tone, those in sorted(spots.items())]
    return Lane(label, _HEIGHT, shapes, label_levels(heights, labels))


def _place(number: int, height: float) -> tuple[float, float]:
    """The middle of a bin."""
    return number * STEP + STEP / 2, height


def _summarise(levels: Sequence[_Level], noun: str, of: str) -> str:
    kinds = Counter(level[0] for level in levels)
    changed = sum(number > 1 for number in kinds.values())
    text = f"{len(kinds)} × {noun}, of which {changed} showed more than one {of}."
    if len(kinds) > _LANES:
        text += f" Drawn are {_LANES}: those with the most changes, then with the most sightings."
    return text


def _shorten(part: str) -> str:
    """A PPID is 32 hex digits, a chip id 128; the table has them whole."""
    return f"{part[:12]}…" if len(part) in (32, 128) else part
