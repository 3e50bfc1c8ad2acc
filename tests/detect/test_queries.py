"""Every detector against its cases in `cases/<id>.toml`: real DuckDB, rows as the views have them.

A file may have `[defaults.<view>]`: values that every row of that view starts with; a column that
nothing sets is NULL. Each `[[case]]` has a `name`, rows (`[[case.<view>]]`), optionally `as_of` and
`params`, and `expect`: the findings as tables of which each key must agree (`details` key by key,
"NULL" stands for null); `[]` means silence. `unjudged` is the number of subjects that could not be
judged. `like` copies the rows of an earlier case, `changes` sets single cells ("view.row.column"
-> value, rows from 0), `unset` makes cells NULL, `drop` removes rows ("view.row"): what differs is
all that differs. `alone`: the case rests on views being empty, so a neighbour would change it.

Each case is also told in two instalments: its rows are dealt into what a first run knew and what is
new to a second one (late arrivals are the rule, since the deal ignores their times), and going on
must give what a full run gives.
"""

from __future__ import annotations

import copy
import json
import random
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from forensics.case.contract import VIEWS
from forensics.case.news import EVENTS
from forensics.detect.catalog import load_catalog
from forensics.detect.detector import Detector
from forensics.detect.findings import Finding
from forensics.detect.incremental import run_narrowed
from forensics.detect.lint import declare_views, lint_detector
from forensics.detect.run import DetectorRun, run_detector
from forensics.detect.store import describe_run

CASES = Path(__file__).with_name("cases")
CATALOG = load_catalog()
COLUMNS = {view.name: set(view.names) for view in VIEWS}
CUT_OFF = datetime(2026, 2, 1, tzinfo=UTC)

Rows = dict[str, list[dict[str, Any]]]


def load_cases(detector: str) -> list[dict[str, Any]]:
    """The cases of a detector with `like`, `changes` and defaults worked in."""
    document = tomllib.loads((CASES / f"{detector}.toml").read_text())
    defaults = document.get("defaults", {})
    cases: dict[str, dict[str, Any]] = {}
    for case in document["case"]:
        like = copy.deepcopy(cases[case["like"]]["rows"]) if "like" in case else {}
        rows: Rows = {view: like.get(view, []) for view in COLUMNS}
        for view in COLUMNS:
            rows[view] += [defaults.get(view, {}) | row for row in case.pop(view, [])]
        change(rows, case)
        for view, found in rows.items():
            for row in found:
                assert set(row) <= COLUMNS[view], f"{detector}: {view} has no {set(row)}"
        assert case["name"] not in cases
        cases[case["name"]] = case | {"rows": rows}
    return list(cases.values())


def change(rows: Rows, case: dict[str, Any]) -> None:
    for place, value in case.get("changes", {}).items():
        view, row, column = place.split(".")
        rows[view][int(row)][column] = value
    for place in case.get("unset", []):
        view, row, column = place.split(".")
        del rows[view][int(row)][column]
    for place in sorted(case.get("drop", []), reverse=True):
        view, row = place.split(".")
        del rows[view][int(row)]


def fill(connection: duckdb.DuckDBPyConnection, rows: Rows) -> None:
    connection.execute("SET threads = 1")  # a handful of rows
    declare_views(connection)
    for view, found in rows.items():
        for row in found:
            names = ", ".join(f'"{name}"' for name in row)
            places = ", ".join("?" for _ in row)
            connection.execute(
                f'INSERT INTO "{view}" ({names}) VALUES ({places})', list(row.values())
            )


def run(detector: str, case: dict[str, Any], rows: Rows) -> DetectorRun:
    with duckdb.connect() as connection:
        fill(connection, rows)
        return run_detector(
            connection,
            CATALOG[detector],
            as_of=case.get("as_of", CUT_OFF),
            overrides=case.get("params", {}),
        )


def agrees(finding: Finding, expected: dict[str, Any]) -> bool:
    told = {name: getattr(finding, name) for name in expected if name != "details"}
    told["observation_ids"] = list(finding.observation_ids)
    details = json.loads(finding.details)
    wanted = {name: value for name, value in expected.items() if name != "details"}
    return holds(told, wanted) and holds(details, expected.get("details", {}))


def holds(found: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return all(found[name] == (None if v == "NULL" else v) for name, v in wanted.items())


ALL_CASES = [
    pytest.param(detector, case, id=f"{detector}: {case['name']}")
    for detector in CATALOG
    if (CASES / f"{detector}.toml").exists()
    for case in load_cases(detector)
]


@pytest.mark.parametrize(("detector", "case"), ALL_CASES)
def test_case(detector: str, case: dict[str, Any]) -> None:
    result = run(detector, case, case["rows"])
    expected = case["expect"]
    told = [
        (f.subject_type, f.subject_id, f.severity, f.observation_ids, f.summary, f.details)
        for f in result.findings
    ]
    assert len(result.findings) == len(expected), told
    for wanted in expected:
        assert any(agrees(finding, wanted) for finding in result.findings), told
    if "unjudged" in case:
        assert result.unjudged == case["unjudged"], result.gaps
    assert result.evaluated == case.get("evaluated", True)


@pytest.mark.parametrize(("detector", "case"), ALL_CASES)
def test_neither_order_nor_neighbours_matter(detector: str, case: dict[str, Any]) -> None:
    expected = run(detector, case, case["rows"])
    shuffled = copy.deepcopy(case["rows"])
    for found in shuffled.values():
        random.Random(7).shuffle(found)
    assert run(detector, case, shuffled).findings == expected.findings
    if case.get("alone") or not expected.evaluated:  # a neighbour's rows are what it lacked
        return
    for view, found in load_neighbour().items():
        shuffled[view] += found
    beside = run(detector, case, shuffled)
    assert beside.findings == expected.findings
    assert beside.unjudged == expected.unjudged


def load_neighbour() -> Rows:
    """A clean fleet of one, of every view: no detector has anything to say about it."""
    return tomllib.loads((CASES.parent / "neighbour.toml").read_text())


@pytest.mark.parametrize("detector", CATALOG)
def test_the_neighbour_alone_is_clean(detector: str) -> None:
    result = run(detector, {}, load_neighbour())
    assert result.findings == ()
    assert result.gaps == ()


@pytest.mark.parametrize("detector", CATALOG)
def test_an_empty_case_is_silent(detector: str) -> None:
    result = run(detector, {}, {})
    assert result.findings == ()
    assert result.evaluated == (not CATALOG[detector].requires)


@pytest.mark.parametrize("detector", CATALOG)
def test_header_and_query_agree(detector: str) -> None:
    assert lint_detector(CATALOG[detector]) == []


@pytest.mark.parametrize("detector", CATALOG)
def test_the_kinds_of_case_are_there(detector: str) -> None:
    """It fires, a case that changes one thing is silent, and something is NULL."""
    cases = load_cases(detector)
    assert any(case["expect"] for case in cases)
    assert any(
        not case["expect"]
        and len(case.get("changes", {})) + len(case.get("unset", [])) + len(case.get("drop", []))
        == 1
        for case in cases
    ), "no near-miss that differs in one thing"
    assert any("NULL" in case["name"] for case in cases)


def test_every_case_file_has_its_detector() -> None:
    assert {path.stem for path in CASES.glob("*.toml")} == set(CATALOG)


SCOPED = [case for case in ALL_CASES if CATALOG[case.values[0]].scope]  # type: ignore[index]


def deal(connection: duckdb.DuckDBPyConnection, chance: random.Random) -> None:
    """Number quotes and sightings, and say of each row whether it is new."""
    connection.execute(
        "UPDATE observation SET observation_no = -rowid WHERE observation_no IS NULL"
    )
    # As in any quote: one signing event has one r, and one signed region one REPORT_DATA.
    connection.execute("UPDATE quote SET signature_r = signing_id WHERE signature_r IS NULL")
    connection.execute("UPDATE quote SET report_data = signed_id WHERE report_data IS NULL")
    for view in ("observation", "quote"):
        connection.execute(
            f"UPDATE {view} SET quote_no = n.no FROM (SELECT quote_id, row_number() OVER () AS no "
            f"FROM (SELECT DISTINCT quote_id FROM quote)) AS n WHERE n.quote_id = {view}.quote_id"
        )
    for view in ("verdict", "binding"):
        connection.execute(
            f"UPDATE {view} SET observation_no = o.observation_no FROM observation AS o "
            f"WHERE o.observation_id = {view}.observation_id"
        )
    rows = connection.execute("SELECT observation_no FROM observation ORDER BY ALL").fetchall()
    fresh = [row[0] for row in rows if chance.random() < 0.5]
    connection.execute("CREATE TEMP TABLE fresh_observation (observation_no BIGINT)")
    connection.execute(
        "CREATE TEMP TABLE changed_observation (moment VARCHAR, observation_no BIGINT)"
    )
    for number in fresh:
        connection.execute("INSERT INTO fresh_observation VALUES (?)", [number])
    for view in EVENTS:
        [(count,)] = connection.execute(f"SELECT count(*) FROM {view}").fetchall()
        late = [row for row in range(count) if chance.random() < 0.5]
        for name, negation in (("fresh", ""), ("known", "NOT ")):
            connection.execute(
                f"CREATE TEMP TABLE {name}_{view} AS SELECT * FROM {view} "
                f"WHERE rowid {negation}IN (SELECT unnest(?::BIGINT[]))",
                [late],
            )


def run_first(
    connection: duckdb.DuckDBPyConnection, detector: Detector, case: dict[str, Any], at: datetime
) -> DetectorRun:
    """The run before: on the known rows alone."""
    known = "SELECT observation_no FROM fresh_observation"
    for view in ("observation", "verdict", "binding"):
        connection.execute(
            f"CREATE TEMP TABLE {view} AS SELECT * FROM memory.main.{view} "
            f"WHERE observation_no IS NULL OR observation_no NOT IN ({known})"
        )
    connection.execute(
        "CREATE TEMP TABLE quote AS SELECT * FROM memory.main.quote WHERE quote_id IN "
        "(SELECT quote_id FROM observation) "
        "OR quote_id NOT IN (SELECT quote_id FROM memory.main.observation "
        "WHERE quote_id IS NOT NULL)"
    )
    for view in EVENTS:
        connection.execute(f"CREATE TEMP TABLE {view} AS FROM known_{view}")
    run = run_detector(connection, detector, as_of=at, overrides=case.get("params", {}))
    for view in ("observation", "quote", "verdict", "binding", *EVENTS):
        connection.execute(f"DROP TABLE temp.{view}")
    return run


@pytest.mark.parametrize(("name", "case"), SCOPED)
def test_going_on_gives_what_a_full_run_gives(name: str, case: dict[str, Any]) -> None:
    detector = CATALOG[name]
    as_of = case.get("as_of", CUT_OFF)
    earlier = as_of - timedelta(seconds=20) if detector.pending else as_of
    rows = {view.name: list(case["rows"][view.name]) for view in VIEWS}
    if not case.get("alone"):
        for view, found in load_neighbour().items():
            rows[view] += found
    with duckdb.connect() as connection:
        fill(connection, rows)
        deal(connection, random.Random(f"{name} {case['name']}"))
        before = run_first(connection, detector, case, earlier)
        if not before.evaluated:
            pytest.skip("nothing to go on from")
        full = run_detector(connection, detector, as_of=as_of, overrides=case.get("params", {}))
        record = describe_run(before) | {"basis": f'{{"as_of": "{earlier.isoformat()}"}}'}
        outcome = run_narrowed(connection, detector, record, before.findings, full.params)
    if isinstance(outcome, str):
        assert detector.widens
        assert full.findings
        return
    assert outcome.findings == full.findings
    assert outcome.gaps == full.gaps
