"""A case of millions of sightings, written straight into its tables by the case's own writer.

A simulated fleet with every incident in it is ingested and verified: it brings the platforms, the
builds, the facts, and what the detectors are to find. What the clean fleet of the same seed showed
as well is then told again, millions of times: an enclave goes on as its newest real sighting says,
with quotes, nonces and sessions of its own, each answering a logged challenge, each with its
binding recomputed, every fifth with a secret released on it. The draw is skewed: a tenth of the
enclaves makes a third of all sightings. One in a hundred is a retry in its session, one in two
hundred a line that was collected twice.

The signatures of those quotes are random bytes which the facts call good: whoever verifies such a
case anew finds them out, so it is for measuring the queries alone.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from forensics.case.case import Case, create_case
from forensics.case.connection import connect_stored
from forensics.case.derived import copy_to
from forensics.case.tables import (
    BINDING,
    FACT_QUOTE,
    NONCE,
    OBSERVATION,
    QUOTE,
    Table,
)
from forensics.case.tables.evidence import RELEASE
from forensics.case.verification import verify_case
from forensics.simulate import simulate
from forensics.sources import ingest_paths

AS_OF = datetime(2026, 1, 12, tzinfo=UTC)
DAYS = 7
PLATFORMS = 40
WHO = "benchmark"

# What an enclave showed, from when on; only enclaves that no incident touches, and answers in time:
# of the slow ones the fleet itself has some, and each would be told a thousand times.
_TEMPLATE = """
CREATE TEMP TABLE template AS
SELECT o.observation_no AS template_no, o.enclave_id AS enclave, o.received_at AS since,
       q.quote_no AS template_quote, o.* EXCLUDE (observation_no, quote_no),
       q.* EXCLUDE (quote_no)
FROM stored.observation AS o
JOIN stored.quote AS q ON q.quote_no = o.quote_no
WHERE o.enclave_id IN (SELECT enclave_id FROM calm) AND o.received_at IS NOT NULL
  AND coalesce(o.received_at < o.nonce_issued_at + INTERVAL '1' SECOND, TRUE)
QUALIFY row_number() OVER (PARTITION BY o.event_id ORDER BY o.observation_no) = 1
"""

# Two hashes of a number: one draws the enclave, the other the moment within its life.
_DRAWN = """
CREATE TEMP TABLE drawn AS
WITH enclave AS (
    SELECT enclave, min(since) AS first_at, max(since) - min(since) AS span,
           row_number() OVER (ORDER BY md5(enclave)) - 1 AS rank
    FROM template GROUP BY enclave
),
draw AS (
    SELECT i AS number,
           floor((SELECT count(*) FROM enclave) * pow(hash(i, 1) / 18446744073709551616.0, 2))
               AS rank,
           hash(i, 2) / 18446744073709551616.0 AS moment
    FROM range($first, $last) AS t(i)
)
SELECT d.number, e.enclave,
       e.first_at + to_microseconds(CAST(d.moment * epoch_us(e.first_at + e.span)
                                         - d.moment * epoch_us(e.first_at) AS BIGINT)) AS seen_at
FROM draw AS d JOIN enclave AS e ON e.rank = d.rank
"""

_SEEN = """
CREATE TEMP TABLE seen AS
SELECT row_number() OVER (ORDER BY d.seen_at + s.later, d.number, s.copy) + $observations
           AS observation_no,
       d.number, s.copy, s.later, d.seen_at, t.template_no
FROM drawn AS d
ASOF JOIN (SELECT enclave, since, template_no FROM template) AS t
  ON t.enclave = d.enclave AND t.since <= d.seen_at
JOIN (VALUES (0, INTERVAL '0' SECOND), (1, INTERVAL '400' MILLISECOND), (2, INTERVAL '0' SECOND))
  AS s(copy, later)
  ON s.copy = 0 OR (s.copy = 1 AND d.number % 100 = 99) OR (s.copy = 2 AND d.number % 200 = 77)
"""


def write_fleet_case(folder: Path, sightings: int) -> Case:
    """The case `folder/case` with about so many sightings."""
    case, calm = make_fleet_case(folder)
    add_sightings(case, calm, first=0, last=round(sightings / 1.015))
    return case


def make_fleet_case(folder: Path) -> tuple[Case, list[str]]:
    """The fleet with every incident, and the enclaves that none touches."""
    simulate(folder / "sim", days=DAYS, platforms=PLATFORMS)
    simulate(folder / "calm", days=DAYS, platforms=PLATFORMS, incidents=())
    root = x509.load_pem_x509_certificate((folder / "sim" / "root_ca.pem").read_bytes())
    anchors = [root.public_bytes(Encoding.DER)]
    case = take_in(folder / "case", folder / "sim" / "evidence", anchors)
    clean = take_in(folder / "clean", folder / "calm" / "evidence", anchors)
    with connect_stored(clean) as connection:
        undisturbed = connection.execute(_HISTORIES).fetchall()
    with connect_stored(case) as connection:
        disturbed = connection.execute(_HISTORIES).fetchall()
    for name in ("sim", "calm", "clean"):
        shutil.rmtree(folder / name)
    return case, sorted(enclave for enclave, _ in {*undisturbed} & {*disturbed})


# An enclave's history is the same in both fleets where no incident touched it or its platform.
_HISTORIES = """
WITH sighting AS (
    SELECT o.enclave_id, o.event_id, o.received_at, f.ppid
    FROM stored.observation AS o
    JOIN stored.quote AS q ON q.quote_no = o.quote_no
    JOIN stored.certification AS c ON c.certification_id = q.certification_id
    LEFT JOIN stored.fact_chain AS f ON f.certification_data_id = c.certification_data_id
),
platform AS (
    SELECT ppid, string_agg(concat(event_id, received_at), ' ' ORDER BY event_id, received_at)
               AS history
    FROM sighting GROUP BY ppid
)
SELECT s.enclave_id, md5(string_agg(concat(s.event_id, s.received_at, md5(p.history)), ' '
                                    ORDER BY s.event_id, s.received_at))
FROM sighting AS s JOIN platform AS p ON p.ppid = s.ppid
WHERE s.enclave_id IS NOT NULL
GROUP BY s.enclave_id
"""


def take_in(path: Path, evidence: Path, anchors: list[bytes]) -> Case:
    case = create_case(path, name="fleet", at=AS_OF, anchors=anchors)
    with case.writer(action="ingest", at=AS_OF, who=WHO) as writer:
        ingest_paths(writer, [evidence])
    verify_case(case, as_of=AS_OF, at=AS_OF, who=WHO, threads=2)
    return case


def add_sightings(case: Case, calm: list[str], *, first: int, last: int) -> None:
    """Tell the sightings of these enclaves again; each number of the range is one quote."""
    connection = connect_stored(case, memory_limit="3GB")
    connection.execute(
        "CREATE TEMP TABLE calm AS SELECT unnest(?::VARCHAR[]) AS enclave_id", [calm]
    )
    connection.execute(_TEMPLATE)
    connection.execute(_DRAWN, {"first": first, "last": last})
    [(observations, quotes)] = connection.execute(
        "SELECT (SELECT max(observation_no) FROM stored.observation), "
        "(SELECT max(quote_no) FROM stored.quote)"
    ).fetchall()
    connection.execute(_SEEN, {"observations": observations})
    with case.writer(action="ingest", at=AS_OF, who=WHO) as writer:
        for table, query in list_queries(quotes).items():
            path = writer.new_path(table.name, "2026-01" if table.by_month else None)
            copy_to(connection, f"({query})", path, ", PARQUET_VERSION v2")
            writer.adopt_file(table.name, path, count_rows(connection, path))


def list_queries(quotes: int) -> dict[Table, str]:
    """Table -> the rows to add; `quotes` is the last number that is taken."""
    shift = "(s.seen_at - t.since + s.later)"
    nonce = "unhex(sha256(concat('nonce ', s.number)))"
    number = f"s.number - (SELECT min(number) FROM seen) + {quotes} + 1"
    clocks = ("timestamp", "received_at", "verified_at", "collateral_fetched_at")
    made = ("nonce_issued_at", "quote_generated_at")
    observation = {
        "observation_no": "s.observation_no",
        "quote_no": number,
        "source_line": "1000000 + s.observation_no",
        "event_id": "concat('evt-', s.number, CASE s.copy WHEN 1 THEN '-retry' ELSE '' END)",
        "session_id": "concat('ses-', s.number)",
        "nonce": nonce,
        "claimed_report_data": "NULL::VARCHAR",
        "extra": "NULL::VARCHAR",
        **{name: f"t.{name} + {shift}" for name in clocks},
        **{name: f"t.{name} + {shift} - s.later" for name in made},
    }
    quote = {
        "quote_no": number,
        "quote_id": "unhex(sha256(concat('quote ', s.number)))",
        "report_data": "unhex(sha256(concat('data ', s.number)) || repeat('0', 64))",
        "signature_r": "unhex(sha256(concat('r ', s.number)))",
        "signature_s": "unhex(sha256(concat('s ', s.number)))",
    }
    challenge = {
        "source_id": "t.source_id",
        "source_line": "1000000 + s.observation_no",
        "timestamp": f"coalesce(t.nonce_issued_at, t.since - INTERVAL 1 SECOND) + {shift}",
        "nonce": nonce,
        "issuer": "t.backend_verifier",
        "enclave_id": "t.enclave_id",
        "session_id": "concat('ses-', s.number)",
        "expires_at": "s.seen_at + INTERVAL 5 MINUTE",
        "extra": "NULL::VARCHAR",
    }
    release = {
        "source_id": "t.source_id",
        "source_line": "1000000 + s.observation_no",
        "timestamp": "s.seen_at + INTERVAL 2 SECOND",
        "session_id": "concat('ses-', s.number)",
        "enclave_id": "t.enclave_id",
        "secret_id": "concat(t.workload_id, '/master-key')",
        "extra": "NULL::VARCHAR",
    }
    fact = {"quote_no": number, "signature_ok": "f.signature_ok", "subject_no": "f.subject_no"}
    binding = {
        "observation_no": "s.observation_no",
        "workload_id": "b.workload_id",
        "rule": "b.rule",
        "result": "b.result",
        "missing": "b.missing",
        "expected_report_data": "b.expected_report_data",
        "initial_state_from": "b.initial_state_from",
    }
    told = "FROM seen AS s JOIN template AS t ON t.template_no = s.template_no"
    facts = f"{told} JOIN stored.fact_quote AS f ON f.quote_no = t.template_quote"
    bindings = f"{told} JOIN stored.binding AS b ON b.observation_no = t.template_no"
    once = "WHERE s.copy = 0"
    return {
        OBSERVATION: f"{select(OBSERVATION, observation)} {told} ORDER BY s.observation_no",
        QUOTE: f"{select(QUOTE, quote)} {told} {once} ORDER BY s.observation_no",
        FACT_QUOTE: f"{select(FACT_QUOTE, fact)} {facts} {once} ORDER BY s.observation_no",
        BINDING: f"{select(BINDING, binding)} {bindings} ORDER BY s.observation_no",
        NONCE: f"{select(NONCE, challenge)} {told} {once}",
        RELEASE: f"{select(RELEASE, release)} {told} {once} AND s.number % 5 = 0",
    }


def select(table: Table, values: dict[str, str]) -> str:
    named = ((name, values.get(name, f't."{name}"')) for name in table.names)
    columns = ", ".join(f'{value} AS "{name}"' for name, value in named)
    return f"SELECT {columns}"


def count_rows(connection: duckdb.DuckDBPyConnection, path: Path) -> int:
    [(rows,)] = connection.execute("SELECT count(*) FROM read_parquet(?)", [str(path)]).fetchall()
    return int(rows)
