"""Labelled incidents: each its own function, each with the findings that it should cause.

They all happen after the fleet's roll-outs unless they need to straddle one, on victims of their
own, so that any selection of them can be injected together.
"""

from __future__ import annotations

from forensics.simulate.incidents import (
    demands,
    endorsements,
    guests,
    hosts,
    identity,
    platform,
    replay,
    rollback,
    verifier,
)
from forensics.simulate.incidents.scene import Incident, Truth

_MODULES = (
    *(replay, rollback, identity, platform, verifier, endorsements, demands),
    *(guests, hosts),
)
INCIDENTS: dict[str, Incident] = {
    incident.id: incident for module in _MODULES for incident in module.INCIDENTS
}

__all__ = ["INCIDENTS", "Incident", "Truth"]
