"""Manifests: the approved measurements, the rules and the policy that evidence is judged by.

TOML, YAML or JSON of one shape (design.md "Reference values"). A manifest decides what is called an
attack, so it is read strictly: an entry that is not understood is refused and reported, never
guessed at. The other entries of the same manifest are kept.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import yaml

from forensics.case.extras import DEVICE_EVIDENCE
from forensics.case.records import Problem, Record
from forensics.errors import EvidenceError
from forensics.formats.collateral import TCB_STATUSES
from forensics.formats.times import to_microseconds
from forensics.sources.encodings import decode_binary
from forensics.sources.fields import canonical_json
from forensics.sources.times import read_time
from forensics.verify.binding import DIGESTS, INPUTS, RECIPES
from forensics.verify.tcb import RELAUNCH, RELAUNCH_AND_CONFIGURE

Row = tuple[str, dict[str, object]]


@dataclass(frozen=True, slots=True)
class Form:
    """What a value is: in words, and what reads it (from the value and the name of its key)."""

    words: str
    read: Callable[[object, str], object]


Keys = Mapping[str, tuple[str, Form]]
"""Keys of a table of the manifest -> stored column and form."""

MAX_MANIFEST = 1 << 20  # both readers are pure Python

STATUSES = (*TCB_STATUSES, RELAUNCH, RELAUNCH_AND_CONFIGURE)
PAD = "right"

_KEY_PART = r'(?:[\w-]++|"(?:[^"\\\n]|\\.){0,200}+"|\'[^\'\n]{0,200}+\')'
# The standard reader's memory grows with the square of a dotted key's parts. Strings and comments
# that look like such a key are refused with it; no host name has 20 labels either.
_DEEP_KEY = re.compile(rf"(?<![\w-]){_KEY_PART}(?:[ \t]*+\.[ \t]*+{_KEY_PART}){{20}}", re.ASCII)
_DURATION = re.compile(r"(\d{1,9})(ms|s|m|h|d)", re.ASCII)
_MILLISECONDS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def looks_like_manifest(value: dict[str, object]) -> bool:
    """An object of the manifest's shape, told apart from events and collateral."""
    lists = isinstance(value.get("workload"), list) or isinstance(value.get("platform"), list)
    return lists or isinstance(value.get("policy"), dict)


def read_manifest(value: object, data: bytes, line: int | None) -> Record:
    """The record of a decoded manifest; what is wrong in it is listed in its one problem."""
    reader = _Manifest()
    reader.read(value)
    if not reader.rows and not reader.wrong:
        reader.wrong.append("no workload, platform or policy")
    problem = Problem("bad-manifest", "; ".join(reader.wrong)[:2000]) if reader.wrong else None
    return Record(line, data, reader.rows, problem=problem)


def decode_toml(data: bytes) -> object:
    """Raises `EvidenceError` (`bad-manifest`, `not-utf8`, `nesting-too-deep`)."""
    text = _text(data)
    if _DEEP_KEY.search(text):
        raise EvidenceError("nesting-too-deep", "TOML: a key of more than 20 parts")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise EvidenceError("nesting-too-deep", "TOML is nested too deeply") from None
    except ValueError as error:  # TOMLDecodeError, and integers of thousands of digits
        raise EvidenceError("bad-manifest", f"TOML: {error}") from None


def decode_yaml(data: bytes) -> object:
    """Plain data only: no tags, no aliases, no repeated keys. Raises as `decode_toml`."""
    text = _text(data)
    try:
        return yaml.load(text, _PlainLoader)  # noqa: S506 - a subclass of SafeLoader
    except RecursionError:
        raise EvidenceError("nesting-too-deep", "YAML is nested too deeply") from None
    except (yaml.YAMLError, ValueError, OverflowError, TypeError) as error:
        message = " ".join(str(error).split())[:200]
        raise EvidenceError("bad-manifest", f"YAML: {message}") from None


def _text(data: bytes) -> str:
    if len(data) > MAX_MANIFEST:
        message = f"manifest of {len(data)} bytes; the limit is {MAX_MANIFEST}"
        raise EvidenceError("bad-manifest", message)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise EvidenceError("not-utf8", "manifest is not UTF-8", error.start) from None


class _PlainLoader(yaml.SafeLoader):
    """Refuses aliases (they expand without bound) and repeated keys (readers would differ)."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not read")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        mapping: dict[object, object] = super().construct_mapping(node, deep)
        if len(mapping) != len(node.value):
            raise yaml.YAMLError("a key stands twice in one mapping")
        return mapping


class _Manifest:
    """Collects rows, and in `wrong` what was refused and why."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.wrong: list[str] = []

    def read(self, value: object) -> None:
        if not isinstance(value, dict):
            self.wrong.append("the manifest is not a table")
            return
        value = _given(value)
        self._refuse_unknown("manifest", value, ("workload", "policy", "platform"))
        for place, workload in self._tables("workload", value.get("workload", [])):
            self._attempt(place, partial(self._read_workload, place, workload))
        for place, platform in self._tables("platform", value.get("platform", [])):
            self._attempt(place, partial(self._read_platform, platform))
        if "policy" in value:
            self._attempt("policy", lambda: self._read_policy(value["policy"]))

    def _attempt(self, place: str, read: Callable[[], None]) -> None:
        try:
            read()
        except EvidenceError as error:
            self.wrong.append(f"{place}: {error.message}")

    def _tables(self, place: str, value: object) -> Iterator[tuple[str, dict[str, object]]]:
        if not isinstance(value, list):
            self.wrong.append(f"{place} is not a list")
            return
        for number, item in enumerate(value, 1):
            if isinstance(item, dict):
                yield f"{place} {number}", _given(item)
            else:
                self.wrong.append(f"{place} {number} is not a table")

    def _refuse_unknown(self, place: str, table: dict[str, object], known: Collection[str]) -> None:
        self.wrong.extend(f"{place}: unknown key {key!r:.60}" for key in table if key not in known)

    def _read_workload(self, place: str, table: dict[str, object]) -> None:
        row = _read_keys(table, WORKLOAD_KEYS)
        identity = row.get("workload_id")
        if not identity:
            raise _wrong("id is missing or empty")
        self._refuse_unknown(place, table, (*WORKLOAD_KEYS, "allow", "report_data", "expected"))
        for name, read in (("report_data", _read_rule), ("expected", _read_expected)):
            if name in table:
                self._attempt(f"{place} {name}", partial(_update, row, read, table[name]))
        self.rows.append(("workload", row))
        for entry, allowed in self._tables(f"{place} allow", table.get("allow", [])):
            self._attempt(entry, partial(self._read_allowed, identity, allowed))

    def _read_allowed(self, workload: object, table: dict[str, object]) -> None:
        self.rows.append(_read_allowed(workload, table))

    def _read_platform(self, table: dict[str, object]) -> None:
        _refuse_keys(table, PLATFORM_KEYS)
        if "ppid" not in table:
            raise _wrong("ppid is missing")
        self.rows.append(("listed_platform", _check_window(_read_keys(table, PLATFORM_KEYS))))

    def _read_policy(self, value: object) -> None:
        table = _table(value)
        self._refuse_unknown("policy", table, POLICY_KEYS)
        self.rows.append(("policy", _read_keys(table, POLICY_KEYS)))


def _update(
    row: dict[str, object], read: Callable[[object], dict[str, object]], value: object
) -> None:
    row.update(read(value))


def _read_rule(value: object) -> dict[str, object]:
    """A REPORT_DATA rule: a digest over parts, or a recipe by name."""
    table = _table(value)
    _refuse_keys(table, RULE_KEYS)
    row = _read_keys(table, RULE_KEYS)
    if "recipe" in table:
        if len(table) != 1:
            raise _wrong("a recipe stands alone")
        return row
    for name in ("digest", "parts"):
        if not table.get(name):
            raise _wrong(f"{name} is missing or empty")
    return {"report_data_pad": PAD, **row}


def _read_expected(value: object) -> dict[str, object]:
    table = _table(value)
    _refuse_keys(table, EXPECTED_KEYS)
    return _read_keys(table, EXPECTED_KEYS)


def _read_allowed(workload: object, table: dict[str, object]) -> Row:
    """One `allow` entry; keys that this tool does not know are kept in `extra`."""
    row = _read_keys(table, ALLOW_KEYS)
    if row.keys().isdisjoint(MEASUREMENTS):
        raise _wrong("names no measurement and no signer: it would approve everything")
    _check_window(row)
    extra = {str(key): value for key, value in table.items() if key not in ALLOW_KEYS}
    if extra:
        row["extra"] = _extra_json(extra)
    return "reference_value", {"workload_id": workload, **row}


def _check_window(row: dict[str, object]) -> dict[str, object]:
    """The row, whose window is not empty."""
    start, end = row.get("valid_from"), row.get("valid_to")
    if isinstance(start, int) and isinstance(end, int) and start >= end:
        raise _wrong("valid_from is not before valid_to")
    return row


def _extra_json(extra: dict[str, object]) -> str:
    try:
        return canonical_json(extra)
    except (TypeError, ValueError):  # YAML sets and the like have no JSON form
        raise _wrong("an unknown key has a value that JSON cannot hold") from None


def _wrong(message: str) -> EvidenceError:
    return EvidenceError("bad-manifest", message)


def _refuse_keys(table: dict[str, object], known: Collection[str]) -> None:
    for key in table:
        if key not in known:
            raise _wrong(f"unknown key {key!r:.60}")


def _table(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise _wrong("not a table")
    return _given(value)


def _given(table: dict[str, object]) -> dict[str, object]:
    """The keys that have a value: JSON and YAML write null for one that has none."""
    return {key: value for key, value in table.items() if value is not None}


def _read_keys(table: dict[str, object], keys: Keys) -> dict[str, object]:
    """The columns of those keys that are given."""
    return {
        column: form.read(table[name], name)
        for name, (column, form) in keys.items()
        if name in table
    }


def _word(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise _wrong(f"{name} is not a string")
    return value


def _words(value: object, name: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _wrong(f"{name} is not a list of strings")
    return value


def _flag(value: object, name: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong(f"{name} is neither true nor false")
    return value


def _number(value: object, name: str) -> int:
    if type(value) is not int or not 0 <= value <= 0xFFFF:
        raise _wrong(f"{name} is not a number up to 65535")
    return value


def _duration(value: object, name: str) -> int:
    """Milliseconds."""
    match = _DURATION.fullmatch(_word(value, name))
    if not match:
        raise _wrong(f"{name} is not a duration such as 30s, 5m or 30d")
    return int(match[1]) * _MILLISECONDS[match[2]]


def _moment(value: object, name: str) -> int:
    """TOML and YAML have timestamps of their own; without a zone they name no moment."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise _wrong(f"{name} has no time zone")
        return to_microseconds(value)
    try:
        return read_time(value)
    except EvidenceError as error:
        raise _wrong(f"{name}: {error.message}") from None


def _bytes(size: int) -> Form:
    form = f"{size} bytes in hex or base64"

    def read(value: object, name: str) -> bytes:
        text = _word(value, name)
        try:
            data = decode_binary(text)
        except EvidenceError:
            data = b""
        if len(data) != size:
            raise _wrong(f"{name} is not {form}")
        return data

    return Form(form, read)


def _one_of(words: Collection[str]) -> Form:
    def read(value: object, name: str) -> str:
        word = _word(value, name)
        if word not in words:
            raise _wrong(f"{name} is not one of {', '.join(words)}")
        return word

    return Form(_quote(words) if len(words) == 1 else f"one of {_quote(words)}", read)


def _some_of(words: Collection[str]) -> Form:
    def read(value: object, name: str) -> list[str]:
        given = _words(value, name)
        for word in given:
            if word not in words:
                raise _wrong(f"{name}: {word!r:.60} is none of {', '.join(words)}")
        return given

    return Form(f"list of any of {_quote(words)}", read)


def _quote(words: Collection[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


_TEXT = Form("string", _word)
_FLAG = Form("`true` or `false`", _flag)
_NUMBER = Form("number up to 65535", _number)
_DURATION_FORM = Form(f"number and unit, one of {_quote(_MILLISECONDS)}: `30s`", _duration)
_MOMENT = Form("RFC 3339 time with its zone", _moment)
_WINDOW: Keys = {"valid_from": ("valid_from", _MOMENT), "valid_to": ("valid_to", _MOMENT)}

MEASUREMENTS = {
    **{name: (name, _bytes(32)) for name in ("mrenclave", "mrsigner")},
    **{name: (name, _bytes(48)) for name in ("mrtd", "rtmr0", "rtmr1", "rtmr2", "rtmr3")},
    "measurement": ("measurement", _bytes(48)),
}
"""What an `allow` entry approves; it names at least one of them."""

WORKLOAD_KEYS: Keys = {"id": ("workload_id", _TEXT)}
ALLOW_KEYS: Keys = {
    **MEASUREMENTS,
    "host_data": ("host_data", _bytes(32)),
    "isv_prodid": ("isv_prodid", _NUMBER),
    "min_isv_svn": ("min_isv_svn", _NUMBER),
    **_WINDOW,
}
KEPT_KEYS: Keys = {"approved_at": ("approved_at", _MOMENT)}
"""Keys of an `allow` entry that stay in `extra`, where the view reads them."""

RULE_KEYS: Keys = {
    "digest": ("report_data_digest", _one_of(DIGESTS)),
    "parts": ("report_data_parts", _some_of(INPUTS)),
    "pad": ("report_data_pad", _one_of((PAD,))),
    "recipe": ("report_data_recipe", Form(f"string; known are {_quote(RECIPES)}", _word)),
}
EXPECTED_KEYS: Keys = {
    "runtime": ("runtime", _TEXT),
    "attest_within": ("attest_within_ms", _DURATION_FORM),
    "evidence": (
        "evidence",
        Form(f"list of strings; known are {_quote(DEVICE_EVIDENCE)}", _words),
    ),
    "one_per_platform": ("one_per_platform", _FLAG),
}
PLATFORM_KEYS: Keys = {"ppid": ("ppid", _bytes(16)), "node_id": ("node_id", _TEXT), **_WINDOW}
POLICY_KEYS: Keys = {
    "mode": ("mode", _TEXT),
    "max_quote_age": ("max_quote_age_ms", _DURATION_FORM),
    "max_collateral_age": ("max_collateral_age_ms", _DURATION_FORM),
    "accept": ("accept", _some_of(STATUSES)),
}
