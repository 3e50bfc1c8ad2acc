"""`explain` and `collateral`, and the proof run with openssl alone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from forensics.verify.checks import QUOTE_CHECKS

SAMPLE = Path(__file__).parents[2] / "sample_data"
CHECK_COLUMNS = ("result", "expected", "observed")
END_OF_SAMPLE = "2026-01-08T00:00:00Z"


def find(run, case: Path, detector: str) -> str:
    records = run("findings", case, "--detector", detector, "--format", "json").records
    return records[0]["finding_id"]


def explain(run, case: Path, identifier: str, *options: object) -> list[dict]:
    result = run("explain", case, identifier, *options, "--format", "json")
    assert result.code == 0, result.err
    return result.records


def finding_sightings(run, case: Path, finding: str) -> list[str]:
    return [record["observation_id"] for record in explain(run, case, finding)]


def test_a_contradiction_shows_both_sides_and_the_check_that_decides(run, audited: Path):
    (record,) = explain(run, audited, find(run, audited, "verdict-contradiction"))
    assert record["outcome"] == "rejected"
    conflicts = {fact["fact"]: fact for fact in record["facts"] if fact["conflict"]}
    assert "R4" in conflicts["verdict at receipt"]["evidence"]
    assert conflicts["verdict at receipt"]["claimed"].startswith("OK")
    assert [check["check_id"] for check in record["checks"]] == list(QUOTE_CHECKS)
    failed = [check for check in record["checks"] if check["result"] == "fail"]
    assert [check["check_id"] for check in failed] == ["R4"]
    assert failed[0]["observed"].endswith("listed")
    assert {row["kind"].split()[0] for row in record["collateral"]} == {
        "tcb_info", "qe_identity", "crl",
    }  # fmt: skip


def test_a_rogue_shows_the_report_data_that_its_launch_should_have_bound(run, audited: Path):
    record = explain(run, audited, find(run, audited, "trusted-rogue"))[0]
    (binding,) = [fact for fact in record["facts"] if "by the rule" in fact["fact"]]
    assert binding["conflict"]
    assert len(bytes.fromhex(binding["claimed"])) == 64


def test_the_proof_holds_under_openssl_alone(run, audited: Path, tmp_path: Path):
    folder = tmp_path / "proof"
    (record,) = explain(
        run, audited, find(run, audited, "verdict-contradiction"), "--write", folder
    )
    place = folder / record["observation_id"]
    outcome = repeat(record["steps"], place)
    assert outcome.pop("R4") is False  # revoked: what a pass prints is not printed
    quote, collateral = (
        {"K1", "K2", "K5", "P2", "P3", "P4", "P5"},
        {"R1", "R2", "R3", "S1", "S2", "S4", "S6", "T1", "T2", "T3"},
    )
    assert quote | collateral == set(outcome)
    assert all(outcome.values()), outcome


def repeat(steps: list[dict[str, Any]], place: Path) -> dict[str, bool]:
    """Whether all steps of a check pass, by its id."""
    passed: dict[str, bool] = {}
    for step in steps:
        done = subprocess.run(
            step["command"], shell=True, cwd=place, capture_output=True, text=True, check=False
        )
        passes = step["expect"] in done.stdout + done.stderr
        passed[step["check_id"]] = passed.get(step["check_id"], True) and passes
    return passed


def test_openssl_tells_what_has_come_to_its_end(run, own_audited: Path, tmp_path: Path):
    """Ten years later, when all certificates and CRLs have expired."""
    run("verify", own_audited, "--as-of", "2036-01-08T00:00:00Z")
    [row] = run(
        "sql", own_audited,
        "SELECT v.observation_id, v.failed_checks FROM verdict AS v "
        "JOIN observation AS o ON o.observation_id = v.observation_id JOIN quote AS q "
        "ON q.quote_id = o.quote_id WHERE q.tee = 'sgx' AND v.moment = 'hindsight' "
        "AND list_contains(v.failed_checks, 'T2') ORDER BY 1 LIMIT 1",
        "--format", "json",
    ).records  # fmt: skip
    folder, moment = tmp_path / "proof", ("--moment", "hindsight")
    (record,) = explain(run, own_audited, row["observation_id"], *moment, "--write", folder)
    outcome = repeat(record["steps"], folder / row["observation_id"])
    ends = {check: passed for check, passed in outcome.items() if check.startswith("T")}
    results = {check["check_id"]: check["result"] for check in record["checks"]}
    assert ends == {check: results[check] == "pass" for check in ends}
    assert not any(ends.values())
    assert len(ends) == 3


def test_openssl_rejects_what_we_reject(run, audited: Path, tmp_path: Path):
    """The step for K5 fails when one signed byte is another."""
    folder = tmp_path / "proof"
    (record,) = explain(
        run, audited, find(run, audited, "verdict-contradiction"), "--write", folder
    )
    place = folder / record["observation_id"]
    signed = bytearray((place / "quote_signed.bin").read_bytes())
    signed[100] ^= 1
    (place / "quote_signed.bin").write_bytes(signed)
    script = subprocess.run(
        ["sh", place / "repeat.sh"], capture_output=True, text=True, check=False
    )
    assert script.returncode == 1
    lines = script.stdout.splitlines()
    assert "DIFFERENT" in lines[lines.index("K5: Quote signature under the attestation key") + 1]


def test_all_sightings_of_a_finding_count_when_they_are_repeated(
    run, audited: Path, tmp_path: Path
):
    """In a folder whose name has a blank; the command that is printed is run as printed."""
    folder = tmp_path / "the proof"
    finding = find(run, audited, "replayed-quote")
    told = run("explain", audited, finding, "--write", folder).err.splitlines()[-1]
    command = told.partition(": run ")[2]
    assert subprocess.run(command, shell=True, capture_output=True, check=False).returncode == 0

    first, last = finding_sightings(run, audited, finding)
    signed = folder / first / "quote_signed.bin"
    signed.write_bytes(bytes(len(signed.read_bytes())))
    script = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert script.returncode == 1
    before, _, after = script.stdout.partition(f"== {last}")
    assert ("DIFFERENT" in before, "DIFFERENT" in after) == (True, False)


def test_a_finding_without_sightings_is_told_to_programs_too(run, audited: Path):
    """Silence has none; its two sides are those of the launch."""
    finding = find(run, audited, "silent-enclave")
    (record,) = explain(run, audited, finding)
    assert record["finding"]["finding_id"] == finding
    assert record["conflicts"][0]["other_value"] == "never"
    assert record["observation_id"] is None
    assert (record["checks"], record["steps"]) == ([], [])


def test_an_event_without_a_quote_says_what_is_lacking(run, tmp_path: Path):
    (tmp_path / "e.jsonl").write_text('{"timestamp":"2026-01-05T00:00:00Z","event_id":"e1"}\n')
    case = tmp_path / "case"
    run("audit", case, tmp_path / "e.jsonl")
    (row,) = run("sql", case, "SELECT observation_id FROM observation", "-f", "json").records
    (record,) = explain(run, case, row["observation_id"])
    assert record["lacking"] == ["the quote: the event came without one that can be read"]
    assert record["checks"] == []


def test_what_cannot_be_repeated_is_said(run, tmp_path: Path):
    (tmp_path / "e.jsonl").write_text('{"timestamp":"2026-01-05T00:00:00Z","event_id":"e1"}\n')
    case, folder = tmp_path / "case", tmp_path / "proof"
    run("audit", case, tmp_path / "e.jsonl")
    (row,) = run("sql", case, "SELECT observation_id FROM observation", "-f", "json").records
    result = run("explain", case, row["observation_id"], "--write", folder)
    assert result.code == 0
    assert result.err.splitlines()[-1] == f"wrote {folder}: nothing to repeat"
    script = ["sh", folder / "repeat.sh"]
    assert b"nothing to repeat" in subprocess.run(script, capture_output=True, check=True).stdout


def test_a_folder_that_exists_is_left_alone(run, audited: Path, tmp_path: Path):
    identifier = find(run, audited, "verdict-contradiction")
    result = run("explain", audited, identifier, "--write", tmp_path)
    assert (result.code, result.out) == (2, "")
    assert "exists already" in result.err
    assert list(tmp_path.iterdir()) == []


def test_an_id_that_begins_several_is_not_guessed(run, audited: Path):
    sql = "SELECT left(observation_id, 32) AS start FROM observation GROUP BY 1 HAVING count(*) > 1"
    start = run("sql", audited, sql, "--format", "json").records[0]["start"]
    result = run("explain", audited, start)
    assert (result.code, result.out) == (2, "")
    assert "[ambiguous]" in result.err


@pytest.mark.parametrize("moment", ["receipt", "hindsight"])
def test_the_moment_is_told_as_all_times_are(run, audited: Path, moment: str):
    finding = find(run, audited, "verdict-contradiction")
    (record,) = explain(run, audited, finding, "--moment", moment)
    sql = (
        f"SELECT as_of FROM verdict WHERE observation_id = '{record['observation_id']}' "
        f"AND moment = '{moment}'"
    )
    (row,) = run("sql", audited, sql, "--format", "json").records
    assert record["as_of"] == row["as_of"]


@pytest.mark.parametrize("moment", ["receipt", "hindsight"])
def test_check_result_tells_what_explain_tells(run, audited: Path, moment: str):
    """Judged once for a stretch of time, each sighting has its own moment all the same."""
    (record,) = explain(
        run, audited, find(run, audited, "verdict-contradiction"), "--moment", moment
    )
    sql = (
        "SELECT check_id, result, expected, observed FROM check_result "
        f"WHERE observation_id = '{record['observation_id']}' AND moment = '{moment}'"
    )
    told = {row["check_id"]: row for row in run("sql", audited, sql, "-f", "json").records}
    assert told == {
        check["check_id"]: {name: check[name] for name in ("check_id", *CHECK_COLUMNS)}
        for check in record["checks"]
    }
    assert told["T1"]["observed"] == record["as_of"][:19] + "Z"


def test_checks_of_many_judgements_are_told_in_little_memory(
    run, audited: Path, monkeypatch: pytest.MonkeyPatch
):
    """What was numbered before and is forgotten is numbered again; the rows are the same."""
    sql = "SELECT md5(CAST(list(c ORDER BY c) AS VARCHAR)) AS digest, count(*) AS n, "
    sql += "count(DISTINCT (observation_id, moment, check_id)) AS distinct_n FROM check_result AS c"
    (before,) = run("sql", audited, sql, "-f", "json").records
    monkeypatch.setattr("forensics.case.judgements._REMEMBERED", 3)
    monkeypatch.setattr("forensics.case.judgements.BLOCK_ROWS", 2)
    (after,) = run("sql", audited, sql, "-f", "json").records

    assert after == before
    assert before["n"] == before["distinct_n"] > 0


def test_explain_prints_for_people(run, audited: Path):
    out = run("explain", audited, find(run, audited, "svn-rollback")).out
    for heading in ("finding ", "checks", "collateral used", "repeat it with openssl"):
        assert heading in out


def test_the_commands_run_as_they_are_printed(
    run, audited: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Also where a table would break the lines: all of it can be pasted into a shell."""
    folder, finding = tmp_path / "proof", find(run, audited, "verdict-contradiction")
    (sighting,) = finding_sightings(run, audited, finding)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    out = run("explain", audited, finding, "--write", folder).out
    _, heading, printed = out.partition("repeat it with openssl")
    script = printed.partition("\n")[2]
    done = subprocess.run(
        ["sh"], input=script, cwd=folder / sighting, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert heading
    commands = re.findall(r"^(?:openssl |\{ |listed=)", script, re.MULTILINE)
    assert len(commands) == script.count("# ") > 15
    assert (said.count("Verified OK"), said.count("verify OK"), said.count(".pem: OK")) == (4, 2, 5)


@pytest.mark.parametrize("identifier", ["ffffffff", "nonsense"])
def test_unknown_ids_exit_two(run, audited: Path, identifier: str):
    assert run("explain", audited, identifier).code == 2


def test_collateral_lists_the_series_and_draws_them(run, audited: Path):
    rows = run("collateral", audited, "--format", "json").records
    kinds = {(row["kind"], row["key"]) for row in rows}
    assert ("qe_identity", "TD_QE") in kinds
    assert ("crl", "Intel SGX Root CA") in kinds
    assert all(len(row["picture"]) == 60 and row["unauthentic"] == 0 for row in rows)
    assert "█" in run("collateral", audited).out
    roots = {row["authority"] for row in rows if row["kind"] != "crl"}
    assert roots == {row["authority"] for row in rows if row["key"] == "Intel SGX Root CA"}


def test_each_time_that_collateral_was_read_is_told(run, audited: Path):
    query = (
        "SELECT a.path, a.ledger_entry, c.id, c.first_acquired_at = a.acquired_at AS first "
        "FROM acquisition AS a JOIN collateral AS c ON c.collateral_id = a.item_id "
        "JOIN source AS s ON s.source_id = a.source_id "
        "WHERE c.id = 'QE' ORDER BY a.path"
    )
    rows = run("sql", audited, query, "--format", "json").records
    names = [Path(row["path"]).name for row in rows]
    assert names == ["qe_identity_sgx.json", "qe_identity_sgx.json", "bundle_sgx.json"]
    assert all(row["ledger_entry"] == 2 and row["first"] for row in rows)


def test_what_is_not_proven_yet_is_not_called_forged(run, tmp_path: Path):
    case = tmp_path / "case"
    run("init", case, "--root-ca", SAMPLE / "root_ca.pem")
    run("ingest", case, SAMPLE / "evidence" / "collateral")
    result = run("collateral", case, "--format", "json")
    assert {row["unauthentic"] for row in result.records} == {0}
    assert all(row["unproven"] == row["versions"] > 0 for row in result.records)
    assert "not proven yet" in result.err
    run("verify", case, "--as-of", END_OF_SAMPLE)
    result = run("collateral", case, "--format", "json")
    assert {row["unproven"] for row in result.records} == {0}
    assert "not proven yet" not in result.err


def test_judging_under_one_version_of_the_collateral(run, own_audited: Path):
    """Under the older TCB info, before the recovery, its platforms were up to date."""
    (older,) = run(
        "sql", own_audited,
        "SELECT collateral_id, tcb_evaluation_data_number AS number FROM collateral "
        "WHERE id = 'SGX' AND fmspc = '00906ed50000' ORDER BY issued_at LIMIT 1",
        "--format", "json",
    ).records  # fmt: skip
    counts = (
        "SELECT count(*) AS n FROM verdict WHERE moment = 'hindsight' AND status = 'UpToDate' "
        f"AND tcb_evaluation_data_number = {older['number']}"
    )

    def count() -> int:
        return run("sql", own_audited, counts, "--format", "json").records[0]["n"]

    def find_chosen() -> list[tuple[str, str]]:
        query = "SELECT DISTINCT moment, unnest(chosen_collateral) AS id FROM verdict ORDER BY ALL"
        rows = run("sql", own_audited, query, "--format", "json").records
        return [(row["moment"], row["id"]) for row in rows]

    assert (count(), find_chosen()) == (0, [])
    run(
        "verify", own_audited, "--as-of", END_OF_SAMPLE, "--collateral", older["collateral_id"][:12]
    )
    assert count() > 0
    noted = json.loads(max((own_audited / "ledger").glob("*.json")).read_text())["notes"]
    assert noted["collateral"] == older["collateral_id"]
    assert find_chosen() == [("hindsight", older["collateral_id"])]
    seen = run(
        "sql", own_audited,
        "SELECT observation_id AS id FROM verdict WHERE chosen_collateral IS NOT NULL "
        "ORDER BY id LIMIT 1",
        "--format", "json",
    ).records[0]["id"]  # fmt: skip
    [record] = run(
        "explain", own_audited, seen, "--moment", "hindsight", "--format", "json"
    ).records
    chosen = {entry["id"]: entry["chosen"] for entry in record["collateral"]}
    assert chosen.pop(older["collateral_id"])
    assert not any(chosen.values())
    assert all("collateral" in entry["from"] for entry in record["collateral"])
    run("verify", own_audited, "--as-of", END_OF_SAMPLE)
    assert count() == 0
    assert find_chosen() == []


def test_a_disguise_is_shown_byte_by_byte(run, audited: Path):
    rows = run("findings", audited, "--detector", "disguised-replay", "--format", "json").records
    told = {}
    for row in rows:
        [first, *_] = run("explain", audited, row["finding_id"], "--format", "json").records
        for difference in first["differences"]:
            told[difference["part"]] = difference
            assert difference["quote_id"] in row["details"]["disguised_quotes"]
    assert told["quote_signature_s"]["note"] == "n - s: both verify"
    assert told["certification_data"]["first_size"] > 0


def test_a_finding_is_told_by_its_two_sides_and_from_what_offends(run, audited: Path):
    (finding,) = run("findings", audited, "--detector", "svn-rollback", "--format", "json").records
    first, *others = run("explain", audited, finding["finding_id"], "--format", "json").records
    assert [first["observation_id"]] != finding["observation_ids"][:1]
    assert {row["observation_id"] for row in (first, *others)} == set(finding["observation_ids"])
    (sides,) = first["conflicts"]
    assert (sides["fact"], sides["one_value"], sides["other_value"]) == ("ISVSVN", 8, 7)
    shown = run("explain", audited, finding["finding_id"]).out
    assert shown.index("facts that cannot both be right") < shown.index("observation ")
