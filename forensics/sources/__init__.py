"""Evidence files -> records of the normal form, or quarantine rows. Nothing is dropped."""

from __future__ import annotations

from forensics.sources.ingest import ingest_paths
from forensics.sources.limits import DEFAULT_LIMITS, Limits

__all__ = ["DEFAULT_LIMITS", "Limits", "ingest_paths"]
