"""What an audit was asked for: its own options, and all of them read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forensics.cli.export_findings import Output
from forensics.cli.options import Severity
from forensics.cli.output import Format

if TYPE_CHECKING:
    from forensics.case.signing import Signer

SourcesArgument = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[SOURCE...]", help="Files or directories of evidence."),
]
MaxSilenceOption = Annotated[
    str | None,
    typer.Option(
        "--max-silence",
        metavar="DURATION",
        help="Exit 3 when the newest event is older than this, e.g. 26h: logs stopped coming.",
    ),
]
OnFindingOption = Annotated[
    str | None,
    typer.Option(
        "--on-finding",
        metavar="COMMAND",
        help="Hand each open finding to this command as JSON on stdin, once per opening.",
    ),
]
OnFindingSeverityOption = Annotated[
    Severity, typer.Option("--on-finding-severity", help="Only findings this severe or worse.")
]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the command line asked for, read."""

    case: Path
    sources: list[Path]
    anchors: list[Path]
    no_intel_root: bool
    now: datetime
    as_of: datetime
    patience: timedelta
    max_silence: timedelta | None
    suppressions: Path | None
    fail_on: Severity
    fail_on_new: bool
    strict: bool
    params: dict[str, str]
    full: bool
    queries: list[Path]
    threads: int
    fast: bool
    signer: Signer | None
    on_finding: list[str]
    on_finding_severity: Severity
    outputs: list[Output]
    form: Format


def describe_options(plan: Plan) -> dict[str, Any]:
    """What was asked for, as far as it decides the outcome."""
    from forensics.case.text import clean_text

    return {
        "sources": [clean_text(str(path)) for path in plan.sources],
        "fail_on": plan.fail_on.value,
        "fail_on_new": plan.fail_on_new,
        "strict": plan.strict,
        "patience_seconds": plan.patience.total_seconds(),
        "max_silence_seconds": plan.max_silence and plan.max_silence.total_seconds(),
        "params": plan.params,
        "full": plan.full,
        "queries": [clean_text(str(path)) for path in plan.queries],
    }
