"""SEV-SNP (attack case A47 and the checks N1-N10): healthy reports with one thing bent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ObjectIdentifier

from forensics.formats.certificates import Certificate, parse_certificate
from forensics.formats.crl import parse_crl
from forensics.formats.snp import SnpReport
from forensics.formats.structures import SNP_REPORT_V2
from forensics.formats.vek import PRODUCT_NAME
from forensics.simulate import keys
from forensics.simulate.amd import (
    CSP,
    AmdCertificate,
    AmdPki,
    Vek,
    build_amd_crl,
    build_report,
    derive_p384_key,
    flip_report,
    p384_point,
)
from forensics.simulate.rsa import derive_rsa_key, sign_pss
from forensics.verify.appraisal import Judgement
from forensics.verify.archive import NO_TIME, Archive
from forensics.verify.checks import REPORT_CHECKS
from forensics.verify.documents import prove_crl
from forensics.verify.endorsement import is_amd_authority, prove_endorsement
from forensics.verify.facts import EndorsementFact
from forensics.verify.report_appraisal import judge_report
from forensics.verify.report_signature import NOBODY, Endorsed, Endorsers

TCB = {"fmc": 1, "boot_loader": 3, "tee": 1, "snp": 8, "microcode": 209}
LOWER = TCB | {"snp": 7}
NOW = datetime(2026, 1, 5, tzinfo=UTC)
PKI = AmdPki(7)
VCEK = PKI.issue(TCB)
OTHER_CHIP = PKI.issue(TCB, label="other chip")
LOWER_VCEK = PKI.issue(LOWER)
VLEK = PKI.issue(TCB, kind="vlek")
SHORT_LIVED = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2025, 12, 31, tzinfo=UTC))
LONG_LIVED = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2049, 12, 31, tzinfo=UTC))


@dataclass(frozen=True)
class Trial:
    """A report with the certificates of a case; the ARK is the anchor unless told otherwise."""

    report: SnpReport
    veks: tuple[AmdCertificate, ...] = (VCEK.certificate,)
    authorities: tuple[AmdCertificate, ...] = (PKI.ark, PKI.ask, PKI.asvk)
    anchors: tuple[AmdCertificate, ...] = (PKI.ark,)
    crls: tuple[bytes, ...] = ()
    moment: datetime | None = NOW
    more: tuple[Certificate, ...] = field(default=())

    def judge(self) -> Judgement:
        known = [parse_certificate(c.der) for c in self.authorities]
        anchors = {parse_certificate(c.der).public_key_info for c in self.anchors}
        authorities = [c for c in (*known, *self.more) if is_amd_authority(c)]
        facts = [
            prove_endorsement(parse_certificate(c.der), authorities, anchors) for c in self.veks
        ]
        endorsed = Endorsers(facts).find(self.report)
        endorsement = next((f for f in facts if f.endorsement_id == endorsed.endorsement_id), None)
        archive = Archive([], [prove_crl(parse_crl(data), known) for data in self.crls])
        at = int(self.moment.timestamp()) * 1_000_000 if self.moment else NO_TIME
        selection = archive.context(endorsement, "snp").select(at)
        return judge_report(self.report, endorsement, endorsed.signature_ok, selection, at)

    def describe(self) -> str:
        """Outcome, failing checks, and what lacks its input."""
        judgement = self.judge()
        assert list(judgement.results) == list(REPORT_CHECKS)
        assert judgement.status is None
        failed = " ".join([*judgement.failed_checks, *judgement.strict_failures])
        lacking = " ".join(judgement.undetermined_checks)
        text = judgement.outcome + (f": {failed}" if failed else "")
        return text + (f"; lacks {lacking}" if lacking else "")


def report(vek: Vek = VCEK, /, **rest: Any) -> SnpReport:
    options = {n: rest.pop(n) for n in ("layout", "version", "key", "signed") if n in rest}
    return build_report(vek, rest, **options)


def forge(vek: Vek = VCEK, **changes: Any) -> tuple[AmdCertificate, ...]:
    return (replace(vek.certificate, **changes),)


def forge_ca(**changes: Any) -> tuple[AmdCertificate, ...]:
    return (PKI.ark, replace(PKI.ask, **changes), PKI.asvk)


def without(certificate: AmdCertificate, oid: str) -> AmdCertificate:
    kept = tuple(e for e in certificate.extensions if e[0].oid.dotted_string != oid)
    return replace(certificate, extensions=kept)


def with_other(certificate: AmdCertificate, extension: x509.ExtensionType) -> AmdCertificate:
    bare = without(certificate, extension.oid.dotted_string)
    return replace(bare, extensions=(*bare.extensions, (extension, True)))


NO_CA = x509.BasicConstraints(ca=False, path_length=None)
CRLS_ONLY = x509.KeyUsage(
    **dict.fromkeys(
        (
            *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
            *("key_agreement", "key_cert_sign", "encipher_only", "decipher_only"),
        ),
        False,
    ),
    crl_sign=True,
)


def own_hierarchy() -> tuple[AmdCertificate, ...]:
    """AMD's names over other keys: the ASK of the attacker's own ARK has the real ASK's key."""
    key = derive_rsa_key("asvk")
    ark = replace(PKI.ark, public_key=key, signing_key=key)
    return (ark, replace(PKI.ask, signing_key=key))


UNKNOWN_CRITICAL = (x509.UnrecognizedExtension(ObjectIdentifier("1.2.3"), b"\5\0"), True)
BASIC_CONSTRAINTS, KEY_USAGE = "2.5.29.19", "2.5.29.15"
HOST = 0xFFFFFFFF


def revoke(*serials: int, at: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> tuple[bytes, ...]:
    return (build_amd_crl(PKI.ark, serials, at, at.replace(year=at.year + 1)),)


CASES: dict[str, tuple[Callable[[], Trial], str]] = {
    "healthy": (lambda: Trial(report()), "accepted"),
    "healthy vlek": (lambda: Trial(report(VLEK), (VLEK.certificate,)), "accepted"),
    "healthy genoa": (lambda: _of_product("genoa"), "accepted"),
    "healthy turin": (lambda: _of_product("turin"), "accepted"),
    "healthy version 2": (lambda: Trial(report(layout=SNP_REPORT_V2, version=2)), "accepted"),
    "other form of the signature": (lambda: Trial(flip_report(report())), "accepted"),
    "healthy vlek, chip id shown": (
        lambda: Trial(report(VLEK, chip_id=OTHER_CHIP.chip_id), (VLEK.certificate,)),
        "accepted",
    ),
    "masked chip id": (lambda: Trial(report(chip_id=bytes(64))), "accepted"),
    "several certificates of the key": (
        lambda: Trial(report(), (*forge(serial=5), VCEK.certificate)),
        "accepted",
    ),
    # N1
    "other algorithm": (lambda: Trial(report(signature_algo=2)), "rejected: N1"),
    "signed by none": (lambda: Trial(report(key_info=b"\x1c\0\0\0")), "rejected: N1 N3"),
    "unknown signing key": (lambda: Trial(report(key_info=b"\x08\0\0\0")), "rejected: N1 N3"),
    "masked chip key, zero signature": (
        lambda: Trial(report(key_info=b"\2\0\0\0", signed=False)),
        "rejected: N1 N4",
    ),
    "masked chip key, signed": (lambda: Trial(report(key_info=b"\2\0\0\0")), "rejected: N1"),
    "other algorithm, signed by none": (
        lambda: Trial(report(signature_algo=2, key_info=b"\x1c\0\0\0")),
        "rejected: N1 N3",
    ),
    # N2
    "no anchor": (lambda: Trial(report(), anchors=()), "rejected: N2"),
    "own hierarchy": (
        lambda: Trial(report(), authorities=own_hierarchy()),
        "rejected: N2",
    ),
    "no ark": (lambda: Trial(report(), authorities=(PKI.ask,)), "undetermined; lacks N2"),
    "no ask": (lambda: Trial(report(), authorities=(PKI.ark,)), "undetermined; lacks N2"),
    "ark signed by another": (
        lambda: Trial(
            report(), authorities=(replace(PKI.ark, signing_key=derive_rsa_key("asvk")), PKI.ask)
        ),
        "undetermined; lacks N2",
    ),
    "ask of another ark": (
        lambda: Trial(report(), authorities=(own_hierarchy()[0], PKI.ask), anchors=own_hierarchy()),
        "undetermined; lacks N2",
    ),
    "own hierarchy that outlasts amd's": (
        lambda: Trial(
            report(),
            authorities=(
                *(replace(c, validity=LONG_LIVED) for c in own_hierarchy()),
                *(PKI.ark, PKI.ask),
            ),
        ),
        "accepted",
    ),
    "an older ask before the other": (
        lambda: Trial(report(), authorities=(*forge_ca(validity=SHORT_LIVED), PKI.ask)),
        "accepted",
    ),
    "an older ark before the other": (
        lambda: Trial(
            report(), authorities=(replace(PKI.ark, validity=SHORT_LIVED), PKI.ark, PKI.ask)
        ),
        "accepted",
    ),
    "vek signed by another": (
        lambda: Trial(report(), forge(signing_key=derive_rsa_key("ark"))),
        "undetermined; lacks N2",
    ),
    "vek named otherwise": (lambda: Trial(report(), forge(subject="SEV-OTHER")), "rejected: N2"),
    "vek named otherwise, no ask": (
        lambda: Trial(
            report(),
            forge(subject="SEV-OTHER", extensions=(*VCEK.certificate.extensions, UNKNOWN_CRITICAL)),
            (PKI.ark,),
        ),
        "rejected: N2",
    ),
    "ark named otherwise": (
        lambda: Trial(
            report(),
            authorities=(
                replace(PKI.ark, subject="ARK-Genoa", issuer="ARK-Genoa"),
                replace(PKI.ask, issuer="ARK-Genoa"),
            ),
        ),
        "rejected: N2",
    ),
    "ark is no ca": (
        lambda: Trial(report(), authorities=(without(PKI.ark, BASIC_CONSTRAINTS), PKI.ask)),
        "rejected: N2",
    ),
    "ask names another algorithm": (
        lambda: Trial(report(), authorities=(PKI.ark,), more=(_name_other_algorithm(PKI.ask),)),
        "rejected: N2",
    ),
    "ask named otherwise": (
        lambda: Trial(report(), forge(issuer="SEV-Rome"), forge_ca(subject="SEV-Rome")),
        "rejected: N2",
    ),
    "ask is no ca": (
        lambda: Trial(report(), authorities=(PKI.ark, without(PKI.ask, BASIC_CONSTRAINTS))),
        "rejected: N2",
    ),
    "ask may not sign": (
        lambda: Trial(report(), authorities=(PKI.ark, without(PKI.ask, KEY_USAGE))),
        "rejected: N2",
    ),
    "ask says that it is no ca": (
        lambda: Trial(report(), authorities=(PKI.ark, with_other(PKI.ask, NO_CA))),
        "rejected: N2",
    ),
    "ask may sign crls only": (
        lambda: Trial(report(), authorities=(PKI.ark, with_other(PKI.ask, CRLS_ONLY))),
        "rejected: N2",
    ),
    "unknown critical extension": (
        lambda: Trial(report(), forge(extensions=(*VCEK.certificate.extensions, UNKNOWN_CRITICAL))),
        "rejected: N2",
    ),
    "unknown critical extension of the ask": (
        lambda: Trial(
            report(), authorities=forge_ca(extensions=(*PKI.ask.extensions, UNKNOWN_CRITICAL))
        ),
        "rejected: N2",
    ),
    "vek on another curve": (
        lambda: Trial(report(), forge(public_key=keys.derive_key(7, "p256"))),
        "undetermined; lacks N2",
    ),
    "no certificate": (lambda: Trial(report(), ()), "undetermined; lacks N2"),
    "another tcb's certificate": (
        lambda: Trial(report(), (LOWER_VCEK.certificate,)),
        "undetermined; lacks N2",
    ),
    # N3
    "vcek passed off as vlek": (lambda: Trial(report(key_info=b"\4\0\0\0")), "rejected: N3"),
    "vlek passed off as vcek": (
        lambda: Trial(report(VLEK, key_info=bytes(4)), (VLEK.certificate,)),
        "rejected: N3",
    ),
    # N4
    "a changed bit": (lambda: Trial(_changed(report(), 0x90)), "rejected: N4"),
    "another key": (lambda: Trial(report(key=derive_p384_key(7, "other"))), "rejected: N4"),
    "another signature": (
        lambda: Trial(replace(report(), signature_r=report(guest_svn=9).signature_r)),
        "rejected: N4",
    ),
    "the key of a lower tcb": (
        lambda: Trial(report(key=LOWER_VCEK.key), (LOWER_VCEK.certificate, VCEK.certificate)),
        "rejected: N4",
    ),
    "the key of a higher tcb": (
        lambda: Trial(report(LOWER_VCEK, key=VCEK.key), (LOWER_VCEK.certificate, VCEK.certificate)),
        "rejected: N4",
    ),
    "of no known chip and tcb": (
        lambda: Trial(report(chip_id=OTHER_CHIP.chip_id, reported_tcb=LOWER_VCEK.tcb)),
        "undetermined; lacks N2",
    ),
    "r of zero": (lambda: Trial(replace(report(), signature_r=bytes(48))), "rejected: N4"),
    "s beyond the order": (
        lambda: Trial(replace(report(), signature_s=b"\xff" * 48)),
        "rejected: N4",
    ),
    "a wide r": (
        lambda: Trial(replace(report(), signature_r=b"\1" + report().signature_r.rjust(71, b"\0"))),
        "rejected: N4",
    ),
    "a vlek report of another provider": (
        lambda: Trial(report(VLEK, key=derive_p384_key(7, "theirs")), (VLEK.certificate,)),
        "undetermined; lacks N2",
    ),
    "a made-up certificate beside the report": (
        lambda: Trial(
            report(key=derive_p384_key(7, "x")), forge(signing_key=derive_rsa_key("ark"))
        ),
        "undetermined; lacks N2",
    ),
    # N5
    "tcb above the vek": (
        lambda: Trial(
            report(LOWER_VCEK, reported_tcb=VCEK.tcb, committed_tcb=VCEK.tcb, current_tcb=VCEK.tcb),
            (LOWER_VCEK.certificate,),
        ),
        "rejected: N5",
    ),
    "tcb below the vlek": (
        lambda: Trial(report(VLEK, reported_tcb=LOWER_VCEK.tcb), (VLEK.certificate,)),
        "rejected: N5",
    ),
    "tcb below the vlek that passes for a vcek": (
        lambda: Trial(
            report(VLEK, reported_tcb=LOWER_VCEK.tcb, key_info=bytes(4)), (VLEK.certificate,)
        ),
        "undetermined; lacks N2",
    ),
    "tcb below the vcek that passes for a vlek": (
        lambda: Trial(report(chip_id=bytes(64), reported_tcb=LOWER_VCEK.tcb, key_info=b"\4\0\0\0")),
        "undetermined; lacks N2",
    ),
    "tcb below the vek": (
        lambda: Trial(report(VCEK, reported_tcb=LOWER_VCEK.tcb)),
        "rejected: N5",
    ),
    # N6
    "another chip's id": (
        lambda: Trial(report(VCEK, chip_id=OTHER_CHIP.chip_id)),
        "rejected: N6",
    ),
    "another chip's short id": (
        lambda: _of_product("turin", chip_id=b"\1" * 8 + bytes(56)),
        "rejected: N6",
    ),
    # N7
    "another generation": (
        lambda: Trial(report(cpuid=bytes.fromhex("191101"))),
        "rejected: N7",
    ),
    "unknown generation": (lambda: Trial(report(cpuid=bytes(3))), "rejected: N7"),
    # N8, T6
    "expired": (lambda: Trial(report(), forge(validity=SHORT_LIVED)), "rejected: N8"),
    "ca expired": (
        lambda: Trial(report(), authorities=forge_ca(validity=SHORT_LIVED)),
        "rejected: N8",
    ),
    "ca revoked": (lambda: Trial(report(), crls=revoke(PKI.ask.serial)), "rejected: N8"),
    "ca revoked at this moment": (
        lambda: Trial(report(), crls=revoke(PKI.ask.serial, at=NOW)),
        "rejected: N8",
    ),
    "other ca revoked": (lambda: Trial(report(), crls=revoke(PKI.asvk.serial)), "accepted"),
    "ca revoked later": (
        lambda: Trial(report(), crls=revoke(PKI.ask.serial, at=NOW.replace(month=2))),
        "accepted",
    ),
    "revoked once and for all": (
        lambda: Trial(report(), crls=revoke(PKI.ask.serial, at=NOW.replace(year=2024))),
        "rejected: N8",
    ),
    "revoked by a stranger": (
        lambda: Trial(
            report(),
            crls=(
                build_amd_crl(
                    replace(PKI.ark, signing_key=derive_rsa_key("asvk")),
                    (PKI.ask.serial,),
                    *(NOW.replace(day=1), NOW.replace(year=2027)),
                ),
            ),
        ),
        "accepted",
    ),
    "certificate of a later day": (
        lambda: Trial(report(), moment=datetime(2025, 5, 31, tzinfo=UTC)),
        "accepted: T6",
    ),
    "at no known time": (lambda: Trial(report(), moment=None), "undetermined; lacks N8"),
    "a changed bit at no known time": (
        lambda: Trial(_changed(report(), 0x90), moment=None),
        "rejected: N4; lacks N8",
    ),
    # N9
    "reported over committed": (
        lambda: Trial(report(committed_tcb=LOWER_VCEK.tcb)),
        "accepted: N9",
    ),
    "committed over current": (
        lambda: Trial(report(current_tcb=LOWER_VCEK.tcb, launch_tcb=LOWER_VCEK.tcb)),
        "accepted: N9",
    ),
    "launch over current": (lambda: Trial(report(launch_tcb=b"\xff" * 8)), "accepted: N9"),
    "one component down, another up": (
        lambda: Trial(report(current_tcb=bytes((9, 9, 0, 0, 0, 0, 7, 255)))),
        "accepted: N9",
    ),
    # N10, A1
    "migration agent": (
        lambda: Trial(report(policy=bytes.fromhex("0000070000000000"))),
        "accepted: N10",
    ),
    "asked by the host": (lambda: Trial(report(vmpl=HOST)), "accepted: N10"),
    "migration agent, asked by the host": (
        lambda: Trial(report(policy=bytes.fromhex("0000070000000000"), vmpl=HOST)),
        "accepted: N10",
    ),
    "vmpl 3": (lambda: Trial(report(vmpl=3)), "accepted"),
    "debug": (lambda: Trial(report(policy=bytes.fromhex("00000b0000000000"))), "accepted: A1"),
}


def _of_product(product: str, **rest: Any) -> Trial:
    pki = AmdPki(7, product)
    vek = pki.issue(TCB)
    return Trial(report(vek, **rest), (vek.certificate,), (pki.ark, pki.ask), (pki.ark,))


def _changed(healthy: SnpReport, place: int) -> SnpReport:
    signed = bytearray(healthy.signed)
    signed[place] ^= 1
    return replace(healthy, signed=bytes(signed))


RSASSA_PSS_ID = bytes.fromhex("2a864886f70d01010a")
UNKNOWN_ID = bytes.fromhex("2a864886f70d01017f")


def _name_other_algorithm(certificate: AmdCertificate) -> Certificate:
    """The algorithm in the signed part, and signed so."""
    der, known = certificate.der, parse_certificate(certificate.der)
    tbs = known.tbs.replace(RSASSA_PSS_ID, UNKNOWN_ID, 1)
    signature = sign_pss(certificate.signing_key, tbs)
    return parse_certificate(der.replace(known.tbs, tbs).replace(known.signature, signature))


def _relabel(certificate: AmdCertificate) -> Certificate:
    """The algorithm outside, where no signature covers it."""
    before, _, after = certificate.der.rpartition(RSASSA_PSS_ID)
    return parse_certificate(before + UNKNOWN_ID + after)


@pytest.mark.parametrize("name", CASES)
def test_one_thing_bent(name: str) -> None:
    make, expected = CASES[name]

    assert make().describe() == expected


def test_every_check_of_reports_has_a_case() -> None:
    seen = {check for _, text in CASES.values() for check in text.replace(";", "").split()}
    assert set(REPORT_CHECKS) <= seen


def test_what_a_missing_certificate_prevents() -> None:
    results = Trial(report(), ()).judge().results

    prevented = {
        check: shown for check, (result, _, shown) in results.items() if result == "skipped"
    }
    names = ("T6", "N3", "N4", "N5", "N6", "N7", "N8")
    assert prevented == dict.fromkeys(names, "prevented by N2")


@pytest.mark.parametrize("product", ["genoa", "turin"])
def test_a_chain_of_another_product_is_none(product: str) -> None:
    """One product's root must not vouch for another's: the names of the chain say which."""
    names = {"subject": f"SEV-{product.title()}"}
    vek = replace(VCEK.certificate, issuer=names["subject"])
    trial = Trial(report(), (vek,), (PKI.ark, replace(PKI.ask, **names)))

    assert trial.describe() == "rejected: N2"


@pytest.mark.parametrize(
    ("moment", "outcome"),
    [
        (VCEK.certificate.validity[1], "accepted"),
        (VCEK.certificate.validity[1].replace(second=1), "rejected: N8"),
        (VCEK.certificate.validity[0], "accepted"),
    ],
)
def test_edges_of_time(moment: datetime, outcome: str) -> None:
    assert Trial(report(), moment=moment).describe() == outcome


# --- what is proven of a certificate --------------------------------------------------------


def test_a_healthy_certificate_says_everything() -> None:
    [vcek, vlek] = facts(VCEK.certificate, VLEK.certificate)
    ark, ask, asvk = (parse_certificate(c.der) for c in (PKI.ark, PKI.ask, PKI.asvk))
    leaf = parse_certificate(VCEK.certificate.der)

    assert vcek.trusted
    assert vcek == EndorsementFact(
        endorsement_id=leaf.certificate_id,
        results=vcek.results,
        vek_id=leaf.tbs_id,
        kind="vcek",
        product="milan",
        hardware_id=VCEK.chip_id,
        csp_id=None,
        vek_tcb=VCEK.tcb,
        vek_key=p384_point(VCEK.key),
        vek_serial="0",
        not_before=leaf.not_before,
        not_after=leaf.not_after,
        root_key=ark.public_key_info,
        root_subject=ark.subject,
        ca_key=ask.public_key_info,
        ca_subject=ask.subject,
        ca_name="SEV-Milan",
        ca_serial="10001",
    )
    assert (vlek.kind, vlek.csp_id, vlek.hardware_id) == ("vlek", CSP, None)
    assert (vlek.ca_name, vlek.ca_key) == ("SEV-VLEK-Milan", asvk.public_key_info)


@pytest.mark.parametrize("twice", ["ark", "ask"])
def test_the_order_of_authorities_is_chance(twice: str) -> None:
    twin = replace(getattr(PKI, twice), serial=5)
    known = [parse_certificate(c.der) for c in (PKI.ark, PKI.ask, twin)]
    vek = parse_certificate(VCEK.certificate.der)

    assert prove_endorsement(vek, known, ()) == prove_endorsement(vek, known[::-1], ())


def test_a_certificate_that_cannot_be_read_is_none() -> None:
    certificate = without(VCEK.certificate, PRODUCT_NAME)
    leaf = parse_certificate(certificate.der)
    observed = f"VEK extensions: no extension {PRODUCT_NAME}"

    assert facts(certificate) == [
        EndorsementFact(
            leaf.certificate_id,
            {"N2": ("fail", "a VCEK or VLEK certificate", observed)},
            vek_id=leaf.tbs_id,
            vek_key=p384_point(VCEK.key),
        )
    ]


def test_what_amd_does_not_issue() -> None:
    """No report can be checked against these, or another certificate of the key is better."""
    [other_curve] = facts(*forge(public_key=keys.derive_key(7, "p256")))
    known = [parse_certificate(c.der) for c in (PKI.ark, PKI.ask)]
    relabelled = prove_endorsement(_relabel(VCEK.certificate), known, {known[0].public_key_info})

    assert other_curve.results["N2"][2] == "VEK: key is not on P-384"
    assert relabelled.results["N2"][2] == "VEK: not RSASSA-PSS"


def test_who_could_be_an_authority() -> None:
    """Whoever relabels an ASK must not hide the real one, nor a weaker key sign in its place."""
    weaker = rsa.generate_private_key(65537, 2048)
    others = (replace(PKI.ask, public_key=weaker), VCEK.certificate)

    assert [is_amd_authority(parse_certificate(c.der)) for c in (PKI.ark, PKI.ask)] == [True, True]
    assert [is_amd_authority(parse_certificate(c.der)) for c in others] == [False, False]
    assert not is_amd_authority(_relabel(PKI.ask))


# --- which certificate a report is held against ---------------------------------------------


def facts(*veks: AmdCertificate, trusted: bool = True) -> list[Any]:
    known = [parse_certificate(c.der) for c in (PKI.ark, PKI.ask, PKI.asvk)]
    anchors = {known[0].public_key_info} if trusted else set()
    return [prove_endorsement(parse_certificate(c.der), known, anchors) for c in veks]


def test_the_trusted_chain_wins() -> None:
    [good] = facts(VCEK.certificate)
    [bad] = facts(*forge(serial=9), trusted=False)

    for order in ([good, bad], [bad, good]):
        assert Endorsers(order).find(report()) == Endorsed(good.endorsement_id, True)


def test_no_pair_of_key_and_report_is_tried_twice() -> None:
    """What was tried before is not tried again; what is new is."""
    [own] = facts(VCEK.certificate)
    forged = report(key=derive_p384_key(7, "x"))
    endorsers = Endorsers([own])

    assert endorsers.find(report(), NOBODY, fresh=()) == Endorsed(own.endorsement_id, False)
    assert endorsers.find(report(), NOBODY, fresh={own.endorsement_id}).signature_ok
    assert endorsers.find(forged) == Endorsed(own.endorsement_id, False)


def test_an_untrusted_success_gives_way_to_a_trusted_one() -> None:
    [good] = facts(VCEK.certificate)
    [bad] = facts(*forge(serial=9), trusted=False)
    earlier = Endorsed(bad.endorsement_id, True)

    assert Endorsers([bad]).find(report(), earlier, fresh=()) == earlier
    found = Endorsers([bad, good]).find(report(), earlier, fresh={good.endorsement_id})
    assert found == Endorsed(good.endorsement_id, True)


def test_a_success_stays_when_its_certificate_becomes_trusted() -> None:
    [good] = facts(VCEK.certificate)
    earlier = Endorsed(good.endorsement_id, True)

    assert Endorsers([good]).find(report(), earlier, fresh=()) == earlier


def test_of_untrusted_successes_the_first_stays() -> None:
    """Whatever the order, and whatever comes later that is no better."""
    twins = facts(*forge(serial=8), *forge(serial=9), trusted=False)
    first, second = sorted(twins, key=lambda fact: fact.endorsement_id)
    found = Endorsed(first.endorsement_id, True)

    assert Endorsers([first, second]).find(report()) == found
    assert Endorsers([second, first]).find(report()) == found
    later = Endorsed(second.endorsement_id, True)
    assert Endorsers(twins).find(report(), later, fresh={first.endorsement_id}) == later


def test_strangers_are_tried_in_bounds() -> None:
    """A report of no known chip, and more certificates of its TCB than are tried."""
    [one, own] = facts(VCEK.certificate, OTHER_CHIP.certificate)
    crowd: Sequence[Any] = [
        replace(one, endorsement_id=bytes([n]) * 32, hardware_id=bytes([n])) for n in range(200)
    ]
    last = replace(own, endorsement_id=b"\xff" * 32)

    assert Endorsers([*crowd, last]).find(report(OTHER_CHIP)).endorsement_id == last.endorsement_id
    lower = replace(last, vek_tcb=LOWER_VCEK.tcb)
    assert Endorsers([*crowd, lower]).find(report(OTHER_CHIP)).endorsement_id == last.endorsement_id
    masked = report(OTHER_CHIP, chip_id=bytes(64))
    assert Endorsers([*crowd, last]).find(masked) == NOBODY


@pytest.mark.parametrize(
    ("crls", "observed"),
    [((), "2026-01-05T00:00:00Z, no CRL"), (revoke(PKI.asvk.serial), "2026-01-05T00:00:00Z")],
    ids=["none", "one"],
)
def test_whether_a_crl_was_there_is_said(crls: tuple[bytes, ...], observed: str) -> None:
    assert Trial(report(), crls=crls).judge().results["N8"][::2] == ("pass", observed)
