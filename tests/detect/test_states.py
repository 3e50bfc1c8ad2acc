"""States of findings over nights: what comes, stays, goes, returns, and who holds it down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from forensics.detect.catalog import load_catalog
from forensics.detect.findings import Finding, make_finding
from forensics.detect.states import Round, renew
from forensics.detect.suppressions import Suppression
from forensics.detect.triage import Word

DETECTOR = load_catalog()["debug-enclave"]
FIRST = datetime(2026, 1, 5, 2, tzinfo=UTC)


def night(number: int, **known: Any) -> Round:
    return Round(**{"at": at(number), "judged": {DETECTOR.id: 0}} | known)


def at(number: int) -> datetime:
    return FIRST + timedelta(days=number)


def find(subject: str = "enc-1", *sightings: str) -> Finding:
    row = {
        "subject_type": "enclave",
        "subject_id": subject,
        "first_seen": FIRST,
        "last_seen": FIRST,
        "observation_ids": list(sightings or ("a",)),
        "severity": "critical",
        "summary": "debug",
        "details": '{"tee":"sgx"}',
    }
    return make_finding(DETECTOR, row)


FOUND = find()
COVERING = Suppression("SUP-1", "test pool", "alice", at(99), {"fingerprint": FOUND.fingerprint})


def live(*nights: tuple[Sequence[Finding], Round]) -> list[Finding]:
    """One finding through nights: what each left of it."""
    seen: list[Finding] = []
    findings: list[Finding] = []
    for found, run in nights:
        findings = renew(found, findings, run)
        seen += findings
    assert len(seen) == len(nights)
    return seen


def states(*nights: tuple[Sequence[Finding], Round]) -> list[str]:
    return [finding.state for finding in live(*nights)]


def test_new_once_then_recurring_resolved_and_reopened() -> None:
    story = live(
        ([FOUND], night(0)),
        ([FOUND], night(1)),
        ([], night(2)),
        ([], night(3)),
        ([FOUND], night(4)),
        ([FOUND], night(5)),
    )
    assert [f.state for f in story] == [
        *("new", "recurring", "resolved", "resolved", "reopened", "recurring"),
    ]
    assert [f.state_since for f in story] == [at(0), at(1), at(2), at(2), at(4), at(5)]
    assert [f.opened_at for f in story] == [at(0)] * 4 + [at(4)] * 2


def test_a_state_is_as_old_as_its_first_night() -> None:
    nights = [([FOUND], night(number)) for number in range(4)]
    assert [f.state_since for f in live(*nights)] == [at(0), at(1), at(1), at(1)]


def test_a_recurring_finding_has_todays_words() -> None:
    [_, second] = live(([FOUND], night(0)), ([replace(FOUND, summary="worse")], night(1)))
    assert (second.state, second.summary) == ("recurring", "worse")


@pytest.mark.parametrize(
    "run",
    [
        pytest.param({"judged": {}, "blind": {DETECTOR.id}}, id="detector-blind"),
        pytest.param({"doubtful": {FOUND.fingerprint}}, id="may-be-what-was-not-judged"),
        pytest.param({"waiting": {FOUND.fingerprint}}, id="waits-for-a-feed"),
    ],
)
def test_what_was_not_judged_again_is_unobserved_and_stays_open(run: dict[str, Any]) -> None:
    nights = (([FOUND], night(0)), ([], night(1, **run)), ([], night(2, **run)))
    assert states(*nights) == ["new", "unobserved", "unobserved"]
    assert states(*nights, ([], night(3)))[-1] == "resolved"
    assert states(*nights, ([FOUND], night(3)))[-1] == "recurring"


def test_unobserved_has_a_cause_of_its_own() -> None:
    def by(number: int, cause: str, **known: Any) -> Round:
        def explain(_finding: Finding, found: bool) -> Any:
            asked.append((number, found))
            return cause

        return night(number, explain=explain, **known)

    asked: list[tuple[int, bool]] = []
    told = live(
        ([FOUND], by(0, "evidence")),
        ([], by(1, "detector", doubtful={FOUND.fingerprint})),
        ([FOUND], by(2, "collateral")),
        ([FOUND], by(3, "time")),
    )
    assert asked == [(0, True), (1, False), (2, True)]
    assert [(f.state, f.cause) for f in told] == [
        ("new", "evidence"),
        ("unobserved", "detector"),
        ("recurring", "collateral"),
        ("recurring", "collateral"),
    ]


def test_what_is_about_something_else_hides_nothing() -> None:
    gap = {"judged": {DETECTOR.id: 4}, "doubtful": {"another"}}
    assert states(([FOUND], night(0)), ([], night(1, **gap))) == ["new", "resolved"]


def test_a_detector_that_nobody_asked_changes_nothing() -> None:
    [first, second] = live(([FOUND], night(0)), ([], night(1, judged={"other": 0})))
    assert second == first


def test_a_resolved_finding_stays_so_while_its_detector_is_blind() -> None:
    blind = night(2, judged={}, blind={DETECTOR.id})
    assert states(([FOUND], night(0)), ([], night(1)), ([], blind))[-1] == "resolved"


def test_a_suppressed_finding_is_kept_and_returns_when_the_entry_ends() -> None:
    held = {"suppressions": (COVERING,)}
    story = live(
        ([FOUND], night(0)),
        ([FOUND], night(1, **held)),
        ([FOUND], night(2, **held)),
        ([FOUND], night(3)),
    )
    assert [f.state for f in story] == ["new", "suppressed", "suppressed", "reopened"]
    assert [f.suppression for f in story] == [None, "SUP-1", "SUP-1", None]
    assert [f.cause for f in story][1] == "suppression"


@pytest.mark.parametrize(
    ("blamed", "cause"), [("time", "suppression"), ("manifest", "suppression"), ("evidence",) * 2]
)
def test_the_end_of_a_suppression_is_a_cause_unless_there_is_new_evidence(
    blamed: Any, cause: str
) -> None:
    story = live(
        ([FOUND], night(0)),
        ([FOUND], night(1, suppressions=(COVERING,))),
        ([FOUND], night(2, explain=lambda _finding, _found: blamed)),
    )
    assert (story[-1].state, story[-1].cause) == ("reopened", cause)


def test_suppressed_from_the_first_night_it_is_new_when_the_entry_ends() -> None:
    held = night(0, suppressions=(COVERING,))
    assert states(([FOUND], held), ([FOUND], night(1))) == ["suppressed", "new"]


def test_suppressed_and_gone_is_resolved() -> None:
    held = {"suppressions": (COVERING,)}
    story = live(([FOUND], night(0, **held)), ([], night(1, **held)))
    assert [(f.state, f.suppression) for f in story] == [
        ("suppressed", "SUP-1"), ("resolved", None)
    ]  # fmt: skip


@pytest.mark.parametrize("state", ["closed", "false-positive"])
def test_closed_by_an_analyst_until_a_sighting_that_he_had_not_seen(state: str) -> None:
    words = {"words": {FOUND.fingerprint: Word(state, frozenset({"a"}))}}
    more = find("enc-1", "a", "b")
    story = live(
        ([FOUND], night(0)),
        ([FOUND], night(1, **words)),
        ([more], night(2, **words)),
        ([more], night(3, **words)),
    )
    assert [f.state for f in story] == ["new", "closed", "reopened", "recurring"]
    assert [f.triage for f in story] == [None, state, state, state]
    assert [f.cause for f in story] == ["evidence", "triage", "evidence", "evidence"]


def test_acknowledged_is_open() -> None:
    words = {FOUND.fingerprint: Word("acknowledged", frozenset({"a"}))}
    story = live(([FOUND], night(0)), ([FOUND], night(1, words=words)))
    assert (story[1].state, story[1].triage) == ("recurring", "acknowledged")


def test_findings_of_a_case_from_before_openings_were_kept() -> None:
    [after] = renew([FOUND], [replace(FOUND, state="recurring")], night(1))
    assert after.state == "recurring"
    [gone] = renew([], [replace(FOUND, state="recurring")], night(1))
    assert gone.state == "resolved"


def test_the_cause_is_asked_when_a_finding_comes_and_when_it_goes() -> None:
    def explain(_finding: Finding, found: bool) -> Any:
        return "detector" if found else "manifest"

    story = live(
        ([FOUND], night(0, explain=explain)),
        ([FOUND], night(1)),
        ([], night(2, explain=explain)),
        ([FOUND], night(3, explain=explain)),
    )
    assert [f.cause for f in story] == ["detector", "detector", "manifest", "detector"]
