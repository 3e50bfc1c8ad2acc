from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from forgery import rewrite_entry, unseal_entry

from forensics.case.case import open_case
from forensics.case.custody import verify_custody
from forensics.case.files import SCHEMAS
from forensics.case.ledger import Entry, Ledger, encode_entry, read_entry
from forensics.errors import CustodyError

AT = datetime(2024, 5, 2, tzinfo=UTC)


@pytest.fixture
def full(case, ingest, make_observation, make_quote):
    """A case of three entries: init and two ingests."""
    ingest([make_observation(make_quote(n)) for n in "12"], name="a")
    ingest([make_observation(make_quote(n)) for n in "34"], name="b")
    return case


def find(case):
    return {(problem.path, problem.code) for problem in verify_custody(case)}


def flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def test_an_untouched_case_is_clean(full):
    assert verify_custody(full) == []
    assert verify_custody(open_case(full.path)) == []


def test_one_flipped_bit_in_any_file_is_named(full):
    for file in list(full.ledger.live_files()):
        path = full.locate(file)
        flip(path, file.size // 2)
        assert find(full) == {(file.path, "file-changed")}
        flip(path, file.size // 2)
    assert verify_custody(full) == []


def test_removed_truncated_swapped_and_added_files_are_named(full):
    first, second = full.files("quote")
    names = [path.relative_to(full.path).as_posix() for path in (first, second)]
    kept = first.read_bytes()

    first.unlink()
    assert find(full) == {(names[0], "file-missing")}
    first.write_bytes(kept[:-1])
    assert find(full) == {(names[0], "file-changed")}
    first.write_bytes(second.read_bytes())
    second.write_bytes(kept)
    assert find(full) == {(names[0], "file-changed"), (names[1], "file-changed")}
    first.write_bytes(kept)
    second.unlink()
    second.symlink_to(first)
    assert find(full) == {(names[1], "file-changed")}


def test_an_added_file_is_named(full):
    stray = full.path / "tables" / "quote" / "00000002-9.parquet"
    stray.write_bytes(full.files("quote")[0].read_bytes())
    (problem,) = verify_custody(full)
    assert (problem.path, problem.code, problem.level) == (
        "tables/quote/00000002-9.parquet",
        "file-added",
        "failure",
    )


def test_every_flipped_bit_of_an_entry_is_found(full):
    """In the newest too, thanks to its seal."""
    for number in (1, 2, 3):
        path = full.path / "ledger" / f"{number:08}.json"
        for offset in range(0, path.stat().st_size, 7):
            flip(path, offset)
            found = {p.path for p in verify_custody(full) if p.level == "failure"}
            assert f"ledger/{number:08}.json" in found, offset
            flip(path, offset)
    assert verify_custody(full) == []


def test_a_new_case_is_held_to_its_seals_from_the_first_entry_on(case):
    for path in (case.path / "ledger").iterdir():
        kept = path.read_bytes()
        for offset in range(len(kept)):
            flip(path, offset)
            assert find(case) & {("ledger/00000001.json", "entry-unreadable")} or find(case) & {
                ("ledger/00000001.json", "entry-broken")
            }
            path.write_bytes(kept)


def test_a_lost_seal_is_named_and_an_old_ledger_has_none(full):
    last = full.path / "ledger" / "00000003.json"
    unseal_entry(last)
    assert ("ledger/00000003.json", "entry-broken") in find(full)
    with pytest.raises(CustodyError) as error:
        open_case(full.path).files("quote")
    assert error.value.code == "ledger-broken"


def test_a_case_of_an_earlier_version_is_verified_as_it_is(case):
    def age(values):
        del values["notes"]["settings_sha256"]

    path = case.path / "ledger" / "00000001.json"
    rewrite_entry(path, age)
    unseal_entry(path)
    assert verify_custody(open_case(case.path)) == []
    with open_case(case.path).writer(action="x", at=AT, who="") as writer:
        writer.append_table("nonce", pa.Table.from_pylist([{}], schema=SCHEMAS["nonce"]))
    assert verify_custody(open_case(case.path)) == []


def test_a_removed_entry_is_named(full):
    (full.path / "ledger" / "00000002.json").unlink()
    found = find(full)
    assert ("ledger/00000002.json", "entry-missing") in found
    with pytest.raises(CustodyError) as error:
        open_case(full.path).files("quote")
    assert error.value.code == "ledger-gap"
    with pytest.raises(CustodyError):
        open_case(full.path).writer(action="x", at=AT, who="").__enter__()


def test_a_rewritten_entry_breaks_the_chain(full):
    path = full.path / "ledger" / "00000002.json"
    entry = read_entry(path).entry
    rewrite_entry(path, lambda values: values.update(who="somebody else"))
    assert read_entry(path).entry.who != entry.who
    assert find(full) == {("ledger/00000003.json", "entry-broken")}
    with pytest.raises(CustodyError) as error:
        open_case(full.path).files("quote")
    assert error.value.code == "ledger-broken"


def test_a_wrong_row_count_is_named(full):
    path = full.path / "ledger" / "00000003.json"
    rewrite_entry(path, lambda values: values["files"][0].update(rows=1000))
    assert find(full) == {(read_entry(path).entry.files[0].path, "rows-changed")}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}\n",
        b"[" * 100_000,
        b'{"entry":3}\n',
        b"\xff\xfe",
        b"null\n",
    ],
)
def test_garbage_in_the_ledger_is_named(full, data):
    (full.path / "ledger" / "00000003.json").write_bytes(data)
    assert ("ledger/00000003.json", "entry-unreadable") in find(full)


@pytest.mark.parametrize(
    "path",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "tables/quote/../../x.parquet",
        "tables/observation/00000002-1.parquet",
        "case.toml",
    ],
)
def test_paths_that_lead_elsewhere_are_not_followed(full, path):
    entry_path = full.path / "ledger" / "00000003.json"
    values = json.loads(entry_path.read_bytes())
    place = next(file for file in values["files"] if file["table"] == "quote")
    place["path"] = path
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    entry_path.write_bytes(text.encode() + b"\n")
    assert ("ledger/00000003.json", "entry-unreadable") in find(full)


def test_blanks_and_doubled_keys_are_not_canonical(full):
    path = full.path / "ledger" / "00000003.json"
    data = path.read_bytes()
    for changed in (data.replace(b",", b", ", 1), b'{"who":"x",' + data[1:], data + b"\n"):
        path.write_bytes(changed)
        assert ("ledger/00000003.json", "entry-unreadable") in find(full)


def test_an_added_trust_anchor_is_named(full, tmp_path):
    settings = full.path / "case.toml"
    text = settings.read_text()
    settings.write_text(text.split("[[trust_anchor]]")[0])
    assert find(open_case(full.path)) == {
        ("case.toml", "anchors-changed"),
        ("case.toml", "settings-changed"),
    }


def test_two_writers_never_both_commit_an_entry(full):
    ledgers = [Ledger(full.path / "ledger").refresh() for _ in range(2)]
    entry = Entry(
        entry=4,
        previous=ledgers[0].head,
        time="2024-05-02T00:00:00Z",
        who="",
        action="x",
        sources=[],
        files=[],
        removed=[],
        notes={},
    )
    ledgers[0].append(entry)
    with pytest.raises(CustodyError) as error:
        ledgers[1].append(entry)
    assert error.value.code == "ledger-conflict"
    assert {path.name for path in (full.path / "ledger").iterdir()} == {
        f"{number:08}.json" for number in range(1, 5)
    }
    assert verify_custody(full) == []


def test_an_entry_reads_back_as_written(full):
    path = full.path / "ledger" / "00000002.json"
    entry = read_entry(path).entry
    assert encode_entry(entry) == path.read_bytes()
    assert set(json.loads(path.read_bytes())) == {
        "entry",
        "previous",
        "time",
        "who",
        "tool",
        "action",
        "sources",
        "files",
        "removed",
        "notes",
    }


def test_files_say_nothing_of_the_machine(full):
    for file in full.ledger.live_files():
        assert pq.read_metadata(full.locate(file)).metadata is None
