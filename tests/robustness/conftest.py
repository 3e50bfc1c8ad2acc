"""A library that makes file operations fail, and the process in which it is preloaded."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

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
def run_driver(library: Path, run_preloaded: Preload, tmp_path: Path) -> Callable[..., Any]:
    def run(action: str, what: str, amount: int) -> Any:
        driver = HERE / "fault_driver.py"
        result = run_preloaded(driver, library, tmp_path, action, what, amount)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    return run
