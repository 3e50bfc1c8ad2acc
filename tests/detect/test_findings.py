"""Findings: contract, identity, order and state."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from forensics.detect.catalog import load_catalog
from forensics.detect.findings import Finding, fingerprint, make_finding, rank
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
    "changes",
    [
        {"severity": "critical"},  # above the header's maximum
        {"severity": "grave"},
        {"severity": None},
        {"subject_id": None},
        {"subject_type": None},
        {"summary": None},
        {"details": None},
        {"details": "not JSON"},
        {"details": "[]"},
        {"observation_ids": None},
        {"observation_ids": [None]},
        {"first_seen": "yesterday"},
        {"last_seen": AT.replace(tzinfo=None)},
    ],
)
def test_what_is_no_finding(changes: dict[str, Any]) -> None:
    with pytest.raises(DetectorError) as caught:
        find(**changes)
    assert caught.value.code == "detector-output"


def test_hostile_text_is_only_text() -> None:
    assert find(subject_id="", summary="\x1b[2J\x00").subject_id == ""


def test_rank_puts_the_gravest_first_and_knows_no_ties() -> None:
    low, high = find(severity="low", subject_id="a"), find(severity="high", subject_id="z")
    other = find(severity="high", subject_id="b")
    assert rank([low, high, other]) == rank([other, low, high]) == [other, high, low]
