"""`simulate`: a synthetic fleet to practise on, with its ground truth beside it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from forensics.errors import UsageError
from forensics.simulate import DEFAULT_START, INCIDENTS, simulate

_FIRST_DAY = DEFAULT_START.replace(tzinfo=None)  # typer's datetimes carry no zone


def simulate_command(
    directory: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="An empty or new directory.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
    days: Annotated[int, typer.Option(help="Simulated days.")] = 3,
    platforms: Annotated[int, typer.Option(help="Hosts; every other one has TDX.")] = 4,
    start: Annotated[
        datetime,
        typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="First day, UTC."),
    ] = _FIRST_DAY,
    incident: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Inject this incident; repeatable. Default: all."),
    ] = None,
    clean: Annotated[bool, typer.Option("--clean", help="Inject nothing.")] = False,
    list_incidents: Annotated[
        bool, typer.Option("--list", help="List the incidents and write nothing.")
    ] = False,
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
    if list_incidents:
        width = max(map(len, INCIDENTS))
        for item in INCIDENTS.values():
            typer.echo(f"{item.id:{width}}  {item.title}")
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
        start=start.replace(tzinfo=UTC),
        incidents=() if clean else incident or None,
    )
    typer.echo(
        f"{directory}: {days} days, {platforms} platforms, {len(scenario.incidents)} incidents, "
        f"{len(scenario.truths)} expected findings",
        err=True,
    )
