"""reference/checks.md: what appraising a quote checks."""

from __future__ import annotations

from forensics.verify.checks import CHECKS
from pages.markdown import make_opening, make_page, make_table


def describe_checks() -> str:
    rows = [
        (c.id, c.title, c.input_class, "strict" if c.strict else "", f"`{c.qvl}`" if c.qvl else "–")
        for c in CHECKS
    ]
    return make_page(
        [
            make_opening(
                "Checks",
                "In the order of Intel's verifier. Class Q needs the quote alone, C one collateral "
                "document, X facts of both, T a moment. *Strict* checks are this tool's own: they "
                "are reported and never change an outcome. The last column is the status that "
                "Intel's library reports when the check fails; it makes neither strict checks nor "
                "those of AMD's reports (N).",
            ),
            make_table(("id", "check", "class", "", "Intel's status"), rows),
        ]
    )
