"""The command line: the typer app, and the one place where errors become exit codes."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from typing import Annotated, NoReturn

import typer

from forensics import __version__
from forensics.cli.commands import CommandGroup
from forensics.cli.exit_codes import EXIT_CODES, NOBODY_READS, STOPPED
from forensics.cli.output import say
from forensics.errors import CustodyError, ForensicsError

NAME = "quote-forensics"  # a copy: the ledger, which has it too, is slow to load

app = typer.Typer(
    name=NAME,
    cls=CommandGroup,
    no_args_is_help=True,
    epilog="\n\n".join(
        ("Exit codes, the first that applies:", *(f"{code}: {what}" for code, what in EXIT_CODES))
    ),
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"{NAME} {__version__}")
        raise typer.Exit


@app.callback()
def describe(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print version."),
    ] = False,
) -> None:
    """Offline forensics and replay detection for TEE attestation evidence.

    Start with `quote-forensics audit CASE EVIDENCE`: it makes the case, reads the evidence,
    verifies it, runs the detectors and prints what they found.
    """


def _find_damage(error: Exception) -> CustodyError | None:
    """The damage behind a library's error, where this process was reading a damaged case."""
    from forensics.case.damage import find_damage
    from forensics.case.folder import LEDGER_NAME
    from forensics.case.ledger import Ledger
    from forensics.case.lock import list_read

    found = (find_damage(error, case, Ledger(case / LEDGER_NAME)) for case in list_read())
    return next((damage for damage in found if damage is not None), None)


def _settle_process() -> None:
    """Settings of the process that suit short runs over much data."""
    # Rows are trees, not cycles: looking for cycles among them took a tenth of an ingest.
    gc.set_threshold(200_000, 20, 20)
    # numpy's linear algebra is not used, and starting its threads takes longer than some commands.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Nothing here talks to a network, and Arrow's clients of object stores load as slowly as Arrow.
    for client in ("azurefs", "gcsfs", "hdfs", "s3fs"):
        sys.modules.setdefault(f"pyarrow._{client}", None)  # type: ignore[arg-type]


def run() -> NoReturn:
    """`main`, and the end of the process.

    Libraries would free one by one what the system takes back at once: that took a fifth of a
    second after a large case, and nothing is left to be written by then.
    """
    _open_streams()
    try:
        main()
        code: str | int | None = 0
    except SystemExit as leaving:
        code = leaving.code
    if isinstance(code, str):
        sys.exit(code)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        _forget_output()
        code = NOBODY_READS
    except OSError:
        sys.exit(code)  # the interpreter says that output was lost
    atexit._run_exitfuncs()  # the process has a folder for scratch files
    os._exit(code or 0)


def _open_streams() -> None:
    """Python has no stream where the caller closed one (`>&-`); a file would get its number."""
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    if sys.stdout is None:
        say("error: standard output is closed [os-error]")
        os._exit(STOPPED)


def _forget_output() -> None:
    """The reader of a pipe went away (`| head`): what is still to be written goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def main() -> None:
    """Run the command line; nobody ever sees a traceback unless they ask for one."""
    _settle_process()
    try:
        app(prog_name=NAME)  # also under `python -m`: what completion is told to complete
    except SystemExit as leaving:
        if not isinstance(leaving.__context__, BrokenPipeError):
            raise
        _forget_output()  # the library that reads the command line turns it into 1
        sys.exit(NOBODY_READS)
    except ForensicsError as error:
        say(f"error: {error}")
        sys.exit(error.exit_code)
    except BrokenPipeError:
        _forget_output()
        sys.exit(NOBODY_READS)
    except KeyboardInterrupt:
        say("interrupted; nothing was committed")
        sys.exit(STOPPED)
    except Exception as error:
        damage = _find_damage(error)
        if damage is not None:
            say(f"error: {damage}")
            sys.exit(damage.exit_code)
        if isinstance(error, OSError):
            place = error.filename or "input or output"
            say(f"error: {error.strerror or error}: {place} [os-error]")
            sys.exit(STOPPED)
        if os.environ.get("QUOTE_FORENSICS_TRACEBACK"):
            raise
        say(
            f"internal error: {type(error).__name__}: {error} "
            "(set QUOTE_FORENSICS_TRACEBACK=1 for the traceback, and please report it)"
        )
        sys.exit(STOPPED)
