"""SEV-SNP guests: one chip under a root key of our own, and what its host does to a guest.

The guest's workload has a manifest of its own, and its certificates are files, so that a fleet
without this incident stays what it was.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256

from forensics.formats.layout import Value
from forensics.simulate.amd import AmdPki, Vek, build_report
from forensics.simulate.incidents.scene import Incident, Scene
from forensics.simulate.instances import Attestation, Instance
from forensics.simulate.keys import derive_bytes
from forensics.simulate.workloads import GATEWAY, Approval, emit_workload

_TCB = {"boot_loader": 4, "tee": 0, "snp": 22, "microcode": 213}
_STRICT_POLICY = (0x2 << 16 | 55).to_bytes(8, "little")  # ABI 0.55, no SMT
_WEAK_POLICY = (0x3 << 16 | 31).to_bytes(8, "little")  # ABI 0.31, SMT


def inject_field_drift(scene: Scene) -> None:
    """A guest is launched anew: same measurement, but a policy with SMT, an older ABI, VMPL 2."""
    fleet = scene.fleet
    at = scene.at(0.45)
    pki = AmdPki(fleet.seed)
    vcek = pki.issue(_TCB, label="guests")
    fleet.more_roots.append(pki.ark.pem)
    fleet.extra_files["amd/vcek.der"] = vcek.certificate.der
    fleet.extra_files["amd/cert_chain.pem"] = pki.ask.pem + pki.ark.pem
    approval = Approval(GATEWAY.builds[0], fleet.start - timedelta(days=30))
    fleet.extra_files["services/gateway.toml"] = emit_workload(GATEWAY, [approval]).encode()
    platform = fleet.spare_platform("guests")
    first = scene.launch(at, workload=GATEWAY, platform=platform, attests=False)
    for minutes in (0, 30):
        start = at + timedelta(minutes=minutes)
        _attest(scene, first, vcek, start, {"policy": _STRICT_POLICY})
    fleet.log_stop(first, at + timedelta(hours=2))
    again = at + timedelta(hours=2, seconds=30)
    second = scene.launch(
        again,
        workload=GATEWAY,
        platform=platform,
        enclave_id=first.enclave_id,
        attests=False,
    )
    weaker: dict[str, Value] = {"policy": _WEAK_POLICY, "vmpl": 2}
    drifted = _attest(scene, second, vcek, again, weaker)
    scene.expect(
        "snp-field-drift",
        "medium",
        drifted,
        subject=("workload", GATEWAY.id),
        note="policy_smt, policy_abi and vmpl",
    )


def _attest(
    scene: Scene, instance: Instance, vcek: Vek, at: datetime, fields: dict[str, Value]
) -> Attestation:
    """The guest's report, logged, in a session 5 s after `at`."""
    fleet = scene.fleet
    session = fleet.open_session(instance, at + timedelta(seconds=5))
    bound = sha256(instance.initial_state + session.nonce).digest() + bytes(32)
    report = build_report(
        vcek,
        {
            **GATEWAY.fields(instance.build),
            "report_data": bound,
            "report_id": derive_bytes(fleet.seed, f"report id {instance.container_id}", 32),
            **fields,
        },
    )
    # A verifier of AMD's evidence has no TCB status to log, and no PCK certificate.
    changes = {"tcb_level": None, "pck_cert_status": None}
    return fleet.log_attestation(instance, session, report, changes=changes)


INCIDENTS = (
    Incident("snp-field-drift", "an SEV-SNP guest comes back on weaker ground", inject_field_drift),
)
