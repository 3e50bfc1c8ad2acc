"""Commands that look at a case and change nothing: sql, show."""

from __future__ import annotations

from typing import Annotated

import typer

from forensics.cli.completion import complete_finding
from forensics.cli.options import CaseArgument, FormatOption
from forensics.cli.output import Format, print_records
from forensics.errors import UsageError


def sql(
    case: CaseArgument,
    query: Annotated[str, typer.Argument(help="One SELECT over the documented views.")],
    form: FormatOption = Format.table,
) -> None:
    """Run one SELECT on a connection that can read this case and nothing else.

    \b
    Examples:
      quote-forensics sql incident-42 "SELECT outcome, count(*) FROM verdict GROUP BY 1"
      quote-forensics sql incident-42 "FROM quarantine" --format csv
    """
    from forensics.case.case import open_case
    from forensics.case.query import run_query

    result = run_query(open_case(case), query)
    print_records(result.to_pylist(), result.column_names, form)


def show(
    case: CaseArgument,
    identifier: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="Finding, observation, quote, source or collateral id.",
            autocompletion=complete_finding,
        ),
    ],
    form: FormatOption = Format.table,
) -> None:
    """Everything the case holds under an id, or under the start of one.

    \b
    Examples:
      quote-forensics show incident-42 3f9c01d2
      quote-forensics show incident-42 3f9c01d2 --format json
    """
    from forensics.case.case import open_case
    from forensics.case.connection import connect
    from forensics.case.lookup import find_matches

    connection = connect(open_case(case))
    matches = find_matches(connection, identifier)
    if not matches:
        raise UsageError("no-match", f"nothing in this case has the id {identifier:.80}")
    if form is Format.table:
        for match in matches:
            fields = [
                {"field": name, "value": match.row[name]}
                for name in match.columns
                if match.row[name] is not None
            ]
            print_records(
                fields, ("field", "value"), form, title=f"{match.view} {match.identifier}"
            )
        return
    records = [{"view": match.view, **match.row} for match in matches]
    columns = list(dict.fromkeys(name for record in records for name in record))
    print_records(records, columns, form)
