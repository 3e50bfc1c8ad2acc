"""The report of a case: every section as data, before it becomes a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import duckdb

from forensics.case.connection import connect
from forensics.case.custody import verify_custody
from forensics.case.damage import CustodyProblem, blaming_damage
from forensics.report.axis import mark_axis
from forensics.report.charts import Chart
from forensics.report.conflicts import Findings, read_findings
from forensics.report.custody import Custody, describe_custody
from forensics.report.exposure import Exposure, read_exposure
from forensics.report.fleet import chart_evaluations, chart_fleet
from forensics.report.gaps import Gaps, read_gaps
from forensics.report.levels import chart_platforms, chart_versions
from forensics.report.matrix import Matrix, read_matrix
from forensics.report.replays import chart_replays
from forensics.report.rows import fetch
from forensics.report.sightings import Span, find_span, make_sightings

if TYPE_CHECKING:
    from forensics.case.case import Case
    from forensics.detect.catalog import Catalog


@dataclass(frozen=True)
class Numbers:
    """How much there is. `as_of` is the moment of hindsight; None before any `verify`."""

    sightings: int
    quotes: int
    launches: int
    releases: int
    sources: int
    as_of: datetime | None


@dataclass(frozen=True)
class Report:
    """All that a page shows. `marks` are (percent of the width, label) for charts."""

    name: str
    made_at: datetime
    numbers: Numbers
    exposure: Exposure
    findings: Findings
    matrix: Matrix
    gaps: Gaps
    custody: Custody
    span: Span | None
    marks: Sequence[tuple[float, str]]
    timeline: Sequence[Chart]
    versions: Sequence[Chart]
    replays: Chart | None


def make_report(case: Case, catalog: Catalog, made_at: datetime) -> Report:
    """Check the case against its ledger, and read it. `catalog` says what its findings' sides are.

    Raises `CustodyError`: `custody-broken` where what contradicts the ledger can no longer be read,
    and what a broken chain raises.
    """
    problems = verify_custody(case)
    with blaming_damage(case.path, case.ledger):
        return read_report(case, connect(case, damaged=True), catalog, problems, made_at)


def read_report(
    case: Case,
    connection: duckdb.DuckDBPyConnection,
    catalog: Catalog,
    problems: Sequence[CustodyProblem],
    made_at: datetime,
) -> Report:
    """`problems` are what `verify_custody` found. Makes temporary tables."""
    make_sightings(connection)
    span = find_span(connection)
    gaps = read_gaps(connection)
    return Report(
        name=case.settings.name,
        made_at=made_at,
        numbers=read_numbers(connection),
        exposure=read_exposure(connection),
        findings=read_findings(connection, catalog),
        matrix=read_matrix(connection),
        gaps=gaps,
        custody=describe_custody(case, problems),
        span=span,
        marks=mark_axis(span) if span else (),
        timeline=_chart_timeline(connection, span, gaps) if span else (),
        versions=_chart_levels(connection, span) if span else (),
        replays=chart_replays(connection, span) if span else None,
    )


def read_numbers(connection: duckdb.DuckDBPyConnection) -> Numbers:
    """Counts over the whole case. Needs `make_sightings`."""
    (row,) = fetch(
        connection,
        "SELECT (SELECT count(*) FROM sighting), (SELECT count(*) FROM quote), "
        "(SELECT count(*) FROM launch), (SELECT count(*) FROM release), "
        "(SELECT count(*) FROM source), "
        "(SELECT max(as_of) FROM verdict WHERE moment = 'hindsight')",
    )
    return Numbers(*row)


def _chart_timeline(
    connection: duckdb.DuckDBPyConnection, span: Span, gaps: Gaps
) -> tuple[Chart, ...]:
    return (
        chart_fleet(connection, span, gaps.coverages),
        chart_evaluations(connection, span),
    )


def _chart_levels(connection: duckdb.DuckDBPyConnection, span: Span) -> tuple[Chart, ...]:
    return chart_versions(connection, span), chart_platforms(connection, span)
