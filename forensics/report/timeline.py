"""What a case saw, in the order of time: launches, challenges, evidence, secrets, alarms."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

COLUMNS = (
    "seen_at",
    "what",
    "summary",
    "enclave_id",
    "workload_id",
    "node_id",
    "container_id",
    "id",
)

# A challenge or a secret names an enclave and a session; the evidence of that session says where it
# was, if it says one thing only.
_EVENTS = """
WITH place AS (
    SELECT session_id, enclave_id,
           CASE WHEN count(DISTINCT workload_id) = 1 THEN min(workload_id) END AS workload_id,
           CASE WHEN count(DISTINCT node_id) = 1 THEN min(node_id) END AS node_id,
           CASE WHEN count(DISTINCT container_id) = 1 THEN min(container_id) END AS container_id
    FROM observation
    WHERE session_id IS NOT NULL
    GROUP BY session_id, enclave_id
)
SELECT timestamp AS seen_at, 'launch' AS what, concat_ws(' ', runtime, image) AS summary,
       enclave_id, workload_id, node_id, container_id, NULL AS id, 0 AS choice
FROM launch
UNION ALL
SELECT timestamp, 'stop', runtime, enclave_id, workload_id, node_id, container_id, NULL, 0 FROM stop
UNION ALL
SELECT n.timestamp, 'nonce', concat_ws(' ', 'by', n.issuer, 'in', n.session_id),
       n.enclave_id, p.workload_id, p.node_id, p.container_id, NULL, 0
FROM nonce AS n
LEFT JOIN place AS p ON p.session_id = n.session_id AND p.enclave_id = n.enclave_id
UNION ALL
SELECT r.timestamp, 'release', concat_ws(' ', r.secret_id, 'in', r.session_id),
       r.enclave_id, p.workload_id, p.node_id, p.container_id, NULL, 0
FROM release AS r
LEFT JOIN place AS p ON p.session_id = r.session_id AND p.enclave_id = r.enclave_id
UNION ALL
SELECT o.received_at, coalesce(o.event_type, 'quote'),
       concat_ws(', ', 'claimed ' || coalesce(o.claimed_quote_status, 'nothing'),
                 'receipt ' || v.outcome || coalesce(' ' || v.status, '')),
       o.enclave_id, o.workload_id, o.node_id, o.container_id, o.observation_id, 0
FROM observation AS o
LEFT JOIN verdict AS v ON v.observation_id = o.observation_id AND v.moment = 'receipt'
UNION ALL
SELECT f.first_seen, 'finding', concat_ws(': ', f.severity, f.detector, f.summary),
       coalesce(o.enclave_id, CASE f.subject_type WHEN 'enclave' THEN f.subject_id END),
       o.workload_id, o.node_id, o.container_id, f.finding_id,
       row_number() OVER (PARTITION BY f.finding_id
                          ORDER BY o.received_at IS NOT DISTINCT FROM f.first_seen DESC,
                                   o.received_at, o.observation_no)
FROM (
    SELECT *, unnest(coalesce(nullif(observation_ids, []), [NULL])) AS observation_id FROM finding
) AS f
LEFT JOIN observation AS o ON o.observation_id = f.observation_id
"""


@dataclass(frozen=True)
class Window:
    """What part of a timeline is wanted; None means no limit. Times are half-open."""

    enclave_id: str | None = None
    workload_id: str | None = None
    node_id: str | None = None
    container_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def read_timeline(connection: duckdb.DuckDBPyConnection, window: Window) -> pa.Table:
    """Rows with the columns of `COLUMNS`; what has no time comes first, but not into a window.

    A finding is one row, when it was first seen, or first seen among what is wanted.
    """
    names = ("enclave_id", "workload_id", "node_id", "container_id")
    conditions = [f"{name} = ${name}" for name in names if getattr(window, name) is not None]
    conditions += ["seen_at >= $since"] if window.since else []
    conditions += ["seen_at < $until"] if window.until else []
    given = {name: getattr(window, name) for name in (*names, "since", "until")}
    once = "row_number() OVER (PARTITION BY what, id ORDER BY choice) = 1"
    relation = connection.sql(
        f"SELECT {', '.join(COLUMNS)} FROM ({_EVENTS}) WHERE {' AND '.join(conditions) or 'true'} "
        f"QUALIFY what <> 'finding' OR {once} "
        "ORDER BY seen_at NULLS FIRST, what, id, summary, enclave_id, container_id",
        params={name: value for name, value in given.items() if value is not None},
    )
    return relation.to_arrow_table()
