"""Hosts of the fleet: identities, PCK certificates by generation, and attestation keys.

A platform has one attestation key per TEE and generation: a microcode update reprovisions the
PCK, and the updated quoting enclave makes a new key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from forensics.simulate.certificates import Identity
from forensics.simulate.collateral import Tee
from forensics.simulate.keys import derive_bytes, derive_key
from forensics.simulate.pki import CaKind, Pki
from forensics.simulate.quotes import Certification, certify
from forensics.simulate.sgx_extension import SCALABLE, STANDARD, SgxExtension

SERVER_FMSPC = bytes.fromhex("b0c06f000000")  # Platform CA, SGX and TDX
CLIENT_FMSPC = bytes.fromhex("00906ed50000")  # Processor CA, SGX only


@dataclass(frozen=True)
class Generation:
    """A state of the platform's firmware. `cpu_svn` is the raw form that reports carry."""

    rank: int
    components: bytes
    pce_svn: int
    cpu_svn: bytes
    tee_tcb_svn: bytes
    qe_svn: int


def _generation(rank: int, components: str, cpu_svn: str, tdx: str, qe_svn: int) -> Generation:
    def fill(text: str) -> bytes:
        return bytes.fromhex(text).ljust(16, b"\0")

    return Generation(rank, fill(components), 12 + rank, fill(cpu_svn), fill(tdx), qe_svn)


# Neglected firmware; what the fleet starts with; what the TCB recovery asks for. As on real hosts,
# the raw CPUSVN is nowhere below the components, and its first byte is TEE_TCB_SVN's third.
NEGLECTED = _generation(0, "0202020204800004", "0202191b04ff0005", "050102", 8)
CURRENT = _generation(1, "0303020204800005", "0303191b04ff0006", "060103", 8)
RECOVERED = _generation(2, "0404020204800005", "0404191b04ff0007", "070104", 9)


@dataclass(frozen=True)
class Platform:
    """One host. `qe_id` is all zero on clouds that hide it."""

    pki: Pki
    label: str
    node_id: str
    ca: CaKind
    ppid: bytes
    fmspc: bytes
    qe_id: bytes
    recovered_at: datetime | None = None
    start: Generation = CURRENT
    _made: dict[tuple[str, int], Certification] = field(default_factory=dict, repr=False)

    @property
    def has_tdx(self) -> bool:
        return self.fmspc == SERVER_FMSPC

    def generation_at(self, at: datetime) -> Generation:
        if self.recovered_at is not None and at >= self.recovered_at:
            return RECOVERED
        return self.start

    def pck(self, generation: Generation) -> Identity:
        """The PCK certificate of that generation; every TCB has a key of its own."""
        server = self.ca == "platform"
        extension = SgxExtension(
            ppid=self.ppid,
            fmspc=self.fmspc,
            components=generation.components,
            pce_svn=generation.pce_svn,
            sgx_type=SCALABLE if server else STANDARD,
            platform_instance_id=(
                derive_bytes(self.pki.seed, f"instance {self.label}", 16) if server else None
            ),
        )
        label = f"{self.label} {generation.rank}"
        return self.pki.issue_pck(extension, label=label, ca=self.ca)

    def certification(self, tee: Tee, generation: Generation) -> Certification:
        """The attestation key of that TEE and generation, with its QE report."""
        key = (tee, generation.rank)
        if key not in self._made:
            self._made[key] = self.certify_key(tee, generation)
        return self._made[key]

    def certify_key(self, tee: Tee, generation: Generation, label: str = "") -> Certification:
        """Certify the attestation key called `label`, by default the platform's own."""
        name = label or f"{self.label} {tee} {generation.rank}"
        pck = self.pck(generation)
        return certify(
            derive_key(self.pki.seed, f"attestation key {name}"),
            pck.key,
            self.pki.pck_chain(pck, self.ca),
            tee=tee,
            qe={"cpu_svn": generation.cpu_svn, "isv_svn": generation.qe_svn},
        )


def make_platform(
    pki: Pki,
    label: str,
    *,
    server: bool,
    hides_qe_id: bool = False,
    recovered_at: datetime | None = None,
    start: Generation = CURRENT,
) -> Platform:
    """A host whose identifiers follow from its label."""
    return Platform(
        pki=pki,
        label=label,
        node_id=f"node-{derive_bytes(pki.seed, f'node {label}', 3).hex()}",
        ca="platform" if server else "processor",
        ppid=derive_bytes(pki.seed, f"ppid {label}", 16),
        fmspc=SERVER_FMSPC if server else CLIENT_FMSPC,
        qe_id=bytes(16) if hides_qe_id else derive_bytes(pki.seed, f"qe id {label}", 16),
        recovered_at=recovered_at,
        start=start,
    )
