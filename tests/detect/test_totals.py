"""What is weighed against all history is gone on with, where that can be told."""

from __future__ import annotations

import pytest

from forensics.detect.totals import Row, Totals

TOTALS = Totals("part", (("seen", "sum"), ("longest", "max")))


@pytest.mark.parametrize(
    ("before", "known", "now", "expected"),
    [
        ((9, 7.0), (2, 3.0), (5, 4.0), (12, 7.0)),
        ((9, 7.0), (2, 3.0), (5, 8.0), (12, 8.0)),
        ((9, 7.0), (2, 7.0), (5, 7.0), (12, 7.0)),
        ((9, 7.0), (2, 7.0), (5, 9.0), (12, 9.0)),
        ((9, 7.0), (2, 7.0), (5, 6.0), None),  # it was that one, and others are not at hand
        ((9, 7.0), (2, 7.0), (5, None), None),
        ((9, 7.0), (0, None), (0, None), (9, 7.0)),
        ((0, None), (0, None), (0, None), (0, None)),
        ((0, None), (0, None), (1, -2.5), (1, -2.5)),
    ],
)
def test_totals_are_gone_on_with(
    before: tuple[int, float | None],
    known: tuple[int, float | None],
    now: tuple[int, float | None],
    expected: tuple[int, float | None] | None,
) -> None:
    def name(row: tuple[int, float | None]) -> Row:
        return dict(zip(TOTALS.names, row, strict=True))

    assert TOTALS.go_on(name(before), name(known), name(now)) == (expected and name(expected))


def test_a_row_is_written_as_it_is() -> None:
    queries = TOTALS.write({"seen": 3, "longest": None}, {"seen": 4, "longest": 0.1})
    assert queries == {
        "part": "SELECT CAST('4' AS BIGINT) AS seen, CAST('0.1' AS DOUBLE) AS longest",
        "known_part": "SELECT CAST('3' AS BIGINT) AS seen, CAST(NULL AS DOUBLE) AS longest",
    }
