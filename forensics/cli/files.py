"""Files that a command line names, read whole and never cut: half a key is another key."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from forensics.errors import UsageError

SMALL: Final = 1 << 20
"""Bytes that certificates and the head of a ledger stay far below."""


def read_file(path: Path, limit: int) -> bytes:
    """All of a file of at most `limit` bytes. Raises `UsageError` (`unreadable-path`)."""
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise UsageError("unreadable-path", f"cannot read {path}: {error.strerror}") from None
    if len(data) > limit:
        raise UsageError("unreadable-path", f"{path} is larger than {limit} bytes")
    return data
