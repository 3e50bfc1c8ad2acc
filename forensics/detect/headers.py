"""Typed reading of a TOML header: each key once, nothing left over, errors that name the file."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Literal, overload

from forensics.errors import DetectorError


def header_error(where: str, problem: str) -> DetectorError:
    return DetectorError("detector-header", f"{where}: {problem}")


class Header:
    """One TOML table. Keys that nobody read are refused at the end."""

    def __init__(self, where: str, values: Mapping[str, object]) -> None:
        self.where = where
        self._values = dict(values)

    @overload
    def text(self, key: str, *, empty: Literal[False] = False) -> str: ...
    @overload
    def text(self, key: str, *, empty: Literal[True]) -> str | None: ...
    def text(self, key: str, *, empty: bool = False) -> str | None:
        """A text; absent only where it may be empty, and then None."""
        if empty and key not in self._values:
            return None
        value = self._take(key)
        if not isinstance(value, str) or not value.strip():
            raise header_error(self.where, f"{key} is not a text")
        return value

    def texts(self, key: str, *, empty: bool = False) -> tuple[str, ...]:
        """A list of texts; absent only where it may be empty."""
        value = self._values.pop(key, []) if empty else self._take(key)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise header_error(self.where, f"{key} is not a list of texts")
        if not value and not empty:
            raise header_error(self.where, f"{key} is empty")
        return tuple(value)

    def number(self, key: str) -> int:
        value = self._take(key)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise header_error(self.where, f"{key} is not a number from 1")
        return value

    def flag(self, key: str, *, empty: bool = False) -> bool:
        """True or false; absent only where it may be empty, and then false."""
        value = self._values.pop(key, False) if empty else self._take(key)
        if not isinstance(value, bool):
            raise header_error(self.where, f"{key} is neither true nor false")
        return value

    def date(self, key: str) -> datetime.date:
        value = self._take(key)
        if not isinstance(value, datetime.date) or isinstance(value, datetime.datetime):
            raise header_error(self.where, f"{key} is not a date")
        return value

    def choice(self, key: str, allowed: Sequence[str]) -> str:
        value = self.text(key)
        if value not in allowed:
            raise header_error(self.where, f"{key} is {value!r}, not one of {list(allowed)}")
        return value

    def table(self, key: str, *, empty: bool = False) -> dict[str, str]:
        """A table of texts; absent only where it may be empty."""
        value = self._values.pop(key, {}) if empty else self._take(key)
        if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
            raise header_error(self.where, f"[{key}] is not a table of texts")
        return value

    def rest(self) -> dict[str, str]:
        """All keys that nobody asked for: texts."""
        return {key: self.text(key) for key in list(self._values)}

    def tables(self, key: str) -> dict[str, Header]:
        """A table of tables; absent means none."""
        value = self._values.pop(key, {})
        if not isinstance(value, dict) or not all(isinstance(v, dict) for v in value.values()):
            raise header_error(self.where, f"[{key}] is not a table of tables")
        return {name: Header(f"{self.where} [{key}.{name}]", v) for name, v in value.items()}

    def entries(self, key: str) -> list[Header]:
        """A list of tables, each read completely by the caller; absent means none."""
        value = self._values.pop(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise header_error(self.where, f"[[{key}]] is not a list of tables")
        return [Header(f"{self.where} [[{key}]]", item) for item in value]

    def optional(self, key: str) -> object:
        return self._values.pop(key, None)

    def refuse_the_rest(self) -> None:
        if self._values:
            raise header_error(self.where, f"unknown keys {sorted(self._values)}")

    def _take(self, key: str) -> object:
        if key not in self._values:
            raise header_error(self.where, f"{key} is missing")
        return self._values.pop(key)
