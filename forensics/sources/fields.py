"""Event fields: name in the log -> stored column and how its value is read.

A reader takes a decoded JSON value and gives the stored value. It raises `EvidenceError` for a
value that is not what the field holds, and `MalformedClaimError` for a verifier's claim that cannot
be what it claims to be: a claim is evidence against the verifier, so it is kept as logged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from forensics.errors import EvidenceError
from forensics.sources.encodings import decode_base64, decode_binary
from forensics.sources.times import read_time

Reader = Callable[[object], object]

_I64 = 1 << 63
_FLAGS = {"true": True, "false": False}


class MalformedClaimError(Exception):
    """`kept` is what the claim's column can hold of the claim, or None."""

    def __init__(self, kept: object) -> None:
        self.kept = kept


def read_text(value: object) -> str:
    """A string; a number becomes its text (ids are often logged as numbers)."""
    if type(value) is str:
        return value
    if type(value) is int or type(value) is float:
        return canonical_json(value)
    raise EvidenceError("wrong-type", "not a string")


def read_flag(value: object) -> bool:
    """A boolean, or its word: some loggers write every value as text."""
    if type(value) is bool:
        return value
    if type(value) is str and value.lower() in _FLAGS:
        return _FLAGS[value.lower()]
    raise EvidenceError("wrong-type", "not true or false")


def read_words(value: object) -> list[str]:
    if type(value) is list and all(type(item) is str for item in value):
        return value
    raise EvidenceError("wrong-type", "not a list of strings")


def read_binary(value: object) -> bytes:
    if type(value) is str:
        return decode_binary(value)
    raise EvidenceError("wrong-type", "not a string of hex or base64")


def claim_digest(size: int) -> Reader:
    """Reader of a claimed value of `size` bytes: lower-case hex when well-formed."""
    lengths = (2 * size, 2 * size + 2)

    def read(value: object) -> str:
        if type(value) is not str:
            raise MalformedClaimError(canonical_json(value))
        try:
            data = decode_binary(value) if len(value) in lengths else decode_base64(value)
        except EvidenceError:
            raise MalformedClaimError(value) from None
        if len(data) != size:
            raise MalformedClaimError(value)
        return data.hex()

    return read


def read_claimed_number(value: object) -> int:
    """A 16-bit number, also in decimal text; other numbers are kept but malformed."""
    if type(value) is str and value.isascii() and value.isdecimal() and len(value) <= 5:
        value = int(value)
    if type(value) is not int:
        raise MalformedClaimError(None)
    if not 0 <= value <= 0xFFFF:
        raise MalformedClaimError(value if -_I64 <= value < _I64 else None)
    return value


_claimed_32 = claim_digest(32)
_claimed_64 = claim_digest(64)

FORMS: dict[Reader, str] = {
    read_text: "string or number",
    read_time: "RFC 3339 time with its zone",
    read_flag: "`true` or `false`, also as text",
    read_words: "list of strings",
    read_binary: "hex or base64",
    _claimed_32: "32 bytes, hex or base64",
    _claimed_64: "64 bytes, hex or base64",
    read_claimed_number: "number up to 65535, also as decimal text",
}
"""What each reader takes, in words."""


def canonical_json(value: object) -> str:
    """JSON with sorted keys and no white space."""
    return msgspec.json.encode(value, order="deterministic").decode()


_WHO: dict[str, tuple[str, Reader]] = {
    name: (name, read_text) for name in ("enclave_id", "workload_id", "node_id", "container_id")
}

OBSERVATION_FIELDS: dict[str, tuple[str, Reader]] = {
    **_WHO,
    **{name: (name, read_text) for name in ("event_id", "session_id", "peer", "backend_verifier")},
    **{
        name: (name, read_time)
        for name in (
            "timestamp",
            "received_at",
            "nonce_issued_at",
            "quote_generated_at",
            "verified_at",
            "collateral_fetched_at",
        )
    },
    **{name: (name, read_binary) for name in ("nonce", "initial_state", "runtime_data", "quote")},
    "mrenclave": ("claimed_mrenclave", _claimed_32),
    "mrsigner": ("claimed_mrsigner", _claimed_32),
    "report_data": ("claimed_report_data", _claimed_64),
    "isv_prodid": ("claimed_isv_prodid", read_claimed_number),
    "isv_svn": ("claimed_isv_svn", read_claimed_number),
    **{
        name: (f"claimed_{name}", read_text)
        for name in ("quote_status", "pck_cert_status", "tcb_level", "policy_mode")
    },
    "policy_allowed": ("claimed_policy_allowed", read_flag),
    "sgx_extensions": ("sgx_extensions", read_words),
    "siem_forwarded": ("siem_forwarded", read_flag),
}

_LAUNCH_FIELDS: dict[str, tuple[str, Reader]] = {
    **_WHO,
    "timestamp": ("timestamp", read_time),
    **{name: (name, read_text) for name in ("runtime", "image", "image_digest")},
    "initial_state": ("initial_state", read_binary),
    "expects_attestation": ("expects_attestation", read_flag),
}

_NONCE_FIELDS: dict[str, tuple[str, Reader]] = {
    "timestamp": ("timestamp", read_time),
    "nonce": ("nonce", read_binary),
    **{name: (name, read_text) for name in ("issuer", "enclave_id", "session_id")},
    "expires_at": ("expires_at", read_time),
}

_RELEASE_FIELDS: dict[str, tuple[str, Reader]] = {
    "timestamp": ("timestamp", read_time),
    **{name: (name, read_text) for name in ("session_id", "enclave_id", "secret_id")},
}


@dataclass(frozen=True, slots=True)
class EventType:
    """Where events of a type are stored. `typed`: the table has an `event_type` column."""

    table: str
    fields: dict[str, tuple[str, Reader]]
    typed: bool


# Any other type is a statement that somebody logged about evidence: an observation.
OBSERVATION = EventType("observation", OBSERVATION_FIELDS, typed=True)

EVENT_TYPES = {
    "enclave_launch": EventType("launch", _LAUNCH_FIELDS, typed=True),
    "enclave_stop": EventType("launch", _LAUNCH_FIELDS, typed=True),
    "nonce_issued": EventType("nonce", _NONCE_FIELDS, typed=False),
    "secret_released": EventType("release", _RELEASE_FIELDS, typed=False),
}
