"""A seeded synthetic fleet under a root CA of its own, with labelled incidents injected."""

from __future__ import annotations

from forensics.simulate.incidents import INCIDENTS, Truth
from forensics.simulate.scenario import DEFAULT_START, Scenario, simulate

__all__ = ["DEFAULT_START", "INCIDENTS", "Scenario", "Truth", "simulate"]
