"""Strict JSON for signed documents: no duplicate keys, no NaN, byte-exact slices of members.

A signature covers the exact text of one member (`tcbInfo`, `enclaveIdentity`) as served. Parsing
and writing it again could change it, and two readers that resolve a duplicate key differently see
two different documents under one signature (spec section 4.4).
"""

from __future__ import annotations

import json
import re
from collections import Counter

from forensics.errors import EvidenceError

MAX_DOCUMENT_SIZE = 8 << 20
MAX_DEPTH = 64  # a TCB info has 5; Python's own limit would depend on who calls

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def _reject_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        repeated, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise EvidenceError("duplicate-key", f"JSON member {repeated!r:.80} stands twice")
    return members


def _reject_constant(name: str) -> object:
    raise EvidenceError("bad-json", f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_reject_duplicates, parse_constant=_reject_constant)


def parse_object(data: bytes) -> dict[str, object]:
    """The JSON object in `data`.

    Raises `EvidenceError`: `too-large`, `not-utf8`, `bad-json`, `duplicate-key`,
    `nesting-too-deep` or `not-an-object`.
    """
    value = _decode(_text(data))
    if not isinstance(value, dict):
        raise EvidenceError("not-an-object", "JSON value is not an object")
    return value


def slice_members(data: bytes) -> dict[str, bytes]:
    """Name -> exact bytes of each member's value of the JSON object in `data`.

    Raises `EvidenceError` as `parse_object`.
    """
    parse_object(data)  # validates the whole text, so that the scan below may trust its shape
    text = _text(data)
    members: dict[str, bytes] = {}
    position = _skip_blanks(text, text.index("{") + 1)
    while text[position] != "}":
        name, position = _DECODER.raw_decode(text, position)
        position = _skip_blanks(text, _skip_blanks(text, position) + 1)
        _, end = _DECODER.raw_decode(text, position)
        members[name] = text[position:end].encode()
        position = _skip_blanks(text, end)
        if text[position] == ",":
            position = _skip_blanks(text, position + 1)
    return members


def compact(value: object) -> bytes:
    """The document without optional white space, in its own member order (as QVL re-writes it)."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _text(data: bytes) -> str:
    if len(data) > MAX_DOCUMENT_SIZE:
        raise EvidenceError("too-large", f"JSON document of {len(data)} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise EvidenceError("not-utf8", "JSON document is not UTF-8", error.start) from None


def _decode(text: str) -> object:
    try:
        value: object = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise EvidenceError("bad-json", f"JSON: {error.msg}", error.pos) from None
    except RecursionError:
        raise EvidenceError("nesting-too-deep", "JSON is nested too deeply") from None
    except ValueError as error:  # an integer of thousands of digits
        raise EvidenceError("bad-json", f"JSON: {error}") from None
    _reject_depth(value)
    if _SURROGATE.search(text):
        _reject_unpaired(value)
    return value


def _reject_depth(value: object) -> None:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [child for parent in level for child in _children(parent)]
    if level:
        raise EvidenceError("nesting-too-deep", f"JSON is nested deeper than {MAX_DEPTH}")


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _reject_unpaired(value: object) -> None:
    """Half a surrogate pair is no character: it has no UTF-8, so nothing could store it."""
    try:
        compact(value)
    except UnicodeEncodeError:
        raise EvidenceError("bad-json", "JSON string with half a surrogate pair") from None


def _skip_blanks(text: str, position: int) -> int:
    while text[position] in " \t\r\n":
        position += 1
    return position


def find_repeated_keys(data: bytes) -> list[str]:
    """Names that stand twice in one object anywhere in the JSON text `data`, sorted."""
    repeated: set[str] = set()

    def note(pairs: list[tuple[str, object]]) -> None:
        seen: set[str] = set()
        for name, _ in pairs:
            (repeated if name in seen else seen).add(name)

    json.loads(data, object_pairs_hook=note, parse_int=str)
    return sorted(repeated)
