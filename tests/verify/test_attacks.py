"""The attack cases A01-A46 of the verification reference (section 6.3), each with its outcome.

`failed` are all failing checks, strict ones too; `lacking` are those that miss their input; `code`
is the reason with which evidence goes to quarantine instead.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA384

from forensics.errors import EvidenceError
from forensics.formats.collateral import split_envelope
from forensics.simulate import collateral as col
from forensics.simulate import keys, quotes
from forensics.simulate.certificates import Identity, chain_pem
from forensics.simulate.keys import P256_ORDER
from forensics.verify.binding import make_rule

ACCEPTED, REJECTED, UNDETERMINED = "accepted", "rejected", "undetermined"


@dataclass(frozen=True)
class Attack:
    id: str
    name: str
    forge: Callable[[Any], Any]
    failed: tuple[str, ...] = ()
    outcome: str = REJECTED
    lacking: tuple[str, ...] = ()
    status: str | None = None
    code: str | None = None

    def __str__(self) -> str:
        return f"{self.id}-{self.name}"


def flip(data: bytes, position: int) -> bytes:
    return data[:position] + bytes((data[position] ^ 1,)) + data[position + 1 :]


def put(data: bytes, position: int, value: bytes) -> bytes:
    return data[:position] + value + data[position + len(value) :]


# --- the quote ------------------------------------------------------------------------------


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


# --- certificates ---------------------------------------------------------------------------


def chain(*names: str) -> Callable[[Any], Any]:
    """The healthy certificates in another order or number."""

    def forge(kit: Any) -> Any:
        blocks = {"leaf": kit.pck().der, "ca": kit.pki.platform_ca.der, "root": kit.pki.root.der}
        text = chain_pem(*(blocks[name] for name in names))
        return kit.evidence().bend_quote(certification_data=text)

    return forge


def foreign_hierarchy(kit: Any) -> Any:
    foreign = kit.foreign
    pck = kit.pck(authority=foreign)
    quote = kit.sgx(certification=kit.certify(pck=pck, chain=foreign.pck_chain(pck)))
    return kit.evidence(quote, col.build_collateral(foreign, kit.plan()))


def leaf_signed_by_leaf(kit: Any) -> Any:
    first = kit.pck()
    spec = kit.respec(first, key=kit.other_key, issuer=first.spec.subject, issuer_key=first.key)
    return kit.sgx_evidence(Identity.issue(spec), ca=first)


def ca_without_ca_bit(kit: Any) -> Any:
    return kit.sgx_evidence(ca=kit.ca(is_ca=False, path_length=None))


def leaf_with_ca_bit(kit: Any) -> Any:
    return kit.sgx_evidence(kit.pck(is_ca=True))


def tcb_signer_as_ca(kit: Any) -> Any:
    signer = kit.pki.tcb_signing
    pck = kit.pck(issuer=signer.spec.subject, issuer_key=signer.key)
    return kit.sgx_evidence(pck, ca=signer)


def tcb_info_signed_by_pck(kit: Any) -> Any:
    pck = kit.pck()
    body = kit.collateral().tcb_info
    forged = replace(body, signature=keys.sign(pck.key, body.body))
    return kit.evidence().bend_collateral(tcb_info=forged).bend(more_certificates=(pck.der,))


def tcb_signer_below_ca(kit: Any) -> Any:
    """A signer of the right name that the PCK CA issued, not the root."""
    ca = kit.pki.platform_ca
    spec = kit.respec(
        kit.pki.tcb_signing, key=kit.other_key, issuer=ca.spec.subject, issuer_key=ca.key
    )
    body = kit.collateral().tcb_info
    forged = replace(body, signature=keys.sign(kit.other_key, body.body))
    return (
        kit.evidence()
        .bend_collateral(tcb_info=forged)
        .bend(more_certificates=(Identity.issue(spec).der,))
    )


def tcb_raised(kit: Any) -> Any:
    """The PCK certificate with component 1 raised from 5 to 6 in place."""
    component = bytes.fromhex("2a864886f84d010d010201" + "0201")
    healthy = kit.pck()
    assert healthy.der.count(component + b"\x05") == 1
    raised = healthy.der.replace(component + b"\x05", component + b"\x06")
    blocks = (raised, kit.pki.platform_ca.der, kit.pki.root.der)
    return kit.evidence().bend_quote(certification_data=chain_pem(*blocks))


def pck_on_p384(kit: Any) -> Any:
    other = ec.derive_private_key(12345, ec.SECP384R1())
    text = kit.chain(kit.pck(key=other))
    return kit.evidence().bend_quote(certification_data=text)


def ca_on_p384(kit: Any) -> Any:
    """Nobody has a CRL of such a CA, and no P-256 key verifies what it signed."""
    other = ec.derive_private_key(12345, ec.SECP384R1())
    return kit.sgx_evidence(kit.pck(issuer_key=other), ca=kit.ca(key=other))


def pck_signed_with_sha384(kit: Any) -> Any:
    return kit.sgx_evidence(kit.pck(hash_algorithm=SHA384()))


# --- collateral -----------------------------------------------------------------------------


def revoked(**plan: Any) -> Callable[[Any], Any]:
    """`plan` maps a field of the collateral plan to who is revoked there."""

    def forge(kit: Any) -> Any:
        serials = {
            "pck": kit.pck().spec.serial,
            "ca": kit.pki.platform_ca.spec.serial,
            "signer": kit.pki.tcb_signing.spec.serial,
        }
        fields = {name: (serials[who],) for name, who in plan.items()}
        return kit.evidence(collateral=kit.collateral(**fields))

    return forge


def crl_of_other_ca(kit: Any) -> Any:
    return kit.evidence().bend_collateral(pck_crl=kit.crl(kit.pki.processor_ca))


def crl_of_other_ca_renamed(kit: Any) -> Any:
    name = kit.pki.platform_ca.spec.subject
    crl = kit.crl(kit.pki.processor_ca, issuer_name=name)
    return kit.evidence().bend_collateral(pck_crl=crl)


def without(*fields: str) -> Callable[[Any], Any]:
    return lambda kit: kit.evidence(without=fields)


def truncated_crl(kit: Any) -> Any:
    return kit.evidence().bend_collateral(pck_crl=kit.collateral().pck_crl[:-1])


def empty_crl(kit: Any) -> Any:
    return kit.evidence().bend_collateral(pck_crl=b"")


def pck_crl(**changes: Any) -> Callable[[Any], Any]:
    def forge(kit: Any) -> Any:
        return kit.evidence().bend_collateral(pck_crl=kit.crl(kit.pki.platform_ca, **changes))

    return forge


def pck_crl_of_tomorrow(kit: Any) -> Any:
    crl = kit.crl(kit.pki.platform_ca, start=kit.NOW + timedelta(days=1))
    return kit.evidence().bend_collateral(pck_crl=crl)


def expired_and_revoked(kit: Any) -> Any:
    """What an expired list has revoked stays revoked."""
    crl = kit.crl(kit.pki.platform_ca, days=1, revoked=(kit.pck().spec.serial,))
    return kit.evidence().bend_collateral(pck_crl=crl)


def crl_signed_by_tcb_signer(kit: Any) -> Any:
    crl = kit.crl(kit.pki.platform_ca, signing_key=kit.pki.tcb_signing.key)
    return kit.evidence().bend_collateral(pck_crl=crl)


def forged_crl_beside_real(kit: Any) -> Any:
    """An unsigned newer list that revokes the PCK must not displace the real one."""
    serial = kit.pck().spec.serial
    crl = kit.crl(
        kit.pki.platform_ca,
        start=kit.ISSUED + timedelta(days=1),
        revoked=(serial,),
        signing_key=kit.other_key,
    )
    return kit.evidence(more_crls=(crl,))


def tcb_info_of(tee: str, build: str, handed: bool) -> Callable[[Any], Any]:
    def forge(kit: Any) -> Any:
        other = kit.collateral(tee).tcb_info
        return kit.evidence(getattr(kit, build)(), handed=handed).bend_collateral(tcb_info=other)

    return forge


def overrides(**members: Any) -> Callable[[Any], Any]:
    return lambda kit: kit.evidence(collateral=kit.collateral(tcb_overrides=members))


def other_fmspc(handed: bool) -> Callable[[Any], Any]:
    return lambda kit: kit.evidence(collateral=kit.collateral(fmspc=bytes(6)), handed=handed)


def edited_tcb_info(kit: Any) -> Any:
    good = kit.collateral().tcb_info
    body = good.body.replace(b'"svn":128', b'"svn":127')
    assert body != good.body
    return kit.evidence().bend_collateral(tcb_info=replace(good, body=body))


def forged_tcb_info_beside_real(kit: Any) -> Any:
    document = col.tcb_info(
        "sgx",
        fmspc=kit.FMSPC,
        issued=kit.ISSUED + timedelta(days=1),
        levels=(kit.level(status="Revoked"),),
    )
    return kit.evidence(more_documents=(kit.sign(document, kit.other_key),))


def duplicate_members(first: bytes, second: bytes) -> Callable[[Any], Any]:
    def forge(kit: Any) -> Any:
        digits = kit.collateral().tcb_info.signature.hex().encode()
        split_envelope(b'{"tcbInfo":%s,"signature":"%s","tcbInfo":%s}' % (first, digits, second))
        return kit.evidence()

    return forge


def signature_of_identity(kit: Any) -> Any:
    good = kit.collateral()
    forged = replace(good.tcb_info, signature=good.qe_identity.signature)
    return kit.evidence().bend_collateral(tcb_info=forged)


def short_components(kit: Any) -> Any:
    level = kit.level(components=kit.COMPONENTS[:15])
    return kit.evidence(collateral=kit.collateral(levels=(level,)))


def levels(*order: int) -> Callable[[Any], Any]:
    """The platform reaches level 1, not level 0, and level 2 is lower still."""

    def forge(kit: Any) -> Any:
        steps = (
            kit.level(pce_svn=14),
            kit.level(status="SWHardeningNeeded"),
            kit.level(pce_svn=5, status="OutOfDate"),
        )
        return kit.evidence(collateral=kit.collateral(levels=tuple(steps[n] for n in order)))

    return forge


def unknown_status(kit: Any) -> Any:
    levels = (kit.level(status="Up-To-Date"),)
    return kit.evidence(collateral=kit.collateral(levels=levels))


def superseded(kit: Any) -> Any:
    """The archive has the next evaluation too: the older one, still in force, is not used."""
    newer = col.tcb_info(
        "sgx",
        fmspc=kit.FMSPC,
        issued=kit.ISSUED + timedelta(days=2),
        levels=(kit.level(status="OutOfDate"),),
        evaluation=18,
    )
    return kit.evidence(more_documents=(kit.sign(newer),))


def old_collateral_expired(kit: Any) -> Any:
    return kit.evidence(moment=kit.ISSUED + timedelta(days=31))


def tdx(platform: str, module: str) -> Callable[[Any], Any]:
    def forge(kit: Any) -> Any:
        collateral = kit.collateral(
            "tdx",
            levels=(kit.level("tdx", platform),),
            modules=(col.TdxModule(1, (col.SvnLevel(4, module),)),),
        )
        return kit.evidence(kit.tdx(), collateral)

    return forge


# --- bodies ---------------------------------------------------------------------------------


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


def later(build: Callable[[Any], Any], **offset: int) -> Callable[[Any], Any]:
    """At the expiry of the 30-day collateral, and so much later."""

    def forge(kit: Any) -> Any:
        return build(kit).bend(moment=kit.ISSUED + timedelta(days=30) + timedelta(**offset))

    return forge


def healthy(kit: Any) -> Any:
    return kit.evidence()


SEPT, MIGRATABLE = 28, 29
NO_CHAIN = ("S1", "S3", "S4", "S5", "S6")  # no chain: nobody knows which documents are about it
MODULE_9 = bytes((6, 9, 3)).ljust(16, b"\0")
SIG_LEN, AUTH_LEN, CERT_LEN = 432, 436 + 576, 436 + 576 + 2 + 32 + 2
HUGE = 0xFFFFFFFF

ATTACKS = (
    Attack("A01", "sgx-body", edit("sgx3", 48), ("K5",)),
    Attack("A01", "sgx-report-data", edit("sgx3", 431), ("K5",)),
    Attack("A01", "td-rtmr", edit("tdx4", 48 + 472), ("K5",)),
    Attack("A01", "td-service-td", edit("tdx5", 54 + 647), ("K5", "A4")),
    Attack("A02", "user-data", edit("sgx3", 28), ("K5",)),
    Attack("A02", "svn", edit("sgx3", 8), ("K5",)),
    Attack("A02", "reserved", edit("tdx4", 8), ("K5",)),
    Attack("A03", "body-type-unknown", edit("tdx5", 48, b"\x04"), code="unsupported-body"),
    Attack("A03", "body-type-2", edit("tdx5", 48, b"\x02"), code="length-mismatch"),
    Attack("A03", "body-size", edit("tdx5", 50, b"\x89"), code="length-mismatch"),
    Attack("A03", "sgx-in-td", edit("tdx5", 48, bytes.fromhex("010080010000")), code="truncated"),
    Attack("A04", "v4-td-called-sgx", edit("tdx4", 4, b"\0"), code="truncated"),
    Attack("A04", "v3-called-td", tee_type("sgx", 3, 0x81), ("F3",)),
    Attack("A04", "v5-sgx-called-td", tee_type("sgx", 5, 0x81), ("F3",)),
    Attack("A04", "v5-td-called-sgx", tee_type("tdx", 5, 0), ("F3",)),
    Attack("A05", "p384", header("sgx", 3, att_key_type=3), code="unsupported-key-type"),
    Attack("A05", "epid", header("sgx", 3, att_key_type=0), code="unsupported-key-type"),
    Attack("A06", "vendor", header("sgx", 3, qe_vendor_id=bytes(16)), ("F2",)),
    Attack("A07", "key-replaced", key_replaced, ("K2",)),
    Attack("A08", "auth-data", auth_data_edited, ("K2",)),
    Attack("A08", "boundary", boundary_shifted, ("K2",)),
    Attack("A09", "tail", report_data_tail, ("K3",), ACCEPTED, status="UpToDate"),
    Attack("A10", "signer", qe(mrsigner=bytes(32)), ("E4",)),
    Attack("A10", "product", qe(isv_prodid=9), ("E5",)),
    Attack("A11", "debug-qe", qe(attributes=attributes(0, 1, 2, 4, size=16)), ("E3",)),
    Attack("A11", "qe-without-init", qe(attributes=attributes(2, 4, size=16)), ("E3",)),
    Attack("A12", "sgx-by-td-qe", certified_by("tdx", "sgx"), ("E4", "E5")),
    Attack("A12", "td-by-qe", certified_by("sgx", "tdx"), ("E4", "E5")),
    Attack("A12", "identity-handed", identity_of_other_tee(True), ("E1", "E4", "E5")),
    Attack("A12", "identity", identity_of_other_tee(False), (), UNDETERMINED, ("S1", "S5", "S6")),
    Attack("A13", "below-all-levels", qe(isv_svn=0), ("E6", "V3")),
    Attack("A13", "revoked-and-forged", revoked_qe_and_forged_signature, ("E6", "K5", "V3")),
    Attack("A14", "own-root", foreign_hierarchy, ("P2", "S1")),
    Attack("A15", "leaf-as-ca", leaf_signed_by_leaf, ("P1",), lacking=NO_CHAIN),
    Attack("A15", "ca-bit-missing", ca_without_ca_bit, ("P7",), ACCEPTED, status="UpToDate"),
    Attack("A15", "ca-bit-on-leaf", leaf_with_ca_bit, ("P7",), ACCEPTED, status="UpToDate"),
    Attack("A16", "tcb-signer-as-ca", tcb_signer_as_ca, ("P1",), lacking=NO_CHAIN),
    Attack("A16", "pck-signs-tcb-info", tcb_info_signed_by_pck, ("S4",), lacking=("S1",)),
    Attack("A16", "tcb-signer-below-ca", tcb_signer_below_ca, ("S4",), lacking=("S1",)),
    Attack("A17", "two", chain("leaf", "ca"), ("P1",), lacking=NO_CHAIN),
    Attack("A17", "four", chain("leaf", "ca", "root", "root"), ("P1",), lacking=NO_CHAIN),
    Attack("A17", "leaf-twice", chain("leaf", "leaf", "root"), ("P1",), lacking=NO_CHAIN),
    Attack("A17", "no-leaf", chain("ca", "ca", "root"), ("P1",), lacking=NO_CHAIN),
    Attack("A17", "reversed", chain("root", "ca", "leaf"), (), ACCEPTED, status="UpToDate"),
    Attack("A17", "ca-first", chain("ca", "leaf", "root"), (), ACCEPTED, status="UpToDate"),
    Attack("A18", "revoked-pck", revoked(revoked_pcks="pck"), ("R4",)),
    Attack("A18", "serial-in-other-list", revoked(revoked_by_root="pck"), (), ACCEPTED),
    Attack("A19", "revoked-ca", revoked(revoked_by_root="ca"), ("R3",)),
    Attack("A19", "revoked-signer", revoked(revoked_by_root="signer"), ("S2",)),
    Attack("A20", "crl-of-other-ca", crl_of_other_ca, (), UNDETERMINED, ("R2",)),
    Attack("A20", "renamed", crl_of_other_ca_renamed, ("R2",)),
    Attack("A21", "missing-pck-crl", without("pck_crl"), (), UNDETERMINED, ("R2",)),
    Attack("A21", "missing-root-crl", without("root_ca_crl"), (), UNDETERMINED, ("R1",)),
    Attack("A21", "empty", empty_crl, code="bad-crl"),
    Attack("A21", "truncated", truncated_crl, code="bad-der"),
    Attack("A21", "expired", pck_crl(days=1), ("T2",), UNDETERMINED),
    Attack("A21", "expired-and-revoked", expired_and_revoked, ("R4", "T2")),
    Attack("A21", "future", pck_crl_of_tomorrow, ("T2",), UNDETERMINED),
    Attack("A22", "signed-by-tcb-signer", crl_signed_by_tcb_signer, ("R2",)),
    Attack("A22", "beside-the-real-one", forged_crl_beside_real, (), ACCEPTED, status="UpToDate"),
    Attack("A23", "sgx-for-td-handed", tcb_info_of("sgx", "tdx", True), ("M1",)),
    Attack("A23", "td-for-sgx-handed", tcb_info_of("tdx", "sgx", True), ("M1",)),
    Attack(
        "A23",
        "sgx-for-td",
        tcb_info_of("sgx", "tdx", False),
        (),
        UNDETERMINED,
        ("S1", "S3", "S4"),
    ),
    Attack("A24", "fmspc-handed", other_fmspc(True), ("M2",)),
    Attack("A24", "fmspc", other_fmspc(False), (), UNDETERMINED, ("S1", "S3", "S4")),
    Attack("A24", "pce-id", overrides(pceId="0100"), ("M3",)),
    Attack("A25", "edited", edited_tcb_info, ("S4",), lacking=("S1",)),
    Attack("A25", "beside-the-real-one", forged_tcb_info_beside_real, (), ACCEPTED),
    Attack("A26", "good-first", duplicate_members(b"{}", b"[]"), code="duplicate-key"),
    Attack("A26", "good-last", duplicate_members(b"[]", b"{}"), code="duplicate-key"),
    Attack("A27", "other-wrapper", signature_of_identity, ("S4",), lacking=("S1",)),
    Attack("A28", "fifteen", short_components, ("S3",)),
    Attack("A29", "in-order", levels(0, 1, 2), (), ACCEPTED, status="SWHardeningNeeded"),
    Attack("A29", "reversed", levels(2, 1, 0), (), ACCEPTED, status="SWHardeningNeeded"),
    Attack("A29", "permuted", levels(2, 0, 1), (), ACCEPTED, status="SWHardeningNeeded"),
    Attack("A29", "duplicate", levels(0, 1, 1, 2), ("S3",)),
    Attack("A30", "unknown-status", unknown_status, ("S3",)),
    Attack("A31", "superseded", superseded, ("T7",), ACCEPTED, status="OutOfDate"),
    Attack("A31", "expired", old_collateral_expired, ("T2", "T4", "T5"), UNDETERMINED),
    Attack("A32", "unknown-module", td(tee_tcb_svn=MODULE_9), ("D1",)),
    Attack(
        "A33", "module-out-of-date", tdx("UpToDate", "OutOfDate"), (), ACCEPTED, (), "OutOfDate"
    ),
    Attack("A33", "module-revoked", tdx("UpToDate", "Revoked"), ("V3",), status="Revoked"),
    Attack("A33", "td-out-of-date", tdx("OutOfDate", "UpToDate"), (), ACCEPTED, (), "OutOfDate"),
    Attack("A33", "td-revoked", tdx("Revoked", "UpToDate"), ("V3",), status="Revoked"),
    Attack("A34", "seam-signer", td(mrsigner_seam=b"\x01".ljust(48, b"\0")), ("D2",)),
    Attack("A34", "seam-attributes", td(seam_attributes=attributes(63)), ("D3",)),
    Attack("A35", "debug", td(td_attributes=attributes(0, SEPT)), ("A1",), ACCEPTED),
    Attack("A35", "tud", td(td_attributes=attributes(1, 5, SEPT)), ("A2",), ACCEPTED),
    Attack("A35", "sept-ve", td(td_attributes=bytes(8)), ("A3",), ACCEPTED),
    Attack(
        "A35",
        "migratable-with-service-td",
        td(5, td_attributes=attributes(SEPT, MIGRATABLE), mr_service_td=b"\x01" * 48),
        ("A4",),
        ACCEPTED,
    ),
    Attack("A36", "debug", enclave(attributes=attributes(0, 1, 2, size=16)), ("A1",), ACCEPTED),
    Attack(
        "A36", "provision-key", enclave(attributes=attributes(0, 2, 4, size=16)), ("A2",), ACCEPTED
    ),
    Attack("A37", "sig-len-0", lengths("sgx3", SIG_LEN, 0), code="truncated"),
    Attack("A37", "sig-len-huge", lengths("sgx3", SIG_LEN, HUGE), code="truncated"),
    Attack("A37", "auth-len-0", lengths("sgx3", AUTH_LEN, 0, 2), code="truncated"),
    Attack("A37", "auth-len-huge", lengths("sgx3", AUTH_LEN, 0xFFFF, 2), code="truncated"),
    Attack("A37", "cert-len-0", lengths("sgx3", CERT_LEN, 0), ("P1",), lacking=NO_CHAIN),
    Attack("A37", "cert-len-huge", lengths("sgx3", CERT_LEN, HUGE), code="truncated"),
    Attack("A38", "zeros", appended(bytes(70)), (), ACCEPTED),
    Attack("A38", "data", appended(b"a second quote"), (), ACCEPTED),
    Attack("A38", "slack-v3", slack("sgx", "slack"), (), ACCEPTED),
    Attack("A38", "slack-v4", slack("tdx", "slack"), (), ACCEPTED),
    Attack("A38", "outer-slack", slack("tdx", "outer_slack"), ("F3",)),
    Attack("A39", "quote", flipped(quotes.flip_quote_signature), (), ACCEPTED),
    Attack("A39", "qe-report", flipped(quotes.flip_qe_signature), (), ACCEPTED),
    Attack("A39", "leaf", flipped(quotes.flip_chain_signature), (), ACCEPTED),
    Attack("A39", "ca", flipped(lambda q: quotes.flip_chain_signature(q, 1)), (), ACCEPTED),
    Attack("A39", "root", flipped(lambda q: quotes.flip_chain_signature(q, 2)), (), ACCEPTED),
    Attack(
        "A39",
        "all",
        flipped(
            quotes.flip_quote_signature,
            quotes.flip_qe_signature,
            quotes.flip_chain_signature,
            quotes.rewrap_chain,
        ),
        (),
        ACCEPTED,
    ),
    Attack("A40", "r-0", signature(r=0), ("K5",)),
    Attack("A40", "s-0", signature(s=0), ("K5",)),
    Attack("A40", "r-n", signature(r=P256_ORDER), ("K5",)),
    Attack("A40", "s-n", signature(s=P256_ORDER), ("K5",)),
    Attack("A40", "all-ones", signature(r=(1 << 256) - 1, s=(1 << 256) - 1), ("K5",)),
    Attack("A40", "infinity", attestation_key(bytes(64)), ("K2", "K4", "K5")),
    Attack("A40", "off-curve", attestation_key(b"\x01" * 64), ("K2", "K4", "K5")),
    Attack("A40", "beyond-field", attestation_key(b"\xff" * 64), ("K2", "K4", "K5")),
    Attack("A41", "crlf", pem(lambda t: t.replace(b"\n", b"\r\n")), (), ACCEPTED),
    Attack("A41", "one-line", pem(one_line), (), ACCEPTED),
    Attack("A41", "blanks", pem(lambda t: t.replace(b"M", b" M\t")), (), ACCEPTED),
    Attack("A41", "text", pem(lambda t: t.replace(b"-----BEGIN", b"hi\n-----BEGIN")), (), ACCEPTED),
    Attack("A41", "nul", pem(lambda t: t + bytes(9)), (), ACCEPTED),
    Attack("A41", "no-nul", pem(lambda t: t.rstrip(b"\0")), (), ACCEPTED),
    Attack(
        "A41", "bad-character", pem(lambda t: t.replace(b"M", b"!", 1)), ("P1",), lacking=NO_CHAIN
    ),
    Attack("A42", "type-1", certification_type(1), ("F4",), lacking=NO_CHAIN),
    Attack("A42", "type-4", certification_type(4), ("F4",), lacking=NO_CHAIN),
    Attack("A42", "type-6", certification_type(6), ("F3", "F4"), lacking=NO_CHAIN),
    Attack("A42", "type-7", certification_type(7), ("F3", "F4"), lacking=NO_CHAIN),
    Attack("A42", "type-0", certification_type(0), ("F3", "F4"), lacking=NO_CHAIN),
    Attack("A43", "reused-report-data", reused_report_data, (), ACCEPTED),
    Attack("A44", "tcb-raised", tcb_raised, ("P5",)),
    Attack("A45", "pck-on-p384", pck_on_p384, ("K1", "P7")),
    Attack("A45", "ca-on-p384", ca_on_p384, ("P5", "P7"), lacking=("R2",)),
    Attack("A45", "pck-with-sha384", pck_signed_with_sha384, ("P5", "P7")),
    Attack("A46", "at-expiry", later(healthy), (), ACCEPTED),
    Attack("A46", "in-that-second", later(healthy, microseconds=999_999), (), ACCEPTED),
    Attack("A46", "a-second-later", later(healthy, seconds=1), ("T2", "T4", "T5"), UNDETERMINED),
)


@pytest.mark.parametrize("attack", [a for a in ATTACKS if a.code is None], ids=str)
def test_attack_is_judged(kit: Any, attack: Attack) -> None:
    judgement = attack.forge(kit).judge()

    assert {*judgement.failed_checks, *judgement.strict_failures} == set(attack.failed)
    assert judgement.outcome == attack.outcome
    assert judgement.undetermined_checks == list(attack.lacking)
    if attack.status is not None:
        assert judgement.status == attack.status


@pytest.mark.parametrize("attack", [a for a in ATTACKS if a.code], ids=str)
def test_attack_goes_to_quarantine(kit: Any, attack: Attack) -> None:
    with pytest.raises(EvidenceError) as caught:
        attack.forge(kit).judge()

    assert caught.value.code == attack.code


def test_every_attack_case_is_here() -> None:
    assert {attack.id for attack in ATTACKS} == {f"A{n:02}" for n in range(1, 47)}
