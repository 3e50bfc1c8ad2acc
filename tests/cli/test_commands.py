"""A command loads its own module, and every command is where the list says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from forensics import __version__
from forensics.cli.main import app
from forensics.cli.options import Severity
from forensics.detect.detector import SEVERITIES

_RUN = """
import sys
from forensics.cli.main import main
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""


def test_a_command_does_not_load_the_modules_of_others() -> None:
    words = [sys.executable, "-c", _RUN, "verify", "--help"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    loaded = done.stderr.split()

    assert "forensics.cli.judge" in loaded
    assert "forensics.cli.audit" not in loaded


def test_every_command_is_where_the_list_says() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]

    for name in commands:
        assert commands[name].name == name
        assert commands[name].get_short_help_str()


_SPILLED = """
import sys
import duckdb
from forensics.case.scratch import attach_scratch, find_spill_folder
from forensics.cli.main import run
connection = duckdb.connect()
attach_scratch(connection)
print(*sorted(path.name for path in find_spill_folder().iterdir()))
sys.argv = ["quote-forensics", *sys.argv[1:]]
run()
"""


@pytest.mark.parametrize(("word", "code"), [("--version", 0), ("nonsense", 2)])
def test_a_process_ends_with_its_code_its_output_and_no_scratch_file(
    word: str, code: int, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SPILLED, word],
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    folders, *said = done.stdout.splitlines()

    assert done.returncode == code, done.stderr
    assert len(folders.split()) == 2
    assert not list(tmp_path.iterdir())
    assert said == ([f"quote-forensics {__version__}"] if word == "--version" else [])
    assert ("nonsense" in done.stderr) == (word == "nonsense")


def test_lost_output_is_no_success() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs a device that is always full")
    with Path("/dev/full").open("w") as full:
        words = [sys.executable, "-m", "forensics", "--version"]
        assert subprocess.run(words, stdout=full, stderr=subprocess.DEVNULL).returncode != 0


def test_an_ingest_of_no_file_at_all_is_not_done(run: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert run("init", tmp_path / "case").code == 0
    done = run("ingest", tmp_path / "case", tmp_path / "empty")
    assert (done.code, done.err.splitlines()[-1]) == (3, "there is no file in the sources")


def test_the_severities_of_the_options_are_those_of_detectors() -> None:
    assert [severity.value for severity in Severity] == list(SEVERITIES)
