"""What every incident is made with: a victim, a moment, and rows of ground truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from forensics.simulate.fleet import Fleet
from forensics.simulate.instances import Attestation, Instance
from forensics.simulate.platforms import Platform
from forensics.simulate.workloads import PAYMENTS, Build, Workload


@dataclass(frozen=True)
class Truth:
    """One finding that the toolkit should report, and what it should be about.

    `event_ids` and `quote_ids` (SHA-256 of the bytes as seen) name the evidence; `subject_type`
    and `subject_id` are a hint in the evidence's own terms.
    """

    incident: str
    detector: str
    severity: str
    subject_type: str
    subject_id: str
    at: datetime
    enclave_id: str | None = None
    event_ids: tuple[str, ...] = ()
    quote_ids: tuple[str, ...] = ()
    note: str = ""


@dataclass
class Scene:
    """An incident's stage in the fleet."""

    fleet: Fleet
    incident: str
    truths: list[Truth] = field(default_factory=list)

    def host(self, workload: Workload) -> Platform:
        """A host of the fleet that can run it; the first one runs SGX and TDX."""
        hosts = self.fleet.platforms if workload.tee == "sgx" else self.fleet.platforms[:1]
        return hosts[self.fleet.draw(f"host {self.incident}", len(hosts))]

    def at(self, fraction: float) -> datetime:
        """About that fraction of the span; every incident a little later than the one before."""
        offset = self.fleet.draw(f"scene {self.incident}", 600)
        return self.fleet.moment(fraction) + timedelta(seconds=offset)

    def launch(
        self,
        at: datetime,
        *,
        workload: Workload = PAYMENTS,
        platform: Platform | None = None,
        build: Build | None = None,
        enclave_id: str | None = None,
        attests: bool = True,
        logged: bool = True,
    ) -> Instance:
        """An instance that starts at `at` and, unless told otherwise, attests 5 s later."""
        instance = self.fleet.new_instance(
            workload,
            platform or self.host(workload),
            label=f"{self.incident} {workload.id}",
            build=build,
            enclave_id=enclave_id,
        )
        if logged:
            self.fleet.log_launch(instance, at)
        if attests:
            self.fleet.attest(instance, at + timedelta(seconds=5))
        return instance

    def expect(
        self,
        detector: str,
        severity: str,
        *attestations: Attestation,
        subject: tuple[str, str] | None = None,
        note: str = "",
        at: datetime | None = None,
    ) -> None:
        """Ground truth: `detector` should report these attestations, the last one as its moment."""
        last = attestations[-1] if attestations else None
        if subject is None:
            assert last is not None
            subject = ("event", last.event_id)
        moment = at or (last.at if last else None)
        assert moment is not None
        self.truths.append(
            Truth(
                incident=self.incident,
                detector=detector,
                severity=severity,
                subject_type=subject[0],
                subject_id=subject[1],
                at=moment,
                enclave_id=last.instance.enclave_id if last else None,
                event_ids=tuple(item.event_id for item in attestations),
                quote_ids=tuple(dict.fromkeys(item.quote_id for item in attestations)),
                note=note,
            )
        )


@dataclass(frozen=True)
class Incident:
    """One kind of incident that can be injected."""

    id: str
    title: str
    inject: Callable[[Scene], None]

    def run(self, fleet: Fleet) -> Iterator[Truth]:
        """Inject it and say what should be found."""
        scene = Scene(fleet, self.id)
        self.inject(scene)
        yield from scene.truths
