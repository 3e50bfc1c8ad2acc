"""Manifests: the approved measurements, the rules and the policy that evidence is judged by.

TOML, YAML or JSON of one shape (design.md "Reference values"). A manifest decides what is called an
attack, so it is read strictly: an entry that is not understood is refused and said, never guessed.
The understood entries of the same manifest are kept.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

import yaml

from forensics.case.records import Problem, Record
from forensics.errors import EvidenceError
from forensics.sources.encodings import decode_binary
from forensics.sources.fields import canonical_json
from forensics.sources.times import read_time

Row = tuple[str, dict[str, object]]

MAX_MANIFEST = 1 << 20  # both readers are pure Python

MEASUREMENT_SIZES = {
    "mrenclave": 32,
    "mrsigner": 32,
    "mrtd": 48,
    "rtmr0": 48,
    "rtmr1": 48,
    "rtmr2": 48,
    "rtmr3": 48,
    "measurement": 48,
}
HOST_DATA_SIZE = 32
PPID_SIZE = 16
DIGESTS = ("none", "sha256", "sha384", "sha512")
PARTS = ("initial_state", "nonce", "runtime_data")
STATUSES = (
    "UpToDate",
    "SWHardeningNeeded",
    "ConfigurationNeeded",
    "ConfigurationAndSWHardeningNeeded",
    "OutOfDate",
    "OutOfDateConfigurationNeeded",
    "Revoked",
    "TDRelaunchAdvised",
    "TDRelaunchAdvisedConfigurationNeeded",
)

_KEY_PART = r'(?:[\w-]++|"(?:[^"\\\n]|\\.){0,200}+"|\'[^\'\n]{0,200}+\')'
# The standard reader's memory grows with the square of a dotted key's parts. Strings and comments
# that look like such a key are refused with it; 20 labels are no host name either.
_DEEP_KEY = re.compile(rf"(?<![\w-]){_KEY_PART}(?:[ \t]*+\.[ \t]*+{_KEY_PART}){{20}}", re.ASCII)
_DURATION = re.compile(r"(\d{1,9})(ms|s|m|h|d)", re.ASCII)
_MILLISECONDS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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

    def _refuse_unknown(self, place: str, table: dict[str, object], known: tuple[str, ...]) -> None:
        self.wrong.extend(f"{place}: unknown key {key!r:.60}" for key in table if key not in known)

    def _read_workload(self, place: str, table: dict[str, object]) -> None:
        identity = _word(table, "id")
        if not identity:
            raise _wrong("id is missing or empty")
        self._refuse_unknown(place, table, ("id", "allow", "report_data", "expected"))
        row: dict[str, object] = {"workload_id": identity}
        for name, read in (("report_data", _read_rule), ("expected", _read_expected)):
            if name in table:
                self._attempt(f"{place} {name}", partial(_update, row, read, table[name]))
        self.rows.append(("workload", row))
        for entry, allowed in self._tables(f"{place} allow", table.get("allow", [])):
            self._attempt(entry, partial(self._read_allowed, identity, allowed))

    def _read_allowed(self, workload: str, table: dict[str, object]) -> None:
        self.rows.append(_read_allowed(workload, table))

    def _read_platform(self, table: dict[str, object]) -> None:
        _refuse_keys(table, ("ppid", "node_id", "valid_from", "valid_to"))
        if "ppid" not in table:
            raise _wrong("ppid is missing")
        row: dict[str, object] = {
            "ppid": _measurement(table, "ppid", PPID_SIZE),
            "node_id": _word(table, "node_id"),
        }
        self.rows.append(("listed_platform", row | _read_window(table)))

    def _read_policy(self, value: object) -> None:
        table = _table(value)
        self._refuse_unknown(
            "policy", table, ("mode", "max_quote_age", "max_collateral_age", "accept")
        )
        accept = _words(table, "accept")
        for status in accept or ():
            if status not in STATUSES:
                raise _wrong(f"accept: {status!r:.60} is not a TCB status")
        row: dict[str, object] = {
            "mode": _word(table, "mode"),
            "max_quote_age_ms": _duration(table, "max_quote_age"),
            "max_collateral_age_ms": _duration(table, "max_collateral_age"),
            "accept": accept,
        }
        self.rows.append(("policy", row))


def _update(
    row: dict[str, object], read: Callable[[object], dict[str, object]], value: object
) -> None:
    row.update(read(value))


def _read_rule(value: object) -> dict[str, object]:
    """A REPORT_DATA rule: a digest over parts, or a recipe by name."""
    table = _table(value)
    _refuse_keys(table, ("digest", "parts", "pad", "recipe"))
    recipe = _word(table, "recipe")
    if recipe is not None:
        if len(table) != 1:
            raise _wrong("a recipe stands alone")
        return {"report_data_recipe": recipe}
    digest, parts = _word(table, "digest"), _words(table, "parts")
    if digest not in DIGESTS:
        raise _wrong(f"digest is not one of {', '.join(DIGESTS)}")
    if not parts or any(part not in PARTS for part in parts):
        raise _wrong(f"parts are not some of {', '.join(PARTS)}")
    pad = _word(table, "pad") or "right"
    if pad != "right":
        raise _wrong("pad is not right")
    return {"report_data_digest": digest, "report_data_parts": parts, "report_data_pad": pad}


def _read_expected(value: object) -> dict[str, object]:
    table = _table(value)
    _refuse_keys(table, ("runtime", "attest_within", "evidence", "one_per_platform"))
    return {
        "runtime": _word(table, "runtime"),
        "attest_within_ms": _duration(table, "attest_within"),
        "evidence": _words(table, "evidence"),
        "one_per_platform": _flag(table, "one_per_platform"),
    }


def _read_allowed(workload: str, table: dict[str, object]) -> Row:
    """One `allow` entry; keys that this tool does not know are kept in `extra`."""
    row: dict[str, object] = {"workload_id": workload}
    for name, size in MEASUREMENT_SIZES.items():
        if name in table:
            row[name] = _measurement(table, name, size)
    if len(row) == 1:
        raise _wrong("names no measurement and no signer: it would approve everything")
    if "host_data" in table:
        row["host_data"] = _measurement(table, "host_data", HOST_DATA_SIZE)
    for name in ("isv_prodid", "min_isv_svn"):
        if name in table:
            row[name] = _number(table, name)
    row |= _read_window(table)
    known = {
        *MEASUREMENT_SIZES,
        *("host_data", "isv_prodid", "min_isv_svn", "valid_from", "valid_to"),
    }
    extra = {str(key): value for key, value in table.items() if key not in known}
    if extra:
        row["extra"] = _extra_json(extra)
    return "reference_value", row


def _read_window(table: dict[str, object]) -> dict[str, object]:
    """`valid_from` and `valid_to`, as far as they are given."""
    names = [name for name in ("valid_from", "valid_to") if name in table]
    moments = [_moment(table, name) for name in names]
    if len(moments) == 2 and moments[0] >= moments[1]:
        raise _wrong("valid_from is not before valid_to")
    return dict(zip(names, moments, strict=True))


def _extra_json(extra: dict[str, object]) -> str:
    try:
        return canonical_json(extra)
    except (TypeError, ValueError):  # YAML sets and the like have no JSON form
        raise _wrong("an unknown key has a value that JSON cannot hold") from None


def _wrong(message: str) -> EvidenceError:
    return EvidenceError("bad-manifest", message)


def _refuse_keys(table: dict[str, object], known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            raise _wrong(f"unknown key {key!r:.60}")


def _table(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise _wrong("not a table")
    return _given(value)


def _given(table: dict[str, object]) -> dict[str, object]:
    """What is said: JSON and YAML write null for what is not."""
    return {key: value for key, value in table.items() if value is not None}


def _word(table: dict[str, object], name: str) -> str | None:
    value = table.get(name)
    if value is not None and not isinstance(value, str):
        raise _wrong(f"{name} is not a string")
    return value


def _words(table: dict[str, object], name: str) -> list[str] | None:
    value = table.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _wrong(f"{name} is not a list of strings")
    return value


def _flag(table: dict[str, object], name: str) -> bool | None:
    value = table.get(name)
    if value is not None and not isinstance(value, bool):
        raise _wrong(f"{name} is neither true nor false")
    return value


def _measurement(table: dict[str, object], name: str, size: int) -> bytes:
    text = _word(table, name)
    try:
        data = decode_binary(text or "")
    except EvidenceError:
        data = b""
    if len(data) != size:
        raise _wrong(f"{name} is not {size} bytes in hex or base64")
    return data


def _number(table: dict[str, object], name: str) -> int:
    value = table[name]
    if type(value) is not int or not 0 <= value <= 0xFFFF:
        raise _wrong(f"{name} is not a number up to 65535")
    return value


def _duration(table: dict[str, object], name: str) -> int | None:
    """Milliseconds of a text such as `500ms`, `30s`, `5m`, `12h` or `30d`."""
    text = _word(table, name)
    if text is None:
        return None
    match = _DURATION.fullmatch(text)
    if not match:
        raise _wrong(f"{name} is not a duration such as 30s, 5m or 30d")
    return int(match[1]) * _MILLISECONDS[match[2]]


def _moment(table: dict[str, object], name: str) -> int:
    """TOML and YAML have timestamps of their own; without a zone they name no moment."""
    value = table[name]
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise _wrong(f"{name} has no time zone")
        return (value - _EPOCH) // timedelta(microseconds=1)
    try:
        return read_time(value)
    except EvidenceError as error:
        raise _wrong(f"{name}: {error.message}") from None
