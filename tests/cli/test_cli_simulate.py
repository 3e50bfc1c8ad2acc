"""`simulate` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from forensics.cli.simulate import simulate_command
from forensics.errors import UsageError
from forensics.simulate import INCIDENTS

APP = typer.Typer()
APP.command()(simulate_command)


def _run(*arguments: str) -> str:
    result = CliRunner().invoke(APP, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_it_writes_a_fleet(tmp_path: Path) -> None:
    directory = tmp_path / "fleet"
    out = _run(str(directory), "--days", "1", "--platforms", "1", "--incident", "plain-replay")

    truth = json.loads((directory / "truth.json").read_text())
    assert out == ""  # messages go to stderr
    assert truth["incidents"] == ["plain-replay"]
    assert (directory / "root_ca.pem").exists()
    assert (directory / "evidence" / "manifest.toml").exists()


def test_clean_injects_nothing(tmp_path: Path) -> None:
    _run(str(tmp_path / "fleet"), "--days", "1", "--platforms", "1", "--clean")

    assert json.loads((tmp_path / "fleet" / "truth.json").read_text())["findings"] == []


def test_list_names_every_incident() -> None:
    rows = json.loads(_run("--list", "--format", "json"))

    assert [row["id"] for row in rows] == list(INCIDENTS)
    assert all(row["title"] for row in rows)
    assert "plain-replay" in _run("--list")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), "missing-argument"),
        (("DIR", "--clean", "--incident", "plain-replay"), "bad-argument"),
        (("DIR", "--incident", "no-such"), "unknown-incident"),
        (("DIR", "--days", "0"), "bad-argument"),
        (("DIR", "--start", "yesterday"), "bad-time"),
    ],
)
def test_wrong_usage_is_a_usage_error(
    arguments: tuple[str, ...], code: str, tmp_path: Path
) -> None:
    given = [str(tmp_path / "new") if word == "DIR" else word for word in arguments]
    with pytest.raises(UsageError) as caught:
        CliRunner().invoke(APP, given, catch_exceptions=False)
    assert caught.value.code == code
    assert not (tmp_path / "new").exists()
