"""Records -> Arrow rows that are not numbered yet: all that can be made of them without the case.

`Builder` gathers, `Batch` is what it gives, and the case's `Intake` numbers it. A batch can be
made in another process and sent as bytes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from forensics.case.files import TABLES, build_rows, build_table
from forensics.case.framing import join_messages, split_messages
from forensics.case.records import Record, SourceHeader
from forensics.case.splitter import QuoteSplitter, Row, SplitQuote
from forensics.case.tables import QUOTE
from forensics.case.text import clean_text
from forensics.errors import CustodyError, EvidenceError

QUARANTINE_LIMIT = 1 << 20  # bytes of a record that are kept; its SHA-256 covers all of it

OBSERVATION = "observation"

# Tables whose rows are stored once, by this column.
UNIQUE = {
    "statement": "statement_id",
    "certification": "certification_id",
    "certification_data": "certification_data_id",
    "document": "document_id",
    "crl": "crl_id",
    "certificate": "certificate_id",
}
QUOTE_PARTS = frozenset({"statement", "certification", "certification_data"})
PLACED = frozenset(name for name, table in TABLES.items() if "source_line" in table.names)

# Small enough for the rows to stay in the processor's cache until they are Arrow columns.
_FULL_QUOTES = 1 << 10
_FULL_BYTES = 16 << 20
_ROW_BYTES = 1 << 10  # what a row of small values weighs as Python objects, roughly

_HEX_64 = re.compile(r"(?:0x)?([0-9A-Fa-f]{128})")
_BASE64_64 = re.compile(r"[A-Za-z0-9+/_-]{86}(?:==)?")
_URL_SAFE = str.maketrans("-_", "+/")
_PLACES = "places"


@dataclass(frozen=True)
class Taken:
    """What became of one record."""

    rows: int
    quarantined: int


@dataclass(frozen=True)
class Batch:
    """Rows by table, in order; `observation_no` and `quote_no` are null.

    `places` has one value an observation: the place of its quote in the table `quote`, or null.
    `taken` counts what came in, by table, so that a lost row is noticed.
    """

    tables: dict[str, pa.Table]
    places: pa.Array
    taken: dict[str, int]

    def to_bytes(self) -> bytes:
        """For another process of this program, and read by `from_bytes` alone."""
        places = pa.table({_PLACES: self.places})
        tables = {name: _write_stream(data) for name, data in self.tables.items()}
        parts = [json.dumps(self.taken).encode(), json.dumps(list(tables)).encode()]
        parts += [_write_stream(places), *tables.values()]
        return join_messages(parts)

    @classmethod
    def from_bytes(cls, data: bytes | memoryview) -> Batch:
        taken, names, places, *tables = split_messages(data)
        read = [pa.ipc.open_stream(pa.py_buffer(part)).read_all() for part in (places, *tables)]
        named = dict(zip(json.loads(bytes(names)), read[1:], strict=True))
        return cls(named, read[0][_PLACES].combine_chunks(), json.loads(bytes(taken)))


def _write_stream(data: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, data.schema) as writer:
        writer.write_table(data)
    return bytes(sink.getvalue().to_pybytes())


class Builder:
    """Gathers rows; `is_new(table, id)` says whether a part that is stored once is seen first."""

    def __init__(self, is_new: Callable[[str, bytes], bool]) -> None:
        self._is_new = is_new
        self._splitter = QuoteSplitter(self._keep)
        self._clear()

    def _clear(self) -> None:
        self._rows: dict[str, list[Row]] = {}
        self._places: list[int | None] = []
        self._quotes: list[SplitQuote] = []
        self._taken: Counter[str] = Counter()
        self._weight = 0

    @property
    def full(self) -> bool:
        return self._weight >= _FULL_BYTES or len(self._quotes) >= _FULL_QUOTES

    def put(self, table: str, row: Row) -> None:
        """Add a row."""
        self._rows.setdefault(table, []).append(row)
        self._taken[table] += 1
        self._weight += _ROW_BYTES
        if table == OBSERVATION:
            self._places.append(None)

    def take(self, record: Record, header: SourceHeader) -> Taken:
        """Add a record's rows. Raises `CustodyError` (`unaccounted-record`) when it has nothing."""
        if not record.rows and record.problem is None:
            message = f"a record of {clean_text(header.path)} gave nothing"
            raise CustodyError("unaccounted-record", message)
        rows = sum(self._put_row(table, row, record.line, header) for table, row in record.rows)
        quarantined = 0
        if record.quote is not None:
            quarantined += not self._take_quote(record, record.quote, header)
        if record.problem is not None:
            error = EvidenceError(
                record.problem.reason, record.problem.message, record.problem.offset
            )
            self._quarantine(record.line, record.data, error, header, record.problem.digest)
            quarantined += 1
        self._weight += len(record.data)
        return Taken(rows, quarantined)

    def build(self) -> Batch:
        """The rows so far; the builder starts over. Raises `CustodyError` (`unknown-column`)."""
        tables = {name: build_rows(TABLES[name], rows) for name, rows in self._rows.items()}
        if self._quotes:
            columns = zip(SplitQuote._fields, zip(*self._quotes, strict=True), strict=True)
            tables[QUOTE.name] = build_table(QUOTE, dict(columns))
        batch = Batch(tables, pa.array(self._places, pa.int64()), dict(self._taken))
        self._clear()
        return batch

    def _keep(self, table: str, key: bytes, make_row: Callable[[], Row]) -> bool:
        fresh = self._is_new(table, key)
        if fresh:
            self.put(table, make_row())
        return fresh

    def _put_row(self, table: str, row: Row, line: int | None, header: SourceHeader) -> bool:
        key = UNIQUE.get(table)
        if key is not None:
            identity = row[key]
            assert isinstance(identity, bytes)
            return self._keep(table, identity, lambda: row)
        row["source_id"] = header.source_id
        if table in PLACED:
            row["source_line"] = line
        self.put(table, row)
        return True

    def _take_quote(self, record: Record, data: bytes, header: SourceHeader) -> bool:
        """File the quote under the last observation; false when it is quarantined."""
        table, observation = record.rows[-1] if record.rows else ("", {})
        if table != OBSERVATION:
            message = f"a record of {clean_text(header.path)} has a lone quote"
            raise CustodyError("unaccounted-record", message)
        try:
            split = self._splitter.split(data)
        except EvidenceError as error:
            self._quarantine(record.line, data, error, header)
            return False
        _compare_report_data(observation, split.report_data)
        self._places[-1] = len(self._quotes)
        self._quotes.append(split)
        return True

    def _quarantine(
        self,
        line: int | None,
        data: bytes,
        error: EvidenceError,
        header: SourceHeader,
        digest: bytes | None = None,
    ) -> None:
        """`digest`: of the whole record, where `data` is only its beginning."""
        self.put(
            "quarantine",
            {
                "source_id": header.source_id,
                "source_line": line,
                "byte_offset": error.offset,
                "reason": error.code,
                "message": error.message,
                "sha256": digest or hashlib.sha256(data).digest(),
                "data": data[:QUARANTINE_LIMIT],
            },
        )
        self._weight += min(len(data), QUARANTINE_LIMIT)


def _compare_report_data(observation: Row, report_data: bytes) -> None:
    """Replace a claim that repeats the quote's own REPORT_DATA by a flag that says so."""
    claim = observation.get("claimed_report_data")
    if not isinstance(claim, str):
        return
    same = claim == report_data.hex() or _decode_claim(claim) == report_data
    observation["report_data_claimed_as_quoted"] = same
    if same:
        observation["claimed_report_data"] = None


def _decode_claim(claim: str) -> bytes | None:
    """64 bytes from hex or base64 (either alphabet); null when it is neither."""
    match = _HEX_64.fullmatch(claim)
    if match:
        return bytes.fromhex(match[1])
    if not _BASE64_64.fullmatch(claim):
        return None
    try:
        return base64.b64decode(claim.rstrip("=").translate(_URL_SAFE) + "==", validate=True)
    except binascii.Error:
        return None
