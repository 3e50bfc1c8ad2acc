"""Arrow tables -> Parquet files: encodings as declared, rows grouped by month, bounded memory.

Files carry no Arrow or pandas metadata and nothing that varies from run to run: the same rows
give the same bytes (with the same pyarrow). Measured on quotes: random bytes (ids, signatures)
do not shrink, so they are stored as they are; everything else takes zstd, where higher levels cost
time and saved nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from forensics.case import tables
from forensics.case.staging import Staging
from forensics.case.tables import Column, Table
from forensics.case.text import clean_text
from forensics.errors import CustodyError

ROW_GROUP_ROWS = 1 << 16
ROW_GROUP_BYTES = 32 << 20
BUFFER_BYTES = 96 << 20
OPEN_FILES = 16
COMPRESSION_LEVEL = 1

# Months that get a folder of their own; timestamps are evidence and may say anything.
_FIRST_MONTH = np.datetime64("2010-01", "M")
_MONTHS = 12 * 60
UNDATED = "undated"
_OTHER = "other"

# The clocks that stand in for a missing one (see the view `observation`).
_FALLBACKS = {"received_at": ("received_at", "verified_at", "timestamp")}

_RANDOM_SIZE = 32  # fixed-size plain columns of whole multiples are digests and signature halves

TABLES: Final = {table.name: table for table in tables.TABLES}
SCHEMAS: Final = {name: table.arrow_schema() for name, table in TABLES.items()}


def build_table(table: Table, columns: Mapping[str, Sequence[object]]) -> pa.Table:
    """An Arrow table of the declared schema; columns that are not given are null.

    Raises `CustodyError` (`bad-value`) for a value that its column cannot hold.
    """
    schema = SCHEMAS[table.name]
    size = len(next(iter(columns.values())))
    arrays = []
    for column in schema:
        values = columns.get(column.name)
        try:
            arrays.append(
                pa.nulls(size, column.type) if values is None else _build_array(values, column.type)
            )
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
            message = f"{table.name}.{column.name}: {error}"
            raise CustodyError("bad-value", message) from None
    return pa.Table.from_arrays(arrays, schema=schema)


def build_rows(table: Table, rows: Sequence[Mapping[str, object]]) -> pa.Table:
    """`build_table` of rows, which may lack columns.

    Raises `CustodyError` (`unknown-column`) rather than lose a value.
    """
    present = set().union(*rows)
    unknown = present.difference(table.names)
    if unknown:
        raise CustodyError("unknown-column", f"{table.name} has no column {sorted(unknown)}")
    columns: dict[str, Sequence[object]] = {}
    for column in sorted(present):
        try:
            columns[column] = list(map(itemgetter(column), rows))
        except KeyError:  # some rows lack it
            columns[column] = [row.get(column) for row in rows]
    return build_table(table, columns)


def _build_array(values: Sequence[object], kind: pa.DataType) -> pa.Array:
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:
        return pa.array([_clean(value) for value in values], kind)


def _clean(value: object) -> object:
    """Text without lone surrogates, which JSON can spell and UTF-8 cannot."""
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return clean_text(value) if isinstance(value, str) else value


def split_by_month(table: Table, data: pa.Table) -> Iterator[tuple[str | None, pa.Table]]:
    """`(folder, rows)` by month of the table's clock; `undated` where it has no time."""
    if table.by_month is None:
        yield None, data
        return
    clocks = _FALLBACKS.get(table.by_month, (table.by_month,))
    times = pc.coalesce(*(data[clock] for clock in clocks)).combine_chunks()
    undated = times.is_null().to_numpy(zero_copy_only=False)
    micros = pc.fill_null(times.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
    months = (micros.view("M8[us]").astype("M8[M]") - _FIRST_MONTH).astype(np.int64)
    months = np.where((months < 0) | (months >= _MONTHS), -1, months)
    months = np.where(undated, -2, months)
    for month in np.unique(months).tolist():
        chosen = months == month
        part = data if chosen.all() else data.filter(pa.array(chosen))
        yield _name_month(month), part


def _name_month(month: int) -> str:
    if month < 0:
        return UNDATED if month == -2 else _OTHER
    return str(_FIRST_MONTH + month)


@dataclass(slots=True)
class _Buffer:
    """Rows of one part of one table that wait for a full row group."""

    pieces: list[pa.Table] = field(default_factory=list)
    rows: int = 0
    size: int = 0


@dataclass(slots=True)
class _OpenFile:
    path: Path
    writer: pq.ParquetWriter
    rows: int = 0


_Key = tuple[str, str | None]


class ParquetFiles:
    """The Parquet files of one commit. At most `OPEN_FILES` are open, `BUFFER_BYTES` waiting."""

    def __init__(self, staging: Staging) -> None:
        self.rows: dict[str, int] = {}
        """Rows in finished files, by table."""
        self._staging = staging
        self._buffers: dict[_Key, _Buffer] = {}
        self._waiting = 0
        self._open: dict[_Key, _OpenFile] = {}  # the one written to most recently is last

    def append(self, table: Table, data: pa.Table) -> None:
        for part, rows in split_by_month(table, data):
            key = (table.name, part)
            buffer = self._buffers.setdefault(key, _Buffer())
            buffer.pieces.append(rows)
            buffer.rows += rows.num_rows
            buffer.size += rows.nbytes
            self._waiting += rows.nbytes
            if buffer.rows >= ROW_GROUP_ROWS or buffer.size >= ROW_GROUP_BYTES:
                self._write(key)
        while self._waiting > BUFFER_BYTES:
            self._write(max(self._buffers, key=lambda key: self._buffers[key].size))

    def finish(self) -> None:
        """Write what is waiting and close all files."""
        for key in sorted(self._buffers, key=lambda key: (key[0], key[1] or "")):
            self._write(key)
            self._close(key)
        for key in list(self._open):
            self._close(key)

    def abandon(self) -> None:
        """Close whatever state the files are in; they are about to be deleted."""
        for file in self._open.values():
            with suppress(OSError, pa.ArrowException):  # a full disk, say; it was reported before
                file.writer.close()
        self._open.clear()

    def _write(self, key: _Key) -> None:
        buffer = self._buffers.pop(key)
        self._waiting -= buffer.size
        file = self._open.pop(key, None) or self._create(key)
        self._open[key] = file
        file.writer.write_table(pa.concat_tables(buffer.pieces), ROW_GROUP_ROWS)
        file.rows += buffer.rows

    def _create(self, key: _Key) -> _OpenFile:
        if len(self._open) >= OPEN_FILES:
            self._close(next(iter(self._open)))
        name, part = key
        path = self._staging.new_path(name, part)
        return _OpenFile(path, open_parquet(TABLES[name], path))

    def _close(self, key: _Key) -> None:
        file = self._open.pop(key)
        file.writer.close()
        self._staging.adopt(file.path, file.rows)
        self.rows[key[0]] = self.rows.get(key[0], 0) + file.rows


def write_table(name: str, data: pa.Table, path: Path) -> None:
    """One Parquet file from a whole table. Raises `CustodyError` (`bad-value`)."""
    table = TABLES[name]
    try:
        data = data.select(table.names).cast(table.arrow_schema())
    except (KeyError, pa.ArrowInvalid) as error:
        raise CustodyError("bad-value", f"{name}: {error}") from None
    with open_parquet(table, path) as writer:
        writer.write_table(data, ROW_GROUP_ROWS)


def write_blocks(
    table: Table, blocks: Iterable[Sequence[Mapping[str, object]]], path: Path
) -> None:
    """One Parquet file from blocks of rows, in their order."""
    with open_parquet(table, path) as writer:
        for block in blocks:
            writer.write_table(build_rows(table, block), ROW_GROUP_ROWS)


def open_parquet(table: Table, path: Path) -> pq.ParquetWriter:
    """A writer with the encodings that the table declares."""
    return pq.ParquetWriter(path, table.arrow_schema(), **choose_encodings(table))


def choose_encodings(table: Table) -> dict[str, Any]:
    """Arguments of `ParquetWriter`: per column, by the path of its values in the file."""
    dictionary = []
    encodings = {}
    compression = {}
    for column in table.columns:
        path = f"{column.name}.list.element" if column.type == "text[]" else column.name
        encoding = _choose_encoding(column)
        if encoding is None:
            dictionary.append(path)
        else:
            encodings[path] = encoding
        compression[path] = "none" if _is_random(column) else "zstd"
    return {
        "use_dictionary": dictionary,
        "column_encoding": encodings or None,
        "compression": compression,
        "compression_level": {
            path: COMPRESSION_LEVEL for path, codec in compression.items() if codec == "zstd"
        },
        "write_statistics": [column.name for column in table.columns if column.encoding != "plain"],
        "store_schema": False,
        "version": "2.6",
    }


def _choose_encoding(column: Column) -> str | None:
    """Null means a dictionary."""
    if column.type == "bool":
        return "PLAIN"
    if column.encoding == "dictionary":
        return None
    if column.encoding == "delta":
        return "DELTA_BINARY_PACKED"
    if column.size is None and column.type != "id":
        return "DELTA_LENGTH_BYTE_ARRAY"  # lengths apart from the bytes: both pack better
    return "PLAIN"


def _is_random(column: Column) -> bool:
    return column.encoding == "plain" and (column.type == "id" or column.size == _RANDOM_SIZE)
