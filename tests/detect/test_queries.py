"""Every detector against its cases in `cases/<id>.toml`: real DuckDB, rows as the views have them.

A file may have `[defaults.<view>]`: values that every row of that view starts with; a column that
nothing sets is NULL. Each `[[case]]` has a `name`, rows (`[[case.<view>]]`), optionally `as_of` and
`params`, and `expect`: the findings as tables of which each key must agree (`details` key by key,
"NULL" stands for null); `[]` means silence. `unjudged` is the number of subjects that could not be
judged. `like` copies the rows of an earlier case, `changes` sets single cells ("view.row.column"
-> value, rows from 0), `unset` makes cells NULL, `drop` removes rows ("view.row"): what differs is
all that differs. `alone`: the case rests on views being empty, so a neighbour would change it.
"""

from __future__ import annotations

import copy
import json
import random
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from forensics.case.contract import VIEWS
from forensics.detect.catalog import load_catalog
from forensics.detect.findings import Finding
from forensics.detect.lint import declare_views, lint_detector
from forensics.detect.run import DetectorRun, run_detector

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
