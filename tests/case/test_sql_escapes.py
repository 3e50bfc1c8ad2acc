"""Other people's SQL against everything outside the case: files, extensions, the network.

On the connection of `sql`, and on the one that detectors run and are looked at on.
"""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pytest

from forensics.case.connection import lock_out
from forensics.case.query import open_locked, run_query
from forensics.detect.lint import declare_views
from forensics.errors import UsageError

# {near}: a folder with secret.csv and secret.parquet; {case}: the case inside it.
READS = [
    "SELECT * FROM read_csv('{near}/secret.csv')",
    "SELECT * FROM read_csv_auto('{near}/secret.csv')",
    "SELECT * FROM '{near}/secret.csv'",
    'SELECT * FROM "{near}/secret.parquet"',
    "SELECT * FROM read_parquet('{near}/secret.parquet')",
    "SELECT * FROM read_parquet(['{near}/secret.parquet'])",
    "SELECT * FROM parquet_scan('{near}/secret.parquet')",
    "SELECT * FROM parquet_metadata('{near}/secret.parquet')",
    "SELECT * FROM parquet_schema('{near}/secret.parquet')",
    "SELECT * FROM read_text('{near}/secret.csv')",
    "SELECT * FROM read_blob('{near}/secret.csv')",
    "SELECT * FROM read_json('{near}/secret.csv')",
    "SELECT * FROM sniff_csv('{near}/secret.csv')",
    "SELECT * FROM glob('{near}/*')",
    # around the wall: out of the allowed folder, and its neighbour of the same beginning
    "SELECT * FROM read_parquet('{case}/tables/../../secret.parquet')",
    "SELECT * FROM read_text('{case}/tables/../case.toml')",
    "SELECT * FROM read_text('{case}/case.toml')",
    "SELECT * FROM glob('{case}/tables/../*')",
    "SELECT * FROM read_parquet('{case}/tables-of-others/secret.parquet')",
    "SELECT * FROM read_text('file://{near}/secret.csv')",
    "SELECT * FROM read_text('/proc/self/environ')",
    "SELECT * FROM read_text('/dev/stdin')",
    # SQL in text
    "FROM query('SELECT * FROM read_csv(''{near}/secret.csv'')')",
    "SELECT * FROM query_table('{near}/secret.csv')",
    "SELECT * FROM json_execute_serialized_sql("
    "json_serialize_sql('SELECT * FROM read_csv(''{near}/secret.csv'')'))",
    # the network, and what could be loaded
    "SELECT * FROM read_csv('https://example.com/secret.csv')",
    "SELECT * FROM read_parquet('s3://bucket/secret.parquet')",
    "SELECT * FROM 'https://example.com/secret.parquet'",
    "SELECT * FROM sqlite_scan('{near}/x.db', 'x')",
    "SELECT * FROM postgres_scan('host=localhost', 'public', 'x')",
    "SELECT * FROM st_read('{near}/secret.csv')",
    # variables of the program, its environment
    "SELECT * FROM connection",
    "SELECT * FROM secret",
    "SELECT getenv('HOME')",
]

CHANGES = [
    "COPY (SELECT 1) TO '{near}/out.csv'",
    "COPY (SELECT 1) TO '{near}/out.parquet' (FORMAT parquet)",
    "EXPORT DATABASE '{near}/out'",
    "ATTACH '{near}/out.db'",
    "ATTACH '{near}/out.db' AS other (TYPE sqlite)",
    "INSTALL httpfs",
    "FORCE INSTALL httpfs FROM 'https://example.com'",
    "LOAD httpfs",
    "LOAD '{near}/evil.duckdb_extension'",
    "SET enable_external_access = true",
    "RESET enable_external_access",
    "SET GLOBAL lock_configuration = false",
    "RESET lock_configuration",
    "SET allowed_directories = ['/']",
    "SET allowed_paths = ['{near}/secret.csv']",
    "SET autoinstall_known_extensions = true",
    "SET autoload_known_extensions = true",
    "SET temp_directory = '{near}/out'",
    "SET secret_directory = '{near}/out'",
    "SET extension_directory = '{near}/out'",
    "SET python_enable_replacements = true",
    "SET memory_limit = '1TB'",
    "PRAGMA enable_profiling = 'json'",
    "PRAGMA profile_output = '{near}/out'",
    "PRAGMA enable_checkpoint_on_shutdown",
    "CALL enable_logging()",
    "CREATE PERSISTENT SECRET leak (TYPE s3)",
    "IMPORT DATABASE '{near}'",
]

# A SELECT is all that gets through; the connection alone would let these do their work.
NO_SELECTS = [
    "COPY (SELECT 1) TO '{case}/tables/out.parquet' (FORMAT parquet)",
    "CREATE TABLE x AS SELECT 1",
    "DROP VIEW observation",
    "SELECT 1; SELECT 2",
    "SELECT 1; COPY (SELECT 1) TO '{case}/tables/out.parquet'",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{case}/tables/out.parquet'",
    "PREPARE x AS SELECT 1",
    "FROM query('COPY (SELECT 1) TO ''{case}/tables/out.parquet''')",
    "WITH x AS (COPY (SELECT 1) TO '{case}/tables/out.parquet') SELECT * FROM x",
    "WITH x AS MATERIALIZED (COPY (SELECT 1) TO '{case}/tables/out.parquet') SELECT 1",
    "/* */ WITH x AS (COPY (SELECT 1) TO '{case}/tables/out.parquet') FROM x -- ",
    "WITH x AS (INSERT INTO temp.judged_check BY NAME SELECT 'x' AS moment RETURNING *) FROM x",
    "FROM query('WITH x AS (COPY (SELECT 1) TO ''{case}/tables/out.parquet'') FROM x')",
    "",
    ";",
    "--",
]


@pytest.fixture
def near(case) -> Path:
    """The folder of the case, with what must not be read."""
    folder = case.path.parent
    (folder / "secret.csv").write_text("name\ncanary\n")
    (case.path / "tables-of-others").mkdir()
    for path in (folder, case.path / "tables-of-others"):
        duckdb.sql(f"COPY (SELECT 'canary' AS name) TO '{path}/secret.parquet'")
    (case.path / "tables").mkdir(exist_ok=True)
    return folder


def list_names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.mark.parametrize("kind", ["the case's", "the lint's"])
def test_no_statement_reaches_out(case, near: Path, kind: str):
    """Not only SELECTs: the connection itself holds."""
    if kind == "the case's":
        connection = open_locked(case, check_results=False)
    else:
        connection = duckdb.connect()
        declare_views(connection)
        lock_out(connection)
    before = list_names(near)
    secret = near.name  # a variable, which no query may see
    for text in (*READS, *CHANGES):
        sql = text.format(near=near, case=case.path)
        with pytest.raises(duckdb.Error) as error:
            connection.execute(sql).fetchall()
        assert "canary" not in str(error.value), sql
    assert secret
    assert list_names(near) == before


def test_a_link_in_the_tables_does_not_lead_out_of_them_unseen(case, near: Path):
    """Whoever can put a link there can write the case; `custody verify` names it."""
    from forensics.case.custody import verify_custody

    (case.path / "tables" / "link.parquet").symlink_to(near / "secret.parquet")
    named = {p.path for p in verify_custody(case) if p.level == "failure"}
    assert "tables/link.parquet" in named


def test_only_one_select_gets_through(case, near: Path):
    before = list_names(near)
    for text in (*READS, *CHANGES, *NO_SELECTS):
        sql = text.format(near=near, case=case.path)
        with pytest.raises(UsageError) as error:
            run_query(case, sql)
        assert error.value.code == "bad-sql", sql
        assert "\n" not in error.value.message
        assert "canary" not in error.value.message
    assert list_names(near) == before
    assert run_query(case, "SELECT 1 AS one;").to_pylist() == [{"one": 1}]


def test_the_environment_is_out_of_reach(case):
    settings = run_query(case, "SELECT value FROM duckdb_settings() WHERE value IS NOT NULL")
    held = " ".join(str(row["value"]) for row in settings.to_pylist())
    assert os.environ.get("PATH", "\0") not in held
