"""`--on-finding` with real programs: once per finding, tried again, recorded."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from forensics.cli import containment
from forensics.cli.containment import split_command
from forensics.errors import UsageError

NOW = ("--now", "2026-01-06T00:00:00Z")
LAUNCH = {
    "event_type": "enclave_launch",
    "timestamp": "2026-01-05T10:00:00Z",
    "container_id": "c1",
    "enclave_id": "enc $(touch x)",
    "runtime": "ironclaw",
}
KEEPER = """\
import json, pathlib, sys
seen = pathlib.Path(sys.argv[1])
calls = seen.read_text().splitlines() if seen.exists() else []
seen.write_text("\\n".join([*calls, json.dumps(json.load(sys.stdin))]) + "\\n")
sys.stderr.write("no luck")
sys.exit(1 if len(calls) < int(sys.argv[2]) else 0)
"""


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containment, "PAUSE", 0.0)


@pytest.fixture
def keeper(tmp_path: Path) -> Path:
    path = tmp_path / "a keeper.py"
    path.write_text(KEEPER)
    return path


def audit(run, folder: Path, command: str, *events: dict[str, Any]):
    logs = folder / "logs"
    logs.mkdir(exist_ok=True)
    for event in events or (LAUNCH,):
        text = json.dumps(event) + "\n"
        (logs / f"{event['container_id']}.jsonl").write_text(text)
    return run("audit", folder / "case", logs, *NOW, "--on-finding", command)


def command_for(keeper: Path, seen: Path, failures: int = 0) -> str:
    return f'"{sys.executable}" "{keeper}" "{seen}" {failures}'


def calls_of(seen: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in seen.read_text().splitlines()] if seen.exists() else []


def journal(run, case: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = run("sql", case, "FROM notification", "--format", "json").records
    return rows


def test_each_finding_is_handed_over_once(run, tmp_path: Path, keeper: Path):
    seen = tmp_path / "seen"
    command = command_for(keeper, seen)
    assert audit(run, tmp_path, command).code == 1
    [finding] = calls_of(seen)
    assert finding["detector"] == "silent-enclave"
    assert finding["state"] == "new"
    assert finding["details"]["enclave_id"] == LAUNCH["enclave_id"]
    assert audit(run, tmp_path, command).code == 1
    assert len(calls_of(seen)) == 1
    second = LAUNCH | {"container_id": "c2", "enclave_id": "enc-2"}
    assert audit(run, tmp_path, command, second).code == 1
    assert [call["subject_id"] for call in calls_of(seen)] == [LAUNCH["enclave_id"], "enc-2"]
    rows = journal(run, tmp_path / "case")
    assert [(row["attempts"], row["exit_code"]) for row in rows] == [(1, 0), (1, 0)]
    assert json.loads(rows[0]["command"])[1] == str(keeper)
    notes = [
        json.loads(path.read_text())["notes"]
        for path in sorted((tmp_path / "case" / "ledger").glob("*.json"))
        if json.loads(path.read_text())["action"] == "on-finding"
    ]
    assert [note["exit_codes"] for note in notes] == ["0", "0"]
    assert not (tmp_path / "x").exists()


def test_a_call_that_fails_is_tried_again(run, tmp_path: Path, keeper: Path):
    seen = tmp_path / "seen"
    audit(run, tmp_path, command_for(keeper, seen, failures=2))
    assert len(calls_of(seen)) == 3
    [row] = journal(run, tmp_path / "case")
    assert (row["attempts"], row["exit_code"]) == (3, 0)


def test_what_failed_is_left_for_the_next_run(run, tmp_path: Path, keeper: Path):
    seen = tmp_path / "seen"
    first = audit(run, tmp_path, command_for(keeper, seen, failures=3))
    assert "exit code 1: no luck" in first.err
    audit(run, tmp_path, command_for(keeper, seen, failures=3))
    assert len(calls_of(seen)) == 4
    rows = journal(run, tmp_path / "case")
    assert sorted((row["attempts"], row["exit_code"]) for row in rows) == [(1, 0), (3, 1)]


def test_a_command_that_cannot_start_makes_the_run_incomplete(run, tmp_path: Path):
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "c1.jsonl").write_text(json.dumps(LAUNCH) + "\n")
    missing = ("--on-finding", tmp_path / "missing", "--fail-on-new")
    assert run("audit", tmp_path / "case", logs, *NOW).code == 1
    result = run("audit", tmp_path / "case", logs, *NOW, *missing)
    assert result.code == 3
    assert "cannot start" in result.err
    record = json.loads((tmp_path / "case" / "findings" / "run.json").read_text())
    assert record["reason"] == "on-finding"
    assert record["on_finding"]["calls"][0]["exit_code"] is None


def test_a_command_that_takes_too_long_is_ended(run, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(containment, "TIMEOUT", 0.2)
    monkeypatch.setattr(containment, "ATTEMPTS", 1)
    result = audit(run, tmp_path, f'"{sys.executable}" -c "import time; time.sleep(60)"')
    assert "no end after 0.2 s" in result.err


STARTER = """\
import subprocess, sys
program = "import sys, time; print('there', flush=True); time.sleep(float(sys.argv[1]))"
other = subprocess.Popen([sys.executable, "-c", program, "600"], stdout=subprocess.PIPE)
other.stdout.readline()
open(sys.argv[1], "a").write(f"{other.pid}\\n")
if sys.argv[2] == "stay":
    other.wait()
"""


@pytest.fixture
def starter(tmp_path: Path) -> Path:
    path = tmp_path / "starter.py"
    path.write_text(STARTER)
    return path


def is_running(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    with suppress(OSError):
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_a_command_that_leaves_a_process_behind_has_ended(
    run, tmp_path: Path, starter: Path, monkeypatch
):
    """That process holds the command's stderr open. It is no reason to call again."""
    monkeypatch.setattr(containment, "TIMEOUT", 30.0)
    seen = tmp_path / "seen"
    audit(run, tmp_path, f'"{sys.executable}" "{starter}" "{seen}" leave')
    [pid] = map(int, seen.read_text().split())
    alive = is_running(pid)
    os.kill(pid, signal.SIGKILL)
    assert alive
    [row] = journal(run, tmp_path / "case")
    assert (row["attempts"], row["exit_code"]) == (1, 0)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_what_takes_too_long_is_ended_with_all_that_it_started(
    run, tmp_path: Path, starter: Path, monkeypatch
):
    monkeypatch.setattr(containment, "TIMEOUT", 5.0)
    monkeypatch.setattr(containment, "ATTEMPTS", 1)
    seen = tmp_path / "seen"
    result = audit(run, tmp_path, f'"{sys.executable}" "{starter}" "{seen}" stay')
    assert "no end after 5 s" in result.err
    [pid] = map(int, seen.read_text().split())
    for _ in range(50):
        if not is_running(pid):
            break
        time.sleep(0.1)
    assert not is_running(pid)


def test_a_command_that_keeps_failing_is_not_called_for_every_finding(
    run, tmp_path: Path, keeper: Path
):
    seen = tmp_path / "seen"
    events = [LAUNCH | {"container_id": f"c{n}", "enclave_id": f"enc-{n}"} for n in range(5)]
    result = audit(run, tmp_path, command_for(keeper, seen, failures=99), *events)
    assert "2 findings are left" in result.err
    assert len(calls_of(seen)) == 9


def test_only_findings_of_the_severity_or_worse(run, tmp_path: Path, keeper: Path):
    seen = tmp_path / "seen"
    (tmp_path / "e.jsonl").write_text(
        '{"event_type":"enclave_attestation","timestamp":"2026-01-05T10:00:00Z","event_id":"e",'
        '"mrenclave":"abc"}\n'
    )
    command = ("--on-finding", command_for(keeper, seen))
    arguments = ("audit", tmp_path / "case", tmp_path / "e.jsonl", *NOW, *command)
    assert run(*arguments).code == 0
    assert calls_of(seen) == []
    assert run(*arguments, "--on-finding-severity", "low").code == 0
    assert [call["detector"] for call in calls_of(seen)] == ["malformed-claim"]


@pytest.mark.parametrize("text", ["", "  ", '"open'])
def test_what_is_no_command(text: str):
    with pytest.raises(UsageError) as caught:
        split_command(text)
    assert caught.value.code == "bad-command"
