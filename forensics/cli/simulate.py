"""`simulate`: a synthetic fleet to practise on, with its ground truth beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forensics.cli.options import FormatOption, read_time
from forensics.cli.output import Format, print_records, say
from forensics.errors import UsageError


def simulate_command(
    directory: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="An empty or new directory.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
    days: Annotated[int, typer.Option(help="Simulated days.")] = 3,
    platforms: Annotated[int, typer.Option(help="Hosts; every other one has TDX.")] = 4,
    start: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="When it begins. Default: 2026-01-05T00:00:00Z."),
    ] = None,
    incident: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Inject this incident; repeatable. Default: all."),
    ] = None,
    clean: Annotated[bool, typer.Option("--clean", help="Inject nothing.")] = False,
    list_incidents: Annotated[
        bool, typer.Option("--list", help="List the incidents and write nothing.")
    ] = False,
    form: FormatOption = Format.table,
) -> None:
    """Write a synthetic fleet under its own root CA, with labelled incidents in it.

    DIR gets evidence/ (what `audit` reads), root_ca.pem (its trust anchor) and truth.json (what
    should be found).

    \b
    Examples:
      quote-forensics simulate fleet
      quote-forensics audit case fleet/evidence --root-ca fleet/root_ca.pem
      quote-forensics simulate quiet --clean --days 30
      quote-forensics simulate replay --incident plain-replay --incident svn-rollback
      quote-forensics simulate --list
    """
    from forensics.simulate import DEFAULT_START, INCIDENTS, simulate

    if list_incidents:
        records = [{"id": item.id, "title": item.title} for item in INCIDENTS.values()]
        print_records(records, ("id", "title"), form)
        return
    if directory is None:
        raise UsageError("missing-argument", "simulate needs a directory to write to")
    if clean and incident:
        raise UsageError("bad-argument", "--clean and --incident exclude each other")
    scenario = simulate(
        directory,
        seed=seed,
        days=days,
        platforms=platforms,
        start=DEFAULT_START if start is None else read_time(start),
        incidents=() if clean else incident or None,
    )
    say(
        f"{directory}: {days} days, {platforms} platforms, {len(scenario.incidents)} incidents, "
        f"{len(scenario.truths)} expected findings"
    )
