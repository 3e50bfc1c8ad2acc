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


def open_locked(case: Case, *, check_results: bool) -> duckdb.DuckDBPyConnection:
    """A locked-down connection; `check_results` fills the view of that name first."""
    connection = connect(case)
    if check_results:
        fill_check_results(connection)
    lock(connection, case)
    return connection


def query_case(case: Case, sql: str) -> duckdb.DuckDBPyRelation:
    """The result of exactly one SELECT, not yet computed. Raises `UsageError` (`bad-sql`)."""
    connection = open_locked(case, check_results="check_result" in sql.lower())
    try:
        statements = connection.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise UsageError("bad-sql", "one SELECT is wanted, nothing else")
        relation = connection.sql(sql)
    except duckdb.Error as error:
        raise _bad_sql(error) from None
    assert relation is not None  # a SELECT always has a result
    return relation


def run_query(case: Case, sql: str) -> pa.Table:
    """The computed result of exactly one SELECT. Raises `UsageError` (`bad-sql`)."""
    relation = query_case(case, sql)
    try:
        return relation.to_arrow_table()
    except duckdb.Error as error:
        raise _bad_sql(error) from None


def _bad_sql(error: duckdb.Error) -> UsageError:
    lines = str(error).strip().splitlines()
    return UsageError("bad-sql", lines[0] if lines else "query failed")
