"""`export`: what leaves a case, whole or with its platforms' names taken out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forensics.cli.exit_codes import INCOMPLETE
from forensics.cli.export_findings import export_findings_command
from forensics.cli.options import (
    CaseArgument,
    FormatOption,
    NowOption,
    RedactOption,
    read_redaction_key,
    read_time,
)
from forensics.cli.output import Format, print_records, say
from forensics.errors import UsageError

export_app = typer.Typer(no_args_is_help=True, help="What leaves a case.")

export_app.command("findings")(export_findings_command)

OutArgument = Annotated[Path, typer.Argument(metavar="OUT", help="A new directory.")]


@export_app.command("bundle")
def export_bundle_command(
    case: CaseArgument,
    out: OutArgument,
    sources: Annotated[
        list[Path] | None,
        typer.Option(
            "--sources", metavar="PATH", help="Where the original files are: they go in too."
        ),
    ] = None,
    redact: RedactOption = None,
    now: NowOption = None,
) -> None:
    """A read-only, self-verifying archive to hand over (BagIt).

    In it: the case with its ledger, the evidence as the bytes that were seen (quotes, collateral,
    CRLs, certificates, quarantined records), findings and verdicts as JSON lines, the detectors,
    and `verify_bundle.py`, which verifies it with Python's standard library alone.

    Events are rows in a case. The files that they were read from go in too where `--sources` finds
    them, by their SHA-256 in the ledger; `data/sources.jsonl` lists each, found or missing. Exit
    code 3: some are missing.

    `--redact` takes a file of at least 16 random bytes. Case and evidence, which name platforms
    on every page, stay out; the views go in, with each identifier replaced by a keyed hash.

    \b
    Examples:
      quote-forensics export bundle incident-42 incident-42.bag
      quote-forensics export bundle incident-42 whole.bag --sources /var/log/attestation
      python3 incident-42.bag/verify_bundle.py --head heads/2026-01.txt
      quote-forensics export bundle incident-42 shared.bag --redact redaction.key
    """
    from forensics.case.case import open_case
    from forensics.report.bundle import export_bundle

    key = None if redact is None else read_redaction_key(redact)
    summary = export_bundle(open_case(case), out, read_time(now), key, sources or ())
    say(f"{out}: {summary.files} files, {summary.size} bytes; verify with {out}/verify_bundle.py")
    if summary.originals is not None and summary.originals.missing:
        for path in summary.originals.missing:
            say(f"missing: {path}")
        missing = len(summary.originals.missing)
        say(f"{missing} of {summary.originals.sources} original sources were not found")
        raise typer.Exit(INCOMPLETE)


@export_app.command("views")
def export_views_command(
    case: CaseArgument,
    out: OutArgument,
    view: Annotated[
        list[str] | None, typer.Option("--view", metavar="NAME", help="Only these views.")
    ] = None,
    redact: RedactOption = None,
    form: FormatOption = Format.table,
) -> None:
    """The documented views as JSON lines, one file each.

    `--redact` takes a file of at least 16 random bytes. PPIDs, QE_IDs, keys and certificates of
    platforms, hosts, containers and sessions give the same replacement under the same key, in
    every view and every export. Columns that could hold an identifier anywhere (raw bytes, paths,
    what others logged in `extra`) are null.

    \b
    Examples:
      quote-forensics export views incident-42 out --view finding --view verdict
      head -c 32 /dev/urandom > redaction.key
      quote-forensics export views incident-42 shared --redact redaction.key
    """
    from forensics.case.case import open_case
    from forensics.case.connection import connect
    from forensics.case.contract import VIEWS
    from forensics.case.judgements import fill_check_results
    from forensics.report.drafts import create_folder
    from forensics.report.records import write_view
    from forensics.report.redaction import Redactor

    known = [entry.name for entry in VIEWS if entry.name != "custody_problem"]
    chosen = view or known
    for name in chosen:
        if name not in known:
            raise UsageError("no-such-view", f"there is no view {name!r:.60} to export")
    connection = connect(open_case(case))
    if "check_result" in chosen:
        fill_check_results(connection)
    redactor = None if redact is None else Redactor(read_redaction_key(redact), connection)
    with create_folder(out, "an export") as draft:
        rows = [
            {"view": name, "rows": write_view(connection, name, draft / f"{name}.jsonl", redactor)}
            for name in chosen
        ]
    print_records(rows, ("view", "rows"), form)
