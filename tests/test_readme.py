"""The README keeps its word: two set-up commands first, and every command shown works."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
SHELL_BLOCKS = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
PROGRAM = ".venv/bin/quote-forensics "
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
PAGES = [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md")]


def run_program(arguments: list[str], cwd: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "forensics", *arguments]
    return subprocess.run(
        command, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The case that the README's first command makes."""
    case = tmp_path_factory.mktemp("readme") / "demo-case"
    command = SHELL_BLOCKS[0].partition(PROGRAM)[2].partition("||")[0].replace("\\\n", " ")
    result = run_program([str(case) if a == "demo-case" else a for a in shlex.split(command)])
    assert result.returncode == 1, result.stderr
    return case


def test_the_first_two_shell_blocks_set_up() -> None:
    first, second = SHELL_BLOCKS[:2]
    for block in (first, second):
        assert block.startswith("python3 -m venv .venv && .venv/bin/pip install -q -c constraints.")
        assert subprocess.run(["bash", "-n", "-c", block], check=False).returncode == 0
    assert f"{PROGRAM}audit demo-case sample_data/evidence" in first
    assert second.rstrip().endswith(".venv/bin/python -m pytest")


def test_every_command_shown_works(audited: Path) -> None:
    commands = [line for block in SHELL_BLOCKS[2:] for line in block.splitlines()]
    assert len(commands) >= 5
    for line in commands:
        assert line.startswith(PROGRAM), line
        result = run_program(shlex.split(line.removeprefix(PROGRAM)), cwd=audited.parent)
        assert result.returncode == 0, f"{line}\n{result.stderr}"
        assert result.stdout or "wrote " in result.stderr, line


def test_the_python_example_works(audited: Path) -> None:
    (block,) = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    quote = REPOSITORY / "sample_data" / "evidence" / "quotes" / "payments-0.bin"
    text = block.replace('"quote.bin"', repr(str(quote)))
    command = [sys.executable, "-W", "error", "-c", text]
    subprocess.run(command, cwd=audited.parent, env=ENVIRONMENT, check=True)


def test_the_licence_is_the_declared_one() -> None:
    assert 'license = "Apache-2.0"' in (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    assert "Apache License" in (REPOSITORY / "LICENSE").read_text(encoding="utf-8")


def broken_links(page: Path, text: str) -> list[str]:
    """Relative links to files or headings that are not there."""
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            broken.append(f"{page.name}: {link}")
    return broken


def anchors_of(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


def test_no_link_is_broken() -> None:
    broken = [
        link for page in PAGES for link in broken_links(page, page.read_text(encoding="utf-8"))
    ]
    assert broken == []


def test_a_broken_link_is_found() -> None:
    page = REPOSITORY / "README.md"
    assert broken_links(page, "[a](docs/nowhere.md) [b](#nothing-here)") != []
