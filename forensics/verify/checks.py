"""The checks, in the order of Intel's verifier, each with a permanent id.

Ids and classes are those of the verification reference (section 5; section 9 for `N`, AMD SEV-SNP):
Q needs the quote alone, C one collateral document, X facts of both, T a moment. `strict` marks
checks of ours that the vendor's verifier does not make; they are reported and never change an
outcome.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Result = Literal["pass", "fail", "error", "skipped", "not_applicable"]
Outcome = tuple[Result, str, str]
"""(result, expected, observed). `error`: an input is missing; `skipped`: another check prevented
it, which `observed` names."""


@dataclass(frozen=True, slots=True)
class Check:
    """`qvl` is the status that Intel's library reports on failure; empty: it has no such check."""

    id: str
    title: str
    input_class: Literal["Q", "C", "X", "T"]
    qvl: str = ""
    strict: bool = False


CHECKS = (
    Check("F1", "Length and nested lengths parse", "Q", "UNSUPPORTED_QUOTE_FORMAT"),
    Check(
        "F2", "Version, key type, TEE type and QE vendor are known", "Q", "UNSUPPORTED_QUOTE_FORMAT"
    ),
    Check(
        "F3", "Version, TEE, body and certification types agree", "Q", "UNSUPPORTED_QUOTE_FORMAT"
    ),
    Check("F4", "Certification data is a PCK chain", "Q", "QUOTE_CERTIFICATION_DATA_UNSUPPORTED"),
    Check(
        "P1",
        "PCK chain parses: three certificates, each role present",
        "Q",
        "UNSUPPORTED_CERT_FORMAT",
    ),
    Check("P2", "Root public key is a trust anchor", "Q", "PCK_CERT_CHAIN_ERROR"),
    Check(
        "P3", "Root is self-issued and its signature is valid", "Q", "SGX_ROOT_CA_INVALID_ISSUER"
    ),
    Check("P4", "PCK CA is issued by the root", "Q", "SGX_INTERMEDIATE_CA_INVALID_ISSUER"),
    Check("P5", "PCK certificate is issued by the PCK CA", "Q", "SGX_PCK_INVALID_ISSUER"),
    Check(
        "P6",
        "SGX extension of the PCK certificate is well-formed",
        "Q",
        "SGX_PCK_INVALID_EXTENSIONS",
    ),
    Check(
        "P7",
        "Chain keeps to constraints, key usage, algorithms and CA kind",
        "Q",
        strict=True,
    ),
    Check("R1", "Root CA CRL is issued and signed by the root", "C", "SGX_CRL_INVALID_SIGNATURE"),
    Check("R2", "PCK CRL is issued and signed by the PCK CA", "C", "SGX_CRL_INVALID_SIGNATURE"),
    Check("R3", "PCK CA is not revoked", "X", "SGX_INTERMEDIATE_CA_REVOKED"),
    Check("R4", "PCK certificate is not revoked", "X", "SGX_PCK_REVOKED"),
    Check("T1", "PCK chain has not expired", "T", "SGX_PCK_CERT_CHAIN_EXPIRED"),
    Check("T2", "Both CRLs are in force", "T", "SGX_CRL_EXPIRED"),
    Check(
        "S1",
        "TCB signing chain ends in the root of the PCK chain",
        "C",
        "SGX_TCB_SIGNING_CERT_CHAIN_UNTRUSTED",
    ),
    Check("S2", "TCB signing certificate is not revoked", "X", "SGX_TCB_SIGNING_CERT_REVOKED"),
    Check("S3", "TCB info has a supported format", "C", "SGX_TCB_INFO_UNSUPPORTED_FORMAT"),
    Check("S4", "TCB info signature is valid", "C", "TCB_INFO_INVALID_SIGNATURE"),
    Check(
        "S5", "QE identity has a supported format", "C", "SGX_ENCLAVE_IDENTITY_UNSUPPORTED_FORMAT"
    ),
    Check("S6", "QE identity signature is valid", "C", "SGX_ENCLAVE_IDENTITY_INVALID_SIGNATURE"),
    Check("T3", "TCB signing chain has not expired", "T", "SGX_SIGNING_CERT_CHAIN_EXPIRED"),
    Check("T4", "TCB info has not expired", "T", "SGX_TCB_INFO_EXPIRED"),
    Check("T5", "QE identity has not expired", "T", "SGX_ENCLAVE_IDENTITY_EXPIRED"),
    Check("T6", "Everything used was already valid", "T", strict=True),
    Check("T7", "TCB info and QE identity have one evaluation number", "X", strict=True),
    Check("M1", "TCB info is for this TEE", "X", "TCB_INFO_MISMATCH"),
    Check("M2", "FMSPC of PCK certificate and TCB info agree", "X", "TCB_INFO_MISMATCH"),
    Check("M3", "PCE id of PCK certificate and TCB info agree", "X", "TCB_INFO_MISMATCH"),
    Check("D1", "TDX module version has an identity", "X", "TDX_MODULE_MISMATCH"),
    Check("D2", "TDX module signer is the identity's", "X", "TDX_MODULE_MISMATCH"),
    Check("D3", "SEAM attributes are the identity's, and zero", "X", "TDX_MODULE_MISMATCH"),
    Check(
        "K1", "QE report signature is valid under the PCK key", "Q", "INVALID_QE_REPORT_SIGNATURE"
    ),
    Check(
        "K2",
        "QE report binds attestation key and authentication data",
        "Q",
        "INVALID_QE_REPORT_DATA",
    ),
    Check("K3", "Rest of the QE's REPORT_DATA is zero", "Q", strict=True),
    Check("E1", "QE identity is of the right kind", "X", "QE_IDENTITY_MISMATCH"),
    Check(
        "E2", "MISCSELECT of the QE under its mask", "X", "SGX_ENCLAVE_REPORT_MISCSELECT_MISMATCH"
    ),
    Check(
        "E3", "Attributes of the QE under their mask", "X", "SGX_ENCLAVE_REPORT_ATTRIBUTES_MISMATCH"
    ),
    Check("E4", "MRSIGNER of the QE", "X", "SGX_ENCLAVE_REPORT_MRSIGNER_MISMATCH"),
    Check("E5", "ISVPRODID of the QE", "X", "SGX_ENCLAVE_REPORT_ISVPRODID_MISMATCH"),
    Check(
        "E6",
        "ISVSVN of the QE has a level that is not revoked",
        "X",
        "SGX_ENCLAVE_REPORT_ISVSVN_REVOKED",
    ),
    Check("K4", "Attestation key is a point on P-256", "Q", "UNSUPPORTED_QUOTE_FORMAT"),
    Check(
        "K5", "Quote signature is valid under the attestation key", "Q", "INVALID_QUOTE_SIGNATURE"
    ),
    Check("V1", "SGX platform has a TCB level", "X", "TCB_NOT_SUPPORTED"),
    Check("V2", "TDX platform and module have a TCB level", "X", "TCB_NOT_SUPPORTED"),
    Check("V3", "Converged TCB status is not terminal", "X", "TCB_REVOKED"),
    Check("A1", "Enclave, TD or guest is not debuggable", "Q", strict=True),
    Check("A2", "No attribute that an application must not have", "Q", strict=True),
    Check("A3", "TD has SEPT_VE_DISABLE", "Q", strict=True),
    Check("A4", "No service TD is bound", "Q", strict=True),
    Check("N1", "Report has a known form: version, algorithm, signing key", "Q"),
    Check("N2", "VEK chain keeps AMD's profile and ends in a trust anchor", "Q"),
    Check("N3", "The key that the report names is of the certificate's kind", "Q"),
    Check("N4", "Report signature is valid under the VEK", "Q"),
    Check("N5", "Reported TCB is the VEK certificate's, component by component", "Q"),
    Check("N6", "Chip id is the VCEK certificate's hardware id", "Q"),
    Check("N7", "CPU generation of the report is the certificate's product", "Q"),
    Check("N8", "VEK chain has not expired, and AMD's CRL does not list its CA", "T"),
    Check("N9", "Reported TCB ≤ committed ≤ current, launch ≤ current", "Q", strict=True),
    Check("N10", "No migration agent, and a guest asked, not the host", "Q", strict=True),
)

CHECK_OF_ID = {check.id: check for check in CHECKS}
STRICT = frozenset(check.id for check in CHECKS if check.strict)

_OF_BOTH = ("A1", "T6")
REPORT_CHECKS = tuple(c.id for c in CHECKS if c.id.startswith("N") or c.id in _OF_BOTH)
QUOTE_CHECKS = tuple(c.id for c in CHECKS if not c.id.startswith("N"))
"""What is checked of SEV-SNP reports, and of SGX and TDX quotes; each in the order of `CHECKS`."""

TIME_CHECKS = tuple(c.id for c in CHECKS if c.input_class == "T")
"""The moment comes first in what these observe, unless another check prevented them."""

NOT_APPLICABLE: Outcome = ("not_applicable", "", "does not apply to this evidence")
_NEED_A_TIME = frozenset(("T1", "T2", "T3", "T4", "T5", "N8"))


def judge(passed: bool, expected: object, observed: object) -> Outcome:
    """An outcome that states both sides, whichever way it went."""
    return ("pass" if passed else "fail", _show(expected), _show(observed))


def missing(what: str) -> Outcome:
    return ("error", what, "missing")


def skipped(because: str) -> Outcome:
    return ("skipped", "", f"prevented by {because}")


def lack_time(checks: Iterable[str], results: Mapping[str, Outcome]) -> dict[str, Outcome]:
    """`checks` with what is known of each without a moment.

    That is `results`; the others need a moment, or collateral that is chosen by one.
    """
    no_time: Outcome = ("error", "a time of receipt", "missing")
    return {
        c: results.get(c) or (no_time if c in _NEED_A_TIME else skipped("the lack of a time"))
        for c in checks
    }


def _show(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
