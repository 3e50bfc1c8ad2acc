"""Quote signatures: the same facts whoever proves them, and no fact where a prover fails."""

from __future__ import annotations

import hashlib
import json
import shutil
from array import array
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest

from forensics.case import provers
from forensics.case import unproven as feed
from forensics.case.case import Case, create_case, open_case
from forensics.case.compaction import compact_case
from forensics.case.connection import connect_stored
from forensics.case.ids import read_indexed
from forensics.case.prover import QuoteBlock
from forensics.case.verification import VerifySummary, verify_case
from forensics.errors import ForensicsError
from forensics.formats.pem import split_pem
from forensics.simulate.amd import AmdPki, build_report
from forensics.simulate.pki import make_pki
from forensics.simulate.platforms import CURRENT, make_platform
from forensics.simulate.quotes import build_quote, sgx_body
from forensics.sources import ingest_paths
from forensics.verify.engine import OPENSSL, Engine

AT = datetime(2026, 2, 1, tzinfo=UTC)
PLATFORMS, QUOTES = 3, 90
SAMPLE = Path(__file__).parents[2] / "sample_data"
TCB = {"boot_loader": 3, "tee": 1, "snp": 8, "microcode": 209}
FORGED = {5, 41, 42, 89}


@pytest.fixture(scope="module")
def unproven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quotes")
    pki = make_pki(3)
    (_, root), *_ = split_pem(pki.root.pem)
    case = create_case(folder / "case", name="many", at=AT, anchors=[root])
    certifications = [
        make_platform(pki, f"{n}", server=False).certification("sgx", CURRENT)
        for n in range(PLATFORMS)
    ]
    lines = []
    for number in range(QUOTES):
        body = sgx_body(report_data=b"%064d" % number, cpu_svn=CURRENT.cpu_svn)
        quote = build_quote(certifications[number % PLATFORMS], body)
        if number in FORGED:
            quote = replace(quote, signature=quote.signature[:-1] + b"?")
        event = {"event_type": "enclave_attestation", "timestamp": "2026-01-05T10:00:00Z"}
        event |= {"event_id": str(number), "quote": b64encode(quote.to_bytes()).decode()}
        lines.append(json.dumps(event) + "\n")
    (folder / "log.jsonl").write_text("".join(lines))
    with case.writer(action="ingest", at=AT, who="test") as writer:
        ingest_paths(writer, [folder / "log.jsonl"])
    return case.path


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "_BLOCK", 8)
    monkeypatch.setattr(provers, "WORTH_A_PROCESS", 20)


def copy_case(unproven: Path, path: Path) -> Case:
    shutil.copytree(unproven, path)
    return open_case(path)


def verify(case: Case, threads: int, *, fast: bool = False) -> VerifySummary:
    return verify_case(case, as_of=AT, at=AT, who="test", threads=threads, fast=fast)


def read_files(case: Case) -> dict[str, bytes]:
    folder = case.path / "tables"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.parquet")}


def test_any_number_of_provers_gives_the_same_bytes(unproven: Path, tmp_path: Path) -> None:
    here = copy_case(unproven, tmp_path / "1")
    assert verify(here, 1).signatures["quotes"] == QUOTES
    rows = connect_stored(here).execute(
        "SELECT quote_no, signature_ok FROM stored.fact_quote ORDER BY quote_no"
    )
    assert rows.fetchall() == [(n + 1, n not in FORGED) for n in range(QUOTES)]
    for threads, fast in ((2, False), (5, False), (2, True), (1, True)):
        case = copy_case(unproven, tmp_path / f"{threads}-{fast}")
        verify(case, threads, fast=fast)
        assert read_files(case) == read_files(here)


def test_keys_and_statements_that_are_too_many_to_hold_come_in_ranges(
    unproven: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = copy_case(unproven, tmp_path / "whole")
    verify(whole, 1)
    monkeypatch.setattr(feed, "_PARTS", 2)
    monkeypatch.setattr(feed, "_AHEAD", 3)
    ranges = copy_case(unproven, tmp_path / "ranges")
    verify(ranges, 2)
    assert read_files(ranges) == read_files(whole)


def test_only_what_came_since_is_proven(unproven: Path, tmp_path: Path) -> None:
    case = copy_case(unproven, tmp_path / "case")
    verify(case, 1)
    report = tmp_path / "report.bin"
    report.write_bytes(build_report(AmdPki(7).issue(TCB)).to_bytes())
    with case.writer(action="ingest", at=AT, who="test") as writer:
        for source in (SAMPLE / "evidence", report):
            ingest_paths(writer, [source])
    read = connect_stored(case).execute
    [(tees, new)] = read(
        "SELECT list_sort(list(DISTINCT s.tee)), count(q.certification_id) FROM stored.quote AS q "
        f"JOIN stored.statement AS s USING (statement_id) WHERE q.quote_no > {QUOTES}"
    ).fetchall()
    assert tees == ["sgx", "snp", "tdx"]
    compact_case(case, at=AT, who="test")  # old and new in one file
    assert verify(case, 1).signatures["quotes"] == new
    read = connect_stored(case).execute
    assert read("SELECT count(*), count(DISTINCT quote_no) FROM stored.fact_quote").fetchall() == [
        (QUOTES + new, QUOTES + new)
    ]


def fail_to_verify(case: Case, threads: int) -> ForensicsError:
    """The error of a `verify` that leaves the case as it was."""
    before = read_files(case)
    with pytest.raises(ForensicsError) as caught:
        verify(case, threads)
    assert [entry.action for entry in case.ledger.entries] == ["init", "ingest"]
    assert read_files(case) == before
    return caught.value


@pytest.mark.usefixtures("dying_processes")
def test_a_prover_that_dies_proves_nothing(unproven: Path, tmp_path: Path) -> None:
    assert fail_to_verify(copy_case(unproven, tmp_path / "case"), 2).code == "worker-died"


def test_a_quote_without_its_key_is_not_passed_over(
    unproven: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "read_indexed", lambda *of: islice(read_indexed(*of), 2))
    error = fail_to_verify(copy_case(unproven, tmp_path / "case"), 1)
    assert error.code == "unproven-quote"
    assert error.exit_code == 4


def test_an_answer_that_is_too_short_proves_nothing(
    unproven: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provers, "make_answer", lambda _: lambda block: bytes([1] * 7))
    error = fail_to_verify(copy_case(unproven, tmp_path / "case"), 1)
    assert error.code == "unproven-quote"


def test_what_stops_a_prover_is_told_here() -> None:
    other = Engine("another", OPENSSL.verify_block)
    with (
        provers.hire_provers(other, quotes=100, threads=2) as prove,
        pytest.raises(ForensicsError) as caught,
    ):
        list(prove([b"", b""]))
    assert caught.value.code == "no-engine"
    assert caught.value.exit_code == 2


def test_a_block_survives_the_way_to_a_prover() -> None:
    statements = [(b"head", b"tail"), (b"", b"more"), (b"all before", b"")]
    report_data = hashlib.shake_128(b"data").digest(5 * 64)
    places = [2, 0, 1, 1, 0]
    block = QuoteBlock(
        keys=[bytes([n]) * 64 for n in range(2)],
        statements=statements,
        key_index=array("I", [0, 1, 1, 0, 1]).tobytes(),
        statement_index=array("I", places).tobytes(),
        report_data=report_data,
        r=bytes(range(160)),
        s=bytes(range(160))[::-1],
    )
    assert QuoteBlock.from_bytes(block.to_bytes()) == block
    hashed = block.hash()
    assert list(hashed.key_index) == [0, 1, 1, 0, 1]
    assert hashed.digests == b"".join(
        hashlib.sha256(
            statements[place][0] + report_data[64 * n : 64 * (n + 1)] + statements[place][1]
        ).digest()
        for n, place in enumerate(places)
    )
