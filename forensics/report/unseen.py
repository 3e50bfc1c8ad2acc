"""What a case did not see: silence in its feeds, and evidence that lacks its other half.

None of it accuses anybody; it says where silence of the detectors means nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from forensics.formats.times import EPOCH
from forensics.report.coverage import read_coverage

if TYPE_CHECKING:
    import duckdb

SHORTEST_GAP = timedelta(minutes=10)
_REGULAR = 5  # breaks that make breaks usual for a feed
_MANY = 2  # a gap is this many times longer than a usual break

# One feed: one writer's events of one type.
_FEED_GAPS = f"""
WITH event AS (
    SELECT coalesce(event_type, 'bare quotes') AS kind, backend_verifier AS writer,
           epoch_us(received_at) AS seen
    FROM observation
    UNION ALL SELECT 'enclave_launch', node_id, epoch_us(timestamp) FROM launch
    UNION ALL SELECT 'nonce_issued', issuer, epoch_us(timestamp) FROM nonce
    UNION ALL SELECT 'secret_released', NULL, epoch_us(timestamp) FROM release
),
step AS (
    SELECT kind, writer, seen,
           lead(seen) OVER (PARTITION BY kind, writer ORDER BY seen) AS next_seen
    FROM event WHERE seen IS NOT NULL
),
-- Many feeds come in rounds: then the breaks between these are what is usual.
break AS (
    SELECT kind, writer, median(next_seen - seen) AS usual, count(*) AS breaks
    FROM step WHERE next_seen - seen >= $shortest
    GROUP BY kind, writer
)
SELECT s.kind, s.writer, s.seen, s.next_seen
FROM step AS s
LEFT JOIN break AS b ON b.kind = s.kind AND b.writer IS NOT DISTINCT FROM s.writer
WHERE s.next_seen - s.seen >= coalesce(
    $patience, CASE WHEN b.breaks >= {_REGULAR} THEN {_MANY} * b.usual ELSE $shortest END
)
ORDER BY s.kind, s.writer, s.seen
"""

_LAUNCHES = """
WITH heard AS (
    SELECT DISTINCT node_id FROM observation WHERE node_id IS NOT NULL
)
SELECT coalesce(l.node_id, 'host not logged') AS subject, count(*) AS count,
       min(l.timestamp) AS first_seen, max(l.timestamp) AS last_seen
FROM launch AS l
LEFT JOIN heard AS h ON h.node_id = l.node_id
WHERE h.node_id IS NULL AND coalesce(l.expects_attestation, true)
  AND NOT EXISTS (SELECT 1 FROM observation AS o WHERE o.container_id = l.container_id)
  AND NOT EXISTS (SELECT 1 FROM observation AS o WHERE o.enclave_id = l.enclave_id)
GROUP BY ALL ORDER BY ALL
"""

_COLLATERAL = """
SELECT concat_ws(' ', q.tee, coalesce(q.fmspc, 'without FMSPC'), 'lacks',
                 coalesce(nullif(array_to_string(v.undetermined_checks, ', '), ''),
                          'a time of receipt')) AS subject,
       count(*) AS count, min(o.received_at) AS first_seen, max(o.received_at) AS last_seen
FROM verdict AS v
JOIN observation AS o ON o.observation_no = v.observation_no
JOIN quote AS q ON q.quote_no = o.quote_no
WHERE v.moment = 'receipt' AND v.outcome = 'undetermined'
GROUP BY ALL ORDER BY ALL
"""

_UNVERIFIED = """
SELECT coalesce(q.tee, 'quote') AS subject, count(*) AS count,
       min(o.received_at) AS first_seen, max(o.received_at) AS last_seen
FROM observation AS o
JOIN quote AS q ON q.quote_no = o.quote_no
WHERE q.proven IS NULL
GROUP BY ALL ORDER BY ALL
"""

_QUOTELESS = """
SELECT coalesce(backend_verifier, 'verifier not logged') AS subject, count(*) AS count,
       min(received_at) AS first_seen, max(received_at) AS last_seen
FROM observation
WHERE quote_id IS NULL AND event_type = 'enclave_attestation'
GROUP BY ALL ORDER BY ALL
"""

_TIMELESS = """
SELECT coalesce(event_type, 'bare quote') AS subject, count(*) AS count,
       NULL::TIMESTAMPTZ AS first_seen, NULL::TIMESTAMPTZ AS last_seen
FROM observation WHERE received_at IS NULL
GROUP BY ALL ORDER BY ALL
"""

_QUARANTINED = """
SELECT reason AS subject, count(*) AS count,
       NULL::TIMESTAMPTZ AS first_seen, NULL::TIMESTAMPTZ AS last_seen
FROM quarantine
GROUP BY ALL ORDER BY ALL
"""

_COUNTED = (
    ("launches without a feed", _LAUNCHES, "no event ever came from their host, or named them"),
    ("quotes without collateral", _COLLATERAL, "their verdict is undetermined"),
    ("quotes not verified", _UNVERIFIED, "run `verify`"),
    ("events without a quote", _QUOTELESS, "only the verifier's word"),
    ("evidence without a time", _TIMELESS, "no rule about time or order sees it"),
    ("records in quarantine", _QUARANTINED, "they could not be read"),
)


@dataclass(frozen=True, slots=True)
class Unseen:
    """One thing that the case did not see. Times are UTC, null where there is none to tell."""

    kind: str
    subject: str
    count: int
    first_seen: datetime | None
    last_seen: datetime | None
    meaning: str


def read_unseen(
    connection: duckdb.DuckDBPyConnection, patience: timedelta | None = None
) -> list[Unseen]:
    """All that the case did not see, by kind.

    A feed has a gap where nothing came for `patience`; by default for ten minutes, or, where such
    breaks are usual for it, for twice their median.
    """
    found = [*_read_feed_gaps(connection, patience), *_read_collateral_gaps(connection)]
    for kind, sql, meaning in _COUNTED:
        rows = connection.execute(_with_times(sql)).fetchall()
        found += [
            Unseen(kind, subject, count, _instant(first), _instant(last), meaning)
            for subject, count, first, last in rows
        ]
    return [*found, *_read_not_evaluable(connection)]


def _read_feed_gaps(
    connection: duckdb.DuckDBPyConnection, patience: timedelta | None
) -> Iterator[Unseen]:
    microsecond = timedelta(microseconds=1)
    values = {
        "patience": None if patience is None else patience // microsecond,
        "shortest": SHORTEST_GAP // microsecond,
    }
    rows = connection.execute(_FEED_GAPS, values).fetchall()
    for kind, writer, start, end in rows:
        subject = kind if writer is None else f"{kind} of {writer}"
        yield Unseen("gap in a feed", subject, 1, _instant(start), _instant(end), "nothing came")


def _read_collateral_gaps(connection: duckdb.DuckDBPyConnection) -> Iterator[Unseen]:
    for series in read_coverage(connection):
        for start, end in series.gaps:
            subject = f"{series.kind} {series.key}"
            meaning = "no version was in force: quotes received then are undetermined"
            yield Unseen("gap in the collateral", subject, 1, start, end, meaning)


def _read_not_evaluable(connection: duckdb.DuckDBPyConnection) -> Iterator[Unseen]:
    rows = connection.execute("SELECT detector, gaps FROM detection ORDER BY detector").fetchall()
    for detector, gaps in rows:
        for reason, count in json.loads(gaps):
            yield Unseen("not evaluable", detector, count, None, None, reason)


def _with_times(sql: str) -> str:
    """Times as microseconds: DuckDB hands out times with zones only through pytz."""
    return (
        "SELECT subject, count, epoch_us(first_seen), epoch_us(last_seen) "
        f"FROM ({sql}) AS it ORDER BY subject"
    )


def _instant(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else EPOCH + timedelta(microseconds=microseconds)
