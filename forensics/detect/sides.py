"""The two sides of a finding: which of its `details` are set against each other.

A header's `[sides]` has the `fact`, and two keys in words that say whose side each is, with the key
of `[details]` that gives it. `subject_id` is the finding's own.
"""

from __future__ import annotations

from dataclasses import dataclass

from forensics.detect.headers import Header, header_error

SUBJECT = "subject_id"


@dataclass(frozen=True, slots=True)
class Side:
    """Whose it is, in words, and the key of `details`."""

    words: str
    key: str


@dataclass(frozen=True, slots=True)
class Sides:
    fact: str
    one: Side
    other: Side

    @property
    def keys(self) -> set[str]:
        """Those of `details`."""
        return {self.one.key, self.other.key} - {SUBJECT}


def read_sides(header: Header) -> Sides | None:
    """What `[sides]` says; None without it."""
    table = header.table("sides", empty=True)
    if not table:
        return None
    fact = table.pop("fact", None)
    if fact is None or len(table) != 2:
        raise header_error(header.where, "[sides] is not a fact and two sides of it")
    one, other = (Side(words, key) for words, key in table.items())
    return Sides(fact, one, other)
