"""What a detector has to hold at once grows with the history, not with its square.

Evidence is written by attackers: a thousand answers of one instance, or a thousand instances of one
host, must not take a million steps. Cases that fire are repeated, what tells the repetitions apart
being one thing or another; DuckDB says how many rows every step of the plan gave.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from forensics.case.news import EVENTS
from forensics.detect.cases import CUT_OFF, FOLLOWING
from forensics.detect.detector import Detector
from forensics.detect.parameters import bind
from forensics.detect.reading import complete
from tests.detect.test_queries import BENCH, CATALOG, deal, read_cases

SIZES = (60, 240)
CASES = 3  # of each detector, from the first that fires to the last
GROWTH = 6.0
"""Growth of the largest step where the history is four times as long; the square would be sixteen.
"""

QUOTES = {"quote_id", "quote_no", "signing_id", "signed_id", "signature_r", "signature_s"}
TIMES = {"timestamp", "received_at", "verified_at", "quote_generated_at", "nonce_issued_at"}
INSTANCES = {"enclave_id", "container_id"}
APART_BY = {
    "evidence of one instance in one session": QUOTES | TIMES,
    "evidence of one moment": QUOTES,
    "sessions of one instance": QUOTES | TIMES | {"nonce", "session_id"},
    "instances of one host": QUOTES | TIMES | INSTANCES,
    "enclaves of one container": QUOTES | TIMES | {"enclave_id"},
    "showings of one quote": TIMES,
}
"""What the repetitions of a case differ in, beside the sighting itself."""

_ALWAYS = {"observation_id", "observation_no", "event_id", "source_line"}


@pytest.mark.parametrize("apart_by", APART_BY)
@pytest.mark.parametrize("name", CATALOG)
def test_no_step_grows_as_the_square(name: str, apart_by: str) -> None:
    detector = CATALOG[name]
    firing = [case for case in read_cases(name) if case["expect"]]
    for case in firing[:: -(-len(firing) // CASES)]:
        small, large = (count_largest(detector, case, size, APART_BY[apart_by]) for size in SIZES)
        assert large <= GROWTH * max(small, 2 * SIZES[0]), case["name"]


def count_largest(detector: Detector, case: dict[str, Any], times: int, apart: set[str]) -> int:
    """Rows of the largest step of its statements, over a case that is repeated."""
    BENCH.fill(case["rows"])
    params = bind(detector.params, case.get("as_of", CUT_OFF), case.get("params", {}))
    with BENCH.connection.cursor() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        deal(connection, random.Random(1))
        repeat(connection, times, apart | _ALWAYS)
        statements = [complete(detector.sql, sql) for sql in detector.statements]
        return max(rows for sql in statements for rows in explain(connection, sql, params))


def explain(
    connection: duckdb.DuckDBPyConnection, sql: str, params: dict[str, Any]
) -> Iterator[int]:
    """The rows that each step of the plan gave."""
    [statement] = connection.extract_statements(sql)
    used = {name: params[name] for name in statement.named_parameters}
    [(_, plan)] = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", used).fetchall()
    for step in json.loads(plan)["operator"]:
        yield from walk(step)


def walk(step: dict[str, Any]) -> Iterator[int]:
    yield step["intermediate_rows"]
    for child in step.get("children", []):
        yield from walk(child)


def repeat(connection: duckdb.DuckDBPyConnection, times: int, apart: set[str]) -> None:
    """Add this many copies of every row of evidence, which differ in these columns."""
    for view in ("observation", "quote", "verdict", "binding", *EVENTS):
        if view == "quote" and QUOTES - apart:
            continue
        columns = connection.execute(f"DESCRIBE memory.main.{view}").fetchall()
        copied = ", ".join(vary(name, kind, apart) for name, kind, *_ in columns)
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE copied AS "
            f"SELECT {copied} FROM memory.main.{view} AS v, range(1, {times}) AS copy(no)"
        )
        connection.execute(f"INSERT INTO memory.main.{view} FROM copied")
    for view, query in FOLLOWING.items():
        connection.execute(f"CREATE OR REPLACE TEMP TABLE again AS {query}")
        connection.execute(f"DELETE FROM memory.main.{view}")
        connection.execute(f"INSERT INTO memory.main.{view} BY NAME FROM again")


def vary(name: str, kind: str, apart: set[str]) -> str:
    """A column of the copy, as SQL."""
    if name not in apart:
        return f'v."{name}"'
    further = {"VARCHAR": "|| '+' || copy.no", "BIGINT": "+ 100000 * copy.no"}
    return f'v."{name}" {further.get(kind, "+ copy.no * INTERVAL 1 SECOND")} AS "{name}"'
