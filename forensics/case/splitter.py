"""A quote -> the parts that the case stores, each repeated part once.

A fleet sends the same 4 KiB of certificate chain and QE report with every quote. The splitter
parses each distinct surrounding once (`parse_quote`) and remembers it by its *whole bytes*; a
quote in known surroundings is then cut by offsets alone. That is exact, not a guess: what
`parse_quote` makes of a quote depends on the first 54 bytes (version, TEE, body) and on what
follows the body, the 64 bytes of the quote signature aside.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from forensics.case.tables import SNP_REPORT_COLUMNS
from forensics.formats.evidence import Evidence, parse_evidence
from forensics.formats.quote import Quote
from forensics.formats.snp import SnpReport

Row = dict[str, object]

_SNP_FIELDS = ("version", *(column.name for column in SNP_REPORT_COLUMNS))
# Header, v5 body descriptor: all bytes that decide where the body lies.
_PREFIX_SIZE = 54
_SIGNATURE_SIZE = 64
_KEY_SIZE = 64
_REPORT_DATA_SIZE = 64
_LENGTH_SIZE = 4
# Surroundings in memory, in bytes: enough for thousands of platforms, forgotten all at once.
_MEMORY_LIMIT = 32 << 20


class SplitQuote(NamedTuple):
    """A row of the table `quote`, its number aside, in the order of the declared columns."""

    quote_id: bytes
    statement_id: bytes
    report_data: bytes
    signature_r: bytes | None
    signature_s: bytes | None
    certification_id: bytes | None
    outer_certification_type: int | None
    outer_slack: bytes
    slack: bytes
    size: int
    trailing_size: int
    trailing: bytes | None
    wide_r: bytes | None = None
    wide_s: bytes | None = None


class _Ending(NamedTuple):
    """What follows the quote signature, in bytes and as stored."""

    data: bytes
    certification_id: bytes
    outer_certification_type: int | None
    outer_slack: bytes
    slack: bytes
    trailing_size: int
    trailing: bytes | None


@dataclass(slots=True)
class _Shape:
    """Where things lie in quotes with the same first bytes, and the surroundings seen so far."""

    report_data_start: int
    signed_size: int
    statements: dict[bytes, bytes] = field(default_factory=dict)
    # By attestation key, which is quicker to look up than 4 KiB; the rest is compared in full.
    # Of several endings with one key the newest is remembered.
    endings: dict[tuple[bytes, bytes], _Ending] = field(default_factory=dict)


class QuoteSplitter:
    """Splits quotes; `keep(table, id, make_row)` is told each distinct part at least once."""

    def __init__(self, keep: Callable[[str, bytes, Callable[[], Row]], object]) -> None:
        self._keep = keep
        self._shapes: dict[bytes, _Shape] = {}
        self._remembered = 0

    def split(self, data: bytes) -> SplitQuote:
        """Raises `EvidenceError` as `parse_evidence` does."""
        shape = self._shapes.get(data[:_PREFIX_SIZE])
        if shape is None:
            return self._learn(data)
        start, end = shape.report_data_start, shape.signed_size
        head_end = start + _REPORT_DATA_SIZE
        signature_start = end + _LENGTH_SIZE
        signature_end = signature_start + _SIGNATURE_SIZE
        statement_id = shape.statements.get(data[:start] + data[head_end:end])
        key_end = signature_end + _KEY_SIZE
        ending = shape.endings.get((data[end:signature_start], data[signature_end:key_end]))
        if statement_id is None or ending is None or ending.data != data[signature_end:]:
            return self._learn(data)
        middle = signature_start + _SIGNATURE_SIZE // 2
        return SplitQuote(
            hashlib.sha256(data).digest(),
            statement_id,
            data[start:head_end],
            data[signature_start:middle],
            data[middle:signature_end],
            ending[1],
            ending[2],
            ending[3],
            ending[4],
            len(data),
            ending[5],
            ending[6],
        )

    def _learn(self, data: bytes) -> SplitQuote:
        quote = parse_evidence(data)
        statement_id = self._keep_statement(quote)
        if isinstance(quote, SnpReport):
            return _split_report(quote, statement_id, data)
        ending = self._keep_ending(quote, data)
        self._remember(data, quote, statement_id, ending)
        return SplitQuote(
            hashlib.sha256(data).digest(),
            statement_id,
            quote.report_data,
            quote.signature[:32],
            quote.signature[32:],
            *ending[1:5],
            len(data),
            *ending[5:],
        )

    def _remember(self, data: bytes, quote: Quote, statement_id: bytes, ending: _Ending) -> None:
        self._remembered += len(data)
        if self._remembered > _MEMORY_LIMIT:
            self._shapes = {}
            self._remembered = len(data)
        end = len(quote.signed)
        shape = self._shapes.setdefault(data[:_PREFIX_SIZE], _Shape(quote.report_data_offset, end))
        shape.statements[quote.statement] = statement_id
        length = data[end : end + _LENGTH_SIZE]
        shape.endings[length, quote.attestation_key] = ending

    def _keep_statement(self, quote: Evidence) -> bytes:
        head = quote.signed[: quote.report_data_offset]
        tail = quote.signed[quote.report_data_offset + _REPORT_DATA_SIZE :]
        statement_id = identify_statement(head, tail)

        def make_row() -> Row:
            row: Row = {"statement_id": statement_id, "tee": quote.tee, "head": head, "tail": tail}
            if isinstance(quote, SnpReport):
                return row | {name: quote.body.get(name) for name in _SNP_FIELDS}
            row |= quote.header
            row |= quote.body
            del row["report_data"]
            return row

        self._keep("statement", statement_id, make_row)
        return statement_id

    def _keep_ending(self, quote: Quote, data: bytes) -> _Ending:
        chain = quote.certification_data
        data_id = hashlib.sha256(chain).digest()
        certification_id = identify_certification(quote, data_id)

        def make_row() -> Row:
            return {
                "certification_id": certification_id,
                "attestation_key": quote.attestation_key,
                "qe_report": quote.qe_report,
                **{f"qe_{name}": value for name, value in quote.qe_body.items()},
                "qe_signature_r": quote.qe_signature[:32],
                "qe_signature_s": quote.qe_signature[32:],
                "qe_auth_data": quote.qe_auth_data,
                "certification_type": quote.certification_type,
                "certification_data_id": data_id,
            }

        self._keep(
            "certification_data",
            data_id,
            lambda: {"certification_data_id": data_id, "data": chain},
        )
        self._keep("certification", certification_id, make_row)
        return _Ending(
            data[len(quote.signed) + _LENGTH_SIZE + _SIGNATURE_SIZE :],
            certification_id,
            quote.outer_certification_type,
            quote.outer_slack,
            quote.slack,
            len(quote.trailing),
            _keep_trailing(quote),
        )


def _keep_trailing(quote: Evidence) -> bytes | None:
    """Buffers padded with zeros are common, and a count says all about them."""
    return quote.trailing if quote.trailing.strip(b"\0") else None


def _split_report(report: SnpReport, statement_id: bytes, data: bytes) -> SplitQuote:
    """A report shares nothing but its statement: it has no certificates."""
    return SplitQuote(
        quote_id=hashlib.sha256(data).digest(),
        statement_id=statement_id,
        report_data=report.report_data,
        signature_r=None,
        signature_s=None,
        certification_id=None,
        outer_certification_type=None,
        outer_slack=b"",
        slack=report.slack,
        size=len(data),
        trailing_size=len(report.trailing),
        trailing=_keep_trailing(report),
        wide_r=report.signature_r,
        wide_s=report.signature_s,
    )


def identify_statement(head: bytes, tail: bytes) -> bytes:
    """statement_id: SHA-256(u16 length of head ‖ head ‖ tail); little-endian."""
    return hashlib.sha256(len(head).to_bytes(2, "little") + head + tail).digest()


def identify_certification(quote: Quote, certification_data_id: bytes) -> bytes:
    """certification_id: SHA-256 over all parts, variable ones with their u16 length before them."""
    return hashlib.sha256(
        quote.attestation_key
        + quote.qe_report
        + quote.qe_signature
        + len(quote.qe_auth_data).to_bytes(2, "little")
        + quote.qe_auth_data
        + quote.certification_type.to_bytes(2, "little")
        + certification_data_id
    ).digest()
