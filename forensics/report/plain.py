"""Values as other programs take them: JSON, and cells that no spreadsheet runs.

What other programs take is looked at on terminals too, so nothing unprintable is in either.
"""

from __future__ import annotations

import json
from datetime import datetime

from forensics.formats.times import to_microseconds
from forensics.report.text import escape, to_plain

# What makes a spreadsheet take a text for a formula, its own spellings of the signs included.
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


def encode_json(
    value: object, *, indent: int | None = None, separators: tuple[str, str] | None = None
) -> str:
    """JSON in which every unprintable character is written as `\\uXXXX`: the value is the same."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, separators=separators)
    # A line end can only be one of the indentation: those in strings are escaped already.
    return "\n".join(
        line if line.isprintable() else "".join(map(_escape, line)) for line in text.split("\n")
    )


def _escape(character: str) -> str:
    if character.isprintable():
        return character
    pairs = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{pairs[n : n + 2].hex()}" for n in range(0, len(pairs), 2))


def to_cell(value: object) -> object:
    """A plain value as a cell of CSV: lists and objects as JSON, formulas quoted by `'`."""
    if isinstance(value, list | dict):
        return encode_json(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        value = escape(value)
        return "'" + value if value.lstrip().startswith(_FORMULA) else value
    return value


def to_line(value: object) -> str:
    """One line of JSON."""
    return encode_json(to_plain(value), separators=(",", ":"))


def to_milliseconds(moment: datetime) -> int:
    """Milliseconds since the epoch."""
    return to_microseconds(moment) // 1000
