"""Findings with the sighting that they are about, ready to leave in any format."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from forensics.detect.catalog import Catalog
from forensics.detect.findings import OPEN, Finding, rank
from forensics.detect.store import load_findings
from forensics.formats.times import EPOCH

if TYPE_CHECKING:
    import duckdb

# What the log said of the sighting, what the quote says, and who saw it.
_LOGGED: Final = (
    *("observation_id", "event_id", "session_id", "timestamp", "received_at", "quote_id"),
    *("enclave_id", "workload_id", "node_id", "container_id", "peer", "claimed_mrenclave"),
    *("claimed_mrsigner", "claimed_isv_prodid", "claimed_isv_svn", "claimed_quote_status"),
    *("claimed_pck_cert_status", "claimed_tcb_level", "claimed_policy_mode", "sgx_extensions"),
    *("backend_verifier", "siem_forwarded"),
)
_QUOTED: Final = ("tee", "mrenclave", "mrsigner", "isv_prodid", "isv_svn", "mrtd", "fmspc", "debug")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A finding, and its last sighting: columns of `observation`, those of `quote` below `quote`.

    `seen` and `quote` are empty where the finding is about something that nobody saw.
    """

    finding: Finding
    question: str = ""
    why: str = ""
    folder: str = ""
    seen: Mapping[str, Any] = field(default_factory=dict)
    quote: Mapping[str, Any] = field(default_factory=dict)

    @property
    def details(self) -> dict[str, Any]:
        document = json.loads(self.finding.details)
        return document if isinstance(document, dict) else {}

    @property
    def is_open(self) -> bool:
        return self.finding.state in OPEN

    @property
    def created(self) -> datetime:
        """When this finding came to be: its opening, its state, its evidence; else the epoch."""
        finding = self.finding
        times = (finding.opened_at, finding.state_since, finding.last_seen, finding.first_seen)
        return next((at for at in times if at is not None), EPOCH)

    def name(self, column: str) -> str | None:
        """Who it is about: from the sighting, else from the details, else the subject."""
        value = self.seen.get(column) or self.details.get(column)
        if value is None and self.finding.subject_type == column.removesuffix("_id"):
            value = self.finding.subject_id
        return None if value is None else str(value)


def load_outgoing(connection: duckdb.DuckDBPyConnection, catalog: Catalog) -> list[Outgoing]:
    """All findings of the case, ranked."""
    sightings = _load_sightings(connection)
    return [
        _make(finding, catalog, sightings.get(finding.fingerprint, {}))
        for finding in rank(load_findings(connection))
    ]


def select_changed(outgoing: Iterable[Outgoing], at: datetime) -> list[Outgoing]:
    """Those that came into their state in the run at `at`."""
    return [item for item in outgoing if item.finding.changed_at(at)]


def _make(finding: Finding, catalog: Catalog, row: Mapping[str, Any]) -> Outgoing:
    detector = catalog.get(finding.detector)
    seen = {name: row[name] for name in _LOGGED if row.get(name) is not None}
    quoted = {name: row[f"quoted_{name}"] for name in _QUOTED if row.get(f"quoted_{name}")}
    if detector is None:
        return Outgoing(finding, seen=seen, quote=quoted)
    return Outgoing(finding, detector.question, detector.why, detector.folder, seen, quoted)


def _load_sightings(connection: duckdb.DuckDBPyConnection) -> dict[str, Mapping[str, Any]]:
    logged = ", ".join(f'o."{name}"' for name in _LOGGED)
    quoted = ", ".join(f'q."{name}" AS "quoted_{name}"' for name in _QUOTED)
    relation = connection.sql(
        f"""
        SELECT f.fingerprint, {logged}, {quoted}
        FROM finding AS f
        JOIN observation AS o ON o.observation_id = f.observation_ids[-1]
        LEFT JOIN quote AS q ON q.quote_id = o.quote_id
        ORDER BY f.fingerprint
        """
    )
    rows: list[dict[str, Any]] = relation.to_arrow_table().to_pylist()
    return {row["fingerprint"]: row for row in rows}
