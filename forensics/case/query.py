"""SQL that somebody else wrote, on a connection that can do nothing but read the case."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from forensics.case.connection import connect, lock, only_reads
from forensics.case.custody import verify_custody
from forensics.case.damage import find_damage
from forensics.case.derived import load_rows
from forensics.case.judgements import fill_check_results
from forensics.case.scratch import attach_scratch
from forensics.case.tables import CUSTODY_PROBLEM
from forensics.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from forensics.case.folder import CaseFolder


def open_locked(
    case: CaseFolder,
    *,
    check_results: bool,
    custody_problems: bool = False,
    scratch: bool = False,
) -> duckdb.DuckDBPyConnection:
    """A locked-down connection; `check_results` and `custody_problems` fill those views first.

    With `custody_problems` a case that contradicts its ledger is read as far as possible.

    `scratch`: with room on disk for tables that are made on it (`forensics.case.scratch`).
    """
    connection = connect(case, damaged=custody_problems)
    if scratch:
        attach_scratch(connection)
    if check_results:
        fill_check_results(connection)
    if custody_problems:
        fill_custody_problems(connection, case)
    lock(connection, case)
    return connection


def fill_custody_problems(connection: duckdb.DuckDBPyConnection, case: CaseFolder) -> None:
    """Check every file against the ledger, and show what differs as a table."""
    rows = [
        {"level": p.level, "path": p.path, "code": p.code, "message": p.message}
        for p in verify_custody(case)
    ]
    load_rows(connection, CUSTODY_PROBLEM.name, CUSTODY_PROBLEM.columns, rows)
    connection.execute("CREATE OR REPLACE VIEW stored.custody_problem AS FROM temp.custody_problem")


def query_case(case: CaseFolder, sql: str) -> duckdb.DuckDBPyRelation:
    """The result of exactly one SELECT, not yet computed. Raises `UsageError` (`bad-sql`)."""
    text = sql.lower()
    connection = open_locked(
        case, check_results="check_result" in text, custody_problems="custody_problem" in text
    )
    try:
        statements = connection.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise UsageError("bad-sql", "one SELECT is wanted, nothing else")
        if not only_reads(connection, sql):
            raise UsageError("bad-sql", "a SELECT that does nothing but read is wanted")
        relation = connection.sql(sql)
    except duckdb.Error as error:
        raise _bad_sql(error) from None
    assert relation is not None  # a SELECT always has a result
    return relation


def run_query(case: CaseFolder, sql: str) -> pa.Table:
    """The computed result of exactly one SELECT.

    Raises `UsageError` (`bad-sql`) and `CustodyError` (`custody-broken`).
    """
    relation = query_case(case, sql)
    try:
        return relation.to_arrow_table()
    except duckdb.Error as error:
        raise find_damage(error, case.path, case.ledger) or _bad_sql(error) from None


def _bad_sql(error: duckdb.Error) -> UsageError:
    lines = str(error).strip().splitlines()
    return UsageError("bad-sql", lines[0] if lines else "query failed")
