"""The tables of manifests.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from forensics.case.contract import COLUMNS, VIEWS
from forensics.case.tables import TABLES
from forensics.detect.catalog import load_catalog
from forensics.detect.reading import read_columns
from forensics.sources.manifest import (
    ALLOW_KEYS,
    EXPECTED_KEYS,
    KEPT_KEYS,
    PLATFORM_KEYS,
    POLICY_KEYS,
    RULE_KEYS,
    WORKLOAD_KEYS,
    Keys,
)
from forensics.verify.binding import RECIPES, SIZE, Rule
from pages.markdown import make_table

# Where the keys of a manifest stand, the stored table of their columns, and what shows columns that
# the view of that name has not.
_PLACES: tuple[tuple[str, Keys, str, Mapping[str, Sequence[str]]], ...] = (
    ("`[[workload]]`", WORKLOAD_KEYS, "workload", {}),
    ("`allow` of a workload", {**ALLOW_KEYS, **KEPT_KEYS}, "reference_value", {}),
    (
        "`report_data` of a workload",
        RULE_KEYS,
        "workload",
        {"workload": ("report_data_rule",), "binding": COLUMNS["binding"]},
    ),
    ("`expected` of a workload", EXPECTED_KEYS, "workload", {}),
    ("`[[platform]]`", PLATFORM_KEYS, "listed_platform", {}),
    ("`[policy]`", POLICY_KEYS, "policy", {}),
)


def describe_manifests() -> dict[str, str]:
    """The tables of the keys, and that of the recipes."""
    head = ("key", "form", "means", "read by")
    keys = [
        f"{place}:\n\n{make_table(head, _describe_keys(keys, table, shown))}"
        for place, keys, table, shown in _PLACES
    ]
    recipes = make_table(
        ("recipe", "REPORT_DATA is"),
        ((f"`{name}`", _describe_rule(rule)) for name, rule in RECIPES.items()),
    )
    return {"keys": "\n\n".join(keys), "recipes": recipes}


def _describe_keys(
    keys: Keys, table: str, shown: Mapping[str, Sequence[str]]
) -> Iterable[Sequence[str]]:
    """A row for the keys that have all but their names in common."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for name, (column, form) in keys.items():
        readers = _list_readers(shown or {table: (column,)})
        row = (form.words, _find_meaning(table, column), readers)
        rows.setdefault(row, []).append(f"`{name}`")
    return ((", ".join(names), *row) for row, names in rows.items())


def _find_meaning(table: str, column: str) -> str:
    """As the table says it, or the view of that name."""
    docs = {c.name: c.doc for view in VIEWS if view.name == table for c in view.columns}
    docs |= {c.name: c.doc for stored in TABLES if stored.name == table for c in stored.columns}
    return docs[column]


def _list_readers(columns: Mapping[str, Sequence[str]]) -> str:
    """The detectors that read one of these columns, by view."""
    return ", ".join(
        f"[{detector.id}](reference/detectors.md#{detector.id})"
        for detector in load_catalog().values()
        if any(
            not set(names).isdisjoint(read_columns(detector).get(view, ()))
            for view, names in columns.items()
        )
    )


def _describe_rule(rule: Rule) -> str:
    data = " ‖ ".join(f"`{part}`" for part in rule.parts)
    data += " as JSON with sorted keys and no blanks" if rule.canonical_json else ""
    compared = "" if rule.compared == SIZE else f"; its first {rule.compared} bytes are compared"
    return f"{data if rule.digest == 'none' else f'{rule.digest} of {data}'}{compared}"
