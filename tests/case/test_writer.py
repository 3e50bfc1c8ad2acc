from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from forensics.case.case import Case, create_case, open_case
from forensics.case.custody import verify_custody
from forensics.case.records import Problem, Record, SourceHeader
from forensics.errors import CustodyError, UsageError

AT = datetime(2024, 5, 2, tzinfo=UTC)
MAY = 1_714_521_600_000_000  # 2024-05-01T00:00:00Z
DAY = 86_400_000_000


def header(name, kind="events"):
    return SourceHeader(hashlib.sha256(ascii(name).encode()).digest(), name, kind, 10)


def start(case, action="ingest", **options):
    return case.writer(action=action, at=AT, who="tester", **options)


def read(case: Case, table: str) -> list[dict]:
    paths = [str(path) for path in case.files(table)]
    if not paths:
        return []
    rows = duckdb.sql(f"SELECT * FROM read_parquet({paths!r}, hive_partitioning = false)")
    return rows.to_arrow_table().to_pylist()


def list_files(case):
    return sorted(str(p.relative_to(case.path)) for p in (case.path / "tables").rglob("*.parquet"))


def test_every_real_quote_comes_back(case, ingest, make_observation, real_quotes):
    quotes = {path.read_bytes() for path in real_quotes}
    summary = ingest([make_observation(data, line) for line, data in enumerate(sorted(quotes), 1)])
    assert summary.new_quotes == len(quotes)
    assert summary.quarantined == 0
    again = open_case(case.path)
    for data in quotes:
        assert again.quote_bytes(hashlib.sha256(data).digest()) == data


def test_padding_slack_and_odd_types_come_back(case, ingest, make_observation, make_quote):
    variants = [
        make_quote(trailing=bytes(3065)),
        make_quote(trailing=b"\0\0not zero"),
        make_quote(slack=b"inside the declared length"),
        make_quote(certification_type=3, qe_auth_data=b"", certification_data=b""),
    ]
    assert ingest(map(make_observation, variants)).new_quotes == len(variants)
    for data in variants:
        assert case.quote_bytes(hashlib.sha256(data).digest()) == data


def test_unknown_quote_is_refused(case):
    with pytest.raises(UsageError) as error:
        case.quote_bytes(bytes(32))
    assert error.value.code == "no-quote"


def test_damaged_parts_are_not_passed_off_as_the_quote(case, ingest, make_observation, make_quote):
    data = make_quote()
    ingest([make_observation(data)])
    (path,) = case.files("certification_data")
    table = pq.read_table(path)
    pq.write_table(table.set_column(1, "data", pa.array([b"other"])), path)
    with pytest.raises(CustodyError) as error:
        case.quote_bytes(hashlib.sha256(data).digest())
    assert error.value.code == "quote-damaged"


def test_a_quote_is_stored_once_over_sources_and_ingests(
    case, ingest, make_observation, make_quote
):
    one, two, three = (make_quote(nonce) for nonce in "123")
    first = ingest([make_observation(q) for q in (one, two, one)], name="a")
    second = ingest([make_observation(q) for q in (two, three, three)], name="b")
    assert (first.new_quotes, second.new_quotes) == (2, 1)
    assert [row["quote_no"] for row in read(case, "observation")] == [1, 2, 1, 2, 3, 3]
    assert [row["observation_no"] for row in read(case, "observation")] == [1, 2, 3, 4, 5, 6]
    assert [row["quote_no"] for row in read(case, "quote")] == [1, 2, 3]
    for table in ("statement", "certification", "certification_data"):
        assert len(read(case, table)) == 1


def test_dedupe_holds_across_batches(case, ingest, make_observation, make_quote):
    quotes = [make_quote(str(number)) for number in range(3000)]
    summary = ingest([make_observation(quote) for quote in quotes + quotes])
    assert summary.new_quotes == 3000
    numbers = [row["quote_no"] for row in read(case, "observation")]
    assert numbers == [*range(1, 3001), *range(1, 3001)]


def test_the_same_source_is_not_ingested_again(case, ingest, make_observation, make_quote):
    ingest([make_observation(make_quote())])
    before = list_files(case)
    summary = ingest([make_observation(make_quote())])
    assert summary.duplicates == ["events.jsonl"]
    assert summary.entry is None
    assert list_files(case) == before
    assert len(case.ledger.entries) == 2


def test_a_source_known_in_the_same_commit_is_a_duplicate(case):
    with start(case) as writer:
        with writer.source(header("a")):
            pass
        assert writer.knows(header("a").source_id)
        with pytest.raises(CustodyError) as error, writer.source(header("a")):
            pass
    assert error.value.code == "source-known"
    assert writer.summary.duplicates == [header("a").source_id.hex()]


def test_nested_sources_and_late_kind(case, make_observation):
    with start(case) as writer, writer.source(header("a.zip")) as archive:
        with writer.source(header("a.zip!b", "unrecognised")) as member:
            member(make_observation())
            member.kind = "events"
        archive.kind = "archive"
    rows = {row["path"]: row for row in read(case, "source")}
    assert rows["a.zip!b"]["kind"] == "events"
    assert rows["a.zip!b"]["records"] == rows["a.zip!b"]["rows"] == 1
    assert (rows["a.zip"]["kind"], rows["a.zip"]["records"]) == ("archive", 0)


def test_unreadable_quote_keeps_its_observation(case, ingest, make_observation, make_quote):
    cut = make_quote()[:1500]
    summary = ingest([make_observation(cut, line=7, event_id="e")])
    assert summary.quarantined == 1
    (seen,) = read(case, "observation")
    assert (seen["event_id"], seen["quote_no"]) == ("e", None)
    (row,) = read(case, "quarantine")
    assert (row["reason"], row["source_line"], row["data"]) == ("truncated", 7, cut)
    assert row["sha256"] == hashlib.sha256(cut).digest()


def test_large_unreadable_record_is_cut_but_hashed_whole(case, ingest):
    data = bytes(3 << 20)
    ingest([Record(1, data, [], problem=Problem("not-json", "no", 5))])
    (row,) = read(case, "quarantine")
    assert len(row["data"]) == 1 << 20
    assert row["sha256"] == hashlib.sha256(data).digest()
    assert row["byte_offset"] == 5


def test_a_record_that_gives_nothing_aborts_the_ingest(case, ingest, make_observation):
    with pytest.raises(CustodyError) as error:
        ingest([make_observation(), Record(2, b"lost", [])])
    assert error.value.code == "unaccounted-record"
    assert list_files(case) == []
    assert len(case.ledger.entries) == 1


def test_a_value_without_a_column_aborts_rather_than_vanish(ingest, make_observation):
    with pytest.raises(CustodyError) as error:
        ingest([make_observation(unheard_of=1)])
    assert error.value.code == "unknown-column"


def test_a_value_that_its_column_cannot_hold_aborts(case, ingest, make_observation):
    with pytest.raises(CustodyError) as error:
        ingest([make_observation(claimed_isv_svn=1 << 64)])
    assert error.value.code == "bad-value"
    assert list_files(case) == []


def test_a_source_left_half_read_is_refused(case, make_observation):
    def read_half():
        with start(case) as writer, suppress(ValueError), writer.source(header("a")) as add:
            add(make_observation())
            raise ValueError

    with pytest.raises(CustodyError) as error:
        read_half()
    assert error.value.code == "source-unfinished"
    assert list_files(case) == []


def test_lone_surrogates_become_visible_escapes(case, ingest, make_observation):
    ingest([make_observation(peer="a\ud800b")], name="\udcff.json")
    assert read(case, "observation")[0]["peer"] == "a\\ud800b"
    assert read(case, "source")[0]["path"] == "\\udcff.json"


@pytest.mark.parametrize(
    ("spell", "same"),
    [
        (lambda data: data.hex(), True),
        (lambda data: data.hex().upper(), True),
        (lambda data: "0x" + data.hex(), True),
        (lambda data: base64.b64encode(data).decode(), True),
        (lambda data: base64.urlsafe_b64encode(data).decode(), True),
        (lambda data: data.hex()[:-1] + ("0" if data.hex()[-1] != "0" else "1"), False),
        (lambda data: data.hex()[:64], False),
        (lambda data: "", False),
    ],
)
def test_report_data_claim(case, ingest, make_observation, make_quote, spell, same):
    quote = make_quote()
    claim = spell(quote[368:432])
    ingest([make_observation(quote, claimed_report_data=claim)])
    (row,) = read(case, "observation")
    assert row["report_data_claimed_as_quoted"] is same
    assert row["claimed_report_data"] == (None if same else claim)


def test_report_data_claim_without_a_quote_is_kept(case, ingest, make_observation):
    ingest([make_observation(claimed_report_data="00" * 64)])
    (row,) = read(case, "observation")
    assert row["claimed_report_data"] == "00" * 64
    assert row["report_data_claimed_as_quoted"] is None


def test_collateral_is_stored_once_and_each_sighting_kept(case):
    def sighting(line):
        document = {"document_id": bytes(32), "kind": "tcb_info", "body": b"{}", "signature": b"s"}
        seen = {"item_id": bytes(32), "kind": "tcb_info"}
        return Record(line, b"", [("document", document), ("acquisition", seen)])

    for name in "ab":
        with start(case) as writer, writer.source(header(name)) as add:
            add(sighting(1))
            add(sighting(2))
    assert len(read(case, "document")) == 1
    assert [row["source_line"] for row in read(case, "acquisition")] == [1, 2, 1, 2]
    assert [row["rows"] for row in read(case, "source")] == [3, 2]


def test_observations_lie_in_the_month_they_were_received(case, ingest, make_observation):
    ingest(
        [
            make_observation(received_at=MAY, timestamp=MAY - DAY),
            make_observation(verified_at=MAY - DAY, timestamp=MAY),
            make_observation(timestamp=MAY - 1),
            make_observation(),
            make_observation(timestamp=-(2**62)),
            make_observation(timestamp=2**62),
        ]
    )
    rows = {file.path.split("/")[2]: file.rows for file in case.ledger.files("observation")}
    assert rows == {"2024-05": 1, "2024-04": 2, "undated": 1, "other": 2}


def test_many_months_keep_few_files_open(case, ingest, make_observation):
    records = [make_observation(timestamp=MAY + month * 31 * DAY) for month in range(200)] * 20
    assert ingest(records).rows["observation"] == 4000
    assert len(case.files("observation")) == len(
        {file.path.split("/")[2] for file in case.ledger.files("observation")}
    )
    assert verify_custody(case) == []


def test_the_same_input_gives_the_same_bytes(tmp_path, case, ingest, make_observation, make_quote):
    def digests(target):
        return [(file.path, file.sha256) for file in target.ledger.live_files()]

    records = [(make_quote(str(n)), n) for n in range(50)]
    ingest([make_observation(*record, timestamp=MAY) for record in records])
    other = create_case(tmp_path / "other", name="x", at=AT, anchors=[])
    at = datetime(2024, 5, 1, 12, tzinfo=UTC)
    with (
        other.writer(action="ingest", at=at, who="else") as writer,
        writer.source(header("events.jsonl")) as add,
    ):
        for record in records:
            add(make_observation(*record, timestamp=MAY))
    assert digests(case) == digests(other)


def test_size_of_an_observation_with_its_quote(case, ingest, make_observation, make_quote):
    def records():
        for number in range(4000):
            quote = make_quote(str(number), platform=str(number % 10))
            nonce = hashlib.sha256(quote).digest()
            yield make_observation(quote, number, timestamp=MAY + number * 977, nonce=nonce)

    ingest(records())
    size = sum(file.size for file in case.ledger.live_files())
    fixed = sum(
        file.size for file in case.ledger.live_files() if file.table == "certification_data"
    )
    # 192 bytes of each cannot shrink: id, REPORT_DATA, r, s and nonce.
    assert (size - fixed) / 4000 < 215


# Derived tables


def test_derived_tables_are_replaced(case):
    facts = pa.table({"quote_no": [1, 2], "signature_ok": [True, False], "subject_no": [1, 1]})
    with start(case, "verify") as writer:
        writer.append_table("fact_quote", facts)
    assert writer.summary.rows == {"fact_quote": 2}
    with start(case, "verify") as writer:
        writer.replace_table("fact_quote", facts.slice(1))
    assert [row["quote_no"] for row in read(case, "fact_quote")] == [2]
    assert len(list_files(case)) == 1
    assert case.ledger.entries[-1].removed == ["tables/fact_quote/00000002-1.parquet"]
    assert verify_custody(case) == []


def test_a_file_that_duckdb_wrote_is_adopted(case):
    with start(case, "verify") as writer:
        path = writer.new_path("judgement")
        duckdb.sql("SELECT 1 AS x UNION ALL SELECT 2").write_parquet(str(path))
        writer.drop_table("judgement")
        writer.adopt_file("judgement", path, 2)
        unused = writer.new_path("judgement")
        unused.write_bytes(b"draft")
    assert case.files("judgement") == [path]
    assert not unused.exists()
    assert verify_custody(case) == []


def test_foreign_files_and_names_are_refused(case, tmp_path):
    with start(case) as writer:
        for name in ("../up", "Upper", "a/b", ""):
            with pytest.raises(CustodyError) as error:
                writer.new_path(name)
            assert error.value.code == "bad-table-name"
        with pytest.raises(CustodyError) as error:
            writer.adopt_file("x", tmp_path / "x.parquet", 1)
        assert error.value.code == "foreign-file"


def test_nothing_to_commit_leaves_no_entry(case):
    with start(case) as writer:
        pass
    assert writer.summary.entry is None
    assert len(case.ledger.entries) == 1


def test_failure_after_files_were_written_leaves_nothing(case, make_observation, make_quote):
    facts = pa.table({"quote_no": [1], "signature_ok": [True], "subject_no": [1]})

    def interrupt():
        with start(case) as writer, writer.source(header("a")) as add:
            writer.append_table("fact_quote", facts)
            add(make_observation(make_quote()))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert list_files(case) == []
    assert verify_custody(case) == []


# Writers and crashes


def test_a_second_writer_is_turned_away(case):
    with start(case), pytest.raises(UsageError) as error, start(case, wait=0.1):
        pass
    assert error.value.code == "case-busy"
    assert error.value.exit_code == 2  # nothing contradicts the ledger
    with start(case, wait=0):
        pass


def test_a_writer_sees_what_another_committed(case, ingest, make_observation, make_quote):
    other = open_case(case.path)
    assert len(other.ledger.entries) == 1
    ingest([make_observation(make_quote())])
    with start(other) as writer:
        assert writer.knows(header("events.jsonl").source_id)
        with writer.source(header("b")) as add:
            add(make_observation(make_quote()))
    assert writer.summary.new_quotes == 0
    assert [row["observation_no"] for row in read(case, "observation")] == [1, 2]


def test_leftovers_of_a_crash_are_removed_by_the_next_writer(case, ingest, make_observation):
    script = f"""
import os, pathlib, datetime
from forensics.case.case import open_case
case = open_case(pathlib.Path({str(case.path)!r}))
writer = case.writer(
    action="x", at=datetime.datetime.now(datetime.UTC), who=""
).__enter__()
writer.new_path("judgement").write_bytes(b"half")
os._exit(9)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=Path.cwd(), check=False)
    assert done.returncode == 9
    assert [problem.code for problem in verify_custody(case)] == ["stray-file"]
    foreign = case.path / "tables" / "note.txt"
    foreign.write_text("not ours")
    ingest([make_observation()])
    assert [problem.path for problem in verify_custody(case)] == ["tables/note.txt"]
    assert foreign.exists()


def test_opening_a_case_loads_nothing_heavy():
    script = (
        "import sys, forensics.case.case\n"
        "print([m for m in ('pyarrow', 'numpy', 'cryptography', 'duckdb') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
