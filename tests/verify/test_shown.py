"""What each check says it expected and what it observed: the words that people decide by."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from verify import test_attacks_on_reports, test_checks

from forensics.verify.appraisal import Judgement

SHOWN = tomllib.loads((Path(__file__).parent / "shown.toml").read_text())
WITHOUT_QUESTION = ("pass", "skipped", "not_applicable")


def show(judgement: Judgement, *left_out: str) -> dict[str, list[str]]:
    return {
        check: list(outcome)
        for check, outcome in judgement.results.items()
        if outcome[0] not in left_out
    }


@pytest.mark.parametrize("tee", ["sgx", "tdx"])
def test_healthy_quotes(kit: Any, tee: str) -> None:
    quote = kit.sgx() if tee == "sgx" else kit.tdx(5, td15=True)

    assert show(kit.evidence(quote).judge()) == SHOWN["quote"][f"healthy {tee}"]


def test_a_healthy_report() -> None:
    make, _ = test_attacks_on_reports.CASES["healthy"]

    assert show(make().judge()) == SHOWN["report"]["healthy"]


@pytest.mark.parametrize("case", test_checks.CASES, ids=str)
def test_quotes(kit: Any, case: test_checks.Case) -> None:
    assert show(case.forge(kit).judge(), *WITHOUT_QUESTION) == SHOWN["quote"].get(str(case), {})


@pytest.mark.parametrize("name", sorted({*test_attacks_on_reports.CASES} - {"healthy"}))
def test_reports(name: str) -> None:
    make, _ = test_attacks_on_reports.CASES[name]

    assert show(make().judge(), *WITHOUT_QUESTION) == SHOWN["report"].get(name, {})


def test_nothing_is_kept_of_cases_that_are_gone() -> None:
    quotes = {str(case) for case in test_checks.CASES}

    assert {*SHOWN["quote"]} - {"healthy sgx", "healthy tdx"} <= quotes
    assert {*SHOWN["report"]} <= {*test_attacks_on_reports.CASES}
