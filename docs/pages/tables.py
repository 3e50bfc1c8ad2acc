"""reference/tables.md: what lies below `CASE/tables/`."""

from __future__ import annotations

from forensics.case.tables import DUCKDB_TYPES, TABLES, Column, Table
from pages.markdown import make_opening, make_page, make_table


def describe_tables() -> str:
    types = [(f"`{word}`", duckdb) for word, duckdb in DUCKDB_TYPES.items()]
    parts = [
        make_opening(
            "Stored tables",
            "The Parquet files below `CASE/tables/`. Evidence tables are append-only; fact and "
            "derived tables can be deleted and come out the same. They may change between "
            "versions: write queries against the [views](views.md).",
        ),
        make_table(("type", "in DuckDB"), types),
    ]
    for table in TABLES:
        rows = [(f"`{c.name}`", _show_type(c), c.doc) for c in table.columns]
        parts += [
            f"## {table.name}",
            f"{table.doc} {_describe_growth(table)}",
            make_table(("column", "type", "meaning"), rows),
        ]
    return make_page(parts)


def _show_type(column: Column) -> str:
    return column.type if column.size is None else f"{column.type} ({column.size})"


def _describe_growth(table: Table) -> str:
    month = f", partitioned by the month of `{table.by_month}`" if table.by_month else ""
    return f"*({table.role}{month})*"
