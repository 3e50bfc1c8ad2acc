"""The commands and where each is defined.

A command's module is loaded when the command is run or described: loading all of them takes longer
than judging a case again.
"""

from __future__ import annotations

from collections import UserDict
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

# Modules of this package, and the function or group in each; in the order of the help page.
_HOMES = {
    "init": ("evidence", "init"),
    "ingest": ("evidence", "ingest"),
    "verify": ("judge", "verify"),
    "detect": ("detection", "detect"),
    "audit": ("audit", "audit"),
    "findings": ("detection", "findings"),
    "triage": ("triage", "triage"),
    "show": ("look", "show"),
    "explain": ("explain", "explain"),
    "collateral": ("collateral", "collateral"),
    "coverage": ("coverage", "coverage"),
    "timeline": ("timeline", "timeline"),
    "summary": ("summary", "summary"),
    "diff": ("summary", "diff"),
    "report": ("report", "report"),
    "sql": ("look", "sql"),
    "detectors": ("detectors", "detectors_command"),
    "compact": ("upkeep", "compact"),
    "simulate": ("simulate", "simulate_command"),
    "quote": ("quote", "quote_app"),
    "custody": ("custody", "custody_app"),
    "export": ("export", "export_app"),
}


class CommandGroup(TyperGroup):
    """The group of all commands."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = _Commands(dict.fromkeys(_HOMES))


class _Commands(UserDict[str, Any]):
    """Commands by name, each made when it is asked for."""

    def __getitem__(self, name: str) -> Any:
        made = super().__getitem__(name)
        if made is None:
            made = self[name] = _make_command(name)
        return made


def _make_command(name: str) -> Any:
    module, attribute = _HOMES[name]
    home = getattr(import_module(f"forensics.cli.{module}"), attribute)
    group = typer.Typer()
    if isinstance(home, typer.Typer):
        group.add_typer(home, name=name)
    else:
        group.command(name)(home)
    return get_group(group).commands[name]
