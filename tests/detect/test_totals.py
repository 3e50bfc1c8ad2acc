"""What is weighed against all history is gone on with, where that can be told."""

from __future__ import annotations

import duckdb
import pytest

from forensics.detect.catalog import load_catalog
from forensics.detect.run import put_totals
from forensics.detect.totals import Totals, Value

ONE = Totals("part", (("seen", "sum"), ("least", "min"), ("most", "max")))


@pytest.mark.parametrize(
    ("before", "known", "now", "expected"),
    [
        ([9, -7.0, 7.0], [2, -3.0, 3.0], [5, -4.0, 4.0], [12, -7.0, 7.0]),
        ([9, -7.0, 7.0], [2, -3.0, 3.0], [5, -8.0, 8.0], [12, -8.0, 8.0]),
        ([9, -7.0, 7.0], [2, -7.0, 7.0], [5, -7.0, 7.0], [12, -7.0, 7.0]),
        ([9, -7.0, 7.0], [2, -7.0, 7.0], [5, -9.0, 9.0], [12, -9.0, 9.0]),
        # It was that one, and the others are not at hand.
        ([9, -7.0, 7.0], [2, -3.0, 7.0], [5, -3.0, 6.0], None),
        ([9, -7.0, 7.0], [2, -7.0, 3.0], [5, -6.0, 3.0], None),
        ([9, -7.0, 7.0], [2, -7.0, 7.0], [5, None, None], None),
        ([9, -7.0, 7.0], [0, None, None], [0, None, None], [9, -7.0, 7.0]),
        ([0, None, None], [0, None, None], [0, None, None], [0, None, None]),
        ([0, None, None], [0, None, None], [1, -2.5, -2.5], [1, -2.5, -2.5]),
    ],
)
def test_totals_are_gone_on_with(
    before: list[Value], known: list[Value], now: list[Value], expected: list[Value] | None
) -> None:
    assert ONE.go_on([before], [known], [now]) == (expected and [expected])


GROUPED = Totals("part", (("seen", "sum"), ("who", "key"), ("where", "key")))


def test_each_group_is_gone_on_with_and_those_of_nothing_are_gone() -> None:
    before = [[1, "a", "x"], [5, "a", "y"], [3, "b", None]]
    known = [[1, "a", "x"], [2, "b", None]]
    now = [[4, "b", None], [6, "c", "x"], [2, "a", None]]
    told = [[5, "a", "y"], [2, "a", None], [5, "b", None], [6, "c", "x"]]
    assert GROUPED.go_on(before, known, now) == told
    assert GROUPED.order(told[::-1]) == told


def test_what_evidence_says_is_no_text_of_a_query() -> None:
    detector = load_catalog()["late-nonce"]
    said = "'; DROP TABLE x; --"
    with duckdb.connect() as connection:
        judged = put_totals(connection, detector, [[said, "", 10, 0.25]])
        assert said not in judged.sql
        rows = connection.execute("SELECT * FROM total_pace").fetchall()
        assert rows == [(said, "", 10, 0.25)]
        assert connection.execute("SELECT * FROM total_known_pace").fetchall() == []
