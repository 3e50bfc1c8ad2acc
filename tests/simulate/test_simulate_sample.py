"""`sample_data` is what its README says that it is."""

from __future__ import annotations

import gzip
import re
import shlex
from pathlib import Path

import typer
from typer.testing import CliRunner

from forensics.cli.simulate import simulate_command

SAMPLE = Path(__file__).parents[2] / "sample_data"


def _content(directory: Path) -> dict[str, bytes]:
    """Contents by path; compressed files unpacked, since zlib versions pack differently."""
    content = {}
    for path in directory.rglob("*"):
        if path.is_file() and path.name != "README.md":
            data = path.read_bytes()
            name = path.relative_to(directory).as_posix()
            content[name] = gzip.decompress(data) if path.suffix == ".gz" else data
    return content


def test_the_command_in_its_readme_makes_it(tmp_path: Path) -> None:
    text = (SAMPLE / "README.md").read_text()
    block = re.search(r"```sh\n(.*?)```", text, re.DOTALL)
    assert block is not None
    program, command, _, *options = shlex.split(block[1].replace("\\\n", " "))
    assert (program, command) == ("quote-forensics", "simulate")
    app = typer.Typer()
    app.command()(simulate_command)

    result = CliRunner().invoke(app, [str(tmp_path / "new"), *options], catch_exceptions=False)

    assert result.exit_code == 0
    assert _content(tmp_path / "new") == _content(SAMPLE)


def test_it_stays_small() -> None:
    assert sum(p.stat().st_size for p in SAMPLE.rglob("*") if p.is_file()) < 2 * 2**20
