"""One JSON object -> its record, whatever family it belongs to."""

from __future__ import annotations

import msgspec

from forensics.case.records import Problem, Record
from forensics.errors import EvidenceError
from forensics.formats.json_text import find_repeated_keys
from forensics.sources import collateral, events, manifest
from forensics.sources.limits import Limits
from forensics.sources.members import BOM

_DECODER = msgspec.json.Decoder()

EVENTS = "events"
TCB_INFO = "tcb_info"
QE_IDENTITY = "qe_identity"
COLLATERAL = "collateral"
MANIFEST = "manifest"
UNRECOGNISED = "unrecognised"


def decode_json(data: bytes, limits: Limits) -> object:
    """The JSON value in `data`.

    Raises `EvidenceError`: `not-utf8`, `bad-json` (with the offset), `nesting-too-deep`.
    """
    try:
        value: object = _DECODER.decode(data)
    except UnicodeDecodeError:
        raise _locate_bad_utf8(data) from None
    except msgspec.DecodeError as error:
        raise EvidenceError("bad-json", f"JSON: {error}", _read_offset(str(error))) from None
    except RecursionError:
        raise EvidenceError("nesting-too-deep", "JSON is nested too deeply") from None
    # Most events hold no other object and no list, which the text shows more quickly.
    nests = data.find(b"{", 1) >= 0 or data.find(b"[", 1) >= 0
    if nests and exceeds_depth(value, limits.depth):
        raise EvidenceError("nesting-too-deep", f"JSON is nested deeper than {limits.depth}")
    return value


def exceeds_depth(value: object, depth: int) -> bool:
    """Whether containers stand more than `depth` deep in each other."""
    layer = [value] if type(value) in (dict, list) else []
    while layer and depth > 0:
        depth -= 1
        deeper: list[object] = []
        for item in layer:
            if type(item) is dict:
                deeper += [child for child in item.values() if type(child) in (dict, list)]
            elif type(item) is list:
                deeper += [child for child in item if type(child) in (dict, list)]
        layer = deeper
    return bool(layer)


def begins_with_lines(head: bytes, limits: Limits) -> bool:
    """Whether the first line is a JSON text by itself, and more follows."""
    first, _, rest = head.removeprefix(BOM).lstrip().partition(b"\n")
    if not rest.strip():
        return False
    try:
        decode_json(first, limits)
    except EvidenceError:
        return False
    return True


def find_line(value: dict[str, object], data: bytes) -> int | None:
    """The line of the only object in a file: a log of one line is a log."""
    text = data.removeprefix(BOM).lstrip()
    return 1 if "event_type" in value and text.find(b"\n") == len(text.rstrip()) else None


def read_record(data: bytes, line: int | None, limits: Limits) -> Record:
    """The record of one line or array member."""
    try:
        value = decode_json(data, limits)
    except EvidenceError as error:
        return refuse(data, line, error)
    if type(value) is not dict:
        message = "the JSON value is not an object"
        return Record(line, data, [], problem=Problem("not-an-object", message))
    if "event_type" in value:
        return events.read_event(value, data, line)
    return read_object(classify(value), value, data, line)


def classify(value: dict[str, object]) -> str:
    """The family of a decoded object."""
    if "event_type" in value:
        return EVENTS
    if "tcbInfo" in value:
        return TCB_INFO
    if "enclaveIdentity" in value:
        return QE_IDENTITY
    if len(collateral.NINE_FIELDS & value.keys()) >= 2:
        return COLLATERAL
    if manifest.looks_like_manifest(value):
        return MANIFEST
    if "timestamp" in value or "quote" in value:
        return EVENTS
    return UNRECOGNISED


def read_object(kind: str, value: dict[str, object], data: bytes, line: int | None) -> Record:
    """The record of an object of that family."""
    if kind == EVENTS:
        return events.read_event(value, data, line)
    if kind in (TCB_INFO, QE_IDENTITY):
        return collateral.read_pcs_body(data, line)
    if kind == COLLATERAL:
        return collateral.read_collateral(value, data, line)
    if kind == MANIFEST:
        repeated = find_repeated_keys(data)
        if repeated:
            message = f"these keys stand twice: {', '.join(repeated)[:500]}"
            return Record(line, data, [], problem=Problem("bad-manifest", message))
        return manifest.read_manifest(value, data, line)
    message = "a JSON object that is no event, collateral or manifest"
    return Record(line, data, [], problem=Problem("unrecognised-content", message))


def refuse(
    data: bytes, line: int | None, error: EvidenceError, digest: bytes | None = None
) -> Record:
    """A record that is only its problem; `digest` is the whole record's, if that is not `data`."""
    problem = Problem(error.code, error.message, error.offset, digest)
    return Record(line, data, [], problem=problem)


def _locate_bad_utf8(data: bytes) -> EvidenceError:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return EvidenceError("not-utf8", "not UTF-8", error.start)
    return EvidenceError("bad-json", "a string escapes half of a surrogate pair")


def _read_offset(message: str) -> int | None:
    """msgspec ends its messages in `(byte N)`."""
    _, found, tail = message.rpartition("(byte ")
    return int(tail[:-1]) if found and tail[:-1].isdecimal() else None
