"""This project beside two other verifiers, over every kind of case: no difference unexplained.

The classes are compared once a session, by whichever test asks first. Without the real vectors
only what the simulator builds is compared, and not every known row can be exercised.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from differential import cases, random_cases
from differential.comparison import SUMMARIES, Tally, compare
from differential.known import KNOWN
from differential.verifiers import SIGNATURES, Exhibit
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from signing import engines, verify_many

from forensics.verify.engine import Engine

LEAST_CASES = 10_000

Compare = Callable[[Any], Tally]


def drawn(strategy: Callable[[Any], st.SearchStrategy[cases.Case]], count: int) -> Compare:
    """Compare this many cases that hypothesis draws, always the same ones."""

    def compare_drawn(kit: Any) -> Tally:
        tally = Tally()

        @settings(
            max_examples=count,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy(kit))
        def add(case: cases.Case) -> None:
            tally.add(case)

        add()
        return tally

    return compare_drawn


def damaged(kit: Any) -> st.SearchStrategy[cases.Case]:
    quotes = (kit.sgx(), kit.tdx(), kit.tdx(5, td15=True))
    simulated = [cases.exhibit_of(kit.evidence(quote)) for quote in quotes]
    real: list[Exhibit] = []
    if cases.MANIFEST.is_file():
        real = [exhibit for _, exhibit in cases.choose_bases()[::4]]
    return random_cases.damages((*real, *simulated))


REAL: dict[str, Compare] = {
    "real sets": lambda kit: compare(cases.list_vectors()),
    "changes": lambda kit: compare(cases.list_changes()),
    "single bits": lambda kit: compare(cases.list_flips()),
}
SIMULATED: dict[str, Compare] = {
    "attacks": lambda kit: compare(cases.list_attacks(kit)),
    "single checks": lambda kit: compare(cases.list_single_checks(kit)),
    "random platforms": drawn(random_cases.platforms, 800),
    "random documents": drawn(random_cases.documents, 500),
    "random certificates": drawn(random_cases.certificates, 700),
    "random CRLs": drawn(random_cases.crls, 600),
    "random damage": drawn(damaged, 1000),
}
needs_vectors = pytest.mark.skipif(
    not cases.MANIFEST.is_file(), reason="QUOTE_VECTORS does not lead to the real vectors"
)


@pytest.fixture(scope="session")
def tally_of(kit: Any) -> Callable[[str], Tally]:
    done: dict[str, Tally] = {}

    def tally(name: str) -> Tally:
        if name not in done:
            done[name] = (REAL | SIMULATED)[name](kit)
            SUMMARIES[name] = done[name].summarise()
        return done[name]

    return tally


@pytest.mark.parametrize(
    "name", [*SIMULATED, *(pytest.param(name, marks=needs_vectors) for name in REAL)]
)
def test_every_difference_is_known(tally_of: Callable[[str], Tally], name: str) -> None:
    tally = tally_of(name)

    assert tally.unexplained[:20] == []
    assert 0 < tally.accepted < tally.cases


@needs_vectors
def test_every_known_row_is_exercised(tally_of: Callable[[str], Tally]) -> None:
    total = Tally()
    for name in REAL | SIMULATED:
        total.include(tally_of(name))
    SUMMARIES["all"] = total.summarise()

    assert [row.id for row in KNOWN if row.id not in total.rows] == []
    assert total.cases >= LEAST_CASES


def test_rows_say_all_there_is_to_say() -> None:
    assert len({row.id for row in KNOWN}) == len(KNOWN)
    for row in KNOWN:
        assert all((row.theirs, row.ours, row.reason, row.follow)), row.id
        assert row.refuses or row.overlooks or row.differs, row.id


def test_attacks_are_all_compared(kit: Any) -> None:
    """All but those that end at an envelope which no reader takes apart (A26)."""
    compared = {case.name[:3] for case in cases.list_attacks(kit)}

    assert {f"A{number:02}" for number in range(1, 47)} - compared == {"A26"}


@pytest.mark.parametrize("engine", engines())
def test_both_engines_say_the_same(tally_of: Callable[[str], Tally], engine: Engine) -> None:
    """Over every signature of a quote or QE report that any case brought up, good and bad."""
    for name in SIMULATED if not cases.MANIFEST.is_file() else REAL | SIMULATED:
        tally_of(name)
    keys, signatures, messages = zip(*SIGNATURES, strict=True)

    assert verify_many(engine, keys, signatures, messages) == list(SIGNATURES.values())
    assert len(SIGNATURES) > 1000
    assert set(SIGNATURES.values()) == {True, False}
