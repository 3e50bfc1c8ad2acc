"""Evidence made by hand, event by event: many small stories in one case, each under its own name.

A story has its own workloads (approved in the manifest), instances and event ids, so that what is
found can be told apart by who it is about.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from forensics.formats.quote import Quote
from forensics.simulate import events
from forensics.simulate.fleet import Fleet, make_fleet
from forensics.simulate.instances import Instance, Session
from forensics.simulate.recorder import format_clock
from forensics.simulate.workloads import PAYMENTS, Approval, Build, Workload, emit_manifest

DAY = datetime(2026, 1, 5, tzinfo=UTC)
CUT_OFF = DAY + timedelta(hours=20)
ISSUED_BEFORE = timedelta(milliseconds=400)

Event = dict[str, Any]
Tell = Callable[["Story"], None]


def at(hours: int, minutes: int = 0, seconds: float = 0) -> datetime:
    return DAY + timedelta(hours=hours, minutes=minutes, seconds=seconds)


@dataclass
class Evidence:
    """Files in the making: name -> events or bytes."""

    fleet: Fleet = field(default_factory=lambda: make_fleet(5, DAY, 2, 2))
    logs: dict[str, list[Event]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    approvals: list[tuple[Workload, Approval]] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        files = dict(self.files) | dict(self.fleet.archive.files())
        files["manifest.toml"] = emit_manifest(self.approvals).encode()
        for name, log in self.logs.items():
            files[name] = "".join(json.dumps(event) + "\n" for event in log).encode()
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)


@dataclass
class Story:
    """One story; `changes` given to its verbs override members of an event, None removes them."""

    name: str
    evidence: Evidence
    workloads: dict[str, Workload] = field(default_factory=dict)
    approved_from: datetime = DAY - timedelta(days=30)
    approved_to: datetime | None = None
    events: int = 0

    def workload(self, base: Workload) -> Workload:
        """The story's own copy, approved."""
        if base.id not in self.workloads:
            own = replace(base, id=f"{base.id}-{self.name}")
            self.workloads[base.id] = own
            window = (self.approved_from, self.approved_to)
            self.evidence.approvals += [(own, Approval(build, *window)) for build in own.builds]
        return self.workloads[base.id]

    def log(self, file: str, event: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
        whole = {k: v for k, v in (dict(event) | dict(changes)).items() if v is not None}
        self.evidence.logs.setdefault(file, []).append(whole)

    def instance(
        self,
        base: Workload = PAYMENTS,
        *,
        build: Build | None = None,
        enclave: str | None = None,
        host: int = 0,
    ) -> Instance:
        fleet = self.evidence.fleet
        return fleet.new_instance(
            self.workload(base), fleet.platforms[host], label=self.name, build=build,
            enclave_id=None if enclave is None else f"{self.name}-{enclave}",
        )  # fmt: skip

    def launch(self, instance: Instance, when: datetime, **changes: Any) -> None:
        self.log("runtime.jsonl", events.make_launch(instance, when), changes)

    def stop(self, instance: Instance, when: datetime) -> None:
        self.log("runtime.jsonl", events.make_stop(instance, when), {})

    def session(self, instance: Instance, when: datetime, like: Session | None = None) -> Session:
        """A challenge; `like` another one it takes its nonce from that, and is not announced."""
        nonce = None if like is None else like.nonce
        session = self.evidence.fleet.open_session(instance, when, nonce=nonce, announced=False)
        if like is None:
            self.log("nonces.jsonl", events.make_nonce(instance, session, "verifier", when), {})
        return session

    def quote(self, instance: Instance, session: Session, **how: Any) -> Quote:
        return self.evidence.fleet.make_quote(instance, session, **how)

    def receive(
        self,
        instance: Instance,
        session: Session,
        quote: Quote,
        when: datetime,
        file: str = "verifier.jsonl",
        /,
        **changes: Any,
    ) -> None:
        """A verifier logs the quote, and says OK."""
        self.events += 1
        event = events.describe_instance(instance) | {
            "timestamp": format_clock(when),
            "event_type": "enclave_attestation",
            "event_id": f"{self.name}/{self.events}",
            "session_id": session.session_id,
            "quote": b64encode(quote.to_bytes()).decode(),
            "nonce": session.nonce.hex(),
            "received_at": format_clock(when),
            "initial_state": instance.initial_state.hex(),
        }
        self.log(file, event | events.make_claims(quote, "UpToDate", "verifier"), changes)

    def attest(
        self,
        instance: Instance,
        when: datetime,
        *,
        body: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> tuple[Session, Quote]:
        """A healthy attestation in a session of its own, but for `body` and `changes`."""
        session = self.session(instance, when - ISSUED_BEFORE)
        quote = self.quote(instance, session, body=body)
        self.receive(instance, session, quote, when, **changes)
        return session, quote

    def begin(self, **changes: Any) -> tuple[Instance, Session, Quote]:
        """Launched at ten, attested five seconds later."""
        instance = self.instance()
        self.launch(instance, at(10))
        return instance, *self.attest(instance, at(10, 0, 5), **changes)

    def release(self, instance: Instance, session: Session, when: datetime) -> None:
        self.log("broker.jsonl", events.make_release(session.session_id, instance, when), {})
