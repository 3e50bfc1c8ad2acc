"""Two cases compared: findings, verdicts on the same sightings, and what each could see.

The ids of findings, sightings and collateral come from content alone, so that they are the same
in both cases. The second case is streamed into the first one's connection.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from forensics.case.connection import connect
from forensics.detect.detector import SEVERITIES
from forensics.detect.findings import OPEN
from forensics.report.rows import fetch

if TYPE_CHECKING:
    import duckdb

    from forensics.case.case import Case

COLUMNS = ("kind", "change", "id", "what", "before", "after")

Change = Literal["only in A", "only in B", "changed"]

# What is compared: name -> SELECT over the views, the key first, then what may differ.
_TABLES = {
    "verdict": "SELECT observation_id, moment, outcome, status, failed_checks FROM verdict",
    "sighting": "SELECT observation_id FROM observation",
    "document": "SELECT collateral_id, concat_ws(' ', kind, id, fmspc) AS name FROM collateral "
    "UNION ALL SELECT crl_id, concat_ws(' ', 'crl', issuer) FROM crl",
}


@dataclass(frozen=True)
class Changed:
    """One difference; `before` is what A says, `after` what B says."""

    kind: str
    change: Change
    id: str
    what: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Difference:
    """All that differs; `counts` are by kind, and complete where `changes` are cut."""

    changes: tuple[Changed, ...]
    counts: Mapping[str, int]
    verdicts_left_out: int
    as_of: tuple[datetime | None, datetime | None]
    worse: tuple[str, ...]  # of findings that A lacks, or has only as lesser ones

    def has_worse(self, severity: str) -> bool:
        """Does B have a new finding of this severity or a graver one?"""
        limit = SEVERITIES.index(severity)
        return any(SEVERITIES.index(found) <= limit for found in self.worse)


def compare_cases(case_a: Case, case_b: Case, most: int) -> Difference:
    """`most` is how many differing verdicts are listed one by one."""
    a, b = connect(case_a), connect(case_b)
    for name, sql in _TABLES.items():
        a.execute(f"CREATE TEMP TABLE a_{name} AS {sql}")
        _copy(b, a, f"b_{name}", sql)
    findings, worse = _compare_findings(_read_findings(a), _read_findings(b))
    verdicts, differing = _compare_verdicts(a, most)
    evidence = list(_compare_evidence(a))
    coverage = [*_compare_detections(a, b), *_compare_quarantine(a, b), *_compare_documents(a)]
    return Difference(
        changes=(*findings, *verdicts, *evidence, *coverage),
        counts={
            "findings": len(findings),
            "verdicts": differing,
            "evidence": len(evidence),
            "coverage": len(coverage),
        },
        verdicts_left_out=differing - len(verdicts),
        as_of=(_read_as_of(a), _read_as_of(b)),
        worse=worse,
    )


def _copy(
    source: duckdb.DuckDBPyConnection, target: duckdb.DuckDBPyConnection, name: str, sql: str
) -> None:
    """Stream a result from one connection into a temporary table of another."""
    target.register("incoming", source.sql(sql).to_arrow_reader())
    target.execute(f"CREATE TEMP TABLE {name} AS FROM incoming")
    target.unregister("incoming")


def _read_findings(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[Any, ...]]:
    """Active findings: fingerprint -> finding id, detector, severity, summary."""
    rows = fetch(
        connection,
        "SELECT fingerprint, finding_id, detector, severity, summary, state FROM finding "
        "ORDER BY fingerprint",
    )
    return {row[0]: row[1:5] for row in rows if row[5] in OPEN}


def _compare_findings(
    a: Mapping[str, tuple[Any, ...]], b: Mapping[str, tuple[Any, ...]]
) -> tuple[list[Changed], tuple[str, ...]]:
    changes, worse = [], []
    for key in sorted({*a, *b}, key=lambda key: _order(b.get(key) or a[key])):
        before, after = a.get(key), b.get(key)
        if before == after:
            continue
        identity, detector = (after or before or ("", ""))[:2]
        changes.append(
            Changed("finding", _say(before, after), identity, detector, _tell(before), _tell(after))
        )
        if after and (not before or SEVERITIES.index(after[2]) < SEVERITIES.index(before[2])):
            worse.append(after[2])
    return changes, tuple(worse)


def _order(finding: Sequence[Any]) -> tuple[int, str, str]:
    return SEVERITIES.index(finding[2]), finding[1], finding[0]


def _tell(finding: Sequence[Any] | None) -> str | None:
    return None if finding is None else f"{finding[2]}: {finding[3]}"


def _say(before: object, after: object) -> Change:
    if before is None:
        return "only in B"
    return "only in A" if after is None else "changed"


def _compare_verdicts(
    connection: duckdb.DuckDBPyConnection, most: int
) -> tuple[list[Changed], int]:
    """Differences of sightings that both cases have: the first `most`, and the number of all."""
    rows = fetch(
        connection,
        """
        SELECT observation_id, moment, a.outcome, a.status, a.failed_checks,
               b.outcome, b.status, b.failed_checks, count(*) OVER () AS total
        FROM a_verdict AS a
        FULL JOIN b_verdict AS b USING (observation_id, moment)
        WHERE observation_id IN (SELECT observation_id FROM a_sighting)
          AND observation_id IN (SELECT observation_id FROM b_sighting)
          AND (a.outcome, a.status, a.failed_checks)
              IS DISTINCT FROM (b.outcome, b.status, b.failed_checks)
        ORDER BY moment DESC, observation_id
        LIMIT $most
        """,
        {"most": most},
    )
    changes = []
    for identity, moment, *sides, _ in rows:
        before, after = _judge(*sides[:3]), _judge(*sides[3:])
        changes.append(Changed("verdict", _say(before, after), identity, moment, before, after))
    return changes, rows[0][8] if rows else 0


def _judge(outcome: str | None, status: str | None, failed: Sequence[str] | None) -> str | None:
    """None where one case has no verdict: it was not verified."""
    return " ".join(part for part in (outcome, status, ", ".join(failed or ())) if part) or None


def _compare_evidence(connection: duckdb.DuckDBPyConnection) -> Iterator[Changed]:
    """Numbers, not lists: whole days of evidence may be in one case alone."""
    (row,) = fetch(
        connection,
        """
        SELECT (SELECT count(*) FROM a_sighting ANTI JOIN b_sighting USING (observation_id)),
               (SELECT count(*) FROM b_sighting ANTI JOIN a_sighting USING (observation_id))
        """,
    )
    only_a, only_b = row
    if only_a:
        yield Changed("evidence", "only in A", "", "sightings", str(only_a), None)
    if only_b:
        yield Changed("evidence", "only in B", "", "sightings", None, str(only_b))


def _compare_detections(
    a: duckdb.DuckDBPyConnection, b: duckdb.DuckDBPyConnection
) -> Iterator[Changed]:
    sql = "SELECT detector, detector_version, outcome, gaps FROM detection"
    ran_a, ran_b = ({row[0]: row[1:] for row in fetch(side, sql)} for side in (a, b))
    for name in sorted({*ran_a, *ran_b}):
        before, after = _tell_run(ran_a.get(name)), _tell_run(ran_b.get(name))
        if before != after:
            yield Changed("coverage", _say(before, after), name, "detector", before, after)


def _tell_run(run: Sequence[Any] | None) -> str | None:
    if run is None:
        return None
    version, outcome, gaps = run
    told = [f"{number} × {reason}" for reason, number in json.loads(gaps)]
    return f"version {version}, " + ("; ".join(told) or outcome)


def _compare_quarantine(
    a: duckdb.DuckDBPyConnection, b: duckdb.DuckDBPyConnection
) -> Iterator[Changed]:
    sql = "SELECT reason, count(*) FROM quarantine GROUP BY 1"
    held_a, held_b = (dict(fetch(side, sql)) for side in (a, b))
    for reason in sorted({*held_a, *held_b}):
        before, after = held_a.get(reason), held_b.get(reason)
        if before != after:
            sides = (None if side is None else str(side) for side in (before, after))
            yield Changed("coverage", _say(before, after), reason, "quarantine", *sides)


def _compare_documents(connection: duckdb.DuckDBPyConnection) -> Iterator[Changed]:
    rows = fetch(
        connection,
        """
        SELECT coalesce(a.collateral_id, b.collateral_id) AS id, a.collateral_id IS NULL,
               a.name, b.name
        FROM a_document AS a FULL JOIN b_document AS b ON b.collateral_id = a.collateral_id
        WHERE a.collateral_id IS NULL OR b.collateral_id IS NULL ORDER BY id
        """,
    )
    for identity, is_new, before, after in rows:
        change: Change = "only in B" if is_new else "only in A"
        yield Changed("coverage", change, identity, "collateral", before, after)


def _read_as_of(connection: duckdb.DuckDBPyConnection) -> datetime | None:
    sql = "SELECT max(as_of) FROM verdict WHERE moment = 'hindsight'"
    moment: datetime | None = fetch(connection, sql)[0][0]
    return moment
