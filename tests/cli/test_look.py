"""Commands that look, and the wall around the SQL that others write."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from forensics.case.case import open_case
from forensics.case.connection import connect
from forensics.case.contract import VIEWS

ROOT = Path(__file__).parents[2]


def test_every_view_has_the_columns_of_the_contract(audited: Path):
    connection = connect(open_case(audited))
    for view in VIEWS:
        rows = connection.execute(f'DESCRIBE "{view.name}"').fetchall()
        described = [(row[0], row[1]) for row in rows]
        assert described == [(c.name, c.type) for c in view.columns], view.name


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv"])
def test_sql_prints_records_and_nothing_else_on_stdout(run, audited: Path, form: str):
    result = run("sql", audited, "SELECT 1 AS one, 'a' AS letter", "--format", form)
    assert result.code == 0
    expected = {
        "table": "one  letter\n1    a\n",
        "json": json.dumps([{"one": 1, "letter": "a"}], indent=2) + "\n",
        "jsonl": '{"one": 1, "letter": "a"}\n',
        "csv": "one,letter\n1,a\n",
    }
    assert result.out == expected[form]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1; SELECT 2",
        "CREATE TABLE t (a INT)",
        "COPY (SELECT 1) TO 'stolen.csv'",
        "ATTACH 'other.db'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "PRAGMA database_list",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_text('{case}/case.toml')",
        "SELECT * FROM glob('/*')",
        "SELECT getenv('HOME')",
        "SELECT nonsense FROM quote",
        "",
    ],
)
def test_sql_can_read_the_case_and_nothing_else(run, audited: Path, query: str):
    result = run("sql", audited, query.format(case=audited))
    assert (result.code, result.out) == (2, "")
    assert "[bad-sql]" in result.err
    assert len(result.err.splitlines()) == 1


def test_check_results_are_computed_when_asked_for(run, audited: Path):
    query = """
        SELECT c.check_id, c.result, c.observed FROM check_result AS c
        JOIN verdict AS v USING (observation_id, moment)
        WHERE v.outcome = 'rejected' AND moment = 'receipt' AND c.result = 'fail'
    """
    rows = run("sql", audited, query, "--format", "json").records
    assert [row["check_id"] for row in rows] == ["R4"]
    assert "listed" in rows[0]["observed"]
    counts = run(
        "sql", audited,
        "SELECT DISTINCT count(*) AS n FROM check_result GROUP BY observation_id, moment",
        "--format", "json",
    ).records  # fmt: skip
    assert len(counts) == 1


def test_quote_gives_the_original_bytes(run, audited: Path, tmp_path: Path):
    rows = run("sql", audited, "SELECT quote_id FROM quote ORDER BY 1", "--format", "json").records
    for row in rows[:10]:
        out = tmp_path / "quote.bin"
        assert run("quote", audited, row["quote_id"][:16], "--out", out).code == 0
        assert hashlib.sha256(out.read_bytes()).hexdigest() == row["quote_id"]


def test_show_finds_things_by_the_start_of_their_id(run, audited: Path):
    finding = run("findings", audited, "--format", "json").records[0]
    shown = run("show", audited, finding["finding_id"][:10], "--format", "json").records
    assert {row["view"] for row in shown} == {"finding"}
    observation = finding["observation_ids"][0]
    shown = run("show", audited, observation, "--format", "json").records
    assert [row["view"] for row in shown] == ["observation"]
    assert "received_at" in run("show", audited, observation).out


def test_findings_are_filtered(run, audited: Path):
    every = run("findings", audited, "--format", "json").records
    critical = run("findings", audited, "--severity", "critical", "--format", "json").records
    assert 0 < len(critical) < len(every)
    replayed = run("findings", audited, "--detector", "replayed-quote", "--format", "json").records
    assert {row["detector"] for row in replayed} == {"replayed-quote"}
    assert run("findings", audited, "--state", "resolved", "--format", "json").records == []


def test_custody_holds_until_a_bit_flips(run, audited: Path, tmp_path: Path):
    case = shutil.copytree(audited, tmp_path / "case")
    assert run("custody", "verify", case).code == 0
    file = next((case / "tables" / "quote").rglob("*.parquet"))
    damaged = bytearray(file.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    file.write_bytes(damaged)
    result = run("custody", "verify", case, "--format", "json")
    assert result.code == 4
    assert [(row["level"], row["code"]) for row in result.records] == [("failure", "file-changed")]
    assert file.name in result.records[0]["path"]


def test_custody_anchor_prints_the_head(run, audited: Path):
    (head,) = run("custody", "anchor", audited, "--format", "json").records
    last = max((audited / "ledger").glob("*.json"))
    assert head["sha256"] == hashlib.sha256(last.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("ingest", "{case}", "no-such-file"), "unreadable-path"),
        (("verify", "no-such-case"), "no-case"),
        (("verify", "{case}", "--as-of", "yesterday"), "bad-time"),
        (("verify", "{case}", "--as-of", "2026-01-01T00:00:00"), "bad-time"),
        (("init", "{case}"), "case-exists"),
        (("init", "new", "--no-intel-root"), "no-anchor"),
        (("init", "new", "--root-ca", "no-such-file"), "unreadable-path"),
        (("init", "new", "--root-ca", str(ROOT / "pyproject.toml")), "bad-root-ca"),
        (("detect", "{case}", "--detector", "no-such"), "no-such-detector"),
        (("detect", "{case}", "--param", "nonsense"), "bad-parameter"),
        (("detect", "{case}", "--param", "nonsense=1"), "unknown-parameter"),
        (("show", "{case}", "zz"), "bad-id"),
        (("show", "{case}", "0000000000"), "no-match"),
        (("quote", "{case}", "0000000000"), "no-match"),
        (("detectors", "no-such"), "no-such-detector"),
        (("audit", "new", "no-such-file"), "unreadable-path"),
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


def test_detectors_lists_the_catalogue_and_prints_one(run):
    rows = run("detectors", "--format", "json").records
    assert {"replayed-quote", "silent-enclave", "trusted-rogue"} <= {row["id"] for row in rows}
    text = run("detectors", "silent-enclave").out
    assert text == (ROOT / "queries/silence/silent-enclave.sql").read_text()
