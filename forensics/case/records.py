"""The interface between `sources` and the case: records in normal form, and what came of them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Problem:
    """Why (part of) a record could not be read: becomes one quarantine row."""

    reason: str
    """Stable kebab-case code."""
    message: str
    offset: int | None = None
    """Byte offset in the record, not counting a byte order mark, or in the quote that it encodes;
    where one is known."""
    digest: bytes | None = None
    """SHA-256 of the whole record, where its data is only the beginning."""


@dataclass(slots=True)
class Record:
    """One input record (a line, an array member, a whole file) in the normal form.

    Column values are Python natives: bytes for `id`/`bytes` columns, int microseconds since the
    epoch (UTC) for `time` columns, str, bool, int, list[str].
    """

    line: int | None
    """1-based; None for a whole file."""
    data: bytes
    """Its raw bytes, for quarantine; of a very large one the beginning (see `Problem.digest`)."""
    rows: list[tuple[str, dict[str, object]]]
    """(table name, column values); source_id, source_line, observation_no and quote_no are filled
    in by the writer."""
    quote: bytes | None = None
    """Raw quote bytes seen by this record's observation row (`rows` then has exactly one)."""
    problem: Problem | None = None
    """At most one per record; a record with neither rows nor problem is a bug."""


@dataclass(frozen=True, slots=True)
class SourceHeader:
    """What is known of a source before its records are read."""

    source_id: bytes
    """SHA-256 (32 bytes) of the source's bytes."""
    path: str
    """As given by the user plus the relative path; `archive!member` for members."""
    kind: str
    """quote, events, tcb_info, qe_identity, collateral, crl, certificates, manifest, sidecar,
    archive, unrecognised, ..."""
    size: int
    """Bytes."""


@dataclass(slots=True)
class Summary:
    """What a commit did. `entry` is null when there was nothing to commit."""

    rows: dict[str, int] = field(default_factory=dict)
    """New rows by table, those of derived tables too."""
    sources: int = 0
    duplicates: list[str] = field(default_factory=list)
    """Paths (hex ids where the path was not told) of sources that the case knew already."""
    quarantined: int = 0
    new_quotes: int = 0
    entry: int | None = None
