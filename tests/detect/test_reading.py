"""Which columns a detector is said to read: never fewer than its queries do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import duckdb
import pytest

from forensics.case.contract import VIEWS
from forensics.detect.catalog import load_catalog
from forensics.detect.detector import Detector
from forensics.detect.parameters import bind
from forensics.detect.reading import continue_query, name_columns, read_columns
from forensics.errors import DetectorError

CATALOG = load_catalog()
COLUMNS = {view.name: view.names for view in VIEWS}


def read(sql: str, *inputs: str) -> dict[str, tuple[str, ...]]:
    detector = replace(CATALOG["debug-enclave"], sql=sql, inputs=inputs, not_evaluable=())
    with duckdb.connect() as connection:
        return read_columns(connection, detector)


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


def test_another_views_columns_are_not_read():
    found = read("SELECT q.quote_id FROM quote AS q JOIN verdict AS v ON true", "quote", "verdict")
    assert found == {"quote": ("quote_id",), "verdict": ()}


@pytest.mark.parametrize("detector", CATALOG.values(), ids=CATALOG)
def test_each_detector_runs_over_what_it_is_said_to_read(detector: Detector):
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        types = {view.name: {c.name: c.type for c in view.columns} for view in VIEWS}
        for view, names in read_columns(connection, detector).items():
            listed = ", ".join(f'"{name}" {types[view][name]}' for name in names) or "nothing INT"
            connection.execute(f'CREATE TABLE "{view}" ({listed})')
        for sql in detector.statements:
            [statement] = connection.extract_statements(sql)
            params = bind(detector.params, datetime(2026, 1, 1, tzinfo=UTC), {})
            used = {name: params[name] for name in statement.named_parameters}
            connection.execute(f"EXPLAIN {sql}", used or None)


QUERY = "WITH a AS (SELECT 1 AS x), b AS (SELECT x + $more AS y FROM a) SELECT y FROM b ORDER BY y"


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
        relation = connection.sql(continue_query(connection, QUERY, select), params={"more": 2})
        assert name_columns(connection, select) == relation.columns == names
        assert sorted(relation.fetchall()) == sorted(rows)


def test_what_is_no_select_continues_nothing():
    with duckdb.connect() as connection, pytest.raises(DetectorError) as raised:
        continue_query(connection, QUERY, "DROP TABLE a")
    assert raised.value.code == "detector-query"


def test_the_suspects_of_each_detector_are_keys_of_its_scope():
    screened = [detector for detector in CATALOG.values() if detector.suspects]
    with duckdb.connect() as connection:
        for detector in screened:
            assert set(name_columns(connection, detector.suspects or "")) <= set(detector.scope)
    assert len(screened) > 10
