"""What becomes of a command whose output goes nowhere: exit codes, and never a traceback."""

from __future__ import annotations

import subprocess
import sys

import pytest

FORENSICS = f"'{sys.executable}' -m forensics"


def run_shell(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("format_", ["table", "json", "jsonl", "csv"])
def test_a_reader_that_goes_away_is_no_finding(format_: str) -> None:
    """More than a pipe holds, and nobody who reads it."""
    command = f"{FORENSICS} detectors --format {format_}"
    done = run_shell(f"set -o pipefail; {command} | true")
    assert (done.returncode, done.stderr) in ((141, ""), (0, ""))  # 0: all of it fitted
    done = run_shell(f"{command} | (exec <&-; sleep 2); exit ${{PIPESTATUS[0]}}")
    assert (done.returncode, done.stderr) == (141, "")


def test_a_closed_output_is_an_error_in_one_line() -> None:
    done = run_shell(f"{FORENSICS} detectors >&-")
    assert done.returncode == 2
    assert done.stderr == "error: standard output is closed [os-error]\n"


def test_who_closes_the_messages_gets_the_records() -> None:
    done = run_shell(f"{FORENSICS} detectors --format csv 2>&-")
    assert done.returncode == 0
    assert done.stdout.startswith("id,title,")


def test_a_full_disk_is_an_error_in_one_line() -> None:
    done = run_shell(f"{FORENSICS} detectors >/dev/full")
    assert done.returncode == 2
    assert done.stderr == "error: No space left on device: input or output [os-error]\n"
