"""State that goes backwards: enclave builds and platform firmware."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from forensics.simulate.archive import Revocation
from forensics.simulate.incidents.scene import Incident, Scene
from forensics.simulate.instances import Attestation
from forensics.simulate.platforms import CURRENT, RECOVERED, Generation
from forensics.simulate.workloads import LEDGER, VAULT

_HOUR = timedelta(hours=1)


def inject_svn_rollback(scene: Scene) -> None:
    """An enclave that ran the new build is restarted with the old one, and gets the secret."""
    fleet = scene.fleet
    at = scene.at(0.6)
    new = scene.launch(at, workload=LEDGER, attests=False)
    before = fleet.attest(new, at + timedelta(seconds=4), release=True)

    again = at + 3 * _HOUR
    fleet.log_stop(new, again - timedelta(seconds=30))
    old = scene.launch(
        again,
        workload=LEDGER,
        build=LEDGER.builds[0],
        enclave_id=new.enclave_id,
        attests=False,
    )
    after = fleet.attest(old, again + timedelta(seconds=4), release=True)
    scene.expect(
        "svn-rollback",
        "critical",
        before,
        after,
        subject=("enclave", new.enclave_id),
        note="ISVSVN 8, then 7, and a secret released after it",
    )


def inject_laggard(scene: Scene) -> None:
    """An instance that missed the roll-out and goes on with the build that it had."""
    fleet = scene.fleet
    at = scene.at(0.12)
    instance = scene.launch(at, workload=LEDGER, build=LEDGER.builds[0])
    late = fleet.attest(instance, scene.at(0.57))
    fleet.log_stop(instance, late.at + timedelta(minutes=5))
    scene.expect(
        "svn-rollback",
        "low",
        late,
        subject=("enclave", instance.enclave_id),
        note="a laggard: it never ran the newer build",
    )


def inject_tcb_rollback(scene: Scene) -> None:
    """A host shows its new PCK certificate first and the old one afterwards."""
    fleet = scene.fleet
    at = scene.at(0.64)
    platform = fleet.spare_platform("tcb-rollback", recovered_at=fleet.start)
    instance = scene.launch(at, platform=platform, attests=False)
    logged = []
    for minutes, generation in ((0, RECOVERED), (90, CURRENT)):
        session = fleet.open_session(instance, at + timedelta(minutes=minutes, seconds=5))
        quote = fleet.make_quote(instance, session, generation=generation)
        logged.append(fleet.log_attestation(instance, session, quote))
    subject = ("platform", platform.ppid.hex())
    scene.expect("tcb-rollback", "high", *logged, subject=subject)
    scene.expect("qe-svn-rollback", "high", *logged, subject=subject, note="QE and PCE as well")


def _certified_by(
    scene: Scene, fraction: float, later: Generation, *, same_qe: bool
) -> list[Attestation]:
    """A recovered host attests, and an hour later certifies itself with `later`'s QE and PCK.

    The same quoting enclave has the same attestation key; another version makes another one.
    """
    fleet = scene.fleet
    at = scene.at(fraction)
    platform = fleet.spare_platform(scene.incident, recovered_at=fleet.start)
    instance = scene.launch(at, platform=platform, attests=False)
    first = fleet.attest(instance, at + timedelta(seconds=5))
    session = fleet.open_session(instance, at + _HOUR)
    key = f"{platform.label} sgx {RECOVERED.rank}" if same_qe else f"{scene.incident} later"
    quote = fleet.make_quote(
        instance,
        session,
        generation=RECOVERED if same_qe else later,
        certification=platform.certify_key("sgx", later, key),
    )
    return [first, fleet.log_attestation(instance, session, quote)]


def inject_qe_rollback(scene: Scene) -> None:
    """The quoting enclave gets older; the PCK certificate stays."""
    older = replace(RECOVERED, qe_svn=CURRENT.qe_svn)
    logged = _certified_by(scene, 0.63, older, same_qe=False)
    subject = ("platform", logged[0].instance.platform.ppid.hex())
    scene.expect("qe-svn-rollback", "high", *logged, subject=subject)
    scene.expect("tcb-rollback", "high", *logged, subject=subject, note="QE SVN 9, then 8")


def inject_pck_downgrade(scene: Scene) -> None:
    """An older PCK certificate although the firmware did not change."""
    older = replace(CURRENT, cpu_svn=RECOVERED.cpu_svn, qe_svn=RECOVERED.qe_svn)
    logged = _certified_by(scene, 0.65, older, same_qe=True)
    subject = ("platform", logged[0].instance.platform.ppid.hex())
    scene.expect("pck-downgrade", "medium", *logged, subject=subject)
    scene.expect("tcb-rollback", "high", *logged, subject=subject)


def inject_superseded_measurement(scene: Scene) -> None:
    """A TD, which has no ISVSVN, comes back with the measurement before the roll-out."""
    fleet = scene.fleet
    at = scene.at(0.61)
    new = scene.launch(at, workload=VAULT, attests=False)
    before = fleet.attest(new, at + timedelta(seconds=4))
    again = at + 2 * _HOUR
    fleet.log_stop(new, again - timedelta(seconds=30))
    old = scene.launch(
        again, workload=VAULT, build=VAULT.builds[0], enclave_id=new.enclave_id, attests=False
    )
    after = fleet.attest(old, again + timedelta(seconds=4))
    subject = ("enclave", new.enclave_id)
    scene.expect("superseded-measurement", "high", before, after, subject=subject)


def inject_tcb_incoherence(scene: Scene) -> None:
    """A report that claims newer microcode than the quoting enclave beside it."""
    fleet = scene.fleet
    at = scene.at(0.66)
    platform = fleet.spare_platform("incoherent")
    instance = scene.launch(at, platform=platform)
    session = fleet.open_session(instance, at + timedelta(minutes=9))
    quote = fleet.make_quote(instance, session, body={"cpu_svn": RECOVERED.cpu_svn})
    logged = fleet.log_attestation(instance, session, quote)
    scene.expect("tcb-incoherence", "critical", logged)


def inject_revocation_in_hindsight(scene: Scene) -> None:
    """A host attests well all day; then its PCK certificate appears on the CRL."""
    fleet = scene.fleet
    at = scene.at(0.67)
    platform = fleet.spare_platform("revoked-later")
    instance = scene.launch(at, platform=platform, attests=False)
    logged = fleet.attest(instance, at + timedelta(seconds=5), release=True)
    fleet.log_stop(instance, at + _HOUR)
    pck = platform.pck(platform.generation_at(at))
    fleet.archive.revocations.append(Revocation(pck.spec.serial, platform.ca, fleet.moment(0.95)))
    subject = ("platform", platform.ppid.hex())
    scene.expect("revoked-in-hindsight", "high", logged, subject=subject)
    scene.expect("hindsight-exposure", "high", logged, subject=subject)


INCIDENTS = (
    Incident("svn-rollback", "a restart with an older, approved build", inject_svn_rollback),
    Incident("laggard", "an instance that missed a roll-out", inject_laggard),
    Incident("tcb-rollback", "a host whose PCK certificate gets older", inject_tcb_rollback),
    Incident("qe-svn-rollback", "a host whose QE gets older", inject_qe_rollback),
    Incident("pck-downgrade", "an older PCK for the same firmware", inject_pck_downgrade),
    Incident(
        "superseded-measurement", "a TD with a retired measurement", inject_superseded_measurement
    ),
    Incident("tcb-incoherence", "report and QE disagree on microcode", inject_tcb_incoherence),
    Incident(
        "revoked-in-hindsight", "a PCK revoked after its quotes", inject_revocation_in_hindsight
    ),
)
