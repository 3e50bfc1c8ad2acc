"""Checks F1-F4, K5 and the strict attribute checks: what a quote shows without its collateral."""

from __future__ import annotations

from forensics.formats.quote import CERTIFICATION_PCK_CHAIN, CERTIFICATION_QE_REPORT
from forensics.formats.structures import (
    INTEL_QE_VENDOR_ID,
    TD_ATTRIBUTE_BITS,
    TEE_SGX,
    TEE_TDX,
    bit,
)
from forensics.verify.checks import NOT_APPLICABLE, Outcome, judge
from forensics.verify.facts import Results

_SGX_PROVISION_KEY = 4
_TD_UNTRUSTED_BITS = tuple(range(1, 8))
_TD_SEPT_VE_DISABLE = 28


def check_structure(
    version: int,
    tee: str,
    tee_type: int,
    qe_vendor_id: bytes,
    certification_type: int,
    outer_certification_type: int | None,
    outer_slack: int,
) -> Results:
    """F1-F4 of a quote that parsed. `outer_slack` counts unread bytes in the outer block.

    QVL refuses an outer type other than 6, an inner type outside 1-5, bytes after the inner
    certification data, and a body that is not the TEE type's (QuoteParsers, Quote.cpp).
    """
    problems = []
    if tee_type != (TEE_TDX if tee == "tdx" else TEE_SGX):
        problems.append(f"TEE type {tee_type:#x} with a body of {tee}")
    if version > 3 and outer_certification_type != CERTIFICATION_QE_REPORT:
        problems.append(f"outer certification type {outer_certification_type}")
    if not 1 <= certification_type <= CERTIFICATION_PCK_CHAIN:
        problems.append(f"certification type {certification_type}")
    if outer_slack:
        problems.append(f"{outer_slack} bytes after the certification data")
    return {
        "F1": judge(True, "lengths that fit", "fit"),
        "F2": judge(qe_vendor_id == INTEL_QE_VENDOR_ID, INTEL_QE_VENDOR_ID, qe_vendor_id),
        "F3": judge(not problems, "types that agree", "; ".join(problems) or "agree"),
        "F4": judge(certification_type == CERTIFICATION_PCK_CHAIN, 5, certification_type),
    }


def check_signature(valid: bool) -> Outcome:
    return judge(valid, "signed by the attestation key", "valid" if valid else "invalid")


def check_sgx_attributes(attributes: bytes) -> Results:
    """A1-A4 of an enclave. `attributes` is FLAGS ‖ XFRM."""
    debug = bit(attributes, 1)
    provision = bit(attributes, _SGX_PROVISION_KEY)
    return {
        "A1": judge(not debug, "DEBUG clear", "set" if debug else "clear"),
        "A2": judge(not provision, "PROVISION_KEY clear", "set" if provision else "clear"),
        "A3": NOT_APPLICABLE,
        "A4": NOT_APPLICABLE,
    }


def check_td_attributes(attributes: bytes, mr_service_td: bytes | None) -> Results:
    """A1-A4 of a TD. `mr_service_td` is None in TD reports 1.0."""
    debug = bit(attributes, 0)
    untrusted = [
        TD_ATTRIBUTE_BITS.get(n, f"bit {n}") for n in _TD_UNTRUSTED_BITS if bit(attributes, n)
    ]
    disabled = bit(attributes, _TD_SEPT_VE_DISABLE)
    fourth = NOT_APPLICABLE
    if mr_service_td is not None:
        fourth = judge(not any(mr_service_td), "no service TD", mr_service_td)
    return {
        "A1": judge(not debug, "DEBUG clear", "set" if debug else "clear"),
        "A2": judge(not untrusted, "no TUD attribute", ", ".join(untrusted) or "none"),
        "A3": judge(disabled, "SEPT_VE_DISABLE set", "set" if disabled else "clear"),
        "A4": fourth,
    }
