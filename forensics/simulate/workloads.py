"""What the fleet runs, and the reference values that its manifest approves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256, sha384

from forensics.formats.layout import Layout, Value
from forensics.formats.structures import (
    SGX_REPORT,
    SNP_REPORT_V3,
    TD_REPORT_10,
    TD_REPORT_15,
)
from forensics.simulate.collateral import Tee, format_time

RUNTIME = "ironclaw"
SGX_SIGNER = sha256(b"quote-forensics simulate signer").digest()


@dataclass(frozen=True)
class Build:
    """One release of a workload."""

    workload: str
    svn: int

    @property
    def image_digest(self) -> str:
        return "sha256:" + sha256(f"image {self.workload} {self.svn}".encode()).hexdigest()

    def sgx_fields(self, product: int) -> dict[str, Value]:
        return {
            "mrenclave": sha256(f"mrenclave {self.workload} {self.svn}".encode()).digest(),
            "mrsigner": SGX_SIGNER,
            "isv_prodid": product,
            "isv_svn": self.svn,
        }

    def td_fields(self) -> dict[str, Value]:
        names = ("mrtd", "rtmr0", "rtmr1", "rtmr2")
        registers: dict[str, Value] = {
            name: sha384(f"{name} {self.workload} {self.svn}".encode()).digest() for name in names
        }
        return registers | {"rtmr3": bytes(48)}

    def snp_fields(self) -> dict[str, Value]:
        name = f"{self.workload} {self.svn}".encode()
        return {
            "measurement": sha384(b"measurement " + name).digest(),
            "host_data": sha256(b"host data " + name).digest(),
        }


@dataclass(frozen=True)
class Workload:
    """A service of the fleet. `retires` says whether a roll-out ends the old build's approval."""

    id: str
    body: Layout
    version: int
    builds: tuple[Build, ...]
    product: int = 0
    retires: bool = True

    @property
    def is_guest(self) -> bool:
        """An SEV-SNP guest: no enclave and no TD, and its evidence is no quote."""
        return self.body is SNP_REPORT_V3

    @property
    def tee(self) -> Tee:
        return "sgx" if self.body is SGX_REPORT else "tdx"

    def fields(self, build: Build) -> dict[str, Value]:
        """The body fields that the build decides."""
        if self.is_guest:
            return build.snp_fields()
        return build.sgx_fields(self.product) if self.tee == "sgx" else build.td_fields()


def _workload(
    name: str, body: Layout, version: int, svns: tuple[int, ...], product: int, retires: bool
) -> Workload:
    builds = tuple(Build(name, svn) for svn in svns)
    return Workload(name, body, version, builds, product, retires)


PAYMENTS = _workload("payments", SGX_REPORT, 3, (4, 5), 1, retires=True)
LEDGER = _workload("ledger", SGX_REPORT, 3, (7, 8), 2, retires=False)
VAULT = _workload("vault", TD_REPORT_10, 4, (1, 2), 0, retires=False)
ANALYTICS = _workload("analytics", TD_REPORT_15, 5, (1,), 0, retires=False)

GATEWAY = _workload("gateway", SNP_REPORT_V3, 3, (1,), 0, retires=False)  # of an incident alone

WORKLOADS = (PAYMENTS, LEDGER, VAULT, ANALYTICS)


@dataclass(frozen=True)
class Approval:
    """When a build is approved: half-open."""

    build: Build
    valid_from: datetime
    valid_to: datetime | None = None


def emit_manifest(approvals: Iterable[tuple[Workload, Approval]]) -> str:
    """`manifest.toml`: the fleet's reference values and policy."""
    entries: dict[str, tuple[Workload, list[Approval]]] = {}
    for workload, approval in approvals:
        entries.setdefault(workload.id, (workload, []))[1].append(approval)
    lines = ["# Reference values of the simulated fleet.", ""]
    lines += [emit_workload(workload, found) for workload, found in entries.values()]
    lines += [
        "[policy]",
        'mode = "STRICT"',
        'max_quote_age = "5m"',
        'max_collateral_age = "30d"',
        'accept = ["UpToDate", "SWHardeningNeeded"]',
        "",
    ]
    return "\n".join(lines)


def emit_workload(workload: Workload, approvals: Iterable[Approval]) -> str:
    """The manifest's entry for one workload."""
    lines = ["[[workload]]", f'id = "{workload.id}"', "allow = ["]
    lines += [f"  {{ {_allow_entry(workload, approval)} }}," for approval in approvals]
    return "\n".join([*lines, *_end_workload(), ""])


def _end_workload() -> list[str]:
    return [
        "]",
        'report_data = { digest = "sha256", parts = ["initial_state", "nonce"], pad = "right" }',
        f'expected = {{ runtime = "{RUNTIME}", attest_within = "30s" }}',
    ]


def _allow_entry(workload: Workload, approval: Approval) -> str:
    fields = workload.fields(approval.build)
    if workload.is_guest:
        names = ["measurement", "host_data"]
    elif workload.tee == "sgx":
        names = ["mrenclave", "mrsigner", "isv_prodid"]
    else:
        names = ["mrtd", "rtmr0", "rtmr1", "rtmr2"]
    parts = [f"{name} = {_toml(fields[name])}" for name in names]
    if workload.tee == "sgx":
        parts.append(f"min_isv_svn = {approval.build.svn}")
    parts.append(f'valid_from = "{format_time(approval.valid_from)}"')
    if approval.valid_to is not None:
        parts.append(f'valid_to = "{format_time(approval.valid_to)}"')
    return ", ".join(parts)


def _toml(value: Value) -> str:
    return str(value) if isinstance(value, int) else f'"{value.hex()}"'
