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
PAGES = (*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md"))
WITH_MADE_PARTS = [
    page.relative_to(REPOSITORY)
    for page in PAGES
    if ": made by docs/generate.py -->" in page.read_text(encoding="utf-8")
]


def copy_pages(root: Path) -> None:
    """The pages that are made in part, as somebody left them."""
    for page in WITH_MADE_PARTS:
        (root / page).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / page, root / page)


def make(root: Path) -> None:
    command = [sys.executable, REPOSITORY / "docs" / "generate.py", root]
    subprocess.run(command, cwd=REPOSITORY, env=ENVIRONMENT, check=True)


@pytest.fixture(scope="module")
def remade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("remade")
    copy_pages(root)
    make(root)
    return root


def pages_of(root: Path) -> dict[str, str]:
    return {page.name: page.read_text(encoding="utf-8") for page in (root / REFERENCE).iterdir()}


def test_the_reference_pages_are_up_to_date(remade: Path) -> None:
    assert pages_of(remade) == pages_of(REPOSITORY), "run docs/generate.py"


@pytest.mark.parametrize("page", WITH_MADE_PARTS, ids=str)
def test_the_made_parts_of_a_page_are_up_to_date(remade: Path, page: Path) -> None:
    made = (remade / page).read_text(encoding="utf-8")
    assert made == (REPOSITORY / page).read_text(encoding="utf-8"), "run docs/generate.py"


def test_the_pages_that_are_made_in_part_are_found() -> None:
    assert {Path("README.md"), Path("docs/disagreements.md")} <= set(WITH_MADE_PARTS)


def test_a_page_that_nobody_makes_any_more_is_found(remade: Path, tmp_path: Path) -> None:
    shutil.copytree(remade, tmp_path, dirs_exist_ok=True)
    (tmp_path / REFERENCE / "retired.md").write_text("# Retired\n", encoding="utf-8")
    assert pages_of(remade) != pages_of(tmp_path)


def test_the_generator_renews_what_was_edited_by_hand(remade: Path, tmp_path: Path) -> None:
    readme = (remade / "README.md").read_text(encoding="utf-8")
    edited = readme.replace("[svn-rollback]", "[svn-rollforward]", 1)
    assert edited != readme
    copy_pages(tmp_path)
    (tmp_path / "README.md").write_text(edited, encoding="utf-8")
    make(tmp_path)
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == readme
