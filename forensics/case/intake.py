"""Batches -> rows of the evidence tables: the one place where rows get their numbers.

Quotes are looked up in the index a batch at a time; parts that the case has already are left out;
then the batch leaves for the Parquet files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forensics.case.batch import OBSERVATION, PLACED, QUOTE_PARTS, UNIQUE, Batch, Builder
from forensics.case.files import TABLES, ParquetFiles
from forensics.case.ids import IdIndex
from forensics.case.ledger import Ledger
from forensics.case.records import Record, SourceHeader
from forensics.case.staging import Staging
from forensics.case.tables import QUOTE
from forensics.case.text import clean_text
from forensics.errors import CustodyError
from forensics.formats.times import to_microseconds

if TYPE_CHECKING:
    from forensics.case.records import Summary


class Intake:
    """The evidence side of one commit."""

    def __init__(self, root: Path, ledger: Ledger, staging: Staging, at: datetime) -> None:
        self._root = root
        self._ledger = ledger
        self._entry = staging.entry
        self._ingested_at = to_microseconds(at)
        self._files = ParquetFiles(staging)
        self._indexes: dict[str, IdIndex] = {}
        self.builder = Builder(self._is_new)
        self._counts: Counter[str] = Counter()
        self._next_observation = ledger.rows(OBSERVATION) + 1
        self._first_quote = self._next_quote = ledger.rows(QUOTE.name) + 1

    def open_source(self, header: SourceHeader) -> SourceIntake:
        return SourceIntake(self, header)

    def put_source(self, header: SourceHeader, kind: str, counts: Counter[str]) -> None:
        """Add the source's own row; `counts`: records, rows, quarantined."""
        self.builder.put(
            "source",
            {
                "source_id": header.source_id,
                "path": clean_text(header.path),
                "kind": kind,
                "size": header.size,
                "ingested_at": self._ingested_at,
                "ledger_entry": self._entry,
                **{name: counts[name] for name in ("records", "rows", "quarantined")},
            },
        )

    def flush(self) -> None:
        """Take what the own builder has."""
        self._take(self.builder.build())

    def take_foreign(self, batch: Batch, lines_before: int) -> int:
        """Take a batch that another builder made of lines.

        Returns how many of the parts that records (not quotes) brought were new.
        """
        self.flush()
        tables = {}
        told = 0
        for name, data in batch.tables.items():
            if name in UNIQUE:
                data = self._leave_out_known(name, data)
                told += data.num_rows * (name not in QUOTE_PARTS)
            elif name in PLACED and lines_before:
                place = data.schema.get_field_index("source_line")
                moved = pc.add(data.column(place), lines_before)
                data = data.set_column(place, data.schema.field(place), moved)
            if name != QUOTE.name:
                tables[name] = data
        taken = {name: batch.taken[name] for name in tables if name not in UNIQUE}
        taken |= {name: data.num_rows for name, data in tables.items() if name in UNIQUE}
        if QUOTE.name in batch.tables:
            tables[QUOTE.name] = batch.tables[QUOTE.name]
        self._take(Batch(tables, batch.places, taken))
        return told

    def finish(self, summary: Summary) -> None:
        """Write what is left and check that every row that came in is in a file."""
        self.flush()
        self._files.finish()
        if self._files.rows != self._counts:
            message = f"rows taken in {dict(self._counts)}, rows written {self._files.rows}"
            raise CustodyError("unaccounted-record", message)
        for table, rows in self._counts.items():
            summary.rows[table] = summary.rows.get(table, 0) + rows
        summary.quarantined = self._counts["quarantine"]
        summary.new_quotes = self._next_quote - self._first_quote

    def abandon(self) -> None:
        self._files.abandon()

    def _is_new(self, table: str, key: bytes) -> bool:
        return self._open_index(table).add(key)

    def _leave_out_known(self, name: str, data: pa.Table) -> pa.Table:
        index = self._open_index(name)
        return data.filter(pa.array([index.add(key) for key in data[UNIQUE[name]].to_pylist()]))

    def _open_index(self, table: str) -> IdIndex:
        index = self._indexes.get(table)
        if index is None:
            index = self._indexes[table] = IdIndex()
            paths = [self._root / file.path for file in self._ledger.files(table)]
            if table == QUOTE.name:
                index.load(paths, "quote_id", "quote_no")
            else:
                index.load(paths, UNIQUE[table], None)
        return index

    def _take(self, batch: Batch) -> None:
        """Number the rows and hand them on."""
        self._counts.update(batch.taken)
        tables = dict(batch.tables)
        quotes = tables.pop(QUOTE.name, None)
        observations = tables.pop(OBSERVATION, None)
        numbers = pa.array([], pa.int64())
        if quotes is not None:
            numbers = self._take_quotes(quotes)
        if observations is not None:
            first = self._next_observation
            self._next_observation += observations.num_rows
            tables[OBSERVATION] = _fill(
                _fill(observations, "quote_no", numbers.take(batch.places)),
                "observation_no",
                pa.array(np.arange(first, self._next_observation)),
            )
        for name, data in tables.items():
            self._files.append(TABLES[name], data)

    def _take_quotes(self, quotes: pa.Table) -> pa.Array:
        """Keep the quotes that are new; the number of each."""
        ids = quotes["quote_id"].to_pylist()
        numbers, fresh = self._open_index(QUOTE.name).assign(ids, self._next_quote)
        if fresh:
            after = self._next_quote + len(fresh)
            new_numbers = pa.array(np.arange(self._next_quote, after))
            rows = quotes if len(fresh) == len(ids) else quotes.take(pa.array(fresh))
            self._files.append(QUOTE, _fill(rows, "quote_no", new_numbers))
            self._counts[QUOTE.name] += len(fresh)
            self._next_quote = after
        return pa.array(numbers, pa.int64())


class SourceIntake:
    """Takes the records of one source; `kind` may be set while they arrive."""

    def __init__(self, intake: Intake, header: SourceHeader) -> None:
        self.kind = header.kind
        self._intake = intake
        self._header = header
        self._counts: Counter[str] = Counter()

    def __call__(self, record: Record) -> None:
        """Take one record. Raises `CustodyError` (`unaccounted-record`) when nothing is in it."""
        taken = self._intake.builder.take(record, self._header)
        self._counts.update(records=1, rows=taken.rows, quarantined=taken.quarantined)
        if self._intake.builder.full:
            self._intake.flush()

    def take_batch(self, batch: Batch, counts: Mapping[str, int], lines_before: int) -> None:
        """Take what another builder made of records; `counts` as `put_source` has them.

        The lines in it are numbered from 1, after `lines_before` others.
        """
        fresh = self._intake.take_foreign(batch, lines_before)
        self._counts.update(counts)
        self._counts["rows"] += fresh

    def close(self) -> None:
        self._intake.put_source(self._header, self.kind, self._counts)


def _fill(data: pa.Table, column: str, values: pa.Array) -> pa.Table:
    place = data.schema.get_field_index(column)
    return data.set_column(place, data.schema.field(place), values)
