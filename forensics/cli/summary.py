"""`summary` and `diff`: a case on one screen, and what sets two cases apart."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from forensics.cli.detection import FailOnOption
from forensics.cli.exit_codes import FOUND
from forensics.cli.options import CaseArgument, FormatOption, Severity
from forensics.cli.output import Format, print_records, say, to_plain


def summary(case: CaseArgument, form: FormatOption = Format.table) -> None:
    """The case on one screen: what cannot be trusted, findings, evidence, verdicts, blind spots.

    \b
    Examples:
      quote-forensics summary incident-42
      quote-forensics summary incident-42 --format json | jq '.[] | select(.section == "not seen")'
    """
    from forensics.case.case import open_case
    from forensics.case.connection import connect
    from forensics.report.summary import COLUMNS, read_summary

    opened = open_case(case)
    lines = [asdict(line) for line in read_summary(opened, connect(opened))]
    if form is Format.table:
        lines = [
            line
            | {
                "section": ""
                if number and lines[number - 1]["section"] == line["section"]
                else line["section"]
            }
            for number, line in enumerate(lines)
        ]
    print_records(lines, COLUMNS, form)


def diff(
    case_a: Annotated[Path, typer.Argument(metavar="CASE_A", help="The case as it was.")],
    case_b: Annotated[Path, typer.Argument(metavar="CASE_B", help="The case as it is.")],
    most: Annotated[
        int, typer.Option("--most", min=1, help="Verdicts that are listed, of those that differ.")
    ] = 100,
    fail_on: FailOnOption = Severity.high,
    form: FormatOption = Format.table,
) -> None:
    """What sets two cases apart: findings, verdicts of the same sightings, and what each could see.

    Sightings are the same when they were read from the same line of the same file. Exit codes: 1
    when CASE_B has a finding at or above `--fail-on` that CASE_A has not, or has only as a lesser
    one; 0 otherwise, however much else differs.

    \b
    Examples:
      quote-forensics diff yesterday today --fail-on critical
      quote-forensics diff staging production --format json
    """
    from forensics.case.case import open_case
    from forensics.report.difference import COLUMNS, compare_cases

    difference = compare_cases(open_case(case_a), open_case(case_b), most)
    records = [asdict(change) for change in difference.changes]
    if records or form is not Format.table:
        print_records(records, COLUMNS, form)
    for kind, number in difference.counts.items():
        say(f"{kind}: {number} differ" if number else f"{kind}: no difference")
    if difference.verdicts_left_out:
        say(f"verdicts: {difference.verdicts_left_out} more; see --most")
    if difference.as_of[0] != difference.as_of[1]:
        a, b = (to_plain(moment) or "never" for moment in difference.as_of)
        say(f"hindsight was computed as of {a} in A, {b} in B")
    if difference.has_worse(fail_on.value):
        raise typer.Exit(FOUND)
