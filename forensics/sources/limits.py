"""How much of anything is read before it counts as hostile."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one ingest. Sizes are bytes."""

    whole_file: int = 64 * MIB
    """Largest file that is held in memory whole; longer ones must be streams of records."""
    record: int = 4 * MIB
    """Largest line or array member that is decoded."""
    block: int = 16 * MIB
    """Lines of a large log that are read at a time."""
    kept: int = MIB
    """How much of an oversized record is kept in quarantine."""
    depth: int = 64
    """Deepest nesting of JSON values."""
    nesting: int = 4
    """Archives inside archives; a `.tar.gz` counts as two."""
    members: int = 100_000
    """Archive members below one top-level file."""
    free_expansion: int = 64 * MIB
    """Decompressed bytes that are granted to any archive, however small."""
    expansion_ratio: int = 200
    """Decompressed bytes per byte of archive beyond that. A large member is decompressed twice
    (to name it by its SHA-256, then to read it), and both passes count."""
    held_for_pairing: int = 64 * MIB
    """Quotes and possible sidecars of one folder that wait for each other."""


DEFAULT_LIMITS = Limits()
