"""The command `detectors`: the catalogue, the text of one detector, and one's own."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from forensics.cli.completion import complete_detector
from forensics.cli.exit_codes import STOPPED
from forensics.cli.options import FormatOption, NowOption, QueriesOption, read_time
from forensics.cli.output import Format, escape, print_records, say, write_line
from forensics.detect.catalog import load_catalog, load_folder, own_queries
from forensics.detect.detector import Detector
from forensics.errors import UsageError

_COLUMNS = (
    *("id", "title", "severity", "status", "version", "folder", "question", "why", "inputs"),
    *("requires", "waits_for", "params", "false_positives", "blind_spots", "attack", "spec"),
    *("nulls", "clocks", "created", "updated", "sql_sha256"),
)
_SHOWN = ("id", "severity", "version", "title")


def detectors_command(
    word: Annotated[
        str | None,
        typer.Argument(
            metavar="[ID | new ID | lint]",
            help="One detector: print its SQL file. `new`: begin one. `lint`: check them.",
            show_default=False,
            autocompletion=complete_detector,
        ),
    ] = None,
    name: Annotated[str | None, typer.Argument(metavar="", hidden=True)] = None,
    queries: QueriesOption = None,
    form: FormatOption = Format.table,
    now: NowOption = None,
) -> None:
    """List the detectors, print one (header, then the SQL that decides), begin one, or check them.

    `new` writes an SQL file that works and test cases for it below `--queries DIR`. `lint` holds
    each header against its query, runs the test cases of the folder, and holds queries against
    the versions in its `detectors.lock.json`; without `--queries` it checks the package's own.

    \b
    Examples:
      quote-forensics detectors svn-rollback > my-rollback.sql
      quote-forensics detectors new acme-refusals --queries rules
      quote-forensics detectors lint --queries rules
      quote-forensics detect incident-42 --queries rules --detector acme-refusals
    """
    if word == "new":
        _begin(name, queries or [], read_time(now).date())
    elif name is not None:
        raise UsageError("bad-arguments", f"{name!r} is one word too many")
    elif word == "lint":
        _lint(queries or [], form)
    elif word is None:
        records = [_describe(entry) for entry in load_catalog(queries or ()).values()]
        print_records(records, _COLUMNS, form, shown=_SHOWN)
    else:
        _print_one(word, queries or [], form)


def _print_one(identifier: str, queries: list[Path], form: Format) -> None:
    catalog = load_catalog(queries)
    if identifier not in catalog:
        raise UsageError("no-such-detector", f"there is no detector {identifier!r}")
    chosen = catalog[identifier]
    if form is Format.table:
        write_line(sys.stdout, _printable(chosen.text))
    else:
        print_records([_describe(chosen) | {"sql": chosen.sql}], (*_COLUMNS, "sql"), form)


def _begin(identifier: str | None, queries: list[Path], today: date) -> None:
    from forensics.detect.scaffold import write_scaffold

    if identifier is None or len(queries) != 1:
        raise UsageError("bad-arguments", "new wants an ID and one --queries DIR to write to")
    taken = load_catalog(queries) if queries[0].is_dir() else load_catalog()
    for path in write_scaffold(queries[0], identifier, today, taken):
        say(f"wrote {path}")


def _lint(queries: list[Path], form: Format) -> None:
    """Exit 2 where there is a problem: such detectors are unusable input."""
    from forensics.detect.review import review

    folders = queries or [Path(str(own_queries()))]
    checked, problems = 0, []
    for folder in folders:
        detectors = load_folder(folder)
        checked += len(detectors)
        problems += [asdict(problem) for problem in review(detectors, folder)]
    if problems or form is not Format.table:
        print_records(problems, ("detector", "rule", "problem"), form)
    say(f"{checked} detectors, {len(problems)} problem(s)")
    if problems:
        raise typer.Exit(STOPPED)


def _describe(detector: Detector) -> dict[str, Any]:
    record = asdict(detector)
    record |= {"created": detector.created.isoformat(), "updated": detector.updated.isoformat()}
    record["sql_sha256"] = detector.sql_sha256
    return record


def _printable(text: str) -> str:
    """The file as it is, save for what could move a terminal's cursor."""
    return "\n".join(escape(line) for line in text.rstrip("\n").split("\n"))
