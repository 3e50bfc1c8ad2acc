"""Room on disk for one process: for nobody else, gone with it, and swept after those that died."""

from __future__ import annotations

import gc
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from forensics.case.scratch import (
    LOCK_NAME,
    SCRATCH,
    attach_scratch,
    find_spill_folder,
    remove_scratch,
)


@pytest.fixture(autouse=True)
def spill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where this process has its room during a test."""
    remove_scratch()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "spill"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    yield tmp_path / "spill"
    remove_scratch()


def fill(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(f"CREATE TABLE {SCRATCH}.main.t AS SELECT range AS n FROM range(100000)")


def run(program: str, spill: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """A process of its own; what it prints answers what was asked of it."""
    environment = {**os.environ, "TMPDIR": str(spill), **more}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def leave(spill: Path, name: str = "quote-forensics-1") -> Path:
    """A folder as a process that was killed leaves it."""
    folder = spill / name
    folder.mkdir(parents=True, mode=0o700)
    for file in (LOCK_NAME, "tables-1", "duckdb_temp_1_0_storage_DEFAULT-0.tmp"):
        (folder / file).write_text("evidence")
    return folder


def test_it_is_on_disk_and_gone_with_the_connection(spill: Path) -> None:
    first, second = duckdb.connect(), duckdb.connect()
    for connection in (first, second):
        attach_scratch(connection)
        connection.execute("SET enable_external_access = false")
        fill(connection)
        connection.execute("CHECKPOINT scratch")
    [folder] = spill.iterdir()
    assert folder == find_spill_folder()
    tables = sorted(folder.glob("tables-*"))
    assert [path.name for path in tables] == ["tables-1", "tables-2"]
    assert all(path.stat().st_size for path in tables)
    first.close()
    second.close()
    del first, second, connection
    gc.collect()
    assert [path.name for path in folder.iterdir()] == [LOCK_NAME]


def test_the_folder_of_this_process_is_private_from_the_start(spill: Path) -> None:
    folder = find_spill_folder()
    assert folder is not None
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / LOCK_NAME).stat().st_mode) == 0o600
    remove_scratch()
    assert not list(spill.iterdir())


_SPILLING = """
import os, sys
os.umask(0o022)
import duckdb
from forensics.case.case import create_case
from forensics.case.connection import connect, connect_stored
from forensics.case.query import open_locked
from datetime import UTC, datetime
from pathlib import Path
case = create_case(
    os.environ["CASE"], name="x",
    at=datetime(2026, 1, 1, tzinfo=UTC), anchors=[],
)
for open_one in (
    connect, connect_stored,
    lambda case: open_locked(case, check_results=True, custody_problems=True, scratch=True),
):
    connection = open_one(case)
    if open_one in (connect, connect_stored):
        connection.execute("SET memory_limit = '40MB'; SET threads = 1")
        connection.execute("CREATE TEMP TABLE t AS SELECT md5(range::VARCHAR) FROM range(2000000)")
    print(connection.execute("SELECT current_setting('temp_directory')").fetchall()[0][0])
    for folder, _, names in os.walk(os.environ["TMPDIR"]):
        for name in ("", *names):
            path = Path(folder, name)
            print(oct(path.stat().st_mode & 0o777), path.stat().st_size, path)
    connection.close()
"""


def test_what_any_connection_of_a_case_spills_is_for_nobody_else(
    spill: Path, tmp_path: Path
) -> None:
    done = run(_SPILLING, spill, CASE=str(tmp_path / "case"))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len({line for line in lines if " " not in line}) == 1  # one folder for all connections
    seen = [line.split(maxsplit=2) for line in lines if " " in line]
    assert any("storage" in path and int(size) > 1 << 20 for _, size, path in seen)
    folders = [(mode, path) for mode, _, path in seen if Path(path).parent == spill]
    assert {mode for mode, _ in folders} == {"0o700"}
    within = [path for _, _, path in seen if Path(path) != spill]
    assert all(path.startswith(folders[0][1]) for path in within)
    assert not list(spill.iterdir())


_KILLED = """
import os, signal
from forensics.case.scratch import find_spill_folder
(find_spill_folder() / "tables-1").write_text("evidence")
print(find_spill_folder(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_is_swept_by_the_next(spill: Path) -> None:
    left = Path(run(_KILLED, spill).stdout.strip())
    assert (left / "tables-1").exists()
    folder = find_spill_folder()
    assert list(spill.iterdir()) == [folder]


def test_another_process_with_the_same_number_is_no_sign_of_life(spill: Path) -> None:
    left = leave(spill, f"quote-forensics-{os.getpid()}")
    folder = find_spill_folder()
    assert folder == left  # made anew
    assert [path.name for path in left.iterdir()] == [LOCK_NAME]


_LIVING = """
import sys
from forensics.case.scratch import find_spill_folder
(find_spill_folder() / "tables-1").write_text("evidence")
print(find_spill_folder(), flush=True)
sys.stdin.read()
"""


def test_the_folder_of_a_living_process_stays(spill: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _LIVING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as living:
        assert living.stdout is not None
        theirs = Path(living.stdout.readline().strip())
        ours = find_spill_folder()
        assert set(spill.iterdir()) == {theirs, ours}
        assert (theirs / "tables-1").read_text() == "evidence"
        living.communicate()
    assert list(spill.iterdir()) == [ours]


def test_a_fork_has_a_folder_of_its_own_and_leaves_that_of_its_parent(spill: Path) -> None:
    done = run(
        "import os\n"
        "from forensics.case.scratch import find_spill_folder\n"
        "ours = find_spill_folder()\n"
        "if os.fork() == 0:\n"
        "    assert find_spill_folder() != ours\n"
        "    raise SystemExit\n"
        "assert os.wait()[1] == 0\n"
        "print(*os.listdir(os.environ['TMPDIR']), ours.name)",
        spill,
    )
    names = done.stdout.split()
    assert len(names) == 2, done.stderr
    assert len(set(names)) == 1
    assert not list(spill.iterdir())


def plant_link(spill: Path, victim: Path) -> None:
    (spill / "quote-forensics-1").symlink_to(victim)


def plant_link_as_lock(spill: Path, victim: Path) -> None:
    folder = leave(spill)
    (folder / LOCK_NAME).unlink()
    (folder / LOCK_NAME).symlink_to(victim / LOCK_NAME)


def plant_pipe_as_lock(spill: Path, victim: Path) -> None:
    folder = leave(spill)
    (folder / LOCK_NAME).unlink()
    os.mkfifo(folder / LOCK_NAME)


def plant_folder_that_others_can_write(spill: Path, victim: Path) -> None:
    leave(spill).chmod(0o777)


def plant_no_lock(spill: Path, victim: Path) -> None:
    (leave(spill) / LOCK_NAME).unlink()


def plant_other_name(spill: Path, victim: Path) -> None:
    leave(spill, "quote-forensics-1.2.3")


def plant_file(spill: Path, victim: Path) -> None:
    (spill / "quote-forensics-1").write_text("evidence")


@pytest.mark.parametrize(
    "plant",
    [
        plant_link,
        plant_link_as_lock,
        plant_pipe_as_lock,
        plant_folder_that_others_can_write,
        plant_no_lock,
        plant_other_name,
        plant_file,
    ],
)
def test_what_is_not_as_we_leave_it_is_not_touched(plant, spill: Path, tmp_path: Path) -> None:
    victim = leave(tmp_path, "victim")
    spill.mkdir()
    plant(spill, victim)
    before = sorted((path, path.lstat().st_mode) for path in tmp_path.rglob("*"))
    folder = find_spill_folder()
    assert folder is not None
    after = [path for path in tmp_path.rglob("*") if folder not in (path, *path.parents)]
    assert sorted((path, path.lstat().st_mode) for path in after) == before


def test_a_link_in_a_folder_that_is_swept_is_not_followed(spill: Path, tmp_path: Path) -> None:
    victim = leave(tmp_path, "victim")
    folder = leave(spill)
    (folder / "tables-2").symlink_to(victim / "tables-1")
    (folder / "tables-3").symlink_to(victim)
    assert find_spill_folder() is not None
    assert not folder.exists()
    assert (victim / "tables-1").read_text() == "evidence"


def test_a_folder_in_a_folder_that_is_swept_is_not_ours_to_delete(spill: Path) -> None:
    (leave(spill) / "folder").mkdir()
    kept = spill / "quote-forensics-1" / "folder" / "tables-1"
    kept.write_text("whose?")
    assert find_spill_folder() is not None
    assert kept.read_text() == "whose?"


def test_taken_names_lead_to_the_next(spill: Path, tmp_path: Path) -> None:
    spill.mkdir()
    for name in ("", ".1"):
        (spill / f"quote-forensics-{os.getpid()}{name}").symlink_to(tmp_path)
    folder = find_spill_folder()
    assert folder == spill / f"quote-forensics-{os.getpid()}.2"


def test_where_anybody_can_swap_it_there_is_no_folder(spill: Path, tmp_path: Path) -> None:
    spill.mkdir()
    spill.chmod(0o777)
    assert find_spill_folder() == tmp_path / "home" / ".cache" / f"quote-forensics-{os.getpid()}"
    assert not list(spill.iterdir())
    remove_scratch()
    spill.chmod(0o1777)  # as /tmp is
    assert find_spill_folder() == spill / f"quote-forensics-{os.getpid()}"


def test_a_name_that_is_no_text_is_passed_over(
    spill: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", os.fsdecode(os.fsencode(spill) + b"\xff"))
    folder = find_spill_folder()
    assert folder is not None
    assert folder.parent == tmp_path / "home" / ".cache"


def test_without_a_folder_it_is_in_memory(
    spill: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spill.write_text("a file where the folder ought to be")
    monkeypatch.setenv("HOME", str(spill))
    assert find_spill_folder() is None
    connection = duckdb.connect()
    attach_scratch(connection)
    fill(connection)
    assert connection.sql(f"SELECT count(*) FROM {SCRATCH}.main.t").fetchall() == [(100000,)]
