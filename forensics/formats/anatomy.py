"""Every byte of a quote or report, in order: its field, and which signature covers it.

The pieces stand back to back, from byte 0 to the last; no part of a quote is outside them. What no
signature covers can be changed, and the quote still verifies: whoever compares quotes by the hash
of the file is misled by exactly these bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from forensics.errors import EvidenceError
from forensics.formats.evidence import Evidence
from forensics.formats.layout import Kind, Layout
from forensics.formats.pem import locate_pem
from forensics.formats.quote import CERTIFICATION_PCK_CHAIN, Quote
from forensics.formats.snp import SnpReport
from forensics.formats.structures import (
    BODY_DESCRIPTOR_V5,
    HEADERS,
    SGX_REPORT,
    SNP_REPORT_SIZE,
    SNP_SIGNED_SIZE,
)


class Cover(StrEnum):
    """What notices a change of the bytes, with the check that then fails."""

    quote_signature = "quote signature (K5)"
    qe_signature = "QE report signature (K1)"
    qe_report_data = "hash in the QE report (K2)"
    issuers = "its issuer's signature (P3-P5)"
    report_signature = "report signature (N4)"
    structure = "no signature; another value does not parse or fails F3 or F4"
    signature = "is a signature: s and n - s both verify"
    nothing = "no signature"


UNSIGNED = frozenset((Cover.structure, Cover.signature, Cover.nothing))


@dataclass(frozen=True, slots=True)
class Piece:
    """One field, `data` at `offset` of the quote; integers little-endian."""

    part: str
    name: str
    offset: int
    data: bytes
    kind: Kind
    doc: str
    spec: str
    cover: Cover

    @property
    def value(self) -> int | bytes:
        if self.kind in ("u16", "u32", "u64"):
            return int.from_bytes(self.data, "little")
        return self.data


_Part = tuple[str, bytes, Kind, str, Cover]  # name, bytes, kind, meaning, what covers it

HEADER, BODY, QE_REPORT = "header", "body", "QE report"
REPORT = "report"
SIGNATURE_DATA, QE_SIGNATURE = "signature data", "QE signature"
CERTIFICATION, AFTER = "certification data", "after the end"
_BEGINNINGS = {
    "qe_signature_r": QE_SIGNATURE,
    "certification_type": CERTIFICATION,
    "trailing": AFTER,
}
_SPEC = {3: "sgx_quote_3.h", 4: "sgx_quote_4.h", 5: "sgx_quote_5.h"}


def dissect_quote(quote: Evidence) -> tuple[Piece, ...]:
    """All pieces of a quote or report; their data, joined, is `quote.to_bytes()`."""
    return tuple(_iterate_report(quote) if isinstance(quote, SnpReport) else _iterate(quote))


def _iterate_report(report: SnpReport) -> Iterator[Piece]:
    data = report.to_bytes()
    for piece in _split(REPORT, report.layout, data, 0, Cover.report_signature):
        if piece.offset < SNP_SIGNED_SIZE:
            yield piece
        elif piece.name == "snp_unsigned":
            yield replace(piece, cover=Cover.nothing)
        else:
            yield replace(piece, part=SIGNATURE_DATA, cover=Cover.signature)
    if report.trailing:
        doc, source = "follows the report", report.layout.fields[0].spec
        offset, data = SNP_REPORT_SIZE, report.trailing
        yield Piece(AFTER, "trailing", offset, data, "bytes", doc, source, Cover.nothing)


def _iterate(quote: Quote) -> Iterator[Piece]:
    yield from _split_signed(quote)
    position = len(quote.signed)
    part = SIGNATURE_DATA
    for name, data, kind, doc, cover in _signature_parts(quote):
        part = _BEGINNINGS.get(name, part)
        if name == QE_REPORT:
            yield from _split(QE_REPORT, SGX_REPORT, data, position, Cover.qe_signature)
        elif data:
            yield Piece(part, name, position, data, kind, doc, _SPEC[quote.version], cover)
        position += len(data)


def _split_signed(quote: Quote) -> Iterator[Piece]:
    header = HEADERS[quote.version]
    yield from _split(HEADER, header, quote.signed, 0, Cover.quote_signature)
    if quote.version == 5:
        data = quote.signed[header.size :]
        yield from _split(HEADER, BODY_DESCRIPTOR_V5, data, header.size, Cover.quote_signature)
    start = quote.body_offset
    yield from _split(BODY, quote.body_layout, quote.signed[start:], start, Cover.quote_signature)


def _split(part: str, layout: Layout, data: bytes, start: int, cover: Cover) -> Iterator[Piece]:
    for field in layout:
        value = data[field.offset : field.offset + field.size]
        place = start + field.offset
        yield Piece(part, field.name, place, value, field.kind, field.doc, field.spec, cover)


def _signature_parts(quote: Quote) -> Iterator[_Part]:
    """What follows the signed region. The order is that of `Quote.to_bytes`."""
    outer = quote.outer_certification_type
    inner_size = (
        *(len(quote.qe_report), len(quote.qe_signature), 2, len(quote.qe_auth_data)),
        *(2, 4, len(quote.certification_data), len(quote.outer_slack)),
    )
    total = 64 + 64 + sum(inner_size) + (0 if outer is None else 6) + len(quote.slack)
    yield _size("signature_data_size", 4, total, "bytes that follow, up to the declared end")
    for name, data, doc in (
        ("signature_r", quote.signature[:32], "r of the signature over header and body"),
        ("signature_s", quote.signature[32:], "s of the signature over header and body"),
    ):
        yield name, data, "bytes", doc, Cover.signature
    yield (
        *("attestation_key", quote.attestation_key, "bytes"),
        *("public key that signed the quote, X ‖ Y", Cover.qe_report_data),
    )
    if outer is not None:
        doc = "6 = QE report and what certifies it"
        yield "outer_certification_type", _u16(outer), "u16", doc, Cover.structure
        yield _size("outer_certification_size", 4, sum(inner_size), "bytes of this block")
    yield QE_REPORT, quote.qe_report, "bytes", "", Cover.qe_signature
    for name, data, doc in (
        ("qe_signature_r", quote.qe_signature[:32], "r of the PCK key's signature, QE report"),
        ("qe_signature_s", quote.qe_signature[32:], "s of the PCK key's signature, QE report"),
    ):
        yield name, data, "bytes", doc, Cover.signature
    yield _size("qe_auth_data_size", 2, len(quote.qe_auth_data), "bytes that follow")
    doc = "chosen by the quoting enclave"
    yield "qe_auth_data", quote.qe_auth_data, "bytes", doc, Cover.qe_report_data
    kind = _u16(quote.certification_type)
    yield "certification_type", kind, "u16", "5 = PCK certificate chain", Cover.structure
    yield _size("certification_size", 4, len(quote.certification_data), "bytes that follow")
    yield from _split_certification(quote)
    doc = "left over inside the outer block"
    yield "outer_slack", quote.outer_slack, "bytes", doc, Cover.nothing
    doc = "left over inside the declared size"
    yield "slack", quote.slack, "bytes", doc, Cover.nothing
    yield "trailing", quote.trailing, "bytes", "follows the declared end", Cover.nothing


def _split_certification(quote: Quote) -> Iterator[_Part]:
    """Each PEM certificate, and the text around them; one piece where it is anything else."""
    data = quote.certification_data
    try:
        spans = locate_pem(data) if quote.certification_type == CERTIFICATION_PCK_CHAIN else []
    except EvidenceError:
        spans = []
    if not spans:
        doc = "no PEM certificate chain"
        yield "certification_text", data, "bytes", doc, Cover.nothing
        return
    end = 0
    for number, (start, stop) in enumerate(spans):
        doc = "line breaks, comments: no part of a certificate"
        yield f"text_before_certificate_{number}", data[end:start], "bytes", doc, Cover.nothing
        doc = "PEM; its line breaks and outer signature are not covered"
        yield f"certificate_{number}", data[start:stop], "bytes", doc, Cover.issuers
        end = stop
    doc = "line breaks, NUL: no part of a certificate"
    yield "text_after_certificates", data[end:], "bytes", doc, Cover.nothing


def _size(name: str, width: int, value: int, doc: str) -> _Part:
    kind: Kind = "u16" if width == 2 else "u32"
    return name, value.to_bytes(width, "little"), kind, doc, Cover.structure


def _u16(value: int) -> bytes:
    return value.to_bytes(2, "little")
