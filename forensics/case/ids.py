"""Which SHA-256 ids the case holds already, in 40 bytes each.

A Python dict takes some 200 bytes an id; a case of ten million quotes would not fit. Recent ids
sit in a dict, older ones in sorted numpy runs. Ids are always compared in full, 32 bytes: a
shortened hash could be collided on purpose to make a quote disappear as a duplicate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from forensics.case.arrow import Numbers, make_numbers

ID_SIZE = 32
_RECENT_LIMIT = 1 << 15
# Merging stops at this size, which bounds the copy that a merge needs.
_RUN_LIMIT = 1 << 20
_ROWS_AT_ONCE = 1 << 12

Ids = npt.NDArray[np.bytes_]


class IdIndex:
    """Ids and the number that each was given."""

    def __init__(self) -> None:
        self._recent: dict[bytes, int] = {}
        self._runs: list[tuple[Ids, Numbers]] = []

    def __len__(self) -> int:
        return len(self._recent) + sum(len(ids) for ids, _ in self._runs)

    def load(self, files: Iterable[Path], id_column: str, number_column: str | None) -> None:
        """Add the ids of stored Parquet files; without a number column each gets 0."""
        columns = [id_column] if number_column is None else [id_column, number_column]
        for path in files:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(_RUN_LIMIT, columns=columns):
                    ids = _view_ids(batch.column(0))
                    if number_column is None:
                        numbers = np.zeros(len(ids), np.int64)
                    else:
                        numbers = batch.column(1).to_numpy(zero_copy_only=False)
                    self._add_run(ids, numbers.astype(np.int64))

    def add(self, key: bytes, number: int = 0) -> bool:
        """Add one id; false when it was there already."""
        if self.find([key])[0] is not None:
            return False
        self._store(key, number)
        return True

    def find(self, keys: Sequence[bytes]) -> list[int | None]:
        """The number of each id, null for unknown ones."""
        recent = self._recent
        found = [recent.get(key) for key in keys]
        if not self._runs or None not in found:
            return found
        open_places = [place for place, number in enumerate(found) if number is None]
        needles = np.frombuffer(b"".join([keys[place] for place in open_places]), f"S{ID_SIZE}")
        for ids, numbers in self._runs:
            places = np.minimum(np.searchsorted(ids, needles), len(ids) - 1)
            for hit in np.flatnonzero(ids[places] == needles).tolist():
                found[open_places[hit]] = int(numbers[places[hit]])
        return found

    def assign(self, keys: Sequence[bytes], next_number: int) -> tuple[list[int], list[int]]:
        """Number all ids, unknown ones from `next_number` in order of first sight.

        Returns the number of each id, and the places of the new ids' first sights.
        """
        numbers: list[int] = []
        first_sights: list[int] = []
        fresh: dict[bytes, int] = {}
        for place, (key, known) in enumerate(zip(keys, self.find(keys), strict=True)):
            number = fresh.get(key) if known is None else known
            if number is None:
                number = fresh[key] = next_number + len(fresh)
                first_sights.append(place)
            numbers.append(number)
        for key, number in fresh.items():
            self._store(key, number)
        return numbers, first_sights

    def _store(self, key: bytes, number: int) -> None:
        self._recent[key] = number
        if len(self._recent) >= _RECENT_LIMIT:
            ids = np.frombuffer(b"".join(self._recent), f"S{ID_SIZE}")
            numbers = np.fromiter(self._recent.values(), np.int64, len(ids))
            self._recent = {}
            self._add_run(ids, numbers)

    def _add_run(self, ids: Ids, numbers: Numbers) -> None:
        if not len(ids):
            return
        order = np.argsort(ids)
        self._runs.append((ids[order], numbers[order]))
        while len(self._runs) > 1 and self._should_merge():
            (ids_b, numbers_b), (ids_a, numbers_a) = self._runs.pop(), self._runs.pop()
            ids = np.concatenate([ids_a, ids_b])
            order = np.argsort(ids, kind="stable")  # merges what is sorted already
            self._runs.append((ids[order], np.concatenate([numbers_a, numbers_b])[order]))

    def _should_merge(self) -> bool:
        last, previous = len(self._runs[-1][0]), len(self._runs[-2][0])
        return previous <= 2 * last and previous + last <= _RUN_LIMIT


def read_indexed(
    files: Iterable[Path], columns: Sequence[str], index: IdIndex
) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """`(number, values of columns)` of the rows whose id, the first column, the index holds.

    In the order of the files; a row group of at most some 32 MiB is in memory at a time, and only
    where it holds such a row.
    """
    for path in files:
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                ids = file.read_row_group(group, columns=[columns[0]]).column(0).to_pylist()
                numbers = index.find(ids)
                wanted = [place for place, number in enumerate(numbers) if number is not None]
                if not wanted:
                    continue
                rows = file.read_row_group(group, columns=list(columns))
                if len(wanted) < len(ids):  # the first time all are, and `take` must be loaded
                    rows = rows.take(make_numbers(np.array(wanted, np.int64)))
                chosen = (number for number in numbers if number is not None)
                yield from zip(chosen, _iterate_rows(rows, columns), strict=True)


def _iterate_rows(rows: pa.Table, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    for batch in rows.select(list(columns)).to_batches(_ROWS_AT_ONCE):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _view_ids(column: pa.Array) -> Ids:
    """Binary values of 32 bytes as a numpy array of the same bytes."""
    column = column.cast(pa.binary(ID_SIZE))  # DuckDB writes them without their size
    data = column.buffers()[1]
    ids: Ids = np.frombuffer(data, f"S{ID_SIZE}", len(column), column.offset * ID_SIZE)
    return ids
