"""Everything that can be done to the files of a case, and what `custody verify` says to it.

A signed case with every kind of file in it: settings, entries, signatures, evidence, facts,
verdicts, findings, merged files.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from forensics.case import custody
from forensics.case.case import open_case
from forensics.case.custody import verify_custody
from forensics.case.signing import encode_private_key
from forensics.cli.main import main

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "sample_data"
NOW = ("--now", "2026-01-08T00:00:00Z")
Sign = tuple[object, ...]
LAST = 6  # entries: init, ingest, verify, detect, ingest, compact


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """In it: `case`, and `earlier`, the same before its last entry."""
    folder = tmp_path_factory.mktemp("signed")
    case, key, evidence = folder / "case", folder / "key.pem", folder / "evidence"
    key.write_bytes(encode_private_key(bytes(range(32))))
    shutil.copytree(SAMPLE / "evidence/collateral", evidence / "collateral")
    (folder / "second").mkdir()
    for source in sorted((SAMPLE / "evidence/events").glob("*-07.jsonl")):
        lines = source.read_bytes().splitlines(keepends=True)
        (evidence / source.name).write_bytes(b"".join(lines[:4]))
        (folder / "second" / source.name).write_bytes(b"".join(lines[4:8]))
    (evidence / "broken.jsonl").write_text("{\n")
    sign = ("--sign-key", key, *NOW)
    commands: list[tuple[object, ...]] = [
        ("init", case, "--root-ca", SAMPLE / "root_ca.pem", *sign),
        ("ingest", case, evidence, *sign),
        ("verify", case, "--as-of", NOW[1], *sign),
        ("detect", case, *sign),
        ("ingest", case, folder / "second", *sign),
        ("compact", case, *sign),
    ]
    for arguments in commands:
        if arguments[0] == "compact":
            shutil.copytree(case, folder / "earlier")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.argv", ["quote-forensics", *map(str, arguments)])
            with pytest.raises(SystemExit) as stop:
                main()
            assert stop.value.code in (None, 0, 1, 3), arguments
    assert len(open_case(case).ledger.entries) == LAST
    return folder


@pytest.fixture(scope="module")
def signed(workshop: Path) -> Path:
    assert verify_custody(open_case(workshop / "case")) == []
    return workshop / "case"


@pytest.fixture(scope="module")
def earlier(workshop: Path) -> Path:
    return workshop / "earlier"


@pytest.fixture
def case(signed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(signed, tmp_path / "case"))


@pytest.fixture
def sign(tmp_path: Path) -> Sign:
    """Options of a commit."""
    key = tmp_path / "key.pem"
    key.write_bytes(encode_private_key(bytes(range(32))))
    return ("--sign-key", key, *NOW)


def list_files(case: Path) -> list[Path]:
    """All but the lock, which is empty, and case.toml, which has its own test."""
    found = sorted(path for path in case.rglob("*") if path.is_file())
    return [path for path in found if path.name not in (".lock", "case.toml")]


def find(case: Path) -> set[str]:
    """What the failures name, in path or message."""
    problems = [p for p in verify_custody(open_case(case)) if p.level == "failure"]
    said = {problem.path for problem in problems}
    named = re.compile(r"ledger/[0-9]{8}\.json")
    return said | {name for problem in problems for name in named.findall(problem.message)}


def name_of(case: Path, path: Path) -> str:
    return path.relative_to(case).as_posix()


def flip(path: Path, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)


def test_the_case_has_files_of_every_kind(signed: Path):
    kinds = {name_of(signed, path).rpartition("/")[0] for path in list_files(signed)}
    tables = {kind.split("/")[1] for kind in kinds if kind.startswith("tables/")}
    assert {"ledger"} < kinds
    assert tables >= {
        *("source", "quarantine", "observation", "launch", "nonce", "release", "quote"),
        *("statement", "certification", "certification_data", "document", "crl", "certificate"),
        *("acquisition", "fact_chain", "fact_certification", "fact_document", "fact_crl"),
        *("fact_certificate", "fact_quote", "subject", "receipt", "hindsight", "finding"),
        "detection",
    }


# Done to every file in turn; each time the file's name must be printed.
DAMAGES: dict[str, Callable[[Path, Random], object]] = {
    "first bit": lambda path, _: flip(path, 0),
    "last bit": lambda path, _: flip(path, path.stat().st_size * 8 - 1),
    "some bit": lambda path, random: flip(path, random.randrange(path.stat().st_size * 8)),
    "another bit": lambda path, random: flip(path, random.randrange(path.stat().st_size * 8)),
    "truncated by a byte": lambda path, _: os.truncate(path, path.stat().st_size - 1),
    "emptied": lambda path, _: os.truncate(path, 0),
    "grown": lambda path, _: path.write_bytes(path.read_bytes() + b"\n"),
    "removed": lambda path, _: path.unlink(),
    "a folder": lambda path, _: (path.unlink(), path.mkdir()),
    "a pipe": lambda path, _: (path.unlink(), os.mkfifo(path)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_each_damaged_file_is_named(case: Path, damage: str):
    random = Random(damage)
    for path in list_files(case):
        name = name_of(case, path)
        if name == f"ledger/{LAST:08}.json" and damage in ("removed", "a folder"):
            continue  # the newest: only an outside witness knows that it was there
        kept = path.read_bytes()
        DAMAGES[damage](path, random)
        assert name in find(case), (damage, name)
        path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
        path.write_bytes(kept)
    assert find(case) == set()


def test_damage_to_all_files_at_once_is_named_file_by_file(case: Path):
    tables = [path for path in list_files(case) if path.suffix == ".parquet"]
    for path in tables:
        flip(path, path.stat().st_size * 4)
    assert find(case) >= {name_of(case, path) for path in tables}


# Whatever a command does with a case, it reads tables for it.
READERS: dict[str, tuple[object, ...]] = {
    "ingest": (SAMPLE / "evidence/quotes",),
    "verify": ("--as-of", "2026-01-09T00:00:00Z"),
    "detect": (),
    "audit": (),
    "findings": (),
    "summary": (),
    "timeline": (),
    "coverage": (),
    "collateral": (),
    "report": ("--html", "page.html"),
    "sql": ("SELECT count(DISTINCT quote_id) FROM observation",),
    "explain": ("00",),
    "show": ("00",),
    "export findings": ("--format", "event"),
    "quote show": ("00",),
    "triage": ("00", "--state", "acknowledged", "--note", "seen"),
}
CHANGERS = ("ingest", "verify", "detect", "audit", "triage")


@pytest.mark.parametrize("command", READERS)
@pytest.mark.parametrize("damage", ["zeros", "emptied", "removed", "a pipe"])
def test_each_command_says_that_the_case_is_damaged(
    case: Path, tmp_path: Path, run, monkeypatch, command: str, damage: str
):
    """In one line, with one of the files: not that the input, the SQL or the program is wrong."""
    monkeypatch.chdir(tmp_path)
    for path in case.rglob("*.parquet"):
        if damage == "zeros":
            path.write_bytes(bytes(path.stat().st_size))
        else:
            DAMAGES[damage](path, Random(0))
    words = command.split()
    options = ("--sign-key", tmp_path / "key.pem", *NOW) if command in CHANGERS else ()
    (tmp_path / "key.pem").write_bytes(encode_private_key(bytes(range(32))))
    result = run(*words, case, *READERS[command], *options)
    assert (result.code, result.out) == (4, ""), result.err
    assert re.search(r"tables/[a-z_/0-9-]+\.parquet", result.err), result.err
    assert "[custody-broken]" in result.err
    assert "internal" not in result.err


def test_each_swap_names_both(case: Path):
    for pattern in ("ledger/*.json", "ledger/*.note", "tables/*/*.parquet", "tables/*/*/*.parquet"):
        files = sorted(case.glob(pattern))
        assert len(files) > 1
        for first, second in pairwise(files):
            kept = first.read_bytes()
            if kept == second.read_bytes():
                continue
            first.write_bytes(second.read_bytes())
            second.write_bytes(kept)
            assert {name_of(case, first), name_of(case, second)} <= find(case)
            second.write_bytes(first.read_bytes())
            first.write_bytes(kept)
    assert find(case) == set()


def test_reordered_entries_are_named(case: Path):
    """With their signatures: 2 3 4 become 3 4 2."""
    for suffix in ("json", "note"):
        files = [case / f"ledger/{number:08}.{suffix}" for number in (2, 3, 4)]
        second, third, fourth = (path.read_bytes() for path in files)
        for path, data in zip(files, (third, fourth, second), strict=True):
            path.write_bytes(data)
    assert find(case) >= {f"ledger/{number:08}.json" for number in (2, 3, 4)}


def test_an_entry_taken_out_of_the_middle_is_named(case: Path):
    """And those after it moved up, so that the numbers have no gap."""
    for number in range(3, LAST):
        for suffix in ("json", "note"):
            following = case / f"ledger/{number + 1:08}.{suffix}"
            following.replace(case / f"ledger/{number:08}.{suffix}")
    assert find(case) >= {f"ledger/{number:08}.json" for number in range(3, LAST)}


@pytest.mark.parametrize(
    "name",
    [
        "added.txt",
        ".added",
        "case.toml.bak",
        "added/deep/file",
        "findings/added.parquet",
        "ledger/added",
        "ledger/00000002.json.bak",
        "ledger/00000099.note",
        "tables/added",
        "tables/quote/00000002-9.parquet",
        "tables/quote/00000099-1.parquet",
        "tables/added/00000002-1.parquet",
        "tables/quote/added\nline.parquet",
    ],
)
def test_an_added_file_is_named(case: Path, name: str):
    (case / name).parent.mkdir(parents=True, exist_ok=True)
    (case / name).write_text("x")
    assert find(case) == {name}


def test_an_added_entry_is_named(case: Path):
    last = (case / f"ledger/{LAST:08}.json").read_bytes()
    (case / f"ledger/{LAST + 1:08}.json").write_bytes(last)
    assert f"ledger/{LAST + 1:08}.json" in find(case)
    (case / f"ledger/{LAST + 1:08}.json").unlink()
    (case / "ledger/00000050.json").write_bytes(last)
    found = find(case)
    assert {"ledger/00000050.json", f"ledger/{LAST + 1:08}.json"} <= found


def test_a_large_number_in_a_name_is_no_million_of_missing_entries(case: Path):
    """One file would make as many lines as it likes, and as much memory."""
    (case / "ledger/99999999.json").write_text("x")
    problems = verify_custody(open_case(case))
    missing = [p for p in problems if p.code == "entry-missing"]
    assert [(p.path, p.message) for p in missing] == [
        (f"ledger/{LAST + 1:08}.json", f"entries {LAST + 1} to 99999998 are not there")
    ]
    assert "ledger/99999999.json" in {p.path for p in problems}
    (case / "ledger/99999999.json").unlink()
    (case / "ledger/00000000.json").write_text("x")
    assert find(case) == {"ledger/00000000.json"}


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("case.toml")])
def test_a_lock_is_an_empty_file(case: Path, make):
    (case / ".lock").unlink()
    make(case / ".lock")
    assert find(case) == {".lock"}


def test_links_are_not_files_of_the_case(case: Path, tmp_path: Path):
    for path in list_files(case):
        if path.suffix != ".parquet":
            continue
        moved = tmp_path / "moved"
        path.rename(moved)
        path.symlink_to(moved)
        assert name_of(case, path) in find(case)
        path.unlink()
        moved.rename(path)
    (case / "tables/quote").rename(tmp_path / "quote")
    (case / "tables/quote").symlink_to(tmp_path / "quote")
    assert "tables/quote" in find(case)


def test_each_bit_of_the_settings_counts(run, case: Path):
    settings = case / "case.toml"
    random = Random(1)
    for _ in range(30):
        bit = random.randrange(settings.stat().st_size * 8)
        flip(settings, bit)
        result = run("custody", "verify", case)
        assert (result.code, "case.toml" in result.out + result.err) == (4, True), bit
        flip(settings, bit)
    text = settings.read_text()
    for changed in (text + "\n", text.replace('name = "', 'name = "x'), text + "[defaults]\n"):
        settings.write_text(changed)
        assert find(case) == {"case.toml"}
    settings.unlink()
    os.mkfifo(settings)
    assert run("custody", "verify", case).code == 4


def test_what_a_cut_off_commit_leaves_is_named_and_no_failure(run, case: Path):
    leftovers = [
        f"tables/quote/{LAST + 1:08}-1.parquet",
        f"ledger/{LAST + 1:08}.note",
        f"ledger/.{LAST + 1:08}.json.4711.draft",
    ]
    for name in leftovers:
        (case / name).write_bytes(b"half")
    result = run("custody", "verify", case, "--format", "json")
    assert result.code == 0
    assert sorted(row["path"] for row in result.records) == sorted(leftovers)
    assert {row["level"] for row in result.records} == {"note"}


def test_a_superseded_file_that_still_lies_there_must_be_the_one_it_was(case: Path):
    ledger = open_case(case).ledger
    (gone, *_) = ledger.entries[-1].removed
    (case / gone).write_bytes(b"other")
    assert find(case) == {gone}


def test_the_command_names_each_and_exits_4(run, case: Path):
    wounded = {
        "tables/quote": lambda path: flip(path, 100),
        "tables/subject": lambda path: path.unlink(),
        "tables/finding": lambda path: os.truncate(path, 10),
    }
    names = []
    for folder, wound in wounded.items():
        path = min((case / folder).rglob("*.parquet"))
        names.append(name_of(case, path))
        wound(path)
    (case / "tables/added\x1b[2J").write_text("x")
    result = run("custody", "verify", case)
    assert result.code == 4
    assert all(name in result.out for name in names)
    assert "\x1b" not in result.out
    records = run("custody", "verify", case, "--format", "json").records
    failures = [row["path"] for row in records if row["level"] == "failure"]
    assert sorted(failures) == sorted([*names, "tables/added\x1b[2J"])


def cut_tail(case: Path, entries: int) -> None:
    """What somebody who knows how this works would do: the files of the entries go too."""
    ledger = open_case(case).ledger
    for entry in ledger.entries[-entries:]:
        assert not entry.removed  # else the files that it superseded would be missed
        for file in entry.files:
            (case / file.path).unlink()
        for suffix in ("json", "note"):
            (case / f"ledger/{entry.entry:08}.{suffix}").unlink()


def test_a_cut_off_tail_needs_a_head_from_outside(run, case: Path, earlier: Path, tmp_path: Path):
    """The one thing that a case cannot show, and the command says so."""
    for suffix in ("json", "note"):  # compaction removed files: they are missed
        (case / f"ledger/{LAST:08}.{suffix}").unlink()
    assert run("custody", "verify", case).code == 4
    shorter = Path(shutil.copytree(earlier, tmp_path / "shorter"))
    head = tmp_path / "head"
    head.write_text(run("custody", "anchor", shorter).out)
    cut_tail(shorter, 1)
    plain = run("custody", "verify", shorter)
    assert (plain.code, plain.out) == (0, "custody holds\n")
    assert "not shown: that no newest entry was cut off" in plain.err
    held = run("custody", "verify", shorter, "--head", head, "--format", "json")
    assert (held.code, [row["code"] for row in held.records]) == (4, ["head-contradicted"])


def test_a_case_made_anew_needs_a_key_or_a_head_from_outside(run, signed: Path, tmp_path: Path):
    key, other, head = tmp_path / "key", tmp_path / "other", tmp_path / "head"
    head.write_text(run("custody", "anchor", signed).out)
    assert run("custody", "keygen", key).code == 0
    assert run("init", other, "--root-ca", SAMPLE / "root_ca.pem", "--sign-key", key).code == 0
    known = open_case(signed).settings.signing_keys[0].text
    assert run("custody", "verify", other).code == 0
    assert run("custody", "verify", other, "--head", head).code == 4
    assert run("custody", "verify", other, "--public-key", known).code == 4
    assert run("custody", "verify", signed, "--public-key", known, "--head", head).code == 0


def change_quietly(path: Path) -> None:
    """Another file of the same size that is read like the first: what wrote it is named in it."""
    data = path.read_bytes()
    place = data.rindex(b"DuckDB") if b"DuckDB" in data else data.rindex(b"parquet-cpp-arrow")
    path.write_bytes(data[:place] + data[place : place + 6].swapcase() + data[place + 6 :])
    assert len(path.read_bytes()) == len(data)


@pytest.mark.parametrize("table", ["finding", "detection", "verdict_state", "receipt"])
def test_nothing_takes_the_place_of_a_file_that_was_changed(
    run, case: Path, sign: Sign, table: str
):
    """Else what it says would live on in what takes its place, and custody would hold again."""
    [path] = (case / "tables" / table).glob("*.parquet")
    change_quietly(path)
    if table == "receipt":
        done = run("verify", case, "--as-of", NOW[1], *sign)
    else:
        done = run("detect", case, "--full", *sign)
    assert done.code == 4
    assert f"{name_of(case, path)} has SHA-256" in done.err
    assert find(case) >= {name_of(case, path)}


def test_detect_tells_what_was_changed_and_exits_4(run, case: Path, sign: Sign):
    path = min((case / "tables/quarantine").rglob("*.parquet"))
    change_quietly(path)
    done = run("detect", case, *sign, "--format", "json")
    assert done.code == 4
    told = [row["subject_id"] for row in done.records if row["detector"] == "custody-break"]
    assert told == [name_of(case, path)]
    assert "the case contradicts its ledger" in done.err


@pytest.mark.parametrize("command", ["findings", "timeline", "summary", "sql", "verify"])
def test_a_file_of_another_size_is_seen_by_all(run, case: Path, sign: Sign, command: str):
    path = min((case / "tables/observation").rglob("*.parquet"))
    path.write_bytes(path.read_bytes() + b"\n")
    more = {"sql": ("SELECT 1",), "verify": ("--as-of", NOW[1], *sign)}
    done = run(command, case, *more.get(command, ()))
    assert done.code == 4
    assert f"{name_of(case, path)} has" in done.err


@pytest.mark.parametrize("command", ["findings", "verify", "detect"])
def test_edited_settings_are_seen_by_all(run, case: Path, sign: Sign, command: str):
    settings = case / "case.toml"
    settings.write_text(settings.read_text() + "# trust nobody\n")
    done = run(command, case, *(() if command == "findings" else sign))
    assert (done.code, "case.toml" in done.err or "custody-break" in done.err) == (4, True)


def test_what_is_committed_while_custody_is_verified_is_no_stray(
    run, case: Path, sign: Sign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    event = tmp_path / "launch.jsonl"
    event.write_text('{"event_type": "enclave_launch", "timestamp": "2026-01-07T00:00:00Z"}\n')
    number = custody.number_entries

    def number_and_commit(folder: Path) -> dict[int, Path]:
        numbers = number(folder)
        monkeypatch.setattr(custody, "number_entries", number)
        assert run("ingest", case, event, *sign).code == 0
        return numbers

    monkeypatch.setattr(custody, "number_entries", number_and_commit)
    assert find(case) == set()
    assert len(open_case(case).ledger.entries) == LAST + 1
