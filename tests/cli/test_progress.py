"""Bars: how much, how fast, how long still; and nothing at all where no person looks."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from forensics.cli.progress import describe, describe_amount, make_bar, measure, show_progress


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [
        (0, "bytes", "0 B"),
        (999, "bytes", "999 B"),
        (1_400_000_000, "bytes", "1.4 GB"),
        (2e18, "bytes", "2000000.0 TB"),
        (12_345, "quotes", "12,345 quotes"),
        (0.5, "detectors", "0.5 detectors"),
        (0, "detectors", "0 detectors"),
    ],
)
def test_numbers_have_their_unit(number: float, unit: str, text: str):
    assert describe(number, unit) == text


def test_amounts_say_of_how_many():
    assert describe_amount(3, 17, "detectors") == "3 of 17 detectors (18%)"
    assert describe_amount(5e8, 2e9, "bytes") == "500.0 MB of 2.0 GB (25%)"
    assert describe_amount(7, None, "quotes") == "7.0 quotes"
    assert describe_amount(0, 0, "quotes") == "0 quotes"


def test_a_bar_shows_amount_rate_and_time_left():
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=120)
    now = iter(range(0, 1_000, 2))
    bar = make_bar(console, "quotes")
    bar.get_time = lambda: float(next(now))
    task = bar.add_task("verify", total=400)
    for done in (100, 200, 300):
        bar.update(task, completed=done)
    console.print(bar.get_renderable())
    shown = written.getvalue()
    assert "verify" in shown
    assert "300 of 400 quotes (75%)" in shown
    assert "quotes/s" in shown
    assert "left" in shown


def test_where_stderr_is_no_terminal_there_is_no_bar(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    (tmp_path / "file").write_bytes(b"12345")
    with show_progress("verify", unit="quotes") as progress:
        progress(1, 2)
    assert capsys.readouterr().err == ""
    assert measure([tmp_path]) == 0
