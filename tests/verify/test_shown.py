"""What each check says it expected and what it observed: the words that people decide by."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from verify import test_attacks_on_reports, test_checks

from forensics.verify.appraisal import Judgement
from forensics.verify.archive import NO_TIME

SHOWN = tomllib.loads((Path(__file__).parent / "shown.toml").read_text())
WITHOUT_QUESTION = ("pass", "skipped", "not_applicable")
COLLATERAL = ("root_ca_crl", "pck_crl", "tcb_info", "qe_identity")


def at_no_time(kit: Any) -> Judgement:
    judgement: Judgement = kit.evidence().trial.at(NO_TIME)
    return judgement


def listed_later(kit: Any) -> Judgement:
    """A PCK CRL that was issued after the moment, and names the PCK certificate."""
    later = kit.crl(
        kit.pki.platform_ca, start=kit.NOW.replace(day=6), revoked=(kit.pck().spec.serial,)
    )
    judgement: Judgement = kit.evidence().bend_collateral(pck_crl=later).judge()
    return judgement


LACKING: dict[str, Callable[[Any], Judgement]] = {
    "no collateral": lambda kit: kit.evidence(without=COLLATERAL).judge(),
    "no collateral for a td": lambda kit: kit.evidence(kit.tdx(), without=COLLATERAL).judge(),
    "no root crl": lambda kit: kit.evidence(without=("root_ca_crl",)).judge(),
    "no pck crl": lambda kit: kit.evidence(without=("pck_crl",)).judge(),
    "no tcb info": lambda kit: kit.evidence(without=("tcb_info",)).judge(),
    "no qe identity": lambda kit: kit.evidence(without=("qe_identity",)).judge(),
    "no signer": lambda kit: kit.evidence(
        without=("tcb_info_issuer_chain", "qe_identity_issuer_chain")
    ).judge(),
    "no pck certificate": lambda kit: kit.sgx_evidence(kit.pki.platform_ca).judge(),
    "no sgx extension": lambda kit: kit.sgx_evidence(kit.pck(sgx_extension=None)).judge(),
    "no pck certificate, collateral handed": lambda kit: kit.sgx_evidence(
        kit.pki.platform_ca, handed=True
    ).judge(),
    "no sgx extension, collateral handed": lambda kit: kit.sgx_evidence(
        kit.pck(sgx_extension=None), handed=True
    ).judge(),
    "no ids in the tcb info": lambda kit: kit.evidence(
        collateral=kit.collateral(tcb_overrides={"fmspc": 0, "pceId": 0}), handed=True
    ).judge(),
    "no time": at_no_time,
    "listed later": listed_later,
}


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


@pytest.mark.parametrize("name", LACKING)
def test_what_is_lacking(kit: Any, name: str) -> None:
    """And which check prevents which."""
    assert show(LACKING[name](kit), "pass", "not_applicable") == SHOWN["lacking"][name]


def test_nothing_is_kept_of_cases_that_are_gone() -> None:
    quotes = {str(case) for case in test_checks.CASES}

    assert {*SHOWN["quote"]} - {"healthy sgx", "healthy tdx"} <= quotes
    assert {*SHOWN["lacking"]} == {*LACKING}
    assert {*SHOWN["report"]} <= {*test_attacks_on_reports.CASES}
