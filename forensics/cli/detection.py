"""`detect` and `findings`: run the detectors, list what they found."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forensics.cli import steps
from forensics.cli.options import (
    AsOfOption,
    CaseArgument,
    FormatOption,
    NowOption,
    SignKeyOption,
    load_signer,
    read_time,
)
from forensics.cli.output import Format, print_records, say
from forensics.errors import UsageError

if TYPE_CHECKING:
    from forensics.detect.detection import Detection

FOUND = 1
INCOMPLETE = 3

_SHOWN = ("severity", "state", "detector", "finding_id", "summary")


class Severity(StrEnum):
    critical = "critical"
    high = "high"
    medium = "medium"
    low = "low"
    info = "info"


_RANK = {severity.value: rank for rank, severity in enumerate(Severity)}

FailOnOption = Annotated[
    Severity, typer.Option("--fail-on", help="Exit 1 on findings of this severity or worse.")
]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="Exit 3 when a detector could not judge everything.")
]
DetectorOption = Annotated[
    list[str] | None, typer.Option("--detector", metavar="ID", help="Run only these detectors.")
]
ParamOption = Annotated[
    list[str] | None,
    typer.Option("--param", metavar="NAME=VALUE", help="Override a detector's parameter."),
]
QueriesOption = Annotated[
    list[Path] | None,
    typer.Option("--queries", metavar="DIR", help="Also run the detectors of this folder."),
]
FullOption = Annotated[
    bool,
    typer.Option("--full", help="Judge all evidence again, not only what new evidence touches."),
]


def detect(
    case: CaseArgument,
    detector: DetectorOption = None,
    param: ParamOption = None,
    queries: QueriesOption = None,
    full: FullOption = False,
    as_of: AsOfOption = None,
    fail_on: FailOnOption = Severity.high,
    strict: StrictOption = False,
    form: FormatOption = Format.table,
    sign_key: SignKeyOption = None,
    now: NowOption = None,
) -> None:
    """Run the detectors and renew the findings (exit 1 when there are any at `--fail-on`).

    A run goes on from the one before: what new evidence does not touch is not judged again, and
    the findings are those of a run with `--full`. The view `detection` says how each detector ran.

    \b
    Examples:
      quote-forensics detect incident-42
      quote-forensics detect incident-42 --full
      quote-forensics detect incident-42 --detector replayed-quote --param retry_window=10s
    """
    from forensics.case.case import open_case

    moment = read_time(now)
    detection = steps.detect(
        open_case(case, load_signer(sign_key)),
        moment if as_of is None else read_time(as_of),
        moment,
        chosen=detector or (),
        overrides=read_params(param),
        queries=queries or (),
        full=full,
    )
    print_findings(describe_findings(detection), form)
    say_detection(detection)
    if code := exit_code(detection, fail_on, strict):
        raise typer.Exit(code)


def findings(
    case: CaseArgument,
    severity: Annotated[
        Severity | None, typer.Option("--severity", help="Only this severity or worse.")
    ] = None,
    state: Annotated[
        list[str] | None, typer.Option("--state", help="Only these states, e.g. new.")
    ] = None,
    detector: Annotated[
        list[str] | None, typer.Option("--detector", metavar="ID", help="Only these detectors.")
    ] = None,
    form: FormatOption = Format.table,
) -> None:
    """The findings of the last `detect`, most severe first.

    \b
    Examples:
      quote-forensics findings incident-42 --severity high
      quote-forensics findings incident-42 --format json | jq '.[].summary'
    """
    from forensics.case.case import open_case
    from forensics.case.connection import connect
    from forensics.detect.findings import rank
    from forensics.detect.store import load_findings

    rows = [to_record(finding) for finding in rank(load_findings(connect(open_case(case))))]
    chosen = [
        row
        for row in rows
        if (severity is None or _RANK[row["severity"]] <= _RANK[severity])
        and (not state or row["state"] in state)
        and (not detector or row["detector"] in detector)
    ]
    print_findings(chosen, form)


def read_params(texts: Iterable[str] | None) -> dict[str, str]:
    """NAME=VALUE pairs. Raises `UsageError` (`bad-parameter`)."""
    params = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise UsageError("bad-parameter", f"--param wants NAME=VALUE, not {text!r:.80}")
        params[name.removeprefix("$")] = value
    return params


def to_record(finding: object) -> dict[str, Any]:
    """A finding as the view `finding` shows it, with `details` as an object."""
    import json

    from forensics.case.contract import FINDING

    record = {name: getattr(finding, name) for name in FINDING.names}
    return record | {"details": json.loads(record["details"])}


def describe_findings(detection: Detection) -> list[dict[str, Any]]:
    return [to_record(finding) for finding in detection.findings]


def print_findings(records: Iterable[Mapping[str, Any]], form: Format) -> None:
    from forensics.case.contract import FINDING

    records = list(records)
    if not records and form is Format.table:
        say("no findings")
        return
    print_records(records, FINDING.names, form, shown=_SHOWN)


def say_detection(detection: Detection) -> None:
    """Counts by severity, then what could not be judged and why."""
    counts = Counter(f.severity for f in detection.findings if f.state in ("new", "recurring"))
    shown = ", ".join(f"{counts[s.value]} {s.value}" for s in Severity if counts[s.value])
    say(f"{len(detection.runs)} detectors: {shown or 'no findings'}")
    if narrow := [run for run in detection.runs if run.mode == "incremental"]:
        most = max(run.observations_read or 0 for run in narrow)
        say(f"{len(narrow)} of them judged only what is new, over at most {most} observations")
    for run in detection.not_evaluable:
        for gap in run.gaps:
            say(f"not evaluable: {run.detector.id}: {gap.count} × {gap.reason}")
    sys.stderr.flush()


def exit_code(detection: Detection, fail_on: Severity, strict: bool) -> int:
    """1: active findings at or above `fail_on`; else 3: blind spots under `strict`; else 0."""
    active = [f for f in detection.findings if f.state in ("new", "recurring")]
    if any(_RANK[finding.severity] <= _RANK[fail_on] for finding in active):
        return FOUND
    return INCOMPLETE if strict and detection.not_evaluable else 0
