"""Nights with news from every platform: read are the news, landmarks and suspects; found is what a
full run finds.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from bulk import load_corpus

from forensics.case.case import Case, create_case
from forensics.case.landmarks import (
    NOW,
    STORED,
    note_reshown,
    renew_landmarks,
)
from forensics.case.news import store_look
from forensics.case.query import open_locked
from forensics.case.summaries import SUMMARIES
from forensics.case.verification import verify_case
from forensics.detect.catalog import load_catalog
from forensics.detect.detection import Detection, detect
from forensics.detect.findings import rank
from forensics.detect.incremental import recall
from forensics.detect.store import load_detections, save_detection
from forensics.formats.pem import split_pem
from forensics.sources import ingest_paths

CATALOG = load_catalog()
SCREENED = {detector.id for detector in CATALOG.values() if detector.suspects or detector.sums}
CORPUS = load_corpus()
PLATFORMS, PAST, EACH = 6, 160, 12
Events = list[dict[str, Any]]


def make_night(night: int) -> Events:
    """What happened that night: every platform attests, and from the second on one of them lies."""
    templates = [CORPUS.make_template(p) for p in CORPUS.make_platforms(1, PLATFORMS + 1)]
    first = 0 if night == 0 else PAST + (night - 1) * EACH
    events = []
    for number in range(first, first + (EACH if night else PAST)):
        at = CORPUS.START + timedelta(minutes=10) * number + timedelta(hours=2) * night
        joins = night == 1 and number == PAST + 7  # a platform that nobody knew
        platform = PLATFORMS if joins else number % PLATFORMS
        line = CORPUS.emit_line(templates[platform], 1, number, at)
        verifier = name_verifier(number)
        event = time_answer(json.loads(line), number, slow=number == PAST + 3)
        events.append(tell(event | verifier, night))
    if night == 3:  # a verifier's first of that night is by its clock of the day before
        at = datetime.fromisoformat(events[1]["received_at"]) - timedelta(hours=20)
        events[1] |= {"timestamp": write_time(at), "received_at": write_time(at)}
    challenges = [make_challenge(event) for event in events]
    releases = add_releases(night, events)
    if night == 0:  # the log of them begins after the first answer
        del challenges[0]
    if night == 1:  # and the last has no answer yet
        challenges += [leave_open(challenges[n], n) for n in (5, 8, 9, 10, 11)]
    if night == 2:
        challenges[0]["expires_at"] = challenges[0]["timestamp"]
        del events[3], releases[3]  # of which the numbers of its verifier tell
    return [*events, *challenges, *releases, *add_lies(night)]


def name_verifier(number: int) -> dict[str, Any]:
    """One for nearly all, as in most fleets: whoever reads its history reads everything."""
    turn, platform = divmod(number, PLATFORMS)
    if platform == PLATFORMS - 1:
        return {"backend_verifier": "verifier-alone", "sequence_no": turn}
    return {"backend_verifier": "verifier", "sequence_no": number - turn}


def add_releases(night: int, events: Events) -> Events:
    """One for each; in the first night one before any evidence, in the second one of no session."""
    releases = [make_release(event) for event in events]
    if night == 0:
        early = shift(events[0], -900, "secret_released", secret_id="payments/key")
        releases.append(early | {"session_id": "ses-early"})
    if night == 1:
        releases.append(make_release(events[2]))
        del releases[-1]["session_id"]
    return releases


def leave_open(challenge: dict[str, Any], number: int) -> dict[str, Any]:
    """Another one of that time, that nobody answers: but for two all are one instance's."""
    whose = {5: "enc-0001", 11: "enc-0002"}.get(number, "enc-0005")
    return challenge | {"nonce": f"{number:064x}", "enclave_id": whose}


def time_answer(event: dict[str, Any], number: int, *, slow: bool) -> dict[str, Any]:
    """When its challenge was issued, and which way it came."""
    took = timedelta(milliseconds=100 + number % 7, seconds=3 * slow)
    issued = datetime.fromisoformat(event["received_at"]) - took
    return event | {"nonce_issued_at": write_time(issued), "peer": f"192.0.2.{7 + slow}"}


def tell(event: dict[str, Any], night: int) -> dict[str, Any]:
    """As it was, or as somebody would have it."""
    event |= {
        "container_id": f"of-{event['enclave_id']}",
        "tcb_evaluation_data_number": 18,
    }
    if night == 3:
        event |= LIES.get(event["enclave_id"], {})
    if night == 1 and event["enclave_id"] == "enc-0001":
        return event | {"node_id": "node-elsewhere"}
    if night == 3 and event["enclave_id"] == "enc-0002":
        return event | {"enclave_id": "enc-0003"}
    return event


LIES: dict[str, dict[str, Any]] = {
    "enc-0001": {"container_id": "of-enc-0003"},
    "enc-0004": {"tcb_evaluation_data_number": 17},
    "enc-0005": {"container_id": "of-nobody"},
}
"""What becomes of an enclave's events in the third night."""


def make_challenge(event: dict[str, Any]) -> dict[str, Any]:
    at = datetime.fromisoformat(event["received_at"]) + timedelta(minutes=5)
    more = {"nonce": event["nonce"], "issuer": "kbs", "expires_at": write_time(at)}
    return shift(event, -10, "nonce_issued", **more)


def make_release(event: dict[str, Any]) -> dict[str, Any]:
    return shift(event, 1, "secret_released", secret_id="payments/key")


def make_launch(event: dict[str, Any]) -> dict[str, Any]:
    """The launch of the container that it is evidence of, before everything else."""
    named = {key: event[key] for key in ("container_id", "enclave_id", "node_id", "workload_id")}
    kind = {"event_type": "enclave_launch", "expects_attestation": False}
    return kind | named | {"timestamp": write_time(CORPUS.START)}


def swap_token(event: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """With a token about another event's quote, where it is an enclave's that lies so."""
    if event["enclave_id"] != "enc-0000" or "quote" not in event:
        return event
    return event | {"quote_sha256": hashlib.sha256(b64decode(other["quote"])).hexdigest()}


def shift(event: dict[str, Any], seconds: int, kind: str, **more: str) -> dict[str, Any]:
    """Another event of the same session, so many seconds later."""
    at = datetime.fromisoformat(event["received_at"]) + timedelta(seconds=seconds)
    session = {key: event[key] for key in ("session_id", "enclave_id")}
    return {"timestamp": write_time(at), "event_type": kind, **session, **more}


def write_time(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def add_lies(night: int) -> Events:
    """In the third night somebody gets a secret without any evidence."""
    if night != 3:
        return []
    at = CORPUS.START + timedelta(minutes=10) * PAST + timedelta(hours=7)
    session = {"session_id": "ses-nobody", "enclave_id": "enc-0001"}
    return [make_release(session | {"received_at": at.isoformat()})]


def make_late(event: dict[str, Any]) -> dict[str, Any]:
    """The same evidence, seen earlier and elsewhere: the log of it comes last."""
    at = datetime.fromisoformat(event["received_at"]) - timedelta(hours=30)
    stamp = write_time(at)
    return event | {
        "timestamp": stamp,
        "received_at": stamp,
        "node_id": "node-before",
        "session_id": "ses-before",
        "event_id": "evt-before",
        "sequence_no": None,
        "nonce_issued_at": None,
    }


def emit_nights() -> Iterator[Events]:
    past = make_night(0)
    *launched, unknown = map(make_launch, past[:PLATFORMS])
    yield [*past, *launched]
    yield make_night(1)
    yield [*make_night(2), make_late(past[PAST - 3]), unknown]
    yield [swap_token(event, past[1]) for event in make_night(3)]


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> list[Detection]:
    """Each held against a full run; landmarks and latencies against those of everything.

    With the second night comes collateral that was issued anew, and says what was said before.
    """
    folder = tmp_path_factory.mktemp("nights")
    for name, content in CORPUS.surround(CORPUS.make_archive(1)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (_, root), *_ = split_pem((folder / "root_ca.pem").read_bytes())
    case = create_case(folder / "case", name="nights", at=CORPUS.START, anchors=[root])
    issued_anew = folder / "issued-anew"
    (folder / "evidence" / "collateral" / "2026-01-11T0000-17").rename(issued_anew)
    sources = {0: [folder / "evidence"], 2: [issued_anew]}
    told = []
    for night, events in enumerate(emit_nights()):
        log = folder / f"night-{night}.jsonl"
        log.write_text("".join(json.dumps(event) + "\n" for event in events))
        files = [*sources.get(night, []), log]
        told.append(go_through(case, files, CORPUS.START + timedelta(days=2 + night)))
    assert all(case.ledger.rows(summary.table.name) for summary in SUMMARIES)
    return told


def go_through(case: Case, sources: list[Path], at: datetime) -> Detection:
    with case.writer(action="ingest", at=at, who="test") as writer:
        ingest_paths(writer, sources)
    # Hindsight does not move: else every night has other verdicts of everything.
    verify_case(case, as_of=CORPUS.START + timedelta(days=9), at=at, who="test", threads=1)
    with case.writer(action="detect", at=at, who="test") as writer:
        connection = open_locked(case, check_results=False, custody_problems=True)
        records = load_detections(connection)
        past = recall(case, connection, records, CATALOG.values())
        detection = detect(connection, CATALOG, as_of=at, past=past)
        assert "its query failed over what is new" not in {r.full_because for r in detection.runs}
        bases = {run.detector.id: past.describe(run, at) for run in detection.runs}
        save_detection(writer, detection.findings, detection.runs, records, bases)
        store_look(connection, writer)
    connection = open_locked(case, check_results=False, custody_problems=True)
    full = detect(connection, CATALOG, as_of=at)
    for run, whole in zip(detection.runs, full.runs, strict=True):
        told = (run.detector.id, rank(run.findings), run.gaps)
        assert told == (whole.detector.id, rank(whole.findings), whole.gaps)
    note_reshown(connection)
    renew_landmarks(connection)
    assert read(connection, STORED) == read(connection, NOW)
    for summary in SUMMARIES:
        name = summary.table.name
        known = connection.sql(f"FROM stored.{name} ORDER BY ALL").to_arrow_table().to_pylist()
        summary.renew(connection)
        assert known == summary.read(connection).to_pylist()
    return detection


def read(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (
        connection.sql(f"{query} ORDER BY kind").to_arrow_table().to_pylist()
    )
    return rows


def test_only_what_no_key_leads_to_makes_a_detector_read_everything(
    nights: list[Detection],
) -> None:
    """Neither collateral that was issued anew, nor what stands, nor what lies outside a log."""
    for night in nights[1:]:
        full = {run.detector.id: run.full_because for run in night.runs if run.mode == "full"}
        assert set(full.values()) <= {"it did not judge in the run before"}


def test_news_from_every_platform_are_no_reason_to_read_everything(
    nights: list[Detection],
) -> None:
    for night in nights[1:]:
        reasons = {
            run.detector.id: run.full_because
            for run in night.runs
            if run.detector.id in SCREENED and run.evaluated
        }
        assert {name for name, reason in reasons.items() if reason} == set()
        assert len(reasons) > 20


def test_what_is_read_is_news_landmarks_and_suspects(nights: list[Detection]) -> None:
    calm = [run for run in nights[1].runs if run.detector.id in SCREENED and not run.findings]
    most = max(run.observations_read or 0 for run in calm)
    assert EACH < most < 0.4 * PAST


@pytest.mark.parametrize(
    ("detector", "met"),
    [
        ("replayed-quote", 2),
        ("unknown-nonce", 2),
        ("secret-without-evidence", 2),  # a release that only then lies within the log
        ("log-gap", 1),
    ],
)
def test_what_is_found_is_no_reason_to_read_everything(
    nights: list[Detection], detector: str, met: int
) -> None:
    runs = [run for night in nights for run in night.runs if run.detector.id == detector]
    assert [bool(run.findings) for run in runs] == [number >= met for number in range(4)]
    assert {run.mode for run in runs[1:]} == {"incremental"}


@pytest.mark.parametrize(
    ("night", "detector"),
    [
        (1, "platform-relocation"),
        (1, "relay-suspected"),
        (1, "log-gap"),
        (2, "log-gap"),
        (2, "replayed-quote"),
        (2, "unknown-nonce"),
        (2, "late-nonce"),
        (3, "two-places-at-once"),
        (3, "impossible-time"),
        (3, "secret-without-evidence"),
        (3, "token-evidence-mismatch"),
        (3, "collateral-rollback"),
        (3, "unexpected-attestation"),
        (3, "channel-diversion"),
    ],
)
def test_what_each_night_brought_is_found(
    nights: list[Detection], night: int, detector: str
) -> None:
    def find(night: int) -> set[str]:
        runs = {run.detector.id: run for run in nights[night].runs}
        return {finding.fingerprint for finding in runs[detector].findings}

    assert find(night) - find(night - 1)
