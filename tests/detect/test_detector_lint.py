"""The linter: each rule with a query that breaks it and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from forensics.detect.detector import Blindness, Detector, parse_detector
from forensics.detect.lint import lint_detector
from forensics.detect.parameters import Parameter
from forensics.detect.totals import Totals

HEADER = """\
-- ---
-- id = "lint-test"
-- title = "A test"
-- version = 1
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = false
-- question = "Does it lint?"
-- why = "To know."
-- inputs = ["observation"]
-- grain = "one row per event"
-- nulls = "silent"
-- false_positives = ["none"]
-- blind_spots = ["all"]
-- attack = ["none"]
-- spec = ["none"]
-- created = 2026-01-01
-- updated = 2026-01-02
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen",
--     "observation_ids", "severity", "summary", "details"]
-- [details]
-- kind = "what"
-- ---
"""
SQL = """\
WITH late AS (
    SELECT observation_id, received_at FROM observation WHERE siem_forwarded
)
SELECT
    'observation' AS subject_type,
    observation_id AS subject_id,
    min(received_at) AS first_seen,
    max(received_at) AS last_seen,
    string_split(string_agg(observation_id, ' ' ORDER BY received_at), ' ') AS observation_ids,
    'high' AS severity,
    'late' AS summary,
    CAST(to_json({'kind': 'late'}) AS VARCHAR) AS details
FROM late
GROUP BY observation_id
ORDER BY subject_type, subject_id
"""


def make(sql: str = SQL) -> Detector:
    return parse_detector(HEADER + sql, "tests", "lint-test")


def test_a_good_query() -> None:
    assert lint_detector(make()) == []


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (SQL, SQL + "; SELECT 1", "one-select (query)"),
        (SQL, "DROP TABLE observation", "one-select (query)"),
        (SQL, "COPY observation TO 'x.csv'", "one-select (query)"),
        (SQL, "PRAGMA version", "one-select (query)"),
        ("WITH late", "WITH late late", "syntax (query)"),
        ("SELECT observation_id, received_at", "SELECT *", "stars (query)"),
        ("'late' AS summary", "CAST(now() AS VARCHAR) AS summary", "functions (query)"),
        (
            "'late' AS summary",
            "CAST(current_timestamp AS VARCHAR) AS summary",
            "functions (query)",
        ),
        ("'late' AS summary", "CAST(random() AS VARCHAR) AS summary", "functions (query)"),
        ("'late' AS summary", "getenv('HOME') AS summary", "functions (query)"),
        ("'late' AS summary", "any_value('late') AS summary", "functions (query)"),
        ("FROM observation WHERE", "FROM read_csv('x.csv') WHERE", "sources (query)"),
        ("FROM observation WHERE", "FROM 'x.parquet' WHERE", "inputs:"),
        ("FROM observation WHERE", "FROM main.observation WHERE", "sources (query)"),
        ("FROM observation WHERE", "FROM range(3) WHERE", "sources (query)"),
        ("FROM observation WHERE", "FROM verdict WHERE", "inputs:"),
        (
            "string_split(string_agg(observation_id, ' ' ORDER BY received_at), ' ')",
            "list(observation_id ORDER BY received_at)",
            "lists (query)",
        ),
        ("ORDER BY subject_type, subject_id\n", "", "order:"),
        ("ORDER BY subject_type, subject_id\n", "ORDER BY subject_type\n", "order:"),
        ("subject_type, subject_id\n", "subject_type, subject_id LIMIT 5\n", "limits (query)"),
        ("'kind': 'late'", "'sort': 'late'", "details:"),
        ("CAST(to_json({'kind': 'late'}) AS VARCHAR)", "'{}'", "details:"),
        ("min(received_at) AS first_seen", "CAST(NULL AS DATE) AS first_seen", "columns:"),
        ("'high' AS severity", "'high' AS gravity", "columns:"),
        ("'late' AS summary", "$word AS summary", "parameters:"),
    ],
)
def test_each_rule(old: str, new: str, rule: str) -> None:
    assert old in SQL
    problems = lint_detector(make(SQL.replace(old, new, 1)))
    assert any(problem.startswith(rule) for problem in problems), problems


def test_findings_are_no_input() -> None:
    sql = SQL.replace("FROM observation WHERE siem_forwarded", "FROM finding")
    sql = sql.replace("observation_id, received_at", "finding_id AS observation_id, first_seen")
    problems = lint_detector(replace(make(sql), inputs=("finding",)))
    assert any("no view that a detector may read" in problem for problem in problems)


def test_a_declared_parameter_must_be_used() -> None:
    unused = Parameter("word", "VARCHAR", "x", "a word")
    problems = lint_detector(replace(make(), params=(unused,)))
    assert "parameters: the header declares ['word'], the SQL uses []" in problems


def test_a_discriminator_must_order() -> None:
    problems = lint_detector(replace(make(), discriminator=("kind",)))
    assert any(problem.startswith("order:") for problem in problems)


def test_a_signed_detector_must_ask_for_proof() -> None:
    problems = lint_detector(replace(make(), signed=True))
    assert any(problem.startswith("sig:") for problem in problems)


@pytest.mark.parametrize(
    "count",
    [
        "SELECT observation_id FROM observation",
        "SELECT count(*) AS a, count(*) AS b FROM observation",
        "DELETE FROM observation",
    ],
)
def test_a_count_of_what_was_not_judged_is_one_number(count: str) -> None:
    assert lint_detector(replace(make(), not_evaluable=(Blindness("why", count, widens=False),)))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"scope": ("weather",)}, "no columns of observation or quote"),
        ({"scope": ("observation_id", "enclave_id")}, "stands alone"),
        ({"scope": ("enclave_id",), "suspects": "SELECT 1; SELECT 2"}, "not exactly one SELECT"),
        ({"scope": ("enclave_id",), "suspects": "SELECT enclave_id FROM launch"}, "reads views"),
        ({"scope": ("enclave_id",), "suspects": "SELECT enclave_id FROM nobody"}, "nobody"),
        ({"scope": ("enclave_id",), "suspects": "SELECT 'n' AS weather"}, "of scope or sightings"),
        ({"scope": ("enclave_id",), "widens_when": "SELECT 1 FROM launch"}, "reads views"),
        ({"scope": ("enclave_id",), "widens_when": "SELECT 1 FROM nobody"}, "nobody"),
        ({"scope": ("enclave_id",), "follows": ("container_id",)}, "sightings and events"),
    ],
)
def test_a_scope_is_held_to_the_views(changes: dict[str, Any], problem: str) -> None:
    found = lint_detector(replace(make(), **changes))
    assert any(p.startswith("scope:") and problem in p for p in found), found


@pytest.mark.parametrize(
    ("again", "problem"),
    [
        ("SELECT observation_no FROM observation", None),
        ("SELECT enclave_id FROM fresh_crl CROSS JOIN observation", None),
        ("SELECT o.observation_no FROM late JOIN observation AS o USING (observation_id)", None),
        ("SELECT nonce FROM observation", "not numbers of sightings or columns of the scope"),
        ("SELECT observation_no FROM fresh_nonce CROSS JOIN observation", "are no inputs"),
        ("SELECT * FROM nobody", "are no inputs"),
        ("SELECT nothing FROM observation", "nothing"),
        ("SELECT observation_no FROM observation; SELECT 1", "not exactly one SELECT"),
    ],
)
def test_what_is_judged_again_is_of_the_scope(again: str, problem: str | None) -> None:
    """And what is dated may be compared with sightings."""
    changes: dict[str, Any] = {"scope": ("enclave_id",), "dated": ("crl",), "again": again}
    found = lint_detector(replace(make(HELD), inputs=("crl", "observation"), **changes))
    if problem is None:
        assert found == []
    else:
        assert any(p.startswith("scope:") and problem in p for p in found), found


TOTALLED = SQL.replace(
    "WITH late", "WITH far AS (SELECT count(*) AS n, min(status) AS least FROM verdict),\nlate"
)
"""With a part that is of verdicts."""


@pytest.mark.parametrize(
    ("part", "columns", "problem"),
    [
        ("late", ("observation_id",), "its totals are 0 rows of 0 keys"),
        ("far", ("least",), "totals of far are ['VARCHAR'], not ['BIGINT']"),
        ("nowhere", ("n",), "does not exist"),
        ("far", ("n",), "totals are of verdicts"),
    ],
)
def test_totals_are_numbers_of_evidence(part: str, columns: tuple[str, ...], problem: str) -> None:
    totals = Totals(part, tuple((name, "sum") for name in columns))
    counted = replace(make(TOTALLED), inputs=("observation", "verdict"), scope=("peer",))
    found = lint_detector(replace(counted, totals=totals))
    assert any(p.startswith("scope:") and problem in p for p in found), found


def test_a_count_may_be_of_what_the_query_makes_of_views() -> None:
    def lint(count: str, *inputs: str) -> list[str]:
        gap = Blindness("missed", count)
        return lint_detector(replace(make(), not_evaluable=(gap,), inputs=inputs))

    assert lint("SELECT count(*) AS unjudged FROM late", "observation") == []
    assert lint("SELECT count(*) AS unjudged FROM latest", "observation") != []
    own = "WITH late AS (SELECT quote_id FROM quote) SELECT count(quote_id) AS unjudged FROM late"
    assert lint(own, "observation", "quote") == []
    [problem] = lint("SELECT max(received_at) AS unjudged FROM late", "observation")
    assert "does not give one BIGINT" in problem


def test_only_of_documents_it_is_known_what_came_when() -> None:
    asked = {"scope": ("enclave_id",), "again": "SELECT observation_no FROM observation"}
    found = lint_detector(replace(make(), dated=("observation",), **asked))  # type: ignore[arg-type]
    assert "scope: of ['observation'] nobody knows what came when" in found


def test_an_input_without_a_key_of_the_scope_would_be_lost() -> None:
    launches = replace(
        make(SQL.replace("FROM observation WHERE", "FROM launch CROSS JOIN observation WHERE")),
        inputs=("launch", "observation"),
    )
    told = [p for p in lint_detector(replace(launches, scope=("peer",))) if p.startswith("scope:")]
    assert told == ["scope: launch has none of these columns, so none of its rows would be read"]


APART = SQL.replace(
    "FROM observation WHERE siem_forwarded",
    "FROM observation WHERE siem_forwarded UNION ALL SELECT crl_id, this_update FROM crl",
)
HELD = SQL.replace(
    "FROM observation WHERE",
    "FROM observation JOIN (SELECT this_update FROM crl) AS c ON c.this_update = timestamp WHERE",
)
ASKED = HELD.replace("WITH late", "WITH seen AS (SELECT enclave_id FROM observation), late")
NAMED = HELD.replace(
    "SELECT observation_id, received_at", "SELECT observation_id, received_at, enclave_id", 1
)
COUNTED = Blindness("why", "SELECT count(*) AS unjudged FROM crl")


@pytest.mark.parametrize(
    ("sql", "changes", "problem"),
    [
        (APART, {"apart": ("crl",)}, None),
        (APART, {"apart": ("crl", "observation")}, "['observation'] are not read whole"),
        (HELD, {"apart": ("crl",)}, "sightings or events are held against ['crl']"),
        (HELD, {"apart": ("crl",), "widens": True}, None),
        (HELD, {"apart": ("crl",), "widens_when": "SELECT 1 FROM late"}, None),
        (ASKED, {"apart": ("crl",), "widens_when": "SELECT 1 FROM seen"}, "are held against"),
        (ASKED, {"apart": ("crl",), "suspects": "SELECT enclave_id FROM seen"}, "are held against"),
        (NAMED, {"apart": ("crl",), "suspects": "SELECT enclave_id FROM late"}, None),
        (NAMED, {"apart": ("crl",), "again": "SELECT enclave_id FROM late"}, None),
        (ASKED, {"apart": ("crl",), "again": "SELECT enclave_id FROM seen"}, "are held against"),
        (HELD, {"apart": ("crl",), "not_evaluable": (replace(COUNTED, widens=True),)}, None),
        (APART, {"apart": ("crl",), "not_evaluable": (COUNTED,)}, "and not anew"),
        (APART, {"apart": ("crl",), "not_evaluable": (replace(COUNTED, anew=True),)}, None),
    ],
)
def test_what_is_apart_is_held_against_no_sighting(
    sql: str, changes: dict[str, Any], problem: str | None
) -> None:
    detector = replace(make(sql), inputs=("crl", "observation"), scope=("enclave_id",), **changes)
    found = lint_detector(detector)
    if problem is None:
        assert found == []
    else:
        assert any(p.startswith("apart:") and problem in p for p in found), found


def test_suspects_may_be_named() -> None:
    seen = "WITH seen AS (SELECT enclave_id FROM observation), late AS ("
    screened = SQL.replace("WITH late AS (", seen)
    detector = replace(
        make(screened), scope=("enclave_id",), suspects="SELECT enclave_id FROM seen"
    )
    assert lint_detector(detector) == []
