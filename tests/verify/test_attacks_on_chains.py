"""The attack cases of the verification reference (section 6.3) on certificate chains.

Each text names outcome, status, every failing check, and the checks that lack their input.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA384

from forensics.simulate import collateral as col
from forensics.simulate import keys
from forensics.simulate.certificates import Identity, chain_pem

Forge = Callable[[Any], Any]


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


ATTACKS: list[tuple[str, Forge, str]] = [
    ("A14-own-root", foreign_hierarchy, "rejected: P2 S1"),
    ("A15-leaf-as-ca", leaf_signed_by_leaf, "rejected: P1; lacks S1 S3 S4 S5 S6"),
    ("A15-ca-bit-missing", ca_without_ca_bit, "accepted UpToDate: P7"),
    ("A15-ca-bit-on-leaf", leaf_with_ca_bit, "accepted UpToDate: P7"),
    ("A16-tcb-signer-as-ca", tcb_signer_as_ca, "rejected: P1; lacks S1 S3 S4 S5 S6"),
    ("A16-pck-signs-tcb-info", tcb_info_signed_by_pck, "rejected: S4; lacks S1"),
    ("A16-tcb-signer-below-ca", tcb_signer_below_ca, "rejected: S4; lacks S1"),
    ("A17-two", chain("leaf", "ca"), "rejected: P1; lacks S1 S3 S4 S5 S6"),
    ("A17-four", chain("leaf", "ca", "root", "root"), "rejected: P1; lacks S1 S3 S4 S5 S6"),
    ("A17-leaf-twice", chain("leaf", "leaf", "root"), "rejected: P1; lacks S1 S3 S4 S5 S6"),
    ("A17-no-leaf", chain("ca", "ca", "root"), "rejected: P1; lacks S1 S3 S4 S5 S6"),
    ("A17-reversed", chain("root", "ca", "leaf"), "accepted UpToDate"),
    ("A17-ca-first", chain("ca", "leaf", "root"), "accepted UpToDate"),
    ("A44-tcb-raised", tcb_raised, "rejected: P5"),
    ("A45-pck-on-p384", pck_on_p384, "rejected: K1 P7"),
    ("A45-ca-on-p384", ca_on_p384, "rejected: P5 P7; lacks R2"),
    ("A45-pck-with-sha384", pck_signed_with_sha384, "rejected: P5 P7"),
]


@pytest.mark.parametrize(
    ("forge", "expected"), [pytest.param(forge, text, id=name) for name, forge, text in ATTACKS]
)
def test_attack(kit: Any, forge: Forge, expected: str) -> None:
    assert kit.describe(forge) == expected


def test_every_case_is_here() -> None:
    assert {name[:3] for name, _, _ in ATTACKS} == {f"A{n:02}" for n in (14, 15, 16, 17, 44, 45)}
