"""Endorsements that cannot all be Intel's word."""

from __future__ import annotations

import json

from forensics.simulate.collateral import sign_document
from forensics.simulate.incidents.scene import Incident, Scene
from forensics.simulate.platforms import CLIENT_FMSPC


def inject_equivocation(scene: Scene) -> None:
    """Two TCB infos of one number and one date: who asked got one or the other."""
    fleet = scene.fleet
    issued = fleet.archive.recovery
    served = fleet.archive.bundle("sgx", CLIENT_FMSPC, issued).tcb_info
    document = json.loads(served.body)
    document["tcbLevels"][0]["tcbDate"] = "2025-11-12T00:00:00Z"
    other = sign_document(document, fleet.pki.tcb_signing.key)
    path = f"collateral/mirror/tcb_info_sgx_{CLIENT_FMSPC.hex()}.json"
    fleet.extra_files[path] = other.envelope()
    subject = ("collateral", CLIENT_FMSPC.hex())
    scene.expect("collateral-equivocation", "critical", subject=subject, at=issued)


INCIDENTS = (
    Incident("collateral-equivocation", "two versions of one TCB info", inject_equivocation),
)
