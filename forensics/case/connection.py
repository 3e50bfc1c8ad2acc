"""The DuckDB connection of a case: stored tables over its Parquet files, then the views.

`connect` is for this package. `lock` makes a connection safe for SQL that somebody else wrote:
it can read the case's own tables and nothing else, and no setting can be changed back.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import duckdb

from forensics.case.damage import blaming_damage, refuse_irregular, refuse_visible_damage
from forensics.case.folder import SETTINGS_NAME
from forensics.case.lock import keep_reading
from forensics.case.quote_views import CERTIFICATION_SQL, RESHOWN_SQL, STATEMENT_SQL
from forensics.case.scratch import find_spill_folder
from forensics.case.tables import (
    CUSTODY_PROBLEM,
    DUCKDB_TYPES,
    JUDGED_CHECK,
    JUDGED_OUTCOME,
    TABLES,
    Table,
)
from forensics.case.views import FILED_SQL, JUDGED_SQL, VIEW_SQL

# Our own joins are narrow, and a case of any size must fit. What does not fit is read again from
# the disk nearly as fast, but DuckDB must have so much for each thread to get on at all.
OWN_MEMORY = (256, 512)  # MB: least and most
THREAD_MEMORY = 64
QUERY_MEMORY = "3GB"  # with Python and what is fetched, a process stays below 4 GiB

_CHANGES = re.compile("COPY|INSERT|UPDATE|DELETE|MERGE_INTO|CREATE|DROP|ALTER|ATTACH|LOAD")

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from forensics.case.folder import CaseFolder


def connect(
    case: CaseFolder, *, memory_limit: str = QUERY_MEMORY, damaged: bool = False
) -> duckdb.DuckDBPyConnection:
    """A connection with all stored tables and views; nothing is read before it is asked for.

    What does not fit into `memory_limit` goes to the system's folder for temporary files.
    `damaged`: for callers that report what contradicts the ledger, and want what can still be read.
    """
    connection = connect_stored(case, memory_limit=memory_limit, damaged=damaged)
    connection.execute(f"CREATE VIEW stored.judged AS {JUDGED_SQL}")
    connection.execute(f"CREATE VIEW stored.shown_statement AS {STATEMENT_SQL}")
    connection.execute(f"CREATE VIEW stored.shown_certification AS {CERTIFICATION_SQL}")
    connection.execute(f"CREATE VIEW stored.reshown AS {RESHOWN_SQL}")
    for name, sql in VIEW_SQL.items():
        connection.execute(f'CREATE VIEW "{name}" AS {sql}')
    return connection


def connect_stored(
    case: CaseFolder, *, memory_limit: str | None = None, damaged: bool = False
) -> duckdb.DuckDBPyConnection:
    """A connection with the stored tables alone, for this package's own work; see `connect`.

    Raises `CustodyError` (`custody-broken`).
    """
    connection = duckdb.connect(":memory:")
    connection.execute("SET memory_limit = ?", [memory_limit or size_memory(connection)])
    connection.execute("SET temp_directory = ?", [str(find_spill_folder() or "")])
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET python_enable_replacements = false")  # names are tables, not variables
    connection.execute("SET preserve_insertion_order = false")
    _silence_progress(connection)
    connection.execute("CREATE SCHEMA stored")
    keep_reading(case.path, connection)
    ledger = case.ledger  # once: all tables as of one entry
    refuse_irregular(case.path, ledger.live_files())
    if not damaged:
        refuse_visible_damage(case.path, case.path / SETTINGS_NAME, ledger)
    with blaming_damage(case.path, ledger):
        for table in TABLES:
            files = [str(case.locate(file)) for file in ledger.files(table.name)]
            attach_table(connection, table, files)
    for table in (JUDGED_CHECK, JUDGED_OUTCOME, CUSTODY_PROBLEM):
        attach_table(connection, table, [])
    connection.execute(f"CREATE VIEW stored.filed AS {FILED_SQL}")
    return connection


def size_memory(connection: duckdb.DuckDBPyConnection) -> str:
    """What our own work may take, by the number of DuckDB's threads."""
    least, most = OWN_MEMORY
    [(threads,)] = connection.execute("SELECT current_setting('threads')").fetchall()
    return f"{min(most, max(least, THREAD_MEMORY * int(threads)))}MB"


def _silence_progress(connection: duckdb.DuckDBPyConnection) -> None:
    """In Jupyter without widgets the bar is off, and even switching it off again is refused."""
    if connection.execute("SELECT current_setting('enable_progress_bar')").fetchall()[0][0]:
        connection.execute("SET enable_progress_bar = false")


def attach_table(connection: duckdb.DuckDBPyConnection, table: Table, files: Iterable[str]) -> None:
    """Show a table's files as `stored.<table>`; a table without files is empty."""
    listed = ", ".join("'" + path.replace("'", "''") + "'" for path in files)
    view = f'CREATE OR REPLACE VIEW stored."{table.name}" AS SELECT'
    if not listed:
        connection.execute(f"{view} {table.duckdb_nulls()} WHERE false")
        return
    columns = ", ".join(f'"{name}"' for name in table.names)
    try:
        connection.execute(f"{view} {columns} FROM read_parquet([{listed}])")
    except duckdb.BinderException:  # files of an earlier version, before a column was added
        source = f"read_parquet([{listed}], union_by_name = true)"
        rows = connection.execute(f"DESCRIBE FROM {source}").fetchall()
        held = {row[0] for row in rows}
        columns = ", ".join(
            f'"{c.name}"' if c.name in held else f'NULL::{DUCKDB_TYPES[c.type]} AS "{c.name}"'
            for c in table.columns
        )
        connection.execute(f"{view} {columns} FROM {source}")


def lock(connection: duckdb.DuckDBPyConnection, case: CaseFolder) -> None:
    """Forbid everything but reading the case: no other file, no extension, no network.

    DuckDB has no read-only folders, so COPY could write there: whoever runs other people's SQL lets
    through only single SELECTs that do nothing but read (`only_reads`).
    """
    folder = str(case.path / "tables").replace("'", "''")
    connection.execute(f"SET allowed_directories = ['{folder}/']")
    lock_out(connection)


def lock_out(connection: duckdb.DuckDBPyConnection) -> None:
    """No file but of allowed directories, no extension, no network; and no way back."""
    connection.execute("SET enable_external_access = false")
    connection.execute("SET autoinstall_known_extensions = false")
    connection.execute("SET autoload_known_extensions = false")
    connection.execute("SET lock_configuration = true")


def only_reads(
    connection: duckdb.DuckDBPyConnection, sql: str, params: Mapping[str, object] | None = None
) -> bool:
    """Whether a single SELECT does nothing but read: a WITH clause may hold COPY and INSERT too.

    Asked of DuckDB's plan, so that no spelling hides it. Raises `duckdb.Error`.
    """
    [(_, text)] = connection.execute(f"EXPLAIN (FORMAT json) {sql}", params or None).fetchall()
    return not any(_CHANGES.search(name) for plan in json.loads(text) for name in _walk(plan))


def _walk(plan: Mapping[str, Any]) -> Iterator[str]:
    """The names of all operators."""
    yield plan["name"]
    for child in plan["children"]:
        yield from _walk(child)
