"""Running detectors on a connection that has the case's views.

The query is run as its file has it, its parameters bound as values. The connection decides what a
query can reach; it is the caller's to open read-only and locked down, with `TimeZone` UTC.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import duckdb

from forensics.detect.detector import OUTPUT_COLUMNS, Detector
from forensics.detect.findings import Finding, make_finding
from forensics.detect.parameters import AS_OF, Value, bind, write_value
from forensics.errors import DetectorError, UsageError


@dataclass(frozen=True, slots=True)
class Gap:
    """Subjects that a detector could not judge. `count` 0 never occurs.

    A reason of the form `no rows in VIEW` means that nothing could be judged; its count is 1.
    """

    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class DetectorRun:
    """How one detector went. Not `evaluated`: an input that it requires has no rows at all.

    `waiting` are findings that will stand unless a feed that lags behind brings what is missing.
    """

    detector: Detector
    params: Mapping[str, Value]
    evaluated: bool
    findings: tuple[Finding, ...]
    gaps: tuple[Gap, ...]
    cut_off: datetime.datetime | None = None
    waiting: tuple[Finding, ...] = ()

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
    try:
        missing = [view for view in detector.requires if _is_empty(connection, view)]
        if missing:
            gaps = tuple(Gap(f"no rows in {view}", 1) for view in missing)
            return DetectorRun(detector, params, False, (), gaps)
        rows = _select(connection, detector, detector.sql, params)
        gaps = tuple(_count_gaps(connection, detector, params))
    except duckdb.Error as error:
        problem = str(error).strip().split("\n")[0]
        raise DetectorError("detector-query", f"{detector.path}: {problem}") from error
    return DetectorRun(detector, params, True, _make_findings(detector, rows), gaps)


def _is_empty(connection: duckdb.DuckDBPyConnection, view: str) -> bool:
    return not connection.table(f'"{view}"').project("1").limit(1).fetchall()


def _count_gaps(
    connection: duckdb.DuckDBPyConnection, detector: Detector, params: Mapping[str, Value]
) -> Iterable[Gap]:
    for blindness in detector.not_evaluable:
        [row] = _select(connection, detector, blindness.count, params)
        [count] = row.values()
        if not isinstance(count, int):
            raise DetectorError("detector-output", f"{detector.path}: a count is {count!r}")
        if count:
            yield Gap(blindness.reason, count)


def _select(
    connection: duckdb.DuckDBPyConnection,
    detector: Detector,
    sql: str,
    params: Mapping[str, Value],
) -> list[dict[str, object]]:
    """The rows of exactly one SELECT, fetched as Arrow (which brings time zones along)."""
    statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise DetectorError("detector-query", f"{detector.path}: it is not exactly one SELECT")
    used = {name: params[name] for name in statements[0].named_parameters if name in params}
    relation = connection.sql(sql, params=used)
    rows: list[dict[str, object]] = relation.to_arrow_table().to_pylist()
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
