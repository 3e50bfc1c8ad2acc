"""SEV-SNP attestation reports: bytes <-> parts, without losing or inventing a byte.

A report has a fixed size and carries no certificate: what signed it is found by its chip id and
reported TCB. Unlike a quote, its signature is two little-endian numbers of 72 bytes, of which P-384
uses 48, and the 368 bytes after it are covered by nothing. Source: AMD 56860 (SEV-SNP Firmware ABI
Specification), ATTESTATION_REPORT.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from forensics.errors import EvidenceError
from forensics.formats.layout import Layout, Value
from forensics.formats.structures import (
    SNP_HOST_VMPL,
    SNP_REPORT_SIZE,
    SNP_REPORTS,
    SNP_SIGNATURE_ECDSA_P384,
    SNP_SIGNED_SIZE,
    SNP_VERSIONS,
)

NUMBER_SIZE = 72
COORDINATE_SIZE = 48  # of P-384
UNSIGNED_SIZE = SNP_REPORT_SIZE - SNP_SIGNED_SIZE - 2 * NUMBER_SIZE

_REPORT_DATA = SNP_REPORTS[2]["report_data"].offset
_GUEST_LEVELS = 4


@dataclass(frozen=True)
class SnpReport:
    """The parts of one report, as bytes; `to_bytes` gives the original back.

    `signed` is what the VCEK or VLEK signs. `signature_r` and `signature_s` are big-endian, 48
    bytes each, or 72 where the bytes above are not zero (then nothing verifies). `slack` is the
    unsigned rest of the structure, empty when it is all zero, and `trailing` what follows it.
    """

    signed: bytes
    signature_r: bytes
    signature_s: bytes
    slack: bytes = b""
    trailing: bytes = field(default=b"", repr=False)

    tee = "snp"

    @property
    def version(self) -> int:
        return int.from_bytes(self.signed[:4], "little")

    @property
    def layout(self) -> Layout:
        return SNP_REPORTS[self.version]

    @cached_property
    def body(self) -> dict[str, Value]:
        """All fields of the signed part."""
        layout = self.layout
        values = layout.parse(self.signed.ljust(SNP_REPORT_SIZE, b"\0"))
        return {f.name: values[f.name] for f in layout if f.offset < SNP_SIGNED_SIZE}

    def octets(self, name: str) -> bytes:
        """A field of the signed part that is bytes."""
        value = self.body[name]
        assert isinstance(value, bytes)
        return value

    @property
    def report_data_offset(self) -> int:
        """Offset of REPORT_DATA in `signed`."""
        return _REPORT_DATA

    @property
    def report_data(self) -> bytes:
        return self.signed[_REPORT_DATA : _REPORT_DATA + 64]

    @property
    def statement(self) -> bytes:
        """The signed bytes with REPORT_DATA cut out, as of a quote."""
        return self.signed[:_REPORT_DATA] + self.signed[_REPORT_DATA + 64 :]

    @property
    def signature(self) -> bytes:
        """`r ‖ s`, big-endian; 96 bytes where both fit P-384."""
        return self.signature_r + self.signature_s

    def to_bytes(self) -> bytes:
        """The original bytes, as seen."""
        numbers = _store_number(self.signature_r) + _store_number(self.signature_s)
        unsigned = self.slack or bytes(UNSIGNED_SIZE)
        return self.signed + numbers + unsigned + self.trailing


def looks_like_report(head: bytes, size: int) -> bool:
    """A report's beginning: a known version, and its size or a plausible level and algorithm.

    No quote begins so: the upper half of the version would be its key type, which is not zero.
    """
    # These fields lie alike in every version; what a short head lacks is padded to no known value.
    fields = SNP_REPORTS[2].parse(head.ljust(SNP_REPORT_SIZE, b"\xff"))
    if fields["version"] not in SNP_VERSIONS:
        return False
    level, algorithm = int(fields["vmpl"]), fields["signature_algo"]
    known_level = level < _GUEST_LEVELS or level == SNP_HOST_VMPL
    return size == SNP_REPORT_SIZE or (known_level and algorithm == SNP_SIGNATURE_ECDSA_P384)


def parse_report(data: bytes) -> SnpReport:
    """Parse an SEV-SNP attestation report, version 2 to 5.

    Raises `EvidenceError` only: `truncated` and `unsupported-version`.
    """
    data = bytes(data)
    if len(data) < SNP_REPORT_SIZE:
        message = f"{len(data)} bytes; an SEV-SNP report has {SNP_REPORT_SIZE}"
        raise EvidenceError("truncated", message, len(data))
    version = int.from_bytes(data[:4], "little")
    if version not in SNP_VERSIONS:
        raise EvidenceError("unsupported-version", f"SEV-SNP report version {version}", 0)
    middle = SNP_SIGNED_SIZE + NUMBER_SIZE
    end = middle + NUMBER_SIZE
    unsigned = data[end:SNP_REPORT_SIZE]
    return SnpReport(
        signed=data[:SNP_SIGNED_SIZE],
        signature_r=_read_number(data[SNP_SIGNED_SIZE:middle]),
        signature_s=_read_number(data[middle:end]),
        slack=unsigned if any(unsigned) else b"",
        trailing=data[SNP_REPORT_SIZE:],
    )


def _read_number(data: bytes) -> bytes:
    """72 little-endian bytes -> big-endian, 48 where the rest is zero."""
    low, high = data[:COORDINATE_SIZE], data[COORDINATE_SIZE:]
    return (data if any(high) else low)[::-1]


def _store_number(number: bytes) -> bytes:
    return number[::-1].ljust(NUMBER_SIZE, b"\0")
