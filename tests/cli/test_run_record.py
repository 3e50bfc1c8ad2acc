"""`run.json` and the exit code: what an audit saw, how it ended and why, also when it failed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from forensics.verify import multibuffer
from forensics.verify.engine import choose_engine

NOW = "2026-01-06T00:00:00Z"
MALFORMED = {
    "event_type": "enclave_attestation",
    "timestamp": "2026-01-05T10:00:00Z",
    "event_id": "e1",
    "enclave_id": "enc-1",
    "mrenclave": "abc",
}


def write(path: Path, *events: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    return path


def read(case: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((case / "findings" / "run.json").read_text())
    return document


@pytest.fixture(scope="module")
def quiet_case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A case with one low finding, audited once; tests must not change it."""
    from forensics.cli.main import main

    folder = tmp_path_factory.mktemp("quiet")
    logs = write(folder / "logs" / "kbs-2026-01-05.jsonl", MALFORMED)
    with pytest.MonkeyPatch.context() as patch:
        arguments = ["audit", str(folder / "case"), str(logs), "--now", NOW]
        patch.setattr("sys.argv", ["quote-forensics", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
    assert not stop.value.code
    return folder / "case"


def test_a_clean_run_says_all_that_it_did(run, quiet_case: Path):
    record = read(quiet_case)
    assert (record["exit_code"], record["reason"]) == (0, "clean")
    assert record["started_at"] == record["as_of"] == NOW
    assert record["versions"].keys() == {"python", "duckdb"}
    assert record["timings"].keys() == {"ingest", "verify", "detect", "total"}
    assert record["ingest"]["sources"] == 1
    [source] = record["ingest"]["new_sources"]
    assert source["path"].endswith("kbs-2026-01-05.jsonl")
    assert record["verify"]["signatures_verified"] == 0
    assert record["findings"] == [
        {"detector": "malformed-claim", "severity": "low", "state": "new", "count": 1}
    ]
    assert record["changes"] == [{"state": "new", "cause": "evidence", "count": 1}]
    [feed] = record["feeds"]
    assert (feed["view"], feed["events"]) == ("observation", 1)
    assert feed["feed"].endswith("/kbs-*.jsonl")
    assert feed["watermark"] == MALFORMED["timestamp"]
    blind = [d["id"] for d in record["detectors"] if not d["evaluated"]]
    assert "silent-enclave" in blind
    assert len(record["ledger"]["head_sha256"]) == 64


def test_it_says_which_engine_verified(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    logs = write(tmp_path / "logs" / "kbs.jsonl", MALFORMED)
    run("audit", tmp_path / "own", logs, "--now", NOW)
    assert read(tmp_path / "own")["verify"]["engine"] == choose_engine().name
    run("audit", tmp_path / "slow", logs, "--now", NOW, "--no-fast")
    assert read(tmp_path / "slow")["verify"]["engine"] == "openssl"
    monkeypatch.setattr(multibuffer, "load_library", lambda: None)
    absent = run("audit", tmp_path / "absent", logs, "--now", NOW)
    assert read(tmp_path / "absent")["verify"]["engine"] == "openssl"
    assert "crypto_mb" not in absent.err + absent.out


def test_the_run_is_in_the_ledger_too(run, quiet_case: Path):
    [row] = run("sql", quiet_case, "FROM run", "--format", "json").records
    record = read(quiet_case)
    shared = json.loads(row["record"])
    assert shared.items() <= record.items()
    assert record.keys() - shared.keys() == {"case", "ledger", "timings"}
    entries = sorted((quiet_case / "ledger").glob("*.json"))
    newest = json.loads(entries[-1].read_text())
    assert newest["action"] == "audit"
    notes = newest["notes"]
    assert (notes["exit_code"], notes["reason"]) == ("0", "clean")
    assert run("custody", "verify", quiet_case).code == 0


def test_a_damaged_case_leaves_a_record_and_no_entry(run, own_audited: Path):
    entries = len(list((own_audited / "ledger").glob("*.json")))
    table = max((own_audited / "tables" / "observation").rglob("*.parquet"))
    table.write_bytes(table.read_bytes()[:-1])
    assert run("audit", own_audited).code == 4
    record = read(own_audited)
    assert (record["exit_code"], record["reason"]) == (4, "custody-broken")
    assert len(list((own_audited / "ledger").glob("*.json"))) == entries


def test_wrong_usage_leaves_a_record(run, own_audited: Path, tmp_path: Path):
    assert run("audit", own_audited, tmp_path / "missing").code == 2
    assert (read(own_audited)["exit_code"], read(own_audited)["reason"]) == (2, "unreadable-path")


def test_a_run_that_was_killed_has_no_exit_code(own_audited: Path, monkeypatch, run):
    """The record is there before anything else is done; whoever reads it sees no old success."""
    from forensics.cli import steps

    def stop(_case: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(steps, "check_custody", stop)
    assert run("audit", own_audited).code == 130
    record = read(own_audited)
    assert record["exit_code"] is None
    assert record["message"] == "the audit has not ended"


def test_no_evidence_is_not_clean(run, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    result = run("audit", tmp_path / "case", tmp_path / "empty")
    assert result.code == 3
    assert read(tmp_path / "case")["reason"] == "no-evidence"


def test_what_nobody_could_read_is_not_clean_on_any_night(run, tmp_path: Path):
    junk = write(tmp_path / "logs" / "kbs.jsonl", "no event {\n")
    case = tmp_path / "case"
    assert run("audit", case, junk.parent).code == 3
    again = run("audit", case, junk.parent)  # nothing is new, and there is still nothing to judge
    assert again.code == 3
    assert read(case)["reason"] == "no-evidence"
    assert run("detect", case).code == 3


def test_sources_without_a_file_are_not_clean(run, tmp_path: Path):
    logs = write(tmp_path / "logs" / "kbs.jsonl", MALFORMED)
    case = tmp_path / "case"
    assert run("audit", case, logs, "--now", NOW).code == 0
    assert run("audit", case, logs, "--now", NOW).code == 0  # known, but there
    (tmp_path / "empty").mkdir()
    result = run("audit", case, tmp_path / "empty", "--now", NOW)
    assert (result.code, read(case)["reason"]) == (3, "no-sources")
    assert "exit 3: there is no file in the sources" in result.err


@pytest.mark.parametrize(("silence", "code"), [("13h", 3), ("14h", 0)])
def test_logs_that_stopped_coming_are_not_clean(run, tmp_path: Path, silence: str, code: int):
    logs = write(tmp_path / "logs" / "kbs.jsonl", MALFORMED)
    result = run(
        "audit", tmp_path / "case", logs, "--now", NOW, "--max-silence", silence
    )  # fmt: skip
    assert result.code == code
    assert read(tmp_path / "case")["reason"] == ("silence" if code else "clean")
