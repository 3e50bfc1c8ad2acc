"""A check that always passed would be noticed: other verifiers refuse what it lets through."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest
from differential import cases
from differential.comparison import compare
from differential.verifiers import ask_ours

from forensics.verify import appraisal
from forensics.verify.checks import QUOTE_CHECKS
from forensics.verify.facts import Results

FAILS_WITH = {"S4": "S1", "S6": "S1", "E6": "V3", "K4": "K5", "V1": "V3", "V2": "V3"}
"""What the first refuses, the other refuses too: nothing gets through unless both are blind."""

NOTHING_TO_JUDGE = frozenset(("F1", "F4", "P6", "S5"))
"""What these refuse cannot be read, and then later checks have no input."""

OURS_ALONE = frozenset(("T7", "K3", "A2"))
"""Strict checks that no other verifier makes. `verify/test_checks.py` holds them."""


@pytest.fixture(scope="module")
def single_checks(kit: Any) -> list[tuple[cases.Case, frozenset[str]]]:
    """Every case with all checks that fail or lack their input, strict ones too."""
    asked = ((case, ask_ours(case.exhibit)) for case in cases.list_single_checks(kit))
    return [(case, ours.refused_for | ours.strict) for case, ours in asked]


@pytest.mark.parametrize(
    "check", [c for c in QUOTE_CHECKS if c not in NOTHING_TO_JUDGE | OURS_ALONE]
)
def test_a_blind_check_is_noticed(
    single_checks: list[tuple[cases.Case, frozenset[str]]],
    monkeypatch: pytest.MonkeyPatch,
    check: str,
) -> None:
    refused = [case for case, checks in single_checks if check in checks]
    assert compare(refused).unexplained == []

    blind(monkeypatch, {check, FAILS_WITH.get(check, check)})

    assert compare(refused).unexplained != []


def blind(monkeypatch: pytest.MonkeyPatch, checks: Iterable[str]) -> None:
    """Let these checks of quotes pass whatever they see, and the appraisal go on from there."""
    judge = appraisal.Appraiser.judge

    def judge_blindly(self: Any, *inputs: Any) -> Any:
        subject, certification, chain, *rest = inputs
        seen = [replace(f, results=passing(f.results)) for f in (subject, certification, chain)]
        return judge(self, *seen, *rest)

    def passing(results: Results) -> Results:
        return results | {
            c: ("pass", "", "")
            for c in checks
            if c in results and results[c][0] != "not_applicable"
        }

    def blinded(function: Callable[..., Results]) -> Callable[..., Results]:
        return lambda *inputs: passing(function(*inputs))

    monkeypatch.setattr(appraisal.Appraiser, "judge", judge_blindly)
    for name in ("revocation", "documents", "time", "match", "module", "enclave", "levels"):
        function = getattr(appraisal, f"_check_{name}")
        monkeypatch.setattr(appraisal, f"_check_{name}", blinded(function))
