"""Which initial state REPORT_DATA should bind: the event's, and the one that the launch logged."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from forensics.case.case import create_case, open_case
from forensics.case.verification import verify_case
from forensics.sources import ingest_paths
from tests.case.conftest import build_quote, pattern

AT = datetime(2026, 1, 5, 10, tzinfo=UTC)
NONCE = b"n" * 16
OWN, OTHER, THIRD = (bytes([seed]) * 32 for seed in b"abc")
MANIFEST = """
[[workload]]
id = "pay"
report_data = { digest = "sha256", parts = ["initial_state", "nonce"] }
[[workload]]
id = "free"
report_data = { digest = "sha256", parts = ["nonce"] }
"""


def attest(bound: bytes, **fields: Any) -> dict[str, Any]:
    """An event whose quote binds a state and `NONCE`."""
    data = sha256(bound + NONCE).digest().ljust(64, b"\0")
    header = (3).to_bytes(2, "little") + (2).to_bytes(2, "little") + bytes(44)
    quote = build_quote(signed=header + pattern("p", 320) + data)
    event = {
        "event_type": "enclave_attestation",
        "timestamp": AT.isoformat(),
        "workload_id": "pay",
        "container_id": "c1",
        "enclave_id": "e1",
        "nonce": NONCE.hex(),
        "quote": quote.hex(),
    }
    return {name: value for name, value in (event | fields).items() if value is not None}


def launch(state: bytes | None, after: timedelta = timedelta(minutes=-1), **fields: Any) -> Any:
    event = {
        "event_type": "enclave_launch",
        "timestamp": (AT + after).isoformat(),
        "container_id": "c1",
        "enclave_id": "e1",
        "initial_state": state.hex() if state else None,
    }
    return {name: value for name, value in (event | fields).items() if value is not None}


def bind(tmp_path: Path, *events: Any) -> list[tuple[Any, ...]]:
    """(result, initial_state_from, missing, expected_report_data) of each sighting."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in/manifest.toml").write_text(MANIFEST)
    (tmp_path / "in/log.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    case = create_case(tmp_path / "case", name="launched", at=AT, anchors=[])
    with case.writer(action="ingest", at=AT, who="test") as writer:
        ingest_paths(writer, [tmp_path / "in"])
    verify_case(case, as_of=AT, at=AT, who="test", threads=1)
    query = (
        "SELECT result, initial_state_from, missing, expected_report_data "
        "FROM binding ORDER BY observation_no"
    )
    return open_case(tmp_path / "case").sql(query).fetchall()


def promise(state: bytes) -> str:
    return sha256(state + NONCE).digest().ljust(64, b"\0").hex()


def test_the_event_alone_tells_the_state(tmp_path: Path) -> None:
    told = attest(OWN, initial_state=OWN.hex())
    other = attest(OWN, initial_state=OTHER.hex())
    assert bind(tmp_path, told, other) == [
        ("match", "event", None, promise(OWN)),
        ("mismatch", "event", None, promise(OTHER)),
    ]


def test_the_launch_tells_the_state_that_the_event_does_not(tmp_path: Path) -> None:
    events = launch(OWN), attest(OWN), attest(OTHER)
    assert bind(tmp_path, *events) == [
        ("match", "launch", None, promise(OWN)),
        ("mismatch", "launch", None, promise(OWN)),
    ]


def test_who_binds_what_the_event_tells_must_bind_the_launch_as_well(tmp_path: Path) -> None:
    events = launch(OTHER), attest(OWN, initial_state=OWN.hex())
    assert bind(tmp_path, *events) == [("mismatch", "launch", None, promise(OTHER))]


def test_both_tell_the_same(tmp_path: Path) -> None:
    events = launch(OWN), attest(OWN, initial_state=OWN.hex())
    assert bind(tmp_path, *events) == [("match", "event", None, promise(OWN))]


def test_what_does_not_bind_the_event_is_told_by_the_event(tmp_path: Path) -> None:
    events = launch(OWN), attest(OWN, initial_state=OTHER.hex())
    assert bind(tmp_path, *events) == [("mismatch", "event", None, promise(OTHER))]


def test_a_rule_without_the_state_looks_at_no_launch(tmp_path: Path) -> None:
    data = sha256(NONCE).digest().ljust(64, b"\0")
    header = (3).to_bytes(2, "little") + (2).to_bytes(2, "little") + bytes(44)
    quote = build_quote(signed=header + pattern("p", 320) + data).hex()
    free = attest(OWN, workload_id="free", quote=quote, initial_state=OWN.hex())
    assert bind(tmp_path, launch(OTHER), free) == [("match", None, None, data.hex())]


def test_null_without_a_nonce_nothing_is_evaluated(tmp_path: Path) -> None:
    events = launch(OTHER), attest(OWN, initial_state=OWN.hex(), nonce=None)
    assert bind(tmp_path, *events) == [("not_evaluable", "event", "nonce", None)]


def test_null_a_launch_without_a_state_tells_none(tmp_path: Path) -> None:
    events = launch(None), attest(OWN)
    assert bind(tmp_path, *events) == [("not_evaluable", None, "initial_state", None)]


@pytest.mark.parametrize(
    ("after", "result"),
    [
        (timedelta(minutes=5), "mismatch"),
        (timedelta(minutes=5, microseconds=1), "match"),
    ],
)
def test_a_launch_counts_that_clocks_may_have_put_behind(
    tmp_path: Path, after: timedelta, result: str
) -> None:
    events = launch(OTHER, after), attest(OWN, initial_state=OWN.hex())
    assert [row[0] for row in bind(tmp_path, *events)] == [result]


@pytest.mark.parametrize(
    ("launched", "seen", "result"),
    [
        ({"container_id": None}, {}, "mismatch"),
        ({"container_id": None}, {"container_id": None}, "mismatch"),
        ({}, {"container_id": None}, "mismatch"),
        ({"enclave_id": None}, {"enclave_id": None}, "mismatch"),
        ({"enclave_id": "e2"}, {}, "mismatch"),
        ({"container_id": "c2"}, {}, "match"),  # another container of the enclave
        ({"container_id": None, "enclave_id": "e2"}, {}, "match"),
        ({"event_type": "enclave_stop"}, {}, "match"),
        ({}, {"container_id": None, "enclave_id": None}, "match"),
    ],
)
def test_whose_launch_it_is(
    tmp_path: Path, launched: dict[str, Any], seen: dict[str, Any], result: str
) -> None:
    events = launch(OTHER, **launched), attest(OWN, initial_state=OWN.hex(), **seen)
    assert [row[0] for row in bind(tmp_path, *events)] == [result]


def test_the_containers_own_launch_outranks_that_of_its_enclave(tmp_path: Path) -> None:
    events = (
        launch(OTHER),
        launch(OWN, container_id=None),
        attest(OWN, initial_state=OWN.hex()),
    )
    assert [row[:2] for row in bind(tmp_path, *events)] == [("mismatch", "launch")]


def test_an_enclave_may_be_launched_in_many_states(tmp_path: Path) -> None:
    anew = [
        launch(OTHER, timedelta(hours=-2), container_id="c1"),
        launch(OWN, timedelta(hours=-1), container_id="c2"),
    ]
    seen = {"container_id": None}
    events = (
        *anew,
        attest(OWN, initial_state=OWN.hex(), **seen),
        attest(OTHER, initial_state=OTHER.hex(), **seen),
        attest(THIRD, initial_state=THIRD.hex(), **seen),
        attest(OWN, **seen),  # in which of both is not known
    )
    assert bind(tmp_path, *events) == [
        ("match", "event", None, promise(OWN)),
        ("match", "event", None, promise(OTHER)),
        ("mismatch", "launch", None, promise(OWN)),  # the last one
        ("not_evaluable", None, "initial_state", None),
    ]
