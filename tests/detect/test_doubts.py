"""Whether a finding that is gone may be about what could not be judged."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from forensics.detect import doubts
from forensics.detect.cases import Bench
from forensics.detect.catalog import load_catalog
from forensics.detect.detector import Detector
from forensics.detect.doubts import find_doubtful
from forensics.detect.findings import Finding
from forensics.detect.run import DetectorRun

CATALOG = load_catalog()
BOUND = CATALOG["report-data-mismatch"]
LATE = CATALOG["late-nonce"]
COMPOSITE = CATALOG["composite-evidence-missing"]
SILENT = CATALOG["silent-enclave"]
AT = datetime(2026, 1, 5, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


def tell(name: str, result: str) -> dict[str, list[dict[str, Any]]]:
    """A sighting whose binding has this result; its name is a hex digit."""
    line = {"observation_id": name.rjust(40, "0"), "source_line": int(name, 16)}
    seen = line | {"quote_id": f"quote-{name}", "enclave_id": f"enc-{name}", "received_at": AT}
    bound = {"workload_id": "w", "rule": "r", "result": result}
    return {
        "observation": [seen],
        "quote": [{"quote_id": f"quote-{name}", "trusted": True, "report_data": "00"}],
        "binding": [bound | {"observation_id": line["observation_id"]}],
    }


def judge(bench: Bench, detector: Detector, *parts: dict[str, list[dict[str, Any]]]) -> DetectorRun:
    rows = {view: [row for part in parts for row in part.get(view, [])] for view in detector.inputs}
    return bench.run(detector, {}, rows)


def subjects(run: DetectorRun) -> list[str]:
    return sorted(finding.subject_id for finding in run.findings)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def found(bench: Bench) -> list[Finding]:
    """Findings about two sightings; of a third nothing could be told."""
    parts = [tell("a", "mismatch"), tell("b", "mismatch"), tell("c", "not_evaluable")]
    run = judge(bench, BOUND, *parts)
    assert (subjects(run), run.unjudged) == (["enc-a", "enc-b"], 1)
    return sorted(run.findings, key=lambda finding: finding.subject_id)


def doubt(bench: Bench, run: DetectorRun, missed: list[Finding]) -> set[str]:
    doubtful = find_doubtful(bench.connection, [run], missed)
    return {finding.subject_id for finding in missed if finding.fingerprint in doubtful}


def test_as_much_that_is_not_judged_may_be_something_else(
    bench: Bench, found: list[Finding]
) -> None:
    parts = [tell("a", "not_evaluable"), tell("b", "match"), tell("c", "match")]
    run = judge(bench, BOUND, *parts)
    assert run.unjudged == 1
    assert doubt(bench, run, found) == {"enc-a"}


def test_more_that_is_not_judged_may_be_about_something_else(
    bench: Bench, found: list[Finding]
) -> None:
    new = [tell(name, "not_evaluable") for name in "def"]
    run = judge(bench, BOUND, tell("a", "match"), tell("b", "match"), *new)
    assert run.unjudged == 3
    assert doubt(bench, run, found) == set()


def test_when_too_much_would_have_to_be_asked_the_rest_is_doubtful(
    bench: Bench, found: list[Finding], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doubts, "_QUESTIONS", 2)  # of both, and of the first
    run = judge(bench, BOUND, tell("a", "not_evaluable"), tell("b", "match"))
    assert doubt(bench, run, found) == {"enc-a", "enc-b"}


def test_the_events_of_its_sightings_are_asked(bench: Bench) -> None:
    seen = tell("a", "match")["observation"][0] | {"nonce": "01", "claimed_ok": True}
    seen |= {"event_type": "enclave_attestation", "backend_verifier": "v"}
    issue = {"nonce": "01", "timestamp": AT - 2 * HOUR, "source_id": "s", "issuer": "i"}
    expired = {"observation": [seen], "nonce": [issue | {"expires_at": AT - HOUR}]}
    run = judge(bench, LATE, expired)
    assert subjects(run) == ["enc-a"]
    again = {"observation": [], "nonce": [issue | {"issuer": "j", "expires_at": None}]}
    now = judge(bench, LATE, expired, again)
    assert (len(now.findings), now.unjudged) == (0, 1)
    assert doubt(bench, now, list(run.findings)) == {"enc-a"}
    other = {"observation": [seen | tell("b", "match")["observation"][0] | {"nonce": "02"}]}
    other |= {"nonce": [issue | {"nonce": "02", "expires_at": None}]}
    now = judge(bench, LATE, {"observation": [seen], "nonce": [issue | {"expires_at": AT}]}, other)
    assert (len(now.findings), now.unjudged) == (0, 1)
    assert doubt(bench, now, list(run.findings)) == set()


def test_of_a_finding_without_sightings_the_events_of_its_subject_are_asked(bench: Bench) -> None:
    launch = {"container_id": "ctr-1", "runtime": "ironclaw", "timestamp": AT}
    launched = {"launch": [launch | {"expects_attestation": True, "source_id": "s"}]}
    run = judge(bench, SILENT, launched)
    assert subjects(run) == ["ctr-1"]
    assert run.findings[0].observation_ids == ()
    unnamed = {"launch": [launched["launch"][0] | {"container_id": None}]}
    quiet = {"launch": [launched["launch"][0] | {"expects_attestation": False}]}
    now = judge(bench, SILENT, quiet, unnamed)
    assert now.unjudged == 1
    assert doubt(bench, now, list(run.findings)) == set()
    untimed = {"launch": [launched["launch"][0] | {"timestamp": None}]}
    now = judge(bench, SILENT, quiet, untimed)
    assert now.unjudged == 1
    assert doubt(bench, now, list(run.findings)) == {"ctr-1"}


def test_what_is_counted_whatever_the_evidence_is_about_no_finding(bench: Bench) -> None:
    seen = {"observation_id": "a", "event_type": "enclave_attestation", "workload_id": "w"}
    bare = {"observation": [seen], "workload": [{"workload_id": "w", "evidence": ["gpu"]}]}
    run = judge(bench, COMPOSITE, bare)
    assert len(run.findings) == 1
    npu = [{"workload_id": "w", "evidence": ["npu"]}]  # nobody knows how to look for it
    now = judge(bench, COMPOSITE, bare | {"workload": npu})
    assert (len(now.findings), now.unjudged) == (0, 1)
    assert doubt(bench, now, list(run.findings)) == set()


def test_where_the_counts_fail_everything_is_doubtful(bench: Bench, found: list[Finding]) -> None:
    run = judge(bench, BOUND, tell("a", "match"), tell("b", "match"))
    blindness = replace(BOUND.not_evaluable[0], count="SELECT count(nothing) FROM binding")
    run = replace(run, detector=replace(BOUND, not_evaluable=(blindness,)))
    assert doubt(bench, run, found) == {"enc-a", "enc-b"}


def test_the_views_are_as_before(bench: Bench, found: list[Finding]) -> None:
    run = judge(bench, BOUND, tell("a", "not_evaluable"))
    doubt(bench, run, found)
    count = "SELECT count(*) FROM observation"
    assert bench.connection.execute(count).fetchall() == [(1,)]
