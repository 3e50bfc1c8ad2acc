"""Our own faults that the comparison brought to light, each by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cryptography.x509.oid import ExtensionOID
from differential.cases import exhibit_of
from differential.verifiers import ask_binding, ask_ours

from forensics.simulate.certificates import Identity, chain_pem

REQUIRED = (
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
    ExtensionOID.CRL_DISTRIBUTION_POINTS,
    ExtensionOID.SUBJECT_KEY_IDENTIFIER,
    ExtensionOID.KEY_USAGE,
    ExtensionOID.BASIC_CONSTRAINTS,
)


@pytest.mark.parametrize("oid", REQUIRED, ids=lambda oid: oid.dotted_string)
def test_a_tcb_signer_without_a_required_extension(kit: Any, oid: Any) -> None:
    signer = Identity.issue(kit.respec(kit.pki.tcb_signing, omit=(oid,)))
    chain = chain_pem(signer.der, kit.pki.root.der)
    exhibit = replace(
        exhibit_of(kit.evidence()), tcb_info_issuer_chain=chain, qe_identity_issuer_chain=chain
    )

    assert not ask_binding(exhibit).accepted
    ours = ask_ours(exhibit)
    assert not ours.accepted
    assert ours.refused_for == {"S1", "S4", "S6"}


def test_a_nul_inside_a_certificate(kit: Any) -> None:
    text = kit.sgx().certification_data
    quote = replace(kit.sgx(), certification_data=text[:500] + b"\0" + text[500:])
    exhibit = exhibit_of(kit.evidence(quote))

    assert not ask_binding(exhibit).accepted
    assert ask_ours(exhibit).failed == {"P1"}


def test_a_kind_of_sgx_platform_that_is_not_known_yet(kit: Any) -> None:
    exhibit = exhibit_of(kit.sgx_evidence(kit.pck(extension={"sgx_type": 3})))

    assert ask_binding(exhibit).accepted
    assert ask_ours(exhibit).accepted
