"""Findings: what detectors say, with an identity that outlives the run that said it.

The fingerprint is the SHA-256 over detector, version of its fingerprint rule, subject and
discriminator; times, paths, wording and severity are left out, so that tomorrow's run recognises
today's finding.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

from forensics.case.contract import REFERENCE_PAGE
from forensics.detect.detector import SEVERITIES, Detector
from forensics.errors import DetectorError

State = Literal["new", "recurring", "reopened", "unobserved", "resolved", "suppressed", "closed"]
Cause = Literal["evidence", "time", "manifest", "collateral", "detector", "suppression", "triage"]
STATES: Final = get_args(State)
OPEN: Final = frozenset({"new", "recurring", "reopened", "unobserved"})
NEWLY_OPEN: Final = frozenset({"new", "reopened"})
_NOT_GIVEN: Final = frozenset({"unobserved", "resolved"})
_RANK: Final = {severity: rank for rank, severity in enumerate(SEVERITIES)}
_ID_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of the view `finding`; `details` is JSON text, times are UTC."""

    finding_id: str
    fingerprint: str
    detector: str
    detector_version: int
    title: str
    severity: str
    subject_type: str
    subject_id: str
    first_seen: datetime.datetime | None
    last_seen: datetime.datetime | None
    observation_ids: tuple[str, ...]
    summary: str
    details: str
    state: State = "new"
    state_since: datetime.datetime | None = None
    opened_at: datetime.datetime | None = None
    cause: Cause | None = None
    suppression: str | None = None
    triage: str | None = None
    unjudged: int | None = None

    @property
    def reference(self) -> str:
        """Where the detector is described: logic, harmless causes, blind spots."""
        return f"{REFERENCE_PAGE}#{self.detector}"

    def changed_at(self, moment: datetime.datetime | None) -> bool:
        """Whether it came into its state in the run at `moment`; to recur is no change."""
        return self.state_since == moment and self.state != "recurring"


def make_finding(detector: Detector, row: Mapping[str, object]) -> Finding:
    """A query's row as a finding, or `DetectorError` (`detector-output`) when it is none.

    First and last sighting may be null, where the evidence has no time; nothing else may.
    """
    subject_type = _text(detector, row, "subject_type")
    subject_id = _text(detector, row, "subject_id")
    severity = _text(detector, row, "severity")
    if severity not in _RANK or _RANK[severity] < _RANK[detector.severity]:
        raise _output_error(detector, f"severity {severity!r}, at most {detector.severity!r}")
    details = _text(detector, row, "details")
    mark = fingerprint(detector, subject_type, subject_id, details)
    return Finding(
        finding_id=mark[:_ID_DIGITS],
        fingerprint=mark,
        detector=detector.id,
        detector_version=detector.version,
        title=detector.title,
        severity=severity,
        subject_type=subject_type,
        subject_id=subject_id,
        first_seen=_time(detector, row, "first_seen"),
        last_seen=_time(detector, row, "last_seen"),
        observation_ids=_ids(detector, row),
        summary=_text(detector, row, "summary"),
        details=details,
    )


def fingerprint(detector: Detector, subject_type: str, subject_id: str, details: str) -> str:
    """64 hex digits that name a finding in every run."""
    try:
        values = json.loads(details)
    except ValueError as error:
        raise _output_error(detector, "details is not JSON") from error
    if not isinstance(values, dict):
        raise _output_error(detector, "details is not a JSON object")
    identity = [
        detector.id,
        detector.fingerprint_version,
        subject_type,
        subject_id,
        [values.get(key) for key in detector.discriminator],
    ]
    return hashlib.sha256(json.dumps(identity, separators=(",", ":")).encode()).hexdigest()


def was_given(finding: Finding) -> bool:
    """Whether its detector gave it in the run that left it in this state."""
    return finding.state not in _NOT_GIVEN


def as_found(finding: Finding) -> Finding:
    """A stored finding as its detector gave it, without what runs and people added."""
    return replace(
        finding,
        state="new",
        state_since=None,
        opened_at=None,
        cause=None,
        suppression=None,
        triage=None,
        unjudged=None,
    )


def rank(findings: Iterable[Finding]) -> list[Finding]:
    """Most severe first, then by detector and subject: a total and repeatable order."""
    return sorted(
        findings,
        key=lambda f: (_RANK[f.severity], f.detector, f.subject_type, f.subject_id, f.fingerprint),
    )


def _text(detector: Detector, row: Mapping[str, object], column: str) -> str:
    value = row[column]
    if not isinstance(value, str):
        raise _output_error(detector, f"{column} is {value!r}, not a text")
    return value


def _time(detector: Detector, row: Mapping[str, object], column: str) -> datetime.datetime | None:
    value = row[column]
    if value is None:
        return None
    if not isinstance(value, datetime.datetime) or value.tzinfo is None:
        raise _output_error(detector, f"{column} is {value!r}, not a time with a zone")
    return value.astimezone(datetime.UTC)


def _ids(detector: Detector, row: Mapping[str, object]) -> tuple[str, ...]:
    value = row["observation_ids"]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _output_error(detector, "observation_ids is not a list of ids")
    return tuple(value)


def _output_error(detector: Detector, problem: str) -> DetectorError:
    return DetectorError("detector-output", f"{detector.path}: {problem}")
