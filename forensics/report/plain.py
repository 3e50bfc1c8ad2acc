"""Values as other programs take them: JSON, and cells that no spreadsheet runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

# What makes a spreadsheet take a text for a formula, its own spellings of the signs included.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def to_plain(value: object) -> Any:
    """A value as JSON has it: bytes as hex, times as RFC 3339 in UTC."""
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): to_plain(item) for key, item in value.items()}
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)


def to_cell(value: object) -> object:
    """A plain value as a cell of CSV: lists and objects as JSON, formulas quoted by `'`."""
    if isinstance(value, list | dict):
        value = json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.startswith(_FORMULA):
        return "'" + value
    return value


def to_line(value: object) -> str:
    """One line of JSON; text that UTF-8 cannot hold becomes visible escapes."""
    text = json.dumps(to_plain(value), ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace").decode()


def to_milliseconds(moment: datetime) -> int:
    """Milliseconds since the epoch."""
    return to_microseconds(moment) // 1000


def to_microseconds(moment: datetime) -> int:
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds
