"""The main job on the sample, as a newcomer and as the nightly job would run it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "sample_data"
END_OF_SAMPLE = "2026-01-08T00:00:00Z"
TRUTH = json.loads((SAMPLE / "truth.json").read_text())
ROOT_CA = ("--root-ca", SAMPLE / "root_ca.pem")


def test_the_sample_gives_the_findings_of_its_truth(run, tmp_path: Path):
    result = run(
        "audit", tmp_path / "case", SAMPLE / "evidence", *ROOT_CA, "--as-of", END_OF_SAMPLE,
        "--format", "json",
    )  # fmt: skip
    assert result.code == 1
    alarms = [row for row in result.records if row["severity"] not in ("low", "info")]
    found = sorted((row["detector"], row["severity"]) for row in alarms)
    assert found == sorted((row["detector"], row["severity"]) for row in TRUTH["findings"])
    quiet = {row["detector"] for row in result.records if row not in alarms}
    assert quiet == {"known-exposure"}  # what the hosts are, not what happened to them
    assert {row["state"] for row in result.records} == {"new"}
    assert "verify: receipt verdicts" in result.err


def test_a_second_audit_reads_nothing_again_and_finds_the_same(run, tmp_path: Path):
    arguments = (tmp_path / "case", SAMPLE / "evidence", *ROOT_CA, "--as-of", END_OF_SAMPLE)
    first = run("audit", *arguments, "--format", "json")
    second = run("audit", *arguments, "--format", "json")
    assert second.code == 1
    assert "0 signatures verified" in second.err
    assert "0 sources, 0 new quotes" in second.err
    assert [row["finding_id"] for row in first.records] == [
        row["finding_id"] for row in second.records
    ]
    assert {row["state"] for row in second.records} == {"recurring"}


def test_single_steps_give_what_audit_gives(run, audited: Path, tmp_path: Path):
    case = tmp_path / "case"
    assert run("init", case, *ROOT_CA).code == 0
    assert run("ingest", case, SAMPLE / "evidence").code == 0
    assert run("verify", case, "--as-of", END_OF_SAMPLE).code == 0
    detected = run("detect", case, "--as-of", END_OF_SAMPLE, "--format", "json")
    assert detected.code == 1
    found, told = detected.records, run("findings", audited, "--format", "json").records
    for row in (*found, *told):
        row["state_since"] = row["opened_at"] = None  # when each ran
    assert found == told


def test_same_inputs_give_the_same_tables(run, tmp_path: Path):
    def build(name: str) -> dict[str, bytes]:
        case = tmp_path / name
        run(
            "audit", case, SAMPLE / "evidence", *ROOT_CA, "--as-of", END_OF_SAMPLE,
            "--now", "2026-01-09T00:00:00Z",
        )  # fmt: skip
        files = sorted((case / "tables").rglob("*.parquet"))
        return {str(file.relative_to(case)): file.read_bytes() for file in files}

    assert build("first") == build("second")


def test_judging_again_verifies_no_signature(run, own_audited: Path):
    result = run("verify", own_audited, "--as-of", "2026-01-07T00:00:00Z", "--format", "json")
    assert result.code == 0
    counts = {(row["what"], row["name"]): row["count"] for row in result.records}
    assert counts["signatures verified", "all"] == 0
    assert counts["hindsight verdicts", "accepted"] > 0


@pytest.mark.parametrize(
    ("fail_on", "code"), [("critical", 1), ("info", 1)], ids=["critical", "info"]
)
def test_fail_on_decides_the_exit_code(run, own_audited: Path, fail_on: str, code: int):
    result = run("detect", own_audited, "--as-of", END_OF_SAMPLE, "--fail-on", fail_on)
    assert result.code == code


def test_only_low_findings_exit_zero(run, tmp_path: Path):
    (tmp_path / "events.jsonl").write_text(
        '{"timestamp":"2026-01-05T00:00:00Z","event_type":"enclave_attestation",'
        '"event_id":"e1","mrenclave":"abc"}\n'
    )
    result = run("audit", tmp_path / "case", tmp_path / "events.jsonl", "--format", "json")
    assert result.code == 0
    assert [row["detector"] for row in result.records] == ["malformed-claim"]


def test_quarantine_exits_three_and_findings_outrank_it(run, tmp_path: Path):
    (tmp_path / "garbage.bin").write_bytes(b"\x00\x01nothing")
    assert run("audit", tmp_path / "a", tmp_path / "garbage.bin").code == 3
    both = run(
        "audit", tmp_path / "b", tmp_path / "garbage.bin", SAMPLE / "evidence", *ROOT_CA,
        "--as-of", END_OF_SAMPLE,
    )  # fmt: skip
    assert both.code == 1


def test_strict_makes_blindness_an_exit_code(run, tmp_path: Path):
    (tmp_path / "e.jsonl").write_text('{"timestamp":"2026-01-05T00:00:00Z","event_id":"e1"}\n')
    assert run("audit", tmp_path / "case", tmp_path / "e.jsonl").code == 0
    assert run("audit", tmp_path / "case", "--strict").code == 3


def test_a_launch_without_attestation_is_found_by_default(run, tmp_path: Path):
    """The default cut-off is now, so a window long closed is not mistaken for an open one."""
    (tmp_path / "launch.jsonl").write_text(
        '{"timestamp":"2026-01-05T00:00:00Z","event_type":"enclave_launch",'
        '"container_id":"c1","enclave_id":"e1","runtime":"ironclaw"}\n'
    )
    result = run("audit", tmp_path / "case", tmp_path / "launch.jsonl", "--format", "json")
    assert result.code == 1
    assert [row["detector"] for row in result.records] == ["silent-enclave"]


def test_an_audit_of_a_damaged_case_exits_four(run, audited: Path, tmp_path: Path):
    case = shutil.copytree(audited, tmp_path / "case")
    file = max((case / "tables" / "observation").rglob("*.parquet"))
    damaged = bytearray(file.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    file.write_bytes(damaged)
    result = run("audit", case)
    assert result.code == 4
    assert "[custody-broken]" in result.err
    assert file.name in result.err


def test_anchors_of_a_case_cannot_change(run, audited: Path, tmp_path: Path):
    case = shutil.copytree(audited, tmp_path / "case")
    other = tmp_path / "other"
    run("simulate", other, "--seed", "99", "--days", "1", "--platforms", "1", "--clean")
    result = run("audit", case, "--root-ca", other / "root_ca.pem")
    assert result.code == 2
    assert "[other-anchors]" in result.err
    assert run("audit", case, *ROOT_CA, "--as-of", END_OF_SAMPLE).code == 1
    result = run("audit", case, *ROOT_CA, "--no-intel-root")
    assert (result.code, "roots of the vendors" in result.err) == (2, True)
