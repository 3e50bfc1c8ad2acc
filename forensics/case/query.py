"""SQL that somebody else wrote, on a connection that can do nothing but read the case."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from forensics.case.connection import connect, lock
from forensics.case.judgements import fill_check_results
from forensics.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from forensics.case.case import Case

MEMORY_LIMIT = "4GB"


def open_locked(case: Case, *, check_results: bool) -> duckdb.DuckDBPyConnection:
    """A locked-down connection; `check_results` fills the view of that name first."""
    connection = connect(case, memory_limit=MEMORY_LIMIT)
    if check_results:
        fill_check_results(connection)
    lock(connection, case)
    return connection


def run_query(case: Case, sql: str) -> pa.Table:
    """The result of exactly one SELECT. Raises `UsageError` (`bad-sql`)."""
    connection = open_locked(case, check_results="check_result" in sql.lower())
    try:
        statements = connection.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise UsageError("bad-sql", "one SELECT is wanted, nothing else")
        return connection.sql(sql).to_arrow_table()
    except duckdb.Error as error:
        lines = str(error).strip().splitlines()
        raise UsageError("bad-sql", lines[0] if lines else "query failed") from None
