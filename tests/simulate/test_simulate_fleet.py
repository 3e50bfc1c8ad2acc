"""The fleet: deterministic, healthy where it should be, and labelled where it is not."""

from __future__ import annotations

import gzip
import json
import tomllib
from base64 import b64decode
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import dcap_qvl
import pytest

from forensics.errors import UsageError
from forensics.formats.quote import parse_quote
from forensics.simulate import DEFAULT_START, INCIDENTS, simulate
from forensics.simulate.fleet import make_fleet
from forensics.simulate.routine import live

Event = dict[str, Any]
ATTESTATION = "enclave_attestation"


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("fleet") / "clean"
    simulate(directory, days=30, incidents=())
    return directory


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("fleet") / "full"
    simulate(directory)
    return directory


def _events(directory: Path, *types: str) -> list[Event]:
    events = []
    for path in sorted((directory / "evidence" / "events").iterdir()):
        text = path.read_bytes()
        for line in (gzip.decompress(text) if path.suffix == ".gz" else text).splitlines():
            event = json.loads(line)
            if not types or event["event_type"] in types:
                events.append(event)
    return events


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _content(directory: Path) -> dict[str, bytes]:
    files = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def test_the_same_arguments_give_the_same_bytes(full: Path, tmp_path: Path) -> None:
    simulate(tmp_path / "again")
    simulate(tmp_path / "other", seed=2)

    assert _content(tmp_path / "again") == _content(full)
    assert _content(tmp_path / "other")["root_ca.pem"] != _content(full)["root_ca.pem"]


def test_a_three_day_fleet_is_small(full: Path) -> None:
    assert sum(map(len, _content(full).values())) < 2 * 2**20


def test_every_quote_of_the_clean_fleet_verifies_when_received() -> None:
    fleet = make_fleet(3, DEFAULT_START, 3, 4)
    live(fleet)
    root = fleet.pki.root.der
    for entry in fleet.recorder.entries:
        if entry.event["event_type"] != ATTESTATION:
            continue
        data = b64decode(entry.event["quote"])
        fmspc = bytes.fromhex(dcap_qvl.parse_quote(data).fmspc())
        received = _time(entry.event["received_at"])
        bundle = fleet.archive.bundle(parse_quote(data).tee, fmspc, received)
        report = dcap_qvl.verify_with_root_ca(
            data,
            dcap_qvl.QuoteCollateralV3.from_json(bundle.to_json().decode()),
            root,
            int(received.timestamp()),
        )
        assert report.status in ("UpToDate", "SWHardeningNeeded")


def test_the_clean_fleet_tells_the_truth(clean: Path) -> None:
    for event in _events(clean, ATTESTATION):
        quote = parse_quote(b64decode(event["quote"]))
        bound = sha256(bytes.fromhex(event["initial_state"] + event["nonce"])).digest()
        assert quote.report_data == bound + bytes(32)
        assert event["report_data"] == quote.report_data.hex()
        assert event["quote_status"] == "OK"
        if quote.tee == "sgx":
            assert event["mrenclave"] == quote.body["mrenclave"].hex()
            assert event["isv_svn"] == quote.body["isv_svn"]


def test_the_clean_fleet_runs_approved_builds(clean: Path) -> None:
    manifest = tomllib.loads((clean / "evidence" / "manifest.toml").read_text())
    allowed = {
        (workload["id"], entry.get("mrenclave") or entry["mrtd"]): entry
        for workload in manifest["workload"]
        for entry in workload["allow"]
    }
    for event in _events(clean, ATTESTATION):
        body = parse_quote(b64decode(event["quote"])).body
        measurement = body.get("mrenclave") or body["mrtd"]
        entry = allowed[event["workload_id"], measurement.hex()]
        received = _time(event["received_at"])
        assert _time(entry["valid_from"]) <= received
        assert received < _time(entry.get("valid_to", "2999-01-01T00:00:00Z"))


def test_every_clean_launch_attests_in_time(clean: Path) -> None:
    seen: dict[str, list[datetime]] = defaultdict(list)
    for event in _events(clean, ATTESTATION):
        seen[event["container_id"]].append(_time(event["received_at"]))
    for event in _events(clean, "enclave_launch"):
        if event.get("expects_attestation") is False:
            continue
        launched = _time(event["timestamp"])
        within = launched + timedelta(seconds=30)
        assert any(launched <= at < within for at in seen[event["container_id"]])


def test_clean_roll_outs_end_within_the_hour(clean: Path) -> None:
    rows = defaultdict(list)
    for event in _events(clean, ATTESTATION):
        if "isv_svn" in event:
            rows[event["workload_id"]].append((_time(event["received_at"]), event["isv_svn"]))
    mixed = 0
    for history in rows.values():
        newest = max(svn for _, svn in history)
        first = min(at for at, svn in history if svn == newest)
        late = [at for at, svn in history if svn < newest and at > first]
        mixed += len(late)
        assert all(at - first < timedelta(hours=1) for at in late)
    assert mixed > 0  # otherwise there was no canary to be patient with


def test_clean_nonces_are_issued_once_and_answered_in_time(clean: Path) -> None:
    issued = {event["nonce"]: event for event in _events(clean, "nonce_issued")}
    assert len(issued) == len(_events(clean, "nonce_issued"))
    for event in _events(clean, ATTESTATION):
        nonce = issued[event["nonce"]]
        assert nonce["session_id"] == event["session_id"]
        assert _time(event["received_at"]) < _time(nonce["expires_at"])


def test_the_clean_fleet_has_the_oddities_of_real_logs(clean: Path) -> None:
    events = _events(clean, ATTESTATION)
    per_event: dict[str, int] = defaultdict(int)
    per_quote: dict[str, set[str]] = defaultdict(set)
    for event in events:
        per_event[event["event_id"]] += 1
        per_quote[event["quote"]].add(event["event_id"])
    names = {path.name for path in (clean / "evidence" / "events").iterdir()}

    assert any(count > 1 for count in per_event.values())  # collected twice
    assert any(len(ids) > 1 for ids in per_quote.values())  # retried or fanned out
    assert any(name.startswith("backfill") for name in names)  # delivered late
    assert any(parse_quote(b64decode(event["quote"])).trailing for event in events)
    zero = [e for e in events if not any(parse_quote(b64decode(e["quote"])).signed[28:44])]
    assert zero  # a cloud that hides QE_ID


@pytest.mark.parametrize("incident", sorted(INCIDENTS))
def test_each_incident_alone_is_labelled_with_what_is_in_the_evidence(
    incident: str, tmp_path: Path
) -> None:
    scenario = simulate(tmp_path / "one", days=1, platforms=1, incidents=[incident])
    events = _events(tmp_path / "one")
    event_ids = {event.get("event_id") for event in events}
    quote_ids = {sha256(b64decode(e["quote"])).hexdigest() for e in events if "quote" in e}
    enclaves = {event.get("enclave_id") for event in events}

    assert scenario.truths
    for truth in scenario.truths:
        assert truth.incident == incident
        assert set(truth.event_ids) <= event_ids
        assert set(truth.quote_ids) <= quote_ids
        assert truth.enclave_id in enclaves | {None}
        assert DEFAULT_START <= truth.at < DEFAULT_START + timedelta(days=1)


def test_incidents_leave_the_healthy_fleet_as_it_was(full: Path, tmp_path: Path) -> None:
    simulate(tmp_path / "clean", incidents=())
    logged = {json.dumps(event) for event in _events(full)}

    assert {json.dumps(event) for event in _events(tmp_path / "clean")} < logged


def test_truth_json_names_every_finding(full: Path) -> None:
    truth = json.loads((full / "truth.json").read_text())

    assert {row["incident"] for row in truth["findings"]} == set(INCIDENTS)
    assert truth["seed"] == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"incidents": ["no-such"]}, "unknown-incident"),
        ({"days": 0}, "bad-argument"),
        ({"platforms": 0}, "bad-argument"),
        ({"start": DEFAULT_START.replace(tzinfo=None)}, "bad-argument"),
        ({"start": DEFAULT_START.replace(year=2024)}, "bad-argument"),
    ],
)
def test_unusable_arguments_are_refused(
    arguments: dict[str, Any], code: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        simulate(tmp_path / "never", **arguments)
    assert caught.value.code == code
    assert not (tmp_path / "never").exists()


def test_a_directory_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("keep")
    with pytest.raises(UsageError) as caught:
        simulate(tmp_path)
    assert caught.value.code == "directory-not-empty"


def test_a_place_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    with pytest.raises(UsageError) as caught:
        simulate(tmp_path / "file" / "below", days=1, platforms=1, incidents=())
    assert caught.value.code == "unwritable"


def test_the_start_is_an_argument(tmp_path: Path) -> None:
    start = datetime(2025, 9, 1, tzinfo=UTC)
    simulate(tmp_path / "a", start=start, days=1, platforms=1, incidents=())

    stamps = [_time(event["timestamp"]) for event in _events(tmp_path / "a")]
    assert min(stamps) >= start - timedelta(seconds=1)
    assert max(stamps) < start + timedelta(days=1)
