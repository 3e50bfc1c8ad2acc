"""A case that another version of the tool continues: what changes is the tool's doing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

from forensics.detect.findings import Cause
from forensics.report.conflicts import BLAME

ROOT = Path(__file__).parents[2]
NEXT_NIGHT = ("--as-of", "2026-01-09T00:00:00Z", "--now", "2026-01-09T02:30:00Z")
# Every quote that was accepted is rejected: a check that was too lenient was mended, say.
STRICTER = """

_conclude = conclude


def conclude(results, excused=()):
    outcome = _conclude(results, excused)
    return "rejected" if outcome == "accepted" else outcome
"""


@pytest.fixture(scope="module")
def next_version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release after this one, which judges more strictly."""
    folder = tmp_path_factory.mktemp("release")
    for name in ("forensics", "queries"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name, more in (
        ("__init__.py", '\n__version__ = "99.0.0"\n'),
        ("verify/appraisal.py", STRICTER),
    ):
        path = folder / "forensics" / name
        path.write_text(path.read_text() + more)
    return folder


def audit(case: Path, tool: Path, *arguments: object) -> dict[str, Any]:
    """`run.json` of one more night of a case, by the tool that lies in a folder."""
    command = [sys.executable, "-m", "forensics", "audit", case, *NEXT_NIGHT, *arguments]
    done = subprocess.run(
        list(map(str, command)),
        env={**os.environ, "PYTHONPATH": str(tool)},
        cwd=tool,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    record: dict[str, Any] = json.loads((case / "findings" / "run.json").read_text())
    return record


def test_another_version_judges_receipts_and_hindsight_alike(
    own_audited: Path, next_version: Path, run, tmp_path: Path
) -> None:
    record = audit(own_audited, next_version)
    assert record["tool"]["version"] == "99.0.0"
    assert record["verify"]["signatures_verified"] == 0
    outcomes = {(v["moment"], v["outcome"]) for v in record["verify"]["verdicts"]}
    assert ("receipt", "accepted") not in outcomes
    assert ("hindsight", "accepted") not in outcomes
    assert {d["mode"] for d in record["detectors"]} == {"full"}
    changes = {(c["state"], c["cause"]) for c in record["changes"]}
    assert changes
    assert {cause for _, cause in changes} == {"detector"}
    rows = run("findings", own_audited, "--format", "json").records
    assert not [row for row in rows if row["detector"] == "hindsight-exposure"]
    page = tmp_path / "report.html"
    assert run("report", own_audited, "--html", page).code == 0
    new = sum(c["count"] for c in record["changes"] if c["state"] == "new")
    assert f"In the newest run: {new} new by the tool: " in page.read_text()


def test_every_cause_has_words() -> None:
    assert set(BLAME) == set(get_args(Cause))


def test_the_report_says_what_the_world_brought(audited: Path, run, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert run("report", audited, "--html", page).code == 0
    text = page.read_text()
    assert "In the newest run: 19 new by the world: evidence." in text
    assert text.count("new since 2026-") >= 19
    assert "the tool:" not in text


def test_the_version_before_takes_it_back(own_audited: Path, next_version: Path) -> None:
    audit(own_audited, next_version)
    record = audit(own_audited, ROOT)
    outcomes = {(v["moment"], v["outcome"]) for v in record["verify"]["verdicts"]}
    assert ("receipt", "accepted") in outcomes
    assert {c["cause"] for c in record["changes"]} == {"detector"}
