"""Simulated evidence through the whole toolkit: every label found, nothing else, and peace."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from forensics.case.case import create_case
from forensics.case.connection import connect
from forensics.case.verification import verify_case
from forensics.detect.catalog import load_catalog
from forensics.detect.findings import Finding
from forensics.detect.run import run_detector
from forensics.formats.pem import split_pem
from forensics.simulate import simulate
from forensics.sources import ingest_paths

RUN_AT = datetime(2026, 6, 1, tzinfo=UTC)
ALARMING = ("high", "critical")

Row = dict[str, Any]


class Audit:
    """One simulated directory, ingested, verified and searched."""

    def __init__(self, directory: Path, **arguments: Any) -> None:
        self.scenario = simulate(directory / "fleet", **arguments)
        self.truths: list[Row] = json.loads((directory / "fleet" / "truth.json").read_text())[
            "findings"
        ]
        pem = (directory / "fleet" / "root_ca.pem").read_bytes()
        roots = [der for _, der in split_pem(pem)]
        case = create_case(directory / "case", name="simulated", at=RUN_AT, anchors=roots)
        with case.writer(action="ingest", at=RUN_AT, who="test") as writer:
            ingest_paths(writer, [directory / "fleet" / "evidence"])
        end = self.scenario.start + timedelta(days=self.scenario.days)
        verify_case(case, as_of=end, at=RUN_AT, who="test", threads=2)
        self.connection = connect(case)
        catalog = load_catalog()
        self.detectors = set(catalog)
        runs = [run_detector(self.connection, d, as_of=end) for d in catalog.values()]
        self.findings = [finding for run in runs for finding in run.findings]
        self.event_ids = dict(
            self.connection.execute("SELECT observation_id, event_id FROM observation").fetchall()
        )

    def concerns(self, finding: Finding, truth: Row) -> bool:
        """Do they share an event or the subject?"""
        events = {self.event_ids.get(name) for name in finding.observation_ids}
        return bool(events & set(truth["event_ids"])) or finding.subject_id == truth["subject_id"]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    return Audit(tmp_path_factory.mktemp("full"))


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    return Audit(tmp_path_factory.mktemp("clean"), days=30, incidents=())


def test_every_label_that_a_detector_exists_for_is_found(full: Audit) -> None:
    missed = [
        (truth["incident"], truth["detector"], truth["severity"])
        for truth in full.truths
        if truth["detector"] in full.detectors
        and not any(
            finding.detector == truth["detector"]
            and finding.severity == truth["severity"]
            and full.concerns(finding, truth)
            for finding in full.findings
        )
    ]
    assert missed == []


def test_every_alarm_belongs_to_an_incident(full: Audit) -> None:
    unexplained = [
        (finding.detector, finding.subject_id, finding.summary)
        for finding in full.findings
        if finding.severity in ALARMING
        and not any(full.concerns(finding, truth) for truth in full.truths)
    ]
    assert unexplained == []


def test_a_healthy_month_raises_no_alarm(clean: Audit) -> None:
    alarms = [
        (finding.detector, finding.subject_id, finding.summary)
        for finding in clean.findings
        if finding.severity in ALARMING
    ]
    assert alarms == []


@pytest.mark.parametrize("audit", ["full", "clean"])
def test_all_simulated_evidence_is_readable(audit: str, request: pytest.FixtureRequest) -> None:
    connection = request.getfixturevalue(audit).connection

    assert connection.execute("SELECT * FROM quarantine").fetchall() == []


def test_healthy_quotes_are_accepted_at_receipt(clean: Audit) -> None:
    rows = clean.connection.execute(
        "SELECT DISTINCT v.outcome, v.status FROM verdict AS v JOIN observation AS o"
        " ON o.observation_id = v.observation_id"
        " WHERE v.moment = 'receipt' AND o.event_type IS NOT NULL"
    ).fetchall()

    assert set(rows) == {("accepted", "UpToDate"), ("accepted", "SWHardeningNeeded")}
