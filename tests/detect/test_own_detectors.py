"""A detector of one's own: scaffold, lint, cases, lock, and what its connection lets it do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from forensics.case.case import Case, create_case
from forensics.case.query import open_locked
from forensics.detect.catalog import load_catalog, load_folder
from forensics.detect.lock import LOCK_NAME, make_lock, write_text
from forensics.detect.review import review
from forensics.detect.run import run_detector
from forensics.detect.scaffold import write_scaffold
from forensics.errors import DetectorError, ForensicsError
from forensics.formats.pem import split_pem

TODAY = date(2026, 1, 5)
NOW = datetime(2026, 1, 5, tzinfo=UTC)
ROOT_CA = Path(__file__).parents[2] / "sample_data" / "root_ca.pem"


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    write_scaffold(tmp_path, "acme-refusals", TODAY, {})
    return tmp_path


def rules_broken(rules: Path) -> set[str]:
    return {problem.rule for problem in review(load_folder(rules), rules)}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_scaffold_works_as_it_is(rules: Path) -> None:
    assert review(load_folder(rules), rules) == []
    assert load_catalog([rules])["acme-refusals"].status == "stable"


@pytest.mark.parametrize(
    ("identifier", "code"),
    [
        ("acme-refusals", "detector-id"),
        ("../elsewhere", "detector-header"),
        ("Not Kebab", "detector-header"),
    ],
)
def test_what_cannot_be_begun(rules: Path, identifier: str, code: str) -> None:
    before = sorted(rules.parent.rglob("*"))
    with pytest.raises(ForensicsError) as caught:
        write_scaffold(rules, identifier, TODAY, load_folder(rules))
    assert caught.value.code == code
    assert sorted(rules.parent.rglob("*")) == before


def test_a_scaffold_overwrites_nothing(rules: Path) -> None:
    with pytest.raises(ForensicsError) as caught:
        write_scaffold(rules, "acme-refusals", TODAY, {})
    assert caught.value.code == "file-exists"


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ('inputs = ["observation"]', 'inputs = ["quote"]', "inputs"),
        ('scope = ["enclave_id"]', 'scope = ["weather"]', "scope"),
        ("HAVING count(*) >= $fewest", "", "parameters"),
        ("'refusals': count(*)", "'refused': count(*)", "details"),
        ("FROM observation\n    WHERE NOT", "FROM read_csv('x') WHERE NOT", "sources (query)"),
        ("NOT claimed_ok AND enclave_id IS NOT NULL", "enclave_id IS NOT NULL", "cases"),
    ],
)
def test_each_disagreement_is_told(rules: Path, old: str, new: str, rule: str) -> None:
    edit(rules / "own" / "acme-refusals.sql", old, new)
    assert rule in rules_broken(rules)


@pytest.mark.parametrize(
    "text", ["[[case]", "[[case]]\nname = 'x'\n", "[[case]]\nname='x'\nexpect=[]\nlike='y'\n"]
)
def test_unreadable_cases_are_a_problem(rules: Path, text: str) -> None:
    (rules / "cases" / "acme-refusals.toml").write_text(text)
    assert rules_broken(rules) == {"cases"}


def test_a_silent_change_breaks_the_lock(rules: Path) -> None:
    (rules / LOCK_NAME).write_text(write_text(make_lock(load_folder(rules))))
    assert rules_broken(rules) == set()
    edit(rules / "own" / "acme-refusals.sql", "' time(s)'", "' times'")
    assert rules_broken(rules) == {"lock"}
    edit(rules / "own" / "acme-refusals.sql", "version = 1", "version = 2")
    assert rules_broken(rules) == set()


@pytest.mark.parametrize("text", ["{", "[]", '{"acme-refusals": 1}'])
def test_a_lock_that_is_none_is_a_problem(rules: Path, text: str) -> None:
    (rules / LOCK_NAME).write_text(text)
    assert rules_broken(rules) == {"lock"}


@pytest.fixture
def case(tmp_path: Path) -> Case:
    (_, root), *_ = split_pem(ROOT_CA.read_bytes())
    return create_case(tmp_path / "case", name="locked", at=NOW, anchors=[root])


@pytest.fixture
def connection(case: Case) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_locked(case, check_results=False) as locked:
        yield locked


@pytest.mark.parametrize(
    "sql",
    [
        "COPY (SELECT 1) TO '{folder}/stolen.csv'",
        "COPY (SELECT 1) TO '{folder}/case/tables/stolen.parquet'",
        "EXPORT DATABASE '{folder}/stolen'",
        "ATTACH '{folder}/stolen.db'",
        "CREATE TABLE mine AS SELECT 1",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SELECT content FROM read_text('{folder}/secret')",
        "SELECT * FROM read_csv('{folder}/secret')",
        "SELECT * FROM '{folder}/secret.csv'",
        "SELECT * FROM glob('{folder}/*')",
        "SELECT content FROM read_blob('/etc/passwd')",
        "SELECT getenv('HOME')",
    ],
)
def test_a_detector_can_neither_read_nor_write_files(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, sql: str
) -> None:
    for name in ("secret", "secret.csv"):
        (tmp_path / name).write_text("a,b\n1,2\n")
    before = sorted(tmp_path.rglob("*"))
    hostile = replace(
        load_catalog()["malformed-claim"],
        sql=sql.format(folder=tmp_path),
        params=(),
        not_evaluable=(),
    )
    with pytest.raises(DetectorError) as caught:
        run_detector(connection, hostile, as_of=NOW)
    assert caught.value.code in {"detector-query", "detector-output"}
    assert "1,2" not in caught.value.message
    assert sorted(tmp_path.rglob("*")) == before


def test_the_counts_of_a_detector_are_as_locked(connection: duckdb.DuckDBPyConnection) -> None:
    detector = load_catalog()["claim-mismatch"]
    [gap, *_] = detector.not_evaluable
    count = "SELECT count(*) AS unjudged FROM read_text('/etc/passwd')"
    with pytest.raises(DetectorError):
        run_detector(
            connection, replace(detector, not_evaluable=(replace(gap, count=count),)), as_of=NOW
        )
