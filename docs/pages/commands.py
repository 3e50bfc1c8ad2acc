"""reference/commands.md, and the exit codes in the README."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from typer.main import get_command

from forensics.cli.exit_codes import EXIT_CODES
from forensics.cli.main import app
from pages.markdown import make_opening, make_page, make_table

# What this default is depends on the machine that makes the page.
MACHINE_DEFAULTS = {"threads": "as many as CPUs"}


def describe_commands() -> str:
    parts = [
        make_opening("Commands", "`quote-forensics COMMAND --help` says the same."),
        "## Exit codes",
        describe_exit_codes(),
    ]
    for name, command in _walk(get_command(app)):
        parts += _describe_command(name, command)
    return make_page(parts)


def describe_exit_codes() -> str:
    rows = [(str(code), meaning) for code, meaning in EXIT_CODES]
    return f"The first that applies, from the top:\n\n{make_table(('code', 'meaning'), rows)}"


# Typer builds its commands on a private copy of click, whose classes cannot be imported: `Any`.
def _walk(group: Any, prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _walk(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


def _describe_command(name: str, command: Any) -> list[str]:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    usage = " ".join(["quote-forensics", name, "[OPTIONS]", *map(_show_argument, arguments)])
    parts = [f"## {name}", f"`{usage}`", *_describe_help(command.help)]
    if options:
        head = ("option", "meaning", "default")
        parts.append(make_table(head, [_describe_option(option) for option in options]))
    return parts


def _show_argument(argument: Any) -> str:
    metavar = str(argument.metavar or argument.name.upper())
    return metavar if argument.required or metavar.startswith("[") else f"[{metavar}]"


def _describe_help(text: str) -> list[str]:
    """Paragraphs; those that click is told not to wrap (a leading \\b) become code blocks."""
    parts = []
    for paragraph in text.strip().split("\n\n"):
        if paragraph.startswith("\b"):
            title, *lines = paragraph.removeprefix("\b\n").split("\n")
            parts += [
                title,
                "\n".join(["```", *(line.removeprefix("  ") for line in lines), "```"]),
            ]
        else:
            parts.append(paragraph.replace("\n", " "))
    return parts


def _describe_option(option: Any) -> tuple[str, str, str]:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    metavar = f" {option.metavar}" if option.metavar else ""
    meaning = option.help or ""
    if option.multiple and "repeatable" not in meaning:
        meaning += " Repeatable."
    return names + metavar, meaning, _show_default(option)


def _show_default(option: Any) -> str:
    if option.name in MACHINE_DEFAULTS:
        return MACHINE_DEFAULTS[option.name]
    if option.default is None or option.is_flag:
        return ""
    return str(getattr(option.default, "value", option.default))
