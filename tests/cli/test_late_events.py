"""Logs that come late, over nights of the real command: what they touch is judged again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Night = Callable[..., dict[str, Any]]


@pytest.fixture
def night(run, tmp_path: Path) -> Night:
    """Put events into a log, audit on a night of January, and give back `run.json`."""

    def audit(day: int, log: str, *events: dict[str, Any]) -> dict[str, Any]:
        logs = tmp_path / "logs"
        logs.mkdir(exist_ok=True)
        if events:
            text = "".join(json.dumps(event) + "\n" for event in events)
            (logs / f"{log}.jsonl").write_text(text)
        moment = f"2026-01-{day:02}T02:00:00Z"
        run("audit", tmp_path / "case", logs, "--as-of", moment, "--now", moment)
        record: dict[str, Any] = json.loads((tmp_path / "case/findings/run.json").read_text())
        return record

    return audit


def launch(time: str, name: str) -> dict[str, Any]:
    ids = {"container_id": f"c-{name}", "enclave_id": name, "workload_id": "w"}
    return {"event_type": "enclave_launch", "timestamp": f"2026-01-{time}Z", **ids}


def attestation(time: str, name: str, **fields: Any) -> dict[str, Any]:
    event = launch(time, name) | {"event_type": "enclave_attestation", "event_id": time}
    return event | {"backend_verifier": "v1"} | fields


def changes(record: dict[str, Any]) -> set[tuple[str, str, int]]:
    return {(c["state"], c["cause"], c["count"]) for c in record["changes"]}


def waiting(record: dict[str, Any]) -> dict[str, int]:
    return {d["id"]: len(d["waiting"]) for d in record["detectors"] if d["waiting"]}


def test_a_late_attestation_resolves_a_silence_and_a_young_launch_waits(night: Night) -> None:
    old = launch("05T10:00:00", "e1"), launch("05T11:00:00", "e2")
    assert changes(night(6, "runtime-2026-01-05", *old)) == {("new", "evidence", 2)}
    night(6, "verifier-2026-01-05", attestation("05T11:00:02", "e2"))
    record = night(7, "runtime-2026-01-06", launch("06T23:59:00", "e3"))
    assert (changes(record), waiting(record)) == (set(), {"silent-enclave": 1})
    assert changes(night(7, "late-2026-01-05", attestation("05T10:00:05", "e1"))) == {
        ("resolved", "evidence", 1)
    }
    record = night(8, "")  # the verifier's log is overdue for longer than anybody waits
    assert (changes(record), waiting(record)) == ({("new", "evidence", 1)}, {})
    assert changes(night(9, "")) == set()


def test_watermarks_are_those_of_each_log(night: Night) -> None:
    night(6, "runtime-2026-01-05", launch("05T10:00:00", "e1"))
    night(6, "verifier-2026-01-05", attestation("05T10:00:02", "e1"))
    record = night(7, "verifier-2026-01-06", attestation("06T10:00:02", "e1"))
    feeds = {(f["view"], Path(f["feed"]).name): f["watermark"] for f in record["feeds"]}
    assert sorted(feeds.values()) == ["2026-01-05T10:00:00Z", "2026-01-06T10:00:02Z"]
    late = night(8, "verifier-2026-01-04", attestation("04T10:00:02", "e1"))
    assert late["feeds"][-1]["watermark"] == "2026-01-06T10:00:02Z", "it never goes back"


def test_an_old_event_that_comes_late_reopens_what_was_closed(
    night: Night, run, tmp_path: Path
) -> None:
    case, bad = tmp_path / "case", {"mrenclave": "abc"}
    night(6, "verifier-2026-01-05", attestation("05T12:00:00", "e", **bad))
    [finding] = run("findings", case, "--format", "json").records
    word = ("--state", "closed", "--note", "known", "--now", "2026-01-06T09:00:00Z")
    run("triage", case, finding["fingerprint"], *word)
    assert changes(night(7, "")) == set()
    late = attestation("04T12:00:00", "e", **bad)
    assert changes(night(8, "verifier-2026-01-04", late)) == {("reopened", "evidence", 1)}
    [again] = run("findings", case, "--format", "json").records
    assert (again["fingerprint"], again["state"]) == (finding["fingerprint"], "reopened")
    assert again["first_seen"] < finding["first_seen"]
