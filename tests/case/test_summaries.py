"""Views that sum up the history, against counting by hand and what tests of detectors fill in."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from forensics.case.case import Case, create_case, open_case
from forensics.case.contract import VIEWS
from forensics.case.query import open_locked
from forensics.case.verification import verify_case
from forensics.detect.cases import FOLLOWING
from forensics.detect.detector import FEED_VIEWS
from forensics.formats.pem import split_pem
from forensics.sources import ingest_paths

SAMPLE = Path(__file__).parents[2] / "sample_data"
START = datetime(2026, 1, 5, tzinfo=UTC)

COLUMNS = "platform_id, backend_verifier, took_ms, answers, one_peer, other_peer"


def test_answers_of_trusted_evidence_are_counted_by_how_long_they_took(audited: Path) -> None:
    connection = open_locked(open_case(audited), check_results=False)
    peers = defaultdict(list)
    for platform, verifier, received, issued, peer in connection.execute(
        "SELECT coalesce(q.ppid, q.chip_id, q.attestation_key_id), o.backend_verifier, "
        "epoch_us(o.received_at), epoch_us(o.nonce_issued_at), o.peer "
        "FROM observation AS o JOIN quote AS q ON q.quote_id = o.quote_id "
        "WHERE q.trusted AND o.received_at IS NOT NULL AND o.nonce_issued_at IS NOT NULL "
        "AND o.claimed_ok IS NOT FALSE AND o.observation_no NOT IN "
        "(SELECT observation_no FROM reshown WHERE trusted_showing > 1)"
    ).fetchall():
        took = round(timedelta(microseconds=received - issued) / timedelta(milliseconds=1))
        peers[platform, verifier, took].append(peer)
    assert len(peers) > 1
    expected = [
        (
            *key,
            len(seen),
            min(filter(None, seen), default=None),
            max(filter(None, seen), default=None),
        )
        for key, seen in peers.items()
    ]
    found = connection.execute(f"SELECT {COLUMNS} FROM latency").fetchall()
    assert sorted(found) == sorted(expected)


@pytest.fixture(scope="module")
def travelled(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """The sample, as logged by a verifier that says where answers came from."""
    folder = tmp_path_factory.mktemp("travelled")
    log = folder / "log.jsonl"
    lines = [
        json.dumps(json.loads(line) | {"peer": f"192.0.2.{number % 3}"})
        for path in sorted((SAMPLE / "evidence" / "events").glob("verifier-*.gz"))
        for number, line in enumerate(gzip.decompress(path.read_bytes()).splitlines())
    ]
    log.write_text("\n".join(lines))
    roots = [der for _, der in split_pem((SAMPLE / "root_ca.pem").read_bytes())]
    case = create_case(folder / "case", name="travelled", at=START, anchors=roots)
    with case.writer(action="ingest", at=START, who="test") as writer:
        ingest_paths(writer, [log, SAMPLE / "evidence" / "collateral"])
    verify_case(case, as_of=START + timedelta(days=30), at=START, who="test", threads=1)
    return case


def test_the_ways_of_an_enclaves_answers_are_counted(travelled: Case) -> None:
    connection = open_locked(travelled, check_results=False)
    ways: Counter[tuple[str, ...]] = Counter()
    for row in connection.execute(
        "SELECT coalesce(q.ppid, q.chip_id, q.attestation_key_id), o.enclave_id, o.peer "
        "FROM observation AS o JOIN quote AS q ON q.quote_id = o.quote_id "
        "WHERE q.trusted AND o.received_at IS NOT NULL AND o.nonce_issued_at IS NOT NULL "
        "AND o.claimed_ok IS NOT FALSE AND o.observation_no NOT IN "
        "(SELECT observation_no FROM reshown WHERE trusted_showing > 1)"
    ).fetchall():
        if None not in row:
            ways[row] += 1
    assert len(ways) > 1
    found = connection.execute("SELECT platform_id, enclave_id, peer, answers FROM way").fetchall()
    assert {row[:3]: row[3] for row in found} == ways


def test_answers_are_counted_by_the_hour(audited: Path) -> None:
    connection = open_locked(open_case(audited), check_results=False)
    for column, times in (
        ("answers", "SELECT epoch_us(received_at) FROM observation WHERE nonce IS NOT NULL"),
        ("releases", "SELECT epoch_us(timestamp) FROM release"),
    ):
        found = connection.execute(times).fetchall()
        hours = Counter(at // 3_600_000_000 for (at,) in found if at is not None)
        assert len(hours) > 1
        query = f"SELECT hour_no, {column} FROM traffic WHERE {column} > 0"
        assert dict(connection.execute(query).fetchall()) == hours


def read(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = connection.sql(query).to_arrow_table().to_pylist()
    return rows


def test_each_kind_of_event_has_a_first_and_a_last(audited: Path) -> None:
    connection = open_locked(open_case(audited), check_results=False)
    kinds = {"sighting", "observation", "launch", "stop", "nonce", "release"}
    assert {row["kind"] for row in read(connection, "FROM extent")} == kinds
    for row in read(connection, "FROM extent"):
        view = "observation" if row["kind"] == "sighting" else row["kind"]
        time = FEED_VIEWS[view]
        which = "event_type IS NOT NULL" if row["kind"] == "observation" else "TRUE"
        ends = f"SELECT min({time}) AS first_at, max({time}) AS last_at FROM {view} WHERE {which}"
        assert read(connection, ends) == [{"first_at": row["first_at"], "last_at": row["last_at"]}]


@pytest.mark.parametrize("view", FOLLOWING)
def test_no_temporary_table_is_taken_for_a_view(audited: Path, view: str) -> None:
    """DuckDB looks for what a view names among temporary tables first, whatever the schema."""
    connection = open_locked(open_case(audited), check_results=False)
    query = f"SELECT * FROM {view} ORDER BY ALL"
    before = read(connection, query)
    for other in VIEWS:
        if other.name != view:
            connection.execute(f"CREATE TEMP TABLE {other.name} AS SELECT 1 AS nothing")
    assert read(connection, query) == before


SECOND = timedelta(seconds=1)
NUMBERS = {"one": [7, 8, 10, 9, 9, 13], "other": [8, 0, 1, 1], "silent": [-3, None]}
"""The numbers that writers give their events, in the order of time."""


@pytest.fixture(scope="module")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> Case:
    attests = {"event_type": "enclave_attestation"}
    events = [
        attests | {"backend_verifier": writer, "sequence_no": number}
        for writer, numbers in NUMBERS.items()
        for number in numbers
    ]
    return ingest_events(tmp_path_factory.mktemp("numbered"), events)


def test_a_stretch_of_numbers_ends_where_one_is_missing(numbered: Case) -> None:
    connection = open_locked(numbered, check_results=False)
    rows = read(connection, "FROM stretch ORDER BY ALL")
    assert [(row["backend_verifier"], row["first_no"], row["last_no"]) for row in rows] == [
        ("one", 7, 10),
        ("one", 13, 13),
        ("other", 0, 1),
        ("other", 8, 8),
    ]
    seconds = [((row["first_at"] - START) / SECOND, (row["last_at"] - START) / SECOND)
               for row in rows]  # fmt: skip
    assert seconds == [(0, 2), (5, 5), (7, 8), (6, 6)]
    ids = {
        (row["backend_verifier"], row["sequence_no"]): row["observation_id"]
        for row in read(connection, "SELECT * FROM observation ORDER BY observation_id DESC")
    }
    ends = [(row["first_id"], row["last_id"]) for row in rows]
    assert ends == [(ids[who, first], ids[who, last]) for who, first, last in (
        ("one", 7, 10), ("one", 13, 13), ("other", 0, 1), ("other", 8, 8))]  # fmt: skip


def test_what_nothing_was_found_for_is_listed(tmp_path: Path) -> None:
    tied, stray, open_end = "aa" * 16, "bb" * 16, "cc" * 16
    attests = {"event_type": "enclave_attestation", "enclave_id": "e1", "session_id": "s1"}
    asks = {"event_type": "nonce_issued", "enclave_id": "e1"}
    gives = {"event_type": "secret_released", "secret_id": "k"}
    case = ingest_events(
        tmp_path,
        [
            attests | {"nonce": tied},
            attests | {"nonce": stray},
            {"event_type": "policy_changed", "session_id": "s2"},  # is no evidence
            asks | {"nonce": tied},
            *[asks | {"nonce": open_end}] * 2,
            {"event_type": "nonce_issued", "nonce": "dd" * 16},  # for nobody in particular
            gives | {"session_id": "s1"},
            gives | {"session_id": "s2"},
            gives | {"enclave_id": "e1"},
            *[gives | {"enclave_id": "e2"}] * 2,
        ],
    )
    rows = read(open_locked(case, check_results=False), "FROM loose_end ORDER BY ALL")
    told = [(row["kind"], row["key_id"], row["subject_id"]) for row in rows]
    assert told == [
        ("answer", None, "e1"),
        ("challenge", open_end, "e1"),
        ("release", "s2", "s2"),
        ("release", None, "e2"),
        ("release", None, "e2"),
    ]
    seconds = [(row["happened_at"] - START) / SECOND for row in rows]
    assert seconds == [1, 4, 8, 10, 11]
    connection = open_locked(case, check_results=False)
    [answer] = read(connection, f"SELECT * FROM observation WHERE nonce = '{stray}'")
    assert [row["observation_no"] for row in rows] == [answer["observation_no"], *[None] * 4]


def test_without_a_log_of_challenges_no_answer_is_strange(tmp_path: Path) -> None:
    case = ingest_events(tmp_path, [{"event_type": "enclave_attestation", "nonce": "aa" * 16}])
    assert read(open_locked(case, check_results=False), "FROM loose_end") == []


def ingest_events(folder: Path, events: list[dict[str, Any]]) -> Case:
    """A case of events, one a second."""
    log = folder / "log.jsonl"
    lines = [{"timestamp": (START + SECOND * at).isoformat()} | event
             for at, event in enumerate(events)]  # fmt: skip
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    case = create_case(folder / "case", name="events", at=START, anchors=[])
    with case.writer(action="ingest", at=START, who="test") as writer:
        ingest_paths(writer, [log])
    return case


@pytest.mark.parametrize("view", FOLLOWING)
def test_what_tests_of_detectors_fill_in_is_the_view(
    audited: Path, numbered: Case, travelled: Case, view: str
) -> None:
    case = {"stretch": numbered, "way": travelled}.get(view) or open_case(audited)
    connection = open_locked(case, check_results=False)
    filled = read(connection, f"SELECT * FROM ({FOLLOWING[view]}) ORDER BY ALL")
    assert filled
    names = ", ".join(filled[0])
    assert filled == read(connection, f"SELECT {names} FROM {view} ORDER BY ALL")
