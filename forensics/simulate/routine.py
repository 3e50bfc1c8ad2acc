"""A healthy fleet's life: start-up, periodic attestation, roll-outs, reprovisioning, a migration.

Nothing here may look wrong to a detector, and everything here is what makes detectors bark when
they are careless: retries, fan-out to two verifiers, collector copies, late files, canaries,
lagging caches, zero padding, clocks that disagree.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from forensics.simulate.fleet import Fleet
from forensics.simulate.instances import Attestation, Instance
from forensics.simulate.platforms import Platform
from forensics.simulate.quotes import append_trailing
from forensics.simulate.recorder import format_clock
from forensics.simulate.workloads import (
    ANALYTICS,
    LEDGER,
    PAYMENTS,
    VAULT,
    WORKLOADS,
    Approval,
    Workload,
)

ATTEST_EVERY = timedelta(hours=6)
ROLLOUT = timedelta(minutes=40)
MAX_PADDING = 70  # bytes; what public TDX quotes carry most often

# Fractions of the simulated span at which things happen; reprovisioning is `make_fleet`'s.
ROLLOUTS = {PAYMENTS.id: 0.4, VAULT.id: 0.42, LEDGER.id: 0.45}
MIGRATION = 0.85


@dataclass
class Slot:
    """A place where one instance after the other runs: `(from, instance)` in order of time."""

    workload: Workload
    enclave_id: str
    lives: list[tuple[datetime, Instance]] = field(default_factory=list)

    def instance_at(self, at: datetime) -> Instance:
        return [instance for since, instance in self.lives if since <= at][-1]


def live(fleet: Fleet) -> list[Slot]:
    """Run the healthy fleet for its whole span."""
    slots = [_start(fleet, number, *place) for number, place in enumerate(_places(fleet))]
    for workload_id, fraction in ROLLOUTS.items():
        _roll_out(fleet, [s for s in slots if s.workload.id == workload_id], fleet.moment(fraction))
    _reprovision(fleet, slots)
    _migrate(fleet, slots)
    for slot in slots:
        _attest_periodically(fleet, slot)
    for platform in fleet.platforms:
        _run_plain_containers(fleet, platform)
    _capture_quotes(fleet, slots)
    return slots


def approvals(fleet: Fleet) -> list[tuple[Workload, Approval]]:
    """The manifest: builds approved long before, or a day before their roll-out."""
    always = fleet.start - timedelta(days=30)
    rows: list[tuple[Workload, Approval]] = []
    for workload in WORKLOADS:
        for position, build in enumerate(workload.builds):
            since, until = always, None
            if position > 0:
                since = fleet.moment(ROLLOUTS[workload.id]) - timedelta(days=1)
            elif workload.retires:
                until = fleet.moment(ROLLOUTS[workload.id]) + timedelta(hours=2)
            rows.append((workload, Approval(build, since, until)))
    return rows


def _places(fleet: Fleet) -> Iterator[tuple[Workload, Platform]]:
    for platform in fleet.platforms:
        yield PAYMENTS, platform
        yield LEDGER, platform
        if platform.has_tdx:
            yield VAULT, platform
            yield ANALYTICS, platform


def _start(fleet: Fleet, number: int, workload: Workload, platform: Platform) -> Slot:
    label = f"slot {number}"
    slot = Slot(workload, fleet.name("enc", label, 4))
    _relaunch(fleet, slot, platform, fleet.start + timedelta(minutes=2 * number + 1), 0)
    return slot


def _relaunch(
    fleet: Fleet,
    slot: Slot,
    platform: Platform,
    at: datetime,
    build: int,
    *,
    pause: timedelta = timedelta(seconds=20),
) -> Attestation:
    """Stop what runs in the slot, start anew after `pause`, attest, get the secret."""
    if slot.lives:
        fleet.log_stop(slot.lives[-1][1], at - pause)
    instance = fleet.new_instance(
        slot.workload,
        platform,
        label=f"{slot.enclave_id}",
        build=slot.workload.builds[build],
        enclave_id=slot.enclave_id,
    )
    slot.lives.append((at, instance))
    fleet.log_launch(instance, at)
    return fleet.attest(
        instance, at + fleet.delay(instance.container_id, 2_000, 12_000), release=True
    )


def _roll_out(fleet: Fleet, slots: list[Slot], at: datetime) -> None:
    """One canary first; meanwhile the others go on with the old build; all done in 40 minutes."""
    step = ROLLOUT / max(len(slots), 1)
    for position, slot in enumerate(slots):
        if position > 0:
            instance = slot.instance_at(at)
            fleet.attest(instance, at + step * position - timedelta(minutes=2))
        _relaunch(fleet, slot, slot.instance_at(at).platform, at + step * position, -1)


def _reprovision(fleet: Fleet, slots: list[Slot]) -> None:
    """The TCB recovery's microcode: each host restarts what it runs."""
    for slot in slots:
        platform = slot.lives[-1][1].platform
        assert platform.recovered_at is not None
        at = platform.recovered_at + timedelta(minutes=1)
        _relaunch(fleet, slot, platform, at.replace(microsecond=0), -1)


def _migrate(fleet: Fleet, slots: list[Slot]) -> None:
    """One vault moves to another host, five minutes after it stopped on the first."""
    hosts = [platform for platform in fleet.platforms if platform.has_tdx]
    slot = next((slot for slot in slots if slot.workload is VAULT), None)
    if slot is None or len(hosts) < 2:
        return
    at = fleet.moment(MIGRATION)
    target = next(host for host in hosts if host is not slot.lives[-1][1].platform)
    _relaunch(fleet, slot, target, at, -1, pause=timedelta(minutes=5))


def _attest_periodically(fleet: Fleet, slot: Slot) -> None:
    due = slot.lives[0][0] + ATTEST_EVERY
    number = 0
    while due < fleet.end - timedelta(minutes=30):
        at = due + fleet.delay(f"{slot.enclave_id} {number}", 0, 600_000)
        if not _is_busy(slot, at):
            _reattest(fleet, slot.instance_at(at), at, f"{slot.enclave_id} {number}")
        due += ATTEST_EVERY
        number += 1


def _is_busy(slot: Slot, at: datetime) -> bool:
    """Around a restart nobody asks for evidence."""
    margin = timedelta(minutes=8)
    return any(abs(since - at) < margin for since, _ in slot.lives)


def _reattest(fleet: Fleet, instance: Instance, at: datetime, label: str) -> None:
    """One periodic attestation, with one of the harmless oddities of real logs now and then."""
    verifier = "verifier-b" if fleet.draw(f"verifier {label}", 4) == 0 else "verifier-a"
    session = fleet.open_session(instance, at, verifier=verifier)
    quote = fleet.make_quote(instance, session)
    oddity = fleet.draw(f"oddity {label}", 24)
    if quote.tee == "tdx" and oddity % 2:
        quote = append_trailing(quote, bytes(MAX_PADDING))
    attestation = fleet.log_attestation(instance, session, quote, verifier=verifier)
    if oddity == 2:  # the client saw no answer and sent the same quote again
        again = attestation.at + fleet.delay(f"retry {label}", 2_000, 8_000)
        fleet.log_attestation(instance, session, quote, at=again, verifier=verifier)
    elif oddity == 4:  # both verifiers see one session
        other = "verifier-a" if verifier == "verifier-b" else "verifier-b"
        again = attestation.at + timedelta(milliseconds=40)
        fleet.log_attestation(instance, session, quote, at=again, verifier=other)
    elif oddity in (6, 8):  # a second collector ships the same line
        fleet.recorder.add_copy(attestation.entry)
    if oddity % 3 == 0:
        fleet.release_secret(attestation)


def _run_plain_containers(fleet: Fleet, platform: Platform) -> None:
    at = fleet.start + fleet.delay(f"plain {platform.label}", 0, 3_600_000)
    while at < fleet.end:
        fleet.log_plain_launch(platform, at, f"plain {platform.label}")
        at += timedelta(hours=11)


def _capture_quotes(fleet: Fleet, slots: list[Slot]) -> None:
    """Quotes kept as files: three with what the collector knew beside them, one bare."""
    at = fleet.moment(0.2)
    for number, (slot, suffix) in enumerate(zip(slots, ("bin", "hex", "b64", "bin"), strict=False)):
        instance = slot.instance_at(at)
        session = fleet.open_session(instance, at + timedelta(minutes=3 * number))
        quote = fleet.make_quote(instance, session)
        received = fleet.clock("verifier-a", session.issued_at + timedelta(milliseconds=400))
        fields = {
            "timestamp": format_clock(received),
            "received_at": format_clock(received),
            "session_id": session.session_id,
            "enclave_id": instance.enclave_id,
            "workload_id": instance.workload.id,
            "node_id": instance.platform.node_id,
            "nonce": session.nonce.hex(),
            "initial_state": instance.initial_state.hex(),
        }
        name = f"{instance.workload.id}-{number}.{suffix}"
        fleet.recorder.add_quote(name, quote.to_bytes(), fields if number < 3 else None)
