"""Hosts and guests whose own story does not hold together."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from hashlib import sha384

from forensics.formats.layout import Value
from forensics.simulate.incidents.scene import Incident, Scene
from forensics.simulate.keys import derive_bytes, derive_integer
from forensics.simulate.quotes import append_trailing
from forensics.simulate.workloads import ANALYTICS

_FIRST_EXTENSION = sha384(b"first event").digest()
_SECOND_EXTENSION = sha384(b"second event").digest()


def inject_identity_churn(scene: Scene) -> None:
    """Two platforms take turns under one QE_ID."""
    fleet = scene.fleet
    at = scene.at(0.55)
    one = fleet.spare_platform("churn-1")
    other = replace(fleet.spare_platform("churn-2"), qe_id=one.qe_id, node_id=one.node_id)
    instances = [scene.launch(at, platform=one), scene.launch(at, platform=other)]
    logged = [
        fleet.attest(instances[number % 2], at + timedelta(minutes=5 + 3 * number))
        for number in range(4)
    ]
    subject = ("qe_id", one.qe_id.hex())
    scene.expect("platform-identity-churn", "medium", *logged, subject=subject)


def inject_relocation(scene: Scene) -> None:
    """A host falls silent and reappears elsewhere: another node, another network."""
    fleet = scene.fleet
    at = scene.at(0.5)
    here = fleet.spare_platform("relocated")
    there = replace(here, node_id=fleet.spare_platform("relocated-to").node_id)
    logged = []
    for hours, platform, peer in ((0, here, "198.51.100.7"), (5, there, "203.0.113.90")):
        start = at + timedelta(hours=hours)
        instance = scene.launch(start, platform=platform, attests=False)
        session = fleet.open_session(instance, start + timedelta(seconds=5))
        quote = fleet.make_quote(instance, session)
        logged.append(fleet.log_attestation(instance, session, quote, changes={"peer": peer}))
    subject = ("platform", here.ppid.hex())
    scene.expect("platform-relocation", "medium", *logged, subject=subject)


def inject_co_tenant_disagreement(scene: Scene) -> None:
    """Two TDs of one host report two TDX modules within minutes."""
    fleet = scene.fleet
    at = scene.at(0.53)
    platform = fleet.spare_platform("co-tenants", server=True)
    module: dict[str, Value] = {
        "tee_tcb_svn": bytes((5, 1, 3)).ljust(16, b"\0"),
        "mr_seam": sha384(b"another module").digest(),
    }
    bodies: tuple[dict[str, Value], ...] = ({}, module, {})
    logged = []
    for number, body in enumerate(bodies):
        start = at + timedelta(minutes=2 * number)
        instance = scene.launch(start, workload=ANALYTICS, platform=platform, attests=False)
        session = fleet.open_session(instance, start + timedelta(seconds=5))
        quote = fleet.make_quote(instance, session, body=body)
        logged.append(fleet.log_attestation(instance, session, quote))
    subject = ("platform", platform.ppid.hex())
    scene.expect("co-tenant-disagreement", "high", *logged, subject=subject)
    scene.expect("tcb-rollback", "high", *logged, subject=subject, note="as seen one by one")


def _attest_registers(scene: Scene, fraction: float, *registers: bytes) -> None:
    """One TD attests with one RTMR3 after the other, ten minutes apart."""
    fleet = scene.fleet
    at = scene.at(fraction)
    instance = scene.launch(at, workload=ANALYTICS)
    logged = []
    for number, register in enumerate(registers, start=1):
        session = fleet.open_session(instance, at + timedelta(minutes=10 * number))
        quote = fleet.make_quote(instance, session, body={"rtmr3": register})
        logged.append(fleet.log_attestation(instance, session, quote))
    subject = ("container", instance.container_id)
    scene.expect("post-measurement-change", "high", *logged, subject=subject)
    if scene.incident != "post-measurement-change":
        scene.expect(scene.incident, "high", *logged, subject=subject)


def inject_measurement_change(scene: Scene) -> None:
    """RTMR3 moves in a running TD, though nobody approved what was loaded."""
    _attest_registers(scene, 0.54, _FIRST_EXTENSION)


def inject_register_regression(scene: Scene) -> None:
    """RTMR3 goes back to a value that it had before: registers only ever extend."""
    _attest_registers(scene, 0.56, _FIRST_EXTENSION, _SECOND_EXTENSION, _FIRST_EXTENSION)


def inject_constant_report_data(scene: Scene) -> None:
    """REPORT_DATA is all zero in every session: no freshness, no binding."""
    fleet = scene.fleet
    at = scene.at(0.52)
    instance = scene.launch(at, attests=False)
    logged = []
    for minutes in (0, 30, 60):
        session = fleet.open_session(instance, at + timedelta(minutes=minutes, seconds=5))
        # A real quoting enclave draws k at random: one report, three signatures.
        quote = fleet.make_quote(
            instance,
            session,
            body={"report_data": bytes(64)},
            signature_nonce=derive_integer(fleet.seed, f"constant {minutes}", 2**250) + 1,
        )
        logged.append(fleet.log_attestation(instance, session, quote))
    scene.expect("constant-report-data", "medium", *logged)
    scene.expect("resigned-report", "medium", *logged)
    scene.expect("trusted-rogue", "critical", *logged)
    scene.expect("report-data-mismatch", "high", *logged)


def inject_ambiguous_evidence(scene: Scene) -> None:
    """Left-overs follow the declared end of one quote; another has a byte that nothing reads."""
    fleet = scene.fleet
    at = scene.at(0.57)
    instance = scene.launch(at)
    session = fleet.open_session(instance, at + timedelta(minutes=6))
    tail = derive_bytes(fleet.seed, "tail", 39)
    quote = append_trailing(fleet.make_quote(instance, session), tail)
    scene.expect("ambiguous-evidence", "info", fleet.log_attestation(instance, session, quote))
    other = scene.launch(at + timedelta(minutes=1))
    session = fleet.open_session(other, at + timedelta(minutes=8))
    quote = replace(fleet.make_quote(other, session), slack=b"\1")
    scene.expect("ambiguous-evidence", "medium", fleet.log_attestation(other, session, quote))


INCIDENTS = (
    Incident("platform-identity-churn", "two platforms under one QE_ID", inject_identity_churn),
    Incident("platform-relocation", "a host that reappears elsewhere", inject_relocation),
    Incident(
        "co-tenant-disagreement", "two TDX modules on one host", inject_co_tenant_disagreement
    ),
    Incident("post-measurement-change", "RTMR3 moves unapproved", inject_measurement_change),
    Incident("runtime-register-regression", "RTMR3 goes back", inject_register_regression),
    Incident("constant-report-data", "REPORT_DATA is always zero", inject_constant_report_data),
    Incident("ambiguous-evidence", "bytes after a quote's end", inject_ambiguous_evidence),
)
