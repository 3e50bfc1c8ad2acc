"""The command `detectors`: the catalogue, and the text of one detector."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from forensics.cli.completion import complete_detector
from forensics.cli.options import FormatOption
from forensics.cli.output import Format, escape, print_records, write_line
from forensics.detect.catalog import load_catalog
from forensics.detect.detector import Detector
from forensics.errors import UsageError

_COLUMNS = (
    *("id", "title", "severity", "status", "version", "folder", "question", "why", "inputs"),
    *("requires", "waits_for", "params", "false_positives", "blind_spots", "attack", "spec"),
    *("nulls", "created", "updated", "sql_sha256"),
)
_SHOWN = ("id", "severity", "version", "title")

QueriesOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--queries", metavar="DIR", help="Also read detectors from DIR/<folder>/<id>.sql."
    ),
]


def detectors_command(
    detector: Annotated[
        str | None,
        typer.Argument(
            metavar="ID",
            help="One detector: print its SQL file.",
            autocompletion=complete_detector,
        ),
    ] = None,
    queries: QueriesOption = None,
    form: FormatOption = Format.table,
) -> None:
    """List the detectors, or print one: header, then the SQL that decides.

    Example: quote-forensics detectors svn-rollback > my-rollback.sql
    """
    catalog = load_catalog(queries or ())
    if detector is None:
        records = [_describe(entry) for entry in catalog.values()]
        print_records(records, _COLUMNS, form, shown=_SHOWN)
        return
    if detector not in catalog:
        raise UsageError("no-such-detector", f"there is no detector {detector!r}")
    chosen = catalog[detector]
    if form is Format.table:
        write_line(sys.stdout, _printable(chosen.text))
    else:
        print_records([_describe(chosen) | {"sql": chosen.sql}], (*_COLUMNS, "sql"), form)


def _describe(detector: Detector) -> dict[str, Any]:
    record = asdict(detector)
    record |= {"created": detector.created.isoformat(), "updated": detector.updated.isoformat()}
    record["sql_sha256"] = detector.sql_sha256
    return record


def _printable(text: str) -> str:
    """The file as it is, save for what could move a terminal's cursor."""
    return "\n".join(escape(line) for line in text.rstrip("\n").split("\n"))
