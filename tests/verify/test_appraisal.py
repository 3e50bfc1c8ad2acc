"""How the outcomes of all checks make one judgement, healthy evidence first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from forensics.simulate import collateral as col
from forensics.verify.appraisal import Judgement, conclude
from forensics.verify.archive import Selection
from forensics.verify.checks import QUOTE_CHECKS, STRICT

ISSUED = datetime(2026, 1, 1, tzinfo=UTC)
LATER = ISSUED + timedelta(days=5)  # than the moment of judgement
ACCEPTED, REJECTED, UNDETERMINED = "accepted", "rejected", "undetermined"


@pytest.mark.parametrize(
    "build",
    [
        lambda kit: kit.sgx(3),
        lambda kit: kit.sgx(4),
        lambda kit: kit.sgx(5),
        lambda kit: kit.tdx(4),
        lambda kit: kit.tdx(5),
        lambda kit: kit.tdx(5, td15=True),
    ],
    ids=["sgx-v3", "sgx-v4", "sgx-v5", "tdx-v4", "tdx-v5-1.0", "tdx-v5-1.5"],
)
def test_healthy_evidence_passes_every_check(kit: Any, build: Callable[[Any], Any]) -> None:
    judgement = kit.evidence(build(kit)).judge()

    assert (judgement.outcome, judgement.status) == (ACCEPTED, "UpToDate")
    assert {result for result, _, _ in judgement.results.values()} <= {"pass", "not_applicable"}


def test_results_follow_the_order_of_the_checks(kit: Any) -> None:
    assert list(kit.evidence().judge().results) == list(QUOTE_CHECKS)


def test_strict_checks_never_decide(kit: Any) -> None:
    """Everything that only a strict check forbids, in one quote: Intel accepts it, so do we."""
    quote = kit.tdx(
        5,
        td15=True,
        body={"td_attributes": b"\xff".ljust(8, b"\0"), "mr_service_td": b"\x01".ljust(48, b"\0")},
    )
    overrides = {"tcbEvaluationDataNumber": 18, "issueDate": "2026-01-06T00:00:00Z"}
    judgement = kit.evidence(quote, kit.collateral("tdx", qe_overrides=overrides)).judge()

    assert judgement.outcome == ACCEPTED
    assert set(judgement.strict_failures) == {"A1", "A2", "A3", "A4", "T6", "T7"} < STRICT


@pytest.mark.parametrize(
    ("results", "outcome"),
    [
        ({"F1": "pass", "D1": "not_applicable"}, ACCEPTED),
        ({"F1": "pass", "R1": "error"}, UNDETERMINED),
        ({"F1": "pass", "R4": "skipped"}, UNDETERMINED),
        ({"F1": "pass", "T4": "fail"}, UNDETERMINED),
        ({"F1": "pass", "M3": "fail"}, UNDETERMINED),
        ({"R1": "error", "K5": "fail"}, REJECTED),
        ({"T6": "fail", "A1": "error", "K3": "skipped"}, ACCEPTED),
    ],
)
def test_outcome_of_results(results: dict[str, str], outcome: str) -> None:
    """M3 is excused: what it failed by is not in force."""
    told: Any = {check: (result, "", "") for check, result in results.items()}

    assert conclude(told, {"M3"}) == outcome


def test_strict_checks_are_listed_apart() -> None:
    results: Any = {
        check: (result, "", "")
        for check, result in {"K5": "fail", "A1": "fail", "R1": "error", "T6": "error"}.items()
    }
    judgement = Judgement(REJECTED, None, results, (), Selection(None, None, None, None))

    assert judgement.failed_checks == ["K5"]
    assert judgement.strict_failures == ["A1"]
    assert judgement.undetermined_checks == ["R1"]


def test_a_mismatch_hides_the_status_of_another_platform(kit: Any) -> None:
    """A revoked level of a TCB info that is not this platform's revokes nothing."""
    levels = (kit.level(status="Revoked", advisories=("INTEL-SA-00001",)),)
    collateral = kit.collateral(levels=levels, fmspc=bytes(6))
    judgement = kit.evidence(collateral=collateral, handed=True).judge()

    assert (judgement.outcome, judgement.status) == (REJECTED, None)
    assert (judgement.failed_checks, judgement.advisory_ids) == (["M2"], ())


def test_two_unknown_issuers_are_not_the_same_issuer(kit: Any) -> None:
    """A CA without a P-256 key, and a CRL in its name that nobody signed: R2 must fail."""
    ca = kit.ca(key=ec.derive_private_key(5, ec.SECP384R1()))
    nobodys = kit.crl(kit.pki.platform_ca, signing_key=kit.other_key)
    evidence = kit.sgx_evidence(ca=ca).bend_collateral(pck_crl=nobodys)

    assert evidence.judge().results["R2"][0] == "fail"


def test_module_version_zero_is_judged_by_the_module_of_the_document(kit: Any) -> None:
    """Before module identities there was `tdxModule` (PCS documentation, Get TDX TCB Info)."""
    svn = bytes((5, 0, 3)).ljust(16, b"\0")
    levels = (kit.level("tdx", tdx=svn),)
    collateral = kit.collateral("tdx", levels=levels, modules=())
    healthy = kit.evidence(kit.tdx(body={"tee_tcb_svn": svn}), collateral).judge()
    signer = {"tee_tcb_svn": svn, "mrsigner_seam": b"\x01" * 48}
    foreign = kit.evidence(kit.tdx(body=signer), collateral).judge()

    assert (healthy.outcome, healthy.status) == (ACCEPTED, "UpToDate")
    assert healthy.results["D1"][0] == "not_applicable"
    assert healthy.results["D2"][0] == healthy.results["D3"][0] == "pass"
    assert foreign.failed_checks == ["D2"]


@pytest.mark.parametrize(
    ("missing", "outcome"),
    [
        (("tcb_info",), UNDETERMINED),
        (("qe_identity",), UNDETERMINED),
        (("root_ca_crl", "pck_crl", "tcb_info", "qe_identity"), UNDETERMINED),
        (("tcb_info_issuer_chain", "qe_identity_issuer_chain"), UNDETERMINED),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else None,
)
def test_missing_collateral_is_never_a_pass(
    kit: Any, missing: tuple[str, ...], outcome: str
) -> None:
    judgement = kit.evidence(without=missing).judge()

    assert (judgement.outcome, judgement.status) == (outcome, None)
    assert judgement.failed_checks == []
    assert judgement.undetermined_checks != []


SIGNERS = ("tcb_info_issuer_chain", "qe_identity_issuer_chain")


@pytest.mark.parametrize("status", ["Revoked", "UpToDate"])
def test_what_nobody_is_known_to_have_said_decides_nothing(kit: Any, status: str) -> None:
    """Without the signing certificate anybody may have written a TCB info, and invented advice."""
    levels = (kit.level(status=status, components=b"\xff" * 16, advisories=("INTEL-SA-1",)),)
    reached = (kit.level(status=status, advisories=("INTEL-SA-1",)),)
    for level in (levels, reached):
        judgement = kit.evidence(collateral=kit.collateral(levels=level), without=SIGNERS).judge()
        assert (judgement.outcome, judgement.status) == (UNDETERMINED, None)
        assert judgement.advisory_ids == ()


def test_a_forged_tcb_info_revokes_nothing(kit: Any) -> None:
    """It is refused, as QVL refuses it; perhaps nobody said what it says."""
    body = col.tcb_info(
        "sgx",
        fmspc=kit.FMSPC,
        issued=ISSUED,
        levels=[kit.level(status="Revoked", advisories=("INTEL-SA-1",))],
    )
    forged = kit.evidence().bend_collateral(tcb_info=kit.sign(body, kit.other_key))
    judgement = forged.judge()

    assert (judgement.outcome, judgement.status) == (REJECTED, None)
    assert "S4" in judgement.failed_checks
    assert judgement.advisory_ids == ()


@pytest.mark.parametrize(
    ("info", "identity", "outcome"),
    [
        ({"levels": "Revoked"}, {"issued": LATER}, REJECTED),
        ({"levels": "Revoked", "issued": LATER}, {}, UNDETERMINED),
        ({"levels": "Revoked", "issued": LATER}, {"issued": LATER}, UNDETERMINED),
        ({"levels": None}, {"issued": LATER}, REJECTED),
        ({}, {"status": "Revoked"}, REJECTED),
        ({"issued": LATER}, {"status": "Revoked"}, REJECTED),
        ({"levels": "Revoked", "issued": LATER}, {"status": "Revoked", "issued": LATER},
         UNDETERMINED),
    ],
)  # fmt: skip
def test_only_the_document_that_speaks_against_a_quote_has_to_be_in_force(
    kit: Any, info: dict[str, Any], identity: dict[str, Any], outcome: str
) -> None:
    """V3 fails by one of two documents: that the other begins later excuses nothing."""
    status = info.get("levels", "UpToDate")
    level = kit.level(status=status) if status else kit.level(components=b"\xff" * 16)
    tcb_info = col.tcb_info(
        "sgx", fmspc=kit.FMSPC, issued=info.get("issued", ISSUED), levels=[level]
    )
    qe_levels = [col.SvnLevel(col.DEFAULT_QE_SVN, identity.get("status", "UpToDate"))]
    qe_identity = col.qe_identity("sgx", issued=identity.get("issued", ISSUED), levels=qe_levels)
    evidence = kit.evidence().bend_collateral(
        tcb_info=kit.sign(tcb_info), qe_identity=kit.sign(qe_identity)
    )

    assert evidence.judge().outcome == outcome
