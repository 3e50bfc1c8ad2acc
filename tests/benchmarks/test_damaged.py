"""Some of the damaged quotes of `benchmarks/damaged.py`; the million is run by hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
RECORDS = 4_000


def test_every_damaged_record_is_accounted_for(tmp_path: Path) -> None:
    script = ROOT / "benchmarks" / "damaged.py"
    command = [sys.executable, script, tmp_path, "--quotes", str(RECORDS), "--once"]
    result = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    (figures,) = json.loads(result.stdout)
    assert figures["records"] == RECORDS
    assert (figures["unaccounted"], figures["accepted_and_never_signed"]) == (0, 0)
    assert figures["distinct_quotes"] > RECORDS / 2
    assert sum(figures["quarantined"].values()) > RECORDS / 10
    assert figures["outcomes"]["rejected"] > figures["outcomes"]["accepted"] > 0
