"""`coverage`: what the case did not see."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer

from forensics.cli.options import CaseArgument, FormatOption
from forensics.cli.output import Format, print_records, say

_COLUMNS = ("kind", "subject", "count", "first_seen", "last_seen", "meaning")


def coverage(
    case: CaseArgument,
    gap: Annotated[
        str | None,
        typer.Option(
            "--gap",
            metavar="DURATION",
            help="Call a feed silent after this long (60s, 5m, 1h), whatever is usual for it.",
        ),
    ] = None,
    form: FormatOption = Format.table,
) -> None:
    """What the case did not see, and where the silence of the detectors therefore means nothing.

    Feeds with gaps, collateral with gaps, launches without feeds, quotes without collateral,
    events without quotes, evidence without a time, records in quarantine, and what the detectors
    of the last `detect` could not judge.

    \b
    Examples:
      quote-forensics coverage incident-42
      quote-forensics coverage incident-42 --gap 30m --format json
    """
    from forensics.case.case import open_case
    from forensics.case.connection import connect
    from forensics.report.unseen import read_unseen

    rows = [asdict(entry) for entry in read_unseen(connect(open_case(case)), _read_gap(gap))]
    if not rows and form is Format.table:
        say("nothing is known to be missing")
        return
    print_records(rows, _COLUMNS, form)


def _read_gap(text: str | None) -> timedelta | None:
    """A duration. Raises `UsageError` (`bad-parameter`)."""
    from forensics.detect.parameters import read_value

    if text is None:
        return None
    value = read_value("gap", "INTERVAL", text)
    assert isinstance(value, timedelta)
    return value
