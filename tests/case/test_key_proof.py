"""From quotes with one nonce to the proof that their key is out, but never to the key itself."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from forensics.case.case import Case, create_case
from forensics.case.connection import connect
from forensics.case.tables import FACT_KEY_RECOVERY
from forensics.case.verification import verify_case
from forensics.detect.catalog import load_catalog
from forensics.detect.run import run_detector
from forensics.formats.pem import split_pem
from forensics.formats.quote import Quote
from forensics.simulate.keys import derive_key
from forensics.simulate.pki import Pki, make_pki
from forensics.simulate.platforms import CURRENT, make_platform
from forensics.simulate.quotes import build_quote, flip_quote_signature, sgx_body
from forensics.sources import ingest_paths

AT = datetime(2026, 2, 1, tzinfo=UTC)
NONCE = 2**200 + 5
SEED = 7


@pytest.fixture(scope="module")
def pki() -> Pki:
    return make_pki(SEED)


def make_quote(pki: Pki, report_data: bytes, nonce: int | None = NONCE) -> Quote:
    platform = make_platform(pki, "leaky", server=False)
    certification = platform.certification("sgx", CURRENT)
    body = sgx_body(report_data=report_data.ljust(64, b"\0"), cpu_svn=CURRENT.cpu_svn)
    return build_quote(certification, body, nonce=nonce)


def make_case(tmp_path: Path, pki: Pki) -> Case:
    (_, root), *_ = split_pem(pki.root.pem)
    return create_case(tmp_path / "case", name="keys", at=AT, anchors=[root])


def take_in(case: Case, tmp_path: Path, name: str, *quotes: Quote) -> None:
    lines = [
        {
            "timestamp": "2026-01-05T10:00:00Z",
            "event_type": "enclave_attestation",
            "event_id": f"{name}-{number}",
            "quote": b64encode(quote.to_bytes()).decode(),
        }
        for number, quote in enumerate(quotes)
    ]
    path = tmp_path / f"{name}.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with case.writer(action="ingest", at=AT, who="test") as writer:
        ingest_paths(writer, [path])
    verify_case(case, as_of=AT, at=AT, who="test", threads=1)


def recoveries(case: Case) -> list[tuple[str, str, bool]]:
    sql = "SELECT attestation_key_id, signature_r, confirmed FROM key_recovery"
    return connect(case).execute(sql).fetchall()


@pytest.mark.parametrize("flipped", [False, True])
def test_the_key_is_proven_to_be_out(tmp_path: Path, pki: Pki, flipped: bool) -> None:
    one, two = make_quote(pki, b"one"), make_quote(pki, b"two")
    case = make_case(tmp_path, pki)
    take_in(case, tmp_path, "events", one, flip_quote_signature(two) if flipped else two)

    [(_, r, confirmed)] = recoveries(case)

    assert (r, confirmed) == (one.signature[:32].hex(), True)


def test_the_finding_holds_the_proof_and_not_the_key(tmp_path: Path, pki: Pki) -> None:
    case = make_case(tmp_path, pki)
    take_in(case, tmp_path, "events", make_quote(pki, b"one"), make_quote(pki, b"two"))
    detector = load_catalog()["signature-nonce-reuse"]

    [finding] = run_detector(connect(case), detector, as_of=AT).findings

    assert json.loads(finding.details)["confirmed"] is True
    key = derive_key(SEED, f"attestation key leaky sgx {CURRENT.rank}")
    secret = key.private_numbers().private_value
    rows = connect(case).execute("SELECT * FROM stored.fact_key_recovery").fetchall()
    told = finding.summary + finding.details + repr(rows)
    assert f"{secret:064x}" not in told
    assert repr(secret.to_bytes(32, "big"))[2:-1] not in told


def test_one_message_in_two_disguises_proves_nothing(tmp_path: Path, pki: Pki) -> None:
    one = make_quote(pki, b"one")
    case = make_case(tmp_path, pki)
    take_in(case, tmp_path, "events", one, flip_quote_signature(one))

    assert recoveries(case) == []


def test_a_signature_that_does_not_hold_is_no_part_of_a_proof(tmp_path: Path, pki: Pki) -> None:
    one, two = make_quote(pki, b"one"), make_quote(pki, b"two", nonce=None)
    forged = replace(two, signature=one.signature[:32] + two.signature[32:])
    case = make_case(tmp_path, pki)
    take_in(case, tmp_path, "events", one, forged)

    assert recoveries(case) == []


def test_what_was_proven_is_not_proven_again(tmp_path: Path, pki: Pki) -> None:
    case = make_case(tmp_path, pki)
    take_in(case, tmp_path, "first", make_quote(pki, b"one"))
    assert recoveries(case) == []
    take_in(case, tmp_path, "second", make_quote(pki, b"two"))
    assert len(recoveries(case)) == 1
    files = case.files(FACT_KEY_RECOVERY.name)
    take_in(case, tmp_path, "third", make_quote(pki, b"three"))

    assert len(recoveries(case)) == 1
    assert case.files(FACT_KEY_RECOVERY.name) == files
