"""Several processes on one case at once: each succeeds or refuses in one clear line.

Whatever the order, the ledger stays a chain, what was reported as done is there, and a reader sees
the case as of one entry.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from forensics.case.case import Case, open_case
from forensics.case.custody import verify_custody

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "sample_data"
NOW = "2026-01-08T00:00:00Z"
LINES = 400  # of a source

# Reads the case until the file STOP is there, and says what it saw.
READER = """
import json, sys
from pathlib import Path
from forensics.case.case import open_case
stop, seen = Path(sys.argv[2]), []
while not stop.exists() or not seen:
    rows = open_case(sys.argv[1]).sql(
        "SELECT source_id, records, (SELECT count(*) FROM launch AS l"
        " WHERE l.source_id = s.source_id) FROM source AS s ORDER BY ALL"
    ).fetchall()
    seen.append(rows)
print(json.dumps(seen))
"""


def start(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True)


def start_command(*arguments: object) -> subprocess.Popen[str]:
    return start("-m", "forensics", *arguments, "--now", NOW)


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, said = process.communicate(timeout=300)
    return process.returncode, said


def check_outcomes(outcomes: Iterable[tuple[int, str]], refusals: str) -> int:
    """How many succeeded; the others refused with one of the codes."""
    done = 0
    for code, said in outcomes:
        assert "Traceback" not in said
        assert "internal error" not in said
        if code in (0, 1, 3):
            done += 1
        else:
            assert code == 2, said
            assert re.fullmatch(rf"error: .+ \[({refusals})\]", said.splitlines()[-1]), said
    return done


def write_launches(folder: Path, name: str) -> Path:
    event = {"event_type": "enclave_launch", "timestamp": NOW, "runtime": "ironclaw"}
    lines = [json.dumps(event | {"node_id": f"{name}-{n}"}) for n in range(LINES)]
    path = folder / f"{name}.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def place(tmp_path: Path) -> Path:
    finish(start_command("init", tmp_path / "case"))
    return tmp_path / "case"


def count_launches(case: Case) -> int:
    return int(case.sql("SELECT count(*) FROM launch").fetchall()[0][0])


def test_ingests_at_once(place: Path, tmp_path: Path):
    sources = [write_launches(tmp_path, f"host-{n}") for n in range(4)]
    sources += sources[:1]  # one of them twice
    running = [start_command("ingest", place, source) for source in sources]
    outcomes = [finish(process) for process in running]
    assert check_outcomes(outcomes, "case-busy") >= 1
    case = open_case(place)
    done = {s for s, (code, _) in zip(sources, outcomes, strict=True) if code == 0}
    assert count_launches(case) == LINES * len(done)
    assert verify_custody(case) == []
    for source in sources:  # who was turned away comes again
        assert finish(start_command("ingest", place, source))[0] == 0
    assert count_launches(case) == LINES * 4


def test_audits_that_make_the_same_case_at_once(tmp_path: Path):
    place = tmp_path / "case"
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    write_launches(evidence, "host")
    running = [start_command("audit", place, evidence, "--as-of", NOW) for _ in range(3)]
    outcomes = [finish(process) for process in running]
    assert check_outcomes(outcomes, "case-exists|not-empty|case-busy") >= 1
    case = open_case(place)
    assert verify_custody(case) == []
    assert count_launches(case) == LINES


def test_an_audit_during_an_ingest(place: Path, tmp_path: Path):
    first, second = (write_launches(tmp_path, f"host-{n}") for n in range(2))
    running = [
        start_command("ingest", place, first),
        start_command("audit", place, second, "--as-of", NOW),
        start_command("verify", place, "--as-of", NOW),
    ]
    outcomes = [finish(process) for process in running]
    assert check_outcomes(outcomes, "case-busy") >= 1
    assert verify_custody(open_case(place)) == []


def test_readers_during_ingests_and_compactions(place: Path, tmp_path: Path):
    stop = tmp_path / "stop"
    readers = [start("-c", READER, place, stop) for _ in range(2)]
    outcomes = []
    for n in range(3):
        outcomes.append(
            finish(start_command("ingest", place, write_launches(tmp_path, f"host-{n}")))
        )
        outcomes.append(finish(start_command("compact", place)))
    stop.touch()
    assert check_outcomes(outcomes, "") == len(outcomes)
    for reader in readers:
        out, said = reader.communicate(timeout=300)
        assert reader.returncode == 0, said
        seen = json.loads(out)
        # A source is there with all of its rows or not at all, and never goes away again.
        assert all(records == rows == LINES for rows_ in seen for _, records, rows in rows_)
        assert [len(rows) for rows in seen] == sorted(len(rows) for rows in seen)
    case = open_case(place)
    assert count_launches(case) == 3 * LINES
    # What was merged while it was being read is left lying for the next writer to clear away.
    assert {problem.code for problem in verify_custody(case)} <= {"stray-file"}
    finish(start_command("ingest", place, tmp_path / "host-0.jsonl"))
    assert verify_custody(case) == []
    assert [entry.action for entry in case.ledger.entries].count("compact") == 2
