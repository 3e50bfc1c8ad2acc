"""`explain`: why a verdict or finding is what it is, and how to repeat it without this tool."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forensics.cli.completion import complete_finding
from forensics.cli.options import CaseArgument, FormatOption, QueriesOption
from forensics.cli.output import Format, print_records, say, write_line
from forensics.errors import UsageError

if TYPE_CHECKING:
    from forensics.report.explanation import Explanation


_SIDES = ("fact", "one", "one_value", "other", "other_value")
_DIFFERENCE = ("quote_id", "part", "offset", "first_size", "second_size", "first", "second", "note")


class Moment(StrEnum):
    receipt = "receipt"
    hindsight = "hindsight"


def explain(
    case: CaseArgument,
    identifier: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="A finding or an observation.", autocompletion=complete_finding
        ),
    ],
    moment: Annotated[Moment, typer.Option(help="Which verdict to explain.")] = Moment.receipt,
    write: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write what the openssl commands need to a new folder."),
    ] = None,
    queries: QueriesOption = None,
    form: FormatOption = Format.table,
) -> None:
    """The facts that conflict, every check with its values, the collateral, and the proof.

    The proof is a list of openssl commands, with which anybody can repeat each signature check,
    and each end of a certificate or CRL.
    For a disguised replay the bytes that were changed come first.

    \b
    Examples:
      quote-forensics explain incident-42 3f9c01d2
      quote-forensics explain incident-42 3f9c01d2 --write proof && sh proof/repeat.sh
    """
    from forensics.case.case import open_case
    from forensics.case.connection import connect
    from forensics.detect.catalog import load_catalog
    from forensics.report.conflicts import read_told
    from forensics.report.differences import find_differences
    from forensics.report.explanation import (
        Explainer,
        find_subject,
        to_empty_record,
        to_record,
    )

    opened = open_case(case)
    if write is not None and write.exists():
        raise UsageError("unwritable-path", f"{write} exists already: name a new folder")
    connection = connect(opened)
    finding, observations = find_subject(connection, identifier)
    explainer = Explainer(opened, connection)
    explanations = [explainer.explain(observation, moment) for observation in observations]
    differences = [] if finding is None else find_differences(opened, finding)
    sides = []
    if finding is not None:
        told = read_told(connection, finding["finding_id"], load_catalog(queries or ()))
        sides = [asdict(conflict) for conflict in told.conflicts]
    if form is Format.table:
        if finding is not None:
            _print_finding(finding)
        _print(sides, _SIDES, "facts that cannot both be right")
        _print(differences, _DIFFERENCE, "bytes that no signature over the quote protects")
        for explanation in explanations:
            _print_explanation(explanation)
    else:
        about = {"finding": finding, "conflicts": sides}
        about |= {"differences": differences} if differences else {}
        told_of = [to_record(entry) for entry in explanations] or [to_empty_record(moment)]
        records = [{**about, **record} for record in told_of]
        columns = list(dict.fromkeys(name for record in records for name in record))
        print_records(records, columns, form)
    if write is not None:
        _write(write, explanations)


def _print_finding(finding: dict[str, Any]) -> None:
    names = ("detector", "severity", "state", "summary", "subject_id", "details", "reference")
    rows = [{"field": name, "value": finding[name]} for name in names]
    print_records(rows, ("field", "value"), Format.table, title=f"finding {finding['finding_id']}")


def _print_explanation(explanation: Explanation) -> None:
    title = f"observation {explanation.observation_id}, {explanation.moment}"
    if explanation.as_of:
        title += f" ({explanation.as_of})"
    facts = [
        {**fact, "conflict": "CONFLICT" if fact["conflict"] else ""} for fact in explanation.facts
    ]
    _print(facts, ("conflict", "fact", "claimed", "evidence"), f"{title}: {explanation.outcome}")
    _print(explanation.checks, ("check_id", "result", "title", "expected", "observed"), "checks")
    used = [{**row, "chosen": "chosen" if row["chosen"] else ""} for row in explanation.collateral]
    columns = ("chosen", "kind", "issued", "expires", "number", "id", "acquired", "from")
    _print(used, columns, "collateral used")
    _print([{"lacking": entry} for entry in explanation.lacking], ("lacking",), None)
    if explanation.steps:
        write_line(sys.stdout, "repeat it with openssl, among the files that --write makes")
    for step in explanation.steps:  # no table: a line that is broken is no command
        write_line(sys.stdout, f"# {step.check_id}: {step.title}; a pass prints: {step.expect}")
        write_line(sys.stdout, step.command)


def _print(rows: list[dict[str, Any]], columns: Sequence[str], title: str | None) -> None:
    if rows:
        print_records(rows, columns, Format.table, title=title)


def _write(folder: Path, explanations: list[Explanation]) -> None:
    """One folder for each sighting, and a script that runs every command in all of them."""
    from forensics.case.folder import refuse_inside_case
    from forensics.report.openssl import collect_files, make_script

    refuse_inside_case(folder, "an explanation")
    try:
        folder.mkdir(parents=True)
        for explanation in explanations:
            place = folder / explanation.observation_id
            place.mkdir()
            for name, data in collect_files(explanation.steps).items():
                (place / name).write_bytes(data)
            (place / "repeat.sh").write_text(make_script(explanation.steps))
        names = " ".join(explanation.observation_id for explanation in explanations)
        (folder / "repeat.sh").write_text(
            '#!/bin/sh\ncd "$(dirname "$0")" || exit 2\ndifferent=0\n'
            f"for sighting in {names}; do\n"
            '  echo "== $sighting"\n  sh "$sighting/repeat.sh" || different=1\ndone\n'
            "exit $different\n"
        )
    except OSError as error:
        message = f"cannot write to {folder}: {error.strerror}"
        raise UsageError("unwritable-path", message) from None
    proven = any(explanation.steps for explanation in explanations)
    script = shlex.quote(str(folder / "repeat.sh"))
    say(f"wrote {folder}: " + (f"run sh {script}" if proven else "nothing to repeat"))
