"""HTML for notebooks. Every value is escaped by the template engine; nothing else makes HTML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, StrictUndefined

from forensics.report.text import escape

MOST_ROWS = 100  # of a table that are shown

# Styles stand in the elements: Jupyter removes style sheets from outputs that it does not trust.
_TEMPLATE = """\
<div>
{%- for table in tables %}
<table style="border-collapse: collapse; margin: 4px 0 16px; font-size: 12px">
<caption style="text-align: left; font-weight: bold; padding: 4px 8px">{{ table.title }}</caption>
<thead><tr>
{%- for name in table.columns %}<th scope="col" style="{{ cell_style }}">{{ name }}</th>
{%- endfor %}
</tr></thead>
<tbody>
{%- for row in table.rows %}
<tr>{% for cell in row %}<td style="{{ cell_style }}
{%- if cell in marks %}; font-weight: bold; color: {{ marks[cell] }}
{%- elif cell|length > 34 %}; min-width: 200px; {{ wrapping[' ' in cell] }}{% endif -%}
">{{ cell }}</td>{% endfor %}</tr>
{%- endfor %}
</tbody>
</table>
{%- if table.hidden %}<p>{{ table.hidden }} more rows: take .pl(), .df() or .arrow()</p>{% endif %}
{%- endfor %}
</div>
"""

_CELL_STYLE = "text-align: left; vertical-align: top; padding: 2px 8px; max-width: 420px"
_WRAPPING = {True: "overflow-wrap: anywhere", False: "word-break: break-all"}  # text; hex
_MARKS = {
    "critical": "#c62828",
    "high": "#d84315",
    "medium": "#9a6700",
    "rejected": "#c62828",
    "undetermined": "#9a6700",
    "accepted": "#2e7d32",
}  # cell texts that get a colour of their own
_TEMPLATES = Environment(autoescape=True, undefined=StrictUndefined)


def render_table(
    title: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]], total: int
) -> str:
    """One table; `rows` may be the first `MOST_ROWS` of `total`."""
    return _render([_prepare(title, columns, rows, total)])


def render_tables(
    tables: Iterable[tuple[str, Sequence[str], Sequence[Mapping[str, Any]]]],
) -> str:
    """Tables as (title, columns, rows), one below the other; empty ones are left out."""
    return _render([_prepare(*table, len(table[2])) for table in tables if table[2]])


def _prepare(
    title: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]], total: int
) -> dict[str, Any]:
    return {
        "title": title,
        "columns": columns,
        "rows": [[to_text(row.get(name)) for name in columns] for row in rows[:MOST_ROWS]],
        "hidden": max(total - MOST_ROWS, 0),
    }


def _render(tables: list[dict[str, Any]]) -> str:
    return _TEMPLATES.from_string(_TEMPLATE).render(
        tables=tables, marks=_MARKS, cell_style=_CELL_STYLE, wrapping=_WRAPPING
    )


def to_text(value: object) -> str:
    """A value for people: hex, times in UTC, no control characters."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, list | tuple):
        return ", ".join(to_text(item) for item in value)
    return escape(str(value))
