"""Check N2, and what a VCEK or VLEK certificate proves by itself, given the other certificates.

A report carries no chain. Its VEK certificate comes as a file, and so do the ASK (or ASVK) that
issued it and the ARK above: both are found among all certificates of the case by name *and*
signature. The ARK is known by its key, as Intel's root is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from forensics.errors import EvidenceError
from forensics.formats.certificates import Certificate
from forensics.formats.vek import VekExtensions, parse_vek_extensions
from forensics.verify.amd_signatures import is_ca_key, read_p384_point, verify_pss
from forensics.verify.chain import BASIC_CONSTRAINTS, KEY_USAGE, may_sign_certificates
from forensics.verify.checks import Outcome, judge, missing
from forensics.verify.facts import EndorsementFact

RSASSA_PSS = "1.2.840.113549.1.1.10"
_NAMES = {"vcek": ("SEV-VCEK", "SEV-"), "vlek": ("SEV-VLEK", "SEV-VLEK-")}
_ROOT_NAME = "ARK-"
_KNOWN = frozenset((BASIC_CONSTRAINTS, KEY_USAGE))


def is_amd_authority(certificate: Certificate) -> bool:
    """A certificate that could be an ARK, ASK or ASVK, by its signature algorithm and key."""
    return certificate.signature_algorithm == RSASSA_PSS and is_ca_key(certificate.public_key_info)


def prove_endorsement(
    vek: Certificate, authorities: Sequence[Certificate], anchors: Collection[bytes]
) -> EndorsementFact:
    """Prove a VEK certificate. `anchors` are public keys of trusted roots (SubjectPublicKeyInfo).

    `authorities` are the certificates for which `is_amd_authority` holds. Of several chains one
    that ends in an anchor comes first, then the one that lasts longest, as with Intel's signers.
    """
    point = read_p384_point(vek.public_key_info)
    try:
        extensions = parse_vek_extensions(vek)
    except EvidenceError as error:
        outcome = judge(False, "a VCEK or VLEK certificate", error.message)
        return EndorsementFact(
            vek.certificate_id, {"N2": outcome}, vek_id=vek.tbs_id, vek_key=point
        )
    chains = [
        (ca, root)
        for ca in authorities
        if _is_signed_by(vek, ca)
        for root in authorities
        if _is_signed_by(root, root) and _is_signed_by(ca, root)
    ]
    chain = min(chains, key=lambda pair: _rank(pair, anchors), default=None)
    known = (vek, *chain) if chain else (vek,)
    fact = EndorsementFact(
        endorsement_id=vek.certificate_id,
        results={"N2": _check_chain(vek, extensions, point, chain, anchors)},
        vek_id=vek.tbs_id,
        kind=extensions.kind,
        product=extensions.product,
        hardware_id=extensions.hardware_id,
        csp_id=extensions.csp_id,
        vek_tcb=extensions.chip_tcb(),
        vek_key=point,
        vek_serial=f"{vek.serial:x}",
        not_before=max(certificate.not_before for certificate in known),
        not_after=min(certificate.not_after for certificate in known),
    )
    if chain is None:
        return fact
    ca, root = chain
    return fact.with_chain(
        root_key=root.public_key_info,
        root_subject=root.subject,
        ca_key=ca.public_key_info,
        ca_subject=ca.subject,
        ca_name=ca.subject_name,
        ca_serial=f"{ca.serial:x}",
    )


def _rank(
    chain: tuple[Certificate, Certificate], anchors: Collection[bytes]
) -> tuple[bool, int, bytes, bytes]:
    ca, root = chain
    until = min(ca.not_after, root.not_after)
    return root.public_key_info not in anchors, -until, ca.der, root.der


def _is_signed_by(certificate: Certificate, issuer: Certificate) -> bool:
    return certificate.issuer == issuer.subject and verify_pss(
        issuer.public_key_info, certificate.signature, certificate.tbs
    )


def _check_chain(
    vek: Certificate,
    extensions: VekExtensions,
    point: bytes | None,
    chain: tuple[Certificate, Certificate] | None,
    anchors: Collection[bytes],
) -> Outcome:
    """N2. What is missing could still come; what contradicts AMD's profile could not."""
    problems = _vek_problems(vek, extensions, point)
    if chain is None and not problems:
        return missing(f"{vek.issuer_name} and its ARK, which issued the VEK certificate")
    if chain is not None:
        problems += _chain_problems(extensions, *chain)
        if chain[1].public_key_info not in anchors:
            problems.append(f"{chain[1].subject_name}: not a trust anchor")
    return judge(not problems, "a chain of AMD's, to a trust anchor", "; ".join(problems) or "kept")


def _vek_problems(vek: Certificate, extensions: VekExtensions, point: bytes | None) -> list[str]:
    problems = []
    if vek.subject_name != _NAMES[extensions.kind][0]:
        problems.append(f"name {vek.subject_name!r:.40} of a {extensions.kind}")
    if point is None:
        problems.append("VEK: key is not on P-384")
    if {vek.signature_algorithm, vek.inner_algorithm} != {RSASSA_PSS}:
        problems.append("VEK: not RSASSA-PSS")
    return problems + _unknown_critical("VEK", vek)


def _chain_problems(extensions: VekExtensions, ca: Certificate, root: Certificate) -> list[str]:
    wanted = _NAMES[extensions.kind][1] + extensions.product.title()
    problems = []
    if ca.subject_name.lower() != wanted.lower():
        problems.append(f"issued by {ca.subject_name!r:.40}, not by {wanted}")
    if root.subject_name.lower() != (_ROOT_NAME + extensions.product).lower():
        problems.append(f"root {root.subject_name!r:.40} of product {extensions.product}")
    for role, certificate in (("ASK", ca), ("ARK", root)):
        if {certificate.signature_algorithm, certificate.inner_algorithm} != {RSASSA_PSS}:
            problems.append(f"{role}: not RSASSA-PSS")
        if not may_sign_certificates(certificate):
            problems.append(f"{role}: no CA")
        problems += _unknown_critical(role, certificate)
    return problems


def _unknown_critical(role: str, certificate: Certificate) -> list[str]:
    return [
        f"{role}: unknown critical extension {oid}"
        for oid, (critical, _) in certificate.extensions.items()
        if critical and oid not in _KNOWN
    ]
