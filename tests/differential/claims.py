"""How each row of `known` recognises its disagreement.

`refuses_…` and `differs_…` say yes or no; `overlooks_…` names the failed checks of ours that the
other verifier does not make on this evidence.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from differential import evidence
from differential.evidence import SECOND

from forensics.formats.quote import CERTIFICATION_PCK_CHAIN
from forensics.verify.chain import find_absent_extensions

if TYPE_CHECKING:
    from differential.verifiers import Answer, Exhibit, OurAnswer

Checks = frozenset[str]
NONE: Checks = frozenset()

_CHAIN = frozenset(("P1", "P2", "P3", "P4", "R1"))
_TD_POLICY = ("TD profiling", "migratable", "Reserved", "reserved", "SERVTD", "TUD", "attribute")
_PROFILE = (
    "CaUsedAsEndEntity",
    "EndEntityUsedAsCa",
    "SignatureAlgorithmMismatch",
    "UnsupportedCriticalExtension",
    "PathLenConstraintViolated",
    "UnsupportedSignatureAlgorithm",
)
_OF_CHAINS = (
    "Certificate chain is too short",
    "Failed to verify certificate chain",
    "Failed to parse certs",
    "Failed to parse TCB Info leaf certificate",
    "Failed to parse QE Identity leaf certificate",
)


# --- dcap-qvl -------------------------------------------------------------------------------


def refuses_td_attributes(exhibit: Exhibit, _ours: OurAnswer, theirs: Answer) -> bool:
    quote = exhibit.parsed
    return bool(quote and quote.tee == "tdx") and any(word in theirs.note for word in _TD_POLICY)


def refuses_crl_at_its_end(exhibit: Exhibit, _ours: OurAnswer, theirs: Answer) -> bool:
    ends = {crl.next_update for crl in evidence.list_crls(exhibit)}
    return "CrlExpired" in theirs.note and exhibit.moment * SECOND in ends


def refuses_partial_crl(exhibit: Exhibit, _ours: OurAnswer, theirs: Answer) -> bool:
    """Of certificates they refuse an unknown critical extension in the same words."""
    words = (
        "UnsupportedDeltaCrl",
        "UnsupportedCrlIssuingDistributionPoint",
        "UnsupportedCriticalExtension",
    )
    partial = any(crl.partial for crl in evidence.list_crls(exhibit))
    return partial and any(word in theirs.note for word in words)


def overlooks_crl_of_the_future(exhibit: Exhibit, _ours: OurAnswer) -> Checks:
    moment = exhibit.moment * SECOND
    crls = list(evidence.list_crls(exhibit))
    expired = any(crl.next_update is None or crl.next_update < moment for crl in crls)
    future = any(moment < crl.this_update for crl in crls)
    return frozenset(("T2",)) if future and not expired else NONE


def overlooks_expired_root(exhibit: Exhibit, _ours: OurAnswer) -> Checks:
    moment = exhibit.moment * SECOND
    leaf_and_ca = evidence.quote_chain(exhibit)[:2]
    below = all(c is not None and moment <= c.not_after for c in leaf_and_ca)
    roots = (evidence.read_root(exhibit.root), *filter(None, evidence.quote_chain(exhibit)[2:]))
    ended = any(root.not_after < moment for root in roots)
    return frozenset(("T1", "T3")) if below and ended else NONE


def refuses_order_of_chain(exhibit: Exhibit, _ours: OurAnswer, theirs: Answer) -> bool:
    first = next(iter(evidence.quote_chain(exhibit)), None)
    return "CaUsedAsEndEntity" in theirs.note and not evidence.is_pck(first)


def overlooks_root_in_quote(exhibit: Exhibit, _ours: OurAnswer) -> Checks:
    return _CHAIN if evidence.starts_with_leaf_and_ca(exhibit) else NONE


def refuses_profile(exhibit: Exhibit, ours: OurAnswer, theirs: Answer) -> bool:
    # P7 is about the PCK chain; dcap-qvl holds the TCB signer to the same rules.
    odd = "P7" in ours.strict or evidence.has_odd_signer(exhibit)
    return odd and any(word in theirs.note for word in _PROFILE)


def overlooks_absent_extensions(exhibit: Exhibit, _ours: OurAnswer) -> Checks:
    chain = evidence.quote_chain(exhibit)
    if any(c and find_absent_extensions(c) for c in chain):
        return frozenset(("P1",))
    signers = (
        *evidence.read_certificates(exhibit.tcb_info_issuer_chain),
        *evidence.read_certificates(exhibit.qe_identity_issuer_chain),
    )
    if any(c and find_absent_extensions(c) for c in signers):
        return frozenset(("S1", "S4", "S6"))
    return NONE


def overlooks_names(exhibit: Exhibit, _ours: OurAnswer) -> Checks:
    checks = NONE
    leaf, ca = (*evidence.quote_chain(exhibit), None, None)[:2]
    if not evidence.is_pck(leaf) or (leaf and "CA" in leaf.subject_name) or not evidence.is_ca(ca):
        checks |= {"P1", "P4", "P5", "R2"}
    for chain in (exhibit.tcb_info_issuer_chain, exhibit.qe_identity_issuer_chain):
        signer = next(iter(evidence.read_certificates(chain)), None)
        if signer and "SGX TCB Signing" not in signer.subject_name:
            checks |= {"S1", "S4", "S6"}
    return checks


def overlooks_sgx_extension(_exhibit: Exhibit, ours: OurAnswer) -> Checks:
    return frozenset(("P6",)) & ours.failed


def refuses_components(exhibit: Exhibit, _ours: OurAnswer, theirs: Answer) -> bool:
    if "PceSvn length mismatch" in theirs.note:
        return True
    extension = evidence.read_sgx_extension(exhibit)
    differ = extension is not None and extension.cpu_svn != extension.components
    return differ and "No matching TCB level found" in theirs.note


def refuses_revoked_root(exhibit: Exhibit, _ours: OurAnswer, theirs: Answer) -> bool:
    serial = evidence.read_root(exhibit.root).serial
    listed = any(serial in crl.revoked for crl in evidence.list_crls(exhibit))
    return listed and "CertRevoked" in theirs.note


def refuses_issuer_chain(exhibit: Exhibit, _ours: OurAnswer, theirs: Answer) -> bool:
    """Of a document whose signer is known all the same: from elsewhere, or with other text."""
    parts = (
        (exhibit.tcb_info_issuer_chain, exhibit.tcb_info),
        (exhibit.qe_identity_issuer_chain, exhibit.qe_identity),
    )
    odd = [document for chain, document in parts if not evidence.signs(chain, exhibit)]
    known = bool(odd) and all(evidence.is_signed(document, exhibit) for document in odd)
    return known and any(word in theirs.note for word in _OF_CHAINS)


def refuses_rewritten_text(exhibit: Exhibit, _ours: OurAnswer, theirs: Answer) -> bool:
    rewritten = any(evidence.is_rewritten(text) for text in evidence.signed_texts(exhibit))
    return rewritten and "Signature is invalid for" in theirs.note


def overlooks_td_qe_version(exhibit: Exhibit, ours: OurAnswer) -> Checks:
    identity = evidence.read_qe_identity(exhibit)
    newer = (identity.get("id"), identity.get("version")) == ("TD_QE", 3)
    return frozenset(("S5",)) & ours.failed if newer else NONE


def overlooks_bits_outside_mask(exhibit: Exhibit, ours: OurAnswer) -> Checks:
    identity = evidence.read_qe_identity(exhibit)
    stated = {"E2": "miscselect", "E3": "attributes"}
    return ours.failed & {
        check for check, name in stated.items() if evidence.leaves_mask(identity, name)
    }


def differs_in_qe_status(exhibit: Exhibit, ours: OurAnswer, _theirs: Answer) -> bool:
    levels = evidence.read_qe_identity(exhibit).get("tcbLevels", [])
    words = {"ConfigurationNeeded", "OutOfDateConfigurationNeeded"}
    found = bool(words & {level["tcbStatus"] for level in levels})
    return found and ours.status in ("OutOfDate", "OutOfDateConfigurationNeeded")


def overlooks_schema(_exhibit: Exhibit, ours: OurAnswer) -> Checks:
    """With what follows when a date or an id cannot be read."""
    checks = NONE
    if "S3" in ours.failed:
        checks |= {"S3", "T4", "M3"}
    if "S5" in ours.failed:
        checks |= {"S5", "T5"}
    return checks


def overlooks_crl_extensions(exhibit: Exhibit, _ours: OurAnswer) -> Checks:
    lacking = any(
        crl.number is None or not crl.has_authority_key_id for crl in evidence.list_crls(exhibit)
    )
    return frozenset(("R1", "R2")) if lacking else NONE


def overlooks_pce_id(exhibit: Exhibit, _ours: OurAnswer) -> Checks:
    extension = evidence.read_sgx_extension(exhibit)
    stated = evidence.read_tcb_info(exhibit).get("pceId")
    differ = extension is not None and extension.pce_id.hex() != str(stated).lower()
    return frozenset(("M3",)) if differ else NONE


def overlooks_seam_attributes(exhibit: Exhibit, _ours: OurAnswer) -> Checks:
    """They are what the document names under its mask, and nothing lies outside the mask."""
    stated = evidence.read_seam_attributes(exhibit)
    if stated is None:
        return NONE
    found, wanted, mask = stated
    return frozenset(("D3",)) if found & mask == wanted and not found & ~mask else NONE


def overlooks_outer_block(exhibit: Exhibit, _ours: OurAnswer) -> Checks:
    quote = exhibit.parsed
    if quote is None or quote.certification_type != CERTIFICATION_PCK_CHAIN:
        return NONE
    odd = quote.outer_certification_type not in (None, 6) or quote.outer_slack
    return frozenset(("F3",)) if odd else NONE


def _has_current_tcb(exhibit: Exhibit) -> bool:
    return bool(exhibit.parsed and "tee_tcb_svn_2" in exhibit.parsed.body)


def refuses_current_module(exhibit: Exhibit, _ours: OurAnswer, theirs: Answer) -> bool:
    words = ("current TDX TCB (TEE_TCB_SVN2)", "TCB status is invalid: Revoked")
    return _has_current_tcb(exhibit) and any(word in theirs.note for word in words)


def differs_in_relaunch(exhibit: Exhibit, ours: OurAnswer, theirs: Answer) -> bool:
    relaunch = {"TDRelaunchAdvised", "TDRelaunchAdvisedConfigurationNeeded"}
    either = bool(relaunch & {ours.status, theirs.status})
    return _has_current_tcb(exhibit) and (either or ours.advisories != theirs.advisories)


def overlooks_current_module(exhibit: Exhibit, ours: OurAnswer) -> Checks:
    """QVL refuses when TEE_TCB_SVN_2 has no identity."""
    if not _has_current_tcb(exhibit) or "V2" in ours.failed:
        return NONE
    return frozenset(("V3",))


def _unsorted_module(exhibit: Exhibit) -> bool:
    used = f"TDX_{evidence.module_version(exhibit):02X}"
    identities = evidence.read_tcb_info(exhibit).get("tdxModuleIdentities", [])
    for identity in identities:
        svns = [level["tcb"]["isvsvn"] for level in identity["tcbLevels"]]
        if identity["id"].upper() == used and svns != sorted(svns, reverse=True):
            return True
    return False


def refuses_unsorted_module(exhibit: Exhibit, _ours: OurAnswer, theirs: Answer) -> bool:
    return _unsorted_module(exhibit) and "TCB status is invalid: Revoked" in theirs.note


def differs_in_unsorted_module(exhibit: Exhibit, _ours: OurAnswer, _theirs: Answer) -> bool:
    return _unsorted_module(exhibit)


def overlooks_unsorted_module(exhibit: Exhibit, ours: OurAnswer) -> Checks:
    return frozenset(("V3",)) & ours.failed if _unsorted_module(exhibit) else NONE


# --- the older binding ------------------------------------------------------------------------


def _statuses(theirs: Answer) -> Iterator[str]:
    """Of the PCK chain, the TCB info, the QE identity and the quote."""
    yield from (*theirs.note.split(), "", "", "", "")[:4]


def binding_refuses_version_5(exhibit: Exhibit, _ours: OurAnswer, theirs: Answer) -> bool:
    *_, of_quote = _statuses(theirs)
    quote = exhibit.parsed
    return bool(quote and quote.version == 5) and of_quote == "UNSUPPORTED_QUOTE_FORMAT"


def binding_refuses_bytes_after(exhibit: Exhibit, _ours: OurAnswer, theirs: Answer) -> bool:
    *_, of_quote = _statuses(theirs)
    quote = exhibit.parsed
    more = bool(quote and (quote.trailing or quote.slack))
    return more and of_quote == "UNSUPPORTED_QUOTE_FORMAT"


def binding_refuses_module(exhibit: Exhibit, _ours: OurAnswer, theirs: Answer) -> bool:
    *_, of_quote = _statuses(theirs)
    mismatch = of_quote in ("TCB_INFO_MISMATCH", "TCB_NOT_SUPPORTED", "TCB_REVOKED")
    return evidence.module_version(exhibit) > 0 and mismatch


def binding_differs_in_module(exhibit: Exhibit, _ours: OurAnswer, _theirs: Answer) -> bool:
    return evidence.module_version(exhibit) > 0


def binding_overlooks_module(exhibit: Exhibit, _ours: OurAnswer) -> Checks:
    checks = frozenset(("S3",)) if evidence.is_fine_without_identities(exhibit) else NONE
    if evidence.module_version(exhibit) > 0:
        checks |= {"D1", "D2", "D3", "V2", "V3"}
    return checks


def binding_refuses_issuer_chain(exhibit: Exhibit, _ours: OurAnswer, theirs: Answer) -> bool:
    _, of_tcb_info, _, _ = _statuses(theirs)
    usable = evidence.signs(exhibit.tcb_info_issuer_chain, exhibit, count=2)
    known = evidence.is_signed(exhibit.tcb_info, exhibit)
    return of_tcb_info != "OK" and not usable and known


def binding_refuses_root(exhibit: Exhibit, _ours: OurAnswer, theirs: Answer) -> bool:
    of_chain, of_tcb_info, _, _ = _statuses(theirs)
    untrusted = {"SGX_PCK_CERT_CHAIN_UNTRUSTED", "SGX_TCB_SIGNING_CERT_CHAIN_UNTRUSTED"}
    named = bool({of_chain, of_tcb_info} & untrusted)
    return named and evidence.has_other_root_certificate(exhibit)


def binding_refuses_root_name(exhibit: Exhibit, _ours: OurAnswer, theirs: Answer) -> bool:
    of_chain, *_ = _statuses(theirs)
    named = "SGX Root CA" in evidence.read_root(exhibit.root).subject_name
    return not named and of_chain != "OK"


def binding_refuses_chain(exhibit: Exhibit, _ours: OurAnswer, theirs: Answer) -> bool:
    of_chain, *_ = _statuses(theirs)
    named_alike = len(list(filter(evidence.is_pck, evidence.quote_chain(exhibit)))) > 1
    return named_alike and of_chain == "SGX_PCK_INVALID_EXTENSIONS"


def binding_overlooks_chain(exhibit: Exhibit, _ours: OurAnswer) -> Checks:
    checks = frozenset(("F4",))
    leaf = next(filter(evidence.is_pck, evidence.quote_chain(exhibit)), None)
    if leaf and "CA" in leaf.subject_name:
        checks |= {"P4", "P5", "R2"}
    return checks


def binding_overlooks_tcb_type(exhibit: Exhibit, _ours: OurAnswer) -> Checks:
    other = evidence.read_tcb_info(exhibit).get("tcbType") not in (None, 0)
    return frozenset(("S3",)) if other else NONE


def binding_overlooks_extension_end(exhibit: Exhibit, _ours: OurAnswer) -> Checks:
    return frozenset(("P6",)) if evidence.has_bytes_after_sgx_extension(exhibit) else NONE


# --- QVL of 2024 ------------------------------------------------------------------------------


def qvl_refuses_older_root(exhibit: Exhibit, _ours: OurAnswer, _theirs: Answer) -> bool:
    return evidence.has_other_root_certificate(exhibit)


def qvl_overlooks_own_chain(exhibit: Exhibit, _ours: OurAnswer) -> Checks:
    quote = exhibit.parsed
    if quote and quote.certification_type != CERTIFICATION_PCK_CHAIN:
        return frozenset(("F4",))
    return NONE if evidence.has_root_key(exhibit) else _CHAIN
