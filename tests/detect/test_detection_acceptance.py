"""From bytes to findings: the simulator's fleets through ingest, verification and all detectors.

The cases of single detectors are rows; these are evidence, and hold the rows to what ingest and
verification really write.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from forensics.case.case import Case, create_case
from forensics.case.query import open_locked
from forensics.case.verification import verify_case
from forensics.detect.catalog import load_catalog
from forensics.detect.detection import Detection, detect
from forensics.detect.states import Round, renew
from forensics.formats.pem import split_pem
from forensics.simulate import simulate
from forensics.sources import ingest_paths

AS_OF = datetime(2026, 3, 1, tzinfo=UTC)
CATALOG = load_catalog()

Audited = tuple[Case, Detection, list[dict[str, Any]]]


def audit(folder: Path, **fleet: Any) -> Audited:
    """A simulated fleet as a verified case, what the detectors say, and the ground truth."""
    scenario = simulate(folder / "sim", **fleet)
    end = scenario.start + timedelta(days=scenario.days)
    anchors = [der for _, der in split_pem((folder / "sim" / "root_ca.pem").read_bytes())]
    case = create_case(folder / "case", name="sim", at=AS_OF, anchors=anchors)
    with case.writer(action="ingest", at=AS_OF, who="test") as writer:
        ingest_paths(writer, [folder / "sim" / "evidence"])
    verify_case(case, as_of=end, at=AS_OF, who="test", threads=2)
    detection = detect(open_locked(case, check_results=False), CATALOG, as_of=end)
    truth = json.loads((folder / "sim" / "truth.json").read_text())["findings"]
    return case, detection, truth


@pytest.fixture(scope="module")
def incidents(tmp_path_factory: pytest.TempPathFactory) -> Audited:
    return audit(tmp_path_factory.mktemp("incidents"))


def test_every_incident_is_found(incidents: Audited) -> None:
    case, detection, truth = incidents
    rows = open_locked(case, check_results=False).execute(
        "SELECT observation_id, event_id FROM observation"
    )
    event_of = dict(rows.fetchall())
    missed = []
    for wanted in truth:
        if wanted["detector"] not in CATALOG:
            continue
        told = [
            {event_of[seen] for seen in finding.observation_ids}
            for finding in detection.findings
            if finding.detector == wanted["detector"]
            and finding.severity == wanted["severity"]
            and (wanted["event_ids"] or finding.subject_id == wanted["subject_id"])
        ]
        events = set(wanted["event_ids"])
        if not any(events & seen if events else True for seen in told):
            missed.append((wanted["incident"], wanted["detector"], wanted["severity"]))
    assert missed == []


def test_every_detector_found_something(incidents: Audited) -> None:
    _, detection, _ = incidents
    # No evidence can break the custody of the case that it goes into.
    expected = set(CATALOG) - {"custody-break"}
    assert {finding.detector for finding in detection.findings} == expected


def test_a_changed_file_breaks_custody(tmp_path: Path) -> None:
    case, _, _ = audit(tmp_path, days=1, platforms=1, incidents=())
    [changed, *_] = case.files("nonce")
    data = changed.read_bytes()
    changed.write_bytes(data[:8] + bytes([data[8] ^ 1]) + data[9:])
    connection = open_locked(case, check_results=False, custody_problems=True)
    [finding] = detect(connection, CATALOG, as_of=AS_OF, chosen=["custody-break"]).findings
    assert (finding.severity, finding.subject_id) == (
        "critical",
        changed.relative_to(case.path).as_posix(),
    )
    assert json.loads(finding.details)["code"] == "file-changed"


def test_a_clean_month_is_quiet(tmp_path: Path) -> None:
    _, detection, _ = audit(tmp_path, days=30, incidents=())
    told = [(f.severity, f.detector, f.summary) for f in detection.findings]
    assert [line for line in told if line[0] in {"critical", "high"}] == []


def test_the_same_case_gives_the_same_findings(incidents: Audited) -> None:
    case, detection, _ = incidents
    assert detection.at is not None
    again = detect(open_locked(case, check_results=False), CATALOG, as_of=detection.at)
    assert again == detection
    run = Round(judged=dict.fromkeys(CATALOG, 0))
    states = {f.state for f in renew(again.findings, detection.findings, run)}
    assert states == {"recurring"}
