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

_EVENTS = """
SELECT timestamp AS seen_at, 'launch' AS what, concat_ws(' ', runtime, image) AS summary,
       enclave_id, workload_id, node_id, container_id, NULL AS id
FROM launch
UNION ALL
SELECT timestamp, 'stop', runtime, enclave_id, workload_id, node_id, container_id, NULL FROM stop
UNION ALL
SELECT timestamp, 'nonce', concat_ws(' ', 'by', issuer, 'in', session_id),
       enclave_id, NULL, NULL, NULL, NULL
FROM nonce
UNION ALL
SELECT timestamp, 'release', concat_ws(' ', secret_id, 'in', session_id),
       enclave_id, NULL, NULL, NULL, NULL
FROM release
UNION ALL
SELECT o.received_at, coalesce(o.event_type, 'quote'),
       concat_ws(', ', 'claimed ' || coalesce(o.claimed_quote_status, 'nothing'),
                 'receipt ' || v.outcome || coalesce(' ' || v.status, '')),
       o.enclave_id, o.workload_id, o.node_id, o.container_id, o.observation_id
FROM observation AS o
LEFT JOIN verdict AS v ON v.observation_id = o.observation_id AND v.moment = 'receipt'
UNION ALL
SELECT DISTINCT f.first_seen, 'finding', concat_ws(': ', f.severity, f.detector, f.summary),
       o.enclave_id, o.workload_id, o.node_id, o.container_id, f.finding_id
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
    """Rows with the columns of `COLUMNS`; what has no time comes first, but not into a window."""
    names = ("enclave_id", "workload_id", "node_id", "container_id")
    conditions = [f"{name} = ${name}" for name in names if getattr(window, name) is not None]
    conditions += ["seen_at >= $since"] if window.since else []
    conditions += ["seen_at < $until"] if window.until else []
    given = {name: getattr(window, name) for name in (*names, "since", "until")}
    relation = connection.sql(
        f"SELECT {', '.join(COLUMNS)} FROM ({_EVENTS}) WHERE {' AND '.join(conditions) or 'true'} "
        "ORDER BY seen_at NULLS FIRST, what, id, summary, enclave_id, container_id",
        params={name: value for name, value in given.items() if value is not None},
    )
    return relation.to_arrow_table()
