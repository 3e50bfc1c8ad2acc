"""The tables of disagreements.md."""

from __future__ import annotations

import sys
from importlib import import_module

from pages import REPOSITORY
from pages.markdown import make_table

# Parts of docs/disagreements.md, and the verifier of each.
DISAGREEMENTS = {
    "dcap-qvl": "dcap-qvl 0.7.0",
    "binding": "older binding",
    "qvl": "QVL 2024",
}


def compare_verifiers() -> dict[str, str]:
    """A table for each verifier, from the rows that the differential tests hold every difference
    against.
    """
    sys.path.append(str(REPOSITORY / "tests"))  # where those tests find their own modules
    rows = import_module("differential.known").KNOWN
    head = ("id", "there", "here", "why", "whose rule")
    return {
        name: make_table(
            head,
            (
                (f"`{row.id}`", row.theirs, row.ours, row.reason, row.follow)
                for row in rows
                if row.verifier == verifier
            ),
        )
        for name, verifier in DISAGREEMENTS.items()
    }
