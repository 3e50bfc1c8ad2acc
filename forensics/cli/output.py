"""Printing records: a table for people, JSON, JSON lines or CSV for programs.

Strings in evidence are an attacker's. Whatever the format, nothing unprintable comes out: control
characters, bidirectional overrides and the like are escaped (in JSON as JSON has it, so that the
value stays the same). In CSV a leading character that a spreadsheet would take for a formula is
quoted with an apostrophe.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TextIO

from forensics.report.plain import encode_json, to_cell
from forensics.report.text import escape, to_plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

__all__ = ["Format", "escape", "print_records", "say", "to_plain", "write_line"]

Record = Mapping[str, Any]


class Format(StrEnum):
    table = "table"
    json = "json"
    jsonl = "jsonl"
    csv = "csv"


def print_records(
    records: Iterable[Record],
    columns: Sequence[str],
    form: Format,
    *,
    shown: Sequence[str] | None = None,
    title: str | None = None,
) -> None:
    """Print records to stdout. `shown` are the columns of the table form, default all."""
    rows = [{name: to_plain(record.get(name)) for name in columns} for record in records]
    if form is Format.json:
        write_line(sys.stdout, encode_json(rows, indent=2))
    elif form is Format.jsonl:
        for row in rows:
            write_line(sys.stdout, encode_json(row))
    elif form is Format.csv:
        _print_csv(rows, columns)
    else:
        _print_table(rows, shown or columns, title)


def say(message: str) -> None:
    """A message for people: stderr, so that stdout holds records and nothing else."""
    write_line(sys.stderr, escape(message))


def write_line(stream: TextIO, text: str) -> None:
    stream.write(text + "\n")


def _print_csv(rows: list[dict[str, Any]], columns: Sequence[str]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([to_cell(name) for name in columns])
    for row in rows:
        writer.writerow([to_cell(row[name]) for name in columns])


def _print_table(rows: list[dict[str, Any]], columns: Sequence[str], title: str | None) -> None:
    if sys.stdout.isatty():
        _print_rich(rows, columns, title)
        return
    if title:
        write_line(sys.stdout, escape(title))
    cells = [[_show(row[name]) for name in columns] for row in rows]
    widths = _measure(cells, columns)
    for line in (list(map(escape, columns)), *cells):
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        write_line(sys.stdout, "  ".join(padded).rstrip())


def _print_rich(rows: list[dict[str, Any]], columns: Sequence[str], title: str | None) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    # Text, because a string would be read as markup.
    heading = None if title is None else Text(escape(title))
    cells = [[_show(row[name]) for name in columns] for row in rows]
    if _fits_only_beneath(cells, columns, console.width):
        _print_beneath(console, cells, columns, heading)
        return
    table = Table(title=heading, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        table.add_column(Text(escape(name)), overflow="fold")
    for line in cells:
        table.add_row(*(Text(cell, _STYLES.get(cell, "")) for cell in line))
    console.print(table)


def _measure(cells: list[list[str]], columns: Sequence[str]) -> list[int]:
    """The width of each column, uncut."""
    lines = [list(map(escape, columns)), *cells]
    return [max(map(len, column)) for column in zip(*lines, strict=True)]


def _fits_only_beneath(cells: list[list[str]], columns: Sequence[str], width: int) -> bool:
    """Whether all but the last column fit, and would leave it too little to read."""
    if not cells or len(columns) < 3:
        return False
    widths = _measure(cells, columns)
    taken = sum(widths[:-1]) + _GAP * (len(widths) - 1)
    return taken <= width and width - taken < min(widths[-1], width // 2)


def _print_beneath(
    console: Console, cells: list[list[str]], columns: Sequence[str], heading: Text | None
) -> None:
    """Rows whose last column is printed below the others: ids stay whole on a small screen."""
    from rich.padding import Padding
    from rich.text import Text

    widths = _measure(cells, columns)[:-1]
    if heading is not None:
        console.print(heading)
    head = "".join(
        escape(name).ljust(width + _GAP) for name, width in zip(columns[:-1], widths, strict=True)
    )
    console.print(Text(f"{head.rstrip()} / {escape(columns[-1])}", "bold"), soft_wrap=True)
    for line in cells:
        text = Text()
        for cell, width in zip(line[:-1], widths, strict=True):
            text.append(cell.ljust(width + _GAP), _STYLES.get(cell, ""))
        console.print(text, soft_wrap=True)
        console.print(Padding(Text(line[-1]), (0, 0, 0, 4)))


_GAP = 2
_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan", "info": "dim"}


def _show(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(_show(item) for item in value)
    return escape(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
