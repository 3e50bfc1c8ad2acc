"""The benchmarks' makers of bulk evidence, for tests that need many quotes from few platforms."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def load_corpus() -> ModuleType:
    return _load("corpus")


def load_fleet() -> ModuleType:
    return _load("fleet")


def _load(name: str) -> ModuleType:
    path = Path(__file__).parents[1] / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and worker processes look it up by name
    spec.loader.exec_module(module)
    return module
