"""`detectors`: list, print, begin, check; and a begun detector in `detect`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


def test_from_nothing_to_a_finding(run: Any, own_audited: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    begun = run("detectors", "new", "acme-refusals", "--queries", rules)
    assert begun.code == 0
    assert (rules / "own" / "acme-refusals.sql").is_file()
    assert (rules / "cases" / "acme-refusals.toml").is_file()
    linted = run("detectors", "lint", "--queries", rules)
    assert (linted.code, linted.err) == (0, "1 detectors, 0 problem(s)\n")
    assert 'id = "acme-refusals"' in run("detectors", "acme-refusals", "--queries", rules).out
    as_of = ("--as-of", "2026-01-08T00:00:00Z", "--format", "json")
    chosen = ("--queries", rules, "--detector", "acme-refusals", "--param", "fewest=1")
    found = run("detect", own_audited, *chosen, *as_of)
    assert (found.code, found.records) == (0, [])  # what others had found before is theirs
    [row] = run(
        "sql",
        own_audited,
        "SELECT outcome, detector_version FROM detection WHERE detector = 'acme-refusals'",
        "--format",
        "json",
    ).records
    assert row == {"outcome": "evaluated", "detector_version": 1}


def test_a_finding_of_ones_own_is_told_with_its_two_sides(
    run: Any, own_audited: Path, tmp_path: Path
) -> None:
    rules = tmp_path / "rules"
    run("detectors", "new", "acme-refusals", "--queries", rules)
    rule = rules / "own" / "acme-refusals.sql"
    rule.write_text(rule.read_text().replace("NOT claimed_ok", "claimed_ok"))
    chosen = ("--queries", rules, "--detector", "acme-refusals", "--format", "json")
    found = run("detect", own_audited, *chosen, "--as-of", "2026-01-08T00:00:00Z").records
    finding = next(row for row in found if row["detector"] == "acme-refusals")
    explain = ("explain", own_audited, finding["finding_id"], "--format", "json")
    sides = run(*explain, "--queries", rules).records[0]["conflicts"][0]
    assert (sides["one"], sides["one_value"]) == ("asked for trust", finding["subject_id"])
    times = len(finding["observation_ids"])
    assert (sides["other"], sides["other_value"]) == ("refused, times", times)
    unknown = run(*explain).records[0]["conflicts"]  # told by its sightings
    assert "asked for trust" not in {conflict["one"] for conflict in unknown}
    page = tmp_path / "page.html"
    assert run("report", own_audited, "--html", page, "--queries", rules).code == 0
    assert "asked for trust" in page.read_text()


def test_a_problem_is_told_with_its_rule(run: Any, tmp_path: Path) -> None:
    run("detectors", "new", "acme-refusals", "--queries", tmp_path)
    file = tmp_path / "own" / "acme-refusals.sql"
    file.write_text(file.read_text().replace('inputs = ["observation"]', 'inputs = ["quote"]'))
    result = run("detectors", "lint", "--queries", tmp_path, "--format", "json")
    assert result.code == 2
    assert {(row["detector"], row["rule"]) for row in result.records} >= {
        ("acme-refusals", "inputs")
    }


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["new"], "bad-arguments"),
        (["new", "acme"], "bad-arguments"),
        (["new", "svn-rollback", "--queries", "rules"], "detector-id"),
        (["svn-rollback", "more"], "bad-arguments"),
        (["lint", "--queries", "nowhere"], "no-such-directory"),
        (["no-such"], "no-such-detector"),
    ],
)
def test_what_cannot_be_asked(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("detectors", *arguments)
    assert result.code == 2
    assert f"[{code}]" in result.err
    assert list(tmp_path.iterdir()) == []


def test_findings_name_their_reference(run: Any, audited: Path) -> None:
    rows = run("findings", audited, "--format", "json").records
    assert rows
    for row in rows:
        assert row["reference"] == f"docs/reference/detectors.md#{row['detector']}"
    page = (Path(__file__).parents[2] / "docs" / "reference" / "detectors.md").read_text()
    assert {f"## {row['detector']}" for row in rows} <= set(page.splitlines())
