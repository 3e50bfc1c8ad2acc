"""Proving quote signatures (K5), and filing each quote under its appraisal subject.

Quotes come in blocks out of one stream, so memory does not grow with the case. They are verified
from the start of `prove_quotes` to the end of its block: what needs no proven signature is done
meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from forensics.case.derived import DerivedTables, copy_to
from forensics.case.prover import REPORT_DATA_SIZE, QuoteBlock
from forensics.case.provers import ProveBlocks
from forensics.case.tables import FACT_QUOTE, SUBJECT
from forensics.errors import CustodyError
from forensics.verify.signatures import HALF

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from forensics.case.arrow import Bits, Numbers

_BLOCK = 1 << 11  # quotes that a prover gets at a time: it answers within a tenth of a second
_LAST = 1 << 14  # quotes at the end that go in small blocks, so that all provers end together
_LAST_BLOCK = 1 << 9
_PARTS = 1 << 16  # keys and statements that are held at a time
_RANGE = 1 << 15  # quotes whose keys and statements are held where those of all are too many

Progress = Callable[[int, int], None]
"""Called with (quotes proven, quotes to prove)."""

# A subject's row is a function of these; `Subject` in forensics.verify says what they are for.
_KEY = tuple(
    name for name in SUBJECT.names if name not in ("subject_no", "statement_id", "endorsement_id")
)

# Keys and statements by their place in the order of their ids: the quotes name them by it.
_STATEMENTS = "SELECT statement_id AS id, head, tail FROM stored.statement"
_KEYS = "SELECT certification_id AS id, attestation_key FROM stored.certification"
_OF_RANGE = "(SELECT {id} FROM stored.quote WHERE quote_no BETWEEN $first AND $last)"
_UNPROVEN = """
SELECT q.quote_no, k.place AS key_place, s.place AS statement_place,
       q.report_data, q.signature_r, q.signature_s
FROM stored.quote AS q
JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM ({statements})) AS s
  ON s.id = q.statement_id
JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM ({keys})) AS k
  ON k.id = q.certification_id
WHERE q.quote_no BETWEEN $first AND $last
"""

# Quotes of one kind differ in nothing that an appraisal looks at, but for a signature that fails.
_KINDS = """
SELECT row_number() OVER () AS kind_no, * FROM (
    SELECT DISTINCT statement_id, certification_id, outer_certification_type,
           coalesce(octet_length(outer_slack), 0) AS outer_slack_size
    FROM stored.quote WHERE quote_no BETWEEN $first AND $last AND certification_id IS NOT NULL
)
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
SELECT p.kind_no, p.signature_ok, s.tee, s.version, s.tee_type, s.qe_vendor_id, s.body_type,
       k.certification_id, c.certification_type, k.outer_certification_type,
       k.outer_slack_size,
       s.attributes, s.td_attributes, s.tee_tcb_svn, s.tee_tcb_svn_2, s.mrsigner_seam,
       s.seam_attributes, s.mr_service_td
FROM (SELECT DISTINCT f.kind_no, p.signature_ok FROM proven AS p JOIN filed AS f USING (quote_no))
  AS p
JOIN kind AS k ON k.kind_no = p.kind_no
JOIN stored.statement AS s ON s.statement_id = k.statement_id
JOIN stored.certification AS c ON c.certification_id = k.certification_id
"""


@contextmanager
def prove_quotes(
    connection: duckdb.DuckDBPyConnection,
    tables: DerivedTables,
    prove: ProveBlocks,
    progress: Progress,
) -> Iterator[int]:
    """Prove the quotes that are newer than the last one proven, around a block; their number.

    Raises `CustodyError` (`unproven-quote`), and what `prove` raises.
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
    if not total:
        yield 0
        return
    unproven = _Unproven(connection.cursor(), first, last, total)
    with ThreadPoolExecutor(1) as pool:
        proving = pool.submit(_prove, unproven, prove, lambda done: progress(done, total))
        try:
            _file_kinds(connection, first, last)
            yield total
            numbers, valid = proving.result()
            if not len(numbers) == len(valid) == total:
                message = f"{len(valid)} of {total} quotes could be proven: parts are missing"
                raise CustodyError("unproven-quote", message)
        finally:
            unproven.close()
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


class _Unproven:
    """The quotes of a range in blocks. A connection of its own: a stream ends when its connection
    runs something else.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, first: int, last: int, total: int
    ) -> None:
        self._connection = connection
        self._first = first
        self._last = last
        self._left = total
        self._open = True

    def close(self) -> None:
        """Give no more: nobody waits for the rest of a run that failed or was interrupted."""
        self._open = False

    def read(self) -> Iterator[tuple[Numbers, bytes]]:
        """Numbers of quotes, and the block of them for a prover."""
        sql = "SELECT (SELECT count(*) FROM stored.statement) + count(*) FROM stored.certification"
        whole = self._connection.execute(sql).fetchall()[0][0] <= _PARTS
        step = self._last + 1 - self._first if whole else _RANGE
        for first in range(self._first, self._last + 1, step):
            yield from self._read_range(first, min(first + step - 1, self._last), whole)

    def _read_range(self, first: int, last: int, whole: bool) -> Iterator[tuple[Numbers, bytes]]:
        range_ = {"first": first, "last": last}
        statements, keys = _STATEMENTS, _KEYS
        if not whole:
            statements += f" WHERE statement_id IN {_OF_RANGE.format(id='statement_id')}"
            keys += f" WHERE certification_id IN {_OF_RANGE.format(id='certification_id')}"
        used = None if whole else range_
        parts = [
            self._connection.execute(f"{sql} ORDER BY id", used).fetchall()
            for sql in (statements, keys)
        ]
        from forensics.case.arrow import view_numbers  # loads numpy and pyarrow

        sql = _UNPROVEN.format(statements=statements, keys=keys)
        for batch in self._connection.sql(sql, params=range_).to_arrow_reader(_BLOCK):
            size = _BLOCK if self._left > _LAST else _LAST_BLOCK
            for start in range(0, len(batch), size):
                if not self._open:
                    return
                block = batch.slice(start, size)
                yield view_numbers(block["quote_no"]).copy(), _make_block(block, *parts).to_bytes()
            self._left -= len(batch)


def _make_block(
    batch: pa.RecordBatch, statements: list[tuple[bytes, ...]], keys: list[tuple[bytes, ...]]
) -> QuoteBlock:
    """A block that has the keys and statements of its own quotes alone."""
    import numpy as np

    from forensics.case.arrow import view_numbers

    key_places, key_index = np.unique(view_numbers(batch["key_place"]), return_inverse=True)
    places, index = np.unique(view_numbers(batch["statement_place"]), return_inverse=True)
    return QuoteBlock(
        keys=[keys[place][1] for place in key_places.tolist()],
        statements=[statements[place][1:] for place in places.tolist()],
        key_index=key_index.astype(np.uint32).tobytes(),
        statement_index=index.astype(np.uint32).tobytes(),
        report_data=_flatten(batch["report_data"], REPORT_DATA_SIZE),
        r=_flatten(batch["signature_r"], HALF),
        s=_flatten(batch["signature_s"], HALF),
    )


def _flatten(column: pa.Array, size: int) -> bytes:
    """The values of a binary column, `size` bytes each, one after the other.

    Raises `CustodyError` (`bad-value`).
    """
    import numpy as np

    _, offsets, data = column.buffers()
    ends = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    if column.null_count or not (np.diff(ends) == size).all():
        raise CustodyError("bad-value", f"a part of a quote that has not {size} bytes")
    return bytes(memoryview(data)[int(ends[0]) : int(ends[-1])])


def _prove(
    unproven: _Unproven, prove: ProveBlocks, report: Callable[[int], None]
) -> tuple[Numbers, Bits]:
    """Quote numbers, and whether the signature of each is valid."""
    import numpy as np

    numbers: list[Numbers] = []

    def send_blocks() -> Iterator[bytes]:
        for quotes, block in unproven.read():
            numbers.append(quotes)
            yield block

    done = 0
    answers = []
    for answer in prove(send_blocks()):
        answers.append(answer)
        done += len(answer)
        report(done)
    return np.concatenate(numbers), np.frombuffer(b"".join(answers), np.bool_)


def _file_kinds(connection: duckdb.DuckDBPyConnection, first: int, last: int) -> None:
    """Tables `kind`, and `filed`: the kind of each quote."""
    for name, sql in (("kind", _KINDS), ("filed", _FILED)):
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}", {"first": first, "last": last}
        )


def _load_outcomes(connection: duckdb.DuckDBPyConnection, numbers: Numbers, valid: Bits) -> None:
    """The outcomes as the temporary table `proven`."""
    import pyarrow as pa

    from forensics.case.arrow import make_bits, make_numbers

    columns = [make_numbers(numbers), make_bits(valid)]
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
