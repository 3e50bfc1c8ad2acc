"""Quotes: bytes <-> parts, without losing or inventing a byte.

`parse_quote` follows `spec`'s structure as Intel's QVL reads it (QuoteVerification/Src,
Quote.cpp and QuoteStructures.cpp), but it keeps what QVL would refuse as long as the parts can be
told apart: a quote with a foreign vendor id or a wrong outer certification type is *evidence*
that must stay in history; the checks F2 and F3 then fail. What cannot be told apart raises
`EvidenceError`, and nothing else is ever raised.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from forensics.errors import EvidenceError
from forensics.formats.layout import Layout, Value
from forensics.formats.structures import (
    BODIES_V5,
    BODY_DESCRIPTOR_V5,
    HEADER_V4,
    HEADERS,
    INTEL_QE_VENDOR_ID,
    KEY_TYPE_ECDSA_P256,
    KEY_TYPES,
    SGX_REPORT,
    TD_REPORT_10,
    TEE_SGX,
    TEE_TDX,
)

MIN_QUOTE_SIZE = 1020  # QVL QuoteConstants.h QUOTE_MIN_SIZE
MAX_QUOTE_SIZE = 1 << 20  # ours: a real quote is about 5 KiB, buffers are padded to 8 KiB

CERTIFICATION_PCK_CHAIN = 5
CERTIFICATION_QE_REPORT = 6

_HEADER_SIZE = HEADER_V4.size
_REPORT_SIZE = SGX_REPORT.size


@dataclass(frozen=True)
class Quote:
    """The parts of one quote, as bytes; `to_bytes` gives the original back.

    `signed` is header, v5 body descriptor and body: exactly what the attestation key signs.
    Signatures are `r ‖ s`, keys are `X ‖ Y`, each half 32 bytes big-endian.
    `slack` is what follows the certification data inside the declared signature length,
    `outer_slack` the same inside the outer (type 6) block of v4 and v5, and `trailing` what
    follows the declared end.
    """

    version: int
    body_layout: Layout
    signed: bytes
    signature: bytes
    attestation_key: bytes
    qe_report: bytes
    qe_signature: bytes
    qe_auth_data: bytes
    certification_type: int
    certification_data: bytes
    outer_certification_type: int | None
    outer_slack: bytes = b""
    slack: bytes = b""
    trailing: bytes = field(default=b"", repr=False)

    @property
    def tee(self) -> str:
        """`sgx` or `tdx`, by the body that is really there."""
        return "sgx" if self.body_layout is SGX_REPORT else "tdx"

    @property
    def body_offset(self) -> int:
        return len(self.signed) - self.body_layout.size

    @cached_property
    def header(self) -> dict[str, Value]:
        """Header fields, with the body descriptor's for v5."""
        values = HEADERS[self.version].parse(self.signed)
        if self.version == 5:
            values |= BODY_DESCRIPTOR_V5.parse(self.signed, _HEADER_SIZE)
        return values

    @cached_property
    def body(self) -> dict[str, Value]:
        return self.body_layout.parse(self.signed, self.body_offset)

    @cached_property
    def qe_body(self) -> dict[str, Value]:
        """Fields of the quoting enclave's own report."""
        return SGX_REPORT.parse(self.qe_report)

    @property
    def signature_r(self) -> bytes:
        return self.signature[:32]

    @property
    def signature_s(self) -> bytes:
        return self.signature[32:]

    @property
    def report_data_offset(self) -> int:
        """Offset of REPORT_DATA in `signed`."""
        return self.body_offset + self.body_layout["report_data"].offset

    @property
    def report_data(self) -> bytes:
        return self.signed[self.report_data_offset : self.report_data_offset + 64]

    @property
    def statement(self) -> bytes:
        """The signed bytes with REPORT_DATA cut out: what a fleet repeats from quote to quote."""
        start = self.report_data_offset
        return self.signed[:start] + self.signed[start + 64 :]

    def to_bytes(self) -> bytes:
        """The original bytes, as seen."""
        inner = (
            self.qe_report
            + self.qe_signature
            + len(self.qe_auth_data).to_bytes(2, "little")
            + self.qe_auth_data
            + self.certification_type.to_bytes(2, "little")
            + len(self.certification_data).to_bytes(4, "little")
            + self.certification_data
        )
        if self.outer_certification_type is not None:
            inner += self.outer_slack
            inner = (
                self.outer_certification_type.to_bytes(2, "little")
                + len(inner).to_bytes(4, "little")
                + inner
            )
        data = self.signature + self.attestation_key + inner + self.slack
        return self.signed + len(data).to_bytes(4, "little") + data + self.trailing


def looks_like_quote(head: bytes) -> bool:
    """A quote header, also of a damaged quote: a known version, or Intel's QE vendor id."""
    # These fields lie alike in every version; what a short head lacks is padded to no known value.
    header = HEADER_V4.parse(head.ljust(_HEADER_SIZE, b"\xff"))
    return header["qe_vendor_id"] == INTEL_QE_VENDOR_ID or (
        header["version"] in HEADERS
        and header["att_key_type"] in KEY_TYPES
        and header["tee_type"] in (TEE_SGX, TEE_TDX)
    )


def parse_quote(data: bytes) -> Quote:
    """Parse an SGX (v3, v4, v5) or TDX (v4, v5) quote.

    Raises `EvidenceError` only; its code is one of `too-short`, `too-large`,
    `unsupported-version`, `unsupported-key-type`, `unsupported-tee`, `unsupported-body`,
    `truncated` and `length-mismatch`.
    """
    data = bytes(data)
    if len(data) < MIN_QUOTE_SIZE:
        raise EvidenceError("too-short", f"{len(data)} bytes; a quote has {MIN_QUOTE_SIZE} or more")
    if len(data) > MAX_QUOTE_SIZE:
        raise EvidenceError("too-large", f"{len(data)} bytes; the limit is {MAX_QUOTE_SIZE}")
    version = int.from_bytes(data[0:2], "little")
    if version not in HEADERS:
        raise EvidenceError("unsupported-version", f"quote version {version}", 0)
    key_type = int.from_bytes(data[2:4], "little")
    if key_type != KEY_TYPE_ECDSA_P256:
        raise EvidenceError("unsupported-key-type", f"attestation key type {key_type}", 2)
    body_layout, body_offset = _locate_body(data, version)

    end = body_offset + body_layout.size
    cursor = _Cursor(data, end, len(data))
    signature_data = cursor.take_sized(4, "signature data")
    trailing = data[cursor.position :]
    cursor = _Cursor(data, end + 4, end + 4 + len(signature_data))
    signature = cursor.take(64, "quote signature")
    attestation_key = cursor.take(64, "attestation key")

    outer_type: int | None = None
    outer_slack = b""
    inner = cursor
    if version >= 4:
        outer_type = cursor.take_integer(2, "outer certification type")
        start = cursor.position + 4
        outer = cursor.take_sized(4, "outer certification data")
        inner = _Cursor(data, start, start + len(outer))
    qe_report = inner.take(_REPORT_SIZE, "QE report")
    qe_signature = inner.take(64, "QE report signature")
    qe_auth_data = inner.take_sized(2, "QE authentication data")
    certification_type = inner.take_integer(2, "certification type")
    certification_data = inner.take_sized(4, "certification data")
    if version >= 4:
        outer_slack = inner.rest()
    return Quote(
        version=version,
        body_layout=body_layout,
        signed=data[:end],
        signature=signature,
        attestation_key=attestation_key,
        qe_report=qe_report,
        qe_signature=qe_signature,
        qe_auth_data=qe_auth_data,
        certification_type=certification_type,
        certification_data=certification_data,
        outer_certification_type=outer_type,
        outer_slack=outer_slack,
        slack=cursor.rest(),
        trailing=trailing,
    )


def _locate_body(data: bytes, version: int) -> tuple[Layout, int]:
    """The body's layout and its offset. The body type, not `tee_type`, decides in v5."""
    if version == 3:
        return SGX_REPORT, _HEADER_SIZE
    if version == 4:
        tee_type = int.from_bytes(data[4:8], "little")
        if tee_type not in (TEE_SGX, TEE_TDX):
            raise EvidenceError("unsupported-tee", f"TEE type {tee_type:#x}", 4)
        return (SGX_REPORT if tee_type == TEE_SGX else TD_REPORT_10), _HEADER_SIZE
    body_type, body_size = BODY_DESCRIPTOR_V5.parse(data, _HEADER_SIZE).values()
    layout = BODIES_V5.get(int(body_type))
    if layout is None:
        raise EvidenceError("unsupported-body", f"body type {int(body_type)}", 48)
    if body_size != layout.size:
        message = f"body size {int(body_size)}, its type has {layout.size}"
        raise EvidenceError("length-mismatch", message, 50)
    return layout, _HEADER_SIZE + BODY_DESCRIPTOR_V5.size


class _Cursor:
    """Takes bytes from `data` up to `end`, and never fewer than asked for."""

    __slots__ = ("data", "end", "position")

    def __init__(self, data: bytes, position: int, end: int) -> None:
        self.data = data
        self.position = position
        self.end = end

    def take(self, size: int, what: str) -> bytes:
        start, stop = self.position, self.position + size
        if stop > self.end:
            message = f"{what}: {size} bytes declared, {max(self.end - start, 0)} left"
            raise EvidenceError("truncated", message, start)
        self.position = stop
        return self.data[start:stop]

    def take_integer(self, size: int, what: str) -> int:
        return int.from_bytes(self.take(size, what), "little")

    def take_sized(self, length_size: int, what: str) -> bytes:
        """A block that its own little-endian length precedes."""
        return self.take(self.take_integer(length_size, what + " length"), what)

    def rest(self) -> bytes:
        return self.take(self.end - self.position, "rest")
