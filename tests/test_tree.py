"""What is in the repository, and what must not be."""

from __future__ import annotations

import re
import subprocess
import tomllib
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parent.parent
LIST_FILES = ("git", "ls-files", "-z", "--cached", "--others")
LARGEST_FILE = 512 * 1024
LARGEST_SAMPLE = 2 * 1024 * 1024
NECESSARY = (
    *("README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"),
    *("pyproject.toml", "constraints.txt", ".ci/run", "sample_data/README.md"),
)
# Directories of machines and hosts of package indexes, written so that this file has none.
FORBIDDEN = re.compile(
    "|".join(
        (
            r"(?<![\w.])/(?:" + "|".join(("work", "tmp", "home", "Users", "root")) + r")/\w",
            r"py" + r"pi\.org",
            r"python" + r"hosted",
        )
    )
)


@pytest.fixture(scope="module")
def tree() -> list[Path]:
    """Every file that is or would be committed."""
    if not (REPOSITORY / ".git").exists():
        pytest.skip("not a git clone: nothing says which files belong to it")
    listed = subprocess.run(
        # The last pattern is what the README's first command makes.
        [*LIST_FILES, "--exclude-standard", "--exclude=/demo-case/"],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    )
    names = listed.stdout.decode().rstrip("\0").split("\0")
    return [REPOSITORY / name for name in names if (REPOSITORY / name).is_file()]


def text_problems(name: str, data: bytes) -> list[str]:
    """What no text file of ours may have; binary files have none of it."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return []
    found = FORBIDDEN.search(text)
    problems = [f"{name}: names {found.group()}"] if found else []
    if "\r" in text or (name.endswith((".py", ".md", ".sql", ".toml")) and text[-1:] != "\n"):
        problems.append(f"{name}: line ends")
    return problems


def test_no_file_names_a_machine_or_a_package_index(tree: list[Path]) -> None:
    ours = [path for path in tree if "sample_data" not in path.parts]
    problems = [
        problem
        for path in ours
        if (data := path.read_bytes())
        for problem in text_problems(str(path.relative_to(REPOSITORY)), data)
    ]
    assert problems == []


def test_such_a_file_is_found() -> None:
    assert text_problems("a.py", ("open('/" + "tmp/x')\n").encode()) != []
    assert text_problems("a.txt", ("https://py" + "pi.org/simple\n").encode()) != []
    assert text_problems("a.md", b"# no line end") != []
    assert text_problems("a.py", b"x = 'a/tmp/b'\n") == []


def test_nothing_is_large(tree: list[Path]) -> None:
    assert [path for path in tree if path.stat().st_size > LARGEST_FILE] == []
    sample = [path for path in tree if "sample_data" in path.parts]
    assert 0 < sum(path.stat().st_size for path in sample) <= LARGEST_SAMPLE


def test_the_necessary_files_are_there(tree: list[Path]) -> None:
    names = {path.relative_to(REPOSITORY).as_posix() for path in tree}
    assert set(NECESSARY) <= names


def test_constraints_pin_everything_exactly() -> None:
    lines = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert [pin for pin in pins if not re.fullmatch(r"[\w.\-]+==[\w.]+", pin)] == []
    pinned = {normalise(pin.partition("==")[0]) for pin in pins}
    project = read_project()
    wanted = chain(project["dependencies"], *project["optional-dependencies"].values())
    assert {normalise(re.split(r"[=><]", requirement)[0]) for requirement in wanted} <= pinned


def test_the_recipe_of_the_constraints_installs_every_extra() -> None:
    project = read_project()
    guide = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
    [extras] = re.findall(r"fresh/bin/pip install -q '\.\[([\w,]+)\]'", guide)
    assert sorted(extras.split(",")) == sorted(project["optional-dependencies"])


def read_project() -> dict[str, Any]:
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    project: dict[str, Any] = tomllib.loads(text)["project"]
    return project


def normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
