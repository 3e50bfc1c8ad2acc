"""`detect` and `findings`: run the detectors, list what they found."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forensics.cli import steps
from forensics.cli.exit_codes import CLEAN, DETECTOR_FAILED, FOUND, INCOMPLETE
from forensics.cli.options import (
    CaseArgument,
    DetectorOption,
    FormatOption,
    NowOption,
    QueriesOption,
    Severity,
    SeverityOption,
    SignKeyOption,
    StateOption,
    as_of_option,
    load_signer,
    read_time,
)
from forensics.cli.output import Format, print_records, say, to_plain
from forensics.cli.suppressing import SuppressionsOption, load_suppressions, say_review
from forensics.errors import CustodyError, UsageError

if TYPE_CHECKING:
    from forensics.detect.detection import Detection
    from forensics.detect.findings import Finding

_SHOWN = ("severity", "state", "detector", "finding_id", "summary")


FailOnOption = Annotated[
    Severity, typer.Option("--fail-on", help="Exit 1 on findings of this severity or worse.")
]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="Exit 3 when a detector could not judge everything.")
]
NewOnlyOption = Annotated[
    bool,
    typer.Option("--fail-on-new", help="Let only new and reopened findings decide on exit 1."),
]
PatienceOption = Annotated[
    str,
    typer.Option(
        "--patience",
        metavar="DURATION",
        help="How long rules about absence wait for a log that an earlier run knew and that lags, "
        "e.g. 6h; 0s: not at all. The first run of a case never waits.",
    ),
]
AsOfOption = Annotated[
    str | None,
    as_of_option("Cut-off of absence rules; hindsight stays as `verify` left it"),
]
ParamOption = Annotated[
    list[str] | None,
    typer.Option("--param", metavar="NAME=VALUE", help="Override a detector's parameter."),
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
    patience: PatienceOption = "6h",
    suppressions: SuppressionsOption = None,
    fail_on: FailOnOption = Severity.high,
    fail_on_new: NewOnlyOption = False,
    strict: StrictOption = False,
    form: FormatOption = Format.table,
    sign_key: SignKeyOption = None,
    now: NowOption = None,
) -> None:
    """Run the detectors and renew the findings (exit 1 when there are any at `--fail-on`).

    A run goes on from the one before: what new evidence does not touch is not judged again, and
    the findings are those of a run with `--full`. The view `detection` says how each detector ran.
    With `--detector` the exit code and what is printed are about those alone; the findings of the
    others stay as they are.

    \b
    Examples:
      quote-forensics detect incident-42
      quote-forensics detect incident-42 --full
      quote-forensics detect incident-42 --detector replayed-quote --param retry_window=10s
    """
    from forensics.case.case import open_case

    moment = read_time(now)
    opened = open_case(case, load_signer(sign_key))
    suppression_file = load_suppressions(suppressions, opened, moment)
    detection = steps.detect(
        opened,
        moment if as_of is None else read_time(as_of),
        moment,
        chosen=detector or (),
        overrides=read_params(param),
        queries=queries or (),
        full=full,
        suppressions=suppression_file,
        patience=read_duration("--patience", patience),
    )
    told = detection.narrow(detector) if detector else detection
    print_findings(describe_findings(told), form)
    say_detection(told)
    say_review(suppression_file, detection.findings, moment)
    if detection.custody_broken:
        message = "the case contradicts its ledger: see `custody verify` and custody-break"
        raise CustodyError("custody-broken", message)
    if code := exit_code(told, fail_on, strict, news_only=fail_on_new):
        raise typer.Exit(code)


def findings(
    case: CaseArgument,
    severity: SeverityOption = None,
    state: StateOption = None,
    detector: DetectorOption = None,
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
        if (severity is None or severity.covers(row["severity"]))
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


def read_duration(option: str, text: str) -> timedelta:
    """A duration such as `6h`. Raises `UsageError` (`bad-parameter`)."""
    from forensics.detect.parameters import read_value

    value = read_value(option, "INTERVAL", text)
    assert isinstance(value, timedelta)
    return value


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
    """Counts by severity, what came and went and why, then what could not be judged and why."""
    counts = Counter(f.severity for f in detection.open_findings)
    shown = ", ".join(f"{counts[s.value]} {s.value}" for s in Severity if counts[s.value])
    say(f"{len(detection.runs)} detectors: {shown or 'no findings'}")
    if narrow := [run for run in detection.runs if run.mode == "incremental"]:
        most = max(run.observations_read or 0 for run in narrow)
        say(f"{len(narrow)} of them judged only what is new, over at most {most} observations")
    for line in describe_changes(detection.findings, detection.at):
        say(line)
    blind: dict[str, list[str]] = {}
    for run in detection.not_evaluable:
        for gap in run.gaps:
            blind.setdefault(f"{gap.count} × {gap.reason}", []).append(run.detector.id)
    for reason, detectors in blind.items():
        say(f"not evaluable: {reason}: {', '.join(detectors)}")
    for name, failure in detection.failures.items():
        say(f"failed: {name}: {failure}")
    for run in detection.runs:
        if run.waiting:
            views = ", ".join(run.detector.waits_for)
            say(
                f"waiting: {run.detector.id}: {len(run.waiting)} after {to_plain(run.cut_off)}: "
                f"the feeds of {views} have not come further"
            )
    sys.stderr.flush()


def describe_changes(findings: Iterable[Finding], at: datetime | None) -> Iterator[str]:
    """Lines such as `2 new: 1 by evidence, 1 by detector`, for what this run changed."""
    from forensics.detect.findings import STATES

    causes: dict[str, Counter[str]] = {}
    for finding in findings:
        if finding.changed_at(at):
            causes.setdefault(finding.state, Counter())[finding.cause or "evidence"] += 1
    for state in sorted(causes, key=STATES.index):
        found = causes[state]
        by = ", ".join(f"{found[cause]} by {cause}" for cause in sorted(found))
        yield f"{found.total()} {state}: {by}"


def count_failing(detection: Detection, fail_on: Severity, *, news_only: bool = False) -> int:
    """Open findings at or above `fail_on`; with `news_only` those that came in this run."""
    from forensics.detect.findings import NEWLY_OPEN

    chosen = (f for f in detection.open_findings if f.state in NEWLY_OPEN or not news_only)
    return sum(fail_on.covers(finding.severity) for finding in chosen)


def exit_code(
    detection: Detection, fail_on: Severity, strict: bool, *, news_only: bool = False
) -> int:
    """2 when a detector failed; else 1 for findings; else 3 when nothing could be judged, or under
    `strict` not all; else 0.
    """
    if detection.failures:
        return DETECTOR_FAILED
    if count_failing(detection, fail_on, news_only=news_only):
        return FOUND
    return INCOMPLETE if detection.blind or (strict and detection.incomplete) else CLEAN
