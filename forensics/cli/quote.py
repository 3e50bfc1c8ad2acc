"""`quote`: a quote's bytes, a quote on one page, two quotes side by side."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from forensics.cli.files import read_file
from forensics.cli.options import (
    CaseArgument,
    FormatOption,
    NoIntelRootOption,
    RootOption,
    as_of_option,
    read_anchors,
    read_time,
)
from forensics.cli.output import Format, print_records, say
from forensics.errors import UsageError

if TYPE_CHECKING:
    from forensics.case.case import Case
    from forensics.report.quote_page import QuotePage

_LARGEST_FILE = 4 << 20  # a quote in hex with room to spare


class _BytesByDefault(TyperGroup):
    """`quote CASE ID` is `quote bytes CASE ID`: scripts rely on the short form."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = ["bytes", *args]
        return super().parse_args(ctx, args)


quote_app = typer.Typer(
    cls=_BytesByDefault,
    no_args_is_help=True,
    help="A quote's bytes, its fields on one page, two quotes side by side. "
    "`quote CASE QUOTE_ID` is short for `quote bytes CASE QUOTE_ID`.",
)


@quote_app.command("bytes")
def write_bytes(
    case: CaseArgument,
    quote_id: Annotated[str, typer.Argument(help="Quote id, or the start of one.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write to this file, not to stdout.")
    ] = None,
) -> None:
    """A quote's original bytes, rebuilt from columns and checked against its SHA-256.

    Example: quote-forensics quote incident-42 7a83dfe1 --out quote.bin
    """
    from forensics.case.case import open_case
    from forensics.case.connection import connect
    from forensics.case.folder import refuse_inside_case
    from forensics.case.lookup import find_one

    if out is not None:
        refuse_inside_case(out, "an export")
    opened = open_case(case)
    match = find_one(connect(opened), ("quote",), quote_id)
    data = opened.quote_bytes(bytes.fromhex(match.row["quote_id"]))
    if out is not None:
        try:
            out.write_bytes(data)
        except OSError as error:
            raise UsageError("unwritable-path", f"cannot write {out}: {error.strerror}") from None
    elif sys.stdout.isatty():
        raise UsageError("terminal", "a quote is binary: use --out FILE or a pipe")
    else:
        sys.stdout.buffer.write(data)


AsOfOption = Annotated[
    str | None,
    as_of_option("Moment at which a file is judged; what a case has stored is shown as it is"),
]


@quote_app.command("show")
def show(
    target: Annotated[
        list[str],
        typer.Argument(
            metavar="[CASE] QUOTE",
            help="Quote or observation id in a case, or a file: raw, hex or base64.",
        ),
    ],
    as_of: AsOfOption = None,
    root_ca: RootOption = None,
    no_intel_root: NoIntelRootOption = False,
    form: FormatOption = Format.table,
) -> None:
    """A quote on one page: each field, what it means, which signature covers it, and the verdict.

    A file is judged at `--as-of`: with the collateral and the roots of the case when one is given,
    without any (and with `--root-ca`) otherwise. Nothing is stored.

    \b
    Examples:
      quote-forensics quote show incident-42 7a83dfe1
      quote-forensics quote show suspicious.bin
      quote-forensics quote show incident-42 suspicious.bin --as-of 2026-03-31T00:00:00Z
    """
    from forensics.report.quote_page import FIELDS, describe_loose, describe_stored, to_record

    place, (name,) = _split_target(target, 1)
    if place is not None and (root_ca or no_intel_root):
        message = "a case has its own trust anchors: those options are for a file without a case"
        raise UsageError("other-anchors", message)
    if place is not None and not Path(name).is_file():
        if as_of is not None:
            message = "--as-of judges a file; `verify --as-of` judges what is in a case"
            raise UsageError("bad-target", message)
        opened, connection = _open(place)
        page = describe_stored(opened, connection, name)
    else:
        data = _read_file(name)
        moment = read_time(as_of)
        if place is None:
            anchors = [_public_key(der) for der in read_anchors(root_ca, no_intel_root)]
            page = describe_loose(data, anchors, moment)
        else:
            from forensics.case.judgements import Bench

            opened, connection = _open(place)
            anchors = [_public_key(anchor.der) for anchor in opened.settings.anchors]
            page = describe_loose(data, anchors, moment, Bench(connection))
    if form is Format.table:
        _print_page(page)
    elif form is Format.csv:
        print_records(page.fields, (*FIELDS, "source"), form)
    else:
        record = to_record(page)
        print_records([record], list(record), form)


@quote_app.command("diff")
def diff(
    target: Annotated[
        list[str],
        typer.Argument(metavar="[CASE] A B", help="Ids in a case, or files, also one of each."),
    ],
    form: FormatOption = Format.table,
) -> None:
    """Which fields of two quotes differ, and which of the differing bytes no signature covers.

    \b
    Examples:
      quote-forensics quote diff incident-42 7a83dfe1 512e34c8
      quote-forensics quote diff first.bin second.bin
      quote-forensics quote diff incident-42 7a83dfe1 suspicious.bin
    """
    from forensics.formats.evidence import parse_evidence
    from forensics.report.quote_diff import DIFFERENCES, RELATIONS, compare_quotes, to_record

    place, names = _split_target(target, 2)
    opened = None if place is None else _open(place)
    a, b = (parse_evidence(_read_any(opened, name)) for name in names)
    difference = compare_quotes(a, b)
    if form is Format.table:
        print_records(difference.relations, RELATIONS, form, title=difference.conclusion)
        if difference.fields:
            shown = ("field", "bytes", "a", "b", "covered_by", "note")
            print_records(difference.fields, shown, form, title="differing fields")
            say(f"{len(difference.unsigned)} of {len(difference.fields)} in unsigned bytes")
    elif form is Format.csv:
        print_records(difference.fields, DIFFERENCES, form)
    else:
        record = to_record(difference)
        print_records([record], list(record), form)


def _split_target(target: list[str], quotes: int) -> tuple[Path | None, list[str]]:
    """(case or None, that many quotes). Raises `UsageError` (`bad-target`)."""
    if len(target) == quotes:
        return None, target
    if len(target) == quotes + 1:
        return Path(target[0]), target[1:]
    wanted = "one quote" if quotes == 1 else "two quotes"
    raise UsageError("bad-target", f"name {wanted}: files, or a case and ids in it")


def _open(place: Path) -> tuple[Case, Any]:
    from forensics.case.case import open_case
    from forensics.case.connection import connect

    opened = open_case(place)
    return opened, connect(opened)


def _read_any(opened: tuple[Case, Any] | None, name: str) -> bytes:
    """A file, else an id of a quote or an observation in the case."""
    if opened is None or Path(name).is_file():
        return _read_file(name)
    from forensics.case.lookup import find_one
    from forensics.report.quote_page import load_stored

    case, connection = opened
    match = find_one(connection, ("quote", "observation"), name, same="quote_id")
    return load_stored(case, match.view, match.row["quote_id"])


def _read_file(name: str) -> bytes:
    """A quote as bytes, from raw, hex or base64. Raises `UsageError` (`unreadable-path`)."""
    from forensics.sources.sniff import Kind, decode_text, sniff

    data = read_file(Path(name), _LARGEST_FILE)
    return decode_text(data)[1] if sniff(data, len(data)) is Kind.TEXT else data


def _public_key(der: bytes) -> bytes:
    from forensics.formats.certificates import parse_certificate

    return parse_certificate(der).public_key or b""


def _print_page(page: QuotePage) -> None:
    from forensics.report.quote_page import PARTS

    for name, columns in PARTS:
        rows = getattr(page, name)
        if name == "fields":
            _print_fields(rows)
        elif rows:
            print_records(rows, columns, Format.table, title=name)


def _print_fields(rows: list[dict[str, Any]]) -> None:
    """A table for each part of the quote; what the value says comes before what it is for."""
    for part in dict.fromkeys(row["part"] for row in rows):
        shown = [
            {**row, "meaning": _join_meaning(row["says"], row["meaning"])}
            for row in rows
            if row["part"] == part
        ]
        columns = ("offset", "field", "meaning", "covered_by", "value")
        print_records(shown, columns, Format.table, title=part)


def _join_meaning(says: str, meaning: str) -> str:
    return says if not meaning or meaning in says else ": ".join(filter(None, (says, meaning)))
