"""What becomes of findings from run to run: their states.

    new ──► recurring ◄──► unobserved      open: somebody has to look
              │  ▲
              ▼  │ reopened
            resolved, closed, suppressed   not open

A finding that its detector no longer gives is resolved only when the detector judged all that it is
about again (`forensics.detect.doubts`); else it is unobserved, and stays open. Not looking is not
finding nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime

from forensics.detect.findings import OPEN, Cause, Finding, State, rank
from forensics.detect.suppressions import Suppression, suppress
from forensics.detect.triage import Word

Explain = Callable[[Finding, bool], Cause]


def _blame_evidence(_finding: Finding, _found: bool) -> Cause:
    return "evidence"


@dataclass(frozen=True, slots=True)
class Round:
    """What a run knows besides the findings that it gave.

    `judged`: what each detector that could look left unjudged, a count by id. `blind`: ids of those
    that could not look at all, or no longer exist. Findings of detectors in neither stay as they
    were: nobody asked. `doubtful` are fingerprints of findings that may be about what could not be
    judged, `waiting` of those that wait for a feed. `explain` says what changed a finding that is
    found (true) or gone (false).
    """

    at: datetime | None = None
    judged: Mapping[str, int] = field(default_factory=dict)
    blind: Set[str] = frozenset()
    doubtful: Set[str] = frozenset()
    waiting: Set[str] = frozenset()
    suppressions: tuple[Suppression, ...] = ()
    words: Mapping[str, Word] = field(default_factory=dict)
    explain: Explain = _blame_evidence


def renew(current: Iterable[Finding], previous: Iterable[Finding], run: Round) -> list[Finding]:
    """The findings after a run, ranked, each with its state against the run before."""
    known = {finding.fingerprint: finding for finding in previous}
    renewed = {f.fingerprint: _meet(f, known.get(f.fingerprint), run) for f in current}
    for old in known.values():
        if old.fingerprint not in renewed:
            renewed[old.fingerprint] = _miss(old, run)
    return rank(renewed.values())


def find_missed(current: Iterable[Finding], previous: Iterable[Finding]) -> list[Finding]:
    """The open findings that a run did not give."""
    given = {finding.fingerprint for finding in current}
    return [old for old in previous if old.state in OPEN and old.fingerprint not in given]


def _meet(found: Finding, old: Finding | None, run: Round) -> Finding:
    """A finding that the run gave."""
    word = run.words.get(found.fingerprint)
    rule = suppress(found, run.suppressions)
    found = replace(
        found,
        triage=word.state if word else None,
        suppression=rule.id if rule else None,
        unjudged=run.judged.get(found.detector, 0),
        opened_at=old.opened_at if old else None,
    )
    if rule:
        return _enter(found, old, "suppressed", run, "suppression")
    if word and word.closes(found.observation_ids):
        return _enter(found, old, "closed", run, "triage")
    if old is not None and old.state in OPEN:
        seen = old.state != "unobserved"
        return _enter(found, old, "recurring", run, old.cause if seen else run.explain(found, True))
    state: State = "new" if found.opened_at is None else "reopened"
    cause = run.explain(found, True)
    if old is not None and old.state == "suppressed" and cause != "evidence":
        cause = "suppression"  # it ended: nothing else brought the finding back
    return _enter(replace(found, opened_at=run.at), old, state, run, cause)


def _miss(old: Finding, run: Round) -> Finding:
    """An earlier finding that the run did not give."""
    if old.detector not in run.judged and old.detector not in run.blind:
        return old
    if old.detector in run.blind or old.fingerprint in run.doubtful | run.waiting:
        if old.state not in OPEN:
            return old
        return _enter(old, old, "unobserved", run, run.explain(old, False))
    if old.state == "resolved":
        return old
    return _enter(replace(old, suppression=None), old, "resolved", run, run.explain(old, False))


def _enter(
    finding: Finding, old: Finding | None, state: State, run: Round, cause: Cause | None
) -> Finding:
    if old is not None and old.state == state:
        return replace(finding, state=state, state_since=old.state_since, cause=old.cause)
    return replace(finding, state=state, state_since=run.at, cause=cause)
