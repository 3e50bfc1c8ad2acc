"""Records -> rows of the evidence tables, in batches of bounded size.

Rows are checked and numbered as they come. Quotes are looked up in the index a batch at a time,
then the batch becomes Arrow tables and leaves for the Parquet files.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from forensics.case.files import TABLES, ParquetFiles, build_table
from forensics.case.ids import IdIndex
from forensics.case.ledger import Ledger, clean_text
from forensics.case.records import Record, SourceHeader
from forensics.case.splitter import QuoteSplitter, Row, SplitQuote
from forensics.case.staging import Staging
from forensics.case.tables import QUOTE
from forensics.errors import CustodyError, EvidenceError

if TYPE_CHECKING:
    from forensics.case.writer import Summary

QUARANTINE_LIMIT = 1 << 20  # bytes of a record that are kept; its SHA-256 covers all of it

# Small enough for the rows to stay in the processor's cache until they are Arrow columns.
_BATCH_ROWS = 1 << 10
_BATCH_BYTES = 16 << 20
_ROW_BYTES = 1 << 10  # what a row of small values weighs as Python objects, roughly

# Tables whose rows are stored once, by this column.
_UNIQUE = {
    "statement": "statement_id",
    "certification": "certification_id",
    "certification_data": "certification_data_id",
    "document": "document_id",
    "crl": "crl_id",
    "certificate": "certificate_id",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HEX_64 = re.compile(r"(?:0x)?([0-9A-Fa-f]{128})")
_BASE64_64 = re.compile(r"[A-Za-z0-9+/_-]{86}(?:==)?")


class Intake:
    """The evidence side of one commit."""

    def __init__(self, root: Path, ledger: Ledger, staging: Staging, at: datetime) -> None:
        self._root = root
        self._ledger = ledger
        self._entry = staging.entry
        self._ingested_at = (at - _EPOCH) // timedelta(microseconds=1)
        self._files = ParquetFiles(staging)
        self._splitter = QuoteSplitter(self.keep)
        self._indexes: dict[str, IdIndex] = {}
        self._pending: dict[str, list[Row]] = {}
        self._quotes: list[tuple[Row, SplitQuote]] = []
        self._weight = 0
        self._counts: dict[str, int] = {}
        self._next_observation = ledger.rows("observation") + 1
        self._first_quote = self._next_quote = ledger.rows("quote") + 1

    def open_source(self, header: SourceHeader) -> SourceIntake:
        return SourceIntake(self, header)

    def put(self, table: str, row: Row) -> None:
        """Add a row."""
        if table == "observation":
            row["observation_no"] = self._next_observation
            self._next_observation += 1
        self._append(table, row)

    def keep(self, table: str, key: bytes, make_row: Callable[[], Row]) -> bool:
        """Add the row of a part that is stored once; false when the case has it already."""
        fresh = self._open_index(table).add(key)
        if fresh:
            self._append(table, make_row())
        return fresh

    def put_quote(self, observation: Row, data: bytes) -> None:
        """Add the quote of an observation. Raises `EvidenceError` where it cannot be parsed."""
        split = self._splitter.split(data)
        _compare_report_data(observation, split.report_data)
        self._quotes.append((observation, split))

    def weigh(self, size: int) -> None:
        """Account for `size` bytes of input; a full batch leaves for the files."""
        self._weight += size
        if self._weight >= _BATCH_BYTES or len(self._quotes) >= _BATCH_ROWS:
            self._flush()

    def put_source(self, header: SourceHeader, kind: str, counts: tuple[int, int, int]) -> None:
        """Add the source's own row; `counts`: records, rows, quarantined."""
        records, rows, quarantined = counts
        self.put(
            "source",
            {
                "source_id": header.source_id,
                "path": clean_text(header.path),
                "kind": kind,
                "size": header.size,
                "ingested_at": self._ingested_at,
                "ledger_entry": self._entry,
                "records": records,
                "rows": rows,
                "quarantined": quarantined,
            },
        )

    def finish(self, summary: Summary) -> None:
        """Write what is left and check that every row that came in is in a file."""
        self._flush()
        self._files.finish()
        if self._files.rows != self._counts:
            message = f"rows taken in {self._counts}, rows written {self._files.rows}"
            raise CustodyError("unaccounted-record", message)
        for table, rows in self._counts.items():
            summary.rows[table] = summary.rows.get(table, 0) + rows
        summary.quarantined = self._counts.get("quarantine", 0)
        summary.new_quotes = self._next_quote - self._first_quote

    def abandon(self) -> None:
        self._files.abandon()

    def _append(self, table: str, row: Row) -> None:
        self._pending.setdefault(table, []).append(row)
        self._counts[table] = self._counts.get(table, 0) + 1
        self._weight += _ROW_BYTES

    def _open_index(self, table: str) -> IdIndex:
        index = self._indexes.get(table)
        if index is None:
            index = self._indexes[table] = IdIndex()
            paths = [self._root / file.path for file in self._ledger.files(table)]
            if table == QUOTE.name:
                index.load(paths, "quote_id", "quote_no")
            else:
                index.load(paths, _UNIQUE[table], None)
        return index

    def _flush(self) -> None:
        self._number_quotes()
        for name, rows in self._pending.items():
            self._files.append(TABLES[name], build_table(TABLES[name], _gather_columns(name, rows)))
        self._pending = {}
        self._weight = 0

    def _number_quotes(self) -> None:
        if not self._quotes:
            return
        index = self._open_index(QUOTE.name)
        ids = [split.quote_id for _, split in self._quotes]
        numbers, fresh = index.assign(ids, self._next_quote)
        for (observation, _), number in zip(self._quotes, numbers, strict=True):
            observation["quote_no"] = number
        if fresh:
            splits = [self._quotes[place][1] for place in fresh]
            new_numbers = range(self._next_quote, self._next_quote + len(fresh))
            columns = dict(zip(SplitQuote._fields, zip(*splits, strict=True), strict=True))
            self._files.append(QUOTE, build_table(QUOTE, {"quote_no": new_numbers, **columns}))
            self._counts[QUOTE.name] = self._counts.get(QUOTE.name, 0) + len(fresh)
            self._next_quote += len(fresh)
        self._quotes = []


class SourceIntake:
    """Takes the records of one source; `kind` may be set while they come."""

    def __init__(self, intake: Intake, header: SourceHeader) -> None:
        self.kind = header.kind
        self._intake = intake
        self._header = header
        self._records = 0
        self._rows = 0
        self._quarantined = 0

    def __call__(self, record: Record) -> None:
        """Take one record. Raises `CustodyError` (`unaccounted-record`) when nothing is in it."""
        self._records += 1
        if not record.rows and record.problem is None:
            message = f"record {self._records} of {clean_text(self._header.path)} gave nothing"
            raise CustodyError("unaccounted-record", message)
        observation: Row | None = None
        for table, row in record.rows:
            self._put(table, row, record.line)
            if table == "observation":
                observation = row
        if record.quote is not None:
            self._put_quote(record, record.quote, observation)
        if record.problem is not None:
            problem = record.problem
            self._quarantine(
                record.line, record.data, problem.reason, problem.message, problem.offset
            )
        self._intake.weigh(len(record.data))

    def close(self) -> None:
        counts = (self._records, self._rows, self._quarantined)
        self._intake.put_source(self._header, self.kind, counts)

    def _put(self, table: str, row: Row, line: int | None) -> None:
        key = _UNIQUE.get(table)
        if key is not None:
            identity = row[key]
            assert isinstance(identity, bytes)
            self._rows += self._intake.keep(table, identity, lambda: row)
            return
        row["source_id"] = self._header.source_id
        if table in _PLACED:
            row["source_line"] = line
        self._intake.put(table, row)
        self._rows += 1

    def _put_quote(self, record: Record, data: bytes, observation: Row | None) -> None:
        if observation is None:
            message = f"record {self._records} of {clean_text(self._header.path)}: lone quote"
            raise CustodyError("unaccounted-record", message)
        try:
            self._intake.put_quote(observation, data)
        except EvidenceError as error:
            self._quarantine(record.line, data, error.code, error.message, error.offset)

    def _quarantine(
        self, line: int | None, data: bytes, reason: str, message: str, offset: int | None
    ) -> None:
        self._intake.put(
            "quarantine",
            {
                "source_id": self._header.source_id,
                "source_line": line,
                "byte_offset": offset,
                "reason": reason,
                "message": message,
                "sha256": hashlib.sha256(data).digest(),
                "data": data[:QUARANTINE_LIMIT],
            },
        )
        self._intake.weigh(min(len(data), QUARANTINE_LIMIT))
        self._quarantined += 1


_PLACED = frozenset(name for name, table in TABLES.items() if "source_line" in table.names)


def _gather_columns(name: str, rows: Sequence[Row]) -> dict[str, Sequence[object]]:
    """Values by column. Raises `CustodyError` (`unknown-column`) rather than lose one."""
    present = set().union(*rows)
    unknown = present.difference(TABLES[name].names)
    if unknown:
        raise CustodyError("unknown-column", f"{name} has no column {sorted(unknown)}")
    columns: dict[str, Sequence[object]] = {}
    for column in sorted(present):
        try:
            columns[column] = list(map(itemgetter(column), rows))
        except KeyError:  # some rows lack it
            columns[column] = [row.get(column) for row in rows]
    return columns


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


_URL_SAFE = str.maketrans("-_", "+/")
