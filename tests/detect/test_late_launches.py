"""Launches that are logged after the night of their evidence, which should have bound them."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from forensics.case.case import create_case
from forensics.detect.detection import Detection
from forensics.formats.pem import split_pem
from tests.detect.test_incremental import SAMPLE, START, judge_twice, modes, read_lines

CONTAINER = "ctr-18bbd53a6551"  # of the sample; its evidence is accepted
OTHER_STATE = "00" * 32
RULED = ("trusted-rogue", "report-data-mismatch")


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> list[Detection]:
    return play_nights(tmp_path_factory.mktemp("late launches"))


def play_nights(folder: Path, *, leave_out: str = "") -> list[Detection]:
    """A night that lacks the launch of one container, one with a launch of it in another state, and
    one with the launch in the state that the evidence binds; each is held against a full run.
    """
    (_, root), *_ = split_pem((SAMPLE / "root_ca.pem").read_bytes())
    case = create_case(folder / "case", name="late", at=START, anchors=[root])
    (folder / "first").mkdir()
    launch: dict[str, object] = {}
    for log in sorted((SAMPLE / "evidence/events").iterdir()):
        kept = []
        for line in read_lines(log):
            event = json.loads(line)
            names = event["event_type"], event.get("container_id")
            if names == ("enclave_launch", CONTAINER):
                launch = event
            else:
                kept.append(line)
        (folder / "first" / log.name.removesuffix(".gz")).write_text("".join(kept))
    evidence = [
        path
        for path in sorted((SAMPLE / "evidence").iterdir())
        if path.name not in {"events", leave_out}
    ]
    for name, event in (("second", launch | {"initial_state": OTHER_STATE}), ("third", launch)):
        (folder / f"{name}.jsonl").write_text(json.dumps(event) + "\n")
    parts = [[folder / "first", *evidence], [folder / "second.jsonl"], [folder / "third.jsonl"]]
    days = [START + timedelta(days=7 + number) for number in range(len(parts))]
    return [judge_twice(case, paths, day) for paths, day in zip(parts, days, strict=True)]


def count_by_launch(detection: Detection, detector: str) -> int:
    [run] = [run for run in detection.runs if run.detector.id == detector]
    return sum(json.loads(finding.details)["by_launch"] for finding in run.findings)


@pytest.mark.parametrize("detector", RULED)
def test_a_late_launch_in_another_state_accuses_known_evidence(
    nights: list[Detection], detector: str
) -> None:
    counts = [count_by_launch(detection, detector) for detection in nights]
    assert counts[0] == 0
    assert counts[1] > 0
    assert counts[2] == 0  # it was launched in that state as well


def test_nothing_else_is_read_for_it(nights: list[Detection]) -> None:
    found = {modes(detection)[detector] for detection in nights[1:] for detector in RULED}
    assert found == {"incremental"}


def test_so_do_the_counts_of_what_cannot_be_judged(tmp_path: Path) -> None:
    counts = []
    for detection in play_nights(tmp_path, leave_out="collateral"):
        [run] = [run for run in detection.runs if run.detector.id == "trusted-rogue"]
        counts.append({gap.reason: gap.count for gap in run.gaps})
    reason = "REPORT_DATA does not match, and no collateral covers the moment"
    before, accused, cleared = (count.get(reason, 0) for count in counts)
    assert before == cleared < accused
