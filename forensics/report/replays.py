"""Replays as pairs: where a signing event was first seen, and where again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from forensics.report.charts import Chart, Lane, Shape, draw_arcs, draw_dots, place
from forensics.report.rows import IS_OPEN
from forensics.report.sightings import Span
from forensics.report.tables import Table

if TYPE_CHECKING:
    import duckdb

_DRAWN = 500  # arcs
_ROWS = 100
_HEIGHT = 120

_TOLD = (
    f"FROM finding WHERE {IS_OPEN} AND subject_type = 'signing_event' AND len(observation_ids) > 1"
)

# A detector of replays tells the original first, then its replays in the order of time. Those
# without a time cannot be drawn: they come last, so that they crowd out no others.
_PAIRS = f"""
WITH told AS (
    SELECT finding_id, detector, observation_ids[1] AS original,
           unnest(observation_ids[2:]) AS replay
    {_TOLD}
),
pair AS (
    SELECT original, replay, min(finding_id) AS finding_id,
           bool_or(detector = 'disguised-replay') AS disguised
    FROM told GROUP BY original, replay
),
shown AS (
    SELECT p.finding_id, o.received_at AS first_at, r.received_at AS again_at,
           o.enclave_id AS first_enclave, r.enclave_id AS again_enclave,
           o.node_id AS first_node, r.node_id AS again_node,
           p.disguised OR o.quote_id <> r.quote_id AS disguised, r.claimed_ok, r.observation_no
    FROM pair AS p
    JOIN observation AS o ON o.observation_id = p.original
    JOIN observation AS r ON r.observation_id = p.replay
)
SELECT *, count(*) OVER () AS total,
       count(*) FILTER (WHERE disguised) OVER () AS total_disguised,
       count(*) FILTER (WHERE claimed_ok) OVER () AS total_accepted
FROM shown
ORDER BY first_at IS NULL OR again_at IS NULL, again_at, finding_id, observation_no
"""


def chart_replays(connection: duckdb.DuckDBPyConnection, span: Span) -> Chart | None:
    """Arcs from original to replay; None when no detector found any."""
    relation = connection.sql(f"{_PAIRS} LIMIT {_DRAWN}")
    rows: list[dict[str, Any]] = relation.to_arrow_table().to_pylist()
    if not rows:
        return None
    total = rows[0]["total"]
    timed = [row for row in rows if row["first_at"] and row["again_at"]]
    return Chart(
        anchor="replays-chart",
        title="Evidence that came back",
        summary=_summarise(rows[0], len(timed)),
        lanes=[Lane("From original to replay", _HEIGHT, _draw(timed, span))],
        legend=[("replay", "same bytes"), ("disguised", "other bytes, same signing event")],
        tables=[_tabulate(rows, total)],
    )


def _summarise(row: dict[str, Any], drawn: int) -> str:
    text = (
        f"{row['total']:,} pairs of original and replay: {row['total_disguised']:,} came back in "
        f"other bytes, {row['total_accepted']:,} were accepted by the verifier."
    )
    if drawn < row["total"]:
        text += f" Drawn are {drawn:,}: at most {_DRAWN}, of those that have both times."
    return text


def _draw(rows: list[dict[str, Any]], span: Span) -> list[Shape]:
    shapes = []
    for tone, wanted in (("replay", False), ("disguised", True)):
        pairs = [
            (place(span, row["first_at"]), place(span, row["again_at"]))
            for row in rows
            if bool(row["disguised"]) is wanted
        ]
        if pairs:
            ends = ((x, _HEIGHT - 4) for pair in pairs for x in pair)
            shapes.append(Shape("line", tone, draw_arcs(pairs, _HEIGHT - 4)))
            shapes.append(Shape("dot", tone, draw_dots(ends)))
    return shapes


def _tabulate(rows: list[dict[str, Any]], total: int) -> Table:
    columns = (
        *("finding_id", "first_at", "first_enclave", "first_node"),
        *("again_at", "again_enclave", "again_node", "disguised", "claimed_ok"),
    )
    names = (
        *("finding", "first seen", "enclave", "host"),
        *("seen again", "enclave then", "host then", "other bytes", "accepted"),
    )
    shown = [[row[name] for name in columns] for row in rows[:_ROWS]]
    return Table("Replays", names, shown, total, _TOLD)
