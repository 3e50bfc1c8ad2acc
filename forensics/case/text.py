"""How times and foreign text are written into a case."""

from __future__ import annotations

from datetime import UTC, datetime

from forensics.errors import UsageError


def format_time(at: datetime) -> str:
    """RFC 3339 in UTC with microseconds. Raises `UsageError` (`naive-time`)."""
    if at.tzinfo is None:
        raise UsageError("naive-time", "a time without a time zone")
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def clean_text(text: str) -> str:
    """Text that UTF-8 can hold: undecodable bytes of a file name become visible escapes."""
    return text.encode("utf-8", "backslashreplace").decode()
