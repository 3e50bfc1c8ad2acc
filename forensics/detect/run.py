"""Running detectors on a connection that has the case's views.

The query is run as its file has it, its parameters bound as values. The connection decides what a
query can reach; it is the caller's to open read-only and locked down, with `TimeZone` UTC.
"""

from __future__ import annotations

import datetime
import json
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final, Literal, cast

import duckdb

from forensics.case.connection import only_reads
from forensics.detect.detector import OUTPUT_COLUMNS, Detector
from forensics.detect.findings import Finding, make_finding
from forensics.detect.parameters import AS_OF, Value, bind, write_value
from forensics.detect.reading import (
    complete,
    continue_query,
    name_columns,
    only_selects,
    put_rows,
)
from forensics.detect.totals import TYPES, Rows
from forensics.errors import DatabaseLost, DetectorError, UsageError

AGAIN: Final = "again"
"""The table of what a detector asks to judge again."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Subjects that a detector could not judge. `count` 0 never occurs.

    A reason of the form `no rows in VIEW`, or that the query failed, means that nothing could be
    judged; its count is 1.
    """

    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class DetectorRun:
    """How one detector went. Not `evaluated`: an input that it requires has no rows at all, or its
    query failed; `failure` is then the error that ended it.

    `full_because` says why everything was read; None when only what new evidence touches was, and
    then `observations_read` is the number of sightings read. `waiting` are findings that will stand
    unless a feed that lags behind brings what is missing; `cut_off` is the end of what was judged,
    where a detector waits. `totals` are those of a detector that has any.
    """

    detector: Detector
    params: Mapping[str, Value]
    evaluated: bool
    findings: tuple[Finding, ...]
    gaps: tuple[Gap, ...]
    full_because: str | None = "asked for"
    observations_read: int | None = None
    cut_off: datetime.datetime | None = None
    waiting: tuple[Finding, ...] = ()
    failure: str | None = None
    totals: Rows | None = None

    @property
    def mode(self) -> Literal["full", "incremental"]:
        return "incremental" if self.full_because is None else "full"

    @property
    def unjudged(self) -> int:
        return sum(gap.count for gap in self.gaps)

    @property
    def params_json(self) -> str:
        return json.dumps({name: write_value(value) for name, value in self.params.items()})


def check_overrides(detectors: Iterable[Detector], overrides: Mapping[str, str]) -> None:
    """Refuse a parameter that no detector has: a misspelt threshold would be a silent default."""
    known = {p.name for detector in detectors for p in detector.params} - {AS_OF}
    unknown = sorted(set(overrides) - known)
    if unknown:
        raise UsageError(
            "unknown-parameter",
            f"no selected detector has a parameter {unknown[0]!r}; there are {sorted(known)}",
        )


def run_detector(
    connection: duckdb.DuckDBPyConnection,
    detector: Detector,
    *,
    as_of: datetime.datetime,
    overrides: Mapping[str, str] | None = None,
) -> DetectorRun:
    """One detector's findings, and what it could not judge.

    `as_of` is the case's cut-off; `overrides` (name -> text) replace defaults of those parameters
    that this detector has.
    """
    params = bind(detector.params, as_of, overrides or {})
    if missing := find_missing(connection, detector):
        return DetectorRun(detector, params, False, (), missing)
    judged, totals = detector, None
    if detector.totals:  # they are worked out once, and not again in the query
        totals = sum_up(connection, detector, params)
        judged = put_totals(connection, detector, totals)
    findings = judge(connection, judged, params)
    gaps = make_gaps(count_gaps(connection, judged, params))
    return DetectorRun(detector, params, True, findings, gaps, totals=totals)


def fail(
    detector: Detector, overrides: Mapping[str, str], as_of: datetime.datetime, problem: str
) -> DetectorRun:
    """A run that an error ended: what it would have found is not known, which is no pass."""
    params = bind(detector.params, as_of, overrides)
    gap = Gap("its query failed", 1)
    return DetectorRun(detector, params, False, (), (gap,), failure=problem)


def find_missing(connection: duckdb.DuckDBPyConnection, detector: Detector) -> tuple[Gap, ...]:
    """A gap for each view that the detector requires and that has no row in the whole case."""
    with _blaming(detector):
        return tuple(
            Gap(f"no rows in {view}", 1)
            for view in detector.requires
            if not connection.execute(f'SELECT 1 FROM memory.main."{view}" LIMIT 1').fetchall()
        )


def judge(
    connection: duckdb.DuckDBPyConnection, detector: Detector, params: Mapping[str, Value]
) -> tuple[Finding, ...]:
    """What the query finds in the views as they are."""
    with _blaming(detector):
        return _make_findings(detector, _select(connection, detector, detector.sql, params))


def screen(
    connection: duckdb.DuckDBPyConnection, detector: Detector, params: Mapping[str, Value]
) -> list[dict[str, object]]:
    """The key values that the detector's own screen leaves in the views as they are."""
    assert detector.suspects
    return _ask(connection, detector, detector.suspects, params)


def sum_up(
    connection: duckdb.DuckDBPyConnection, detector: Detector, params: Mapping[str, Value]
) -> Rows:
    """The detector's totals in the views as they are, in the order of their keys."""
    assert detector.totals
    found = _ask(connection, detector, detector.totals.select, params)
    rows = cast("Rows", [list(row.values()) for row in found])
    groups = detector.totals.group(rows)
    if len(groups) < len(rows) or not (groups or detector.totals.keyed):
        problem = f"its totals are {len(rows)} rows of {len(groups)} keys"
        raise DetectorError("detector-output", f"{detector.path}: {problem}")
    return [[*key, *values] for key, values in groups.items()]


def put_totals(
    connection: duckdb.DuckDBPyConnection, detector: Detector, now: Rows, before: Rows = ()
) -> Detector:
    """The detector with these totals for those of everything and of the run before.

    They are put in temporary tables: what evidence says never becomes text of a query.
    """
    assert detector.totals
    parts = {}
    for part, rows in ((detector.totals.part, now), (f"known_{detector.totals.part}", before)):
        table = f"total_{part}"
        columns = ", ".join(f'"{name}" {TYPES[kind]}' for name, kind in detector.totals.columns)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} ({columns})")
        values = ", ".join(f"unnest(?::{TYPES[kind]}[])" for _, kind in detector.totals.columns)
        if rows:
            lists = [list(column) for column in zip(*rows, strict=True)]
            connection.execute(f"INSERT INTO {table} SELECT {values}", lists)
        parts[part] = f"SELECT {', '.join(detector.totals.names)} FROM {table}"
    return replace(detector, sql=put_rows(detector.sql, parts))


def widens(
    connection: duckdb.DuckDBPyConnection, detector: Detector, params: Mapping[str, Value]
) -> bool:
    """Whether the views as they are hold something that no key of the scope leads to."""
    if detector.widens_when is None:
        return False
    return bool(_ask(connection, detector, detector.widens_when, params))


def note_again(
    connection: duckdb.DuckDBPyConnection, detector: Detector, params: Mapping[str, Value]
) -> list[str]:
    """Make the temporary table `AGAIN` of what the detector asks to judge again; its columns."""
    assert detector.again
    with _blaming(detector):
        query = continue_query(detector.sql, detector.again)
        [statement] = connection.extract_statements(query)
        used = {name: params[name] for name in statement.named_parameters if name in params}
        if not only_selects(query):
            raise DetectorError("detector-query", f"{detector.path}: again does more than read")
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {AGAIN} AS {query}", used)
    return name_columns(detector.again)


def _ask(
    connection: duckdb.DuckDBPyConnection,
    detector: Detector,
    select: str,
    params: Mapping[str, Value],
) -> list[dict[str, object]]:
    """The rows of a SELECT over the query's own CTEs."""
    with _blaming(detector):
        return _select(connection, detector, continue_query(detector.sql, select), params)


def count_gaps(
    connection: duckdb.DuckDBPyConnection, detector: Detector, params: Mapping[str, Value]
) -> dict[str, int]:
    """Reason -> subjects that could not be judged in the views as they are, 0 included."""
    with _blaming(detector):
        return {
            blindness.reason: _count(connection, detector, blindness.count, params)
            for blindness in detector.not_evaluable
        }


def make_gaps(counts: Mapping[str, int]) -> tuple[Gap, ...]:
    return tuple(Gap(reason, count) for reason, count in counts.items() if count)


@contextmanager
def watch(connection: duckdb.DuckDBPyConnection, detector: Detector) -> Iterator[None]:
    """Tell a query that fails from one that takes the database with it, as DuckDB's internal errors
    do: after those nothing on the connection works. Raises `DatabaseLost`, whatever else went on.
    """
    try:
        yield
    finally:
        try:
            connection.execute("SELECT 1").fetchall()
        except duckdb.Error as error:
            problem = str(error).strip().split("Original error: ")[-1].split("\n")[0].strip('"')
            raise DatabaseLost(detector.id, f"{detector.path}: {problem}") from error


@contextmanager
def _blaming(detector: Detector) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        problem = str(error).strip().split("\n")[0]
        raise DetectorError("detector-query", f"{detector.path}: {problem}") from error


def _count(
    connection: duckdb.DuckDBPyConnection,
    detector: Detector,
    sql: str,
    params: Mapping[str, Value],
) -> int:
    [row] = _select(connection, detector, complete(detector.sql, sql), params)
    [count] = row.values()
    if not isinstance(count, int):
        raise DetectorError("detector-output", f"{detector.path}: a count is {count!r}")
    return count


def _select(
    connection: duckdb.DuckDBPyConnection,
    detector: Detector,
    sql: str,
    params: Mapping[str, Value],
) -> list[dict[str, object]]:
    """The rows of exactly one SELECT that does nothing but read, fetched as Arrow (which brings
    time zones along).
    """
    statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise DetectorError("detector-query", f"{detector.path}: it is not exactly one SELECT")
    used = {name: params[name] for name in statements[0].named_parameters if name in params}
    if not (only_selects(sql) or only_reads(connection, sql, used)):
        raise DetectorError("detector-query", f"{detector.path}: it does more than read")
    # A relation would be planned twice; the rows are few, and a copy of them is nothing.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Arrow output on a DB-API result")
        table = connection.execute(statements[0], used).to_arrow_table()
    assert table is not None  # a SELECT has an answer
    rows: list[dict[str, object]] = table.to_pylist()
    return rows


def _make_findings(detector: Detector, rows: list[dict[str, object]]) -> tuple[Finding, ...]:
    findings: dict[str, Finding] = {}
    for row in rows:
        if list(row) != list(OUTPUT_COLUMNS):
            raise DetectorError("detector-output", f"{detector.path}: its columns are {list(row)}")
        finding = make_finding(detector, row)
        if finding.fingerprint in findings:
            raise DetectorError(
                "detector-output",
                f"{detector.path}: two findings about {finding.subject_type} "
                f"{finding.subject_id!r} that its discriminator does not tell apart",
            )
        findings[finding.fingerprint] = finding
    return tuple(findings.values())
