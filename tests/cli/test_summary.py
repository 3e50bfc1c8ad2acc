"""`summary` and `diff`."""

from __future__ import annotations

from pathlib import Path

import pytest

from forensics.report.difference import Difference


def test_the_summary_holds_every_section_with_its_numbers(run, audited: Path) -> None:
    lines = run("summary", audited, "--format", "json").records
    told = {(line["section"], line["what"]): line["value"] for line in lines}
    assert told["cannot be trusted", "enclave"] == 8
    assert told["cannot be trusted", "since"] == "2026-01-06T17:19:30.876000Z"
    assert told["cannot be trusted", "secrets released to them"] == 5
    assert told["cannot be trusted", "which secrets"] == "ledger/master-key, payments/master-key"
    found = run("findings", audited, "--format", "json").records
    critical = [finding for finding in found if finding["severity"] == "critical"]
    assert told["findings", "critical, open"] == len(critical) > 0
    assert told["evidence", "sightings"] == 181
    assert told["verdicts", "claimed good, receipt rejected, hindsight rejected"] == 1
    assert told["findings", "critical, by detector"].startswith(
        "replayed-quote 3, disguised-replay 2"
    )
    assert told["findings", "info, by detector"] == "known-exposure"
    assert told["not seen", "tcb-rollback: quote without a time"] == 1
    blind = "7 detectors: quote without a time: it has no place in the order"
    assert told["not seen", blind] == 1
    assert len(told["custody", "head"]) == 64
    assert len(told) == len(lines)


def test_the_summary_as_a_table_names_each_section_once(run, audited: Path) -> None:
    out = run("summary", audited).out
    assert out.count("cannot be trusted") == 1
    assert out.splitlines()[0].split() == ["section", "what", "value"]


def test_the_summary_of_an_empty_case_claims_nothing(run, tmp_path: Path) -> None:
    run("init", tmp_path / "empty")
    lines = run("summary", tmp_path / "empty", "--format", "json").records
    told = {(line["section"], line["what"]): line["value"] for line in lines}
    assert told["not seen", "detectors that ran"] == 0
    assert told["verdicts", "hindsight as of"] is None


def test_a_case_does_not_differ_from_its_copy(run, audited: Path, own_audited: Path) -> None:
    result = run("diff", audited, own_audited, "--format", "json")
    assert (result.code, result.records) == (0, [])
    assert "findings: no difference" in result.err


@pytest.fixture
def lenient(run, own_audited: Path) -> Path:
    """The same case, its roll-out given more time."""
    arguments = ("--detector", "svn-rollback", "--param", "rollout_window=240h")
    assert run("detect", own_audited, *arguments, "--fail-on", "critical").code in {0, 1}
    return own_audited


def test_new_findings_are_told_and_change_the_exit_code(run, audited: Path, lenient: Path) -> None:
    worse = run("diff", lenient, audited, "--format", "json")
    better = run("diff", audited, lenient, "--format", "json")
    assert (worse.code, better.code) == (1, 0)
    found = [change for change in worse.records if change["kind"] == "finding"]
    assert {change["change"] for change in found} == {"only in B"}
    assert {change["what"] for change in found} == {"svn-rollback"}
    assert all(change["before"] is None for change in found)
    assert [change["id"] for change in better.records] == [change["id"] for change in worse.records]


@pytest.mark.parametrize(
    ("worse", "limit", "fails"),
    [((), "info", False), (("high",), "critical", False), (("low", "high"), "high", True)],
)
def test_only_findings_at_or_above_the_limit_count(worse, limit: str, fails: bool) -> None:
    difference = Difference((), {}, 0, (None, None), worse)
    assert difference.has_worse(limit) is fails


def test_verdicts_of_another_moment_differ(run, audited: Path, own_audited: Path) -> None:
    run("verify", own_audited, "--as-of", "2030-01-01T00:00:00Z")
    result = run("diff", audited, own_audited, "--format", "json", "--most", "7")
    verdicts = [change for change in result.records if change["kind"] == "verdict"]
    assert len(verdicts) == 7
    assert {change["what"] for change in verdicts} == {"hindsight"}
    assert {change["change"] for change in verdicts} == {"changed"}
    assert "verdicts: 181 differ" in result.err
    assert "verdicts: 174 more; see --most" in result.err
    assert "as of 2026-01-08T00:00:00Z in A, 2030-01-01T00:00:00Z in B" in result.err


def test_what_only_one_case_has_is_counted(run, audited: Path, tmp_path: Path) -> None:
    run("init", tmp_path / "empty")
    result = run("diff", tmp_path / "empty", audited, "--format", "json")
    assert result.code == 1
    told = {(change["kind"], change["what"]): change for change in result.records}
    assert told["evidence", "sightings"]["after"] == "181"
    assert told["coverage", "detector"]["change"] == "only in B"
    assert told["coverage", "collateral"]["change"] == "only in B"


def test_a_sighting_that_one_case_never_verified_differs(
    run, audited: Path, tmp_path: Path
) -> None:
    sample = Path(__file__).parents[2] / "sample_data"
    case = tmp_path / "unverified"
    run("init", case, "--root-ca", sample / "root_ca.pem")
    run("ingest", case, sample / "evidence" / "quotes")
    result = run("diff", case, audited, "--format", "json")
    verdicts = [change for change in result.records if change["kind"] == "verdict"]
    assert {change["change"] for change in verdicts} == {"only in B"}
    assert {change["what"] for change in verdicts} == {"receipt", "hindsight"}


def test_a_case_that_is_none_is_one_line(run, audited: Path, tmp_path: Path) -> None:
    result = run("diff", audited, tmp_path / "none")
    assert (result.code, result.err.count("\n")) == (2, 1)
