"""Quote Forensics: offline forensics and replay detection for TEE attestation evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forensics.errors import (
    CustodyError,
    DetectorError,
    EvidenceError,
    ForensicsError,
    UsageError,
)

if TYPE_CHECKING:
    from forensics.formats.evidence import parse_evidence as parse_quote
    from forensics.formats.quote import Quote
    from forensics.formats.snp import SnpReport
    from forensics.notebook.case import Case, create_case, open_case

__version__ = "0.1.0"

__all__ = [
    "Case",
    "CustodyError",
    "DetectorError",
    "EvidenceError",
    "ForensicsError",
    "Quote",
    "SnpReport",
    "UsageError",
    "create_case",
    "open_case",
    "parse_quote",
]

_HOMES = {
    "Case": "forensics.notebook.case",
    "create_case": "forensics.notebook.case",
    "open_case": "forensics.notebook.case",
    "Quote": "forensics.formats.quote",
    "SnpReport": "forensics.formats.snp",
    "parse_quote": "forensics.formats.evidence",
}
_NAMES = {"parse_quote": "parse_evidence"}


def __getattr__(name: str) -> object:
    """Load a public name when it is first used: commands must start fast."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'forensics' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), _NAMES.get(name, name))
