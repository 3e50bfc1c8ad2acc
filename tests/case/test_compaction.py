"""Fewer files, the same rows in the same order, and nothing taken away under a reader."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from forensics.case.case import open_case
from forensics.case.compaction import compact_case
from forensics.case.connection import connect
from forensics.case.custody import verify_custody
from forensics.case.files import SCHEMAS
from forensics.case.ledger import SEAL_NOTE
from forensics.errors import CustodyError

AT = datetime(2024, 6, 1, tzinfo=UTC)
MICROSECONDS = 1_000_000
MONTHS = [int(datetime(2024, month, 5, tzinfo=UTC).timestamp()) * MICROSECONDS for month in (3, 4)]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def many(case, ingest, make_observation, make_quote):
    """Six ingests, each with quotes of two months and one without a time."""
    for number in range(6):
        records = [
            make_observation(make_quote(f"{number}-{line}"), line, timestamp=MONTHS[line % 2])
            for line in range(1, 7)
        ]
        ingest([*records, make_observation(line=7)], name=f"source-{number}")
    return case


def rows_of(case) -> dict[str, list]:
    """Rows by folder, in ledger order."""
    found: dict[str, list] = {}
    for file in case.ledger.live_files():
        path = case.locate(file)
        rows = pq.read_table(path).to_pylist()
        found.setdefault(path.parent.relative_to(case.path).as_posix(), []).extend(rows)
    return found


def compact(case, **options):
    return compact_case(open_case(case.path), at=AT, who="tester", **options)


def test_rows_and_their_order_stay(many):
    before = rows_of(many)
    files = len(list(many.ledger.live_files()))
    summary = compact(many)
    assert rows_of(many) == before
    assert len(list(many.ledger.live_files())) == len(before) < files
    assert summary.tables["observation"] == (18, 3)
    assert verify_custody(many) == []
    found = set((many.path / "tables").rglob("*.parquet"))
    assert found == {many.locate(file) for file in many.ledger.live_files()}


def test_the_entry_says_what_was_made_of_what(many):
    before = {file.path for file in many.ledger.live_files()}
    summary = compact(many)
    entry = many.ledger.entries[-1]
    assert (entry.entry, entry.action, entry.sources) == (summary.entry, "compact", [])
    lineage = {n: json.loads(value) for n, value in entry.notes.items() if n != SEAL_NOTE}
    assert set(lineage) == {file.path for file in entry.files}
    made_of = [path for paths in lineage.values() for path in paths]
    assert sorted(made_of) == sorted(entry.removed)
    after = {file.path for file in many.ledger.live_files()}
    assert set(made_of) == before - after
    (merged,) = (name for name in lineage if name.startswith("tables/quote/"))
    assert lineage[merged] == sorted(lineage[merged])


def test_a_second_time_there_is_nothing_to_do(many):
    assert compact(many).entry == 8
    again = compact(many)
    assert (again.entry, again.tables) == (None, {})
    assert len(many.ledger.entries) == 8


def test_what_comes_later_is_merged_behind(many, ingest, make_observation, make_quote):
    compact(many)
    ingest([make_observation(make_quote("new"))], name="later")
    before = rows_of(many)
    assert compact(many).tables["quote"] == (2, 1)
    assert rows_of(many) == before


def test_large_files_stay_and_their_followers_are_merged(many, ingest, make_observation):
    compact(many)
    large = many.files("quote")
    ingest([make_observation()], name="x")
    size = large[0].stat().st_size
    before = rows_of(many)
    compact(many, small_file=size)
    assert many.files("quote") == large
    assert rows_of(many) == before


def test_quotes_and_numbers_live_on(many, ingest, make_observation, make_quote):
    compact(many)
    again = open_case(many.path)
    for number in range(6):
        quote = make_quote(f"{number}-1")
        rows = again.sql("SELECT quote_id FROM quote").fetchall()
        assert len(rows) == 36
        assert again.quote_bytes(hashlib.sha256(quote).digest()) == quote
    summary = ingest([make_observation(make_quote("0-1")), make_observation(make_quote("n"))], "y")
    assert summary.new_quotes == 1
    numbers = connect(again).execute("SELECT quote_no FROM stored.quote ORDER BY 1").fetchall()
    assert [number for (number,) in numbers] == list(range(1, 38))


def test_a_damaged_file_is_not_passed_on_under_a_new_hash(many):
    path = many.files("quote")[2]
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    entries = len(many.ledger.entries)
    with pytest.raises(CustodyError) as error:
        compact(many)
    assert error.value.code == "file-changed"
    assert len(many.ledger.refresh().entries) == entries
    (problem,) = verify_custody(many)
    assert problem.code == "file-changed"


READER = """
import sys
from pathlib import Path
from forensics.case.case import open_case
from forensics.case.connection import connect
connection = connect(open_case(Path(sys.argv[1])))
print("reading", flush=True)
sys.stdin.readline()
print(connection.execute("SELECT count(*), count(quote_id) FROM observation").fetchone())
"""


def test_a_reader_in_another_process_keeps_its_files(many, ingest, make_observation):
    command = [sys.executable, "-c", READER, str(many.path)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdout.readline() == "reading\n"
        compact(many)
        ingest([make_observation()], name="meanwhile")
        strays = {problem.code for problem in verify_custody(many)}
        assert strays == {"stray-file"}
        out, _ = reader.communicate("go\n")
    assert out == "(42, 36)\n"
    ingest([make_observation()], name="after")
    assert verify_custody(many) == []


def test_an_empty_file_is_merged_too(case):
    for rows in (0, 1):
        with case.writer(action="test", at=AT, who="") as writer:
            data = pa.Table.from_pylist([{}] * rows, schema=SCHEMAS["nonce"])
            writer.append_table("nonce", data)
    assert compact(case).tables == {"nonce": (2, 1)}
    assert verify_custody(case) == []
