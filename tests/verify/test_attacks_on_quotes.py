"""The attack cases of the verification reference (section 6.3) on quotes.

Each text names outcome, status, every failing check, and the checks that lack their input.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from forensics.simulate import collateral as col
from forensics.simulate import keys, quotes
from forensics.simulate.keys import P256_ORDER
from forensics.verify.binding import make_rule

Forge = Callable[[Any], Any]


def flip(data: bytes, position: int) -> bytes:
    return data[:position] + bytes((data[position] ^ 1,)) + data[position + 1 :]


def put(data: bytes, position: int, value: bytes) -> bytes:
    return data[:position] + value + data[position + len(value) :]


def edit(version: str, position: int, value: bytes | None = None) -> Callable[[Any], Any]:
    """Healthy quote bytes with one bit flipped, or some bytes replaced."""

    def forge(kit: Any) -> Any:
        quote = {
            "sgx3": lambda: kit.sgx(3),
            "tdx4": lambda: kit.tdx(4),
            "tdx5": lambda: kit.tdx(5, td15=True),
        }[version]()
        data = quote.to_bytes()
        changed = flip(data, position) if value is None else put(data, position, value)
        return kit.evidence(quote, raw=changed)

    return forge


def header(build: str, version: int, **fields: Any) -> Callable[[Any], Any]:
    return lambda kit: kit.evidence(getattr(kit, build)(version, header=fields))


def tee_type(build: str, version: int, value: int) -> Callable[[Any], Any]:
    """The TEE type contradicts the body, and the attestation key signs that."""

    def forge(kit: Any) -> Any:
        quote = getattr(kit, build)(version)
        signed = put(quote.signed, 4, value.to_bytes(4, "little"))
        return kit.evidence(quotes.resign(replace(quote, signed=signed), kit.key))

    return forge


def key_replaced(kit: Any) -> Any:
    quote = kit.sgx(signing_key=kit.other_key)
    return kit.evidence(replace(quote, attestation_key=keys.public_bytes(kit.other_key)))


def auth_data_edited(kit: Any) -> Any:
    return kit.evidence().bend_quote(qe_auth_data=flip(quotes.AUTH_DATA, 0))


def boundary_shifted(kit: Any) -> Any:
    quote = kit.sgx()
    auth, chain = quote.qe_auth_data, quote.certification_data
    return kit.evidence().bend_quote(qe_auth_data=auth[:-1], certification_data=auth[-1:] + chain)


def report_data_tail(kit: Any) -> Any:
    bound = hashlib.sha256(keys.public_bytes(kit.key) + quotes.AUTH_DATA).digest()
    return kit.evidence(kit.sgx(certification=kit.certify(qe={"report_data": bound + b"x" * 32})))


def qe(build: str = "sgx", **fields: Any) -> Callable[[Any], Any]:
    def forge(kit: Any) -> Any:
        certification = kit.certify("tdx" if build == "tdx" else "sgx", qe=fields)
        return kit.evidence(getattr(kit, build)(certification=certification))

    return forge


def certified_by(tee: str, build: str) -> Callable[[Any], Any]:
    """A quote of one TEE, certified by the quoting enclave of the other."""
    return lambda kit: kit.evidence(getattr(kit, build)(certification=kit.certify(tee)))


def identity_of_other_tee(handed: bool) -> Callable[[Any], Any]:
    def forge(kit: Any) -> Any:
        other = kit.collateral("tdx").qe_identity
        return kit.evidence(handed=handed).bend_collateral(qe_identity=other)

    return forge


def revoked_qe_and_forged_signature(kit: Any) -> Any:
    evidence = kit.evidence(collateral=kit.collateral(qe_levels=(col.SvnLevel(8, "Revoked"),)))
    return evidence.bend_quote(signature=keys.sign(kit.other_key, b"something else"))


def lengths(version: str, position: int, value: int, size: int = 4) -> Callable[[Any], Any]:
    return edit(version, position, value.to_bytes(size, "little"))


def appended(data: bytes) -> Callable[[Any], Any]:
    return lambda kit: kit.evidence().bend_quote(trailing=data)


def slack(build: str, field: str) -> Callable[[Any], Any]:
    version = 3 if build == "sgx" else 4
    return lambda kit: kit.evidence(getattr(kit, build)(version)).bend_quote(**{field: b"x"})


def flipped(*flips: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def forge(kit: Any) -> Any:
        quote = kit.sgx()
        for apply in flips:
            quote = apply(quote)
        return kit.evidence(quote)

    return forge


def signature(r: int | None = None, s: int | None = None) -> Callable[[Any], Any]:
    def forge(kit: Any) -> Any:
        raw = kit.sgx().signature
        first = raw[:32] if r is None else r.to_bytes(32)
        second = raw[32:] if s is None else s.to_bytes(32)
        return kit.evidence().bend_quote(signature=first + second)

    return forge


def attestation_key(point: bytes) -> Callable[[Any], Any]:
    return lambda kit: kit.evidence().bend_quote(attestation_key=point)


def pem(change: Callable[[bytes], bytes]) -> Callable[[Any], Any]:
    def forge(kit: Any) -> Any:
        quote = kit.sgx()
        return kit.evidence().bend_quote(certification_data=change(quote.certification_data))

    return forge


def one_line(text: bytes) -> bytes:
    begin, end = b"-----BEGIN CERTIFICATE-----\n", b"\n-----END CERTIFICATE-----"
    bodies = [part.split(end)[0].replace(b"\n", b"") for part in text.split(begin)[1:]]
    return b"\n".join(begin + body + end for body in bodies)


def certification_type(number: int) -> Callable[[Any], Any]:
    return lambda kit: kit.evidence().bend_quote(certification_type=number)


def td(version: int = 4, **fields: Any) -> Callable[[Any], Any]:
    return lambda kit: kit.evidence(kit.tdx(version, td15=version == 5, body=fields))


def enclave(**fields: Any) -> Callable[[Any], Any]:
    return lambda kit: kit.evidence(kit.sgx(body=fields))


def attributes(*bits: int, size: int = 8) -> bytes:
    return sum(1 << bit for bit in bits).to_bytes(size, "little")


def reused_report_data(kit: Any) -> Any:
    """A verifier cannot see it: the binding rule does."""
    rule = make_rule("sha256", ["nonce"], None)
    assert rule is not None
    bound = rule.expect({"nonce": b"yesterday"})
    assert bound != rule.expect({"nonce": b"today"})
    return kit.evidence(kit.sgx(body={"report_data": bound}))


SEPT, MIGRATABLE = 28, 29
MODULE_9 = bytes((6, 9, 3)).ljust(16, b"\0")
SIG_LEN, AUTH_LEN, CERT_LEN = 432, 436 + 576, 436 + 576 + 2 + 32 + 2
HUGE = 0xFFFFFFFF


ATTACKS: list[tuple[str, Forge, str]] = [
    ("A01-sgx-body", edit("sgx3", 48), "rejected: K5"),
    ("A01-sgx-report-data", edit("sgx3", 431), "rejected: K5"),
    ("A01-td-rtmr", edit("tdx4", 48 + 472), "rejected: K5"),
    ("A01-td-service-td", edit("tdx5", 54 + 647), "rejected: A4 K5"),
    ("A02-user-data", edit("sgx3", 28), "rejected: K5"),
    ("A02-svn", edit("sgx3", 8), "rejected: K5"),
    ("A02-reserved", edit("tdx4", 8), "rejected: K5"),
    ("A03-body-type-unknown", edit("tdx5", 48, b"\x04"), "quarantine: unsupported-body"),
    ("A03-body-type-2", edit("tdx5", 48, b"\x02"), "quarantine: length-mismatch"),
    ("A03-body-size", edit("tdx5", 50, b"\x89"), "quarantine: length-mismatch"),
    ("A03-sgx-in-td", edit("tdx5", 48, bytes.fromhex("010080010000")), "quarantine: truncated"),
    ("A04-v4-td-called-sgx", edit("tdx4", 4, b"\0"), "quarantine: truncated"),
    ("A04-v3-called-td", tee_type("sgx", 3, 0x81), "rejected: F3"),
    ("A04-v5-sgx-called-td", tee_type("sgx", 5, 0x81), "rejected: F3"),
    ("A04-v5-td-called-sgx", tee_type("tdx", 5, 0), "rejected: F3"),
    ("A05-p384", header("sgx", 3, att_key_type=3), "quarantine: unsupported-key-type"),
    ("A05-epid", header("sgx", 3, att_key_type=0), "quarantine: unsupported-key-type"),
    ("A06-vendor", header("sgx", 3, qe_vendor_id=bytes(16)), "rejected: F2"),
    ("A07-key-replaced", key_replaced, "rejected: K2"),
    ("A08-auth-data", auth_data_edited, "rejected: K2"),
    ("A08-boundary", boundary_shifted, "rejected: K2"),
    ("A09-tail", report_data_tail, "accepted UpToDate: K3"),
    ("A10-signer", qe(mrsigner=bytes(32)), "rejected: E4"),
    ("A10-product", qe(isv_prodid=9), "rejected: E5"),
    ("A11-debug-qe", qe(attributes=attributes(0, 1, 2, 4, size=16)), "rejected: E3"),
    ("A11-qe-without-init", qe(attributes=attributes(2, 4, size=16)), "rejected: E3"),
    ("A12-sgx-by-td-qe", certified_by("tdx", "sgx"), "rejected: E4 E5"),
    ("A12-td-by-qe", certified_by("sgx", "tdx"), "rejected: E4 E5"),
    ("A12-identity-handed", identity_of_other_tee(True), "rejected: E1 E4 E5"),
    ("A12-identity", identity_of_other_tee(False), "undetermined; lacks S1 S5 S6"),
    ("A13-below-all-levels", qe(isv_svn=0), "rejected: E6 V3"),
    ("A13-revoked-and-forged", revoked_qe_and_forged_signature, "rejected Revoked: E6 K5 V3"),
    ("A32-unknown-module", td(tee_tcb_svn=MODULE_9), "rejected: D1"),
    ("A34-seam-signer", td(mrsigner_seam=b"\x01".ljust(48, b"\0")), "rejected: D2"),
    ("A34-seam-attributes", td(seam_attributes=attributes(63)), "rejected: D3"),
    ("A35-debug", td(td_attributes=attributes(0, SEPT)), "accepted UpToDate: A1"),
    ("A35-tud", td(td_attributes=attributes(1, 5, SEPT)), "accepted UpToDate: A2"),
    ("A35-sept-ve", td(td_attributes=bytes(8)), "accepted UpToDate: A3"),
    (
        "A35-migratable-with-service-td",
        td(5, td_attributes=attributes(SEPT, MIGRATABLE), mr_service_td=b"\x01" * 48),
        "accepted UpToDate: A4",
    ),
    ("A36-debug", enclave(attributes=attributes(0, 1, 2, size=16)), "accepted UpToDate: A1"),
    (
        "A36-provision-key",
        enclave(attributes=attributes(0, 2, 4, size=16)),
        "accepted UpToDate: A2",
    ),
    ("A37-sig-len-0", lengths("sgx3", SIG_LEN, 0), "quarantine: truncated"),
    ("A37-sig-len-huge", lengths("sgx3", SIG_LEN, HUGE), "quarantine: truncated"),
    ("A37-auth-len-0", lengths("sgx3", AUTH_LEN, 0, 2), "quarantine: truncated"),
    ("A37-auth-len-huge", lengths("sgx3", AUTH_LEN, 0xFFFF, 2), "quarantine: truncated"),
    ("A37-cert-len-0", lengths("sgx3", CERT_LEN, 0), "rejected: P1; lacks S1 S3 S4 S5 S6"),
    ("A37-cert-len-huge", lengths("sgx3", CERT_LEN, HUGE), "quarantine: truncated"),
    ("A38-zeros", appended(bytes(70)), "accepted UpToDate"),
    ("A38-data", appended(b"a second quote"), "accepted UpToDate"),
    ("A38-slack-v3", slack("sgx", "slack"), "accepted UpToDate"),
    ("A38-slack-v4", slack("tdx", "slack"), "accepted UpToDate"),
    ("A38-outer-slack", slack("tdx", "outer_slack"), "rejected: F3"),
    ("A39-quote", flipped(quotes.flip_quote_signature), "accepted UpToDate"),
    ("A39-qe-report", flipped(quotes.flip_qe_signature), "accepted UpToDate"),
    ("A39-leaf", flipped(quotes.flip_chain_signature), "accepted UpToDate"),
    ("A39-ca", flipped(lambda q: quotes.flip_chain_signature(q, 1)), "accepted UpToDate"),
    ("A39-root", flipped(lambda q: quotes.flip_chain_signature(q, 2)), "accepted UpToDate"),
    (
        "A39-all",
        flipped(
            quotes.flip_quote_signature,
            quotes.flip_qe_signature,
            quotes.flip_chain_signature,
            quotes.rewrap_chain,
        ),
        "accepted UpToDate",
    ),
    ("A40-r-0", signature(r=0), "rejected: K5"),
    ("A40-s-0", signature(s=0), "rejected: K5"),
    ("A40-r-n", signature(r=P256_ORDER), "rejected: K5"),
    ("A40-s-n", signature(s=P256_ORDER), "rejected: K5"),
    ("A40-all-ones", signature(r=(1 << 256) - 1, s=(1 << 256) - 1), "rejected: K5"),
    ("A40-infinity", attestation_key(bytes(64)), "rejected: K2 K4 K5"),
    ("A40-off-curve", attestation_key(b"\x01" * 64), "rejected: K2 K4 K5"),
    ("A40-beyond-field", attestation_key(b"\xff" * 64), "rejected: K2 K4 K5"),
    ("A41-crlf", pem(lambda t: t.replace(b"\n", b"\r\n")), "accepted UpToDate"),
    ("A41-one-line", pem(one_line), "accepted UpToDate"),
    ("A41-blanks", pem(lambda t: t.replace(b"M", b" M\t")), "accepted UpToDate"),
    ("A41-text", pem(lambda t: t.replace(b"-----BEGIN", b"hi\n-----BEGIN")), "accepted UpToDate"),
    ("A41-nul", pem(lambda t: t + bytes(9)), "accepted UpToDate"),
    ("A41-no-nul", pem(lambda t: t.rstrip(b"\0")), "accepted UpToDate"),
    (
        "A41-bad-character",
        pem(lambda t: t.replace(b"M", b"!", 1)),
        "rejected: P1; lacks S1 S3 S4 S5 S6",
    ),
    ("A42-type-1", certification_type(1), "rejected: F4; lacks S1 S3 S4 S5 S6"),
    ("A42-type-4", certification_type(4), "rejected: F4; lacks S1 S3 S4 S5 S6"),
    ("A42-type-6", certification_type(6), "rejected: F3 F4; lacks S1 S3 S4 S5 S6"),
    ("A42-type-7", certification_type(7), "rejected: F3 F4; lacks S1 S3 S4 S5 S6"),
    ("A42-type-0", certification_type(0), "rejected: F3 F4; lacks S1 S3 S4 S5 S6"),
    ("A43-reused-report-data", reused_report_data, "accepted UpToDate"),
]


@pytest.mark.parametrize(
    ("forge", "expected"), [pytest.param(forge, text, id=name) for name, forge, text in ATTACKS]
)
def test_attack(kit: Any, forge: Forge, expected: str) -> None:
    assert kit.describe(forge) == expected


def test_every_case_is_here() -> None:
    assert {name[:3] for name, _, _ in ATTACKS} == {
        f"A{n:02}" for n in (*range(1, 14), 32, *range(34, 44))
    }
