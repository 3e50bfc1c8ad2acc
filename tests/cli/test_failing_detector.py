"""A detector that fails is no reason not to judge by the others, and no pass either."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from forensics.detect import detection

_REFUSED = (
    '{"timestamp":"2026-01-05T00:00:00Z","event_type":"enclave_attestation","event_id":"%s",'
    '"enclave_id":"%s","quote_status":"FAILED","mrenclave":"abc"}\n'
)


@pytest.fixture
def rules(run, tmp_path: Path) -> Path:
    """A detector whose rows no discriminator tells apart as soon as there are two."""
    assert run("detectors", "new", "acme-refusals", "--queries", tmp_path / "rules").code == 0
    path = tmp_path / "rules" / "own" / "acme-refusals.sql"
    text = path.read_text()
    assert "enclave_id AS subject_id" in text
    path.write_text(text.replace("enclave_id AS subject_id", "'all' AS subject_id"))
    return tmp_path / "rules"


@pytest.fixture
def audit(run, tmp_path: Path, rules: Path):
    (tmp_path / "logs").mkdir()

    def call(night: int):
        (tmp_path / "logs" / f"{night}.jsonl").write_text(_REFUSED % (f"e{night}", f"enc-{night}"))
        return run(
            "audit", tmp_path / "case", tmp_path / "logs", "--queries", rules,
            "--now", f"2026-01-1{night}T00:00:00Z", "--format", "json",
        )  # fmt: skip

    return call


def test_the_others_are_judged(run, audit, tmp_path: Path) -> None:
    first = audit(1)
    assert first.code == 0
    assert {row["detector"] for row in first.records} == {"acme-refusals", "malformed-claim"}
    second = audit(2)
    assert second.code == 2
    assert "failed: acme-refusals: own/acme-refusals.sql: two findings about" in second.err
    states = {(row["detector"], row["state"]) for row in second.records}
    others = {("malformed-claim", "recurring"), ("malformed-claim", "new")}
    assert states == {("acme-refusals", "unobserved"), *others}


def test_the_record_says_what_failed(run, audit, tmp_path: Path) -> None:
    audit(1)
    audit(2)
    record = json.loads((tmp_path / "case" / "findings" / "run.json").read_text())
    assert (record["exit_code"], record["reason"]) == (2, "detector-failed")
    [told] = [d for d in record["detectors"] if d["failure"]]
    assert (told["id"], told["evaluated"]) == ("acme-refusals", False)
    asked = "SELECT outcome, gaps FROM detection WHERE detector = 'acme-refusals'"
    [row] = run("sql", tmp_path / "case", asked, "--format", "json").records
    assert row == {"outcome": "not_evaluable", "gaps": '[["its query failed", 1]]'}


def test_one_command_says_so_as_well(run, audit, tmp_path: Path, rules: Path) -> None:
    audit(1)
    audit(2)
    result = run("detect", tmp_path / "case", "--queries", rules, "--fail-on", "low")
    assert result.code == 2
    assert "failed: acme-refusals" in result.err
    assert "malformed-claim" in result.out


def test_it_judges_again_when_it_can(audit, rules: Path) -> None:
    audit(1)
    audit(2)
    path = rules / "own" / "acme-refusals.sql"
    path.write_text(path.read_text().replace("'all' AS subject_id", "enclave_id AS subject_id"))
    third = audit(3)
    assert third.code == 0
    states = {
        (row["subject_id"], row["state"]) for row in third.records if "acme" in row["detector"]
    }
    assert states == {("all", "resolved"), *((f"enc-{night}", "new") for night in (1, 2, 3))}


def test_one_that_takes_the_database_with_it_fails_alone(
    run, audit, tmp_path: Path, rules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DuckDB's internal errors leave a connection on which nothing works, like a closed one."""
    first = audit(1)
    judged = detection.run_detector

    def judge(connection, detector, **known):
        if detector.id == "malformed-claim":
            connection.close()
        return judged(connection, detector, **known)

    monkeypatch.setattr(detection, "run_detector", judge)
    asked = ("detect", tmp_path / "case", "--queries", rules, "--full", "--format", "json")
    second = run(*asked)
    assert second.code == 2
    assert "failed: malformed-claim: " in second.err
    assert "Connection already closed" in second.err
    states = {(row["detector"], row["state"]) for row in second.records}
    assert states == {("acme-refusals", "recurring"), ("malformed-claim", "unobserved")}
    monkeypatch.undo()
    third = run(*asked)
    assert (third.code, len(third.records)) == (0, len(first.records))
    assert {row["state"] for row in third.records} == {"recurring"}
