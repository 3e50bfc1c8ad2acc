"""Asking all verifiers, and counting: agreed, explained by a known row, or unexplained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from differential.cases import Case
from differential.known import KNOWN
from differential.rows import BINDING, DCAP_QVL, QVL, Row
from differential.verifiers import Answer, OurAnswer, ask_binding, ask_dcap_qvl, ask_ours

SUMMARIES: dict[str, str] = {}
"""A line for each class that was compared; printed at the end of the session."""


@dataclass
class Tally:
    """What came of the cases of one class."""

    cases: int = 0
    comparisons: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    explained: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    unexplained: list[str] = field(default_factory=list)

    def add(self, case: Case) -> None:
        self.judge(case, ask_ours(case.exhibit))

    def judge(self, case: Case, ours: OurAnswer) -> None:
        self.cases += 1
        self.accepted += ours.accepted
        for verifier, theirs in _ask_others(case):
            self.comparisons[verifier] += 1
            if agree(ours, theirs):
                continue
            rows = explain(verifier, case, ours, theirs)
            self.rows.update(row.id for row in rows)
            if rows:
                self.explained += 1
            else:
                self.unexplained.append(_describe(verifier, case, ours, theirs))

    def include(self, other: Tally) -> None:
        self.cases += other.cases
        self.comparisons += other.comparisons
        self.accepted += other.accepted
        self.explained += other.explained
        self.rows += other.rows
        self.unexplained += other.unexplained

    def summarise(self) -> str:
        asked = ", ".join(
            f"{verifier} {count}" for verifier, count in sorted(self.comparisons.items())
        )
        return (
            f"{self.cases} cases ({self.accepted} accepted), compared with {asked}: "
            f"{self.explained} known differences of {len(self.rows)} kinds, "
            f"{len(self.unexplained)} unexplained"
        )


def compare(cases: Iterable[Case]) -> Tally:
    tally = Tally()
    for case in cases:
        tally.add(case)
    return tally


def agree(ours: Answer, theirs: Answer) -> bool:
    """Acceptance, status, and the advisories where both verifiers name them."""
    if (ours.accepted, ours.status) != (theirs.accepted, theirs.status):
        return False
    return theirs.advisories is None or theirs.advisories == ours.advisories


def explain(verifier: str, case: Case, ours: OurAnswer, theirs: Answer) -> list[Row]:
    """The rows that together claim the difference; none where any part of it is unclaimed."""
    rows = [row for row in KNOWN if row.verifier == verifier]
    if theirs.accepted and not ours.accepted:
        return _explain_acceptance(rows, case, ours)
    for row in rows:
        claims = row.differs if ours.accepted and theirs.accepted else row.refuses
        if claims and claims(case.exhibit, ours, theirs):
            return [row]
    return []


def _explain_acceptance(rows: list[Row], case: Case, ours: OurAnswer) -> list[Row]:
    """They accept: each of our reasons not to must be one that they overlook."""
    left = ours.refused_for
    found = []
    for row in rows:
        overlooked = row.overlooks(case.exhibit, ours) & left if row.overlooks else frozenset()
        if overlooked:
            found.append(row)
            left -= overlooked
    return [] if left else found


def _ask_others(case: Case) -> Iterator[tuple[str, Answer]]:
    yield DCAP_QVL, ask_dcap_qvl(case.exhibit)
    if case.with_binding:
        yield BINDING, ask_binding(case.exhibit)
    if case.recorded is not None:
        yield QVL, case.recorded


def _describe(verifier: str, case: Case, ours: OurAnswer, theirs: Answer) -> str:
    why = " ".join(sorted(ours.refused_for))
    strict = " ".join(sorted(ours.strict))
    note = " ".join(theirs.note.split())
    return (
        f"{case.name}: ours {ours.note} {ours.status or ''} [{why}] strict [{strict}], "
        f"{verifier} {'accepts' if theirs.accepted else 'refuses'} {theirs.status or ''} [{note}]"
        + (f" advisories {ours.advisories} / {theirs.advisories}" if theirs.accepted else "")
    )
