"""A library that makes file operations fail, and the process in which it is preloaded."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
MEMORY = "/dev/shm"

Preload = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("needs Linux and a C compiler")
    built = tmp_path_factory.mktemp("library") / "faults.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", built]
    subprocess.run([*command, HERE / "faults.c", "-ldl"], check=True)
    return built


@pytest.fixture(scope="session")
def run_preloaded(library: Path) -> Preload:
    """Run Python with the library in it; the arguments follow the interpreter."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "LD_PRELOAD": str(library), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, *map(str, arguments)]
        return subprocess.run(
            command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False
        )

    return run


@pytest.fixture
def memory_path(tmp_path: Path) -> Iterator[Path]:
    """In memory where that can be: an fsync that is not made to fail then costs nothing."""
    if not os.access(MEMORY, os.W_OK):
        yield tmp_path
        return
    with TemporaryDirectory(dir=MEMORY) as folder:
        yield Path(folder)


@pytest.fixture
def run_driver(library: Path, run_preloaded: Preload, memory_path: Path) -> Callable[..., Any]:
    def run(action: str, what: str, amount: int) -> Any:
        driver = HERE / "fault_driver.py"
        result = run_preloaded(driver, library, memory_path, action, what, amount)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    return run
