"""A detector's named parameters: declared with type, default and meaning, bound as values.

Nothing is ever pasted into SQL text. Durations are written as in a manifest (`60s`, `5m`, `1h`,
`30d`, `250ms`), times as RFC 3339, lists as comma-separated words.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from forensics.detect.headers import Header, header_error
from forensics.errors import UsageError

AS_OF: Final = "as_of"  # the case's cut-off, supplied by the caller and never by a header
Value = str | int | float | bool | datetime.datetime | datetime.timedelta | list[str]

_DURATION = re.compile(r"([0-9]{1,9})(ms|s|m|h|d)")
_UNITS = {
    "ms": datetime.timedelta(milliseconds=1),
    "s": datetime.timedelta(seconds=1),
    "m": datetime.timedelta(minutes=1),
    "h": datetime.timedelta(hours=1),
    "d": datetime.timedelta(days=1),
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """`default` is as written in the header; null only for `as_of`."""

    name: str
    type: str
    default: str | None
    meaning: str


def parse_parameters(header: Header) -> tuple[Parameter, ...]:
    return tuple(_parse(name, entry) for name, entry in header.tables("params").items())


def _parse(name: str, entry: Header) -> Parameter:
    kind = entry.choice("type", tuple(_READERS))
    default = entry.optional("default")
    meaning = entry.text("meaning")
    entry.refuse_the_rest()
    if name == AS_OF:
        if default is not None or kind != "TIMESTAMPTZ":
            raise header_error(entry.where, "as_of is a TIMESTAMPTZ without a default")
        return Parameter(name, kind, None, meaning)
    if not isinstance(default, str):
        raise header_error(entry.where, "default is not a text")
    try:
        read_value(name, kind, default)
    except UsageError as error:
        raise header_error(entry.where, error.message) from error
    return Parameter(name, kind, default, meaning)


def bind(
    parameters: tuple[Parameter, ...], as_of: datetime.datetime, overrides: Mapping[str, str]
) -> dict[str, Value]:
    """The value of each parameter: the override, else the default, `as_of` the case's cut-off."""
    values: dict[str, Value] = {}
    for parameter in parameters:
        text = overrides.get(parameter.name, parameter.default)
        values[parameter.name] = (
            as_of if text is None else read_value(parameter.name, parameter.type, text)
        )
    return values


def read_value(name: str, kind: str, text: str) -> Value:
    """`text` as a value of DuckDB type `kind`; `UsageError` when it is none."""
    value = _READERS[kind](text)
    if value is None:
        raise UsageError("bad-parameter", f"parameter {name} is {text!r}, not a valid {kind}")
    return value


def write_value(value: Value) -> str | int | float | bool | list[str]:
    """A bound value in a form that JSON has: durations in (milli)seconds, times as RFC 3339."""
    if isinstance(value, datetime.timedelta):
        return _write_duration(value)
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).isoformat()
    return value


def _read_integer(text: str) -> int | None:
    return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else None


def _read_number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _read_flag(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text)


def _read_time(text: str) -> datetime.datetime | None:
    try:
        value = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    return value if value.tzinfo else None


def _read_duration(text: str) -> datetime.timedelta | None:
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    try:
        return int(match[1]) * _UNITS[match[2]]
    except OverflowError:
        return None


def _write_duration(value: datetime.timedelta) -> str:
    """Exact, because a run tells by what is written whether its parameters changed."""
    second, millisecond = _UNITS["s"], _UNITS["ms"]
    return f"{value // millisecond}ms" if value % second else f"{value // second}s"


_READERS: Final[Mapping[str, Callable[[str], Value | None]]] = {
    "BIGINT": _read_integer,
    "BOOLEAN": _read_flag,
    "DOUBLE": _read_number,
    "INTERVAL": _read_duration,
    "TIMESTAMPTZ": _read_time,
    "VARCHAR": lambda text: text,
    "VARCHAR[]": lambda text: [word.strip() for word in text.split(",") if word.strip()],
}
