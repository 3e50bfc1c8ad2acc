"""Services with a manifest of their own, which says what the fleet's manifest leaves out.

Late approvals, replicas that must be apart, evidence of devices, channel keys that REPORT_DATA
binds, and the tokens that a verifier hands on.
"""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from forensics.formats.structures import SGX_REPORT
from forensics.simulate.collateral import format_time
from forensics.simulate.events import bytes_of
from forensics.simulate.fleet import Fleet
from forensics.simulate.incidents.scene import Incident, Scene
from forensics.simulate.instances import Attestation, Instance
from forensics.simulate.workloads import RUNTIME, Build, Workload

_BOUND_STATE = ("initial_state", "nonce")
_BOUND_KEY = ("runtime_data", "nonce")


def _service(
    fleet: Fleet,
    name: str,
    product: int,
    *,
    parts: tuple[str, str] = _BOUND_STATE,
    approved_at: datetime | None = None,
    expected: str = "",
) -> Workload:
    """An SGX service, with its manifest beside the fleet's."""
    workload = Workload(name, SGX_REPORT, 3, (Build(name, 1),), product)
    mrenclave = bytes_of(workload.fields(workload.builds[0])["mrenclave"])
    approval = f'mrenclave = "{mrenclave.hex()}"'
    if approved_at is not None:
        since = format_time(fleet.start - timedelta(days=30))
        approval += f', valid_from = "{since}", approved_at = "{format_time(approved_at)}"'
    rule = ", ".join(f'"{part}"' for part in parts)
    fleet.extra_files[f"services/{name}.toml"] = (
        f'[[workload]]\nid = "{name}"\nallow = [{{ {approval} }}]\n'
        f'report_data = {{ digest = "sha256", parts = [{rule}], pad = "right" }}\n'
        f'expected = {{ runtime = "{RUNTIME}", attest_within = "30s"{expected} }}\n'
    ).encode()
    return workload


def _answer(
    scene: Scene, instance: Instance, at: datetime, changes: dict[str, Any] | None = None
) -> Attestation:
    fleet = scene.fleet
    session = fleet.open_session(instance, at)
    quote = fleet.make_quote(instance, session)
    return fleet.log_attestation(instance, session, quote, changes=changes)


def inject_backdated_approval(scene: Scene) -> None:
    """A service is let in that the manifest approves six hours later, as if since last month."""
    at = scene.at(0.68)
    workload = _service(scene.fleet, "batch", 11, approved_at=at + timedelta(hours=6))
    instance = scene.launch(at, workload=workload, attests=False)
    logged = _answer(scene, instance, at + timedelta(seconds=5))
    scene.expect("backdated-approval", "high", logged)


def inject_anti_affinity(scene: Scene) -> None:
    """Two replicas that must be apart live on one host for more than an hour."""
    fleet = scene.fleet
    at = scene.at(0.69)
    workload = _service(fleet, "quorum", 12, expected=", one_per_platform = true")
    platform = fleet.spare_platform("crowded")
    replicas = [
        scene.launch(at, workload=workload, platform=platform, attests=False) for _ in range(2)
    ]
    logged = [
        _answer(scene, replica, at + timedelta(minutes=minutes, seconds=5))
        for minutes in (0, 40, 80)
        for replica in replicas
    ]
    subject = ("platform", platform.ppid.hex())
    scene.expect("anti-affinity", "high", logged[0], logged[-1], subject=subject)


def inject_composite_evidence(scene: Scene) -> None:
    """A service that must attest its GPU does so once, and is accepted without it afterwards."""
    at = scene.at(0.7)
    workload = _service(scene.fleet, "inference", 13, expected=', evidence = ["gpu"]')
    instance = scene.launch(at, workload=workload, attests=False)
    whole = {"gpu_evidence": "c3ltdWxhdGVk"}
    _answer(scene, instance, at + timedelta(seconds=5), whole)
    logged = _answer(scene, instance, at + timedelta(minutes=10), {"gpu_status": "OK"})
    scene.expect("composite-evidence-missing", "high", logged)


def inject_token_mismatch(scene: Scene) -> None:
    """The verifier's token is about the quote before the one that it is logged with."""
    at = scene.at(0.71)
    instance = scene.launch(at, attests=False)
    before = _answer(scene, instance, at + timedelta(seconds=5))
    token = {
        "quotehash": before.quote_id,
        "sgx_mrenclave": bytes_of(before.quote.body["mrenclave"]).hex(),
        "sgx_report_data": before.quote.report_data.hex(),
    }
    logged = _answer(scene, instance, at + timedelta(minutes=9), {"token": token})
    scene.expect("token-evidence-mismatch", "high", logged)


def inject_clone_resume(scene: Scene) -> None:
    """A snapshot is resumed twice on one host: both copies answer with one channel key."""
    fleet = scene.fleet
    at = scene.at(0.72)
    workload = _service(fleet, "ingress", 14, parts=_BOUND_KEY)
    platform = fleet.spare_platform("cloned")
    key = sha256(b"channel key of the ingress").digest()
    copies = [
        scene.launch(at, workload=workload, platform=platform, attests=False) for _ in range(2)
    ]
    logged = []
    for number in range(4):
        instance = copies[number % 2]
        session = fleet.open_session(instance, at + timedelta(minutes=3 * (number // 2), seconds=5))
        bound = sha256(key + session.nonce).digest() + bytes(32)
        quote = fleet.make_quote(instance, session, body={"report_data": bound})
        held = {"runtime_data": b64encode(key).decode()}
        logged.append(fleet.log_attestation(instance, session, quote, changes=held))
    subject = ("channel_key", sha256(key).hexdigest())
    scene.expect("clone-resume", "high", *logged, subject=subject)


INCIDENTS = (
    Incident("backdated-approval", "approved after it was let in", inject_backdated_approval),
    Incident("anti-affinity", "two replicas on one host", inject_anti_affinity),
    Incident("composite-evidence-missing", "no evidence of the GPU", inject_composite_evidence),
    Incident("token-evidence-mismatch", "a token of another quote", inject_token_mismatch),
    Incident("clone-resume", "one snapshot, resumed twice", inject_clone_resume),
)
