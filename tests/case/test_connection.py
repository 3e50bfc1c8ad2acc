"""The connection over a case's files: older files, and the wall around other people's SQL."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from forensics.case.connection import attach_table, size_memory
from forensics.case.tables import Column, Table

TABLE = Table(
    "thing",
    "evidence",
    "A table that has grown a column.",
    (Column("number", "i64", ""), Column("added", "text[]", ""), Column("name", "text", "")),
)


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:")
    connection.execute("CREATE SCHEMA stored")
    return connection


def write(connection: duckdb.DuckDBPyConnection, sql: str, path: Path) -> str:
    connection.execute(f"COPY ({sql}) TO '{path}' (FORMAT parquet)")
    return str(path)


def test_a_table_without_files_is_empty_and_typed(connection):
    attach_table(connection, TABLE, [])
    relation = connection.sql("FROM stored.thing")
    assert relation.columns == ["number", "added", "name"]
    assert [str(kind) for kind in relation.types] == ["BIGINT", "VARCHAR[]", "VARCHAR"]
    assert relation.fetchall() == []


def test_files_from_before_a_column_was_added_have_nulls_there(connection, tmp_path: Path):
    old = write(connection, "SELECT 1::BIGINT AS number, 'a' AS name", tmp_path / "old.parquet")
    attach_table(connection, TABLE, [old])
    assert connection.sql("FROM stored.thing").fetchall() == [(1, None, "a")]
    new = write(
        connection,
        "SELECT 2::BIGINT AS number, ['x'] AS added, 'b' AS name",
        tmp_path / "new.parquet",
    )
    attach_table(connection, TABLE, [old, new])
    rows = connection.sql("FROM stored.thing ORDER BY number").fetchall()
    assert rows == [(1, None, "a"), (2, ["x"], "b")]


def test_odd_paths_are_paths(connection, tmp_path: Path):
    folder = tmp_path / "it's [a] *case*"
    folder.mkdir()
    path = folder / "x.parquet"
    plain = tmp_path / "x.parquet"
    write(connection, "SELECT 1::BIGINT AS number, ['y'] AS added, 'c' AS name", plain)
    plain.rename(path)
    attach_table(connection, TABLE, [str(path)])
    assert connection.sql("FROM stored.thing").fetchall() == [(1, ["y"], "c")]


@pytest.mark.parametrize(("threads", "limit"), [(1, 256), (4, 256), (6, 384), (64, 512)])
def test_our_own_work_gets_memory_by_the_number_of_threads(threads: int, limit: int):
    """With less for a thread DuckDB cannot go on, with more it fills what it gets."""
    connection = duckdb.connect(config={"threads": threads})
    assert size_memory(connection) == f"{limit}MB"
