"""reference/views.md: what analysts query."""

from __future__ import annotations

from forensics.case.contract import VIEWS
from pages.markdown import make_opening, make_page, make_table


def describe_views() -> str:
    parts = [
        make_opening(
            "Views",
            "What `quote-forensics sql`, notebooks and detectors see. Names and types never "
            "change; columns may be added. Digests, keys, measurements and ids are lower-case hex "
            "text; times are UTC. `check_result` is computed when it is asked for.",
        )
    ]
    for view in VIEWS:
        rows = [(f"`{c.name}`", c.type, c.doc) for c in view.columns]
        parts += [f"## {view.name}", view.doc, make_table(("column", "type", "meaning"), rows)]
    return make_page(parts)
