"""REPORT_DATA rules as a function of SQL, computed a column at a time.

A module of its own because DuckDB reads the annotations below, and loading pyarrow takes time.
"""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import pyarrow as pa
from duckdb.func import ARROW, SPECIAL

from forensics.verify.binding import INPUTS, Rule


def register_rules(connection: duckdb.DuckDBPyConnection, rules: Mapping[int, Rule | None]) -> None:
    """Define `expect(rule_no, initial_state, nonce, runtime_data)`: 64 bytes, or null."""

    def expect(
        numbers: pa.ChunkedArray,
        initial_states: pa.ChunkedArray,
        nonces: pa.ChunkedArray,
        runtime_data: pa.ChunkedArray,
    ) -> pa.Array:
        columns = (initial_states, nonces, runtime_data)
        values = zip(*(column.to_pylist() for column in columns), strict=True)
        return pa.array(
            [
                rule.expect(dict(zip(INPUTS, row, strict=True))) if rule else None
                for rule, row in zip(map(rules.get, numbers.to_pylist()), values, strict=True)
            ],
            pa.binary(),
        )

    connection.create_function(
        "expect",
        expect,
        ["BIGINT", "BLOB", "BLOB", "BLOB"],
        "BLOB",
        type=ARROW,
        null_handling=SPECIAL,
    )
