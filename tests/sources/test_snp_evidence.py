"""SEV-SNP reports and AMD's certificates through a real case: in, proven, out again."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from forensics.case.case import Case, create_case
from forensics.case.connection import connect
from forensics.case.custody import verify_custody
from forensics.case.judgements import fill_check_results
from forensics.case.rebuild import rebuild_quotes
from forensics.case.settings import load_vendor_roots
from forensics.case.verification import VerifySummary, verify_case
from forensics.formats.certificates import parse_certificate
from forensics.formats.snp import SnpReport
from forensics.simulate.amd import (
    AmdCertificate,
    AmdPki,
    build_amd_crl,
    build_report,
    derive_p384_key,
    flip_report,
)
from forensics.simulate.keys import derive_key
from forensics.simulate.pki import make_pki
from forensics.simulate.quotes import build_quote, certify, sgx_body
from forensics.simulate.sgx_extension import SgxExtension
from forensics.sources import ingest_paths

AT = datetime(2026, 1, 5, tzinfo=UTC)
TCB = {"boot_loader": 3, "tee": 1, "snp": 8, "microcode": 209}
PKI = AmdPki(7)
VCEK = PKI.issue(TCB)
REPORT = build_report(VCEK, {"report_data": b"\x11" * 64})


class Bench:
    """A case that trusts the simulated ARK, and files to take in, one ingest after the other."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.case = create_case(folder / "case", name="snp", at=AT, anchors=[PKI.ark.der])

    def take(self, **files: bytes | str) -> VerifySummary:
        place = self.folder / f"evidence-{len(self.case.ledger.entries)}"
        place.mkdir()
        for name, data in files.items():
            (place / name).write_bytes(data.encode() if isinstance(data, str) else data)
        with self.case.writer(action="ingest", at=AT, who="test") as writer:
            ingest_paths(writer, [place])
        return self.verify()

    def verify(self) -> VerifySummary:
        return verify_case(self.case, as_of=AT, at=AT, who="test", threads=2)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        return connect(self.case).execute(sql).fetchall()

    def verdicts(self) -> list[tuple[Any, ...]]:
        return self.ask(
            "SELECT moment, outcome, status, failed_checks, undetermined_checks "
            "FROM verdict ORDER BY ALL"
        )


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def event(quote: str, second: int = 0) -> str:
    stamp = f"2026-01-04T00:00:{second:02}Z"
    fields = {"timestamp": stamp, "event_type": "enclave_attestation", "quote": quote}
    return json.dumps(fields | {"session_id": f"s{second}", "quote_status": "OK"}) + "\n"


CHAIN = {"vcek": VCEK.certificate.der, "ca.pem": PKI.ask.pem + PKI.ark.pem}


def test_all_encodings_are_one_quote(bench: Bench) -> None:
    data = REPORT.to_bytes()
    encoded = base64.b64encode(data).decode()
    bench.take(
        raw=data,
        hex=data.hex(),
        base64=encoded,
        events=event(encoded) + event(data.hex(), 1),
        lines=f"{encoded}\n{flip_report(REPORT).to_bytes().hex()}\n",
        **CHAIN,
    )

    assert bench.ask("SELECT count(*), count(DISTINCT quote_id) FROM quote") == [(2, 2)]
    assert bench.ask("SELECT count(*) FROM observation WHERE quote_id IS NOT NULL") == [(7,)]
    assert bench.ask("SELECT count(*) FROM quarantine") == [(0,)]


def test_a_sidecar_says_who_it_was(bench: Bench) -> None:
    fields = json.dumps({"received_at": "2026-01-04T00:00:00Z", "node_id": "n1"})
    bench.take(**{"report.bin": REPORT.to_bytes(), "report.json": fields}, **CHAIN)

    assert bench.ask("SELECT node_id, outcome FROM observation JOIN verdict USING (quote_id)") == [
        ("n1", "accepted"),
        ("n1", "accepted"),
    ]


def test_columns_say_what_the_report_says(bench: Bench) -> None:
    fields = {
        "policy": bytes.fromhex("3701070000000000"),
        "vmpl": 2,
        "guest_svn": 4,
        "host_data": b"\x22" * 32,
    }
    bench.take(r=build_report(VCEK, fields).to_bytes(), **CHAIN)
    chip, tcb = VCEK.chip_id.hex(), VCEK.tcb.hex()
    expected = {
        "tee": "snp",
        "version": 3,
        "debug": False,
        "guest_svn": 4,
        "vmpl": 2,
        "policy": "3701070000000000",
        "policy_abi_major": 1,
        "policy_abi_minor": 55,
        "policy_smt": True,
        "policy_migrate_ma": True,
        "host_data": "22" * 32,
        "signing_key": "vcek",
        "mask_chip_key": False,
        "author_key_en": False,
        "chip_id": chip,
        "platform_id": chip,
        "ppid": None,
        "vek_kind": "vcek",
        "vek_product": "milan",
        "vek_tcb": tcb,
        "reported_tcb": tcb,
        "csp_id": None,
        "proven": True,
        "trusted": True,
        "mrenclave": None,
        "slack_size": 0,
    }
    [row] = bench.ask(f"SELECT {', '.join(expected)} FROM quote")

    assert dict(zip(expected, row, strict=True)) == expected


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, None),
        ({"snp_reserved1": b"\0\0\1\0"}, "snp_reserved1"),
        ({"snp_reserved2": bytes(20) + b"\1"}, "snp_reserved2"),
        ({"snp_reserved3": b"\1", "snp_reserved4": b"\2"}, "snp_reserved3 snp_reserved4"),
        ({"snp_reserved6": bytes(151) + b"\1"}, "snp_reserved6"),
    ],
)
def test_reserved_fields_that_are_not_zero_are_named(
    bench: Bench, fields: dict[str, bytes], named: str | None
) -> None:
    bench.take(r=build_report(VCEK, fields).to_bytes(), **CHAIN)
    assert bench.ask("SELECT reserved_nonzero FROM quote") == [(named,)]


def test_disguises_are_one_signing_event(bench: Bench) -> None:
    """s flipped, unsigned bytes, and bytes after the end: other files, the same signature."""
    disguises = [
        REPORT.to_bytes(),
        flip_report(REPORT).to_bytes(),
        replace(REPORT, slack=b"\1" * 368).to_bytes(),
        replace(REPORT, trailing=b"appended").to_bytes(),
        replace(REPORT, trailing=bytes(9)).to_bytes(),
    ]
    lines = [event(data.hex(), n) for n, data in enumerate(disguises)]
    bench.take(events="".join(lines), **CHAIN)

    assert bench.ask(
        "SELECT count(DISTINCT quote_id), count(DISTINCT signing_id), count(DISTINCT signed_id), "
        "count(DISTINCT signature_r), count(DISTINCT signature_s), bool_and(trusted) FROM quote"
    ) == [(5, 1, 1, 1, 2, True)]
    slack = bench.ask("SELECT slack_size, trailing_size, trailing_nonzero FROM quote ORDER BY ALL")
    assert slack == [(0, 0, False)] * 2 + [(0, 8, True), (0, 9, False), (368, 0, False)]
    assert sorted(data for _, data in rebuild_quotes(bench.case)) == sorted(disguises)
    for data in disguises:
        [identity] = [q for q, rebuilt in rebuild_quotes(bench.case) if rebuilt == data]
        assert bench.case.quote_bytes(identity) == data
    assert verify_custody(bench.case) == []


def test_without_its_certificate_a_report_is_undetermined(bench: Bench) -> None:
    bench.take(events=event(REPORT.to_bytes().hex()))

    assert bench.verdicts() == [
        ("hindsight", "undetermined", None, [], ["N2"]),
        ("receipt", "undetermined", None, [], ["N2"]),
    ]
    assert bench.ask("SELECT proven, trusted, vek_id, attestation_key_id FROM quote") == [
        (None, None, None, None)
    ]


def test_certificates_may_come_one_by_one_and_late(bench: Bench) -> None:
    """Report, VCEK, ASK; the anchor is the ARK. The report's signature is verified once."""
    tried = [bench.take(events=event(REPORT.to_bytes().hex())).signatures]
    [(before,)] = bench.ask("SELECT signing_id FROM quote")
    tried.append(bench.take(vcek=VCEK.certificate.der).signatures)
    assert {row[1] for row in bench.verdicts()} == {"undetermined"}
    assert bench.ask("SELECT proven, trusted FROM quote") == [(True, False)]
    [(known,)] = bench.ask("SELECT signing_id FROM quote")
    tried.append(bench.take(ask=PKI.ask.der).signatures)
    assert {row[1] for row in bench.verdicts()} == {"accepted"}
    assert bench.ask("SELECT proven, trusted FROM quote") == [(True, True)]
    tried.append(bench.take(events=event(REPORT.to_bytes().hex(), 1)).signatures)

    assert bench.ask("SELECT signing_id FROM quote") == [(known,)]
    assert before != known
    assert [(t["endorsements"], t["reports"]) for t in tried] == [(0, 0), (1, 1), (1, 0), (0, 0)]


TWIN = next(
    twin
    for twin in (replace(VCEK.certificate, issuer="SEV-Rome", serial=n) for n in range(1, 99))
    if sha256(twin.der).digest() < sha256(VCEK.certificate.der).digest()
)
"""For the VCEK's key, by nobody's CA, and the first by its id."""
FORGED_KEY = derive_p384_key(7, "fake")
FORGED = replace(VCEK.certificate, public_key=FORGED_KEY, signing_key=PKI.ark.signing_key)


@pytest.mark.parametrize(
    ("report", "made_up", "outcome"),
    [
        (REPORT, TWIN, ("accepted",)),
        (build_report(VCEK, key=FORGED_KEY), FORGED, ("rejected", "N4")),
    ],
    ids=["genuine", "forged"],
)
def test_what_came_first_decides_nothing(
    bench: Bench, tmp_path: Path, report: SnpReport, made_up: AmdCertificate, outcome: object
) -> None:
    """A made-up certificate, under whose key the report verifies, before the real chain."""
    evidence = {"events": event(report.to_bytes().hex()), "made-up": made_up.der}
    bench.take(**evidence, vcek=VCEK.certificate.der)
    assert {row[1] for row in bench.verdicts()} == {"undetermined"}
    bench.take(ask=PKI.ask.der)
    at_once = Bench(tmp_path / "other")
    at_once.take(**evidence, **CHAIN)

    assert at_once.verdicts() == bench.verdicts()
    assert {(row[1], *row[3]) for row in bench.verdicts()} == {outcome}


def test_an_ask_that_lasts_longer_may_come_late(bench: Bench) -> None:
    """With the same name and key: whichever came first, and whichever id is lower."""
    ended = replace(PKI.ask, validity=(PKI.ask.validity[0], AT.replace(year=2025)))
    bench.take(events=event(REPORT.to_bytes().hex()), vcek=VCEK.certificate.der, ask=ended.der)
    assert {(row[1], *row[3]) for row in bench.verdicts()} == {("rejected", "N8")}

    bench.take(ask=PKI.ask.der)

    assert {row[1] for row in bench.verdicts()} == {"accepted"}


def test_a_made_up_certificate_poisons_nothing(bench: Bench) -> None:
    """The attacker's VCEK for a real chip comes first; the real one still decides."""
    fake = replace(
        VCEK.certificate, public_key=derive_p384_key(7, "fake"), signing_key=PKI.ark.signing_key
    )
    bench.take(events=event(REPORT.to_bytes().hex()), fake=fake.der)
    assert {row[1] for row in bench.verdicts()} == {"undetermined"}

    bench.take(**CHAIN)

    assert {row[1] for row in bench.verdicts()} == {"accepted"}


def test_a_report_under_the_attackers_own_chain_is_rejected(bench: Bench) -> None:
    root, below = PKI.asvk.public_key, PKI.ark.public_key
    ark = replace(PKI.ark, public_key=root, signing_key=root)
    ask = replace(PKI.ask, public_key=below, signing_key=root)
    own = derive_p384_key(7, "own")
    vek = replace(VCEK.certificate, public_key=own, signing_key=below)
    forged = build_report(VCEK, key=own)
    files = {"ark": ark.der, "ask": ask.der, "vek": vek.der}
    bench.take(events=event(forged.to_bytes().hex()), **files)
    assert {(row[1], *row[3]) for row in bench.verdicts()} == {("rejected", "N2")}
    assert bench.ask("SELECT proven, trusted FROM quote") == [(True, False)]

    bench.take(**CHAIN)

    assert {(row[1], *row[3]) for row in bench.verdicts()} == {("rejected", "N4")}


def test_a_bad_signature_under_a_known_key_is_rejected(bench: Bench) -> None:
    damaged = bytearray(REPORT.to_bytes())
    damaged[0x90] ^= 1
    bench.take(events=event(damaged.hex()), **CHAIN)

    assert {(row[1], *row[3]) for row in bench.verdicts()} == {("rejected", "N4")}
    assert bench.ask("SELECT proven, trusted FROM quote") == [(False, False)]


def test_a_trusted_key_speaks_for_its_own_chip_only(bench: Bench) -> None:
    """Whoever has one chip's key cannot write another chip's history."""
    other = PKI.issue(TCB, label="other")
    framed = build_report(VCEK, {"chip_id": other.chip_id})
    bench.take(events=event(framed.to_bytes().hex()), **CHAIN)

    assert {(row[1], *row[3]) for row in bench.verdicts()} == {("rejected", "N6")}
    assert bench.ask("SELECT proven, trusted FROM quote") == [(True, False)]


def test_receipt_and_hindsight_part_at_a_revocation(bench: Bench) -> None:
    listed = build_amd_crl(PKI.ark, (PKI.ask.serial,), AT.replace(hour=0), AT.replace(year=2027))
    bench.take(events=event(REPORT.to_bytes().hex()), crl=listed, **CHAIN)

    assert bench.verdicts() == [
        ("hindsight", "rejected", None, ["N8"], []),
        ("receipt", "accepted", None, [], []),
    ]
    assert bench.ask("SELECT authentic, revoked_serials FROM crl") == [(True, ["10001"])]
    assert bench.ask("SELECT DISTINCT root_crl_id = crl_id FROM verdict, crl") == [(True,)]


def test_check_results_are_those_of_reports(bench: Bench) -> None:
    bench.take(events=event(REPORT.to_bytes().hex()), **CHAIN)
    connection = connect(bench.case)
    fill_check_results(connection)
    rows = connection.execute(
        "SELECT check_id, result FROM check_result WHERE moment = 'receipt' ORDER BY check_id"
    ).fetchall()

    assert [check for check, _ in rows] == sorted(["A1", "T6", *(f"N{n}" for n in range(1, 11))])
    assert {result for _, result in rows} == {"pass"}


def test_reports_and_quotes_share_a_case(bench: Bench) -> None:
    """Neither hides the other, in whatever order they come."""
    pki = make_pki(3)
    pck = pki.issue_pck(SgxExtension(ppid=bytes(16), fmspc=bytes(6)), label="p", ca="processor")
    key = derive_key(3, "attestation key")
    certification = certify(key, pck.key, pki.pck_chain(pck, "processor"))
    healthy_quotes = [
        build_quote(certification, sgx_body(isv_svn=svn)).to_bytes() for svn in range(3)
    ]
    lines = [event(data.hex(), n) for n, data in enumerate(healthy_quotes)]
    bench.take(first=event(REPORT.to_bytes().hex(), 58) + lines[0], **CHAIN)
    judged = "SELECT DISTINCT tee, moment FROM verdict JOIN quote USING (quote_id) ORDER BY ALL"
    assert bench.ask(judged) == [(t, m) for t in ("sgx", "snp") for m in ("hindsight", "receipt")]
    bench.take(second="".join(lines[1:]))
    bench.take(third=event(flip_report(REPORT).to_bytes().hex(), 59))

    counts = bench.ask(
        "SELECT tee = 'snp', count(*), bool_and(proven) FROM quote GROUP BY ALL ORDER BY ALL"
    )
    assert counts == [(False, len(healthy_quotes), True), (True, 2, True)]
    assert sum(1 for _ in rebuild_quotes(bench.case)) == len(healthy_quotes) + 2


def test_facts_come_out_the_same_when_rebuilt(bench: Bench, tmp_path: Path) -> None:
    bench.take(events=event(REPORT.to_bytes().hex()), vcek=VCEK.certificate.der)
    bench.take(ask=PKI.ask.der, ark=PKI.ark.der)
    at_once = Bench(tmp_path / "other")
    at_once.take(events=event(REPORT.to_bytes().hex()), **CHAIN)

    assert at_once.verdicts() == bench.verdicts()
    query = "SELECT quote_id, signing_id, proven, trusted, vek_id FROM quote"
    assert at_once.ask(query) == bench.ask(query)


def test_vendor_roots_are_the_published_ones() -> None:
    """SHA-256 of the certificates, as AMD's key service gives them."""
    names = [parse_certificate(der).subject_name for der in load_vendor_roots()]
    hashes = [parse_certificate(der).certificate_id.hex() for der in load_vendor_roots()[1:]]

    assert names == ["Intel SGX Root CA", "ARK-Milan", "ARK-Genoa", "ARK-Turin"]
    assert hashes == [
        "69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd",
        "4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1",
        "1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a",
    ]


def test_a_damaged_part_is_a_custody_failure(bench: Bench) -> None:
    bench.take(r=REPORT.to_bytes())
    case: Case = bench.case
    [path] = case.files("statement")
    path.write_bytes(path.read_bytes()[:-1])

    assert verify_custody(case) != []
