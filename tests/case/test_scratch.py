"""Room on disk for tables of one connection."""

from __future__ import annotations

import gc
import os
import stat
from pathlib import Path

import duckdb
import pytest

from forensics.case.scratch import SCRATCH, attach_scratch


@pytest.fixture(autouse=True)
def _spill_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "spill"))


def fill(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(f"CREATE TABLE {SCRATCH}.main.t AS SELECT range AS n FROM range(100000)")


def test_it_is_on_disk_for_nobody_else_and_gone_with_the_connection(tmp_path: Path) -> None:
    first, second = duckdb.connect(), duckdb.connect()
    for connection in (first, second):
        attach_scratch(connection)
        connection.execute("SET enable_external_access = false")
        fill(connection)
    folders = sorted((tmp_path / "spill").iterdir())
    assert [folder.name for folder in folders] == [
        f"quote-forensics-{os.getpid()}.{number}" for number in (1, 2)
    ]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}
    assert all((folder / "tables").stat().st_size for folder in folders)
    first.close()
    second.close()
    del first, second, connection
    gc.collect()
    assert list((tmp_path / "spill").iterdir()) == []


def test_a_folder_of_a_dead_process_is_left_alone(tmp_path: Path) -> None:
    left = tmp_path / "spill" / f"quote-forensics-{os.getpid()}.1"
    left.mkdir(parents=True)
    (left / "tables").write_text("not ours")
    connection = duckdb.connect()
    attach_scratch(connection)
    fill(connection)
    assert (left / "tables").read_text() == "not ours"


def test_without_a_folder_it_is_in_memory(tmp_path: Path) -> None:
    (tmp_path / "spill").write_text("a file where the folder ought to be")
    connection = duckdb.connect()
    attach_scratch(connection)
    fill(connection)
    assert connection.sql(f"SELECT count(*) FROM {SCRATCH}.main.t").fetchall() == [(100000,)]
