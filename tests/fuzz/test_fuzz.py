"""Every reader against inputs that grow towards new coverage, a few seconds each.

The long run is `python tests/fuzz/fuzz.py TARGET -max_total_time=3600`.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz.make_corpus import make_seeds
from fuzz.targets import TARGETS, try_target

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
KEPT = sorted(path for folder in ("corpus", "found") for path in (HERE / folder).glob("*/*"))
SECONDS = int(os.environ.get("QUOTE_FORENSICS_FUZZ_SECONDS", "2"))


@pytest.mark.parametrize("path", KEPT, ids=lambda path: "/".join(path.parts[-3:]))
def test_kept_inputs(path: Path):
    try_target(path.parent.name, path.read_bytes())


def test_every_target_has_something_to_begin_from():
    assert {path.parent.name for path in KEPT} == set(TARGETS)


@pytest.mark.parametrize("name", ["quote", "certificate", "crl", "sgx_extension", "settings"])
def test_seeds_are_read_and_not_refused(name: str):
    for path in (HERE / "corpus" / name).iterdir():
        TARGETS[name](path.read_bytes())


def test_the_corpus_comes_from_its_script():
    """By names: the bytes of heads and proofs change with every version of the tool."""
    made = {f"{target}/{name}" for target, name, _ in make_seeds()}
    assert made == {"/".join(path.parts[-2:]) for path in (HERE / "corpus").glob("*/*")}


@pytest.mark.parametrize("name", TARGETS)
def test_fuzzing_breaks_nothing(name: str, tmp_path: Path):
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is not installed: pip install -e '.[fuzz]'")
    command = [sys.executable, HERE / "fuzz.py", name, f"-max_total_time={SECONDS}", "-seed=1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    found = [path.read_bytes() for path in tmp_path.iterdir()]
    assert (result.returncode, found) == (0, []), result.stderr[-3000:]
