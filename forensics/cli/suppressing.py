"""The file of suppressions: found, read, and what there is to say about it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from forensics.cli.files import read_file
from forensics.cli.output import say

if TYPE_CHECKING:
    from forensics.case.case import Case
    from forensics.detect.findings import Finding
    from forensics.detect.suppressions import Review, Suppression

DEFAULT_NAME = "suppressions.toml"

SuppressionsOption = Annotated[
    Path | None,
    typer.Option(
        "--suppressions",
        metavar="FILE",
        help="Findings that somebody answers for, until a day.",
        show_default="CASE/findings/suppressions.toml, when it is there",
    ),
]


@dataclass(frozen=True, slots=True)
class SuppressionFile:
    """A file as it was read; `sha256` of its bytes goes into the ledger."""

    path: Path
    sha256: str
    entries: tuple[Suppression, ...]

    def review(self, findings: Iterable[Finding], at: datetime) -> Review:
        from forensics.detect.suppressions import review

        return review(self.entries, findings, at)


def load_suppressions(path: Path | None, case: Case, at: datetime) -> SuppressionFile | None:
    """The file that is named, else the case's own, else none.

    Raises `UsageError` (`unreadable-path`, `bad-suppressions`).
    """
    from forensics.detect.suppressions import LARGEST_FILE, parse_suppressions

    own = case.findings_folder / DEFAULT_NAME
    if path is None and not own.is_file():
        return None
    path = path or own
    data = read_file(path, LARGEST_FILE)
    return SuppressionFile(path, hashlib.sha256(data).hexdigest(), parse_suppressions(data, at))


def say_review(file: SuppressionFile | None, findings: Sequence[Finding], at: datetime) -> None:
    """What somebody has to do about the file."""
    if file is None:
        return
    owners = {entry.id: entry for entry in file.entries}
    found = file.review(findings, at)
    for word, names in (
        ("has expired and holds nothing down", found.expired),
        ("expires soon", found.expiring),
        ("covers no finding", found.unused),
    ):
        for name in names:
            entry = owners[name]
            say(f"suppression {name} {word} (until {entry.expires:%Y-%m-%dT%H:%MZ}, {entry.owner})")
