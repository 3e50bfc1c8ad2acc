"""Running a detector: binding, the output contract, what could not be judged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import duckdb
import pytest

from forensics.detect.catalog import load_catalog
from forensics.detect.detection import detect, select
from forensics.detect.detector import Blindness, Detector
from forensics.detect.lint import declare_views
from forensics.detect.parameters import Parameter
from forensics.detect.run import Gap, run_detector
from forensics.errors import DetectorError, ForensicsError, UsageError

CATALOG = load_catalog()
AS_OF = datetime(2026, 2, 1, tzinfo=UTC)
ROW = """\
SELECT 'enclave' AS subject_type, {subject} AS subject_id,
       TIMESTAMPTZ '2026-01-05 10:00:00+00' AS first_seen,
       CAST(NULL AS TIMESTAMPTZ) AS last_seen,
       ['a'] AS observation_ids, 'low' AS severity, 'hm' AS summary, '{{}}' AS details"""


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connected:
        declare_views(connected)
        yield connected


def make(sql: str, **changes: object) -> Detector:
    """A detector of the catalogue with another query."""
    plain = {"params": (), "requires": (), "not_evaluable": (), "discriminator": ()}
    return replace(CATALOG["malformed-claim"], sql=sql, **(plain | changes))  # type: ignore[arg-type]


def test_parameters_are_bound_and_never_pasted(connection: duckdb.DuckDBPyConnection) -> None:
    word = Parameter("word", "VARCHAR", "x", "a word")
    detector = make(ROW.format(subject="$word"), params=(word,))
    hostile = "'; DROP TABLE quote; --"
    result = run_detector(connection, detector, as_of=AS_OF, overrides={"word": hostile})
    assert [finding.subject_id for finding in result.findings] == [hostile]
    assert json.loads(result.params_json) == {"word": hostile}
    connection.execute("SELECT count(*) FROM quote")


def test_the_cut_off_is_the_callers(connection: duckdb.DuckDBPyConnection) -> None:
    as_of = Parameter("as_of", "TIMESTAMPTZ", None, "cut-off")
    detector = make(ROW.format(subject="CAST($as_of AS VARCHAR)"), params=(as_of,))
    [found] = run_detector(connection, detector, as_of=AS_OF).findings
    assert found.subject_id == "2026-02-01 00:00:00+00"
    assert found.first_seen == datetime(2026, 1, 5, 10, tzinfo=UTC)
    assert found.last_seen is None


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT 1 AS subject_type", "detector-output"),
        (ROW.format(subject="'x'") + ", 1 AS more", "detector-output"),
        (ROW.format(subject="CAST(NULL AS VARCHAR)"), "detector-output"),
        (
            ROW.format(subject="'x'") + " UNION ALL " + ROW.format(subject="'x'"),
            "detector-output",  # two findings of one fingerprint
        ),
        (ROW.format(subject="'x'").replace("'low'", "'high'"), "detector-output"),
        ("SELECT 1; SELECT 2", "detector-query"),
        ("DROP TABLE quote", "detector-query"),
        ("SELECT nothing FROM quote", "detector-query"),
        ("SELEKT", "detector-query"),
        ("SELECT CAST('x' AS INTEGER) AS y", "detector-query"),
        ("SELECT $missing AS y", "detector-query"),
    ],
)
def test_what_breaks_the_contract(
    connection: duckdb.DuckDBPyConnection, sql: str, code: str
) -> None:
    with pytest.raises(DetectorError) as caught:
        run_detector(connection, make(sql), as_of=AS_OF)
    assert caught.value.code == code
    assert "malformed-claim" in caught.value.message
    assert "\n" not in caught.value.message


def test_what_could_not_be_judged_is_counted(connection: duckdb.DuckDBPyConnection) -> None:
    gaps = (
        Blindness("some", "SELECT CAST(3 AS BIGINT) AS unjudged", widens=False),
        Blindness("none", "SELECT CAST(0 AS BIGINT) AS unjudged", widens=False),
    )
    detector = make(ROW.format(subject="'x'"), not_evaluable=gaps)
    result = run_detector(connection, detector, as_of=AS_OF)
    assert result.evaluated
    assert result.gaps == (Gap("some", 3),)
    assert result.unjudged == 3


def test_a_missing_input_is_not_silence(connection: duckdb.DuckDBPyConnection) -> None:
    detector = make(ROW.format(subject="'x'"), requires=("launch", "quote"))
    connection.execute("INSERT INTO launch (enclave_id) VALUES ('e')")
    result = run_detector(connection, detector, as_of=AS_OF)
    assert not result.evaluated
    assert result.findings == ()
    assert result.gaps == (Gap("no rows in quote", 1),)


def test_detection_runs_what_is_stable_or_chosen(connection: duckdb.DuckDBPyConnection) -> None:
    draft = replace(CATALOG["debug-enclave"], status="draft")
    catalog = {**CATALOG, "debug-enclave": draft}
    assert draft not in select(catalog)
    assert select(catalog, ["debug-enclave"]) == [draft]
    seen: list[tuple[int, int]] = []
    detection = detect(
        connection, CATALOG, as_of=AS_OF, progress=lambda done, total: seen.append((done, total))
    )
    assert [run.detector.id for run in detection.runs] == sorted(CATALOG)
    assert seen[-1] == (len(CATALOG), len(CATALOG))
    assert detection.findings == ()
    assert {run.detector.id for run in detection.not_evaluable} == {
        name for name, detector in CATALOG.items() if detector.requires
    }


@pytest.mark.parametrize(
    ("chosen", "overrides", "code"),
    [
        (["no-such"], {}, "no-such-detector"),
        ([], {"no_such": "1"}, "unknown-parameter"),
        (["debug-enclave"], {"retry_window": "1s"}, "unknown-parameter"),
        ([], {"as_of": "2026-01-01T00:00:00Z"}, "unknown-parameter"),
        ([], {"retry_window": "soon"}, "bad-parameter"),
    ],
)
def test_what_a_caller_cannot_ask(
    connection: duckdb.DuckDBPyConnection,
    chosen: list[str],
    overrides: dict[str, str],
    code: str,
) -> None:
    with pytest.raises(UsageError) as caught:
        detect(connection, CATALOG, as_of=AS_OF, chosen=chosen, overrides=overrides)
    assert caught.value.code == code
    assert isinstance(caught.value, ForensicsError)
