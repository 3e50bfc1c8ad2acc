"""Proofs from a ledger, checked with nothing but the head that was kept."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from forensics.case.case import create_case, open_case
from forensics.case.checkpoints import Checkpoint, parse_head
from forensics.case.custody import verify_custody
from forensics.case.proofs import check_proof, describe_head, make_proof, write_head
from forensics.errors import CustodyError, UsageError

AT = datetime(2024, 5, 2, tzinfo=UTC)


def grow(case, entries: int) -> None:
    for _ in range(entries):
        with case.writer(action="test", at=AT, who="tester") as writer:
            path = writer.new_path("launch")
            path.write_bytes(bytes(1))
            writer.adopt_file("launch", path, 0)


@pytest.fixture
def heads(case) -> list[Checkpoint]:
    """The heads of a case as it grew from one entry to seven."""
    kept = [describe_head(case.ledger)]
    for _ in range(6):
        grow(case, 1)
        kept.append(describe_head(case.ledger))
    return kept


def contradictions(case, head: Checkpoint) -> set[str]:
    return {p.code for p in verify_custody(case, heads=[head]) if p.path == "ledger"}


def rewrite(data: bytes, **changes: object) -> bytes:
    return json.dumps(json.loads(data) | changes).encode()


def test_every_older_head_is_proven_to_be_the_start(case, heads):
    ledger = case.ledger
    for head in heads:
        data = make_proof(ledger, write_head(ledger), head, range(1, 8))
        proven = check_proof(data, head)
        assert proven.newer.checkpoint == heads[-1]
        assert [entry.entry for entry in proven.entries] == list(range(1, 8))
        assert contradictions(case, head) == set()


def test_a_proof_needs_no_case_and_names_who_did_what(case, heads):
    ledger = case.ledger
    data = make_proof(ledger, write_head(ledger), heads[2], [5])
    (entry,) = check_proof(data, parse_head(heads[2].text.encode()).checkpoint).entries
    assert (entry.entry, entry.who, entry.action) == (5, "tester", "test")


def test_a_changed_proof_fails(case, heads):
    ledger = case.ledger
    data = make_proof(ledger, write_head(ledger), heads[2], [5])
    proof = json.loads(data)
    (item,) = proof["inclusion"]
    hashes = proof["consistency"]["hashes"]
    changed = [
        rewrite(data, checkpoint=heads[5].text),
        rewrite(data, consistency=None),
        rewrite(data, consistency={"size": 3, "hashes": hashes[1:]}),
        rewrite(data, consistency={"size": 3, "hashes": hashes[::-1]}),
        rewrite(data, consistency={"size": 2, "hashes": hashes}),
        rewrite(data, inclusion=[item | {"entry": 4}]),
        rewrite(data, inclusion=[item | {"text": item["text"].replace("tester", "nobody")}]),
        rewrite(data, inclusion=[item | {"hashes": item["hashes"][:-1]}]),
    ]
    for number, forged in enumerate(changed):
        with pytest.raises(CustodyError) as error:
            check_proof(forged, heads[2])
        assert error.value.code == "proof-fails", number
    with pytest.raises(CustodyError) as error:
        check_proof(data, heads[3])
    assert error.value.code == "proof-fails"


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[" * 100_000, b'{"type":"x"}', b"\xff", b"null"], ids=range(6)
)
def test_what_is_no_proof_is_refused(heads, data: bytes):
    with pytest.raises(UsageError) as error:
        check_proof(data, heads[0])
    assert error.value.code == "bad-proof"


def test_a_truncated_ledger_is_found_with_the_head_and_only_with_it(case, heads):
    for kind in ("json", "note"):
        (case.path / "ledger" / f"00000007.{kind}").unlink(missing_ok=True)
    for path in (case.path / "tables").rglob("00000007-*.parquet"):
        path.unlink()
    cut = open_case(case.path)
    failures = [p for p in verify_custody(cut) if p.code != "file-unreadable"]
    assert failures == []
    assert contradictions(cut, heads[-1]) == {"head-contradicted"}
    assert contradictions(cut, heads[-2]) == set()
    with pytest.raises(CustodyError) as error:
        make_proof(cut.ledger, write_head(cut.ledger), heads[-1], [])
    assert error.value.code == "head-contradicted"


def test_another_history_is_found(case, heads, tmp_path: Path):
    other = create_case(tmp_path / "other", name="other", at=AT, anchors=[])
    grow(other, 6)
    assert contradictions(other, heads[2]) == {"head-contradicted"}
    forked = Checkpoint(heads[2].origin, 3, describe_head(other.ledger).root)
    assert contradictions(case, forked) == {"head-contradicted"}
    for head in (forked, describe_head(other.ledger)):
        with pytest.raises(CustodyError) as error:
            make_proof(case.ledger, write_head(case.ledger), head, [])
        assert error.value.code == "head-contradicted"
    with pytest.raises(UsageError) as usage:
        make_proof(case.ledger, write_head(case.ledger), None, [8])
    assert usage.value.code == "no-entry"
