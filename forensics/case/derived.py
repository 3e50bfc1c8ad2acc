"""Derived rows -> Parquet, through DuckDB alone.

Facts are few and small, and re-judging must start fast: loading pyarrow would take longer than
the work. Rows travel as JSON, bytes in it as hex.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forensics.case.connection import attach_table
from forensics.case.tables import DUCKDB_TYPES, Column, Table

if TYPE_CHECKING:
    import duckdb

    from forensics.case.folder import CaseFolder
    from forensics.case.writer import Writer

Row = dict[str, Any]


def write_rows(
    connection: duckdb.DuckDBPyConnection, table: Table, rows: Sequence[Row], path: Path
) -> None:
    """Write rows to a new Parquet file, in the order given."""
    load_rows(connection, "outgoing", table.columns, rows)
    copy_to(connection, "outgoing", path)
    connection.execute("DROP TABLE outgoing")


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
    rows: Sequence[Row],
) -> None:
    """Rows as the temporary table `name`."""
    columns = tuple(columns)
    shape = json.dumps([{column.name: _carrier(column) for column in columns}])
    fields = ", ".join(_field(column) for column in columns)
    text = json.dumps([_encode(row, columns) for row in rows], ensure_ascii=False)
    connection.execute(
        f'CREATE OR REPLACE TEMP TABLE "{name}" AS SELECT {fields} '
        "FROM (SELECT unnest(from_json(?::JSON, ?)) AS item)",
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

    def append(self, table: Table, rows: Sequence[Row]) -> None:
        """Add rows; nothing is written where there are none."""
        if rows:
            with self.new_file(table) as path:
                write_rows(self._connection, table, rows, path)

    def replace(self, table: Table, rows: Sequence[Row]) -> None:
        """Let the table hold these rows and no others."""
        with self.replacement(table) as path:
            write_rows(self._connection, table, rows, path)

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
