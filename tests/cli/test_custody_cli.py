"""The custody commands, from the key to the proof that somebody else checks."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
from itertools import pairwise
from pathlib import Path

import pytest

from forensics.case.case import open_case
from forensics.case.custody import verify_custody

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "sample_data"


@pytest.fixture
def key(run, tmp_path: Path) -> Path:
    path = tmp_path / "custody.pem"
    assert run("custody", "keygen", path).code == 0
    return path


@pytest.fixture
def evidence(tmp_path: Path) -> Path:
    path = tmp_path / "evidence.jsonl"
    path.write_text('{"event_type":"enclave_launch","timestamp":"2026-01-01T00:00:00Z"}\n')
    return path


def test_keygen_makes_a_file_for_its_owner_alone(run, tmp_path: Path):
    path = tmp_path / "key.pem"
    (record,) = run("custody", "keygen", path, "--format", "json").records
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().startswith("-----BEGIN PRIVATE KEY-----\n")
    assert set(record) == {"public_key", "key_id", "file"}
    kept = path.read_bytes()
    result = run("custody", "keygen", path)
    assert (result.code, result.out) == (2, "")
    assert "[unwritable-path]" in result.err
    assert path.read_bytes() == kept


def test_keygen_keeps_out_of_cases(run, audited: Path):
    result = run("custody", "keygen", audited / "tables" / "key.pem")
    assert (result.code, "[key-in-case]" in result.err) == (2, True)


def test_log_says_who_when_what_and_with_what(run, audited: Path):
    rows = run("custody", "log", audited, "--format", "json").records
    assert [row["action"] for row in rows] == ["init", "ingest", "verify", "detect", "audit"]
    assert [row["entry"] for row in rows] == [1, 2, 3, 4, 5]
    for row, after in pairwise(rows):
        assert after["previous"] == row["sha256"]
    ingest = rows[1]
    assert "@" in ingest["who"]
    assert ingest["tool"].startswith("quote-forensics ")
    assert {"source_id", "path", "size"} == set(ingest["sources"][0])
    assert ingest["rows"]["observation"] > 0
    assert rows[2]["notes"]["as_of"] == "2026-01-08T00:00:00+00:00"
    assert not any(row["signed"] for row in rows)
    table = run("custody", "log", audited).out
    assert table.splitlines()[0].split() == ["entry", "time", "who", "tool", "action", "what"]


def test_anchor_prints_a_checkpoint_and_json_with_it(run, audited: Path):
    text = run("custody", "anchor", audited)
    (head,) = run("custody", "anchor", audited, "--format", "json").records
    entries = sorted((audited / "ledger").glob("*.json"))
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in entries]
    assert (head["entry"], head["sha256"]) == (5, digests[-1])
    assert head["origin"] == f"quote-forensics/{digests[0]}"
    assert text.out.splitlines()[:2] == [head["origin"], "5"]
    assert text.out == head["checkpoint"]
    leaves = [hashlib.sha256(b"\0" + path.read_bytes()).digest() for path in entries]
    pairs = [hashlib.sha256(b"\1" + leaves[n] + leaves[n + 1]).digest() for n in (0, 2)]
    four = hashlib.sha256(b"\1" + pairs[0] + pairs[1]).digest()
    assert head["root_hash"] == hashlib.sha256(b"\1" + four + leaves[4]).hexdigest()
    assert head["signed"] is False


def test_a_witness_confirms_that_the_case_only_grew(run, audited: Path, tmp_path: Path, evidence):
    case = shutil.copytree(audited, tmp_path / "case")
    kept = {}
    for form in ("table", "json", "jsonl"):
        kept[form] = tmp_path / f"head.{form}"
        kept[form].write_text(run("custody", "anchor", case, "--format", form).out)
    assert run("ingest", case, evidence).code == 0
    proof = tmp_path / "proof.json"
    proof.write_text(run("custody", "prove", case, "--from", kept["table"]).out)
    for head in kept.values():
        result = run("custody", "check-proof", proof, head, "--format", "json")
        assert result.code == 0
        assert [(row["entry"], row["action"]) for row in result.records] == [(6, "ingest")]
        assert run("custody", "verify", case, "--head", head).code == 0

    (case / "ledger" / "00000006.json").unlink()
    for path in (case / "tables").rglob("00000006-*"):
        path.unlink()
    later = tmp_path / "later"
    later.write_text(json.loads(proof.read_text())["checkpoint"])
    assert run("custody", "verify", case).code == 0
    result = run("custody", "verify", case, "--head", later, "--format", "json")
    assert (result.code, [row["code"] for row in result.records]) == (4, ["head-contradicted"])
    result = run("custody", "prove", case, "--from", later)
    assert (result.code, "[head-contradicted]" in result.err) == (4, True)
    proof.write_text(proof.read_text().replace('"size": 5', '"size": 4'))
    result = run("custody", "check-proof", proof, kept["table"])
    assert (result.code, "[proof-fails]" in result.err) == (4, True)


@pytest.mark.parametrize(
    "mangle",
    [
        lambda head: head.replace("\n", "\r\n"),
        lambda head: "\ufeff" + head,
        lambda head: "\n" + head + "\n\n",
        lambda head: head.rstrip(),
    ],
    ids=["CRLF", "BOM", "blank lines", "no end"],
)
def test_a_head_that_went_through_mail_is_read(run, audited: Path, tmp_path: Path, key, mangle):
    for signed in ((), ("--sign-key", key)):
        head = run("custody", "anchor", audited, *signed).out
        (tmp_path / "head").write_bytes(mangle(head).encode())
        assert run("custody", "verify", audited, "--head", tmp_path / "head").code == 0
        (tmp_path / "head").write_bytes(mangle(head.replace("/", "/0", 1)).encode())
        assert run("custody", "verify", audited, "--head", tmp_path / "head").code == 2


@pytest.mark.parametrize("name", ["report.html", "case.toml", "findings/inner", "a/b"])
@pytest.mark.parametrize(
    "words",
    [
        ("export", "findings", "CASE", "--format", "csv", "--out", "TARGET"),
        ("export", "views", "CASE", "TARGET"),
        ("export", "bundle", "CASE", "TARGET"),
        ("report", "CASE", "--html", "TARGET"),
        ("quote", "CASE", "QUOTE", "--out", "TARGET"),
        ("init", "TARGET"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_nothing_is_written_into_a_case(run, audited: Path, tmp_path: Path, words, name: str):
    """Through a link neither."""
    case = Path(shutil.copytree(audited, tmp_path / "case"))
    (tmp_path / "link").symlink_to(case)
    quote = open_case(case).sql("SELECT min(quote_id) FROM quote").fetchall()[0][0]
    for place in (case, tmp_path / "link"):
        filled = {"CASE": case, "TARGET": place / name, "QUOTE": quote}
        result = run(*(filled.get(word, word) for word in words))
        assert result.code == 2
        assert re.search(r"\[(inside-case|path-exists)\]$", result.err.strip()), result.err
    assert verify_custody(open_case(case)) == []


def test_a_signed_case_end_to_end(run, key: Path, tmp_path: Path, evidence, monkeypatch):
    case = tmp_path / "case"
    public = run("custody", "keygen", tmp_path / "other.pem").out.strip()
    assert run("init", case, "--sign-key", key, "--signing-key", public).code == 0
    refused = run("ingest", case, evidence)
    assert (refused.code, "[signature-wanted]" in refused.err) == (2, True)
    assert run("ingest", case, evidence, "--sign-key", tmp_path / "other.pem").code == 0
    monkeypatch.setenv("QUOTE_FORENSICS_SIGN_KEY", os.fspath(key))
    assert run("verify", case).code == 0
    assert run("detect", case).code in (0, 1)
    assert run("audit", case).code in (0, 1)
    monkeypatch.delenv("QUOTE_FORENSICS_SIGN_KEY")
    assert run("custody", "verify", case).code == 0
    assert all(row["signed"] for row in run("custody", "log", case, "--format", "json").records)

    (head,) = run("custody", "anchor", case, "--format", "json").records
    assert head["signed"] is True
    assert "\n\n\u2014 " + head["origin"] in head["checkpoint"]
    assert len(head["verifier_keys"]) == 2
    note = tmp_path / "head"
    note.write_text(head["checkpoint"])
    proof = tmp_path / "proof"
    proof.write_text(run("custody", "prove", case, "--from", note).out)
    (mine,) = run("custody", "anchor", case, "--format", "json", "--sign-key", key).records
    keys = [name.rsplit("+", 1)[1] for name in mine["verifier_keys"]]
    assert len(keys) == 1
    check = ("custody", "check-proof", proof, note, "--public-key")
    assert run(*check, public).code == 4
    assert run("custody", "verify", case, "--public-key", public).code == 4

    newest = max((case / "ledger").glob("*.note"))
    newest.unlink()
    result = run("custody", "verify", case, "--format", "json")
    assert (result.code, [r["code"] for r in result.records]) == (4, ["signature-missing"])


def test_audit_makes_a_signed_case(run, key: Path, tmp_path: Path, evidence):
    case = tmp_path / "case"
    assert run("audit", case, evidence, "--sign-key", key).code in (0, 1)
    assert len(list((case / "ledger").glob("*.note"))) == 5
    assert run("custody", "verify", case).code == 0


def test_compact_changes_no_answer(run, audited: Path, tmp_path: Path):
    case = shutil.copytree(audited, tmp_path / "case")
    for number in range(2):
        source = tmp_path / f"{number}.jsonl"
        source.write_text(
            '{"event_type":"enclave_launch","timestamp":"2026-01-01T00:00:00Z","node_id":"n"}\n'
            f'{{"event_type":"nonce_issued","timestamp":"2026-01-01T00:00:0{number}Z"}}\n'
        )
        assert run("audit", case, source, "--as-of", "2026-01-08T00:00:00Z").code == 1
    views = ("observation", "quote", "verdict", "launch", "finding", "quarantine", "collateral")
    queries = [f"SELECT * FROM {view} ORDER BY ALL" for view in views]
    before = [run("sql", case, query, "--format", "jsonl").out for query in queries]
    (first, *rest) = run("compact", case, "--format", "json").records
    assert first["files_before"] > first["files_after"] >= 1
    assert {"launch", "source"} <= {row["table"] for row in (first, *rest)}
    assert [run("sql", case, query, "--format", "jsonl").out for query in queries] == before
    assert run("custody", "verify", case).code == 0
    assert run("compact", case, "--format", "json").records == []
    assert run("audit", case, "--as-of", "2026-01-08T00:00:00Z").code == 1
    assert run("sql", case, queries[2], "--format", "jsonl").out == before[2]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("custody", "verify", "{case}", "--head", "none"), "unreadable-path"),
        (("custody", "verify", "{case}", "--head", "{case}/case.toml"), "bad-head"),
        (("custody", "verify", "{case}", "--public-key", "none"), "bad-public-key"),
        (("custody", "prove", "{case}", "--entry", "99"), "no-entry"),
        (("custody", "check-proof", "{case}/case.toml", "{case}/case.toml"), "bad-head"),
        (("custody", "anchor", "{case}", "--sign-key", "{case}/case.toml"), "bad-sign-key"),
        (("init", "new", "--sign-key", "none"), "unreadable-path"),
        (("init", "new", "--signing-key", "none"), "bad-public-key"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value)[:40],
)
def test_mistakes_are_one_line_and_exit_two(
    run, audited: Path, tmp_path: Path, monkeypatch, arguments: tuple[str, ...], code: str
):
    monkeypatch.chdir(tmp_path)
    result = run(*(argument.format(case=audited) for argument in arguments))
    assert (result.code, result.out) == (2, "")
    assert f"[{code}]" in result.err
    assert len(result.err.splitlines()) == 1
    assert not (tmp_path / "new").exists()
