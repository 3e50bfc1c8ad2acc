"""The fleet over time: attestations, launches, secrets, silences, findings, collateral."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from forensics.detect.detector import SEVERITIES
from forensics.report.charts import (
    BIN_SQL,
    BINS,
    STEP,
    Chart,
    Lane,
    Shape,
    bind,
    draw_bars,
    draw_dots,
    draw_steps,
    draw_stretches,
    label_levels,
    place,
    rank_levels,
    start_of,
)
from forensics.report.coverage import Coverage
from forensics.report.matrix import OUTCOMES
from forensics.report.rows import IS_OPEN, fetch
from forensics.report.sightings import Span
from forensics.report.tables import Table, cap
from forensics.report.text import count, show_time

if TYPE_CHECKING:
    import duckdb

Counts = Mapping[str, Mapping[int, int]]

_TALL, _LOW, _THIN = 64, 30, 16
_SERIES = 16  # of collateral, each a lane
_SILENCES = 400
_MARKED = 600  # findings that are drawn one by one
_ROWS = 40  # of the table that says the same

_BINNED = f"""
SELECT {BIN_SQL.format("seconds")} AS bin, what, count(*) AS events
FROM (
    SELECT seconds,
           CASE WHEN NOT quoted THEN 'no quote' ELSE coalesce(receipt, 'undetermined') END AS what
    FROM sighting
    UNION ALL
    SELECT epoch(timestamp), 'launch' FROM launch
    UNION ALL
    SELECT epoch(timestamp), 'secret' FROM release
)
WHERE seconds >= $start AND seconds < $start + $length
GROUP BY ALL ORDER BY ALL
"""

# Launches that stay silent, and logs with holes: what was not there when it should have been.
_SILENT = (
    f"FROM finding WHERE {IS_OPEN} AND detector IN ('silent-enclave', 'log-gap') "
    "AND first_seen IS NOT NULL ORDER BY first_seen, finding_id"
)


def chart_fleet(
    connection: duckdb.DuckDBPyConnection, span: Span, coverages: Sequence[Coverage]
) -> Chart:
    """Needs `make_sightings`."""
    layers: dict[str, dict[int, int]] = {}
    for number, what, events in fetch(connection, _BINNED, bind(span)):
        layers.setdefault(what, {})[min(number, BINS - 1)] = events
    attested = {tone: layers[tone] for tone in OUTCOMES if tone in layers}
    silences, silent = _read_silences(connection, span)
    lanes = [
        Lane("Attestations, by receipt verdict", _TALL, draw_bars(attested, _TALL)),
        Lane("Launches", _LOW, draw_bars(_only(layers, "launch"), _LOW)),
        Lane("Secrets released", _LOW, draw_bars(_only(layers, "secret"), _LOW)),
        Lane("Silences", _LOW, silences),
        _mark_findings(connection, span),
    ]
    return Chart(
        anchor="fleet",
        title="The fleet over time",
        summary=_summarise(layers, span, silent.total or 0),
        lanes=[*lanes, *_draw_coverage(coverages, span)],
        legend=[
            *((tone, tone) for tone in attested),
            ("silence", "no attestation, or no log"),
            *((severity, f"{severity} finding") for severity in SEVERITIES),
            ("covered", "collateral in force"),
        ],
        tables=[_tabulate(layers, span), silent],
    )


def chart_evaluations(connection: duckdb.DuckDBPyConnection, span: Span) -> Chart:
    """TCB evaluation numbers: the newest issued, and those that verdicts at receipt rest on."""
    issued = fetch(
        connection,
        "SELECT concat_ws(' ', id, fmspc) AS series, issued_at, tcb_evaluation_data_number "
        "FROM collateral WHERE kind = 'tcb_info' AND authentic "
        "AND tcb_evaluation_data_number IS NOT NULL ORDER BY 1, 2, 3",
    )
    used = fetch(
        connection,
        "SELECT concat_ws(' ', upper(tee), fmspc) AS series, evaluation_number, "
        f"{BIN_SQL.format('seconds')} AS bin, count(*) FROM sighting "
        "WHERE evaluation_number IS NOT NULL AND seconds >= $start "
        "AND seconds < $start + $length GROUP BY ALL ORDER BY ALL",
        bind(span),
    )
    series = sorted({row[0] for row in issued} | {row[0] for row in used})
    lanes = [_draw_evaluations(name, issued, used, span) for name in series[:_SERIES]]
    sums: dict[tuple[str, int], int] = {}
    for name, number, _, sightings in used:
        sums[name, number] = sums.get((name, number), 0) + sightings
    firsts: dict[tuple[str, int], datetime] = {}
    for name, at, number in issued:
        firsts.setdefault((name, number), at)
    rows = [(*key, firsts.get(key), sums.get(key, 0)) for key in sorted({*sums, *firsts}, key=repr)]
    return Chart(
        anchor="evaluations",
        title="TCB evaluation numbers",
        summary=f"{len(series)} series of TCB info. The line is the newest number that the archive "
        "has for the moment; dots are the numbers that receipt verdicts rest on.",
        lanes=lanes,
        legend=[("known", "newest issued"), ("used", "used at receipt")],
        tables=[
            cap(
                "TCB evaluation numbers: issued and used",
                ("series", "number", "first issued", "sightings judged with it"),
                rows,
                _ROWS,
                "SELECT * FROM collateral WHERE kind = 'tcb_info'",
            )
        ],
    )


def _only(layers: Counts, tone: str) -> Counts:
    return {tone: layers[tone]} if tone in layers else {}


def _summarise(layers: Counts, span: Span, silences: int) -> str:
    sums = {what: sum(counts.values()) for what, counts in layers.items()}
    told = ", ".join(f"{sums[what]:,} {what}" for what in OUTCOMES if what in sums)
    text = (
        f"From {show_time(span.limits[0])} to {show_time(span.limits[1])}: sightings "
        f"{told or 'none'}; {count(sums.get('launch', 0), 'launch', 'launches')}, "
        f"{count(sums.get('secret', 0), 'released secret')}, {count(silences, 'silence')}."
    )
    if span.outside:
        text += f" {span.outside:,} events have a time outside of this span."
    return text


def _read_silences(connection: duckdb.DuckDBPyConnection, span: Span) -> tuple[list[Shape], Table]:
    rows = fetch(
        connection,
        "SELECT finding_id, detector, subject_id, first_seen, last_seen, count(*) OVER () AS total "
        f"{_SILENT} LIMIT {_SILENCES}",
    )
    shapes = []
    for number, (finding_id, detector, subject, first, last, _) in enumerate(rows):
        stretch = place(span, first), place(span, last or first)
        top = 2 + number % 4 * 7  # several at one time stay apart
        path = draw_stretches([stretch], top, 5)
        shapes.append(Shape("fill", "silence", path, f"{detector} {subject} {finding_id}"))
    table = Table(
        "Silences",
        ("finding", "detector", "subject", "from", "to"),
        [row[:5] for row in rows[:_ROWS]],
        total=rows[0][5] if rows else 0,
        rest=f"SELECT * {_SILENT}",
    )
    return shapes, table


def _mark_findings(connection: duckdb.DuckDBPyConnection, span: Span) -> Lane:
    rows = fetch(
        connection,
        "SELECT severity, first_seen, finding_id, summary FROM finding "
        f"WHERE {IS_OPEN} AND first_seen IS NOT NULL "
        "ORDER BY list_position($severities::VARCHAR[], severity), first_seen, finding_id "
        f"LIMIT {_MARKED}",
        {"severities": list(SEVERITIES)},
    )
    heights = rank_levels(reversed(SEVERITIES), _TALL)
    shapes = [
        Shape(
            "dot",
            severity,
            draw_dots([(place(span, first), heights[severity])]),
            f"{severity}: {summary} ({finding_id})",
        )
        for severity, first, finding_id, summary in rows
    ]
    ticks = label_levels(heights, list(reversed(SEVERITIES)))
    return Lane("Findings, where they begin", _TALL, shapes, ticks)


def _draw_coverage(coverages: Sequence[Coverage], span: Span) -> list[Lane]:
    lanes = []
    for entry in coverages[:_SERIES]:
        stretches = [
            (place(span, start), place(span, end))
            for start, end in entry.intervals
            if end > span.limits[0] and start < span.limits[1]
        ]
        shapes = [Shape("fill", "covered", draw_stretches(stretches, 4, 8))] if stretches else []
        lanes.append(Lane(f"{entry.kind} {entry.key}", _THIN, shapes))
    return lanes


def _draw_evaluations(series: str, issued: Sequence[Any], used: Sequence[Any], span: Span) -> Lane:
    issued = [row[1:] for row in issued if row[0] == series]
    used = [row[1:] for row in used if row[0] == series]
    numbers = sorted({number for _, number in issued} | {number for number, _, _ in used})
    heights = rank_levels(numbers, _TALL)
    newest: list[tuple[float, float]] = []
    highest = None
    for at, number in issued:
        if highest is None or number > highest:
            highest = number
            newest.append((place(span, at), heights[number]))
    dots = draw_dots((step * STEP + STEP / 2, heights[number]) for number, step, _ in used)
    shapes = [Shape("line", "known", draw_steps(newest))] if newest else []
    shapes += [Shape("dot", "used", dots)] if dots else []
    return Lane(series, _TALL, shapes, label_levels(heights, [str(n) for n in numbers]))


def _tabulate(layers: Counts, span: Span) -> Table:
    """The bars as numbers, in coarser bins; empty ones are left out."""
    stride = BINS // _ROWS
    columns = [*OUTCOMES, "launch", "secret"]
    rows = []
    for first in range(0, BINS, stride):
        sums = [
            sum(layers.get(what, {}).get(number, 0) for number in range(first, first + stride))
            for what in columns
        ]
        if any(sums):
            rows.append((start_of(span, first), *sums))
    names = ("from", *OUTCOMES, "launches", "secrets released")
    return Table("Attestations, launches and secrets over time", names, rows)
