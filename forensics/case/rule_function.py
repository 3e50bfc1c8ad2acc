"""REPORT_DATA rules as a function of SQL, computed a column at a time.

A module of its own because DuckDB reads the annotations below, and loading pyarrow takes time.
"""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import numpy as np
import pyarrow as pa
from duckdb.func import ARROW, SPECIAL

from forensics.case.arrow import view_numbers
from forensics.verify.binding import SIZE, Rule


def register_rules(connection: duckdb.DuckDBPyConnection, rules: Mapping[int, Rule | None]) -> None:
    """Define `expect(rule_no, initial_state, nonce, runtime_data)`: 64 bytes, or null."""

    def expect(
        numbers: pa.ChunkedArray,
        initial_states: pa.ChunkedArray,
        nonces: pa.ChunkedArray,
        runtime_data: pa.ChunkedArray,
    ) -> pa.Array:
        rows = np.concatenate([view_numbers(chunk) for chunk in numbers.chunks])
        columns = (initial_states, nonces, runtime_data)
        expected: list[bytes | None] = [None] * len(rows)
        for number in set(rows.tolist()):  # `np.unique` would load numpy.ma, for longer than this
            rule = rules.get(number)
            if rule is None:
                continue
            listed = [column.to_pylist() for column in rule.choose(columns)]
            chosen = rows == number
            if chosen.all():  # most logs name one workload, block by block
                return _pack(rule.expect_many(listed))
            places = np.flatnonzero(chosen).tolist()
            picked = [[column[place] for place in places] for column in listed]
            for place, value in zip(places, rule.expect_many(picked), strict=True):
                expected[place] = value
        return _pack(expected)

    connection.create_function(
        "expect",
        expect,
        ["BIGINT", "BLOB", "BLOB", "BLOB"],
        "BLOB",
        type=ARROW,
        null_handling=SPECIAL,
    )


def _pack(values: list[bytes | None]) -> pa.Array:
    """Values of `SIZE` bytes. From buffers: `pa.array` loads pandas where that is installed."""
    try:
        data, valid = b"".join(values), None  # type: ignore[arg-type]
    except TypeError:  # one is null
        data = b"".join([bytes(SIZE) if value is None else value for value in values])
        bits = np.packbits([value is not None for value in values], bitorder="little")
        valid = pa.py_buffer(bits)
    return pa.Array.from_buffers(pa.binary(SIZE), len(values), [valid, pa.py_buffer(data)])
