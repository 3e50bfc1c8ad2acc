"""How a view is declared: its columns, their types and meanings."""

from __future__ import annotations

from dataclasses import dataclass

from forensics.case.tables import DUCKDB_TYPES, Column, Table

TEXT = "VARCHAR"
TIME = "TIMESTAMP WITH TIME ZONE"
INTEGER = "BIGINT"
BOOLEAN = "BOOLEAN"
LIST = "VARCHAR[]"


@dataclass(frozen=True, slots=True)
class ViewColumn:
    name: str
    type: str
    doc: str


@dataclass(frozen=True)
class View:
    name: str
    doc: str
    columns: tuple[ViewColumn, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


def list_columns(*rows: tuple[str, str, str]) -> tuple[ViewColumn, ...]:
    """Columns by name, type and meaning."""
    return tuple(ViewColumn(*row) for row in rows)


def list_fields(*columns: Column) -> tuple[ViewColumn, ...]:
    """Columns of a binary structure: numbers as numbers, everything else as hex."""
    return tuple(
        ViewColumn(c.name, INTEGER if c.type in ("u16", "u32", "u64") else TEXT, c.doc)
        for c in columns
    )


def show_table(table: Table, doc: str | None = None, more: tuple[ViewColumn, ...] = ()) -> View:
    """The view that shows a table of its name as it is stored, with `more` columns.

    `doc` says what its rows are where it also shows them before they are stored.
    """
    columns = (ViewColumn(c.name, DUCKDB_TYPES[c.type], c.doc) for c in table.columns)
    return View(table.name, doc or table.doc, (*columns, *more))


WHO = list_columns(
    ("enclave_id", TEXT, "enclave or TD, as logged"),
    ("workload_id", TEXT, "workload, as logged"),
    ("node_id", TEXT, "host, as logged"),
    ("container_id", TEXT, "container, as logged"),
)
"""Who an event is about."""

PLACE = list_columns(
    ("source_id", TEXT, "SHA-256 of the source it was read from"),
    ("source_line", INTEGER, "1-based line or array member; null for a whole file"),
)
"""Where it stands."""
