"""What a detection says about itself, and which detectors it runs; findings have other tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from forensics.case.case import Case, create_case
from forensics.case.query import open_locked
from forensics.case.settings import load_intel_root
from forensics.detect.catalog import load_catalog
from forensics.detect.detection import Detection, detect, select
from forensics.detect.findings import OPEN, Finding, make_finding
from forensics.detect.run import DetectorRun, Gap
from forensics.detect.store import load_detections, save_detection
from forensics.errors import UsageError
from forensics.sources import ingest_paths

CATALOG = load_catalog()
CLAIM, SILENT = CATALOG["malformed-claim"], CATALOG["silent-enclave"]
AT = datetime(2026, 1, 5, 2, tzinfo=UTC)


def find(**changes: Any) -> Finding:
    row = {
        "subject_type": "enclave",
        "subject_id": "enc",
        "first_seen": AT,
        "last_seen": AT,
        "observation_ids": [],
        "severity": "low",
        "summary": "",
        "details": "{}",
    }
    return replace(make_finding(CLAIM, row), **changes)


def run(*gaps: Gap, **known: Any) -> DetectorRun:
    return DetectorRun(CLAIM, {}, **{"evaluated": True, "findings": (), "gaps": gaps} | known)


GAP = Gap("no rows in quote", 1)


@pytest.mark.parametrize(
    ("runs", "has_evidence", "incomplete", "blind"),
    [
        ([run()], True, False, False),
        ([run()], False, False, True),
        ([], True, False, True),
        ([run(), run(GAP)], True, True, False),
        ([run(), run(waiting=(find(),))], True, True, False),
        ([run(), run(GAP, evaluated=False)], True, True, False),
        ([run(GAP, evaluated=False)], True, True, True),
    ],
)
def test_whether_everything_was_judged_or_anything(
    runs: Sequence[DetectorRun], has_evidence: bool, incomplete: bool, blind: bool
) -> None:
    detection = Detection((), tuple(runs), has_evidence=has_evidence)
    assert (detection.incomplete, detection.blind) == (incomplete, blind)


def test_a_detection_knows_its_gaps_failures_and_open_findings() -> None:
    failed = run(GAP, evaluated=False, failure="why")
    states = ("new", "reopened", "recurring", "unobserved", "resolved", "suppressed", "closed")
    detection = Detection(tuple(find(state=state) for state in states), (run(), failed))
    assert detection.not_evaluable == (failed,)
    assert detection.failures == {CLAIM.id: "why"}
    assert [finding.state for finding in detection.open_findings] == list(states[:4])
    assert set(states[:4]) == OPEN


def test_the_stable_ones_are_run_or_those_that_are_chosen_in_the_order_of_the_catalogue() -> None:
    draft = replace(SILENT, status="draft")
    catalog = {CLAIM.id: CLAIM, draft.id: draft, "late-nonce": CATALOG["late-nonce"]}
    assert [detector.id for detector in select(catalog)] == [CLAIM.id, "late-nonce"]
    assert select(catalog, [draft.id, CLAIM.id]) == [CLAIM, draft]
    with pytest.raises(UsageError, match="there is no detector 'no-such'") as caught:
        select(catalog, [CLAIM.id, "no-such"])
    assert caught.value.code == "no-such-detector"


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """One launch an hour ago that nobody attested, and one malformed claim."""
    case = create_case(tmp_path / "case", name="c", at=AT, anchors=[load_intel_root()])
    at = (AT - timedelta(hours=1)).isoformat()
    (tmp_path / "a.jsonl").write_text(
        f'{{"event_type":"enclave_launch","enclave_id":"quiet","timestamp":"{at}"}}\n'
        f'{{"event_type":"enclave_attestation","enclave_id":"loud","timestamp":"{at}",'
        '"mrenclave":"abc"}\n'
    )
    with case.writer(action="ingest", at=AT, who="test") as writer:
        ingest_paths(writer, [tmp_path / "a.jsonl"])
    return case


def judge(case: Case, *names: str, **how: Any) -> tuple[Detection, list[tuple[int, int]]]:
    """One detection, kept in the case, and the progress that it reported."""
    connection = open_locked(case, check_results=False)
    progress: list[tuple[int, int]] = []
    detection = detect(
        connection,
        {name: CATALOG[name] for name in names},
        as_of=AT,
        progress=lambda done, total: progress.append((done, total)),
        **how,
    )
    before = load_detections(connection)
    with case.writer(action="detect", at=AT, who="test") as writer:
        save_detection(writer, detection.findings, detection.runs, before, as_of=AT)
    return detection, progress


def test_a_detector_that_is_no_longer_there_leaves_its_findings_open(case: Case) -> None:
    both, progress = judge(case, CLAIM.id, SILENT.id)
    assert [f.state for f in both.findings] == ["new", "new"]
    assert progress == [(1, 2), (2, 2)]
    assert (both.at, both.evidence_entry, both.known_entry, both.blind) == (AT, 2, 0, False)
    assert {run.full_because for run in both.runs} == {"asked for"}
    chosen, _ = judge(case, CLAIM.id, SILENT.id, chosen=[CLAIM.id], at=AT + timedelta(hours=2))
    assert {f.detector: f.state for f in chosen.findings} == {
        CLAIM.id: "recurring",
        SILENT.id: "new",
    }
    assert [f.state_since for f in chosen.findings if f.state == "recurring"] == [chosen.at]
    without, _ = judge(case, CLAIM.id)
    assert {f.detector: f.state for f in without.findings} == {
        CLAIM.id: "recurring",
        SILENT.id: "unobserved",
    }


def test_an_empty_case_is_nothing_to_judge(tmp_path: Path) -> None:
    case = create_case(tmp_path / "case", name="c", at=AT, anchors=[load_intel_root()])
    detection, _ = judge(case, CLAIM.id)
    assert (detection.has_evidence, detection.blind) == (False, True)
