"""`timeline`: what the case saw, in the order of time."""

from __future__ import annotations

from typing import Annotated

import typer

from forensics.cli.options import CaseArgument, FormatOption, read_time
from forensics.cli.output import Format, print_records


def timeline(
    case: CaseArgument,
    enclave: Annotated[str | None, typer.Option(help="Only this enclave id.")] = None,
    workload: Annotated[str | None, typer.Option(help="Only this workload id.")] = None,
    node: Annotated[str | None, typer.Option(help="Only this node id.")] = None,
    container: Annotated[str | None, typer.Option(help="Only this container id.")] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="From here on.")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Up to, not with.")] = None,
    form: FormatOption = Format.table,
) -> None:
    """Launches, challenges, evidence with verdicts, secrets and findings, by time.

    \b
    Examples:
      quote-forensics timeline incident-42 --enclave enc-7a83dfe1
      quote-forensics timeline incident-42 --since 2026-01-06T00:00:00Z --format csv
    """
    from forensics.case.case import open_case
    from forensics.case.connection import connect
    from forensics.report.timeline import COLUMNS, Window, read_timeline

    window = Window(
        enclave_id=enclave,
        workload_id=workload,
        node_id=node,
        container_id=container,
        since=read_time(since) if since else None,
        until=read_time(until) if until else None,
    )
    rows = read_timeline(connect(open_case(case)), window).to_pylist()
    print_records(rows, COLUMNS, form)
