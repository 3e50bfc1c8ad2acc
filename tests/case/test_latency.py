"""The view `latency` against counting by hand, and against what the tests of detectors fill in."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from pathlib import Path

from forensics.case.case import open_case
from forensics.case.query import open_locked
from forensics.detect.cases import FOLLOWING

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
    filled = connection.execute(f"SELECT {COLUMNS} FROM ({FOLLOWING['latency']})").fetchall()
    assert sorted(filled) == sorted(found)
