"""Findings: contract, identity, order and state."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_args

import pytest

from forensics.detect.catalog import load_catalog
from forensics.detect.findings import (
    Finding,
    State,
    as_found,
    fingerprint,
    make_finding,
    rank,
    was_given,
)
from forensics.errors import DetectorError

CATALOG = load_catalog()
DETECTOR = CATALOG["report-data-mismatch"]  # severity high, discriminator kind and workload_id
DETAILS = '{"kind":"rule","workload_id":"pay","sightings":1}'
AT = datetime(2026, 1, 5, 10, tzinfo=UTC)


def row(**changes: Any) -> dict[str, Any]:
    return {
        "subject_type": "enclave",
        "subject_id": "enc-1",
        "first_seen": AT,
        "last_seen": AT,
        "observation_ids": ["a"],
        "severity": "high",
        "summary": "it does not match",
        "details": DETAILS,
    } | changes


def find(**changes: Any) -> Finding:
    return make_finding(DETECTOR, row(**changes))


def test_a_row_becomes_a_finding() -> None:
    found = find(first_seen=AT.astimezone(timezone(timedelta(hours=2))))
    assert found.detector == "report-data-mismatch"
    assert found.title == DETECTOR.title
    assert found.reference.endswith("#report-data-mismatch")
    assert found.first_seen == AT
    assert found.first_seen.tzinfo is UTC
    assert found.observation_ids == ("a",)
    assert found.finding_id == found.fingerprint[:16]
    assert found.state == "new"


def test_a_fingerprint_is_permanent() -> None:
    """Written down once: a change here would make every known finding a new one."""
    assert find().fingerprint == (
        "3b069fbf3b0e4e659d95cb7d8c1a58d4425a8e907c3525f60538d376c04424bf"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"severity": "low"},
        {"summary": "other words"},
        {"first_seen": None, "last_seen": None},
        {"observation_ids": ["a", "b"]},
        {"details": '{"kind":"rule","workload_id":"pay","sightings":7}'},
    ],
)
def test_what_does_not_change_the_fingerprint(changes: dict[str, Any]) -> None:
    assert find(**changes).fingerprint == find().fingerprint


@pytest.mark.parametrize(
    "changes",
    [
        {"subject_id": "enc-2"},
        {"subject_type": "container"},
        {"details": '{"kind":"claim","workload_id":"pay"}'},
        {"details": '{"kind":"rule","workload_id":null}'},
        {"details": '{"kind":"rule"}', "subject_id": "enc-1 "},
    ],
)
def test_what_makes_another_finding(changes: dict[str, Any]) -> None:
    assert find(**changes).fingerprint != find().fingerprint


def test_another_rule_of_identity_is_another_finding() -> None:
    stepped = replace(DETECTOR, fingerprint_version=2)
    assert fingerprint(stepped, "enclave", "enc-1", DETAILS) != find().fingerprint
    rewritten = replace(DETECTOR, version=2)
    assert fingerprint(rewritten, "enclave", "enc-1", DETAILS) == find().fingerprint


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"severity": "critical"}, "severity 'critical', at most 'high'"),
        ({"severity": "grave"}, "severity 'grave'"),
        ({"severity": None}, "severity is None, not a text"),
        ({"subject_id": None}, "subject_id is None"),
        ({"subject_type": None}, "subject_type is None"),
        ({"summary": None}, "summary is None"),
        ({"details": None}, "details is None"),
        ({"details": "not JSON"}, "details is not JSON"),
        ({"details": "[]"}, "details is not a JSON object"),
        ({"observation_ids": None}, "not a list of ids"),
        ({"observation_ids": "ab"}, "not a list of ids"),
        ({"observation_ids": ["a", None]}, "not a list of ids"),
        ({"first_seen": "yesterday"}, "first_seen is 'yesterday', not a time"),
        ({"last_seen": AT.replace(tzinfo=None)}, "not a time with a zone"),
    ],
)
def test_what_is_no_finding(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(DetectorError) as caught:
        find(**changes)
    assert caught.value.code == "detector-output"
    assert caught.value.message.startswith(f"{DETECTOR.path}: ")
    assert problem in caught.value.message


def test_what_runs_and_people_made_of_a_finding_is_not_what_was_found() -> None:
    found = find()
    lived = replace(
        found,
        state="closed",
        state_since=AT,
        opened_at=AT,
        cause="triage",
        suppression="SUP-1",
        triage="closed",
        unjudged=3,
    )
    assert as_found(lived) == found


def test_which_states_say_that_a_finding_was_given() -> None:
    given = {state for state in get_args(State) if was_given(replace(find(), state=state))}
    assert given == set(get_args(State)) - {"unobserved", "resolved"}


def test_hostile_text_is_only_text() -> None:
    assert find(subject_id="", summary="\x1b[2J\x00").subject_id == ""


def test_rank_puts_the_gravest_first_and_knows_no_ties() -> None:
    low, high = find(severity="low", subject_id="a"), find(severity="high", subject_id="z")
    other = find(severity="high", subject_id="b")
    assert rank([low, high, other]) == rank([other, low, high]) == [other, high, low]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"detector": "a", "subject_id": "z"}, {"detector": "b", "subject_id": "a"}),
        ({"subject_type": "a", "subject_id": "z"}, {"subject_type": "b", "subject_id": "a"}),
        ({"subject_id": "a", "fingerprint": "f"}, {"subject_id": "b", "fingerprint": "0"}),
        ({"fingerprint": "0"}, {"fingerprint": "f"}),
    ],
)
def test_the_order_of_equally_grave_findings(first: dict[str, str], second: dict[str, str]) -> None:
    findings = [replace(find(), **changes) for changes in (first, second)]
    assert rank(findings) == rank(reversed(findings)) == findings
