"""reference/events.md: the fields of the events that are read."""

from __future__ import annotations

from forensics.case.contract import VIEWS
from forensics.case.extras import SHOWN
from forensics.case.tables import TABLES
from forensics.sources.events import CLAIMS, DUPLICATE_KEYS
from forensics.sources.fields import EVENT_TYPES, FORMS, OBSERVATION, EventType
from pages.markdown import make_opening, make_page, make_table


def describe_events() -> str:
    types: dict[str, list[str]] = {}
    for name, kind in EVENT_TYPES.items():
        types.setdefault(kind.table, []).append(name)
    claims = ", ".join(f"`{name}`" for name in CLAIMS)
    parts = [
        make_opening(
            "Events",
            "An event is one JSON object: a line of a log, a member of an array, or a file. It has "
            "an `event_type`, or else a `timestamp` or a `quote`. A `timestamp` that can be read "
            "is all that is required; null says nothing. The fields of a sighting may also stand "
            "in `NAME.json` beside a quote `NAME.bin`, there without a `timestamp`. Columns are "
            "those of the [views](views.md).",
        ),
        "## What is not of this form",
        "Nothing is lost. A field that this page does not name stays in the column `extra`, as "
        "does a value of another form than the field's; that record is also in "
        "[quarantine](reasons.md). So is one that repeats a key: its last value counts, and "
        f"`{DUPLICATE_KEYS}` in `extra` names it. Without a `timestamp` there is no row at all.",
        f"A claim of another form ({claims}) is evidence against the verifier: its column keeps it "
        "as logged, or `extra` where the column cannot, and `malformed_claims` names it.",
        "## Any other type, or none: a sighting",
        *_describe_event(OBSERVATION),
        "These columns are read from `extra`. Of several members the first that is there counts, "
        "of devices each; a dot goes into an object. `token_…` are claims of `token` (a JWS, or an "
        "object), or of the event itself where it has none.",
        make_table(
            ("members", "column", "meaning"),
            (
                (", ".join(f"`{name}`" for name in names), *_find_column(OBSERVATION, column))
                for column, (_, names) in SHOWN.items()
            ),
        ),
    ]
    for kind in {kind.table: kind for kind in EVENT_TYPES.values()}.values():
        parts += [f"## {', '.join(types[kind.table])}", *_describe_event(kind)]
    return make_page(parts)


def _describe_event(kind: EventType) -> list[str]:
    [table] = [table for table in TABLES if table.name == kind.table]
    rows = (
        (f"`{name}`", FORMS[read], *_find_column(kind, column))
        for name, (column, read) in kind.fields.items()
    )
    return [
        f"[{table.name}](tables.md#{table.name}): {table.doc}",
        make_table(("field", "form", "column", "meaning"), rows),
    ]


def _find_column(kind: EventType, name: str) -> tuple[str, str]:
    """A column of the view of these events, and its meaning; a whole view for the quote itself."""
    [view] = [view for view in VIEWS if view.name == kind.table]
    docs = {column.name: column.doc for column in view.columns}
    if name in docs:
        return f"`{name}`", docs[name]
    [other] = [view for view in VIEWS if view.name == name]
    return f"a row of [{name}](views.md#{name})", other.doc
