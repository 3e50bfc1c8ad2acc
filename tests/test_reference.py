"""The committed reference pages are what the code gives."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
REFERENCE = Path("docs/reference")
DISAGREEMENTS = Path("docs/disagreements.md")


@pytest.fixture(scope="module")
def remade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("remade")
    shutil.copy(REPOSITORY / "README.md", root)
    (root / "docs").mkdir()
    shutil.copy(REPOSITORY / DISAGREEMENTS, root / DISAGREEMENTS)
    command = [sys.executable, REPOSITORY / "docs" / "generate.py", root]
    subprocess.run(command, cwd=REPOSITORY, env=ENVIRONMENT, check=True)
    return root


def pages_of(root: Path) -> dict[str, str]:
    return {page.name: page.read_text(encoding="utf-8") for page in (root / REFERENCE).iterdir()}


def test_the_reference_pages_are_up_to_date(remade: Path) -> None:
    assert pages_of(remade) == pages_of(REPOSITORY), "run docs/generate.py"


def test_the_made_parts_of_the_readme_are_up_to_date(remade: Path) -> None:
    made = (remade / "README.md").read_text(encoding="utf-8")
    assert made == (REPOSITORY / "README.md").read_text(encoding="utf-8"), "run docs/generate.py"


def test_the_tables_of_disagreements_are_up_to_date(remade: Path) -> None:
    made = (remade / DISAGREEMENTS).read_text(encoding="utf-8")
    assert made == (REPOSITORY / DISAGREEMENTS).read_text(encoding="utf-8"), "run docs/generate.py"


def test_a_page_that_nobody_makes_any_more_is_found(remade: Path, tmp_path: Path) -> None:
    shutil.copytree(remade, tmp_path, dirs_exist_ok=True)
    (tmp_path / REFERENCE / "retired.md").write_text("# Retired\n", encoding="utf-8")
    assert pages_of(remade) != pages_of(tmp_path)


def test_the_generator_renews_what_was_edited_by_hand(remade: Path, tmp_path: Path) -> None:
    readme = (remade / "README.md").read_text(encoding="utf-8")
    edited = readme.replace("[svn-rollback]", "[svn-rollforward]", 1)
    assert edited != readme
    (tmp_path / "README.md").write_text(edited, encoding="utf-8")
    (tmp_path / "docs").mkdir()
    shutil.copy(REPOSITORY / DISAGREEMENTS, tmp_path / DISAGREEMENTS)
    command = [sys.executable, REPOSITORY / "docs" / "generate.py", tmp_path]
    subprocess.run(command, cwd=REPOSITORY, env=ENVIRONMENT, check=True)
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == readme
