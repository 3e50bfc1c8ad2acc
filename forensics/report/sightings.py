"""The narrow table that the sections of a report are counted from, and the time that they span."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from forensics.formats.times import EPOCH
from forensics.report.rows import fetch

if TYPE_CHECKING:
    import duckdb

# Joined once: every section counts from it, and none of them meets the wide rows again.
_SIGHTINGS = """
CREATE TEMP TABLE sighting AS
SELECT o.observation_id, o.observation_no, o.received_at, epoch(o.received_at) AS seconds,
       o.enclave_id, o.workload_id, o.node_id, o.claimed_ok, o.quote_id IS NOT NULL AS quoted,
       r.outcome AS receipt, r.status AS receipt_status,
       r.tcb_evaluation_data_number AS evaluation_number,
       h.outcome AS hindsight, h.status AS hindsight_status,
       q.trusted, q.tee, q.mrsigner, q.isv_prodid, q.isv_svn, q.tee_tcb_svn,
       q.platform_id, q.fmspc, q.tcb_components, q.pce_svn, q.committed_tcb
FROM observation AS o
LEFT JOIN quote AS q ON q.quote_id = o.quote_id
LEFT JOIN verdict AS r ON r.observation_id = o.observation_id AND r.moment = 'receipt'
LEFT JOIN verdict AS h ON h.observation_id = o.observation_id AND h.moment = 'hindsight'
"""

_TIMES = """
SELECT seconds FROM sighting WHERE seconds IS NOT NULL
UNION ALL
SELECT epoch(timestamp) FROM launch WHERE timestamp IS NOT NULL
UNION ALL
SELECT epoch(timestamp) FROM release WHERE timestamp IS NOT NULL
"""

_CROWDED = 10  # a span this many times longer than that of the middle 98 % shows nothing


@dataclass(frozen=True)
class Span:
    """`[start, end)` in seconds since 1970, and the number of events outside it."""

    start: float
    end: float
    outside: int = 0

    @property
    def length(self) -> float:
        return self.end - self.start

    @property
    def limits(self) -> tuple[datetime, datetime]:
        return moment_of(self.start), moment_of(self.end)


def moment_of(seconds: float) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


def make_sightings(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the table `sighting`: one row per observation, verdicts and versions beside it."""
    connection.execute(_SIGHTINGS)


def find_span(connection: duckdb.DuckDBPyConnection) -> Span | None:
    """The time that charts show: all of it, unless a few stray clocks would crowd the rest.

    None when nothing has a time. Needs `make_sightings`.
    """
    first, last, low, high = fetch(
        connection,
        "SELECT min(seconds), max(seconds), quantile_disc(seconds, 0.01), "
        f"quantile_disc(seconds, 0.99) FROM ({_TIMES})",
    )[0]
    if first is None:
        return None
    if high > low and last - first > _CROWDED * (high - low):
        first, last = max(first, low - (high - low)), min(last, high + (high - low))
    margin = max((last - first) / 50, 60.0)
    span = Span(float(first - margin), float(last + margin))
    (outside,) = fetch(
        connection,
        f"SELECT count(*) FROM ({_TIMES}) WHERE seconds < $start OR seconds >= $end",
        {"start": span.start, "end": span.end},
    )[0]
    return Span(span.start, span.end, outside)
