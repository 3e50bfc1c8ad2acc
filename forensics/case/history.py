"""The ledger as a record of custody: who did what to the case, when, and with what."""

from __future__ import annotations

from typing import Any

from forensics.case.case import Case
from forensics.case.ledger import SEAL_NOTE, Entry

COLUMNS = (
    "entry",
    "time",
    "who",
    "tool",
    "action",
    "what",
    "sources",
    "files",
    "rows",
    "removed",
    "notes",
    "signed",
    "previous",
    "sha256",
)


def describe_history(case: Case) -> list[dict[str, Any]]:
    """One record per entry, oldest first. Raises `CustodyError` where the chain is broken.

    `signed` says that a signature lies beside the entry; `custody verify` says whether it holds.
    """
    ledger = case.ledger
    return [
        {
            "entry": entry.entry,
            "time": entry.time,
            "who": entry.who,
            "tool": f"{entry.tool.name} {entry.tool.version}",
            "action": entry.action,
            "what": summarise(entry),
            "sources": [
                {"source_id": source.source_id, "path": source.path, "size": source.size}
                for source in entry.sources
            ],
            "files": [
                {"table": f.table, "path": f.path, "sha256": f.sha256, "rows": f.rows}
                for f in entry.files
            ],
            "rows": count_rows(entry),
            "removed": entry.removed,
            "notes": entry.notes,
            "signed": ledger.has_note(entry.entry),
            "previous": entry.previous,
            "sha256": digest,
        }
        for entry, digest in zip(ledger.entries, ledger.digests, strict=True)
    ]


def count_rows(entry: Entry) -> dict[str, int]:
    """Rows that came with the entry, by table."""
    rows: dict[str, int] = {}
    for file in entry.files:
        rows[file.table] = rows.get(file.table, 0) + file.rows
    return rows


def summarise(entry: Entry) -> str:
    """One line for a person: the inputs by name, the rows by table, and the notes."""
    parts = []
    if entry.sources:
        names = ", ".join(source.path for source in entry.sources[:_SHOWN])
        more = len(entry.sources) - _SHOWN
        parts.append(f"sources: {names}" + (f" and {more} more" if more > 0 else ""))
    if entry.files:
        counted = (f"{rows} {table}" for table, rows in count_rows(entry).items() if rows)
        parts.append("rows: " + (", ".join(counted) or "none"))
    if entry.removed:
        parts.append(f"{len(entry.removed)} files superseded")
    parts += [f"{n}: {value:.80}" for n, value in entry.notes.items() if n != SEAL_NOTE]
    return "; ".join(parts)


_SHOWN = 3
