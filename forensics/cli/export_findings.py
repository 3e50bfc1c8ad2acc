"""Findings in other programs' formats: `export findings`, and `audit --output`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forensics.cli.options import (
    CaseArgument,
    RedactOption,
    SeverityOption,
    StateOption,
    read_redaction_key,
)
from forensics.cli.output import say
from forensics.errors import UsageError

if TYPE_CHECKING:
    from forensics.case.case import Case
    from forensics.report.formats import OutputFormat, Parcel


class FindingFormat(StrEnum):
    """The names of `forensics.report.formats`; a test holds the two together."""

    jsonl = "jsonl"
    csv = "csv"
    parquet = "parquet"
    ocsf = "ocsf"
    ocsf_compliance = "ocsf-compliance"
    ecs = "ecs"
    timesketch = "timesketch"
    sarif = "sarif"
    syslog = "syslog"
    event = "event"
    prometheus = "prometheus"


OutputOption = Annotated[
    list[str] | None,
    typer.Option(
        "--output",
        metavar="FORMAT=FILE",
        help="Also write findings to FILE (formats: see `export findings`).",
    ),
]


@dataclass(frozen=True, slots=True)
class Output:
    """One `--output`, read."""

    form: OutputFormat
    path: Path


def export_findings_command(
    case: CaseArgument,
    form: Annotated[FindingFormat, typer.Option("--format", "-f", help="What to write.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where to. Default: stdout.")
    ] = None,
    severity: SeverityOption = None,
    state: StateOption = None,
    changed: Annotated[
        bool, typer.Option("--changed", help="Only what the newest run brought into its state.")
    ] = False,
    redact: RedactOption = None,
) -> None:
    """The findings in the format of another program.

    ocsf: Detection Finding 2004; ocsf-compliance: Compliance Finding 2003, one per detector, what
    could not be judged as a warning; event: the source system's own event with policy_allowed
    false, severity CRITICAL for drift; prometheus: metrics of the newest audit. `--redact` does
    what it does in `export views`, with the same replacements under the same key.

    \b
    Examples:
      quote-forensics export findings nightly --format ocsf --changed >> findings.ocsf.jsonl
      quote-forensics export findings nightly --format csv --severity high --out findings.csv
      quote-forensics export findings nightly --format event --state new --state reopened
    """
    from forensics.case.case import open_case
    from forensics.report.formats import FORMATS

    parcel = load_parcel(open_case(case))
    items = [
        item
        for item in (_select_newest(parcel) if changed else parcel.items)
        if (severity is None or severity.covers(item.finding.severity))
        and (not state or item.finding.state in state)
    ]
    parcel = replace(parcel, items=items)
    if redact is not None:
        parcel = _redact(parcel, open_case(case), read_redaction_key(redact))
    data = FORMATS[form.value].write(parcel)
    if out is not None:
        _write_file(out, data)
        say(f"{out}: {len(data)} bytes")
    elif form is FindingFormat.parquet and sys.stdout.isatty():
        raise UsageError("binary-output", "Parquet is not for a terminal: use --out FILE")
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)


def read_outputs(texts: Sequence[str] | None) -> list[Output]:
    """FORMAT=FILE pairs. Raises `UsageError` (`bad-output`)."""
    from forensics.report.formats import FORMATS

    outputs = []
    for text in texts or ():
        name, equals, path = text.partition("=")
        if not (equals and path) or name not in FORMATS:
            known = ", ".join(FORMATS)
            raise UsageError("bad-output", f"--output wants FORMAT=FILE ({known}): {text!r:.80}")
        outputs.append(Output(FORMATS[name], Path(path)))
    return outputs


def write_outputs(
    outputs: Sequence[Output], case: Case, run: Mapping[str, Any], at: datetime
) -> None:
    """What an audit leaves: feeds hold what changed at `at`, the other formats everything."""
    from forensics.report.outgoing import select_changed

    if not outputs:
        return
    parcel = replace(load_parcel(case), run=run)
    news = replace(parcel, items=select_changed(parcel.items, at))
    for output in outputs:
        _write_file(output.path, output.form.write(news if output.form.feed else parcel))


def write_failure(outputs: Sequence[Output], run: Mapping[str, Any]) -> None:
    """The metrics of a run that failed: all other files stay as they were."""
    from forensics.report.metrics import write_metrics

    for output in outputs:
        if output.form.name == FindingFormat.prometheus:
            _write_file(output.path, write_metrics(run).encode())


def load_parcel(case: Case) -> Parcel:
    """All findings of a case. Formats that describe a run get the newest one in the journal."""
    from forensics.case.connection import connect
    from forensics.detect.catalog import load_catalog
    from forensics.report.formats import Parcel, load_controls, load_run
    from forensics.report.outgoing import load_outgoing

    connection = connect(case)
    catalog = load_catalog()
    return Parcel(
        case=case.settings.name,
        catalog=catalog,
        items=load_outgoing(connection, catalog),
        controls=load_controls(connection),
        run=load_run(connection),
    )


def _redact(parcel: Parcel, case: Case, key: bytes) -> Parcel:
    from forensics.case.connection import connect
    from forensics.report.redaction import Redactor

    redactor = Redactor(key, connect(case))
    return replace(
        parcel,
        case=redactor.speak(parcel.case),
        items=[redactor.apply_to_finding(item) for item in parcel.items],
        run=redactor.speak(parcel.run),
    )


def _select_newest(parcel: Parcel) -> Sequence[Any]:
    from forensics.report.outgoing import select_changed

    times = [i.finding.state_since for i in parcel.items if i.finding.state_since is not None]
    started = parcel.run["started_at"]
    newest = max([*times, datetime.fromisoformat(started)])
    return select_changed(parcel.items, newest)


def _write_file(path: Path, data: bytes) -> None:
    """Whole or not at all. Raises `UsageError` (`unwritable-path`, `inside-case`)."""
    from forensics.case.disk import replace_file
    from forensics.case.folder import refuse_inside_case

    refuse_inside_case(path, "an export")
    try:
        replace_file(path.absolute(), data)
    except OSError as error:
        raise UsageError("unwritable-path", f"cannot write {path}: {error.strerror}") from None
