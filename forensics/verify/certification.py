"""Checks K1-K4: what certifies an attestation key."""

from __future__ import annotations

import hashlib

from forensics.formats.structures import SGX_REPORT
from forensics.verify.checks import judge, skipped
from forensics.verify.facts import CertificationFact, ChainFact, Results
from forensics.verify.signatures import load_key, verify_raw


def prove_certification(
    certification_id: bytes,
    attestation_key: bytes,
    qe_report: bytes,
    qe_signature: bytes,
    qe_auth_data: bytes,
    chain: ChainFact,
) -> CertificationFact:
    """Prove that the PCK key vouches for the quoting enclave, and that enclave for the key.

    K2 follows QVL (QuoteVerifier.cpp): the first half of the QE's REPORT_DATA is
    SHA-256(attestation key ‖ authentication data); K3, that the rest is zero, is a strict check of
    ours.
    """
    qe = SGX_REPORT.parse(qe_report)
    report_data = qe_report[SGX_REPORT["report_data"].offset :]
    expected = hashlib.sha256(attestation_key + qe_auth_data).digest()
    results: Results = {
        "K1": skipped("P1"),
        "K2": judge(report_data[:32] == expected, expected, report_data[:32]),
        "K3": judge(not any(report_data[32:]), bytes(32), report_data[32:]),
        "K4": judge(load_key(attestation_key) is not None, "a point on P-256", attestation_key),
    }
    if chain.pck_key is not None:
        valid = verify_raw(chain.pck_key, qe_signature, qe_report)
        results["K1"] = judge(valid, "signed by the PCK key", "valid" if valid else "invalid")
    elif chain.pck_id is not None:
        results["K1"] = judge(False, "a P-256 PCK key", "another kind of key")
    return CertificationFact(
        certification_id=certification_id,
        certification_data_id=chain.certification_data_id,
        results=results,
        qe_misc_select=int(qe["misc_select"]),
        qe_attributes=_octets(qe["attributes"]),
        qe_mrsigner=_octets(qe["mrsigner"]),
        qe_isv_prodid=int(qe["isv_prodid"]),
        qe_isv_svn=int(qe["isv_svn"]),
    )


def _octets(value: int | bytes) -> bytes:
    assert isinstance(value, bytes)
    return value
