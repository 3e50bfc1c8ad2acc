"""REPORT_DATA rules as a function of SQL, computed a column at a time.

A module of its own because DuckDB reads the annotations below, and loading pyarrow takes time.
"""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import pyarrow as pa
from duckdb.func import ARROW, SPECIAL

from forensics.verify.binding import Rule


def register_rules(connection: duckdb.DuckDBPyConnection, rules: Mapping[int, Rule | None]) -> None:
    """Define `expect(rule_no, initial_state, nonce, runtime_data)`: 64 bytes, or null."""

    def expect(
        numbers: pa.ChunkedArray,
        initial_states: pa.ChunkedArray,
        nonces: pa.ChunkedArray,
        runtime_data: pa.ChunkedArray,
    ) -> pa.Array:
        rows = numbers.to_pylist()
        columns = [column.to_pylist() for column in (initial_states, nonces, runtime_data)]
        expected: list[bytes | None] = [None] * len(rows)
        for number in sorted(set(rows)):
            rule = rules.get(number)
            if rule is None:
                continue
            places = [place for place, at in enumerate(rows) if at == number]
            chosen = [[column[place] for place in places] for column in columns]
            for place, value in zip(places, rule.expect_many(chosen), strict=True):
                expected[place] = value
        return pa.array(expected, pa.binary())

    connection.create_function(
        "expect",
        expect,
        ["BIGINT", "BLOB", "BLOB", "BLOB"],
        "BLOB",
        type=ARROW,
        null_handling=SPECIAL,
    )
