"""Events: one JSON object -> one row of the normal form, nothing in it lost.

Known fields become columns; what this tool does not know, or could not read, stays in `extra` as
canonical JSON. JSON resolves a repeated key to its last value here, and another reader may have
resolved it otherwise: the repeated names are listed in `extra` under `_duplicate_keys`, and the
text with the values that were passed over goes into quarantine.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from forensics.case.records import Problem, Record
from forensics.errors import EvidenceError
from forensics.formats.json_text import find_repeated_keys
from forensics.sources.fields import (
    EVENT_TYPES,
    OBSERVATION,
    EventType,
    MalformedClaimError,
    canonical_json,
)
from forensics.sources.times import read_time

CLAIMS = ("mrenclave", "mrsigner", "isv_prodid", "isv_svn", "report_data")
DUPLICATE_KEYS = "_duplicate_keys"
_NAMES_LIMIT = 500  # characters of a message: the names are in `extra` as well


@dataclass(slots=True)
class Reading:
    """What one event object gave: column values, the rest, and the first thing that was wrong."""

    row: dict[str, object] = field(default_factory=dict)
    extra: dict[str, object] = field(default_factory=dict)
    malformed: list[str] = field(default_factory=list)
    quote: bytes | None = None
    problem: Problem | None = None


def read_event(event: dict[str, object], data: bytes, line: int | None) -> Record:
    """The record of `event`, whose JSON text is `data`.

    A missing or unreadable `timestamp` makes a record without rows: nothing could place it.
    """
    kind = find_type(event)
    reading = read_fields(event, data, kind)
    if reading.row.get("timestamp") is None:
        return Record(line, data, [], problem=_explain_timestamp(event))
    return Record(line, data, [(kind.table, reading.row)], reading.quote, reading.problem)


def find_type(event: dict[str, object]) -> EventType:
    """The type that `event_type` names; a sighting where that is unknown or missing."""
    name = event.get("event_type")
    return EVENT_TYPES.get(name, OBSERVATION) if type(name) is str else OBSERVATION


def read_fields(event: dict[str, object], data: bytes, kind: EventType = OBSERVATION) -> Reading:
    """All fields of `event` by the declarations of `kind`; the row is complete, `extra` too."""
    reading = Reading()
    row, extra = reading.row, reading.extra
    fields = kind.fields
    for name, value in event.items():
        known = fields.get(name)
        if known is None:
            extra[name] = value
        elif value is not None:
            column, read = known
            try:
                row[column] = read(value)
            except MalformedClaimError as claim:
                _keep_claim(reading, name, column, value, claim.kept)
            except EvidenceError as error:
                extra[name] = value
                _note(reading, name, error)
    if "event_type" in extra:
        _place_type(reading, kind)
    if kind.table == "launch":
        row.setdefault("expects_attestation", True)
    elif kind is OBSERVATION:
        quote = row.pop("quote", None)
        reading.quote = quote if isinstance(quote, bytes) else None
        if reading.malformed:
            row["malformed_claims"] = [name for name in CLAIMS if name in reading.malformed]
    _store_extra(reading, event, data)
    return reading


def _place_type(reading: Reading, kind: EventType) -> None:
    name = reading.extra["event_type"]
    if type(name) is str:
        del reading.extra["event_type"]
        if kind.typed:
            reading.row["event_type"] = name
    elif name is not None:
        _note(reading, "event_type", EvidenceError("wrong-type", "not a string"))


def _keep_claim(reading: Reading, name: str, column: str, value: object, kept: object) -> None:
    reading.malformed.append(name)
    if kept is None:
        reading.extra[name] = value
    else:
        reading.row[column] = kept


def _note(reading: Reading, name: str, error: EvidenceError) -> None:
    _add_problem(reading, error.code, f"{name}: {error.message}")


def _add_problem(reading: Reading, code: str, message: str) -> None:
    """One quarantine row a record: the first problem, and the messages of the others."""
    if reading.problem is None:
        reading.problem = Problem(code, message)
    else:
        reading.problem.message += f"; {message}"


def _store_extra(reading: Reading, event: dict[str, object], data: bytes) -> None:
    if may_repeat_keys(event, data):
        repeated = find_repeated_keys(data)
        if repeated:
            reading.extra[DUPLICATE_KEYS] = repeated
            names = ", ".join(repeated)[:_NAMES_LIMIT]
            message = f"these keys stand twice, and the last value was read: {names}"
            _add_problem(reading, "duplicate-key", message)
    if reading.extra:
        reading.row["extra"] = canonical_json(reading.extra)


def _explain_timestamp(event: dict[str, object]) -> Problem:
    value = event.get("timestamp")
    if value is None:
        return Problem("missing-timestamp", "the event has no timestamp")
    try:
        read_time(value)
    except EvidenceError as error:
        return Problem(error.code, f"timestamp: {error.message}")
    raise AssertionError("a readable timestamp was not stored")


def may_repeat_keys(event: dict[str, object], data: bytes) -> bool:
    """False when `data` has no quotation mark but those around the keys and strings of `event`.

    A repeated key leaves two marks more than the decoded object accounts for; so do escapes and
    nested objects, which are then looked at closely. Five times cheaper than looking every time.
    """
    marks = 2 * len(event)
    for value in event.values():
        if type(value) is str:
            marks += 2
        elif type(value) is list:
            marks += 2 * sum(type(item) is str for item in value)
    # A quote is nine tenths of the text: `find` steps over its string faster than `count` does.
    start = data.find(b'"quote":"') + 9
    end = data.find(b'"', start)
    return data.count(b'"', 0, start) + data.count(b'"', max(end, start)) != marks
