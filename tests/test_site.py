"""The docs site builds without a warning, and every command that its pages show works."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from forensics.cli.main import main

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
GUIDES = [DOCS / "tutorial.md", *sorted((DOCS / "howto").glob("*.md"))]
PROGRAM = "quote-forensics "
AUDIT = (
    "quote-forensics audit demo-case sample_data/evidence --root-ca sample_data/root_ca.pem "
    "--as-of 2026-01-08T00:00:00Z"
)


def blocks_of(page: Path, language: str) -> list[str]:
    fence = re.compile(rf"^```{language}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return fence.findall(page.read_text(encoding="utf-8"))


def shell_lines(page: Path) -> list[str]:
    return [line for block in blocks_of(page, "sh") for line in block.splitlines()]


@pytest.fixture
def place(audited: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone as the tutorial leaves it after its first command."""
    shutil.copytree(audited, tmp_path / "demo-case")
    (tmp_path / "sample_data").symlink_to(ROOT / "sample_data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_every_command_of_a_guide_works(
    place: Path, page: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary
) -> None:
    for line in shell_lines(page):
        assert line.startswith(PROGRAM), line
        if line == AUDIT:
            continue  # `place` is what it leaves; the next test holds it to the README's
        monkeypatch.setattr(sys, "argv", shlex.split(line))
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capsysbinary.readouterr()
        assert code == 0, f"{line}\n{captured.err.decode()}"
        assert captured.out or captured.err or "--out" in line, f"{line} says nothing"


def test_the_tutorial_begins_as_the_readme_does() -> None:
    first = shlex.split(AUDIT)
    assert shell_lines(GUIDES[0])[0] == AUDIT
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    command = readme.partition(".venv/bin/quote-forensics audit ")[2].partition("||")[0]
    assert first[2:] == shlex.split(command.replace("\\\n", " "))


@pytest.mark.parametrize("page", [DOCS / "howto" / "notebooks.md"], ids=lambda page: page.stem)
def test_the_python_of_a_guide_works(place: Path, page: Path) -> None:
    pytest.importorskip("altair", reason="the extra `notebook` is not installed")
    names: dict[str, object] = {}
    for block in blocks_of(page, "python"):
        exec(compile(block, page.name, "exec"), names)
    assert "case" in names


def build(source: Path, site: Path) -> subprocess.CompletedProcess[str]:
    if importlib.util.find_spec("material") is None and not os.environ.get("CI"):
        pytest.skip("mkdocs-material is not installed (the extra `docs`)")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(
        command, cwd=source, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The docs in a place of their own: a build leaves a cache beside them."""
    root = tmp_path / "source"
    shutil.copytree(DOCS, root / "docs")
    shutil.copy(ROOT / "mkdocs.yml", root)
    return root


def test_the_site_builds_strictly_and_fetches_nothing(source: Path, tmp_path: Path) -> None:
    built = build(source, tmp_path / "site")
    assert built.returncode == 0, built.stderr
    pages = {path.relative_to(tmp_path / "site").as_posix() for path in tmp_path.rglob("*.html")
             if "site" in path.parts}  # fmt: skip
    assert {"index.html", "tutorial.html", "ideas.html", "reference/views.html"} <= pages
    for page in (tmp_path / "site").rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        fetched = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(https?:[^"]+)"', text)
        assert fetched == [], page.name


def test_a_broken_link_or_a_forgotten_page_breaks_the_build(source: Path, tmp_path: Path) -> None:
    (source / "docs" / "orphan.md").write_text("# Orphan\n\n[a](nowhere.md)\n", encoding="utf-8")
    built = build(source, tmp_path / "site")
    assert built.returncode != 0
