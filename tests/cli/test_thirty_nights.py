"""Thirty nights of a small fleet: every incident is new once, on its night, and ends when it ends.

The evidence of each day comes after midnight, and is judged at half past two. Some of what happened
is mended later: a log arrives late, a measurement is approved, an analyst closes a finding. Nights
without an incident are silent.
"""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from forensics.case.case import Case, open_case
from forensics.case.query import open_locked
from forensics.cli import steps
from forensics.cli.options import read_anchors
from forensics.detect.catalog import load_catalog
from forensics.detect.detection import Detection, detect
from forensics.detect.findings import Finding
from forensics.detect.store import load_detections, save_detection
from forensics.simulate import simulate

NIGHTS = 30
START = datetime(2026, 1, 5, tzinfo=UTC)
JUDGED_AT = timedelta(days=1, hours=2, minutes=30)  # after the beginning of the day
PATIENCE = timedelta(hours=6)
INCIDENTS = ("silent-enclave", "doppelganger", "trusted-rogue", "plain-replay")
DETECTORS = (
    *("silent-enclave", "doppelganger-quote", "policy-contradiction", "trusted-rogue"),
    "replayed-quote",
)
CATALOG = {name: detector for name, detector in load_catalog().items() if name in DETECTORS}
DAY = re.compile(r"2026-\d\d-\d\d")
MENDED = 2  # nights after an incident


class Fleet:
    """A simulated fleet whose evidence is handed over day by day."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        scenario = simulate(
            folder / "sim", seed=7, days=NIGHTS, platforms=1, start=START, incidents=INCIDENTS
        )
        # Single quotes and bundles have no day of their own.
        for name in ("quotes", "collateral/bundle_sgx.json", "collateral/bundle_tdx.json"):
            path = folder / "sim" / "evidence" / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.expected: dict[int, Counter[str]] = {}
        for truth in scenario.truths:
            if truth.detector in DETECTORS:
                night = (truth.at - START).days
                self.expected.setdefault(night, Counter())[truth.detector] += 1

    @property
    def manifest(self) -> Path:
        return self.folder / "sim" / "evidence" / "manifest.toml"

    def night_of(self, detector: str) -> int:
        [night] = [night for night, found in self.expected.items() if found[detector]]
        return night

    def files_of(self, night: int) -> list[Path]:
        """What was collected of a day; what has no date was there from the beginning."""
        day = (START + timedelta(days=night)).date()
        return sorted(
            path
            for path in (self.folder / "sim" / "evidence").rglob("*")
            if path.is_file() and self._day_of(path) in {day, None if night == 0 else day}
        )

    def _day_of(self, path: Path) -> date | None:
        found = DAY.search(str(path.relative_to(self.folder)))
        if found is None:
            return None
        return max(date.fromisoformat(found[0]), START.date())

    def attest_late(self, finding: Finding) -> Path:
        """The log line that was missing."""
        details = json.loads(finding.details)
        launched = datetime.fromisoformat(details["launched_at"])
        event = {
            "event_type": "enclave_attestation",
            "event_id": "late-1",
            "timestamp": (launched + timedelta(seconds=3)).isoformat(),
            "container_id": details["container_id"],
            "enclave_id": details["enclave_id"],
        }
        path = self.folder / "found-again.jsonl"
        path.write_text(json.dumps(event) + "\n")
        return path

    def approve(self, finding: Finding) -> Path:
        """The manifest with the measurement in it that was missing."""
        details = json.loads(finding.details)
        text = self.manifest.read_text()
        entry = f'allow = [\n  {{ mrenclave = "{finding.subject_id}" }},'
        head, workload, rest = text.partition(f'id = "{details["workload_id"]}"')
        path = self.folder / "approved.toml"
        path.write_text(head + workload + rest.replace("allow = [", entry, 1))
        return path


def live(fleet: Fleet, case: Case) -> Iterator[tuple[int, list[Finding]]]:
    """The findings after each night; what they say decides what is mended."""
    findings: dict[str, Finding] = {}
    for night in range(NIGHTS):
        sources = fleet.files_of(night)
        if night == fleet.night_of("silent-enclave") + MENDED:
            sources.append(fleet.attest_late(findings["silent-enclave"]))
        if night == fleet.night_of("doppelganger-quote") + MENDED:
            sources.append(fleet.approve(findings["doppelganger-quote"]))
        at = START + timedelta(days=night) + JUDGED_AT
        steps.ingest(case, sources, at, threads=1)
        steps.verify(case, at, at, threads=1)
        detection = judge(case, at)
        findings = {finding.detector: finding for finding in detection.findings}
        yield night, list(detection.findings)


def judge(case: Case, at: datetime) -> Detection:
    """All of `steps.detect`, but without going on from the night before."""
    connection = open_locked(case, check_results=False)
    before = load_detections(connection)
    detection = detect(connection, CATALOG, as_of=at, at=at, patience=PATIENCE)
    with case.writer(action="detect", at=at, who="test") as writer:
        save_detection(
            writer,
            detection.findings,
            detection.runs,
            before,
            as_of=at,
            evidence_entry=detection.evidence_entry,
            known_entry=detection.known_entry,
        )
    return detection


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> tuple[Fleet, list[list[Finding]]]:
    folder = tmp_path_factory.mktemp("nights")
    fleet = Fleet(folder)
    anchors = read_anchors([folder / "sim" / "root_ca.pem"], no_intel_root=True)
    case = steps.make_case(folder / "case", anchors, START)
    nights = [findings for _, findings in live(fleet, open_case(case.path))]
    return fleet, nights


Story = tuple[Fleet, list[list[Finding]]]


def came_into(nights: list[list[Finding]], *states: str) -> dict[int, Counter[str]]:
    """Night -> how many findings of each detector came into one of those states."""
    found: dict[int, Counter[str]] = {}
    for night, findings in enumerate(nights):
        at = START + timedelta(days=night) + JUDGED_AT
        told = Counter(f.detector for f in findings if f.state in states and f.state_since == at)
        if told:
            found[night] = told
    return found


def test_each_incident_is_new_exactly_once_on_its_night_and_other_nights_are_silent(
    story: Story,
) -> None:
    fleet, nights = story
    assert len(fleet.expected) >= 4
    assert came_into(nights, "new") == fleet.expected
    assert came_into(nights, "reopened", "unobserved") == {}


def test_an_incident_is_resolved_when_it_ends(story: Story) -> None:
    fleet, nights = story
    expected: dict[int, Counter[str]] = {}
    for detector, what in (("silent-enclave", 1), ("doppelganger-quote", 1)):
        night = fleet.night_of(detector) + MENDED
        expected.setdefault(night, Counter())[detector] += what
    night = fleet.night_of("policy-contradiction") + MENDED
    expected.setdefault(night, Counter())["policy-contradiction"] += 1
    assert came_into(nights, "resolved") == expected
    causes = {f.detector: f.cause for f in nights[-1] if f.state == "resolved"}
    assert causes == {
        "silent-enclave": "evidence",
        "doppelganger-quote": "manifest",
        "policy-contradiction": "manifest",
    }


def test_what_happened_and_was_not_mended_recurs_to_the_end(story: Story) -> None:
    fleet, nights = story
    lasting = {"replayed-quote", "trusted-rogue"}
    assert {f.detector for f in nights[-1] if f.state == "recurring"} == lasting
    for finding in nights[-1]:
        at = finding.opened_at
        assert at is not None
        assert (at - START - JUDGED_AT).days == fleet.night_of(finding.detector)


def test_fingerprints_stay(story: Story) -> None:
    _, nights = story
    known: dict[str, Any] = {}
    for findings in nights:
        now = {f.fingerprint: (f.detector, f.subject_id) for f in findings}
        assert known.items() <= now.items()
        known = now
