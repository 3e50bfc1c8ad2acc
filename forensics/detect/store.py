"""Findings in the case: read with the views, replaced whole by one commit of the ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

import duckdb

from forensics.case.tables import DETECTION, FINDING
from forensics.detect.findings import Cause, Finding, State
from forensics.detect.run import DetectorRun
from forensics.errors import CustodyError

if TYPE_CHECKING:
    import pyarrow as pa

Outcome = Literal["evaluated", "not_evaluable"]

_TIMES = [column.name for column in FINDING.columns if column.type == "time"]


class TableWriter(Protocol):
    """What this module needs of a case's writer."""

    def replace_table(self, name: str, data: pa.Table, /) -> None: ...


def load_findings(connection: duckdb.DuckDBPyConnection) -> list[Finding]:
    """The findings of the run before, in no particular order.

    Raises `CustodyError` (`bad-findings`) when the stored state is none that this tool writes.
    """
    rows = connection.sql(f"SELECT {', '.join(FINDING.names)} FROM finding").to_arrow_table()
    return [_read(row) for row in rows.to_pylist()]


def load_detections(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """The newest run of each detector, by id, as rows of the view `detection`."""
    relation = connection.sql(
        f"SELECT {', '.join(DETECTION.names)} FROM detection ORDER BY detector"
    )
    rows: list[dict[str, Any]] = relation.to_arrow_table().to_pylist()
    return rows


def save_detection(
    writer: TableWriter,
    findings: Sequence[Finding],
    runs: Sequence[DetectorRun],
    previous: Sequence[dict[str, Any]] = (),
    bases: Mapping[str, str] | None = None,
    *,
    as_of: datetime | None = None,
    evidence_entry: int = 0,
    known_entry: int = 0,
) -> None:
    """Replace the case's findings, and what it knows of each detector's newest run.

    `findings` are all there are, renewed (`forensics.detect.states.renew`). `previous` are the
    detections so far: those of detectors that are not among `runs` stay. `bases` say, by detector,
    what the next run can go on from. `as_of` is the cut-off of the run, `evidence_entry` the
    newest ledger entry with evidence, `known_entry` the one whose feeds were waited for.
    """
    import pyarrow as pa

    save_findings(writer, findings)
    detections = {row["detector"]: row for row in previous}
    seen = {"as_of": as_of, "evidence_entry": evidence_entry, "known_entry": known_entry}
    for run in runs:
        basis = (bases or {}).get(run.detector.id)
        detections[run.detector.id] = describe_run(run) | seen | {"basis": basis}
    table = pa.Table.from_pylist(
        [detections[name] for name in sorted(detections)], schema=DETECTION.arrow_schema()
    )
    writer.replace_table("detection", table)


def save_findings(writer: TableWriter, findings: Sequence[Finding]) -> None:
    """Replace the case's findings."""
    import pyarrow as pa

    rows = [{name: getattr(f, name) for name in FINDING.names} for f in findings]
    writer.replace_table("finding", pa.Table.from_pylist(rows, schema=FINDING.arrow_schema()))


def describe_run(run: DetectorRun) -> dict[str, Any]:
    """One row of the view `detection`."""
    outcome: Outcome = "evaluated" if run.evaluated else "not_evaluable"
    return {
        "detector": run.detector.id,
        "detector_version": run.detector.version,
        "sql_sha256": run.detector.sql_sha256,
        "params": run.params_json,
        "outcome": outcome,
        "findings": len(run.findings),
        "unjudged": run.unjudged,
        "gaps": json.dumps([[gap.reason, gap.count] for gap in run.gaps]),
        "mode": run.mode,
        "mode_reason": run.full_because,
        "observations_read": run.observations_read,
        "basis": None,
        "cut_off": run.cut_off,
        "waiting": len(run.waiting),
    }


def _read(row: dict[str, Any]) -> Finding:
    if row["state"] not in get_args(State):
        raise CustodyError("bad-findings", f"a stored finding has the state {row['state']!r}")
    if row["cause"] is not None and row["cause"] not in get_args(Cause):
        raise CustodyError("bad-findings", f"a stored finding has the cause {row['cause']!r}")
    known = {name: row[name] for name in FINDING.names}
    known |= {name: _utc(row[name]) for name in _TIMES}
    return Finding(**known | {"observation_ids": tuple(row["observation_ids"])})


def _utc(value: datetime | None) -> datetime | None:
    return None if value is None else value.astimezone(UTC)
