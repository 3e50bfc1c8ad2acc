"""What the README shows of its first command."""

from __future__ import annotations

import shlex
import subprocess
import sys
from tempfile import TemporaryDirectory

from forensics.cli.exit_codes import FOUND
from forensics.verify import multibuffer
from forensics.verify.engine import OPENSSL
from pages import REPOSITORY


def run_demonstration(readme: str) -> str:
    """What the audit of the README's first command prints, stderr and stdout as on a terminal.

    That command installs no optional engine; the machine that makes the page may have one.
    """
    command = readme.partition("quote-forensics audit demo-case ")[2].partition(" ||")[0]
    arguments = shlex.split(command.replace("\\\n", " "))
    with TemporaryDirectory() as scratch:
        result = subprocess.run(
            [sys.executable, "-u", "-m", "forensics", "audit", f"{scratch}/case", *arguments],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    if result.returncode != FOUND:
        raise RuntimeError(f"the README's audit ended with {result.returncode}: {result.stdout}")
    told = result.stdout.replace(f"({multibuffer.NAME})", f"({OPENSSL.name})")
    return f"```text\n{told}```"
