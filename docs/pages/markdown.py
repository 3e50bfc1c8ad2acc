"""The parts that every page is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

NOTICE = "<!-- Made by docs/generate.py from the code. Do not edit. -->"


def make_opening(title: str, text: str) -> str:
    return f"# {title}\n\n{NOTICE}\n\n{text}"


def make_page(parts: Sequence[str]) -> str:
    return "\n\n".join(parts) + "\n"


def make_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(_escape, line)) + " |" for line in lines)


def _escape(cell: str) -> str:
    return " ".join(cell.split()).replace("|", "\\|").replace("<", "&lt;")


def renew_parts(page: Path, parts: Mapping[str, str]) -> None:
    text = page.read_text(encoding="utf-8")
    for name, content in parts.items():
        text = replace_part(text, name, content)
    page.write_text(text, encoding="utf-8")


def replace_part(text: str, name: str, content: str) -> str:
    """`text` with `content` between the markers of that name, which must stand in it once."""
    start = f"<!-- begin {name}: made by docs/generate.py -->"
    end = f"<!-- end {name} -->"
    before, rest = text.split(start)
    _, after = rest.split(end)
    return f"{before}{start}\n{content}\n{end}{after}"
