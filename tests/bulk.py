"""The benchmark's maker of bulk evidence, for tests that need many quotes from few platforms."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def load_corpus() -> ModuleType:
    path = Path(__file__).parents[1] / "benchmarks" / "corpus.py"
    spec = importlib.util.spec_from_file_location("corpus", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["corpus"] = module  # dataclasses and worker processes look it up by name
    spec.loader.exec_module(module)
    return module
