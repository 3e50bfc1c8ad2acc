"""Findings for a page: each with the two facts that cannot both be right, and its sightings."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from forensics.detect.catalog import Catalog
from forensics.detect.findings import NEWLY_OPEN, OPEN, Finding, rank
from forensics.detect.sides import SUBJECT, Sides
from forensics.detect.store import load_findings
from forensics.report.explanation import compare_claims

if TYPE_CHECKING:
    import duckdb

Row = dict[str, Any]

SHOWN = 100  # findings, most severe first
_SIGHTINGS = 6  # of each


# Why a finding came into its state, by what the view `finding` calls it.
BLAME = {
    "evidence": "the world: evidence",
    "time": "the world: time that passed",
    "manifest": "what we know of it: a manifest",
    "collateral": "what we know of it: collateral",
    "detector": "the tool: a detector, its parameters or the version changed",
    "suppression": "people: a suppression",
    "triage": "people: triage",
}

# What sightings of one piece of evidence should have in common, or explain.
_CONTEXT = ("received_at", "enclave_id", "node_id", "peer", "session_id", "nonce", "quote_id")


@dataclass(frozen=True)
class Conflict:
    """One fact, as two sides give it."""

    fact: str
    one: str
    one_value: object
    other: str
    other_value: object


@dataclass(frozen=True)
class Told:
    """A finding with its conflicts, its details as (key, value), and its first sightings."""

    finding: Finding
    conflicts: tuple[Conflict, ...]
    details: tuple[tuple[str, object], ...]
    sightings: tuple[Row, ...]

    @property
    def why(self) -> str:
        """What brought it into its state."""
        return BLAME[self.finding.cause or "evidence"]

    @property
    def more_sightings(self) -> int:
        return len(self.finding.observation_ids) - len(self.sightings)


@dataclass(frozen=True)
class Findings:
    """`told` are the first of all `total` active ones; `inactive` counts the rest by state.

    `news` counts what the newest run opened: by state and by what brought it.
    """

    told: tuple[Told, ...]
    total: int
    severities: tuple[tuple[str, int], ...]
    detectors: tuple[tuple[str, str, int], ...]
    inactive: tuple[tuple[str, int], ...]
    news: tuple[tuple[str, str, int], ...]


def read_findings(connection: duckdb.DuckDBPyConnection, catalog: Catalog) -> Findings:
    """The active findings, most severe first, with both sides of each."""
    findings = rank(load_findings(connection))
    active = [finding for finding in findings if finding.state in OPEN]
    shown = active[:SHOWN]
    wanted = {identity for finding in shown for identity in _choose(finding)}
    sightings = _read_sightings(connection, sorted(wanted))
    severities = Counter(finding.severity for finding in active)
    detectors = Counter((finding.severity, finding.detector) for finding in active)
    inactive = Counter(f.state for f in findings if f.state not in OPEN)
    news = Counter((f.state, BLAME[f.cause or "evidence"]) for f in active if f.state in NEWLY_OPEN)
    return Findings(
        told=tuple(_tell(finding, _find_sides(finding, catalog), sightings) for finding in shown),
        total=len(active),
        severities=tuple(severities.items()),
        detectors=tuple((*key, number) for key, number in detectors.items()),
        inactive=tuple(sorted(inactive.items())),
        news=tuple((*key, number) for key, number in sorted(news.items())),
    )


def read_told(connection: duckdb.DuckDBPyConnection, finding_id: str, catalog: Catalog) -> Told:
    """One finding of the case, active or not, with both sides of it."""
    [finding] = (f for f in load_findings(connection) if f.finding_id == finding_id)
    sightings = _read_sightings(connection, sorted(_choose(finding)))
    return _tell(finding, _find_sides(finding, catalog), sightings)


def _find_sides(finding: Finding, catalog: Catalog) -> Sides | None:
    detector = catalog.get(finding.detector)
    return detector.sides if detector else None


def _choose(finding: Finding) -> Sequence[str]:
    """The first sightings and the last: a story has a beginning and an end."""
    identities = finding.observation_ids
    if len(identities) <= _SIGHTINGS:
        return identities
    return (*identities[: _SIGHTINGS - 1], identities[-1])


def _tell(finding: Finding, sides: Sides | None, sightings: Mapping[str, Row]) -> Told:
    details = json.loads(finding.details)
    seen = [sightings[identity] for identity in _choose(finding) if identity in sightings]
    return Told(
        finding=finding,
        conflicts=tuple(_find_conflicts(finding, sides, details, seen)),
        details=tuple(sorted(details.items())) if isinstance(details, dict) else (),
        sightings=tuple(seen),
    )


def _find_conflicts(
    finding: Finding, sides: Sides | None, details: Row, seen: Sequence[Row]
) -> list[Conflict]:
    """What the detector says are the sides, and what the sightings themselves contradict.

    Where it says nothing, the sightings alone count: what was claimed, and what we say of it.
    """
    conflicts = []
    if sides:
        known = {**details, SUBJECT: finding.subject_id}
        one, other = known.get(sides.one.key), _or_never(known.get(sides.other.key))
        conflicts.append(Conflict(sides.fact, sides.one.words, one, sides.other.words, other))
    if finding.subject_type in ("signing_event", "signed_region") and len(seen) > 1:
        first, last = seen[0], seen[-1]
        conflicts += [
            Conflict(name, "first seen with", first[name], "again with", last[name])
            for name in _CONTEXT
            if first[name] != last[name]
        ]
    facts = _compare(seen[-1]) if seen else []
    told = [fact for fact in facts if fact["conflict"]]
    if not (told or conflicts):
        told = facts[-2:]  # what was claimed against what we say of it
    label = "the verifier logged", "the evidence gives"
    conflicts += [
        Conflict(fact["fact"], label[0], fact["claimed"], label[1], fact["evidence"])
        for fact in told
    ]
    return conflicts


def _or_never(value: object) -> object:
    return "never" if value is None else value


def _compare(row: Row) -> list[Row]:
    verdicts = {
        moment: {
            "outcome": row[f"{moment}_outcome"],
            "status": row[f"{moment}_status"],
            "failed_checks": row[f"{moment}_failed"],
        }
        for moment in ("receipt", "hindsight")
        if row[f"{moment}_outcome"] is not None
    }
    return compare_claims(row, row if row["quote_id"] else None, verdicts)


def _read_sightings(
    connection: duckdb.DuckDBPyConnection, identities: Sequence[str]
) -> dict[str, Row]:
    """Observations by id, each with what its quote says and both verdicts."""
    if not identities:
        return {}
    relation = connection.sql(
        """
        SELECT o.*, q.mrenclave, q.mrsigner, q.isv_prodid, q.isv_svn, q.report_data,
               r.outcome AS receipt_outcome, r.status AS receipt_status,
               r.failed_checks AS receipt_failed,
               h.outcome AS hindsight_outcome, h.status AS hindsight_status,
               h.failed_checks AS hindsight_failed
        FROM observation AS o
        LEFT JOIN quote AS q ON q.quote_id = o.quote_id
        LEFT JOIN verdict AS r ON r.observation_id = o.observation_id AND r.moment = 'receipt'
        LEFT JOIN verdict AS h ON h.observation_id = o.observation_id AND h.moment = 'hindsight'
        WHERE o.observation_id IN (SELECT unnest($wanted::VARCHAR[]))
        ORDER BY o.observation_no
        """,
        params={"wanted": list(identities)},
    )
    return {row["observation_id"]: row for row in relation.to_arrow_table().to_pylist()}
