"""Who signed a document or a CRL, found among all certificates of a case."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ObjectIdentifier

from forensics.errors import EvidenceError
from forensics.formats.certificates import Certificate, parse_certificate
from forensics.formats.collateral import QE_IDENTITY, TCB_INFO, document_id
from forensics.formats.crl import parse_crl
from forensics.simulate import keys
from forensics.simulate.certificates import Identity, flip_certificate_signature, intel_name
from forensics.verify.chain import REQUIRED_EXTENSIONS
from forensics.verify.documents import find_signature, find_signers, prove_crl, prove_document


def certificates(*identities: Identity) -> list[Certificate]:
    return [parse_certificate(identity.der) for identity in identities]


def results(fact: Any) -> dict[str, str]:
    return {check: outcome[0] for check, outcome in fact.results.items()}


@pytest.fixture
def signers(kit: Any) -> list[Any]:
    return find_signers(certificates(kit.pki.tcb_signing, kit.pki.root), {kit.anchor})


def test_healthy_documents_are_authentic(kit: Any, signers: list[Any]) -> None:
    good = kit.collateral()
    info = prove_document(TCB_INFO, good.tcb_info.body, good.tcb_info.signature, signers)
    identity = prove_document(
        QE_IDENTITY, good.qe_identity.body, good.qe_identity.signature, signers
    )

    assert results(info) == {"S1": "pass", "S3": "pass", "S4": "pass"}
    assert results(identity) == {"S1": "pass", "S5": "pass", "S6": "pass"}
    assert info.authentic
    assert info.root_key == kit.anchor
    assert info.signer.serial == f"{kit.pki.tcb_signing.spec.serial:x}"
    assert info.document_id == document_id(good.tcb_info.body, good.tcb_info.signature)
    begin, end = kit.pki.tcb_signing.spec.validity
    assert info.signer.not_before == kit.to_microseconds(begin)
    assert info.signer.not_after == kit.to_microseconds(end)


@pytest.mark.parametrize(
    "spread",
    [
        lambda body: body.replace(b",", b", ").replace(b":{", b" :\t{"),
        lambda body: body.replace(b",", b",\r\n"),
        lambda body: b"{ " + body[1:],
    ],
    ids=["blanks", "lines", "start"],
)
def test_white_space_is_written_away_as_qvl_does(kit: Any, signers: list[Any], spread: Any) -> None:
    good = kit.collateral().tcb_info
    spaced = spread(good.body)

    assert spaced != good.body
    assert prove_document(TCB_INFO, spaced, good.signature, signers).authentic
    assert find_signature(spaced, good.signature, signers) == (signers[0], good.body)


def test_white_space_inside_strings_is_signed(kit: Any, signers: list[Any]) -> None:
    good = kit.collateral().tcb_info
    changed = good.body.replace(b'"UpToDate"', b'"Up ToDate"')

    assert results(prove_document(TCB_INFO, changed, good.signature, signers))["S4"] == "fail"


def test_an_exact_text_that_is_not_compact_is_valid_too(kit: Any, signers: list[Any]) -> None:
    body = kit.collateral().tcb_info.body.replace(b",", b", ")
    signature = keys.sign(kit.pki.tcb_signing.key, body)

    assert prove_document(TCB_INFO, body, signature, signers).authentic


def test_the_other_s_is_valid_too(kit: Any, signers: list[Any]) -> None:
    good = kit.collateral().tcb_info

    assert prove_document(TCB_INFO, good.body, keys.flip_s(good.signature), signers).authentic


def test_no_signer_at_all_is_a_missing_input(kit: Any) -> None:
    good = kit.collateral().tcb_info
    fact = prove_document(TCB_INFO, good.body, good.signature, [])

    assert results(fact) == {"S1": "error", "S3": "pass", "S4": "error"}
    assert fact.document_id == document_id(good.body, good.signature)
    assert not fact.authentic
    assert fact.root_key is None


def test_a_document_is_signed_although_its_format_is_not_supported(
    kit: Any, signers: list[Any]
) -> None:
    good = kit.collateral(tcb_overrides={"version": 4}).tcb_info
    fact = prove_document(TCB_INFO, good.body, good.signature, signers)

    assert results(fact) == {"S1": "pass", "S3": "fail", "S4": "pass"}
    assert not fact.authentic


def test_a_signer_under_an_untrusted_root(kit: Any) -> None:
    good = kit.collateral().tcb_info
    known = find_signers(certificates(kit.pki.tcb_signing, kit.pki.root), set())
    fact = prove_document(TCB_INFO, good.body, good.signature, known)

    assert results(fact) == {"S1": "fail", "S3": "pass", "S4": "pass"}


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (TCB_INFO, b"[]"),
        (TCB_INFO, b"{"),
        (QE_IDENTITY, b"\xff"),
        (QE_IDENTITY, b'{"a":"\\ud800"}'),
    ],
)
def test_what_is_no_document_is_an_evidence_error(kind: str, body: bytes) -> None:
    with pytest.raises(EvidenceError):
        prove_document(kind, body, bytes(64), [])


# --- signers --------------------------------------------------------------------------------


def test_signers_need_their_root(kit: Any) -> None:
    assert find_signers(certificates(kit.pki.tcb_signing), {kit.anchor}) == []
    assert find_signers(certificates(kit.pki.tcb_signing, kit.foreign.root), {kit.anchor}) == []


@pytest.mark.parametrize("oid", REQUIRED_EXTENSIONS)
@pytest.mark.parametrize("who", ["signer", "root"])
def test_signers_and_roots_have_intels_extensions(kit: Any, who: str, oid: str) -> None:
    omit = (ObjectIdentifier(oid),)
    signer, root = kit.pki.tcb_signing, kit.pki.root
    if who == "signer":
        signer = Identity.issue(replace(signer.spec, omit=omit))
    else:
        root = kit.root(omit=omit)

    assert find_signers(certificates(signer, root), {kit.anchor}) == []


def test_a_root_signs_itself(kit: Any) -> None:
    """The name and the key of the root, in a certificate that another key signed."""
    root = kit.root(issuer_key=kit.other_key)

    assert find_signers(certificates(kit.pki.tcb_signing, root), {kit.anchor}) == []


def test_signers_name_their_root(kit: Any) -> None:
    """The key of the root is not enough: its name must be the issuer's."""
    name = intel_name("Another Root CA")
    renamed = kit.root(subject=name, issuer=name)

    assert find_signers(certificates(kit.pki.tcb_signing, renamed), {kit.anchor}) == []


def test_signers_have_the_name(kit: Any) -> None:
    renamed = Identity.issue(replace(kit.pki.tcb_signing.spec, subject=intel_name("Signing")))

    assert find_signers(certificates(renamed, kit.pki.root), {kit.anchor}) == []


def test_a_root_is_no_signer(kit: Any) -> None:
    name = intel_name("Intel SGX TCB Signing Root")
    root = kit.root(subject=name, issuer=name)

    assert find_signers(certificates(root), {kit.anchor}) == []


def test_trusted_and_long_lived_signers_come_first(kit: Any) -> None:
    spec = kit.pki.tcb_signing.spec
    start = spec.validity[0]
    short = Identity.issue(
        replace(spec, serial=5, validity=(start, datetime(2030, 1, 1, tzinfo=UTC)))
    )
    known = certificates(
        kit.foreign.tcb_signing, kit.foreign.root, short, kit.pki.tcb_signing, kit.pki.root
    )

    found = find_signers(known, {kit.anchor})

    assert [signer.trusted for signer in found] == [True, True, False]
    assert found[0].certificate.der == kit.pki.tcb_signing.der
    assert found[1].certificate.der == short.der
    assert find_signers(known[::-1], {kit.anchor}) == found


def test_the_order_of_signers_is_not_that_of_the_certificates(kit: Any) -> None:
    """Twins of one day, and two encodings of each: the same first one in every case."""
    twin = Identity.issue(replace(kit.pki.tcb_signing.spec, serial=5))
    issued = certificates(kit.pki.tcb_signing, twin, kit.pki.root)
    known = issued + [parse_certificate(flip_certificate_signature(c.der)) for c in issued]

    found = [(s.certificate.der, s.root.der) for s in find_signers(known, {kit.anchor})]

    assert len(found) == 4 * 2
    assert found == sorted(found)
    assert found == [
        (s.certificate.der, s.root.der) for s in find_signers(known[::-1], {kit.anchor})
    ]


def test_a_signer_with_another_kind_of_key_signs_nothing(kit: Any) -> None:
    """It comes first, because it lasts longest, and is passed over."""
    spec = kit.pki.tcb_signing.spec
    until = spec.validity[1].replace(year=spec.validity[1].year + 1)
    other = Identity.issue(
        replace(
            spec, key=ec.derive_private_key(99, ec.SECP384R1()), validity=(spec.validity[0], until)
        )
    )
    found = find_signers(certificates(other, kit.pki.tcb_signing, kit.pki.root), {kit.anchor})
    good = kit.collateral().tcb_info

    assert [signer.certificate.der for signer in found] == [other.der, kit.pki.tcb_signing.der]
    assert prove_document(TCB_INFO, good.body, good.signature, found).authentic


def test_a_signer_ends_with_its_root(kit: Any) -> None:
    root = kit.root(validity=(datetime(2018, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)))
    (signer,) = find_signers(certificates(kit.pki.tcb_signing, root), {kit.anchor})

    assert signer.fact.not_after == kit.to_microseconds(datetime(2030, 1, 1, tzinfo=UTC))


# --- CRLs -----------------------------------------------------------------------------------


def test_a_crl_is_its_issuers(kit: Any) -> None:
    crl = parse_crl(kit.crl(kit.pki.platform_ca, revoked=(0xABC, 1)))
    fact = prove_crl(crl, certificates(kit.pki.root, kit.pki.processor_ca, kit.pki.platform_ca))

    assert fact.issuer_key == keys.public_bytes(kit.pki.platform_ca.key)
    assert fact.revoked == {"abc", "1"}
    assert fact.authentic


def test_the_name_of_an_issuer_is_not_enough(kit: Any) -> None:
    crl = parse_crl(kit.crl(kit.pki.platform_ca))

    assert not prove_crl(crl, certificates(kit.foreign.platform_ca)).authentic
    assert prove_crl(crl, certificates(kit.foreign.platform_ca, kit.pki.platform_ca)).authentic


def test_a_crl_is_trusted_when_its_issuer_is_under_an_anchor(kit: Any) -> None:
    """A CA of somebody's own signs as well as Intel's, under the same name."""
    pki, foreign = kit.pki, kit.foreign
    known = certificates(pki.root, pki.platform_ca, foreign.root, foreign.platform_ca)
    anchors = certificates(pki.root)
    for issuer, trusted in (
        (pki.platform_ca, True),
        (pki.root, True),
        (foreign.platform_ca, False),
        (foreign.root, False),
    ):
        fact = prove_crl(parse_crl(kit.crl(issuer)), known, anchors)
        assert (fact.authentic, fact.trusted) == (True, trusted)


def test_a_foreign_certificate_of_the_key_of_a_trusted_issuer_takes_nothing_away(kit: Any) -> None:
    pki = kit.pki
    forged = kit.respec(pki.platform_ca, issuer_key=kit.foreign.root.key)
    crl = parse_crl(kit.crl(pki.platform_ca))
    for known in permutations((Identity.issue(forged), pki.platform_ca)):
        assert prove_crl(crl, certificates(*known), certificates(pki.root)).trusted


def test_the_key_of_an_issuer_is_not_enough(kit: Any) -> None:
    renamed = kit.ca(subject=intel_name("Intel SGX PCK Processor CA"))

    assert not prove_crl(parse_crl(kit.crl(kit.pki.platform_ca)), certificates(renamed)).authentic


@pytest.mark.parametrize("lacking", [{"number": None}, {"authority_key": False}])
def test_an_incomplete_crl_is_not_authentic(kit: Any, lacking: Any) -> None:
    fact = prove_crl(
        parse_crl(kit.crl(kit.pki.platform_ca, **lacking)), certificates(kit.pki.platform_ca)
    )

    assert fact.issuer_key is not None
    assert not fact.complete
    assert not fact.authentic


def test_a_re_encoded_issuer_is_the_same_issuer(kit: Any) -> None:
    crl = parse_crl(kit.crl(kit.pki.platform_ca))
    flipped = parse_certificate(flip_certificate_signature(kit.pki.platform_ca.der))

    assert prove_crl(crl, [flipped]).authentic
