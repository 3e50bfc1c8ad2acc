"""Filing each quote with its proven signature (K5) under its appraisal subject."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from forensics.case.derived import DerivedTables, copy_to
from forensics.case.tables import FACT_QUOTE, SUBJECT
from forensics.errors import CustodyError

if TYPE_CHECKING:
    import duckdb

    from forensics.case.arrow import Numbers
    from forensics.case.proving import Proving

Progress = Callable[[int, int], None]
"""Called with (quotes proven, quotes to prove)."""

# A subject's row is a function of these; `Subject` in forensics.verify says what they are for.
_KEY = tuple(
    name for name in SUBJECT.names if name not in ("subject_no", "statement_id", "endorsement_id")
)

# Quotes of one kind differ in nothing that an appraisal looks at, but for a signature that fails.
_KINDS = """
SELECT row_number() OVER () AS kind_no, q.statement_id, s.tee, s.version, s.tee_type,
       s.qe_vendor_id, s.body_type, q.certification_id, c.certification_type,
       q.outer_certification_type, q.outer_slack_size,
       s.attributes, s.td_attributes, s.tee_tcb_svn, s.tee_tcb_svn_2, s.mrsigner_seam,
       s.seam_attributes, s.mr_service_td
FROM (
    SELECT DISTINCT statement_id, certification_id, outer_certification_type,
           coalesce(octet_length(outer_slack), 0) AS outer_slack_size
    FROM stored.quote WHERE quote_no BETWEEN $first AND $last AND certification_id IS NOT NULL
) AS q
JOIN stored.statement AS s ON s.statement_id = q.statement_id
JOIN stored.certification AS c ON c.certification_id = q.certification_id
"""
_FILED = """
SELECT q.quote_no, k.kind_no
FROM stored.quote AS q
JOIN kind AS k
  ON k.statement_id = q.statement_id AND k.certification_id = q.certification_id
 AND k.outer_certification_type IS NOT DISTINCT FROM q.outer_certification_type
 AND k.outer_slack_size = coalesce(octet_length(q.outer_slack), 0)
WHERE q.quote_no BETWEEN $first AND $last
"""
_KEYED = """
SELECT p.signature_ok, k.* EXCLUDE (statement_id)
FROM (SELECT DISTINCT f.kind_no, p.signature_ok FROM proven AS p JOIN filed AS f USING (quote_no))
  AS p
JOIN kind AS k USING (kind_no)
"""


def watch_quotes(
    connection: duckdb.DuckDBPyConnection, proving: Proving, progress: Progress
) -> int:
    """How many quotes are newer than the last one proven, and are being proven now.

    Makes the tables `kind`, and `filed`: the kind of each of them.
    """
    first, last, total = connection.execute(
        """
        SELECT p.first, max(q.quote_no), count(q.quote_no)
        FROM (SELECT coalesce(max(quote_no), 0) + 1 AS first FROM stored.fact_quote) AS p
        LEFT JOIN stored.quote AS q
          ON q.quote_no >= p.first AND q.certification_id IS NOT NULL
        GROUP BY p.first
        """
    ).fetchall()[0]
    assert isinstance(total, int)
    if total:
        proving.watch(lambda done: progress(done, total))
        for name, sql in (("kind", _KINDS), ("filed", _FILED)):
            connection.execute(
                f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}", {"first": first, "last": last}
            )
    return total


def file_quotes(
    connection: duckdb.DuckDBPyConnection, tables: DerivedTables, proving: Proving, total: int
) -> None:
    """Once all the quotes that `watch_quotes` counted are proven, store the outcomes.

    Raises `CustodyError` (`unproven-quote`), and what `Proving.finish` raises.
    """
    if not total:
        return
    numbers, valid = proving.finish()
    if not sum(map(len, numbers)) == len(valid) == total:
        message = f"{len(valid)} of {total} quotes could be proven: parts are missing"
        raise CustodyError("unproven-quote", message)
    _load_outcomes(connection, numbers, valid)
    connection.execute(f"CREATE TEMP TABLE keyed AS {_KEYED}")
    _number_subjects(connection, tables)
    with tables.new_file(FACT_QUOTE) as path:
        same = " AND ".join(f'k."{name}" IS NOT DISTINCT FROM s."{name}"' for name in _KEY)
        copy_to(
            connection,
            "(SELECT p.quote_no, p.signature_ok, t.subject_no FROM proven AS p "
            "JOIN filed AS f USING (quote_no) "
            "JOIN (SELECT k.kind_no, k.signature_ok, s.subject_no FROM keyed AS k "
            f"JOIN stored.subject AS s ON {same}) AS t "
            "ON t.kind_no = f.kind_no AND t.signature_ok = p.signature_ok "
            "ORDER BY p.quote_no)",
            path,
            ", PARQUET_VERSION v2",
        )
    for name in ("proven", "keyed", "filed", "kind"):
        connection.execute(f"DROP TABLE {name}")


def _load_outcomes(
    connection: duckdb.DuckDBPyConnection, numbers: Sequence[Numbers], valid: bytes
) -> None:
    """The outcomes as the temporary table `proven`."""
    import numpy as np
    import pyarrow as pa

    from forensics.case.arrow import make_bits, make_numbers

    columns = [make_numbers(np.concatenate(numbers)), make_bits(np.frombuffer(valid, np.bool_))]
    connection.register("outcome", pa.table(columns, names=["quote_no", "signature_ok"]))
    connection.execute("CREATE OR REPLACE TEMP TABLE proven AS SELECT * FROM outcome")
    connection.unregister("outcome")


def _number_subjects(connection: duckdb.DuckDBPyConnection, tables: DerivedTables) -> None:
    """Number the subjects that are new, in the order of their keys."""
    key = ", ".join(f'"{name}"' for name in _KEY)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE new_subject AS "
        f"SELECT {key} FROM (SELECT DISTINCT {key} FROM keyed) "
        f"EXCEPT SELECT {key} FROM stored.subject"
    )
    if connection.execute("FROM new_subject LIMIT 1").fetchall():
        with tables.new_file(SUBJECT) as path:
            number = (
                f"(SELECT coalesce(max(subject_no), 0) FROM stored.subject) "
                f"+ row_number() OVER (ORDER BY {key})"
            )
            copy_to(
                connection,
                f"(SELECT {number} AS subject_no, {key} FROM new_subject ORDER BY 1)",
                path,
            )
    connection.execute("DROP TABLE new_subject")
