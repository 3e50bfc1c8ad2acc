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

# A detector of replays tells the original first, then its replays in the order of time.
_PAIRS = f"""
WITH told AS (
    SELECT finding_id, detector, observation_ids[1] AS original,
           unnest(observation_ids[2:]) AS replay
    FROM finding
    WHERE {IS_OPEN} AND subject_type = 'signing_event'
      AND len(observation_ids) > 1
),
pair AS (
    SELECT original, replay, min(finding_id) AS finding_id,
           bool_or(detector = 'disguised-replay') AS disguised
    FROM told GROUP BY original, replay
)
SELECT p.finding_id, o.received_at AS first_at, r.received_at AS again_at,
       o.enclave_id AS first_enclave, r.enclave_id AS again_enclave,
       o.node_id AS first_node, r.node_id AS again_node,
       p.disguised OR o.quote_id <> r.quote_id AS disguised, r.claimed_ok,
       count(*) OVER () AS total
FROM pair AS p
JOIN observation AS o ON o.observation_id = p.original
JOIN observation AS r ON r.observation_id = p.replay
ORDER BY r.received_at NULLS FIRST, p.finding_id, r.observation_no
"""


def chart_replays(connection: duckdb.DuckDBPyConnection, span: Span) -> Chart | None:
    """Arcs from original to replay; None when no detector found any."""
    relation = connection.sql(f"{_PAIRS} LIMIT {_DRAWN}")
    rows: list[dict[str, Any]] = relation.to_arrow_table().to_pylist()
    if not rows:
        return None
    total = rows[0]["total"]
    timed = [row for row in rows if row["first_at"] and row["again_at"]]
    disguised = sum(bool(row["disguised"]) for row in rows)
    accepted = sum(bool(row["claimed_ok"]) for row in rows)
    return Chart(
        anchor="replays-chart",
        title="Evidence that came back",
        summary=f"{total:,} pairs of original and replay. Of {len(rows):,} drawn, {disguised:,} "
        f"came back in other bytes and {accepted:,} were accepted by the verifier.",
        lanes=[Lane("From original to replay", _HEIGHT, _draw(timed, span))],
        legend=[("replay", "same bytes"), ("disguised", "other bytes, same signing event")],
        tables=[_tabulate(rows, total)],
    )


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
    return Table(
        "Replays", names, shown, total, "FROM finding WHERE subject_type = 'signing_event'"
    )
