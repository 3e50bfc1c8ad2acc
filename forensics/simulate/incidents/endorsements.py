"""Endorsements that cannot all be Intel's word, and verifiers that judge with old ones."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from forensics.simulate.collateral import (
    SvnLevel,
    TcbLevel,
    qe_identity,
    sign_document,
    tcb_info,
)
from forensics.simulate.fleet import Fleet
from forensics.simulate.incidents.scene import Incident, Scene
from forensics.simulate.instances import Attestation
from forensics.simulate.platforms import CLIENT_FMSPC, CURRENT, NEGLECTED
from forensics.simulate.recorder import format_clock
from forensics.simulate.workloads import VAULT

_LONG_BEFORE = timedelta(days=40)
_FETCHED_BEFORE = timedelta(days=35)  # more than the policy's 30


def inject_equivocation(scene: Scene) -> None:
    """Two TCB infos of one number and one date: whoever asked got one or the other."""
    fleet = scene.fleet
    issued = fleet.archive.recovery
    served = fleet.archive.bundle("sgx", CLIENT_FMSPC, issued).tcb_info
    document = json.loads(served.body)
    document["tcbLevels"][0]["tcbDate"] = "2025-11-12T00:00:00Z"
    other = sign_document(document, fleet.pki.tcb_signing.key)
    path = f"collateral/mirror/tcb_info_sgx_{CLIENT_FMSPC.hex()}.json"
    fleet.extra_files[path] = other.envelope()
    subject = ("collateral", CLIENT_FMSPC.hex())
    scene.expect("collateral-equivocation", "critical", subject=subject, at=issued)


def inject_collateral_rollback(scene: Scene) -> None:
    """A verifier that logs the evaluation it used is made to use the one before, a day later."""
    platform = scene.fleet.spare_platform(scene.incident)
    logged = [
        _attest(scene, fraction, {"tcb_evaluation_data_number": number}, platform=platform)
        for fraction, number in ((0.56, 18), (0.93, 17))
    ]
    scene.expect("collateral-rollback", "high", logged[-1])


def inject_stale_collateral(scene: Scene) -> None:
    """A verifier that has not asked for collateral for longer than the policy allows."""
    issued = scene.fleet.start - _LONG_BEFORE
    _keep_tcb_info(scene.fleet, issued, scene.fleet.end + _LONG_BEFORE, evaluation=16)
    platform = scene.fleet.spare_platform(scene.incident)
    logged = _attest(scene, 0.91, _fetched_long_ago(scene.fleet), platform=platform)
    scene.expect("stale-collateral", "medium", logged)


def inject_expired_collateral(scene: Scene) -> None:
    """What that verifier had fetched has expired, and it says OK all the same."""
    fleet = scene.fleet
    issued = fleet.start - _LONG_BEFORE
    document = qe_identity("tdx", issued=issued, evaluation=16, levels=(SvnLevel(8),))
    identity = sign_document(document, fleet.pki.tcb_signing.key)
    fleet.extra_files["collateral/kept/qe_identity_tdx.json"] = identity.envelope()
    logged = _attest(scene, 0.92, _fetched_long_ago(fleet), workload=VAULT)
    scene.expect("expired-collateral-accepted", "high", logged)
    # So old a fetch is over the policy's age too; what it missed has the same evaluation number.
    scene.expect("stale-collateral", "low", logged, note="the same old fetch")


def inject_recovery_lag(scene: Scene) -> None:
    """A host that does not rise although the TCB info that calls it out of date is 40 days old."""
    fleet = scene.fleet
    issued = fleet.start - _LONG_BEFORE
    _keep_tcb_info(fleet, issued, fleet.start - timedelta(days=10), evaluation=17)
    platform = replace(fleet.spare_platform(scene.incident), start=NEGLECTED)
    refused = {"quote_status": "OUT_OF_DATE", "policy_allowed": False}
    logged = _attest(scene, 0.3, refused, platform=platform)
    subject = ("platform", platform.ppid.hex())
    scene.expect("tcb-recovery-lag", "medium", logged, subject=subject)
    enclave = ("enclave", logged.instance.enclave_id)
    scene.expect("silent-enclave", "medium", logged, subject=enclave, note="one refusal")


def _attest(scene: Scene, fraction: float, changes: dict[str, Any], **where: Any) -> Attestation:
    """A genuine attestation that the verifier logs with `changes`."""
    at = scene.at(fraction)
    instance = scene.launch(at, attests=False, **where)
    session = scene.fleet.open_session(instance, at + timedelta(seconds=6))
    quote = scene.fleet.make_quote(instance, session)
    return scene.fleet.log_attestation(instance, session, quote, changes=changes)


def _fetched_long_ago(fleet: Fleet) -> dict[str, Any]:
    return {"collateral_fetched_at": format_clock(fleet.start - _FETCHED_BEFORE)}


def _keep_tcb_info(fleet: Fleet, issued: datetime, expires: datetime, *, evaluation: int) -> None:
    """An older TCB info of the SGX-only hosts, as somebody's archive has it."""
    levels = [
        TcbLevel(generation.components, generation.pce_svn, status)
        for generation, status in ((CURRENT, "UpToDate"), (NEGLECTED, "OutOfDate"))
    ]
    document = tcb_info(
        "sgx",
        fmspc=CLIENT_FMSPC,
        issued=issued,
        expires=expires,
        levels=levels,
        evaluation=evaluation,
    )
    kept = sign_document(document, fleet.pki.tcb_signing.key)
    path = f"collateral/kept/tcb_info_sgx_{CLIENT_FMSPC.hex()}-{evaluation}.json"
    fleet.extra_files[path] = kept.envelope()


INCIDENTS = (
    Incident("collateral-equivocation", "two versions of one TCB info", inject_equivocation),
    Incident(
        "collateral-rollback", "a verifier goes back an evaluation", inject_collateral_rollback
    ),
    Incident("stale-collateral", "OK with collateral of last month", inject_stale_collateral),
    Incident("expired-collateral", "OK with an expired identity", inject_expired_collateral),
    Incident("tcb-recovery-lag", "a host that never updates", inject_recovery_lag),
)
