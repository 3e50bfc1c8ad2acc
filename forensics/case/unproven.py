"""Quotes whose signatures are not proven yet, in blocks for the provers.

Read with Arrow and not with DuckDB: the provers have their first blocks before that is loaded.
Everything is streamed, so memory does not grow with the case.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from forensics.case.arrow import Numbers, list_values, view_numbers, view_values
from forensics.case.ids import ID_SIZE, IdIndex, read_indexed
from forensics.case.prover import INDEX_CODE, REPORT_DATA_SIZE, QuoteBlock
from forensics.case.tables import CERTIFICATION, FACT_QUOTE, QUOTE, STATEMENT
from forensics.errors import CustodyError
from forensics.verify.signatures import HALF

if TYPE_CHECKING:
    from pathlib import Path

    from forensics.case.folder import CaseFolder

_BLOCK = 1 << 12  # quotes that a prover gets at a time: it answers within a quarter of a second
_LAST = 1 << 14  # quotes at the end that go in small blocks, so that all provers end together
_LAST_BLOCK = 1 << 9
_AHEAD = 1 << 2  # blocks whose keys and statements are looked up at once
_PARTS = 1 << 15  # keys, and statements, that are remembered

_NUMBER, _STATEMENT, _KEY = "quote_no", "statement_id", "certification_id"
_Numbered = tuple[dict[bytes, int], bytes]
"""Distinct ids with the place of each, and the places of all rows' ids, u32 each."""

_OWN = {"report_data": REPORT_DATA_SIZE, "signature_r": HALF, "signature_s": HALF}


class Unproven:
    """The quotes that are newer than the last one proven; reports of SEV-SNP are not among them."""

    def __init__(self, case: CaseFolder) -> None:
        self._first = _find_last(case.files(FACT_QUOTE.name)) + 1
        self._files = case.files(QUOTE.name)
        self._statements = _Parts(case.files(STATEMENT.name), (_STATEMENT, "head", "tail"))
        self._keys = _Parts(case.files(CERTIFICATION.name), (_KEY, "attestation_key"))
        self._open = True

    def close(self) -> None:
        """Stop giving blocks: nobody waits for the rest of a run that failed or was interrupted."""
        self._open = False

    def read(self) -> Iterator[tuple[Numbers, bytes]]:
        """Numbers of quotes, and the block of them for a prover.

        Raises `CustodyError` (`unproven-quote`, `bad-value`).
        """
        batches = self._read_batches()
        while some := list(islice(batches, _AHEAD)):
            statements = [_number(batch[_STATEMENT]) for batch in some]
            keys = [_number(batch[_KEY]) for batch in some]
            self._statements.load(set().union(*(places for places, _ in statements)))
            self._keys.load(set().union(*(places for places, _ in keys)))
            for batch, *parts in zip(some, statements, keys, strict=True):
                if not self._open:
                    return
                block = self._make_block(batch, *parts)
                yield view_numbers(batch[_NUMBER]).copy(), block.to_bytes()

    def _read_batches(self) -> Iterator[pa.RecordBatch]:
        columns = [_NUMBER, _STATEMENT, _KEY, *_OWN]
        new = {path: self._find_new(path) for path in self._files}
        left = sum(rows for groups in new.values() for rows in groups.values())
        for path, groups in new.items():
            with pq.ParquetFile(path, pre_buffer=False) as file:  # else the whole file is held
                for batch in file.iter_batches(_BLOCK, list(groups), columns, use_threads=False):
                    size = _BLOCK if left > _LAST else _LAST_BLOCK
                    left -= len(batch)
                    pieces = (batch.slice(start, size) for start in range(0, len(batch), size))
                    yield from filter(len, map(self._choose, pieces))

    def _find_new(self, path: Path) -> dict[int, int]:
        """The row groups of a file that have unproven quotes, and how many rows each has."""
        groups = _look_into(path).items()
        return {group: rows for group, (last, rows) in groups if last >= self._first}

    def _choose(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows that are to be proven: mostly all."""
        if batch[_KEY].null_count or view_numbers(batch[_NUMBER]).min() < self._first:
            import pyarrow.compute as pc

            new = pc.greater_equal(batch[_NUMBER], self._first)
            return batch.filter(pc.and_(new, pc.is_valid(batch[_KEY])))
        return batch

    def _make_block(
        self, batch: pa.RecordBatch, statements: _Numbered, keys: _Numbered
    ) -> QuoteBlock:
        """A block that has the keys and statements of its own quotes alone."""
        (heads, statement_index), (points, key_index) = statements, keys
        report_data, r, s = (view_values(batch[name], size) for name, size in _OWN.items())
        return QuoteBlock(
            keys=[point for (point,) in self._keys.find(points)],
            statements=self._statements.find(heads),
            key_index=key_index,
            statement_index=statement_index,
            report_data=report_data,
            r=r,
            s=s,
        )


class _Parts:
    """What quotes share, by id: the rows that were asked for lately."""

    def __init__(self, files: Sequence[Path], columns: Sequence[str]) -> None:
        self._files = files
        self._columns = columns
        self._held: dict[bytes, tuple[Any, ...]] = {}

    def load(self, ids: set[bytes]) -> None:
        """Make these rows available."""
        if len(self._held) > _PARTS:
            self._held = {}
        absent = IdIndex()
        for identity in ids - self._held.keys():
            absent.add(identity)
        if len(absent):
            rows = read_indexed(self._files, self._columns, absent)
            self._held |= {row[0]: row[1:] for _, row in rows}

    def find(self, ids: Iterable[bytes]) -> list[tuple[Any, ...]]:
        """The rows of these ids. Raises `CustodyError` (`unproven-quote`)."""
        try:
            return [self._held[identity] for identity in ids]
        except KeyError:
            message = f"quotes without a row of their {self._columns[0]}: parts are missing"
            raise CustodyError("unproven-quote", message) from None


def _number(column: pa.Array) -> _Numbered:
    ids = list_values(column, ID_SIZE)
    places = {identity: place for place, identity in enumerate(dict.fromkeys(ids))}
    return places, array(INDEX_CODE, map(places.__getitem__, ids)).tobytes()


def _find_last(files: Sequence[Path]) -> int:
    """The greatest number of a proven quote; 0 where there is none."""
    return max((top for path in files for top, _ in _look_into(path).values()), default=0)


def _look_into(path: Path) -> dict[int, tuple[int, int]]:
    """Of each row group the greatest number of a quote, and its rows."""
    metadata = pq.read_metadata(path)
    place = metadata.schema.names.index(_NUMBER)
    groups = map(metadata.row_group, range(metadata.num_row_groups))
    return {
        n: (group.column(place).statistics.max, group.num_rows) for n, group in enumerate(groups)
    }
