"""The bad inputs that the README promises to survive, in one folder, through the real commands."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

from forensics.sources.reasons import REASONS

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "sample_data"
NOW = "2026-01-08T00:00:00Z"
EVENT = {"event_type": "enclave_attestation", "timestamp": "2026-01-05T00:00:00Z"}


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "forensics", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def write_all(folder: Path) -> set[str]:
    """Every file gives at least one quarantine row; returns their names."""
    quote = (SAMPLE / "evidence" / "quotes" / "payments-0.bin").read_bytes()
    damaged = bytearray(quote)
    damaged[2] ^= 0x40
    bomb = bytes(200 << 20)
    events = {
        "wrong-type.jsonl": EVENT | {"nonce": [1], "policy_allowed": "yes", "node_id": {}},
        "time-before.jsonl": EVENT | {"timestamp": "0001-01-01T00:00:00Z"},
        "time-after.jsonl": EVENT | {"timestamp": "9999-12-31T23:59:59Z"},
        "time-number.jsonl": EVENT | {"timestamp": 1e308},
        "time-missing.jsonl": {"event_type": "enclave_attestation"},
    }
    files = {name: json.dumps(event).encode() + b"\n" for name, event in events.items()}
    files |= {
        "truncated.bin": quote[:700],
        "bit-flipped.bin": bytes(damaged),
        "not-utf8.jsonl": json.dumps(EVENT).encode() + b'\n{"event_type":"\xff\xfe"}\n',
        "brackets.json": b"[" * 1_000_000,
        "braces.json": b'{"a":' * 100_000,
        "deep.jsonl": json.dumps(EVENT).encode()[:-1] + b',"x":' + b"[" * 5000 + b"]" * 5000 + b"}",
        "long-line.jsonl": b'{"event_type":"x","y":"' + b"a" * (5 << 20) + b'"}\n',
        "bomb.gz": gzip.compress(bomb, mtime=0),
        "bomb.zst": zstandard.compress(bomb),
        # Not the same bytes inside: what is in the case already is no source of its own.
        "bomb.gz.gz": gzip.compress(gzip.compress(bomb + b"\0", mtime=0), mtime=0),
        "cut.gz": gzip.compress(json.dumps(EVENT).encode() * 100)[:-20],
        "empty": b"",
        "noise": bytes(range(1, 256)) * 40,
        "huge-number.jsonl": b'{"event_type":"x","timestamp":' + b"9" * 100_000 + b"}\n",
        "name\nwith\x1b[31mlines": b"nothing known",
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / "device").symlink_to("/dev/zero")
    (folder / "loop").symlink_to(".")
    os.mkfifo(folder / "fifo")
    return {*files, "device", "loop", "fifo"}


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    place = tmp_path_factory.mktemp("bad")
    folder = place / "evidence"
    folder.mkdir()
    names = write_all(folder)
    (folder / "good.jsonl").write_text(json.dumps(EVENT | {"event_id": "good"}) + "\n")
    result = run("init", place / "case", "--now", NOW)
    assert result.returncode == 0
    result = run("ingest", place / "case", folder, "--now", NOW)
    assert result.returncode == 3, result.stderr
    assert "Traceback" not in result.stderr
    return place / "case", names


def query(case: Path, sql: str) -> list[dict[str, object]]:
    return json.loads(run("sql", case, sql, "--format", "json").stdout)


def test_each_bad_input_is_in_quarantine_and_the_rest_goes_on(case: tuple[Path, set[str]]):
    place, names = case
    rows = query(
        place, "SELECT s.path, q.reason FROM quarantine AS q JOIN source AS s USING (source_id)"
    )
    found = {str(row["path"]).rpartition("/evidence/")[2].partition("!")[0] for row in rows}
    assert found == names
    assert {row["reason"] for row in rows} <= REASONS.keys()
    assert query(place, "SELECT 1 FROM observation WHERE event_id = 'good'")


def test_the_case_is_judged_all_the_same(case: tuple[Path, set[str]]):
    place, _ = case
    result = run("audit", place, "--as-of", NOW, "--now", NOW)
    assert result.returncode in (0, 1, 3), result.stderr
    assert run("custody", "verify", place).returncode == 0


@pytest.mark.parametrize("path", ["missing", "\udcff", "a" * 300, "/dev/zero"])
def test_what_cannot_be_read_is_one_line_and_exit_two(case: tuple[Path, set[str]], path: str):
    result = run("ingest", case[0], path)
    assert (result.returncode, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    assert "[unreadable-path]" in result.stderr
