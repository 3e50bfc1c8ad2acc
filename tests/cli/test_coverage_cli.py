"""`coverage`: what a case did not see, over events that lack this and that."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

QUOTES = Path(__file__).parents[2] / "sample_data" / "evidence" / "quotes"
START = datetime(2026, 1, 5, tzinfo=UTC)


def event(minute: float, **fields: Any) -> dict[str, Any]:
    at = (START + timedelta(minutes=minute)).isoformat()
    return {"event_type": "enclave_attestation", "timestamp": at, "enclave_id": "e"} | fields


def make_case(run: Any, folder: Path, events: list[dict[str, Any]]) -> Path:
    log = folder / "log.jsonl"
    log.write_text("".join(json.dumps(line) + "\n" for line in events))
    case = folder / "case"
    assert run("init", case).code == 0
    assert run("ingest", case, log).code in (0, 3)
    return case


def told(run: Any, case: Path, *more: str) -> dict[str, list[dict[str, Any]]]:
    kinds: dict[str, list[dict[str, Any]]] = {}
    for row in run("coverage", case, "--format", "json", *more).records:
        kinds.setdefault(row["kind"], []).append(row)
    return kinds


def test_the_sample_is_told_in_words(run: Any, audited: Path) -> None:
    result = run("coverage", audited)
    assert result.code == 0
    assert "quotes without collateral" in result.out
    assert "not evaluable" in result.out
    assert "tcb-rollback" in result.out


@pytest.mark.parametrize(("silence", "gaps"), [(9, 0), (10, 1)])
def test_a_steady_feed_has_a_gap(run: Any, tmp_path: Path, silence: int, gaps: int) -> None:
    minutes = [*range(20), 19 + silence, 20 + silence]
    case = make_case(run, tmp_path, [event(m, backend_verifier="v") for m in minutes])
    found = told(run, case).get("gap in a feed", [])
    assert len(found) == gaps
    for row in found:
        assert row["subject"] == "enclave_attestation of v"
        assert row["first_seen"] == "2026-01-05T00:19:00Z"
        assert row["last_seen"] == "2026-01-05T00:29:00Z"


@pytest.mark.parametrize(("last", "gaps"), [(479, 0), (480, 1)])
def test_a_feed_in_rounds_has_usual_breaks(run: Any, tmp_path: Path, last: int, gaps: int) -> None:
    minutes = [*range(0, 361, 60), 360 + last - 360]  # an hour is usual, two are a gap
    case = make_case(run, tmp_path, [event(m, backend_verifier="v") for m in minutes])
    assert len(told(run, case).get("gap in a feed", [])) == gaps


def test_patience_can_be_given(run: Any, tmp_path: Path) -> None:
    case = make_case(run, tmp_path, [event(0), event(3)])
    assert "gap in a feed" not in told(run, case)
    assert len(told(run, case, "--gap", "3m")["gap in a feed"]) == 1
    refused = run("coverage", case, "--gap", "soon")
    assert refused.code == 2
    assert "bad-parameter" in refused.err


def test_launches_of_a_host_that_is_never_heard(run: Any, tmp_path: Path) -> None:
    launch = {"event_type": "enclave_launch", "enclave_id": "x", "node_id": "dark"}
    heard = launch | {"node_id": "lit"}
    named = launch | {"node_id": "other", "enclave_id": "e"}
    excused = launch | {"expects_attestation": False}
    case = make_case(
        run,
        tmp_path,
        [event(n, **fields) for n, fields in enumerate([launch, heard, named, excused])]
        + [event(9, node_id="lit")],
    )
    [row] = told(run, case)["launches without a feed"]
    assert (row["subject"], row["count"]) == ("dark", 1)


def test_events_that_lack_their_quote_or_time(run: Any, tmp_path: Path) -> None:
    case = make_case(run, tmp_path, [event(0, backend_verifier="v"), event(1)])
    run("ingest", case, QUOTES)
    found = told(run, case)
    assert [(r["subject"], r["count"]) for r in found["events without a quote"]] == [
        ("v", 1),
        ("verifier not logged", 1),
    ]
    assert {row["subject"] for row in found["evidence without a time"]} == {"bare quote"}


def test_quotes_before_verification_and_records_in_quarantine(run: Any, tmp_path: Path) -> None:
    case = make_case(run, tmp_path, [event(0, quote="AAAA")])
    run("ingest", case, QUOTES)
    found = told(run, case)
    assert "quotes not verified" in found
    assert sum(row["count"] for row in found["records in quarantine"]) >= 1


def test_an_empty_case_lacks_nothing(run: Any, tmp_path: Path) -> None:
    assert run("init", tmp_path / "case").code == 0
    result = run("coverage", tmp_path / "case")
    assert (result.code, result.out) == (0, "")
    assert "nothing is known to be missing" in result.err
