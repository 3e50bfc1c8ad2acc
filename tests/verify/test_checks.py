"""One input per check that makes it fail, and nothing else that does not follow from it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ObjectIdentifier

from forensics.errors import EvidenceError
from forensics.formats.quote import parse_quote
from forensics.simulate import collateral as col
from forensics.simulate import keys
from forensics.simulate.certificates import Identity, chain_pem
from forensics.simulate.quotes import TD_QE_MRSIGNER
from forensics.simulate.sgx_extension import encode_entries
from forensics.verify.checks import QUOTE_CHECKS

ACCEPTED, REJECTED, UNDETERMINED = "accepted", "rejected", "undetermined"


@dataclass(frozen=True)
class Case:
    """`failed` names every failing check; the one that the case is for comes first."""

    failed: tuple[str, ...]
    forge: Callable[[Any], Any]
    outcome: str = REJECTED
    name: str = ""

    def __str__(self) -> str:
        return f"{self.failed[0]}-{self.name or self.forge.__name__.strip('_')}"


def _foreign_vendor(kit: Any) -> Any:
    return kit.evidence(kit.sgx(header={"qe_vendor_id": bytes(16)}))


def _outer_type(kit: Any) -> Any:
    return kit.evidence(kit.sgx(4)).bend_quote(outer_certification_type=5)


def _ppid_instead_of_chain(kit: Any) -> Any:
    certification = kit.certify(certification_type=1, chain=bytes(36))
    return kit.evidence(kit.sgx(certification=certification))


def _two_certificates(kit: Any) -> Any:
    chain = chain_pem(kit.pck().der, kit.pki.platform_ca.der)
    return kit.evidence(kit.sgx(certification=kit.certify(chain=chain)))


def _foreign_root(kit: Any) -> Any:
    """A hierarchy of its own with Intel's names; the documents are the real ones."""
    foreign = kit.foreign
    pck = kit.pck(authority=foreign)
    chain = foreign.pck_chain(pck)
    theirs = col.build_collateral(foreign, kit.plan())
    ours = kit.evidence(kit.sgx(certification=kit.certify(pck=pck, chain=chain)), handed=True)
    certificates = (foreign.root.der, foreign.platform_ca.der)
    return ours.bend_collateral(root_ca_crl=theirs.root_ca_crl, pck_crl=theirs.pck_crl).bend(
        more_certificates=certificates
    )


def _root_not_self_signed(kit: Any) -> Any:
    return kit.sgx_evidence(root=kit.root(issuer_key=kit.other_key))


def _ca_signed_by_other(kit: Any) -> Any:
    return kit.sgx_evidence(ca=kit.ca(issuer_key=kit.other_key))


def _pck_signed_by_other(kit: Any) -> Any:
    return kit.sgx_evidence(kit.pck(issuer_key=kit.other_key))


def _extension_without_fmspc(kit: Any) -> Any:
    entries = kit.extension().entries()
    return kit.sgx_evidence(kit.pck(sgx_extension=encode_entries(entries[:3] + entries[4:])))


def _extension_absent(kit: Any) -> Any:
    return kit.sgx_evidence(kit.pck(sgx_extension=None))


def _extension_absent_for_other_tee(kit: Any) -> Any:
    """Which TEE the TCB info is for is known all the same."""
    ours = _extension_absent(kit).bend(handed=True)
    return ours.bend_collateral(tcb_info=kit.collateral("tdx").tcb_info)


def _unknown_critical_extension(kit: Any) -> Any:
    extra = x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    return kit.sgx_evidence(kit.pck(extra=((extra, True),)))


def _root_crl_signed_by_other(kit: Any) -> Any:
    crl = kit.crl(kit.pki.root, signing_key=kit.other_key)
    return kit.evidence().bend_collateral(root_ca_crl=crl)


def _root_crl_without_number(kit: Any) -> Any:
    return kit.evidence().bend_collateral(root_ca_crl=kit.crl(kit.pki.root, number=None))


def _pck_crl_signed_by_other(kit: Any) -> Any:
    crl = kit.crl(kit.pki.platform_ca, signing_key=kit.pki.tcb_signing.key)
    return kit.evidence().bend_collateral(pck_crl=crl)


def _pck_crl_without_authority(kit: Any) -> Any:
    crl = kit.crl(kit.pki.platform_ca, authority_key=False)
    return kit.evidence().bend_collateral(pck_crl=crl)


def _pck_crl_of_a_foreign_ca(kit: Any) -> Any:
    """Its issuer has the right name, is known, and is not the CA of the quote."""
    theirs = col.build_collateral(kit.foreign, kit.plan())
    ours = kit.evidence(handed=True).bend_collateral(pck_crl=theirs.pck_crl)
    return ours.bend(more_certificates=(kit.foreign.root.der, kit.foreign.platform_ca.der))


def _root_crl_of_a_foreign_root(kit: Any) -> Any:
    theirs = col.build_collateral(kit.foreign, kit.plan())
    ours = kit.evidence(handed=True).bend_collateral(root_ca_crl=theirs.root_ca_crl)
    return ours.bend(more_certificates=(kit.foreign.root.der,))


def _ca_revoked(kit: Any) -> Any:
    serials = (kit.pki.platform_ca.spec.serial,)
    return kit.evidence(collateral=kit.collateral(revoked_by_root=serials))


def _pck_revoked(kit: Any) -> Any:
    serials = (kit.pck().spec.serial,)
    return kit.evidence(collateral=kit.collateral(revoked_pcks=serials))


def _pck_expired(kit: Any) -> Any:
    return kit.sgx_evidence(kit.pck(not_before=datetime(2018, 6, 1, tzinfo=UTC)))


def _crl_expired(kit: Any) -> Any:
    return kit.evidence().bend_collateral(pck_crl=kit.crl(kit.pki.platform_ca, days=1))


def _crl_of_the_future(kit: Any) -> Any:
    crl = kit.crl(kit.pki.root, start=kit.NOW + timedelta(seconds=1))
    return kit.evidence().bend_collateral(root_ca_crl=crl)


def _foreign_signer(kit: Any) -> Any:
    chain = kit.foreign.tcb_signing_chain()
    theirs = col.build_collateral(kit.foreign, kit.plan())
    return kit.evidence(handed=True).bend_collateral(
        tcb_info=theirs.tcb_info, tcb_info_issuer_chain=chain
    )


def _signer_revoked(kit: Any) -> Any:
    serials = (kit.pki.tcb_signing.spec.serial,)
    return kit.evidence(collateral=kit.collateral(revoked_by_root=serials))


def _signer_of_tcb_info_revoked(kit: Any) -> Any:
    return _signer_revoked_of(kit, "tcb_info")


def _signer_of_identity_revoked(kit: Any) -> Any:
    return _signer_revoked_of(kit, "qe_identity")


def _signer_revoked_of(kit: Any, which: str) -> Any:
    """Each document has a signer of its own, and one of them is revoked."""
    spec = kit.respec(kit.pki.tcb_signing, key=kit.other_key, serial=0x51)
    document = json.loads(getattr(kit.collateral(), which).body)
    changed = {
        which: kit.sign(document, kit.other_key),
        f"{which}_issuer_chain": chain_pem(Identity.issue(spec).der, kit.pki.root.der),
        "root_ca_crl": kit.crl(kit.pki.root, revoked=(0x51,)),
    }
    return kit.evidence().bend_collateral(**changed)


def _tcb_info_of_version_4(kit: Any) -> Any:
    return kit.evidence(collateral=kit.collateral(tcb_overrides={"version": 4}))


def _tcb_info_altered(kit: Any) -> Any:
    good = kit.collateral()
    body = good.tcb_info.body.replace(b'"pcesvn":13', b'"pcesvn":12')
    assert body != good.tcb_info.body
    return kit.evidence().bend_collateral(tcb_info=replace(good.tcb_info, body=body))


def _identity_of_version_1(kit: Any) -> Any:
    return kit.evidence(collateral=kit.collateral(qe_overrides={"version": 1}))


def _identity_altered(kit: Any) -> Any:
    good = kit.collateral()
    body = good.qe_identity.body.replace(b'"isvsvn":8', b'"isvsvn":7')
    assert body != good.qe_identity.body
    return kit.evidence().bend_collateral(qe_identity=replace(good.qe_identity, body=body))


def _signer_expired(kit: Any) -> Any:
    spec = kit.respec(
        kit.pki.tcb_signing,
        validity=(datetime(2018, 5, 21, tzinfo=UTC), datetime(2025, 5, 21, tzinfo=UTC)),
    )
    chain = chain_pem(Identity.issue(spec).der, kit.pki.root.der)
    return kit.evidence().bend_collateral(
        tcb_info_issuer_chain=chain, qe_identity_issuer_chain=chain
    )


def _signer_of_identity_expired(kit: Any) -> Any:
    """Each document has a signer of its own, and one of them is no longer valid."""
    spec = kit.respec(
        kit.pki.tcb_signing,
        key=kit.other_key,
        validity=(datetime(2018, 5, 21, tzinfo=UTC), datetime(2025, 5, 21, tzinfo=UTC)),
    )
    identity = json.loads(kit.collateral().qe_identity.body)
    return kit.evidence().bend_collateral(
        qe_identity=kit.sign(identity, kit.other_key),
        qe_identity_issuer_chain=chain_pem(Identity.issue(spec).der, kit.pki.root.der),
    )


def _next_update(document: str, text: str) -> Callable[[Any], Any]:
    overrides = {"nextUpdate": text}
    return lambda kit: kit.evidence(collateral=kit.collateral(**{document: overrides}))


def _issue_date(document: str, text: str) -> Callable[[Any], Any]:
    overrides = {"issueDate": text}
    return lambda kit: kit.evidence(collateral=kit.collateral(**{document: overrides}))


def _tcb_info_of_the_future(kit: Any) -> Any:
    overrides = {"issueDate": "2026-01-06T00:00:00Z"}
    return kit.evidence(collateral=kit.collateral(tcb_overrides=overrides))


def _mixed_evaluation_numbers(kit: Any) -> Any:
    overrides = {"tcbEvaluationDataNumber": 18}
    return kit.evidence(collateral=kit.collateral(qe_overrides=overrides))


def _sgx_tcb_info_for_tdx(kit: Any) -> Any:
    sgx = kit.collateral("sgx").tcb_info
    return kit.evidence(kit.tdx(), handed=True).bend_collateral(tcb_info=sgx)


def _tdx_tcb_info_for_sgx(kit: Any) -> Any:
    tdx = kit.collateral("tdx").tcb_info
    return kit.evidence(handed=True).bend_collateral(tcb_info=tdx)


def _other_fmspc(kit: Any) -> Any:
    collateral = kit.collateral(fmspc=bytes.fromhex("00906ed50000"))
    return kit.evidence(collateral=collateral, handed=True)


def _other_pce_id(kit: Any) -> Any:
    return kit.evidence(collateral=kit.collateral(tcb_overrides={"pceId": "0001"}))


def _unknown_module(kit: Any) -> Any:
    return kit.evidence(kit.tdx(body={"tee_tcb_svn": bytes((6, 9, 3)).ljust(16, b"\0")}))


def _module_identities_absent(kit: Any) -> Any:
    collateral = kit.collateral("tdx", modules=())
    return kit.evidence(kit.tdx(), collateral)


def _module_signer(kit: Any) -> Any:
    return kit.evidence(kit.tdx(body={"mrsigner_seam": b"\x01".ljust(48, b"\0")}))


def _seam_attributes(kit: Any) -> Any:
    return kit.evidence(kit.tdx(body={"seam_attributes": b"\x01".ljust(8, b"\0")}))


def _seam_attributes_allowed_by_document(kit: Any) -> Any:
    """QVL wants zero even where the identity names something else."""
    attributes = b"\x01".ljust(8, b"\0")
    modules = (col.TdxModule(1, (col.SvnLevel(4),), attributes=attributes),)
    quote = kit.tdx(body={"seam_attributes": attributes})
    return kit.evidence(quote, kit.collateral("tdx", modules=modules))


def _seam_attributes_asked_for(kit: Any) -> Any:
    modules = (col.TdxModule(1, (col.SvnLevel(4),), attributes=b"\x01".ljust(8, b"\0")),)
    return kit.evidence(kit.tdx(), kit.collateral("tdx", modules=modules))


def _qe_report_signed_by_other(kit: Any) -> Any:
    certification = kit.certify()
    signature = keys.sign(kit.other_key, certification.qe_report)
    return kit.evidence(kit.sgx(certification=replace(certification, qe_signature=signature)))


def _pck_on_another_curve(kit: Any) -> Any:
    text = kit.chain(kit.pck(key=ec.derive_private_key(12345, ec.SECP384R1())))
    return kit.evidence().bend_quote(certification_data=text)


def _other_key_bound(kit: Any) -> Any:
    bound = keys.derive_bytes(1, "not this key").ljust(64, b"\0")
    return kit.evidence(kit.sgx(certification=kit.certify(qe={"report_data": bound})))


def _tail_of_qe_report_data(kit: Any) -> Any:
    healthy = parse_quote(kit.sgx().to_bytes()).qe_body["report_data"]
    bound = healthy[:32] + b"\x01".ljust(32, b"\0")
    return kit.evidence(kit.sgx(certification=kit.certify(qe={"report_data": bound})))


def _identity_of_qve(kit: Any) -> Any:
    return kit.evidence(collateral=kit.collateral(qe_overrides={"id": "QVE"}), handed=True)


def _qe(**fields: Any) -> Callable[[Any], Any]:
    return lambda kit: kit.evidence(kit.sgx(certification=kit.certify(qe=fields)))


def _qe_levels(*levels: col.SvnLevel) -> Callable[[Any], Any]:
    return lambda kit: kit.evidence(collateral=kit.collateral(qe_levels=levels))


def _key_off_the_curve(kit: Any) -> Any:
    """A QE that binds 64 bytes which are no key."""
    off = bytes(63) + b"\x01"
    auth = bytes(range(32))
    bound = keys.sha256(off + auth).digest().ljust(64, b"\0")
    certification = kit.certify(qe={"report_data": bound})
    return kit.evidence(kit.sgx(certification=certification)).bend_quote(attestation_key=off)


def _body_altered(kit: Any) -> Any:
    quote = kit.sgx()
    signed = quote.signed[:48] + bytes((quote.signed[48] ^ 1,)) + quote.signed[49:]
    return kit.evidence(replace(quote, signed=signed))


def _platform_below_all_levels(kit: Any) -> Any:
    levels = (kit.level(pce_svn=14),)
    return kit.evidence(collateral=kit.collateral(levels=levels))


def _td_below_all_levels(kit: Any) -> Any:
    levels = (kit.level("tdx", tdx=bytes((5, 1, 4)).ljust(16, b"\0")),)
    return kit.evidence(kit.tdx(), kit.collateral("tdx", levels=levels))


def _module_below_all_levels(kit: Any) -> Any:
    modules = (col.TdxModule(1, (col.SvnLevel(7),)),)
    return kit.evidence(kit.tdx(), kit.collateral("tdx", modules=modules))


def _platform_revoked(kit: Any) -> Any:
    levels = (kit.level(status="Revoked"),)
    return kit.evidence(collateral=kit.collateral(levels=levels))


def _module_revoked(kit: Any) -> Any:
    modules = (col.TdxModule(1, (col.SvnLevel(4, "Revoked"),)),)
    return kit.evidence(kit.tdx(), kit.collateral("tdx", modules=modules))


def _sgx_flags(flags: int) -> Callable[[Any], Any]:
    attributes = flags.to_bytes(8, "little") + bytes.fromhex("e700000000000000")
    return lambda kit: kit.evidence(kit.sgx(body={"attributes": attributes}))


def _td_attributes(bits: int) -> Callable[[Any], Any]:
    attributes = bits.to_bytes(8, "little")
    return lambda kit: kit.evidence(kit.tdx(body={"td_attributes": attributes}))


def _service_td(kit: Any) -> Any:
    return kit.evidence(kit.tdx(5, td15=True, body={"mr_service_td": bytes(47) + b"\x01"}))


SEPT = 1 << 28
EXPIRED = "2026-01-02T00:00:00Z"

CASES = (
    Case(("F2",), _foreign_vendor),
    Case(("F3",), _outer_type),
    Case(("F4",), _ppid_instead_of_chain),
    Case(("P1",), _two_certificates),
    Case(("P2",), _foreign_root),
    Case(("P3",), _root_not_self_signed),
    Case(("P4",), _ca_signed_by_other),
    Case(("P5",), _pck_signed_by_other),
    Case(("P6",), _extension_without_fmspc),
    Case(("P6",), _extension_absent),
    Case(("P6", "M1"), _extension_absent_for_other_tee),
    Case(("P7",), _unknown_critical_extension, ACCEPTED),
    Case(("R1",), _root_crl_signed_by_other),
    Case(("R1",), _root_crl_without_number),
    Case(("R1",), _root_crl_of_a_foreign_root),
    Case(("R2",), _pck_crl_signed_by_other),
    Case(("R2",), _pck_crl_without_authority),
    Case(("R2",), _pck_crl_of_a_foreign_ca),
    Case(("R3",), _ca_revoked),
    Case(("R4",), _pck_revoked),
    Case(("T1",), _pck_expired),
    Case(("T2",), _crl_expired, UNDETERMINED),
    Case(("T2",), _crl_of_the_future, UNDETERMINED),
    Case(("S1",), _foreign_signer),
    Case(("S2",), _signer_revoked),
    Case(("S2",), _signer_of_tcb_info_revoked),
    Case(("S2",), _signer_of_identity_revoked),
    Case(("S3",), _tcb_info_of_version_4),
    Case(("S4",), _tcb_info_altered),
    Case(("S5",), _identity_of_version_1),
    Case(("S6",), _identity_altered),
    Case(("T3",), _signer_expired, UNDETERMINED),
    Case(("T3",), _signer_of_identity_expired, UNDETERMINED),
    Case(("T4",), _next_update("tcb_overrides", EXPIRED), UNDETERMINED, "tcb_info_expired"),
    Case(("T5",), _next_update("qe_overrides", EXPIRED), UNDETERMINED, "qe_identity_expired"),
    Case(("T4", "S3"), _next_update("tcb_overrides", "never"), name="tcb_info_without_end"),
    Case(("S3",), _issue_date("tcb_overrides", "never"), name="tcb_info_without_start"),
    Case(("S5",), _issue_date("qe_overrides", "never"), name="qe_identity_without_start"),
    Case(("T5", "S5"), _next_update("qe_overrides", "never"), name="qe_identity_without_end"),
    Case(("T6",), _tcb_info_of_the_future, ACCEPTED),
    Case(("T7",), _mixed_evaluation_numbers, ACCEPTED),
    Case(("M1",), _sgx_tcb_info_for_tdx),
    Case(("M1",), _tdx_tcb_info_for_sgx),
    Case(("M2",), _other_fmspc),
    Case(("M3",), _other_pce_id),
    Case(("D1",), _unknown_module),
    Case(("D1",), _module_identities_absent),
    Case(("D2",), _module_signer),
    Case(("D3",), _seam_attributes),
    Case(("D3",), _seam_attributes_allowed_by_document),
    Case(("D3",), _seam_attributes_asked_for),
    Case(("K1",), _qe_report_signed_by_other),
    Case(("K1", "P7"), _pck_on_another_curve),
    Case(("K2",), _other_key_bound),
    Case(("K3",), _tail_of_qe_report_data, ACCEPTED),
    Case(("E1",), _identity_of_qve),
    Case(("E2",), _qe(misc_select=1), name="qe_misc_select"),
    Case(("E3",), _qe(attributes=b"\x17".ljust(16, b"\0")), name="qe_debug"),
    Case(("E4",), _qe(mrsigner=TD_QE_MRSIGNER), name="qe_signer"),
    Case(("E5",), _qe(isv_prodid=2), name="qe_product"),
    Case(("E6", "V3"), _qe(isv_svn=7), name="qe_below_all_levels"),
    Case(("E6", "V3"), _qe_levels(col.SvnLevel(8, "Revoked")), name="qe_revoked"),
    Case(("K4", "K5"), _key_off_the_curve),
    Case(("K5",), _body_altered),
    Case(("V1", "V3"), _platform_below_all_levels),
    Case(("V2", "V3"), _td_below_all_levels),
    Case(("V2", "V3"), _module_below_all_levels),
    Case(("V3",), _platform_revoked),
    Case(("V3",), _module_revoked),
    Case(("A1",), _sgx_flags(0b111), ACCEPTED, "enclave_debug"),
    Case(("A1",), _td_attributes(SEPT | 1), ACCEPTED, "td_debug"),
    Case(("A2",), _sgx_flags(0b10101), ACCEPTED, "enclave_provision_key"),
    Case(("A2",), _td_attributes(SEPT | 1 << 4), ACCEPTED, "td_profiling"),
    Case(("A2",), _td_attributes(SEPT | 1 << 7), ACCEPTED, "td_reserved_tud"),
    Case(("A3",), _td_attributes(0), ACCEPTED, "td_sept_ve"),
    Case(("A4",), _service_td, ACCEPTED),
)


BY_A_DOCUMENT = (
    *("M1", "M2", "M3", "D1", "D2", "D3", "V1", "V2"),
    *("E1", "E2", "E3", "E4", "E5", "E6"),
)
MENDED_BY_ANOTHER = [
    case for case in CASES if case.failed[0] in BY_A_DOCUMENT and "revoked" not in str(case)
]


@pytest.mark.parametrize("case", MENDED_BY_ANOTHER, ids=str)
def test_what_an_expired_document_forbids_is_undetermined(kit: Any, case: Case) -> None:
    """A newer one might allow it; nothing else forbids this."""
    judgement = case.forge(kit).judge(kit.ISSUED + timedelta(days=31))

    assert judgement.outcome == UNDETERMINED
    assert {*judgement.failed_checks} == {*case.failed, "T2", "T4", "T5"}


def test_every_check_by_a_document_has_such_a_case() -> None:
    assert {case.failed[0] for case in MENDED_BY_ANOTHER} == {*BY_A_DOCUMENT}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_check_fails_alone(kit: Any, case: Case) -> None:
    judgement = case.forge(kit).judge()

    assert {*judgement.failed_checks, *judgement.strict_failures} == set(case.failed)
    assert judgement.outcome == case.outcome


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_a_chain_and_a_key_are_worth(kit: Any, case: Case) -> None:
    """P7 and K3 are strict: they take nothing from it."""
    trial, failed = case.forge(kit).trial, {*case.failed}

    assert trial.chain.trusted == (not failed & {"F4", "P1", "P2", "P3", "P4", "P5", "P6"})
    assert trial.certification.proven == (not failed & {"F4", "P1", "K1", "K2", "K4"})


def test_f1_fails_by_quarantine(kit: Any) -> None:
    """A quote that does not parse has no facts to judge: its F1 is the reason code."""
    data = kit.sgx().to_bytes()

    with pytest.raises(EvidenceError) as caught:
        parse_quote(data[:-1])

    assert caught.value.code == "truncated"


def test_every_check_has_a_case() -> None:
    assert {"F1", *(case.failed[0] for case in CASES)} == set(QUOTE_CHECKS)


@pytest.mark.parametrize(
    ("forge", "skipped"),
    [
        (_ppid_instead_of_chain, {"P1": "F4", "P7": "F4", "K1": "P1", "R1": "P1", "T1": "P1"}),
        (_two_certificates, {"P2": "P1", "P7": "P1", "K1": "P1", "R4": "P1", "S2": "P1"}),
        (_extension_without_fmspc, {"M2": "S3", "V1": "S3", "V3": "S3"}),
        (lambda kit: kit.evidence(without=("root_ca_crl",)), {"T2": "R1", "R3": "R1", "S2": "R1"}),
        (lambda kit: kit.evidence(without=("pck_crl",)), {"T2": "R2", "R4": "R2"}),
        (_tcb_info_of_version_4, {"V1": "S3", "V3": "S3"}),
        (_identity_of_version_1, {"E1": "S5", "E6": "S5", "V1": "S5", "V3": "S5"}),
        (_tdx_tcb_info_for_sgx, {"V1": "M1", "V3": "M1"}),
        (_other_fmspc, {"V1": "M2", "V3": "M2"}),
        (_other_pce_id, {"V1": "M3", "V3": "M3"}),
        (_unknown_module, {"D2": "D1", "D3": "D1", "V2": "D1", "V3": "D1"}),
        (_module_signer, {"V2": "D2", "V3": "D2"}),
        (_seam_attributes, {"V2": "D3", "V3": "D3"}),
    ],
)
def test_what_cannot_be_checked_says_why(
    kit: Any, forge: Callable[[Any], Any], skipped: dict[str, str]
) -> None:
    judgement = forge(kit).judge()

    for check, reason in skipped.items():
        assert judgement.results[check] == ("skipped", "", f"prevented by {reason}")
    assert judgement.advisory_ids == ()
