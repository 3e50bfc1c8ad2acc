"""The simulated world: parties with their clocks, instances on hosts, and what they log.

`Fleet` has the verbs that both the routine life and the incidents are made of: launch, open a
session, make a quote, log an attestation, release a secret, stop. All moments are true time; each
party stamps them with its own clock.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any

from forensics.formats.evidence import Evidence
from forensics.formats.layout import Value
from forensics.formats.quote import Quote
from forensics.formats.structures import SGX_REPORT
from forensics.simulate import events
from forensics.simulate.archive import Archive
from forensics.simulate.instances import Attestation, Instance, Session
from forensics.simulate.keys import derive_bytes, derive_integer
from forensics.simulate.pki import Pki, make_pki
from forensics.simulate.platforms import Generation, Platform, make_platform
from forensics.simulate.quotes import Certification, build_quote, sgx_body, td_body
from forensics.simulate.recorder import Event, Recorder, format_clock
from forensics.simulate.workloads import Build, Workload

MAX_SKEW_MS = 400
CACHE_LIFETIME = timedelta(hours=6)

VERIFIERS = {"verifier-a": "qvs-dcap/1.23.1", "verifier-b": "fleet-attestd/2.4.0"}


@dataclass
class Fleet:
    """Everything that exists, and the log of what happened.

    `extra_files` are evidence files that no log or daily job wrote: path -> content. `attested`
    are the PPIDs of the platforms that have made quotes. `more_roots` are trust anchors beside the
    root of `pki`, PEM.
    """

    seed: int
    start: datetime
    end: datetime
    pki: Pki
    archive: Archive
    platforms: list[Platform]
    recorder: Recorder
    counters: dict[str, int] = field(default_factory=dict)
    extra_files: dict[str, bytes] = field(default_factory=dict)
    attested: set[bytes] = field(default_factory=set)
    more_roots: list[bytes] = field(default_factory=list)

    # -- chance -------------------------------------------------------------------------------

    def draw(self, label: str, bound: int) -> int:
        """An integer in `[0, bound)` that depends on seed and label alone."""
        return derive_integer(self.seed, f"draw {label}", bound)

    def name(self, prefix: str, label: str, size: int) -> str:
        """An identifier such as `enc-7a83dfe1`; every call for one label gives a new one."""
        number = self.counters[label] = self.counters.get(label, 0) + 1
        return f"{prefix}-{derive_bytes(self.seed, f'id {label} {number}', size).hex()}"

    def moment(self, fraction: float) -> datetime:
        """The instant after that fraction of the simulated span, on a whole second."""
        seconds = int((self.end - self.start).total_seconds() * fraction)
        return self.start + timedelta(seconds=seconds)

    def clock(self, party: str, at: datetime) -> datetime:
        """What that party's clock shows: constantly up to 0.4 s off."""
        skew = self.draw(f"skew {party}", 2 * MAX_SKEW_MS + 1) - MAX_SKEW_MS
        return at + timedelta(milliseconds=skew)

    def delay(self, label: str, low: int, high: int) -> timedelta:
        """Between `low` and `high` milliseconds."""
        return timedelta(milliseconds=low + self.draw(f"delay {label}", high - low + 1))

    # -- things -------------------------------------------------------------------------------

    def spare_platform(
        self, label: str, *, server: bool = False, recovered_at: datetime | None = None
    ) -> Platform:
        """A host that only an incident uses."""
        return make_platform(self.pki, label, server=server, recovered_at=recovered_at)

    def new_instance(
        self,
        workload: Workload,
        platform: Platform,
        *,
        label: str,
        build: Build | None = None,
        enclave_id: str | None = None,
    ) -> Instance:
        """A fresh instance, or a restart of `enclave_id`. The newest build unless given."""
        container_id = self.name("ctr", f"{label} container", 6)
        return Instance(
            enclave_id=enclave_id or self.name("enc", label, 4),
            container_id=container_id,
            workload=workload,
            build=build or workload.builds[-1],
            platform=platform,
            initial_state=sha256(f"initial state {container_id}".encode()).digest(),
        )

    # -- what happens -------------------------------------------------------------------------

    def log_launch(self, instance: Instance, at: datetime) -> None:
        """The runtime starts the instance."""
        self._add_runtime(instance.platform, at, partial(events.make_launch, instance))

    def log_plain_launch(self, platform: Platform, at: datetime, label: str) -> None:
        """A container of a runtime that does not attest starts."""
        container_id = self.name("ctr", label, 6)
        self._add_runtime(platform, at, partial(events.make_plain_launch, platform, container_id))

    def log_stop(self, instance: Instance, at: datetime) -> None:
        """The runtime stops the instance."""
        self._add_runtime(instance.platform, at, partial(events.make_stop, instance))

    def open_session(
        self,
        instance: Instance,
        at: datetime,
        *,
        nonce: bytes | None = None,
        announced: bool = True,
        verifier: str = "verifier-a",
    ) -> Session:
        """A verifier challenges the instance; `announced=False` leaves no nonce event."""
        session_id = self.name("ses", f"session {instance.container_id}", 8)
        nonce = nonce or derive_bytes(self.seed, f"nonce {session_id}", 32)
        session = Session(session_id, nonce, at)
        if announced:
            issued = self.clock(verifier, at)
            event = events.make_nonce(instance, session, verifier, issued)
            self.recorder.add(verifier, issued, event)
        return session

    def make_quote(
        self,
        instance: Instance,
        session: Session,
        *,
        generation: Generation | None = None,
        certification: Certification | None = None,
        bound_state: bytes | None = None,
        body: Mapping[str, Value] | None = None,
        signature_nonce: int | None = None,
    ) -> Quote:
        """The quote that the instance gives in this session, REPORT_DATA bound by the rule.

        `bound_state` binds another initial state; `body` overrides fields of the report.
        """
        platform, workload = instance.platform, instance.workload
        self.attested.add(platform.ppid)
        generation = generation or platform.generation_at(session.issued_at)
        certification = certification or platform.certification(workload.tee, generation)
        digest = sha256((bound_state or instance.initial_state) + session.nonce).digest()
        fields = workload.fields(instance.build) | {"report_data": digest + bytes(32)}
        if workload.body is SGX_REPORT:
            fields["cpu_svn"] = generation.cpu_svn
            report = sgx_body(**(fields | dict(body or {})))
        else:
            fields["tee_tcb_svn"] = generation.tee_tcb_svn
            report = td_body(workload.body, **(fields | dict(body or {})))
        header: dict[str, Value] = {"user_data": platform.qe_id.ljust(20, b"\0")}
        if workload.version == 3:
            header |= {"header_qe_svn": generation.qe_svn, "header_pce_svn": generation.pce_svn}
        return build_quote(
            certification,
            report,
            version=workload.version,
            header=header,
            nonce=signature_nonce,
        )

    def log_attestation(
        self,
        instance: Instance,
        session: Session,
        quote: Evidence,
        *,
        at: datetime | None = None,
        verifier: str = "verifier-a",
        changes: Mapping[str, Any] | None = None,
    ) -> Attestation:
        """The verifier receives the quote at `at` and logs it; `changes` override event members.

        A member changed to None is left out.
        """
        received = at or session.issued_at + self.delay(session.session_id, 250, 600)
        verified = received + timedelta(milliseconds=18)
        event = events.describe_instance(instance) | {
            "session_id": session.session_id,
            "quote": b64encode(data := quote.to_bytes()).decode(),
            "nonce": session.nonce.hex(),
            "nonce_issued_at": format_clock(self.clock(verifier, session.issued_at)),
            "quote_generated_at": format_clock(
                self.clock(instance.platform.node_id, received - timedelta(milliseconds=130))
            ),
            "received_at": format_clock(self.clock(verifier, received)),
            "verified_at": format_clock(self.clock(verifier, verified)),
            "collateral_fetched_at": format_clock(self.fetched_at(verifier, received)),
            "initial_state": instance.initial_state.hex(),
        }
        status = self.archive.status_of(
            instance.platform.generation_at(received), self.fetched_at(verifier, received)
        )
        event |= events.make_claims(quote, status, VERIFIERS[verifier]) | dict(changes or {})
        logged = self.clock(verifier, verified + timedelta(milliseconds=4))
        event = {
            "timestamp": format_clock(logged),
            "event_type": "enclave_attestation",
            "event_id": self.name("evt", f"event {session.session_id}", 8),
        } | {key: value for key, value in event.items() if value is not None}
        entry = self.recorder.add(verifier, logged, event)
        return Attestation(instance, session, quote, data, received, entry)

    def attest(
        self,
        instance: Instance,
        at: datetime,
        *,
        verifier: str = "verifier-a",
        release: bool = False,
    ) -> Attestation:
        """A healthy attestation in a session of its own, with a secret released when asked."""
        session = self.open_session(instance, at, verifier=verifier)
        quote = self.make_quote(instance, session)
        attestation = self.log_attestation(instance, session, quote, verifier=verifier)
        if release:
            self.release_secret(attestation)
        return attestation

    def release_secret(self, attestation: Attestation) -> None:
        """The key broker hands out the workload's secret, just after the verdict."""
        self.log_release(
            attestation.instance,
            attestation.session.session_id,
            attestation.at + timedelta(milliseconds=900),
        )

    def log_release(self, instance: Instance, session_id: str, at: datetime) -> None:
        """The key broker hands out the workload's secret in that session."""
        at = self.clock("key-broker", at)
        self.recorder.add("key-broker", at, events.make_release(session_id, instance, at))

    def fetched_at(self, verifier: str, at: datetime) -> datetime:
        """When that verifier last renewed its collateral; verifier-b's cache lags for a day."""
        lifetime = CACHE_LIFETIME * 4 if verifier == "verifier-b" else CACHE_LIFETIME
        since = self.start - CACHE_LIFETIME * 4
        return since + (at - since) // lifetime * lifetime

    # -- details ------------------------------------------------------------------------------

    def _add_runtime(
        self, platform: Platform, at: datetime, make: Callable[[datetime], Event]
    ) -> None:
        at = self.clock(platform.node_id, at)
        self.recorder.add(f"runtime-{platform.node_id}", at, make(at))


def make_fleet(seed: int, start: datetime, days: int, platforms: int) -> Fleet:
    """Hosts and collateral, before anything happens."""
    pki = make_pki(seed)
    end = start + timedelta(days=days)
    span = end - start
    recovered = start + span * 0.7
    outage = start + span * 0.25
    return Fleet(
        seed=seed,
        start=start,
        end=end,
        pki=pki,
        archive=Archive(pki, start, end, (start + span * 0.5).replace(microsecond=0)),
        platforms=[
            make_platform(
                pki,
                f"{number:02}",
                server=number % 2 == 0,
                hides_qe_id=number % 4 == 2,
                # Reprovisioned one after the other, five minutes apart.
                recovered_at=recovered + timedelta(minutes=5 * number),
            )
            for number in range(platforms)
        ],
        recorder=Recorder(held_back=("verifier-a", outage, outage + timedelta(hours=2))),
    )
