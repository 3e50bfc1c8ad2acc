"""Derived rows -> Parquet, a block of them in memory at a time.

Facts are mostly few and small, and re-judging must start fast: loading pyarrow would take longer
than the work. Then there is one block only, and it goes through DuckDB as JSON, with bytes as hex.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from forensics.case.connection import attach_table
from forensics.case.tables import DUCKDB_TYPES, Column, Table

if TYPE_CHECKING:
    import duckdb

    from forensics.case.folder import CaseFolder
    from forensics.case.writer import Writer

Row = dict[str, Any]
_Item = TypeVar("_Item")


BLOCK_ROWS = 1 << 12
"""Rows that are held as Python objects at a time."""


def write_rows(
    connection: duckdb.DuckDBPyConnection, table: Table, rows: Iterable[Row], path: Path
) -> None:
    """Write rows to a new Parquet file, in the order given; a block of them is held at a time."""
    blocks = iterate_blocks(rows)
    block = next(blocks, [])
    following = next(blocks, None)
    if following is None:
        load_rows(connection, "outgoing", table.columns, block)
        copy_to(connection, "outgoing", path)
        connection.execute("DROP TABLE outgoing")
        return
    from forensics.case.files import write_blocks  # loads pyarrow

    write_blocks(table, chain((block, following), blocks), path)


def iterate_blocks(rows: Iterable[_Item]) -> Iterator[list[_Item]]:
    """The rows in lists of `BLOCK_ROWS`, none of them empty."""
    rows = iter(rows)
    while block := list(islice(rows, BLOCK_ROWS)):
        yield block


def stream(
    connection: duckdb.DuckDBPyConnection, sql: str, params: Sequence[object] = ()
) -> Iterator[tuple[Any, ...]]:
    """The rows of a query, a block of them at a time. The connection may be used meanwhile.

    Temporary tables of the connection are not seen.
    """
    cursor = connection.cursor()  # a stream ends when its connection runs something else
    cursor.execute(sql, params)
    while block := cursor.fetchmany(BLOCK_ROWS):
        yield from block


def copy_to(
    connection: duckdb.DuckDBPyConnection, source: str, path: Path, options: str = ""
) -> None:
    """Write a table, or a query in parentheses, to a new Parquet file. Raises `OSError`."""
    import duckdb

    target = str(path).replace("'", "''")
    try:
        connection.execute(
            f"COPY {source} TO '{target}' (FORMAT parquet, COMPRESSION zstd{options})"
        )
    except duckdb.IOException as error:
        raise OSError(str(error).splitlines()[0]) from None


def load_rows(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    columns: Iterable[Column],
    rows: Iterable[Row],
) -> None:
    """Rows as the temporary table `name`; a block of them is held at a time."""
    columns, rows = tuple(columns), iter(rows)
    first = list(islice(rows, BLOCK_ROWS))
    _load_block(connection, f'CREATE OR REPLACE TEMP TABLE "{name}" AS', columns, first)
    load_more_rows(connection, name, columns, rows)


def load_more_rows(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    columns: Iterable[Column],
    rows: Iterable[Row],
) -> None:
    """The same for a table that `load_rows` has made."""
    for block in iterate_blocks(rows):
        _load_block(connection, f'INSERT INTO "{name}"', tuple(columns), block)


def _load_block(
    connection: duckdb.DuckDBPyConnection,
    statement: str,
    columns: tuple[Column, ...],
    rows: Sequence[Row],
) -> None:
    shape = json.dumps([{column.name: _carrier(column) for column in columns}])
    fields = ", ".join(_field(column) for column in columns)
    text = json.dumps([_encode(row, columns) for row in rows], ensure_ascii=False)
    connection.execute(
        f"{statement} SELECT {fields} FROM (SELECT unnest(from_json(?::JSON, ?)) AS item)",
        [text, shape],
    )


def _is_binary(column: Column) -> bool:
    return column.type in ("id", "bytes")


def _carrier(column: Column) -> str:
    """How a value travels in the JSON."""
    return "VARCHAR" if _is_binary(column) else DUCKDB_TYPES[column.type]


def _field(column: Column) -> str:
    value = f'item."{column.name}"'
    return f'{f"unhex({value})" if _is_binary(column) else value} AS "{column.name}"'


def _encode(row: Row, columns: tuple[Column, ...]) -> Row:
    return {column.name: _encode_value(row.get(column.name)) for column in columns}


def _encode_value(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return list(value)
    return value


class DerivedTables:
    """Fact and derived tables of one commit: what is added can be read back at once."""

    def __init__(
        self, case: CaseFolder, connection: duckdb.DuckDBPyConnection, writer: Writer
    ) -> None:
        self._case = case
        self._connection = connection
        self._writer = writer
        self._files: dict[str, list[Path]] = {}  # of each table that this commit touched

    def append(self, table: Table, rows: Iterable[Row]) -> None:
        """Add rows; nothing is written where there are none."""
        rows = iter(rows)
        first = next(rows, None)
        if first is not None:
            with self.new_file(table) as path:
                write_rows(self._connection, table, chain((first,), rows), path)

    def replace(self, table: Table, rows: Iterable[Row]) -> None:
        """Let the table hold these rows and no others."""
        with self.replacement(table) as path:
            write_rows(self._connection, table, rows, path)

    def files(self, table: Table) -> list[Path]:
        """The table's files before this commit."""
        return self._case.files(table.name)

    def read_chosen(
        self, table: Table, columns: Sequence[str], chosen: Iterable[tuple[bytes, int]]
    ) -> Iterator[tuple[int, tuple[Any, ...]]]:
        """`(number, values)` of rows of evidence by their ids, the first column, in stored order.

        `chosen` are ids, each once, and numbers to go with them. Nothing is sorted: rows with
        certificate chains in them are too large to sort many in little memory.
        """
        pending = iter(chosen)
        first = next(pending, None)
        if first is None:
            return
        from forensics.case.ids import IdIndex, read_indexed  # loads pyarrow

        index = IdIndex()
        for identity, number in chain((first,), pending):
            index.add(identity, number)
        yield from read_indexed(self.files(table), columns, index)

    @contextmanager
    def replacement(self, table: Table) -> Iterator[Path]:
        """Where to write the only file that the table will have."""
        self._writer.drop_table(table.name)
        self._files[table.name] = []
        with self.new_file(table) as path:
            yield path

    @contextmanager
    def new_file(self, table: Table) -> Iterator[Path]:
        """Where to write one more file of the table, which then belongs to the commit."""
        path = self._writer.new_path(table.name)
        yield path
        (rows,) = self._connection.execute(
            "SELECT count(*) FROM read_parquet(?)", [str(path)]
        ).fetchall()[0]
        self._writer.adopt_file(table.name, path, rows)
        files = self._files.setdefault(table.name, [*self._case.files(table.name)])
        files.append(path)
        attach_table(self._connection, table, map(str, files))
