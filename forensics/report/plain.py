"""Values as other programs take them: JSON, and cells that no spreadsheet runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from forensics.report.text import to_plain

# What makes a spreadsheet take a text for a formula, its own spellings of the signs included.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


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
