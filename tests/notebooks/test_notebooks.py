"""Every notebook runs from top to bottom on the audited sample, and is committed without outputs.

The notebooks assert what they tell, so running them is the test of their story.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
VECTORS = Path(os.environ.get("QUOTE_VECTORS", "../shared/vectors"))
NEEDED = ("altair", "ipykernel", "nbclient", "nbformat")
ON_VECTORS = "05-public-quotes"
SECONDS = 300  # of one cell, on a slow machine


def test_there_are_five_investigations() -> None:
    assert [path.name[:2] for path in NOTEBOOKS] == ["01", "02", "03", "04", "05"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_committed_clean_and_tells_a_story(path: Path) -> None:
    book = json.loads(path.read_text(encoding="utf-8"))
    assert problems_of(book) == []
    assert book["cells"][0]["cell_type"] == "markdown"
    text = " ".join("".join(c["source"]) for c in book["cells"] if c["cell_type"] == "markdown")
    assert "**Conclusion.**" in text
    assert any("assert " in "".join(cell["source"]) for cell in book["cells"])


def problems_of(book: dict[str, Any]) -> list[str]:
    """Outputs, execution counts, and what a machine left behind."""
    problems = []
    for cell in book["cells"]:
        if cell["metadata"] or not re.fullmatch(r"cell-\d\d", cell["id"]):
            problems.append(f"{cell['id']}: metadata or id of a machine")
        if cell["cell_type"] == "code" and (cell["outputs"] or cell["execution_count"]):
            problems.append(f"{cell['id']}: outputs")
    if set(book["metadata"]) != {"kernelspec", "language_info"}:
        problems.append("metadata of a machine")
    return problems


def test_a_notebook_with_outputs_is_found() -> None:
    book = json.loads(NOTEBOOKS[0].read_text(encoding="utf-8"))
    code = next(cell for cell in book["cells"] if cell["cell_type"] == "code")
    code["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["x"]}]
    book["cells"][0]["id"] = "5f0c2b"
    assert len(problems_of(book)) == 2


@pytest.fixture(scope="module")
def workshop(audited: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """`notebooks/`, `sample_data/` and `demo-case/` side by side, as in a clone after the README's
    first command; the notebooks must leave that case as it is.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing and not os.environ.get("CI"):
        pytest.skip(f"not installed: {', '.join(missing)} (the extra `notebook`)")
    root = tmp_path_factory.mktemp("workshop")
    shutil.copytree(ROOT / "notebooks", root / "notebooks")
    (root / "sample_data").symlink_to(ROOT / "sample_data")
    (root / "demo-case").symlink_to(audited)
    entries = sorted((audited / "ledger").iterdir())
    yield root
    assert sorted((audited / "ledger").iterdir()) == entries, "a notebook changed the shared case"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_it_runs(workshop: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if path.stem == ON_VECTORS:
        if not (VECTORS / "manifest.json").is_file():
            pytest.skip("QUOTE_VECTORS does not lead to the real vectors")
        monkeypatch.setenv("QUOTE_VECTORS", str(VECTORS.resolve()))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IPYTHONDIR", str(workshop / "ipython"))
    import nbformat
    from nbclient import NotebookClient

    book = nbformat.read(workshop / "notebooks" / path.name, as_version=4)
    place = {"metadata": {"path": str(workshop / "notebooks")}}
    NotebookClient(book, timeout=SECONDS, kernel_name="python3", resources=place).execute()
    counts = [cell["execution_count"] for cell in book.cells if cell["cell_type"] == "code"]
    assert counts == list(range(1, len(counts) + 1))
