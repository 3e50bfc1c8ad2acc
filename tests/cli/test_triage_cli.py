"""Analysts and suppressions on the real commands: what they say holds, and is in the ledger."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

AS_OF = ("--as-of", "2026-01-08T00:00:00Z")
REPLAY = "c34290a0dce733c8"
SUPPRESSION = """\
[[suppression]]
id = "SUP-1"
detector = "silent-enclave"
subject_id = "{subject}"
reason = "test pool"
owner = "alice@example.org"
expires = {expires}
"""


def find(records: list[dict[str, Any]], finding_id: str) -> dict[str, Any]:
    [row] = [row for row in records if row["finding_id"] == finding_id]
    return row


def test_a_word_closes_a_finding_and_stays_in_the_ledger(run, own_audited: Path):
    said = run(
        "triage", own_audited, REPLAY, "--state", "closed", "--note", "verifier replaced",
        "--now", "2026-01-08T09:00:00Z", "--format", "json",
    )  # fmt: skip
    assert said.code == 0
    assert [row["state"] for row in said.records] == ["closed"]
    again = run("detect", own_audited, *AS_OF, "--format", "json")
    closed = find(again.records, REPLAY)
    assert (closed["state"], closed["triage"], closed["cause"]) == ("closed", "closed", "triage")
    entry = json.loads((own_audited / "ledger" / "00000006.json").read_text())
    assert entry["action"] == "triage"
    assert entry["notes"]["note"] == "verifier replaced"
    assert entry["notes"]["fingerprint"] == closed["fingerprint"]
    words = run("sql", own_audited, "SELECT state, note FROM triage", "--format", "json").records
    assert words == [{"state": "closed", "note": "verifier replaced"}]
    assert run("custody", "verify", own_audited).code == 0


def test_the_last_word_counts(run, own_audited: Path):
    for state in ("false-positive", "open"):
        run("triage", own_audited, REPLAY, "--state", state, "--note", "hm")
    again = run("detect", own_audited, *AS_OF, "--format", "json")
    assert find(again.records, REPLAY)["state"] == "recurring"


def test_closed_findings_do_not_decide_the_exit_code(run, own_audited: Path):
    for row in run("findings", own_audited, "--format", "json").records:
        run("triage", own_audited, row["fingerprint"], "--state", "closed", "--note", "drill")
    assert run("detect", own_audited, *AS_OF).code == 0


@pytest.mark.parametrize(
    ("fingerprint", "note", "code"),
    [
        ("0" * 16, "why", "no-match"),
        (REPLAY[:7], "why", "no-match"),
        (REPLAY, " ", "bad-note"),
        (REPLAY, "x" * 5000, "bad-note"),
    ],
)
def test_what_cannot_be_triaged(run, audited: Path, fingerprint: str, note: str, code: str):
    result = run("triage", audited, fingerprint, "--state", "closed", "--note", note)
    assert result.code == 2
    assert f"[{code}]" in result.err


def test_only_news_decide_where_that_is_asked_for(run, own_audited: Path):
    assert run("detect", own_audited, *AS_OF, "--fail-on-new").code == 0
    assert run("detect", own_audited, *AS_OF).code == 1


def write_suppression(case: Path, expires: str, subject: str | None = None) -> Path:
    path = case / "findings" / "suppressions.toml"
    path.write_text(SUPPRESSION.format(subject=subject or "enc-nobody", expires=expires))
    return path


def silent_subject(run, case: Path) -> str:
    records = run("findings", case, "--detector", "silent-enclave", "--format", "json").records
    return str(records[0]["subject_id"])


def test_the_cases_own_file_is_used_and_its_hash_recorded(run, own_audited: Path):
    subject = silent_subject(run, own_audited)
    write_suppression(own_audited, "2026-02-01", subject)
    now = ("--now", "2026-01-09T00:00:00Z")
    result = run("detect", own_audited, *AS_OF, *now, "--format", "json")
    [row] = [row for row in result.records if row["detector"] == "silent-enclave"]
    assert (row["state"], row["suppression"]) == ("suppressed", "SUP-1")
    notes = json.loads((own_audited / "ledger" / "00000006.json").read_text())["notes"]
    assert len(notes["suppressions_sha256"]) == 64
    assert "suppression SUP-1" not in result.err
    assert "1 suppressed: 1 by suppression" in result.err
    assert run("custody", "verify", own_audited).code == 0


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ("2026-02-02T00:00:00Z", "SUP-1 has expired"),
        ("2026-01-30T00:00:00Z", "SUP-1 expires soon"),
        ("2026-01-10T00:00:00Z", "SUP-1 covers no finding"),
    ],
)
def test_what_has_to_be_done_about_a_file_is_said(run, own_audited: Path, now: str, said: str):
    write_suppression(own_audited, "2026-02-01")
    assert said in run("detect", own_audited, *AS_OF, "--now", now).err


def test_a_bad_file_stops_the_run(run, own_audited: Path, tmp_path: Path):
    bad = tmp_path / "bad.toml"
    bad.write_text("[[suppression]]\nid = 'x'\n")
    result = run("audit", own_audited, *AS_OF, "--suppressions", bad)
    assert result.code == 2
    assert "[bad-suppressions]" in result.err
    missing = run("detect", own_audited, *AS_OF, "--suppressions", tmp_path / "none.toml")
    assert (missing.code, "[unreadable-path]" in missing.err) == (2, True)
