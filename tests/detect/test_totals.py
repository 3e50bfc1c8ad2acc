"""What is weighed against all history is continued, where that can be done."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import pytest

from forensics.detect.catalog import load_catalog
from forensics.detect.run import put_totals, sum_up
from forensics.detect.totals import Totals, Value
from forensics.errors import DetectorError

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


GROUPED = Totals("part", (("who", "key"), ("where", "key"), ("seen", "sum")))


def test_each_group_is_gone_on_with_and_those_of_nothing_are_gone() -> None:
    before = [["a", "x", 1], ["a", "y", 5], ["b", None, 3]]
    known = [["a", "x", 1], ["b", None, 2]]
    now = [["b", None, 4], ["c", "x", 6], ["a", None, 2]]
    told = [["a", "y", 5], ["a", None, 2], ["b", None, 5], ["c", "x", 6]]
    assert GROUPED.go_on(before, known, now) == told
    assert [[*key, *row] for key, row in GROUPED.group(told[::-1]).items()] == told


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ((("sighting", "key"), ("kind", "key")), None),
        ((("kind", "key"),), "2 rows of 1 keys"),
        ((("kind", "sum"),), "2 rows of 1 keys"),
    ],
)
def test_totals_are_one_row_of_each_key(
    columns: tuple[tuple[str, str], ...], problem: str | None
) -> None:
    part = "part AS (SELECT 1 AS kind, 2 AS sighting UNION ALL SELECT 1, 3)"
    sql = f"WITH {part} SELECT kind FROM part"
    detector = replace(load_catalog()["late-nonce"], sql=sql, totals=Totals("part", columns))
    with duckdb.connect() as connection:
        if problem is None:
            assert sum_up(connection, detector, {}) == [[2, 1], [3, 1]]
            return
        with pytest.raises(DetectorError) as caught:
            sum_up(connection, detector, {})
    assert caught.value.code == "detector-output"
    assert problem in caught.value.message


def test_what_evidence_says_is_no_text_of_a_query() -> None:
    detector = load_catalog()["late-nonce"]
    said = "'; DROP TABLE x; --"
    with duckdb.connect() as connection:
        judged = put_totals(connection, detector, [[said, "", 10, 0.25]])
        assert said not in judged.sql
        rows = connection.execute("SELECT * FROM total_pace").fetchall()
        assert rows == [(said, "", 10, 0.25)]
        assert connection.execute("SELECT * FROM total_known_pace").fetchall() == []
