"""Feeds, their watermarks, and rules about absence that wait for them, in real cases."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from forensics.case.case import Case, create_case
from forensics.case.query import open_locked
from forensics.case.settings import load_intel_root
from forensics.detect.catalog import Catalog, load_catalog
from forensics.detect.detection import Detection, detect
from forensics.detect.feeds import Feed, find_cut_off, find_known_entry, name_feed, read_feeds
from forensics.detect.store import load_detections, save_detection
from forensics.sources import ingest_paths

SILENT = load_catalog()["silent-enclave"]
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("path", "feed"),
    [
        ("logs/kbs-2026-01-05.jsonl", "logs/kbs-*.jsonl"),
        ("logs/kbs-20260105T0230.jsonl", "logs/kbs-*.jsonl"),
        ("logs/2026-01-05/kbs.jsonl.gz", "logs/*/kbs.jsonl"),
        ("kbs-2026-01-05.jsonl.gz!kbs-2026-01-05.jsonl", "kbs-*.jsonl"),
        ("logs.zip!kbs-2026-01-05.jsonl", "logs.zip!kbs-*.jsonl"),
        ("node-bc9549-2026-01-05.jsonl", "node-bc9549-*.jsonl"),
        ("logs/kbs.jsonl.1", "logs/kbs.jsonl"),
        ("logs/kbs.jsonl.12.gz", "logs/kbs.jsonl"),
        ("logs/node-41c813.jsonl", "logs/node-41c813.jsonl"),
    ],
)
def test_a_feed_is_a_path_without_dates(path: str, feed: str) -> None:
    assert name_feed(path) == feed


KNOWN, NEW = 4, 5


def feed(name: str, newest: datetime | None, view: str = "observation", since: int = KNOWN) -> Feed:
    return Feed(view, name, 1, 1, newest, since)


@pytest.mark.parametrize(
    ("feeds", "expected"),
    [
        ([feed("a", NOON)], NOON),
        ([feed("a", NOON + HOUR)], NOON),  # a clock that runs ahead proves nothing
        ([feed("a", NOON - HOUR)], NOON - HOUR),
        ([feed("a", NOON), feed("b", NOON - HOUR)], NOON - HOUR),
        ([feed("a", NOON), feed("b", NOON - 6 * HOUR)], NOON - 6 * HOUR),
        ([feed("a", NOON), feed("dead", NOON - 7 * HOUR)], NOON),
        ([feed("dead", NOON - 7 * HOUR)], NOON - 6 * HOUR),
        ([feed("a", None)], NOON - 6 * HOUR),
        ([feed("a", NOON - HOUR, "launch")], NOON),
        ([], NOON),
        ([feed("a", NOON - HOUR, since=NEW)], NOON),
        ([feed("a", NOON - HOUR), feed("b", NOON - 2 * HOUR, since=NEW)], NOON - HOUR),
        ([feed("dead", NOON - 7 * HOUR), feed("heir", NOON - HOUR, since=NEW)], NOON),
        ([feed("dead", NOON - 7 * HOUR), feed("b", NOON - 7 * HOUR, since=NEW)], NOON - 6 * HOUR),
    ],
)
def test_judging_ends_where_the_slowest_living_known_feed_is(
    feeds: list[Feed], expected: datetime
) -> None:
    assert find_cut_off(SILENT, feeds, NOON, 6 * HOUR, KNOWN) == expected


def test_who_waits_for_nothing_judges_to_the_end() -> None:
    lagging = [feed("a", NOON - HOUR)]
    assert find_cut_off(load_catalog()["debug-enclave"], lagging, NOON, 6 * HOUR, KNOWN) == NOON


def test_who_waits_for_several_feeds_judges_to_the_slowest() -> None:
    patient = replace(SILENT, waits_for=("observation", "launch", "stop"))
    feeds = [feed("a", NOON - HOUR), feed("b", NOON - 2 * HOUR, "launch"), feed("c", NOON, "stop")]
    assert find_cut_off(patient, feeds, NOON, 6 * HOUR, KNOWN) == NOON - 2 * HOUR


@pytest.mark.parametrize(
    ("before", "newest", "expected"),
    [
        ([], 9, 0),  # the first run
        ([(9, 0)], 9, 0),  # the same evidence again
        ([(9, 0)], 12, 9),  # more came
        ([(12, 9)], 12, 9),  # and that again
        ([(9, 0), (12, 9)], 12, 9),  # one detector ran alone in between
        ([(9, 0), (12, 9)], 15, 12),
        ([], 0, 0),  # nothing in it at all
        ([(3, None)], 3, 0),
        ([(None, None)], 3, 0),  # rows of a version that did not keep them
    ],
)
def test_a_feed_is_known_when_a_run_saw_it_and_more_evidence_came(
    before: list[tuple[int | None, int | None]], newest: int, expected: int
) -> None:
    rows = [{"evidence_entry": seen, "known_entry": known} for seen, known in before]
    assert find_known_entry(rows, newest) == expected


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return create_case(tmp_path / "case", name="c", at=NOON, anchors=[load_intel_root()])


def ingest(case: Case, folder: Path, name: str, *events: dict[str, Any]) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("".join(json.dumps(event) + "\n" for event in events))
    with case.writer(action="ingest", at=NOON, who="test") as writer:
        ingest_paths(writer, [folder / name])


def launch(enclave: str, at: datetime) -> dict[str, str]:
    return event("enclave_launch", enclave, at) | {"container_id": f"c-{enclave}"}


def event(kind: str, enclave: str, at: datetime) -> dict[str, str]:
    return {"event_type": kind, "enclave_id": enclave, "timestamp": at.isoformat()}


def judge(case: Case, as_of: datetime, catalog: Catalog | None = None) -> Detection:
    """One detection, kept in the case."""
    connection = open_locked(case, check_results=False)
    before = load_detections(connection)
    catalog = catalog or {"silent-enclave": SILENT}
    found = detect(connection, catalog, as_of=as_of, patience=6 * HOUR)
    with case.writer(action="detect", at=as_of, who="test") as writer:
        save_detection(
            writer,
            found.findings,
            found.runs,
            before,
            as_of=as_of,
            evidence_entry=found.evidence_entry,
            known_entry=found.known_entry,
        )
    return found


def only(name: str) -> Catalog:
    return {name: load_catalog()[name]}


def found_by(detection: Detection) -> dict[str, str]:
    return {f.subject_id: f.severity for f in detection.findings if f.state != "resolved"}


def test_a_feed_is_all_its_files(case: Case, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    for name, at in (("2", NOON - HOUR), ("1", NOON), ("0", NOON - 2 * HOUR)):
        ingest(case, logs, f"v.jsonl.{name}", event("enclave_attestation", name, at))
    ingest(case, logs, "runtime.jsonl", launch("a", NOON), launch("b", NOON - HOUR))
    assert read_feeds(open_locked(case, check_results=False)) == (
        Feed("launch", f"{logs}/runtime.jsonl", 1, 2, NOON, 5),
        Feed("observation", f"{logs}/v.jsonl", 3, 3, NOON, 2),
    )


def test_nothing_waits_for_the_feeds_of_a_damaged_case(case: Case, tmp_path: Path) -> None:
    ingest(case, tmp_path / "logs", "v.jsonl", event("enclave_attestation", "enc", NOON))
    for damaged in case.files("observation"):
        data = damaged.read_bytes()
        damaged.write_bytes(data[:4] + bytes(len(data) // 3) + data[4 + len(data) // 3 :])
    assert read_feeds(open_locked(case, check_results=False)) == ()


@pytest.mark.parametrize("verifier", [True, False])
def test_the_first_run_of_a_case_judges_all_windows_up_to_the_cut_off(
    case: Case, tmp_path: Path, verifier: bool
) -> None:
    """Whoever gave the evidence gave all of it: no log is behind."""
    logs = tmp_path / "logs"
    ingest(case, logs, "runtime.jsonl", launch("enc", NOON))
    if verifier:
        ingest(case, logs, "v.jsonl", event("enclave_attestation", "other", NOON))
    assert found_by(judge(case, NOON + timedelta(seconds=29))) == {}
    assert found_by(judge(case, NOON + timedelta(seconds=30))) == {"enc": "high"}
    assert found_by(judge(case, NOON + timedelta(seconds=60))) == {"enc": "critical"}


def test_a_launch_waits_for_the_feed_that_would_bring_its_attestation(
    case: Case, tmp_path: Path
) -> None:
    logs = tmp_path / "logs"
    ingest(case, logs, "verifier.jsonl.1", event("enclave_attestation", "other", NOON - 5 * HOUR))
    judge(case, NOON - 5 * HOUR)
    early, late = NOON - 3 * HOUR, NOON - timedelta(minutes=10)
    ingest(case, logs, "runtime-2026-01-05.jsonl", launch("early", early), launch("late", late))
    attested = event("enclave_attestation", "other", NOON - HOUR)
    ingest(case, logs, "verifier.jsonl", attested)
    feeds = read_feeds(open_locked(case, check_results=False))
    assert [(f.view, f.events, f.newest) for f in feeds] == [
        ("launch", 2, late), ("observation", 2, NOON - HOUR)
    ]  # fmt: skip
    for _ in ("the night", "and again by hand"):
        detection = judge(case, NOON)
        assert found_by(detection) == {"early": "critical"}
        [run] = detection.runs
        assert run.cut_off == NOON - HOUR
        assert [f.subject_id for f in run.waiting] == ["late"]


def test_what_waits_is_found_when_the_feed_has_come_and_brought_nothing(
    case: Case, tmp_path: Path
) -> None:
    logs = tmp_path / "logs"
    ingest(case, logs, "v.jsonl.2", event("enclave_attestation", "other", NOON - HOUR))
    judge(case, NOON - HOUR)
    ingest(case, logs, "runtime.jsonl", launch("enc", NOON - timedelta(minutes=10)))
    assert judge(case, NOON).findings == ()
    ingest(case, logs, "v.jsonl", event("enclave_attestation", "other", NOON))
    assert found_by(judge(case, NOON)) == {"enc": "critical"}


def claim(verifier: str, at: datetime) -> dict[str, str]:
    fields = {"event_id": verifier, "backend_verifier": verifier, "mrenclave": "abc"}
    return event("enclave_attestation", "enc", at) | fields


def test_a_rule_without_a_cut_off_of_its_own_waits_by_the_first_sighting(
    case: Case, tmp_path: Path
) -> None:
    """What lies beyond `as_of` is a clock that runs ahead: nobody hides a finding that way."""
    logs = tmp_path / "logs"
    ingest(case, logs, "runtime.jsonl", launch("enc", NOON - 5 * HOUR))
    early, late = NOON - 5 * HOUR - timedelta(minutes=1), NOON - HOUR
    waiting = replace(load_catalog()["malformed-claim"], waits_for=("launch",))
    judge(case, NOON - 5 * HOUR, {waiting.id: waiting})
    claims = (claim("early", early), claim("late", late), claim("ahead", NOON + HOUR))
    ingest(case, logs, "verifier.jsonl", *claims)
    [run] = judge(case, NOON, {waiting.id: waiting}).runs
    assert {f.first_seen for f in run.findings} == {early, NOON + HOUR}
    assert [f.first_seen for f in run.waiting] == [late]
    connection = open_locked(case, check_results=False)
    [patient] = detect(connection, {waiting.id: waiting}, as_of=NOON).runs
    assert (len(patient.findings), patient.waiting) == (3, ())


def test_a_feed_that_was_cut_off_holds_no_alarm_back_for_longer_than_patience(
    case: Case, tmp_path: Path
) -> None:
    ingest(case, tmp_path / "logs", "v.jsonl", event("enclave_attestation", "other", NOON - HOUR))
    judge(case, NOON - HOUR)
    ingest(case, tmp_path / "logs", "runtime.jsonl", launch("enc", NOON - HOUR))
    assert judge(case, NOON).findings == ()
    assert judge(case, NOON + 5 * HOUR).findings == ()
    assert found_by(judge(case, NOON + 6 * HOUR)) == {"enc": "critical"}


def forwarded(number: int, at: datetime, *, forwarded: bool = True) -> dict[str, Any]:
    fields = {"event_id": f"e{number}", "siem_forwarded": forwarded}
    return event("enclave_attestation", f"enc{number}", at) | fields


def test_the_verifiers_own_word_that_it_did_not_forward_waits_for_no_feed(
    case: Case, tmp_path: Path
) -> None:
    logs, catalog = tmp_path / "logs", only("not-forwarded")
    ingest(case, logs, "slow.jsonl", forwarded(1, NOON - 5 * HOUR))
    judge(case, NOON - 5 * HOUR, catalog)
    ingest(case, logs, "verifier.jsonl", forwarded(2, NOON - HOUR, forwarded=False))
    detection = judge(case, NOON, catalog)
    assert found_by(detection) == {"enc2": "medium"}
    assert [run.waiting for run in detection.runs] == [()]


def test_what_the_siems_log_may_still_bring_is_not_missing_from_it(
    case: Case, tmp_path: Path
) -> None:
    """Its log is known by its path, with nothing said on the command line."""
    logs, catalog = tmp_path / "logs", only("not-forwarded")
    first, second = forwarded(1, NOON - HOUR), forwarded(2, NOON - HOUR / 2)
    ingest(case, logs, "verifier.jsonl", first, second)
    ingest(case, logs, "siem-1.jsonl", first)
    assert found_by(judge(case, NOON, catalog)) == {}
    ingest(case, logs, "siem-2.jsonl", forwarded(3, NOON))
    assert found_by(judge(case, NOON, catalog)) == {"enc2": "medium"}


def test_an_attestation_waits_for_the_feed_that_would_bring_its_launch(
    case: Case, tmp_path: Path
) -> None:
    logs, catalog = tmp_path / "logs", only("unexpected-attestation")
    ingest(case, logs, "runtime.jsonl.1", launch("known", NOON - 30 * HOUR))
    ingest(case, logs, "runtime.jsonl", launch("late", NOON - 2 * HOUR))
    judge(case, NOON - 2 * HOUR, catalog)
    ingest(case, logs, "verifier.jsonl", event("enclave_attestation", "new", NOON - HOUR))
    detection = judge(case, NOON, catalog)
    assert found_by(detection) == {}
    assert [f.subject_id for run in detection.runs for f in run.waiting] == ["new"]
    ingest(case, logs, "runtime-later.jsonl", launch("other", NOON))
    ingest(case, logs, "runtime.jsonl.0", launch("another", NOON))
    assert found_by(judge(case, NOON, catalog)) == {"new": "high"}
