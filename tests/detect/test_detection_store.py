"""Findings in a real case: written by a commit, read back through its views."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from forensics.case.case import Case, create_case
from forensics.case.query import open_locked
from forensics.case.settings import load_intel_root
from forensics.detect.catalog import load_catalog
from forensics.detect.findings import Finding, make_finding
from forensics.detect.run import DetectorRun, Gap
from forensics.detect.store import load_detections, load_findings, save_detection
from forensics.errors import CustodyError

CATALOG = load_catalog()
AT = datetime(2026, 1, 5, 10, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return create_case(tmp_path / "case", name="c", at=AT, anchors=[load_intel_root()])


def find(subject: str) -> Finding:
    return make_finding(
        CATALOG["debug-enclave"],
        {
            "subject_type": "enclave",
            "subject_id": subject,
            "first_seen": AT,
            "last_seen": None,
            "observation_ids": ["a", "b"],
            "severity": "critical",
            "summary": "debug ‖ \x1b[31m",
            "details": '{"tee":"sgx"}',
        },
    )


def run(detector: str, *gaps: Gap, evaluated: bool = True) -> DetectorRun:
    return DetectorRun(CATALOG[detector], {}, evaluated, (), gaps)


def save(case: Case, findings: list[Finding], runs: list[DetectorRun]) -> None:
    previous = load_detections(open_locked(case, check_results=False))
    with case.writer(action="detect", at=AT, who="test") as writer:
        save_detection(writer, findings, runs, previous)


def test_findings_come_back_as_they_were(case: Case) -> None:
    kept = [find("enc-1"), replace(find("enc-2"), state="resolved")]
    save(case, kept, [run("debug-enclave")])
    loaded = load_findings(open_locked(case, check_results=False))
    assert sorted(loaded, key=lambda f: f.subject_id) == kept
    assert {f.first_seen.tzinfo for f in loaded if f.first_seen} == {UTC}


def test_a_commit_replaces_all_findings(case: Case) -> None:
    save(case, [find("enc-1")], [])
    save(case, [find("enc-2")], [])
    [left] = load_findings(open_locked(case, check_results=False))
    assert left.subject_id == "enc-2"
    assert len(case.files("finding")) == 1


def test_a_case_without_detection_has_no_findings(case: Case) -> None:
    connection = open_locked(case, check_results=False)
    assert load_findings(connection) == []
    assert load_detections(connection) == []


def test_the_newest_run_of_each_detector_is_kept(case: Case) -> None:
    save(case, [], [run("debug-enclave"), run("svn-rollback", Gap("no rows in quote", 1))])
    save(case, [], [run("debug-enclave", Gap("why", 4), evaluated=False)])
    rows = load_detections(open_locked(case, check_results=False))
    assert [(r["detector"], r["outcome"], r["unjudged"], r["gaps"]) for r in rows] == [
        ("debug-enclave", "not_evaluable", 4, '[["why", 4]]'),
        ("svn-rollback", "evaluated", 1, '[["no rows in quote", 1]]'),
    ]


def test_a_run_comes_back_with_what_the_next_one_needs(case: Case) -> None:
    run = DetectorRun(
        CATALOG["debug-enclave"],
        {"window": timedelta(minutes=5)},
        True,
        (find("enc-1"), find("enc-2")),
        (),
        full_because=None,
        observations_read=7,
        cut_off=AT,
        waiting=(find("enc-3"),),
    )
    with case.writer(action="detect", at=AT, who="test") as writer:
        save_detection(
            writer,
            run.findings,
            [run],
            bases={"debug-enclave": '{"entry": 2}', "svn-rollback": "{}"},
            as_of=AT + timedelta(hours=1),
            evidence_entry=3,
            known_entry=2,
        )
    [row] = load_detections(open_locked(case, check_results=False))
    assert row == {
        "detector": "debug-enclave",
        "detector_version": CATALOG["debug-enclave"].version,
        "sql_sha256": CATALOG["debug-enclave"].sql_sha256,
        "params": '{"window": "300s"}',
        "outcome": "evaluated",
        "findings": 2,
        "unjudged": 0,
        "gaps": "[]",
        "mode": "incremental",
        "mode_reason": None,
        "observations_read": 7,
        "basis": '{"entry": 2}',
        "cut_off": AT,
        "waiting": 1,
        "as_of": AT + timedelta(hours=1),
        "evidence_entry": 3,
        "known_entry": 2,
    }


def test_a_run_of_which_nothing_is_known_leaves_nothing_to_go_on_from(case: Case) -> None:
    save(case, [], [run("debug-enclave")])
    [row] = load_detections(open_locked(case, check_results=False))
    assert (row["basis"], row["as_of"]) == (None, None)
    assert (row["evidence_entry"], row["known_entry"]) == (0, 0)


@pytest.mark.parametrize("wrong", [{"state": "gone"}, {"cause": "weather"}])
def test_a_state_that_this_tool_does_not_write_is_refused(
    case: Case, wrong: dict[str, Any]
) -> None:
    save(case, [replace(find("enc-1"), **wrong)], [])
    with pytest.raises(CustodyError, match=next(iter(wrong.values()))) as caught:
        load_findings(open_locked(case, check_results=False))
    assert caught.value.code == "bad-findings"
