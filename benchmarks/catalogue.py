"""The whole catalogue over millions of observations, against one GROUP BY over the same table.

    python benchmarks/catalogue.py DIR [--sizes 1000000 10000000]

A simulated fleet is ingested and verified for its platforms, builds and facts; then so many
sightings are written straight into the tables of its case: few enclaves attest often and many
seldom, one sighting in a hundred is a retry, every sighting answers a logged challenge. Everything
runs in one process with DuckDB's limit at 4 GB and two threads: first
`SELECT signed_id, count(*) ... GROUP BY signed_id`, then every detector. Times are processor time
of all threads, because machines are shared. DIR keeps the cases (about
3 GB for ten million). Writes `results/catalogue.md`.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import duckdb
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from forensics.case.case import Case, create_case, open_case
from forensics.case.connection import connect_stored
from forensics.case.query import open_locked
from forensics.case.tables import FACT_QUOTE, NONCE, OBSERVATION, QUOTE
from forensics.case.verification import verify_case
from forensics.detect.catalog import load_catalog
from forensics.detect.detection import detect
from forensics.simulate import simulate
from forensics.sources import ingest_paths

RESULTS = Path(__file__).parent / "results"
AS_OF = datetime(2026, 3, 1, tzinfo=UTC)
SPAN = 3 * 86_400_000_000  # microseconds: the days of the fleet
CATALOG = load_catalog()

_BASELINE = """
SELECT count(*), max(sightings)
FROM (
    SELECT q.signed_id, count(*) AS sightings
    FROM observation AS o JOIN quote AS q ON q.quote_no = o.quote_no
    GROUP BY q.signed_id
) AS grouped
"""

# Sightings that the fleet really made; the generated ones repeat their context with other quotes.
_TEMPLATE = """
CREATE TEMP TABLE template AS
SELECT row_number() OVER (ORDER BY o.observation_no) - 1 AS template_no, o.*, q.* EXCLUDE (quote_no)
FROM stored.observation AS o
JOIN stored.quote AS q ON q.quote_no = o.quote_no
WHERE o.event_type IS NOT NULL AND o.received_at IS NOT NULL
"""

# The cube makes it skewed: half of all sightings come from an eighth of the templates.
_DRAWN = """
CREATE TEMP TABLE drawn AS
SELECT i AS number,
       CAST(floor($templates * pow(hash(i) / 18446744073709551616.0, 3)) AS BIGINT) AS template_no,
       i - CASE WHEN i % 100 = 99 THEN 1 ELSE 0 END AS quote_number,
       unhex(sha256(concat('nonce ', i - CASE WHEN i % 100 = 99 THEN 1 ELSE 0 END))) AS fresh_nonce,
       make_timestamptz($start + CAST((i - i % 100) * $step AS BIGINT)) AS seen_at
FROM range($count) AS t(i)
"""


@dataclass(frozen=True)
class Result:
    size: int
    baseline: float
    total: float
    detectors: dict[str, float]
    """Seconds of each; the first one's hold what was worked out for all."""
    memory: float


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("directory", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000_000, 10_000_000])
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    results = [measure(options.directory, size) for size in options.sizes]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "catalogue.md").write_text(describe(results))


def measure(directory: Path, size: int) -> Result:
    path = directory / f"case-{size}"
    if not path.exists():
        draft = directory / "draft"
        shutil.rmtree(draft, ignore_errors=True)
        write_corpus(make_fleet_case(draft), size)
        draft.rename(path)
    case = open_case(path / "case")
    connection = open_locked(case, check_results=False)
    began = time.process_time()
    connection.execute(_BASELINE).fetchall()
    baseline = time.process_time() - began
    print(f"{size}: GROUP BY {baseline:.2f} s", flush=True)
    marks = [began := time.process_time()]

    def mark(done: int, _total: int) -> None:
        marks.append(time.process_time())
        print(f"{size}: {list(CATALOG)[done - 1]} {marks[-1] - marks[-2]:.2f} s", flush=True)

    detect(connection, CATALOG, as_of=AS_OF, progress=mark)
    total = time.process_time() - began
    print(f"{size}: catalogue {total:.2f} s", flush=True)
    spans = [end - start for start, end in pairwise(marks)]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Result(size, baseline, total, dict(zip(CATALOG, spans, strict=True)), memory)


def make_fleet_case(folder: Path) -> Case:
    simulate(folder / "sim", days=3, platforms=12, incidents=())
    root = x509.load_pem_x509_certificate((folder / "sim" / "root_ca.pem").read_bytes())
    anchors = [root.public_bytes(Encoding.DER)]
    case = create_case(folder / "case", name="fleet", at=AS_OF, anchors=anchors)
    with case.writer(action="ingest", at=AS_OF, who="benchmark") as writer:
        ingest_paths(writer, [folder / "sim" / "evidence"])
    verify_case(case, as_of=AS_OF, at=AS_OF, who="benchmark", threads=2)
    shutil.rmtree(folder / "sim")
    return case


def write_corpus(case: Case, size: int) -> None:
    """Add `size` sightings, their quotes, the facts about these, and their challenges."""
    connection = connect_stored(case, memory_limit="3GB")
    connection.execute(_TEMPLATE)
    [(templates, start, observations, quotes)] = connection.execute(
        """
        SELECT (SELECT count(*) FROM template), (SELECT epoch_us(min(received_at)) FROM template),
               (SELECT max(observation_no) FROM stored.observation),
               (SELECT max(quote_no) FROM stored.quote)
        """
    ).fetchall()
    values = {"templates": templates, "start": start, "count": size, "step": SPAN / size}
    connection.execute(_DRAWN, values)
    changes = {
        OBSERVATION: {
            "observation_no": f"d.number + {observations} + 1",
            "quote_no": f"d.quote_number + {quotes} + 1",
            "source_line": "d.number + 1",
            "event_id": "concat('evt-', d.number)",
            "session_id": "concat('ses-', d.quote_number)",
            "timestamp": "d.seen_at",
            "received_at": "d.seen_at",
            "verified_at": "d.seen_at",
            "nonce_issued_at": "d.seen_at - INTERVAL 1 SECOND",
            "quote_generated_at": "d.seen_at",
            "nonce": "d.fresh_nonce",
        },
        QUOTE: {
            "quote_no": f"d.quote_number + {quotes} + 1",
            "quote_id": "unhex(sha256(concat('quote ', d.quote_number)))",
            "report_data": "unhex(sha256(concat('data ', d.quote_number)) || repeat('0', 64))",
            "signature_r": "unhex(sha256(concat('r ', d.quote_number)))",
            "signature_s": "unhex(sha256(concat('s ', d.quote_number)))",
        },
    }
    with case.writer(action="ingest", at=AS_OF, who="benchmark") as writer:
        for table, changed in changes.items():
            named = ((name, changed.get(name) or f't."{name}"') for name in table.names)
            columns = ", ".join(f'{value} AS "{name}"' for name, value in named)
            only = "WHERE d.number = d.quote_number" if table is QUOTE else ""
            path = writer.new_path(table.name, "2026-01" if table.by_month else None)
            copy(
                connection,
                f"SELECT {columns} FROM drawn AS d JOIN template AS t "
                f"ON t.template_no = d.template_no {only}",
                path,
            )
            writer.adopt_file(table.name, path, count_rows(connection, path))
        facts(connection, writer_path := writer.new_path(FACT_QUOTE.name), quotes)
        writer.adopt_file(FACT_QUOTE.name, writer_path, count_rows(connection, writer_path))
        challenges(connection, writer_path := writer.new_path(NONCE.name, "2026-01"))
        writer.adopt_file(NONCE.name, writer_path, count_rows(connection, writer_path))


def facts(connection: duckdb.DuckDBPyConnection, path: Path, quotes: int) -> None:
    copy(
        connection,
        f"""
        SELECT d.quote_number + {quotes} + 1 AS quote_no, f.signature_ok, f.subject_no
        FROM drawn AS d
        JOIN template AS t ON t.template_no = d.template_no
        JOIN stored.quote AS q ON q.quote_id = t.quote_id
        JOIN stored.fact_quote AS f ON f.quote_no = q.quote_no
        WHERE d.number = d.quote_number
        """,
        path,
    )


def challenges(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    values = {
        "source_id": "t.source_id",
        "source_line": "d.number + 1",
        "timestamp": "d.seen_at - INTERVAL 1 SECOND",
        "nonce": "d.fresh_nonce",
        "issuer": "t.backend_verifier",
        "enclave_id": "t.enclave_id",
        "session_id": "concat('ses-', d.quote_number)",
        "expires_at": "d.seen_at + INTERVAL 5 MINUTE",
        "extra": "NULL::VARCHAR",
    }
    columns = ", ".join(f'{values[name]} AS "{name}"' for name in NONCE.names)
    copy(
        connection,
        f"SELECT {columns} FROM drawn AS d JOIN template AS t ON t.template_no = d.template_no "
        "WHERE d.number = d.quote_number",
        path,
    )


def copy(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    connection.execute(
        f"COPY ({query}) TO '{path}' (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2)"
    )


def count_rows(connection: duckdb.DuckDBPyConnection, path: Path) -> int:
    [(rows,)] = connection.execute("SELECT count(*) FROM read_parquet(?)", [str(path)]).fetchall()
    return int(rows)


def describe(results: list[Result]) -> str:
    lines = ["# Speed of the whole catalogue", "", f"{len(CATALOG)} detectors, in one process."]
    lines += ["", "| observations | GROUP BY, s | catalogue, s | ratio | peak memory, MiB |"]
    lines += ["|---|---|---|---|---|"]
    lines += [
        f"| {r.size:,} | {r.baseline:.1f} | {r.total:.1f} | {r.total / r.baseline:.1f} "
        f"| {r.memory:,.0f} |"
        for r in results
    ]
    for before, after in pairwise(results):
        growth = after.total / before.total
        lines += ["", f"From {before.size:,} to {after.size:,}: {growth:.1f} times the time."]
    last = results[-1]
    lines += ["", f"| detector, {last.size:,} observations | s |", "|---|---|"]
    ranked = sorted(last.detectors.items(), key=lambda entry: -entry[1])
    lines += [f"| {name} | {seconds:.2f} |" for name, seconds in ranked]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
