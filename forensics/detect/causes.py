"""Why a finding came or went: because the world changed, because we know more, or by the tool.

The world is the evidence, and time that passed; what we know is the manifest and the collateral,
which judge history again; the tool is a detector whose query or parameters changed, or that is new.
The newest ledger entry with evidence at that time says what a run saw.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from forensics.case.ledger import TOOL_VERSION
from forensics.detect.parameters import AS_OF

if TYPE_CHECKING:
    import duckdb

    from forensics.detect.findings import Cause, Finding
    from forensics.detect.run import DetectorRun

MANIFEST_VIEWS: Final = {"reference_value", "workload", "policy", "listed_platform", "binding"}
COLLATERAL_VIEWS: Final = {
    "certificate",
    "check_result",
    "collateral",
    "crl",
    "tcb_component",
    "verdict",
}
MANIFEST_KINDS: Final = {"manifest"}
COLLATERAL_KINDS: Final = {"collateral", "tcb_info", "qe_identity", "crl", "certificates"}


def newest_entry(connection: duckdb.DuckDBPyConnection) -> int:
    """The newest ledger entry that brought evidence; 0 when there is none."""
    rows = connection.execute("SELECT coalesce(max(ledger_entry), 0) FROM source").fetchall()
    return int(rows[0][0])


class Explainer:
    """Tells what changed a finding since its detector ran before."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        runs: Iterable[DetectorRun],
        before: Sequence[Mapping[str, Any]],
    ) -> None:
        """`before` are the rows of the view `detection` from before this run."""
        self._connection = connection
        self._sightings: dict[str, int] | None = None
        self._runs = {run.detector.id: run for run in runs}
        self._before = {row["detector"]: row for row in before}
        entries = [row["evidence_entry"] or 0 for row in before]
        self._earliest, self._covered = min(entries, default=0), max(entries, default=0)

    def __call__(self, finding: Finding, found: bool) -> Cause:
        if not self._before:
            return "evidence"  # the very first run: nothing was different before
        before = self._before.get(finding.detector)
        entry = self._covered if before is None else before["evidence_entry"] or 0
        cut_off = None if before is None else before["cut_off"]
        if found and self._is_new_evidence(finding, entry, cut_off):
            return "evidence"
        run = self._runs.get(finding.detector)
        if run is None or before is None or _differs(run, before):
            return "detector"
        return self._blame_input(run, entry)

    def _is_new_evidence(self, finding: Finding, entry: int, cut_off: datetime | None) -> bool:
        if finding.observation_ids:
            sightings = self._new_sightings()
            return any(sightings.get(name, 0) > entry for name in finding.observation_ids)
        seen = finding.first_seen
        return seen is not None and cut_off is not None and seen > cut_off

    def _new_sightings(self) -> dict[str, int]:
        """The ledger entry of each observation that some detector had not seen before."""
        if self._sightings is None:
            rows = self._connection.execute(
                """
                SELECT o.observation_id, s.ledger_entry
                FROM observation AS o
                JOIN source AS s ON s.source_id = o.source_id
                WHERE s.ledger_entry > $entry
                """,
                {"entry": self._earliest},
            ).fetchall()
            self._sightings = dict(rows)
        return self._sightings

    def _blame_input(self, run: DetectorRun, entry: int) -> Cause:
        rows = self._connection.execute(
            "SELECT DISTINCT kind FROM source WHERE ledger_entry > $entry ORDER BY kind",
            {"entry": entry},
        ).fetchall()
        kinds = {kind for (kind,) in rows}
        inputs = set(run.detector.inputs)
        if kinds & MANIFEST_KINDS and inputs & MANIFEST_VIEWS:
            return "manifest"
        if kinds & COLLATERAL_KINDS and inputs & COLLATERAL_VIEWS:
            return "collateral"
        return "evidence" if kinds else "time"


def _differs(run: DetectorRun, before: Mapping[str, Any]) -> bool:
    """Another tool or query, another version of it, or other parameters (the cut-off aside)."""
    if before["basis"] and json.loads(before["basis"]).get("tool", TOOL_VERSION) != TOOL_VERSION:
        return True
    now, then = json.loads(run.params_json), json.loads(before["params"])
    now.pop(AS_OF, None)
    then.pop(AS_OF, None)
    return (run.detector.sql_sha256, now) != (before["sql_sha256"], then)
