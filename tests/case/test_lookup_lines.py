"""The lines that ids of observations name."""

from __future__ import annotations

from pathlib import Path

from forensics.case import lookup
from forensics.case.case import open_case
from forensics.case.lookup import name_lines
from forensics.case.query import open_locked


def test_all_rows_with_one_of_the_ids_are_of_those_lines(audited: Path) -> None:
    connection = open_locked(open_case(audited), check_results=False)
    rows = connection.execute(
        "SELECT observation_id FROM observation ORDER BY observation_id"
    ).fetchall()
    ids = [identifier for (identifier,) in rows]
    for chosen in (ids, ids[:1], ids[-3:]):
        found = connection.execute(
            f"SELECT observation_id FROM observation WHERE {name_lines(chosen)} "
            "AND observation_id IN (SELECT unnest(?::VARCHAR[])) ORDER BY observation_id",
            [chosen],
        ).fetchall()
        assert [identifier for (identifier,) in found] == chosen
    [(few,)] = connection.execute(
        f"SELECT count(*) FROM observation WHERE {name_lines(ids[:1])}"
    ).fetchall()
    assert few < len(ids) / 4


def test_what_is_no_id_names_no_line() -> None:
    assert name_lines([]) == "coalesce(source_line, 0) IN (-1)"
    for foreign in ("'; DROP", "ab" * 20 + "\n", ""):
        assert name_lines(["ab" * 20, foreign]) == "true"


def test_too_many_lines_are_no_filter() -> None:
    ids = [f"{0:032x}{line:08x}" for line in range(lookup._FEW_LINES + 1)]
    assert name_lines(ids) == "true"
    assert name_lines(ids[1:]) != "true"
