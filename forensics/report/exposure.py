"""What cannot be trusted, since when, on which hosts, and which secrets went there.

A finding of severity critical or high makes its subject untrusted. Where the subject is evidence
(a signing event, a measurement, a session), it is the enclaves that showed it in the time of the
finding. Secrets count when they were released to such an enclave since then, or in a session of
the evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from forensics.report.rows import IS_OPEN, fetch
from forensics.report.sightings import moment_of

if TYPE_CHECKING:
    import duckdb

_SHOWN = 100  # things, most severe first
_NAMES = 6  # hosts, secrets and findings that are named for each

# Subjects that are themselves trusted. The others are evidence.
_PARTIES = (
    *("enclave", "container", "workload", "platform", "platform_family", "verifier", "node"),
    *("attestation_key", "qe_id"),
)

_STEPS = (
    f"""
    CREATE TEMP TABLE grave AS
    SELECT finding_id, severity, detector, subject_type, subject_id, first_seen, last_seen,
           observation_ids
    FROM finding
    WHERE {IS_OPEN} AND severity IN ('critical', 'high')
    """,
    # A detector also names what contradicts it, e.g. the original of a replay: that is earlier.
    """
    CREATE TEMP TABLE told AS
    SELECT g.finding_id, o.enclave_id, o.node_id, o.session_id
    FROM (SELECT finding_id, first_seen, last_seen, unnest(observation_ids) AS observation_id
          FROM grave) AS g
    JOIN observation AS o ON o.observation_id = g.observation_id
    WHERE coalesce(o.received_at BETWEEN g.first_seen AND g.last_seen, true)
    UNION
    SELECT g.finding_id, r.enclave_id, NULL, r.session_id
    FROM grave AS g JOIN release AS r ON r.session_id = g.subject_id
    WHERE g.subject_type = 'session'
    """,
    f"""
    CREATE TEMP TABLE thing AS
    SELECT subject_type AS thing_type, subject_id AS thing_id, finding_id
    FROM grave WHERE subject_type IN {_PARTIES!r}
    UNION
    SELECT CASE WHEN t.enclave_id IS NOT NULL THEN 'enclave' ELSE g.subject_type END,
           coalesce(t.enclave_id, g.subject_id), g.finding_id
    FROM grave AS g LEFT JOIN told AS t ON t.finding_id = g.finding_id
    WHERE g.subject_type NOT IN {_PARTIES!r}
    """,
    """
    CREATE TEMP TABLE untrusted AS
    SELECT t.thing_type, t.thing_id,
           min(g.first_seen) AS since, max(g.last_seen) AS until,
           bool_or(g.severity = 'critical') AS critical,
           list(g.finding_id ORDER BY g.severity, g.detector, g.finding_id) AS finding_ids,
           list(g.detector ORDER BY g.severity, g.detector, g.finding_id) AS detectors
    FROM thing AS t JOIN grave AS g ON g.finding_id = t.finding_id
    GROUP BY ALL
    """,
    """
    CREATE TEMP TABLE lost_host AS
    SELECT t.thing_type, t.thing_id, o.node_id AS name
    FROM thing AS t JOIN told AS o ON o.finding_id = t.finding_id
    WHERE o.node_id IS NOT NULL
      AND (t.thing_type <> 'enclave' OR coalesce(o.enclave_id = t.thing_id, true))
    UNION
    SELECT t.thing_type, t.thing_id, l.node_id
    FROM thing AS t
    JOIN launch AS l ON l.enclave_id = t.thing_id OR l.container_id = t.thing_id
    WHERE l.node_id IS NOT NULL
      AND t.thing_id = CASE t.thing_type WHEN 'enclave' THEN l.enclave_id
                                         WHEN 'container' THEN l.container_id END
    UNION
    SELECT thing_type, thing_id, thing_id FROM thing WHERE thing_type = 'node'
    """,
    """
    CREATE TEMP TABLE lost_secret AS
    WITH enclave AS (
        SELECT thing_type, thing_id, thing_id AS enclave_id FROM thing WHERE thing_type = 'enclave'
        UNION
        SELECT t.thing_type, t.thing_id, o.enclave_id
        FROM thing AS t JOIN told AS o ON o.finding_id = t.finding_id
        WHERE t.thing_type <> 'enclave' AND o.enclave_id IS NOT NULL
    )
    SELECT e.thing_type, e.thing_id, coalesce(r.secret_id, 'unnamed') AS name, r.source_id,
           r.source_line
    FROM enclave AS e
    JOIN untrusted AS u ON u.thing_type = e.thing_type AND u.thing_id = e.thing_id
    JOIN release AS r ON r.enclave_id = e.enclave_id AND coalesce(r.timestamp >= u.since, true)
    UNION
    SELECT t.thing_type, t.thing_id, coalesce(r.secret_id, 'unnamed'), r.source_id, r.source_line
    FROM thing AS t
    JOIN told AS o ON o.finding_id = t.finding_id
    JOIN release AS r ON r.session_id = o.session_id
    WHERE t.thing_type <> 'enclave' OR coalesce(r.enclave_id = t.thing_id, true)
    """,
)

_THINGS = f"""
WITH hosts AS (
    SELECT thing_type, thing_id, list(DISTINCT name ORDER BY name) AS hosts
    FROM lost_host GROUP BY ALL
),
secrets AS (
    SELECT thing_type, thing_id, count(*) AS releases,
           list(DISTINCT name ORDER BY name) AS secrets
    FROM lost_secret GROUP BY ALL
)
SELECT u.*, coalesce(h.hosts, []) AS hosts, coalesce(s.releases, 0) AS releases,
       coalesce(s.secrets, []) AS secrets
FROM untrusted AS u
LEFT JOIN hosts AS h ON h.thing_type = u.thing_type AND h.thing_id = u.thing_id
LEFT JOIN secrets AS s ON s.thing_type = u.thing_type AND s.thing_id = u.thing_id
ORDER BY u.critical DESC, coalesce(s.releases, 0) DESC, u.since NULLS FIRST, u.thing_type,
         u.thing_id
LIMIT {_SHOWN}
"""


@dataclass(frozen=True)
class Names:
    """The first few of many names."""

    shown: tuple[str, ...]
    total: int

    @property
    def more(self) -> int:
        return self.total - len(self.shown)


@dataclass(frozen=True)
class Untrusted:
    """One thing that cannot be trusted. `findings` are (finding id, detector)."""

    kind: str
    name: str
    critical: bool
    since: datetime | None
    until: datetime | None
    hosts: Names
    releases: int
    secrets: Names
    findings: tuple[tuple[str, str], ...]
    total_findings: int


@dataclass(frozen=True)
class Exposure:
    """The most severe things, and counts over all of them."""

    things: tuple[Untrusted, ...]
    total: int
    kinds: tuple[tuple[str, int], ...]
    since: datetime | None
    undated: int
    hosts: Names
    secrets: Names
    releases: int


def read_exposure(connection: duckdb.DuckDBPyConnection) -> Exposure:
    """From active findings of severity critical and high; first those that got secrets."""
    for step in _STEPS:
        connection.execute(step)
    kinds = fetch(
        connection, "SELECT thing_type, count(*) FROM untrusted GROUP BY 1 ORDER BY 2 DESC, 1"
    )
    since, undated, releases = fetch(
        connection,
        "SELECT (SELECT epoch_us(min(since)) FROM untrusted), "
        "(SELECT count(*) FROM untrusted WHERE since IS NULL), "
        "(SELECT count(*) FROM (SELECT DISTINCT source_id, source_line FROM lost_secret))",
    )[0]
    return Exposure(
        things=tuple(_read(row) for row in connection.sql(_THINGS).to_arrow_table().to_pylist()),
        total=sum(number for _, number in kinds),
        kinds=tuple(kinds),
        since=None if since is None else moment_of(since / 1e6),
        undated=undated,
        hosts=_read_names(connection, "lost_host"),
        secrets=_read_names(connection, "lost_secret"),
        releases=releases,
    )


def _read_names(connection: duckdb.DuckDBPyConnection, table: str) -> Names:
    rows = fetch(connection, f"SELECT DISTINCT name FROM {table} ORDER BY name")
    return _shorten([name for (name,) in rows])


def _shorten(names: Sequence[str]) -> Names:
    return Names(tuple(names[:_NAMES]), len(names))


def _read(row: dict[str, Any]) -> Untrusted:
    findings = tuple(zip(row["finding_ids"], row["detectors"], strict=True))
    return Untrusted(
        kind=row["thing_type"],
        name=row["thing_id"],
        critical=row["critical"],
        since=row["since"],
        until=row["until"],
        hosts=_shorten(row["hosts"]),
        releases=row["releases"],
        secrets=_shorten(row["secrets"]),
        findings=findings[:_NAMES],
        total_findings=len(findings),
    )
