"""docs/guarantees.md: every promise names tests, and every test and detector named is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
PAGE = (REPOSITORY / "docs/guarantees.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(tests/[a-z_/]+\.py)::(test_[a-z0-9_]+)`")
DETECTOR = re.compile(r"`([a-z]+(?:-[a-z]+)+)`")
COMMANDS = {"quote-forensics"}


def test_every_named_test_exists() -> None:
    named = NAMED.findall(PAGE)
    assert len(named) > 40
    missing = []
    for name, test in named:
        path = REPOSITORY / name
        tree = ast.parse(path.read_text(encoding="utf-8")) if path.is_file() else ast.Module([])
        found = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        if test not in found:
            missing.append(f"{name}::{test}")
    assert missing == []


def test_every_promise_names_a_test() -> None:
    promised = PAGE.partition("\n## Promised\n")[2].partition("\n## ")[0]
    rows = [line for line in promised.splitlines() if line.startswith("| ")]
    promises = [row for row in rows if not row.startswith(("| promise ", "| --- "))]
    assert len(promises) > 25
    assert [row for row in promises if not NAMED.search(row)] == []


def test_every_named_detector_exists() -> None:
    keys = PAGE.partition("\n## Extracted keys\n")[2]
    named = set(DETECTOR.findall(keys)) - COMMANDS
    detectors = {path.stem for path in (REPOSITORY / "queries").rglob("*.sql")}
    assert len(named) > 10
    assert named - detectors == set()
