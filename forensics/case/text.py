"""How times are read and written, and how foreign text is written into a case."""

from __future__ import annotations

from datetime import UTC, datetime

from forensics.errors import UsageError


def format_time(at: datetime) -> str:
    """RFC 3339 in UTC with microseconds. Raises `UsageError` (`naive-time`)."""
    if at.tzinfo is None:
        raise UsageError("naive-time", "a time without a time zone")
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def read_moment(value: datetime | str) -> datetime:
    """A time with its zone, as text RFC 3339, in UTC. Raises `UsageError` (`bad-time`)."""
    try:
        # The RFC's letters may be small.
        moment = datetime.fromisoformat(value.upper()) if isinstance(value, str) else value
        if moment.tzinfo is None:
            raise UsageError("bad-time", f"a time needs its zone, e.g. {moment.isoformat()}Z")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):  # OverflowError: a zone before the year 1
        raise UsageError("bad-time", f"not an RFC 3339 time: {value!r:.60}") from None


def clean_text(text: str) -> str:
    """Text that UTF-8 can hold: undecodable bytes of a file name become visible escapes."""
    return text.encode("utf-8", "backslashreplace").decode()
