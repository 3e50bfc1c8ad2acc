"""Checks P1-P7: what certification data proves by itself, given the trust anchors.

Roles are found as Intel's QVL finds them (CertificateChain.cpp): the root is self-issued, the PCK
certificate has the PCK name, the intermediate is the first certificate that is not self-issued and
has "CA" in its name. Order does not matter; the count does. The root's name does not: it is known
by its key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import replace

from forensics.errors import EvidenceError
from forensics.formats.certificates import ECDSA_WITH_SHA256, Certificate
from forensics.formats.der import (
    BIT_STRING,
    BOOLEAN,
    INTEGER,
    SEQUENCE,
    iterate_elements,
    read_exactly,
)
from forensics.formats.pck import (
    CA_NAME,
    PCK_NAME,
    SGX_EXTENSION,
    SgxExtension,
    parse_chain,
    parse_sgx_extension,
)
from forensics.verify.checks import Outcome, judge, skipped
from forensics.verify.facts import ChainFact, Results
from forensics.verify.signatures import verify_der

BASIC_CONSTRAINTS = "2.5.29.19"
KEY_USAGE = "2.5.29.15"
_STANDARD = 0  # the SGX type of the Processor CA's platforms alone
# QVL X509Constants.h: every certificate must carry these; it does not look at their values.
REQUIRED_EXTENSIONS = ("2.5.29.35", "2.5.29.31", "2.5.29.14", KEY_USAGE, BASIC_CONSTRAINTS)

_KEY_CERT_SIGN = 5
_DIGITAL_SIGNATURE = 0


def prove_chain(data: bytes, anchors: Collection[bytes]) -> ChainFact:
    """Prove certification data of type 5. `anchors` are root public keys `X ‖ Y`."""
    identity = hashlib.sha256(data).digest()
    try:
        chain = parse_chain(data)
        root, ca, pck = assign_roles(chain)
    except EvidenceError as error:
        first = judge(False, "root, PCK CA and PCK certificate", error.message)
        results: Results = {"P1": first} | {f"P{n}": skipped("P1") for n in range(2, 8)}
        return ChainFact(identity, results)
    extension, sixth = _read_extension(pck)
    results = {
        "P1": judge(True, "root, PCK CA and PCK certificate", "present"),
        "P2": judge(
            root.public_key in anchors, "a trust anchor", root.public_key or "no P-256 key"
        ),
        "P3": _check_issued(root, root),
        "P4": _check_issued(ca, root),
        "P5": _check_issued(pck, ca),
        "P6": sixth,
        "P7": _check_profile(root, ca, pck, extension),
    }
    fact = ChainFact(
        certification_data_id=identity,
        results=results,
        root_key=root.public_key,
        root_subject=root.subject,
        ca_key=ca.public_key,
        ca_subject=ca.subject,
        ca_name=ca.subject_name,
        ca_serial=f"{ca.serial:x}",
        pck_key=pck.public_key,
        pck_id=pck.tbs_id,
        pck_serial=f"{pck.serial:x}",
        chain_id=hashlib.sha256(b"".join(c.der for c in chain)).digest(),
        chain_signed_id=hashlib.sha256(b"".join(c.tbs for c in chain)).digest(),
        not_before=max(certificate.not_before for certificate in chain),
        not_after=min(certificate.not_after for certificate in chain),
    )
    return _add_platform(fact, extension)


def unproven_chain(data: bytes) -> ChainFact:
    """Certification data of another type (1-4): a chain must come from elsewhere (check F4)."""
    because = skipped("F4")
    return ChainFact(hashlib.sha256(data).digest(), {f"P{n}": because for n in range(1, 8)})


def assign_roles(chain: list[Certificate]) -> tuple[Certificate, Certificate, Certificate]:
    """(root, PCK CA, PCK certificate). Raises `EvidenceError` (`bad-chain`)."""
    if len(chain) != 3:
        raise EvidenceError("bad-chain", f"{len(chain)} certificates, expected 3")
    for certificate in chain:
        absent = find_absent_extensions(certificate)
        if absent:
            name = certificate.subject_name
            raise EvidenceError("bad-chain", f"{name}: no extension {absent[0]}")
    root = next((c for c in chain if c.self_issued), None)
    ca = next((c for c in chain if not c.self_issued and CA_NAME in c.subject_name), None)
    pck = next((c for c in chain if PCK_NAME in c.subject_name), None)
    if root is None or ca is None or pck is None:
        names = ", ".join(certificate.subject_name for certificate in chain)
        raise EvidenceError("bad-chain", f"roles not found among: {names}")
    return root, ca, pck


def find_absent_extensions(certificate: Certificate) -> list[str]:
    """OIDs of the extensions that every certificate of Intel's must carry and this one lacks."""
    return [oid for oid in REQUIRED_EXTENSIONS if oid not in certificate.extensions]


def is_signed_by(certificate: Certificate, issuer: Certificate) -> bool:
    """Issuer name and signature fit."""
    return (
        certificate.issuer == issuer.subject
        and issuer.public_key is not None
        and verify_der(issuer.public_key, certificate.signature, certificate.tbs)
    )


def may_sign_certificates(certificate: Certificate) -> bool:
    """Basic constraints say CA, and the key usage allows it; both have to be there."""
    present = {BASIC_CONSTRAINTS, KEY_USAGE} <= certificate.extensions.keys()
    return present and _is_ca(certificate) and _has_usage(certificate, _KEY_CERT_SIGN)


def _check_issued(certificate: Certificate, issuer: Certificate) -> Outcome:
    expected = f"issued by {issuer.subject_name}"
    if certificate.issuer != issuer.subject:
        return judge(False, expected, f"issuer name {certificate.issuer_name}")
    signed = is_signed_by(certificate, issuer)
    return judge(signed, expected, "signature valid" if signed else "signature invalid")


def _read_extension(pck: Certificate) -> tuple[SgxExtension | None, Outcome]:
    expected = "a complete SGX extension"
    if SGX_EXTENSION not in pck.extensions:
        return None, judge(False, expected, "no SGX extension")
    try:
        extension = parse_sgx_extension(pck.extensions[SGX_EXTENSION][1])
    except EvidenceError as error:
        return None, judge(False, expected, error.message)
    return extension, judge(True, expected, "complete")


def _add_platform(fact: ChainFact, extension: SgxExtension | None) -> ChainFact:
    if extension is None:
        return fact
    return replace(
        fact,
        ppid=extension.ppid,
        fmspc=extension.fmspc,
        pce_id=extension.pce_id,
        pce_svn=extension.pce_svn,
        tcb_components=extension.components,
        pck_cpu_svn=extension.cpu_svn,
        sgx_type=extension.sgx_type,
        platform_instance_id=extension.platform_instance_id,
    )


def _check_profile(
    root: Certificate, ca: Certificate, pck: Certificate, extension: SgxExtension | None
) -> Outcome:
    """P7: Intel's certificate profile, as RFC 5280 would have it enforced."""
    roles = (("root", root, True), ("CA", ca, True), ("PCK", pck, False))
    problems = [
        problem
        for role, certificate, is_ca in roles
        for problem in _profile_problems(role, certificate, is_ca)
    ]
    if _has_no_room(root):
        problems.append("root: path length")
    platform = "Platform" in ca.subject_name
    if not platform and "Processor" not in ca.subject_name:
        problems.append("CA is neither Processor nor Platform CA")
    if extension is not None and platform != (extension.platform_instance_id is not None):
        problems.append("SGX extension does not fit the kind of CA")
    if extension is not None and platform != (extension.sgx_type != _STANDARD):
        problems.append(f"SGX type {extension.sgx_type} does not fit the kind of CA")
    return judge(not problems, "Intel's certificate profile", "; ".join(problems) or "kept")


def _profile_problems(role: str, certificate: Certificate, is_ca: bool) -> list[str]:
    problems = []
    if certificate.public_key is None:
        problems.append(f"{role}: key is not on P-256")
    if {certificate.signature_algorithm, certificate.inner_algorithm} != {ECDSA_WITH_SHA256}:
        problems.append(f"{role}: not ecdsa-with-SHA256")
    if not _has_usage(certificate, _KEY_CERT_SIGN if is_ca else _DIGITAL_SIGNATURE):
        problems.append(f"{role}: key usage")
    if _is_ca(certificate) != is_ca:
        problems.append(f"{role}: basic constraints")
    known = {*REQUIRED_EXTENSIONS, SGX_EXTENSION}
    problems.extend(
        f"{role}: unknown critical extension {oid}"
        for oid, (critical, _) in certificate.extensions.items()
        if critical and oid not in known
    )
    return problems


def _is_ca(certificate: Certificate) -> bool:
    return (BOOLEAN, b"\xff") in _read_constraints(certificate)


def _has_no_room(certificate: Certificate) -> bool:
    """Does a path length of 0 forbid a CA below this one (RFC 5280 4.2.1.9)?"""
    return (INTEGER, b"\0") in _read_constraints(certificate)


def _read_constraints(certificate: Certificate) -> list[tuple[int, bytes]]:
    """Elements of the basic constraints, surely DER: the parser of certificates wrote it."""
    contents = read_exactly(certificate.extensions[BASIC_CONSTRAINTS][1], SEQUENCE)
    return list(iterate_elements(contents))


def _has_usage(certificate: Certificate, position: int) -> bool:
    """Bit `position` of the KeyUsage bit string (RFC 5280 4.2.1.3), most significant first."""
    bits = read_exactly(certificate.extensions[KEY_USAGE][1], BIT_STRING)
    return len(bits) > 1 and bool(bits[1] >> (7 - position) & 1)
