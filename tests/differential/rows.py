"""What a row of known disagreements is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from differential.verifiers import Answer, Exhibit, OurAnswer

    Claims = Callable[[Exhibit, OurAnswer, Answer], bool]
    Overlooks = Callable[[Exhibit, OurAnswer], frozenset[str]]

DCAP_QVL = "dcap-qvl 0.7.0"
BINDING = "older binding"
QVL = "QVL 2024"

INTEL = "Intel's QVL"
NOBODY = "nobody: our own"


@dataclass(frozen=True)
class Row:
    """`theirs` and `ours` say what each does; `follow` whose rule ours is.

    A row claims what it can of a difference: `refuses`, that they refuse what we accept;
    `overlooks`, which of our failed checks do not keep them from accepting; `differs`, that both
    accept with another status or other advisories.
    """

    id: str
    verifier: str
    theirs: str
    ours: str
    reason: str
    follow: str
    refuses: Claims | None = None
    overlooks: Overlooks | None = None
    differs: Claims | None = None


def refusal(*words: str, strict: str | None = None) -> Claims:
    """They refuse with one of these words, and the strict check of ours fails, if any is named."""

    def claims(_exhibit: Exhibit, ours: OurAnswer, theirs: Answer) -> bool:
        named = any(word in theirs.note for word in words)
        return named and (strict is None or strict in ours.strict)

    return claims
