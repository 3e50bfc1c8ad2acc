"""Rows of a query as Python values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from forensics.detect.findings import OPEN

if TYPE_CHECKING:
    import duckdb

# Findings that somebody has to look at.
IS_OPEN = "state IN (" + ", ".join(f"'{state}'" for state in sorted(OPEN)) + ")"


def fetch(
    connection: duckdb.DuckDBPyConnection, sql: str, params: Mapping[str, object] | None = None
) -> list[tuple[Any, ...]]:
    """All rows. By way of Arrow: `fetchall` wants a time zone library for times."""
    relation = connection.sql(sql, params=dict(params or {}))
    table = relation.to_arrow_table()
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))
