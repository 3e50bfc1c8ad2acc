"""Tables in the place of the views: the same rows, and text of few values as numbers."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from forensics.case.case import create_case
from forensics.case.query import open_locked
from forensics.case.verification import verify_case
from forensics.detect import inputs
from forensics.detect.catalog import load_catalog
from forensics.formats.pem import split_pem
from forensics.sources import ingest_paths

AS_OF = datetime(2026, 2, 5, tzinfo=UTC)
SAMPLE = Path(__file__).parents[2] / "sample_data"
CATALOG = load_catalog()
VIEWS = ("observation", "quote", "verdict", "binding", "reshown", "launch", "nonce", "release")


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory):
    (_, root), *_ = split_pem((SAMPLE / "root_ca.pem").read_bytes())
    path = tmp_path_factory.mktemp("inputs") / "case"
    case = create_case(path, name="loaded", at=AS_OF, anchors=[root])
    with case.writer(action="ingest", at=AS_OF, who="test") as writer:
        ingest_paths(writer, [SAMPLE / "evidence"])
    verify_case(case, as_of=AS_OF, at=AS_OF, who="test", threads=1)
    return case


def types(connection, view: str) -> dict[str, str]:
    return {row[0]: row[1] for row in connection.execute(f"DESCRIBE {view}").fetchall()}


def rows(connection, view: str, columns) -> list[str]:
    listed = ", ".join(f'"{name}"::VARCHAR' for name in columns)
    return sorted(map(str, connection.execute(f"SELECT {listed} FROM {view}").fetchall()))


@pytest.mark.parametrize("scratch", [True, False])
def test_a_table_has_the_rows_of_its_view(case, scratch: bool):
    connection = open_locked(case, check_results=False, scratch=scratch)
    with inputs.loaded(connection, CATALOG.values()):
        columns = {view: types(connection, view) for view in VIEWS}
        loaded = {view: rows(connection, view, columns[view]) for view in VIEWS}
    assert loaded["observation"]
    assert loaded == {view: rows(connection, view, columns[view]) for view in VIEWS}


def test_text_of_few_values_is_numbered_and_put_back(case):
    connection = open_locked(case, check_results=False, scratch=True)
    before = {view: connection.execute(f"DESCRIBE {view}").fetchall() for view in VIEWS}
    with inputs.loaded(connection, CATALOG.values()):
        observation, quote = types(connection, "observation"), types(connection, "quote")
        assert quote["mrenclave"].startswith("ENUM")
        assert observation["enclave_id"] == types(connection, "launch")["enclave_id"]
        [(first, least)] = connection.execute(
            "SELECT min(enclave_id), min(CAST(enclave_id AS VARCHAR)) FROM observation"
        ).fetchall()
        assert first == least
    assert before == {view: connection.execute(f"DESCRIBE {view}").fetchall() for view in VIEWS}
    left = "SELECT count(*) FROM duckdb_tables() WHERE database_name = 'scratch'"
    assert connection.execute(left).fetchall() == [(0,)]


def test_text_of_many_values_stays_text(case, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(inputs, "_FEW_VALUES", 20)
    connection = open_locked(case, check_results=False, scratch=True)
    with inputs.loaded(connection, CATALOG.values()):
        quote = types(connection, "quote")
        assert quote["signed_id"] == "VARCHAR"
        assert quote["tee"].startswith("ENUM")


def test_a_failed_load_leaves_the_views(case, monkeypatch: pytest.MonkeyPatch):
    connection = open_locked(case, check_results=False, scratch=True)
    chosen = {"observation": ['"observation_no"'], "quote": ['"no_such_column"']}
    monkeypatch.setattr(inputs, "_choose_columns", lambda *_: chosen)
    with (
        pytest.raises(Exception, match="no_such_column"),
        inputs.loaded(connection, CATALOG.values()),
    ):
        pass
    assert len(types(connection, "observation")) > 1
    with inputs.loaded(connection, []):
        pass


def test_a_full_disk_for_tables_is_said_in_one_line(case, tmp_path: Path):
    result = subprocess.run(
        [sys.executable, "-m", "forensics", "detect", case.path, "--as-of", AS_OF.isoformat()],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    [line] = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert "[no-scratch-space]" in line
    assert "TMPDIR" in line
    assert list(tmp_path.iterdir()) == []
