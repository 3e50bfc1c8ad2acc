"""Commands that make a case and bring evidence in: init, ingest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forensics.cli import steps
from forensics.cli.exit_codes import INCOMPLETE
from forensics.cli.options import (
    DEFAULT_THREADS,
    CaseArgument,
    FormatOption,
    NoIntelRootOption,
    NowOption,
    RootOption,
    SignKeyOption,
    ThreadsOption,
    load_signer,
    read_anchors,
    read_time,
)
from forensics.cli.output import Format, print_records, say


def init(
    case: CaseArgument,
    root_ca: RootOption = None,
    no_intel_root: NoIntelRootOption = False,
    sign_key: SignKeyOption = None,
    signing_key: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY", help="A colleague's public key that may sign too."),
    ] = None,
    now: NowOption = None,
) -> None:
    """Make a case. Intel's SGX root is trusted unless told otherwise.

    With `--sign-key` every entry of the ledger will be signed, by that key or by one that
    `--signing-key` names; a commit without is refused.

    \b
    Examples:
      quote-forensics init incident-42 --root-ca staging-root.pem
      quote-forensics init incident-42 --sign-key ~/.config/custody.pem
    """
    from forensics.case.signing import parse_public_key

    anchors = read_anchors(root_ca, no_intel_root)
    colleagues = [parse_public_key(text) for text in signing_key or ()]
    made = steps.make_case(case, anchors, read_time(now), load_signer(sign_key), colleagues)
    say(f"made {case}, trusting {len(made.settings.anchors)} root(s)")


def ingest(
    case: CaseArgument,
    sources: Annotated[
        list[Path], typer.Argument(metavar="SOURCE...", help="Files or directories of evidence.")
    ],
    form: FormatOption = Format.table,
    threads: ThreadsOption = DEFAULT_THREADS,
    sign_key: SignKeyOption = None,
    now: NowOption = None,
) -> None:
    """Bring evidence in: quotes, events, collateral, manifests, archives of them.

    Content decides what a file is. A source that the case knows is not read again; a record that
    cannot be read goes to quarantine with its bytes, and the rest goes on (exit 3, as where there
    is no file at all).

    Example: quote-forensics ingest incident-42 siem-export.jsonl.gz collateral/ quotes/
    """
    from forensics.case.case import open_case

    opened = open_case(case, load_signer(sign_key))
    summary = steps.ingest(opened, sources, read_time(now), threads=threads)
    counts = [("table", table, rows) for table, rows in sorted(summary.rows.items())]
    counts.append(("total", "sources", summary.sources))
    counts.append(("total", "new_quotes", summary.new_quotes))
    counts.append(("total", "duplicates", len(summary.duplicates)))
    counts.append(("total", "quarantined", summary.quarantined))
    rows = [dict(zip(("what", "name", "count"), count, strict=True)) for count in counts]
    print_records(rows, ("what", "name", "count"), form)
    for path in summary.duplicates:
        say(f"already in the case: {path}")
    if summary.quarantined:
        say(f"{summary.quarantined} record(s) in quarantine: see the view `quarantine`")
    empty = not summary.sources and not summary.duplicates
    if empty:
        say("there is no file in the sources")
    if empty or summary.quarantined:
        raise typer.Exit(INCOMPLETE)
