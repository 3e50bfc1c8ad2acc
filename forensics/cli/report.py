"""`report`: the case as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forensics.cli.options import CaseArgument, NowOption, QueriesOption, read_time
from forensics.cli.output import say
from forensics.errors import CustodyError, UsageError


def report(
    case: CaseArgument,
    html: Annotated[
        Path,
        typer.Option(
            "--html", metavar="FILE", help="The page to write; what is there is replaced."
        ),
    ],
    queries: QueriesOption = None,
    now: NowOption = None,
) -> None:
    """Write what the case says as one HTML file that needs no network and no other file.

    First what cannot be trusted, since when, which secrets left and on which hosts; then the
    findings with the facts that conflict, the fleet over time, versions, replays, the three
    verdicts, what could not be seen, and custody. The same case and `--now` give the same bytes.

    `--queries` names the folders of the detectors that `detect` ran beside ours: then their
    findings too have the two sides that their headers name.

    Every file is held against the ledger first. Where the case contradicts it, the page says so at
    its top, and the exit code is 4.

    \b
    Examples:
      quote-forensics report incident-42 --html incident-42.html
      quote-forensics report nightly --html report.html --now 2026-01-08T00:00:00Z
    """
    from forensics.case.case import open_case
    from forensics.case.folder import refuse_inside_case
    from forensics.detect.catalog import load_catalog
    from forensics.report.document import make_report
    from forensics.report.page import make_page

    refuse_inside_case(html, "a report")
    made = make_report(open_case(case), load_catalog(queries or ()), read_time(now))
    page = make_page(made)
    try:
        html.write_text(page, encoding="utf-8")
    except OSError as error:
        message = f"cannot write to {html}: {error.strerror}"
        raise UsageError("unwritable-path", message) from None
    say(
        f"wrote {html}: {made.findings.total} active findings, "
        f"{made.exposure.total} enclaves and other things that cannot be trusted"
    )
    if made.custody.failures:
        message = f"{made.custody.failures} contradictions between the case and its ledger"
        raise CustodyError("custody-broken", f"{message}; see the report or `custody verify`")
