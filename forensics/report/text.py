"""Values as text that people read. Strings in evidence are an attacker's: nothing moves a cursor,
turns the direction of writing, or runs without end."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

LONGEST = 256  # characters of one value that a page shows
BRIEF = 80  # of one in a table of many; an id has 64


def escape(text: str) -> str:
    """Control characters and other unprintables as `\\x1b`, so that they cannot move a cursor."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escape_character(c) for c in text)


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


def show(value: object, longest: int = LONGEST) -> str:
    """One line for a person; what is longer is cut, and its length said."""
    text = escape(_show(value))
    if len(text) <= longest:
        return text
    return f"{text[:longest]}… ({len(text)} characters)"


def brief(value: object) -> str:
    return show(value, BRIEF)


def show_time(moment: datetime | None) -> str:
    """`2026-01-07 08:14:27Z`, or words for no time."""
    if moment is None:
        return "time unknown"
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def count(number: int, noun: str, plural: str | None = None) -> str:
    """`1 finding`, `2 findings`, `1,000 findings`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def _show(value: object) -> str:
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return show_time(value)
    if isinstance(value, list | tuple):
        return ", ".join(_show(item) for item in value) or "—"
    return value if isinstance(value, str) else json.dumps(to_plain(value), ensure_ascii=False)


def _escape_character(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
