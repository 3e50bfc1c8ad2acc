"""Proving quote signatures (K5), and filing each quote under its appraisal subject.

Quotes come in batches out of one stream, so memory does not grow with the case. The threads that
verify them work from the start of `prove_quotes` to the end of its block: what needs no proven
signature is done meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from forensics.case.derived import DerivedTables, copy_to
from forensics.case.tables import FACT_QUOTE, SUBJECT
from forensics.verify.engine import Engine

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Outcome = tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]
    """Quote numbers, and whether the signature of each is valid."""

# Small, so that no thread is left with much to do when the others have finished.
_BATCH = 1 << 12  # quotes: about 4 MB of messages, keys and signatures

Progress = Callable[[int, int], None]
"""Called with (quotes proven, quotes to prove)."""

# A subject's row is a function of these; `Subject` in forensics.verify says what they are for.
_KEY = tuple(
    name for name in SUBJECT.names if name not in ("subject_no", "statement_id", "endorsement_id")
)

_UNPROVEN = """
SELECT q.quote_no, c.attestation_key, q.signature_r || q.signature_s AS signature,
       s.head || q.report_data || s.tail AS signed
FROM stored.quote AS q
JOIN stored.statement AS s ON s.statement_id = q.statement_id
JOIN stored.certification AS c ON c.certification_id = q.certification_id
WHERE q.quote_no >= ?
"""

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


@contextmanager
def prove_quotes(
    connection: duckdb.DuckDBPyConnection,
    tables: DerivedTables,
    engine: Engine,
    threads: int,
    progress: Progress,
) -> Iterator[int]:
    """Prove the quotes that are newer than the last one proven, around a block; their number."""
    first, total = connection.execute(
        """
        SELECT p.first, count(q.quote_no)
        FROM (SELECT coalesce(max(quote_no), 0) + 1 AS first FROM stored.fact_quote) AS p
        LEFT JOIN stored.quote AS q
          ON q.quote_no >= p.first AND q.certification_id IS NOT NULL
        GROUP BY p.first
        """
    ).fetchall()[0]
    if not total:
        yield 0
        return
    cursor = connection.cursor()  # a stream ends when its connection runs something else
    source = _Source(cursor.sql(_UNPROVEN, params=[first]).to_arrow_reader(_BATCH))
    report = _Report(progress, total)
    with ThreadPoolExecutor(threads) as pool:
        working = [pool.submit(_prove, source, engine, report) for _ in range(threads)]
        try:
            yield total
            outcomes = [outcome for future in working for outcome in future.result()]
        finally:
            source.close()
    _load_outcomes(connection, outcomes)
    _file_subjects(connection, tables)
    with tables.new_file(FACT_QUOTE) as path:
        same = " AND ".join(f'k."{name}" IS NOT DISTINCT FROM s."{name}"' for name in _KEY)
        copy_to(
            connection,
            f"(SELECT k.quote_no, k.signature_ok, s.subject_no FROM ({_KEYED}) AS k "
            f"JOIN stored.subject AS s ON {same} ORDER BY k.quote_no)",
            path,
            ", PARQUET_VERSION v2",
        )
    connection.execute("DROP TABLE proven")


class _Source:
    """Batches out of one stream, for several threads."""

    def __init__(self, reader: pa.RecordBatchReader) -> None:
        self._reader = reader
        self._turn = threading.Lock()
        self._open = True

    def take(self) -> pa.RecordBatch | None:
        with self._turn:
            return next(self._reader, None) if self._open else None

    def close(self) -> None:
        """Give no more: nobody waits for the rest of a run that failed or was interrupted."""
        self._open = False


class _Report:
    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0
        self._turn = threading.Lock()

    def add(self, count: int) -> None:
        with self._turn:
            self._done += count
            self._progress(self._done, self._total)


def _prove(source: _Source, engine: Engine, report: _Report) -> list[Outcome]:
    """One thread's share."""
    import numpy as np

    outcomes = []
    while batch := source.take():
        valid = engine.verify_many(
            batch["attestation_key"].to_pylist(),
            batch["signature"].to_pylist(),
            batch["signed"].to_pylist(),
        )
        outcomes.append((batch["quote_no"].to_numpy(), np.array(valid, np.bool_)))
        report.add(len(valid))
    return outcomes


def _load_outcomes(connection: duckdb.DuckDBPyConnection, outcomes: list[Outcome]) -> None:
    """The outcomes as the temporary table `proven`."""
    import numpy as np
    import pyarrow as pa

    numbers = np.concatenate([numbers for numbers, _ in outcomes])
    bits = np.packbits(np.concatenate([valid for _, valid in outcomes]), bitorder="little")
    # From buffers, because `pa.array` loads pandas where that is installed.
    columns = [
        pa.Array.from_buffers(kind, len(numbers), [None, pa.py_buffer(data)])
        for kind, data in ((pa.int64(), numbers), (pa.bool_(), bits))
    ]
    connection.register("outcome", pa.table(columns, names=["quote_no", "signature_ok"]))
    connection.execute("CREATE OR REPLACE TEMP TABLE proven AS SELECT * FROM outcome")
    connection.unregister("outcome")


def _file_subjects(connection: duckdb.DuckDBPyConnection, tables: DerivedTables) -> None:
    """Number the subjects that are new, in the order of their keys."""
    key = ", ".join(f'"{name}"' for name in _KEY)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE new_subject AS "
        f"SELECT {key} FROM (SELECT DISTINCT {key} FROM ({_KEYED})) "
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
