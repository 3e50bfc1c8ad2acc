"""Large logs: read in blocks, here or in other processes, with the same outcome to the byte."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from forensics.case.case import create_case
from forensics.case.tables import TABLES
from forensics.errors import ForensicsError
from forensics.sources import DEFAULT_LIMITS, ingest_paths

AT = datetime(2026, 1, 1, tzinfo=UTC)
# Every log is large, and a block has a few lines.
SMALL = replace(DEFAULT_LIMITS, whole_file=1000, block=20_000, record=30_000, kept=500)
WHOLE = replace(SMALL, whole_file=DEFAULT_LIMITS.whole_file)


def write_log(folder: Path, make_quote: Callable[..., bytes]) -> Path:
    """Events, quotes that repeat, blank and broken lines, one over the limit, no end of line."""
    lines = ["\ufeff"]
    for number in range(60):
        quote = make_quote(seed=number % 40, certification=b"chain %d" % (number % 40 % 3))
        event = {
            "timestamp": f"2026-01-01T00:00:{number:02}Z",
            "event_type": "enclave_attestation",
            "event_id": str(number),
            "quote": b64encode(quote if number % 7 else quote[:100]).decode(),
        }
        lines.append(json.dumps(event))
        if number % 10 == 0:
            lines += ["", "{broken", "\r", json.dumps(event | {"mrenclave": "xyz", "quote": None})]
        if number == 33:
            lines.append('{"timestamp": "' + "9" * 70_000 + '"}')
            lines.append('{"event_type":"enclave_launch","timestamp":"2026-01-01T00:00:00Z"}')
    lines.append(lines[-1])
    path = folder / "log.jsonl"
    path.write_text("\n".join(lines).replace("\ufeff\n", "\ufeff"))
    return path


def ingest(case: Path, evidence: Path, limits=SMALL, count: int = 0) -> dict[str, bytes]:
    """The evidence tables' files of a new case."""
    made = create_case(case, name="test", at=AT, anchors=[])
    with made.writer(action="ingest", at=AT, who="test") as writer:
        ingest_paths(writer, [evidence], limits, workers=count)
    return {
        str(path.relative_to(made.path)): path.read_bytes()
        for table in TABLES
        for path in made.files(table.name)
    }


def read_rows(case: Path) -> dict[str, list[tuple[object, ...]]]:
    from forensics.case.case import open_case
    from forensics.case.connection import connect_stored

    connection = connect_stored(open_case(case))
    return {
        table.name: [
            tuple(row.values())
            for row in connection.sql(f"FROM stored.{table.name} ORDER BY ALL")
            .to_arrow_table()
            .to_pylist()
        ]
        for table in TABLES
    }


def test_other_processes_give_the_same_bytes(tmp_path: Path, make_quote):
    log = write_log(tmp_path, make_quote)
    here = ingest(tmp_path / "0", log)
    assert len(here) > 6
    for count in (1, 3):
        assert ingest(tmp_path / str(count), log, count=count) == here


def test_blocks_give_the_rows_that_single_records_give(tmp_path: Path, make_quote):
    log = write_log(tmp_path, make_quote)
    ingest(tmp_path / "blocks", log)
    ingest(tmp_path / "records", log, WHOLE)
    blocks, records = read_rows(tmp_path / "blocks"), read_rows(tmp_path / "records")
    assert blocks == records
    assert len(blocks["observation"]) == 67
    assert 40 > len(blocks["quote"]) > 30
    assert len(blocks["certification_data"]) == 3
    reasons = {row[3] for row in blocks["quarantine"]}
    assert reasons >= {"line-too-long", "bad-json"}


def test_a_case_that_has_the_parts_gets_no_second_ones(tmp_path: Path, make_quote):
    log = write_log(tmp_path, make_quote)
    made = create_case(tmp_path / "case", name="test", at=AT, anchors=[])
    (tmp_path / "twice.jsonl").write_bytes(log.read_bytes() + b"\n\n")
    for path in (log, tmp_path / "twice.jsonl"):
        with made.writer(action="ingest", at=AT, who="test") as writer:
            ingest_paths(writer, [path], SMALL, workers=2)
    rows = read_rows(tmp_path / "case")
    assert len(rows["observation"]) == 2 * 67
    assert len(rows["certification_data"]) == 3
    assert len({row[1] for row in rows["quote"]}) == len(rows["quote"]) < 40


def test_a_stream_that_breaks_off_gives_what_came_before(tmp_path: Path, make_quote):
    whole = gzip.compress(write_log(tmp_path, make_quote).read_bytes(), mtime=0)
    folder = tmp_path / "evidence"
    folder.mkdir()
    (folder / "log.jsonl.gz").write_bytes(whole[: len(whole) * 2 // 3])
    files = ingest(tmp_path / "0", folder)
    assert files == ingest(tmp_path / "2", folder, count=2)
    rows = read_rows(tmp_path / "0")
    assert 10 < len(rows["observation"]) < 67


@pytest.mark.usefixtures("dying_processes")
def test_a_process_that_dies_ends_the_ingest_and_leaves_the_case(tmp_path: Path, make_quote):
    log = write_log(tmp_path, make_quote)
    made = create_case(tmp_path / "case", name="test", at=AT, anchors=[])
    with (
        pytest.raises(ForensicsError) as caught,
        made.writer(action="ingest", at=AT, who="test") as writer,
    ):
        ingest_paths(writer, [log], SMALL, workers=2)
    assert caught.value.code == "worker-died"
    assert [entry.action for entry in made.ledger.entries] == ["init"]
    assert not list((tmp_path / "case" / "tables").rglob("*.parquet"))
