"""A second log of the same deliveries, by a gateway that knows less: it hides nothing."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from forensics.case.case import Case, create_case
from forensics.case.query import open_locked
from forensics.detect.detection import Detection
from forensics.detect.detector import SEVERITIES
from forensics.formats.pem import split_pem
from forensics.simulate import simulate
from tests.detect.test_incremental import START, judge_twice, read_lines

CLOCKS = ("timestamp", "received_at", "verified_at")
SOONER = timedelta(milliseconds=5)


def tell_less(line: str) -> str:
    """What a gateway logs of an attestation, a moment before its verifier does; else nothing."""
    event = json.loads(line)
    if event["event_type"] != "enclave_attestation" or not event.get("quote"):
        return ""
    less = {name: event[name] for name in ("event_type", "quote")}
    for name in CLOCKS:
        if name in event:
            less[name] = (datetime.fromisoformat(event[name]) - SOONER).isoformat()
    return json.dumps(less) + "\n"


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> tuple[Case, list[Detection]]:
    """A fleet with all incidents, then the gateway's log; each is held against a full run."""
    folder = tmp_path_factory.mktemp("second logs")
    simulate(folder / "fleet")
    gateway = folder / "gateway.jsonl"
    logs = sorted((folder / "fleet/evidence/events").iterdir())
    gateway.write_text("".join(tell_less(line) for log in logs for line in read_lines(log)))
    (_, root), *_ = split_pem((folder / "fleet/root_ca.pem").read_bytes())
    case = create_case(folder / "case", name="twice", at=START, anchors=[root])
    parts = [[folder / "fleet/evidence"], [gateway]]
    days = [START + timedelta(days=7 + number) for number in range(len(parts))]
    return case, [judge_twice(case, paths, day) for paths, day in zip(parts, days, strict=True)]


def weigh(detection: Detection) -> dict[tuple[str, str, str], int]:
    """The gravest severity of each detector and subject; 0 is the gravest."""
    found: dict[tuple[str, str, str], int] = {}
    for run in detection.runs:
        for finding in run.findings:
            key = (finding.detector, finding.subject_type, finding.subject_id)
            rank = SEVERITIES.index(finding.severity)
            found[key] = min(found.get(key, rank), rank)
    return found


def test_nothing_is_found_no_more_or_graver_before(nights: tuple[Case, list[Detection]]) -> None:
    alone, both = map(weigh, nights[1])
    assert len(alone) > 100
    hidden = {key for key, severity in alone.items() if both.get(key, 9) > severity}
    assert hidden == set()


def test_the_log_that_knows_more_is_no_repetition(nights: tuple[Case, list[Detection]]) -> None:
    connection = open_locked(nights[0], check_results=False)
    [(poor, rich)] = connection.execute(
        "SELECT count(*) FILTER (WHERE o.node_id IS NULL AND r.showing = 1), "
        "count(*) FILTER (WHERE o.node_id IS NOT NULL AND r.showing = 2) "
        "FROM reshown AS r JOIN observation AS o ON o.observation_no = r.observation_no "
        "WHERE r.trusted_showing = 1"
    ).fetchall()
    assert min(poor, rich) > 100
