"""Proving quote signatures (K5), and filing each quote under its appraisal subject.

Quotes come in windows of their ledger numbers, so memory does not grow with the case.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from forensics.case.derived import DerivedTables
from forensics.case.tables import FACT_QUOTE, SUBJECT
from forensics.verify.engine import Engine

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

WINDOW = 1 << 14  # quotes at a time and thread: about 15 MB of messages, keys and signatures

Progress = Callable[[int, int], None]
"""Called with (quotes proven, quotes to prove)."""

# A subject's row is a function of these; `Subject` in forensics.verify says what they are for.
_KEY = tuple(name for name in SUBJECT.names if name != "subject_no")

_KEYED = """
SELECT p.quote_no, p.signature_ok, s.tee, s.version, s.tee_type, s.qe_vendor_id, s.body_type,
       q.certification_id, c.certification_type, q.outer_certification_type,
       coalesce(octet_length(q.outer_slack), 0) AS outer_slack_size,
       s.attributes, s.td_attributes, s.tee_tcb_svn, s.tee_tcb_svn_2, s.mrsigner_seam,
       s.seam_attributes, s.mr_service_td
FROM proven AS p
JOIN stored.quote AS q ON q.quote_no = p.quote_no
JOIN stored.statement AS s ON s.statement_id = q.statement_id
JOIN stored.certification AS c ON c.certification_id = q.certification_id
"""


def prove_quotes(
    connection: duckdb.DuckDBPyConnection,
    tables: DerivedTables,
    engine: Engine,
    threads: int,
    progress: Progress,
) -> int:
    """Prove the quotes that are newer than the last one proven. Returns their number."""
    first, last = connection.execute(
        """
        SELECT coalesce((SELECT max(quote_no) FROM stored.fact_quote), 0) + 1,
               coalesce((SELECT max(quote_no) FROM stored.quote), 0)
        """
    ).fetchall()[0]
    if last < first:
        return 0
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE proven (quote_no BIGINT, signature_ok BOOLEAN)"
    )
    starts = range(first, last + 1, WINDOW)
    with ThreadPoolExecutor(threads) as pool:
        # A thread for each window: while OpenSSL works for one, Python prepares the next.
        outcomes = pool.map(
            lambda start: _prove_window(
                connection.cursor(), start, min(start + WINDOW, last + 1), engine
            ),
            starts,
        )
        for start, outcome in zip(starts, outcomes, strict=True):
            connection.register("outcome", outcome)
            connection.execute("INSERT INTO proven SELECT * FROM outcome")
            connection.unregister("outcome")
            progress(start - first + outcome.num_rows, last + 1 - first)
    _file_subjects(connection, tables)
    with tables.new_file(FACT_QUOTE) as path:
        target = str(path).replace("'", "''")
        same = " AND ".join(f'k."{name}" IS NOT DISTINCT FROM s."{name}"' for name in _KEY)
        connection.execute(
            f"COPY (SELECT k.quote_no, k.signature_ok, s.subject_no FROM ({_KEYED}) AS k "
            f"JOIN stored.subject AS s ON {same} ORDER BY k.quote_no) "
            f"TO '{target}' (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2)"
        )
    connection.execute("DROP TABLE proven")
    return int(last + 1 - first)


def _prove_window(
    connection: duckdb.DuckDBPyConnection, start: int, stop: int, engine: Engine
) -> pa.Table:
    """K5 of the quotes `[start, stop)`: their numbers, and whether the signature is valid."""
    import pyarrow as pa

    window = connection.sql(
        """
        SELECT q.quote_no, c.attestation_key, q.signature_r || q.signature_s AS signature,
               s.head || q.report_data || s.tail AS signed
        FROM stored.quote AS q
        JOIN stored.statement AS s ON s.statement_id = q.statement_id
        JOIN stored.certification AS c ON c.certification_id = q.certification_id
        WHERE q.quote_no >= ? AND q.quote_no < ?
        """,
        params=[start, stop],
    ).to_arrow_table()
    valid = engine.verify_many(
        window["attestation_key"].to_pylist(),
        window["signature"].to_pylist(),
        window["signed"].to_pylist(),
    )
    return pa.table({"quote_no": window["quote_no"], "signature_ok": pa.array(valid, pa.bool_())})


def _file_subjects(connection: duckdb.DuckDBPyConnection, tables: DerivedTables) -> None:
    """Number the subjects that are new, in the order of their keys."""
    key = ", ".join(f'"{name}"' for name in _KEY)
    new = connection.execute(
        f"SELECT {key} FROM (SELECT DISTINCT {key} FROM ({_KEYED})) "
        f"EXCEPT SELECT {key} FROM stored.subject ORDER BY ALL"
    ).fetchall()
    (known,) = connection.execute(
        "SELECT coalesce(max(subject_no), 0) FROM stored.subject"
    ).fetchall()[0]
    tables.append(
        SUBJECT,
        [
            {"subject_no": number, **dict(zip(_KEY, row, strict=True))}
            for number, row in enumerate(new, known + 1)
        ],
    )
