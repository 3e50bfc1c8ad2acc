"""Tables for people: on a terminal of any width, and in a pipe."""

from __future__ import annotations

import io
import re

import pytest

from forensics.cli.output import Format, print_records

COLUMNS = ("severity", "finding_id", "summary")
ROWS = [
    {
        "severity": "critical",
        "finding_id": "0123456789abcdef",
        "summary": " ".join(["a quote came back in another session"] * 4),
    },
    {"severity": "low", "finding_id": "fedcba9876543210", "summary": "[red]short\x1b"},
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def draw(monkeypatch: pytest.MonkeyPatch):
    def call(width: int) -> list[str]:
        screen = Terminal()
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr("sys.stdout", screen)
        print_records(ROWS, COLUMNS, Format.table)
        return re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue()).splitlines()

    return call


def test_a_wide_terminal_has_one_line_for_each_record(draw) -> None:
    lines = draw(200)
    [line] = [line for line in lines if "0123456789abcdef" in line]
    assert ROWS[0]["summary"] in line
    assert any("[red]short\\x1b" in line for line in lines)


def test_on_a_narrow_terminal_ids_stay_whole_and_text_stands_beneath(draw) -> None:
    lines = draw(46)
    assert lines[0].split() == ["severity", "finding_id", "/", "summary"]
    assert lines[1].split() == ["critical", "0123456789abcdef"]
    assert lines[2].startswith("    a quote came back")
    assert max(map(len, lines)) <= 46
    assert "low       fedcba9876543210" in [line.rstrip() for line in lines]
    assert "    [red]short\\x1b" in [line.rstrip() for line in lines]


def test_in_a_pipe_nothing_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    print_records(ROWS, COLUMNS, Format.table)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == list(COLUMNS)
    assert lines[1] == f"critical  0123456789abcdef  {ROWS[0]['summary']}"
