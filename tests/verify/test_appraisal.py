"""How the outcomes of all checks make one judgement, healthy evidence first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from forensics.verify.appraisal import Judgement, conclude
from forensics.verify.archive import Selection
from forensics.verify.checks import QUOTE_CHECKS, STRICT

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
