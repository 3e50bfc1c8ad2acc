"""A command loads its own module, and every command is where the list says."""

from __future__ import annotations

import subprocess
import sys

from typer.main import get_command

from forensics.cli.main import app

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
