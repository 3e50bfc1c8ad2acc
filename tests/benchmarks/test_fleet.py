"""The benchmarks' fleet can still be told on: its columns are those of the tables."""

from __future__ import annotations

from pathlib import Path

from bulk import load_fleet

from forensics.case.query import open_locked


def test_a_small_fleet_is_told_on(tmp_path: Path) -> None:
    case = load_fleet().write_fleet_case(tmp_path, 20_000)
    connection = open_locked(case, check_results=False)
    [(sightings, quotes, bound)] = connection.execute(
        "SELECT count(*), count(o.quote_no), count(b.initial_state_from) FROM observation AS o "
        "LEFT JOIN binding AS b ON b.observation_no = o.observation_no"
    ).fetchall()
    assert sightings > 20_000
    assert quotes > 0.9 * sightings
    assert bound > 0.9 * sightings
