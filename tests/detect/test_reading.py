"""Which columns a detector is said to read: never fewer than its queries do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import duckdb
import pytest

from forensics.case.contract import COLUMNS, VIEWS
from forensics.detect.catalog import load_catalog
from forensics.detect.detector import Detector
from forensics.detect.parameters import bind
from forensics.detect.reading import (
    complete,
    continue_query,
    name_columns,
    only_selects,
    put_rows,
    read_columns,
    read_moments,
)
from forensics.errors import DetectorError

CATALOG = load_catalog()


def read(sql: str, *inputs: str) -> dict[str, tuple[str, ...]]:
    detector = replace(CATALOG["debug-enclave"], sql=sql, inputs=inputs, not_evaluable=())
    return read_columns(detector)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT v.status FROM verdict AS v JOIN binding AS b ON b.rule = v.moment",
         "status moment"),
        ("SELECT status FROM verdict JOIN binding ON rule = verdict.moment", "status moment"),
        ("SELECT V.Status FROM Verdict AS V", "status"),
        ("WITH v AS (SELECT status FROM verdict) SELECT v.outcome FROM v", "status"),
        ("SELECT b.rule FROM binding AS b WHERE EXISTS "
         "(SELECT 1 FROM verdict AS v WHERE v.moment = b.rule)", "moment"),
        ("SELECT 1 AS n FROM verdict AS v JOIN binding AS b USING (observation_no)",
         "observation_no"),
        ("SELECT 1 AS n FROM verdict AS status JOIN binding AS b USING (status, outcome)",
         "outcome status"),
        ("SELECT count(*) FROM verdict", ""),
        ("SELECT status.outcome FROM verdict", "outcome status"),
        ("SELECT rank() OVER w FROM verdict AS v WINDOW w AS (ORDER BY v.as_of)", "as_of"),
        ("SELECT 1 FROM binding UNION ALL SELECT status FROM verdict", "status"),
        ("SELECT x.status FROM (SELECT * FROM verdict) AS x", "*"),
        ("SELECT v.* FROM verdict AS v", "*"),
        ("SELECT FROM WHERE", "*"),
    ],
)  # fmt: skip
def test_each_way_of_naming_a_column(sql: str, expected: str):
    names = COLUMNS["verdict"] if expected == "*" else expected.split()
    assert sorted(read(sql, "binding", "verdict")["verdict"]) == sorted(names)


RECEIPT, BOTH = ("receipt",), ("receipt", "hindsight")


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1 FROM binding", ()),
        ("SELECT v.status FROM verdict AS v WHERE v.moment = 'receipt'", RECEIPT),
        ("SELECT status FROM verdict WHERE moment = 'receipt' AND outcome = 'accepted'", RECEIPT),
        ("SELECT status FROM Verdict WHERE verdict.moment = 'receipt'", RECEIPT),
        ("SELECT 1 FROM binding AS b\nJOIN\n  verdict AS v USING (observation_no)\n"
         "WHERE v.moment = 'receipt'", RECEIPT),
        ("SELECT 1 FROM binding AS b LEFT JOIN verdict AS v "
         "ON v.observation_no = b.observation_no AND v.moment = 'receipt'", RECEIPT),
        ("SELECT 1 FROM binding AS b, (SELECT * FROM verdict WHERE moment = 'receipt') AS v",
         RECEIPT),
        # What does not say so, or not of these rows.
        ("SELECT count(*) FROM verdict", BOTH),
        ("SELECT 1 FROM verdict WHERE moment = 'hindsight'", BOTH),
        ("SELECT 1 FROM verdict WHERE moment = 'receipt' OR outcome = 'rejected'", BOTH),
        ("SELECT 1 FROM verdict WHERE NOT moment = 'receipt'", BOTH),
        ("SELECT 1 FROM verdict -- moment = 'receipt'", BOTH),
        ("SELECT 1 FROM binding AS b, verdict AS v", BOTH),
        ("SELECT 1 FROM binding AS b JOIN  verdict AS v ON v.moment = 'hindsight'", BOTH),
        ("SELECT 1 FROM verdict AS v LEFT JOIN binding AS b ON v.moment = 'receipt'", BOTH),
        ("SELECT 1 FROM binding AS b FULL JOIN verdict AS v ON v.moment = 'receipt'", BOTH),
        ("SELECT 1 FROM verdict AS r JOIN verdict AS h ON r.moment = 'receipt'", BOTH),
        ("SELECT 1 FROM verdict AS r JOIN verdict AS h USING (observation_no) "
         "WHERE moment = 'receipt'", BOTH),
        ("SELECT 1 FROM verdict AS v WHERE v.moment = 'receipt' AND v.moment = 'receipt' "
         "AND EXISTS (SELECT 1 FROM verdict AS h)", BOTH),
        ("SELECT (SELECT count(*) FROM verdict AS h) FROM verdict WHERE moment = 'receipt'", BOTH),
        ("SELECT 1 FROM verdict AS v WHERE b.moment = 'receipt'", BOTH),
    ],
)  # fmt: skip
def test_the_moments_of_the_verdicts_that_are_read(sql: str, expected: tuple[str, ...]):
    detector = replace(CATALOG["debug-enclave"], sql=sql, inputs=("verdict",), not_evaluable=())
    assert read_moments(detector) == expected


def test_another_views_columns_are_not_read():
    found = read("SELECT q.quote_id FROM quote AS q JOIN verdict AS v ON true", "quote", "verdict")
    assert found == {"quote": ("quote_id",), "verdict": ()}


@pytest.mark.parametrize("detector", CATALOG.values(), ids=CATALOG)
def test_each_detector_runs_over_what_it_is_said_to_read(detector: Detector):
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        types = {view.name: {c.name: c.type for c in view.columns} for view in VIEWS}
        for view, names in read_columns(detector).items():
            listed = ", ".join(f'"{name}" {types[view][name]}' for name in names) or "nothing INT"
            connection.execute(f'CREATE TABLE "{view}" ({listed})')
        for text in detector.statements:
            sql = complete(detector.sql, text)
            [statement] = connection.extract_statements(sql)
            params = bind(detector.params, datetime(2026, 1, 1, tzinfo=UTC), {})
            used = {name: params[name] for name in statement.named_parameters}
            connection.execute(f"EXPLAIN {sql}", used or None)


QUERY = "WITH a AS (SELECT 1 AS x), b AS (SELECT x + $more AS y FROM a) SELECT y FROM b ORDER BY y"


@pytest.mark.parametrize(
    ("select", "rows"),
    [
        ("SELECT y FROM b", [(3,)]),
        ("SELECT x FROM (SELECT x FROM a) AS inner_one", [(1,)]),
        ("WITH a AS (SELECT 7 AS x) SELECT x FROM a", [(7,)]),  # which has its own
        ("SELECT count(*) FROM c", [(0,)]),  # and who names none needs none
    ],
)
def test_a_select_beside_a_query_may_name_its_parts(select: str, rows: list[tuple[int]]):
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE c (z INTEGER)")
        query = complete(QUERY, select)
        values = {"more": 2} if "more" in query else None
        assert connection.execute(query, values).fetchall() == rows


def test_a_row_stands_in_the_place_of_a_part_or_beside_it():
    query = put_rows(QUERY, {"a": "SELECT 40 AS x", "known_a": "SELECT 3 AS x"})
    query = continue_query(query, "SELECT b.y, k.x FROM b CROSS JOIN known_a AS k")
    with duckdb.connect() as connection:
        assert connection.execute(query, {"more": 2}).fetchall() == [(42, 3)]


@pytest.mark.parametrize(
    ("select", "names", "rows"),
    [
        ("SELECT x, y AS total FROM a JOIN b ON true", ["x", "total"], [(1, 3)]),
        ("SELECT b.y FROM b UNION ALL SELECT x FROM a", ["y"], [(3,), (1,)]),
    ],
)
def test_a_query_is_continued_by_another_select(
    select: str, names: list[str], rows: list[tuple[int, ...]]
):
    with duckdb.connect() as connection:
        relation = connection.sql(continue_query(QUERY, select), params={"more": 2})
        assert name_columns(select) == relation.columns == names
        assert sorted(relation.fetchall()) == sorted(rows)


def test_what_is_no_select_continues_nothing():
    with pytest.raises(DetectorError) as raised:
        continue_query(QUERY, "DROP TABLE a")
    assert raised.value.code == "detector-query"


@pytest.mark.parametrize(
    ("statement", "selects"),
    [
        ("SELECT 'INSERT_QUERY_NODE' AS \"type\" FROM binding UNION FROM verdict", True),
        ("WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) FROM r LIMIT 2", True),
        ("WITH x AS MATERIALIZED (SELECT 1) SELECT (SELECT count(*) FROM x)", True),
        ("WITH x AS (COPY binding TO 'there.csv') SELECT 1", False),
        ("WITH x AS (INSERT INTO binding VALUES (1) RETURNING *) FROM x", False),
        ("WITH x AS (WITH y AS (DELETE FROM binding RETURNING *) FROM y) FROM x", False),
        ("SELECT 1 FROM (WITH x AS (UPDATE binding SET rule = '' RETURNING *) FROM x)", False),
        ("PIVOT binding ON rule USING count(*)", False),
        ("DROP TABLE binding", False),
    ],
)
def test_what_does_more_than_select_is_known_by_its_tree(statement: str, selects: bool):
    assert only_selects(statement) == selects


def test_each_detector_selects_and_does_nothing_else():
    for detector in CATALOG.values():
        assert all(map(only_selects, detector.statements))


def test_the_suspects_of_each_detector_are_keys_of_its_scope_or_columns_of_sightings():
    screened = [detector for detector in CATALOG.values() if detector.suspects]
    for detector in screened:
        columns = {*detector.scope, *COLUMNS["observation"]}
        assert set(name_columns(detector.suspects or "")) <= columns
    assert len(screened) > 10
