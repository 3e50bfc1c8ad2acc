"""Views that sum up the history, against counting by hand and what tests of detectors fill in."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from forensics.case.case import open_case
from forensics.case.contract import VIEWS
from forensics.case.query import open_locked
from forensics.detect.cases import FOLLOWING
from forensics.detect.detector import FEED_VIEWS

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


@pytest.mark.parametrize("view", FOLLOWING)
def test_what_tests_of_detectors_fill_in_is_the_view(audited: Path, view: str) -> None:
    connection = open_locked(open_case(audited), check_results=False)
    filled = read(connection, f"SELECT * FROM ({FOLLOWING[view]}) ORDER BY ALL")
    assert filled
    names = ", ".join(filled[0])
    assert filled == read(connection, f"SELECT {names} FROM {view} ORDER BY ALL")
