"""The attack cases of the verification reference (section 6.3) on collateral and time.

Each text names outcome, status, every failing check, and the checks that lack their input.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from forensics.formats.collateral import split_envelope
from forensics.simulate import collateral as col

Forge = Callable[[Any], Any]


def revoked(**plan: Any) -> Callable[[Any], Any]:
    """`plan` maps a field of the collateral plan to who is revoked there."""

    def forge(kit: Any) -> Any:
        serials = {
            "pck": kit.pck().spec.serial,
            "ca": kit.pki.platform_ca.spec.serial,
            "signer": kit.pki.tcb_signing.spec.serial,
        }
        fields = {name: (serials[who],) for name, who in plan.items()}
        return kit.evidence(collateral=kit.collateral(**fields))

    return forge


def crl_of_other_ca(kit: Any) -> Any:
    return kit.evidence().bend_collateral(pck_crl=kit.crl(kit.pki.processor_ca))


def crl_of_other_ca_renamed(kit: Any) -> Any:
    name = kit.pki.platform_ca.spec.subject
    crl = kit.crl(kit.pki.processor_ca, issuer_name=name)
    return kit.evidence().bend_collateral(pck_crl=crl)


def without(*fields: str) -> Callable[[Any], Any]:
    return lambda kit: kit.evidence(without=fields)


def truncated_crl(kit: Any) -> Any:
    return kit.evidence().bend_collateral(pck_crl=kit.collateral().pck_crl[:-1])


def empty_crl(kit: Any) -> Any:
    return kit.evidence().bend_collateral(pck_crl=b"")


def pck_crl(**changes: Any) -> Callable[[Any], Any]:
    def forge(kit: Any) -> Any:
        return kit.evidence().bend_collateral(pck_crl=kit.crl(kit.pki.platform_ca, **changes))

    return forge


def pck_crl_of_tomorrow(kit: Any) -> Any:
    crl = kit.crl(kit.pki.platform_ca, start=kit.NOW + timedelta(days=1))
    return kit.evidence().bend_collateral(pck_crl=crl)


def expired_and_revoked(kit: Any) -> Any:
    """What an expired list has revoked stays revoked."""
    crl = kit.crl(kit.pki.platform_ca, days=1, revoked=(kit.pck().spec.serial,))
    return kit.evidence().bend_collateral(pck_crl=crl)


def crl_signed_by_tcb_signer(kit: Any) -> Any:
    crl = kit.crl(kit.pki.platform_ca, signing_key=kit.pki.tcb_signing.key)
    return kit.evidence().bend_collateral(pck_crl=crl)


def forged_crl_beside_real(kit: Any) -> Any:
    """An unsigned newer list that revokes the PCK must not displace the real one."""
    serial = kit.pck().spec.serial
    crl = kit.crl(
        kit.pki.platform_ca,
        start=kit.ISSUED + timedelta(days=1),
        revoked=(serial,),
        signing_key=kit.other_key,
    )
    return kit.evidence(more_crls=(crl,))


def tcb_info_of(tee: str, build: str, handed: bool) -> Callable[[Any], Any]:
    def forge(kit: Any) -> Any:
        other = kit.collateral(tee).tcb_info
        return kit.evidence(getattr(kit, build)(), handed=handed).bend_collateral(tcb_info=other)

    return forge


def overrides(**members: Any) -> Callable[[Any], Any]:
    return lambda kit: kit.evidence(collateral=kit.collateral(tcb_overrides=members))


def other_fmspc(handed: bool) -> Callable[[Any], Any]:
    return lambda kit: kit.evidence(collateral=kit.collateral(fmspc=bytes(6)), handed=handed)


def edited_tcb_info(kit: Any) -> Any:
    good = kit.collateral().tcb_info
    body = good.body.replace(b'"svn":128', b'"svn":127')
    assert body != good.body
    return kit.evidence().bend_collateral(tcb_info=replace(good, body=body))


def forged_tcb_info_beside_real(kit: Any) -> Any:
    document = col.tcb_info(
        "sgx",
        fmspc=kit.FMSPC,
        issued=kit.ISSUED + timedelta(days=1),
        levels=(kit.level(status="Revoked"),),
    )
    return kit.evidence(more_documents=(kit.sign(document, kit.other_key),))


def duplicate_members(first: bytes, second: bytes) -> Callable[[Any], Any]:
    def forge(kit: Any) -> Any:
        digits = kit.collateral().tcb_info.signature.hex().encode()
        split_envelope(b'{"tcbInfo":%s,"signature":"%s","tcbInfo":%s}' % (first, digits, second))
        return kit.evidence()

    return forge


def signature_of_identity(kit: Any) -> Any:
    good = kit.collateral()
    forged = replace(good.tcb_info, signature=good.qe_identity.signature)
    return kit.evidence().bend_collateral(tcb_info=forged)


def short_components(kit: Any) -> Any:
    level = kit.level(components=kit.COMPONENTS[:15])
    return kit.evidence(collateral=kit.collateral(levels=(level,)))


def levels(*order: int) -> Callable[[Any], Any]:
    """The platform reaches level 1, not level 0, and level 2 is lower still."""

    def forge(kit: Any) -> Any:
        steps = (
            kit.level(pce_svn=14),
            kit.level(status="SWHardeningNeeded"),
            kit.level(pce_svn=5, status="OutOfDate"),
        )
        return kit.evidence(collateral=kit.collateral(levels=tuple(steps[n] for n in order)))

    return forge


def module_levels(*statuses: str) -> Callable[[Any], Any]:
    """All of one SVN, which is the TD's."""
    modules = (col.TdxModule(1, tuple(col.SvnLevel(4, status) for status in statuses)),)
    return lambda kit: kit.evidence(kit.tdx(), kit.collateral("tdx", modules=modules))


def word_of_another_module(kit: Any) -> Any:
    modules = (col.TdxModule(1, (col.SvnLevel(4),)), col.TdxModule(3, (col.SvnLevel(0, "Odd"),)))
    return kit.evidence(kit.tdx(), kit.collateral("tdx", modules=modules))


def qe_level(status: str, svn: int = 8) -> Callable[[Any], Any]:
    """A level of the quoting enclave, whose SVN is 8, above one that it reaches."""
    levels = (col.SvnLevel(svn, status), col.SvnLevel(7))
    return lambda kit: kit.evidence(collateral=kit.collateral(qe_levels=levels))


def newer_of_another_pce(kit: Any) -> Any:
    """Beside the one of the PCK's PCE-ID."""
    members = {"pceId": "0100", "issueDate": "2026-01-02T00:00:00Z"}
    newer = kit.collateral(tcb_overrides=members).tcb_info
    return kit.evidence(more_documents=(newer,))


def unknown_status(kit: Any) -> Any:
    levels = (kit.level(status="Up-To-Date"),)
    return kit.evidence(collateral=kit.collateral(levels=levels))


def unknown_status_below(kit: Any) -> Any:
    """Of a level under the one that the platform reaches."""
    levels = (kit.level(), kit.level(pce_svn=5, status="Up-To-Date"))
    return kit.evidence(collateral=kit.collateral(levels=levels))


def identity_with(tee: str = "sgx", **members: Any) -> Callable[[Any], Any]:
    def forge(kit: Any) -> Any:
        quote = kit.tdx() if tee == "tdx" else kit.sgx()
        return kit.evidence(quote, kit.collateral(tee, qe_overrides=members))

    return forge


BIT_OUTSIDE = {"miscselect": "01000000", "miscselectMask": "FEFFFFFF"}
ATTRIBUTE_OUTSIDE = {"attributes": "15" + "00" * 15}


def superseded(kit: Any) -> Any:
    """The archive has the next evaluation too: the older one, still in force, is not used."""
    newer = col.tcb_info(
        "sgx",
        fmspc=kit.FMSPC,
        issued=kit.ISSUED + timedelta(days=2),
        levels=(kit.level(status="OutOfDate"),),
        evaluation=18,
    )
    return kit.evidence(more_documents=(kit.sign(newer),))


def old_collateral_expired(kit: Any) -> Any:
    return kit.evidence(moment=kit.ISSUED + timedelta(days=31))


def tdx(platform: str, module: str) -> Callable[[Any], Any]:
    def forge(kit: Any) -> Any:
        collateral = kit.collateral(
            "tdx",
            levels=(kit.level("tdx", platform),),
            modules=(col.TdxModule(1, (col.SvnLevel(4, module),)),),
        )
        return kit.evidence(kit.tdx(), collateral)

    return forge


def later(build: Callable[[Any], Any], **offset: int) -> Callable[[Any], Any]:
    """At the expiry of the 30-day collateral, and so much later."""

    def forge(kit: Any) -> Any:
        return build(kit).bend(moment=kit.ISSUED + timedelta(days=30) + timedelta(**offset))

    return forge


def healthy(kit: Any) -> Any:
    return kit.evidence()


ATTACKS: list[tuple[str, Forge, str]] = [
    ("A18-revoked-pck", revoked(revoked_pcks="pck"), "rejected: R4"),
    ("A18-serial-in-other-list", revoked(revoked_by_root="pck"), "accepted UpToDate"),
    ("A19-revoked-ca", revoked(revoked_by_root="ca"), "rejected: R3"),
    ("A19-revoked-signer", revoked(revoked_by_root="signer"), "rejected: S2"),
    ("A20-crl-of-other-ca", crl_of_other_ca, "undetermined; lacks R2"),
    ("A20-renamed", crl_of_other_ca_renamed, "rejected: R2"),
    ("A21-missing-pck-crl", without("pck_crl"), "undetermined; lacks R2"),
    ("A21-missing-root-crl", without("root_ca_crl"), "undetermined; lacks R1"),
    ("A21-empty", empty_crl, "quarantine: bad-crl"),
    ("A21-truncated", truncated_crl, "quarantine: bad-der"),
    ("A21-expired", pck_crl(days=1), "undetermined: T2"),
    ("A21-expired-and-revoked", expired_and_revoked, "rejected: R4 T2"),
    ("A21-future", pck_crl_of_tomorrow, "undetermined: T2"),
    ("A22-signed-by-tcb-signer", crl_signed_by_tcb_signer, "rejected: R2"),
    ("A22-beside-the-real-one", forged_crl_beside_real, "accepted UpToDate"),
    ("A23-sgx-for-td-handed", tcb_info_of("sgx", "tdx", True), "rejected: M1"),
    ("A23-td-for-sgx-handed", tcb_info_of("tdx", "sgx", True), "rejected: M1"),
    ("A23-sgx-for-td", tcb_info_of("sgx", "tdx", False), "undetermined; lacks S1 S3 S4"),
    ("A24-fmspc-handed", other_fmspc(True), "rejected: M2"),
    ("A24-fmspc", other_fmspc(False), "undetermined; lacks S1 S3 S4"),
    ("A24-pce-id", overrides(pceId="0100"), "rejected: M3"),
    ("A24-pce-id-beside-the-real-one", newer_of_another_pce, "accepted UpToDate"),
    ("A25-edited", edited_tcb_info, "rejected: S4; lacks S1"),
    ("A25-beside-the-real-one", forged_tcb_info_beside_real, "accepted UpToDate"),
    ("A26-good-first", duplicate_members(b"{}", b"[]"), "quarantine: duplicate-key"),
    ("A26-good-last", duplicate_members(b"[]", b"{}"), "quarantine: duplicate-key"),
    ("A27-other-wrapper", signature_of_identity, "rejected: S4; lacks S1"),
    ("A28-fifteen", short_components, "rejected: S3"),
    ("A29-in-order", levels(0, 1, 2), "accepted SWHardeningNeeded"),
    ("A29-reversed", levels(2, 1, 0), "accepted SWHardeningNeeded"),
    ("A29-permuted", levels(2, 0, 1), "accepted SWHardeningNeeded"),
    ("A29-duplicate", levels(0, 1, 1, 2), "rejected: S3"),
    ("A29-duplicate-of-module", module_levels("UpToDate", "OutOfDate"), "rejected: S3"),
    ("A29-duplicate-of-module-reversed", module_levels("OutOfDate", "UpToDate"), "rejected: S3"),
    ("A30-unknown-status", unknown_status, "rejected: S3"),
    ("A30-unknown-status-below", unknown_status_below, "rejected: S3"),
    ("A30-unknown-status-of-another-module", word_of_another_module, "rejected: S3"),
    ("A30-td-qe-version-3", identity_with("tdx", version=3), "rejected: S5"),
    ("A30-miscselect-outside-mask", identity_with(**BIT_OUTSIDE), "rejected: E2"),
    ("A30-attributes-outside-mask", identity_with(**ATTRIBUTE_OUTSIDE), "rejected: E3"),
    ("A30-qe-configuration", qe_level("ConfigurationNeeded"), "accepted OutOfDate"),
    ("A30-qe-configuration-old", qe_level("OutOfDateConfigurationNeeded"), "accepted OutOfDate"),
    ("A30-qe-configuration-above", qe_level("ConfigurationNeeded", 9), "accepted UpToDate"),
    ("A31-superseded", superseded, "accepted OutOfDate: T7"),
    ("A31-expired", old_collateral_expired, "undetermined: T2 T4 T5"),
    ("A33-module-out-of-date", tdx("UpToDate", "OutOfDate"), "accepted OutOfDate"),
    ("A33-module-revoked", tdx("UpToDate", "Revoked"), "rejected Revoked: V3"),
    ("A33-td-out-of-date", tdx("OutOfDate", "UpToDate"), "accepted OutOfDate"),
    ("A33-td-revoked", tdx("Revoked", "UpToDate"), "rejected Revoked: V3"),
    ("A46-at-expiry", later(healthy), "accepted UpToDate"),
    ("A46-in-that-second", later(healthy, microseconds=999_999), "accepted UpToDate"),
    ("A46-a-second-later", later(healthy, seconds=1), "undetermined: T2 T4 T5"),
]


@pytest.mark.parametrize(
    ("forge", "expected"), [pytest.param(forge, text, id=name) for name, forge, text in ATTACKS]
)
def test_attack(kit: Any, forge: Forge, expected: str) -> None:
    assert kit.describe(forge) == expected


def test_every_case_is_here() -> None:
    assert {name[:3] for name, _, _ in ATTACKS} == {f"A{n:02}" for n in (*range(18, 32), 33, 46)}
