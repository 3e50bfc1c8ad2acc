"""What runs, what it is asked, and what it answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from forensics.formats.evidence import Evidence
from forensics.formats.quote import Quote
from forensics.simulate.platforms import Platform
from forensics.simulate.recorder import Entry
from forensics.simulate.workloads import Build, Workload


@dataclass(frozen=True)
class Instance:
    """One enclave, TD or guest as started: `enclave_id` outlives a restart, the rest does not."""

    enclave_id: str
    container_id: str
    workload: Workload
    build: Build
    platform: Platform
    initial_state: bytes


@dataclass(frozen=True)
class Session:
    """One challenge of a verifier."""

    session_id: str
    nonce: bytes
    issued_at: datetime


@dataclass(frozen=True)
class Attestation:
    """One logged attestation."""

    instance: Instance
    session: Session
    evidence: Evidence
    data: bytes
    at: datetime
    entry: Entry

    @property
    def quote(self) -> Quote:
        """The evidence of an enclave or TD."""
        assert isinstance(self.evidence, Quote)
        return self.evidence

    @property
    def event_id(self) -> str:
        return str(self.entry.event["event_id"])

    @property
    def quote_id(self) -> str:
        return sha256(self.data).hexdigest()
