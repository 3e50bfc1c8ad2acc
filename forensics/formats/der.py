"""A minimal, strict DER reader: definite lengths, bounded depth by construction, no recursion.

Used where the structure is Intel's own (the SGX extension of PCK certificates), which general
certificate libraries hand over as opaque bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from forensics.errors import EvidenceError

BOOLEAN = 0x01
INTEGER = 0x02
BIT_STRING = 0x03
OCTET_STRING = 0x04
OBJECT_ID = 0x06
ENUMERATED = 0x0A
SEQUENCE = 0x30
IA5_STRING = 0x16

_EXPLICIT_VERSION = 0xA0  # TBSCertificate.version [0], absent in version 1 certificates
_FIELDS_BEFORE_KEY = 5  # serialNumber, signature, issuer, validity, subject


def read_element(data: bytes, offset: int = 0) -> tuple[int, bytes, int]:
    """`(tag, contents, end)` of the element at `offset`. Raises `EvidenceError` (`bad-der`)."""
    if offset + 2 > len(data):
        raise EvidenceError("bad-der", "element header is cut off", offset)
    tag, length = data[offset], data[offset + 1]
    start = offset + 2
    if length & 0x80:
        size = length & 0x7F
        if not 1 <= size <= 4 or start + size > len(data):
            raise EvidenceError("bad-der", "unusable length", offset)
        length = int.from_bytes(data[start : start + size], "big")
        if length < 0x80 or (size > 1 and data[start] == 0):
            raise EvidenceError("bad-der", "length is not minimal", offset)
        start += size
    end = start + length
    if end > len(data):
        raise EvidenceError("bad-der", "contents are cut off", offset)
    return tag, data[start:end], end


def read_exactly(data: bytes, tag: int) -> bytes:
    """Contents of `data`, which must be one element of that tag and nothing else."""
    found, contents, end = read_element(data)
    if found != tag or end != len(data):
        raise EvidenceError("bad-der", f"expected one element of tag {tag:#x}")
    return contents


def iterate_elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """`(tag, contents)` of the elements that stand side by side in `data`."""
    offset = 0
    while offset < len(data):
        tag, contents, offset = read_element(data, offset)
        yield tag, contents


def decode_integer(contents: bytes) -> int:
    """A non-negative, minimally encoded INTEGER or ENUMERATED."""
    if not contents or (len(contents) > 1 and contents[0] == 0 and contents[1] < 0x80):
        raise EvidenceError("bad-der", "integer is not minimal")
    value = int.from_bytes(contents, "big", signed=True)
    if value < 0:
        raise EvidenceError("bad-der", "negative integer")
    return value


@lru_cache(maxsize=1 << 10)  # certificates repeat a few
def decode_object_id(contents: bytes) -> str:
    """Dotted decimal form of an OBJECT IDENTIFIER."""
    if not contents or len(contents) > 64 or contents[-1] & 0x80:
        raise EvidenceError("bad-der", "unusable object identifier")
    arcs: list[int] = []
    value = 0
    for position, byte in enumerate(contents):
        starts = position == 0 or not contents[position - 1] & 0x80
        if starts and byte == 0x80:
            raise EvidenceError("bad-der", "object identifier is not minimal")
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def extract_public_key_info(certificate: bytes) -> bytes:
    """The SubjectPublicKeyInfo of a certificate, DER. Raises `EvidenceError` (`bad-der`).

    Source: RFC 5280, 4.1 (Certificate, TBSCertificate).
    """
    signed = next((body for _, body in iterate_elements(read_exactly(certificate, SEQUENCE))), b"")
    position = 0
    tag, _, end = read_element(signed, position)
    skipped = _FIELDS_BEFORE_KEY + (tag == _EXPLICIT_VERSION)
    for _ in range(skipped):
        position = end
        tag, _, end = read_element(signed, position)
    if tag != SEQUENCE:
        raise EvidenceError("bad-der", "no public key where a certificate has one", position)
    return signed[position:end]
