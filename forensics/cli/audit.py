"""`audit`: ingest, verify, detect, summarise. The nightly job, and a newcomer's first command."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from forensics.cli import detection as detecting
from forensics.cli import steps
from forensics.cli.containment import Call, contain, describe_calls, split_command
from forensics.cli.detection import (
    FailOnOption,
    FullOption,
    NewOnlyOption,
    ParamOption,
    PatienceOption,
    StrictOption,
)
from forensics.cli.exit_codes import CLEAN, DETECTOR_FAILED, FOUND, INCOMPLETE
from forensics.cli.export_findings import (
    OutputOption,
    read_outputs,
    write_failure,
    write_outputs,
)
from forensics.cli.options import (
    DEFAULT_THREADS,
    CaseArgument,
    FastOption,
    FormatOption,
    NoIntelRootOption,
    NowOption,
    QueriesOption,
    RootOption,
    Severity,
    SignKeyOption,
    ThreadsOption,
    as_of_option,
    load_signer,
    read_anchors,
    read_time,
    read_user,
)
from forensics.cli.output import Format, say, to_plain
from forensics.cli.plan import (
    MaxSilenceOption,
    OnFindingOption,
    OnFindingSeverityOption,
    Plan,
    SourcesArgument,
    describe_options,
)
from forensics.cli.run_record import (
    RunRecord,
    describe_detection,
    describe_ingest,
    describe_suppressions,
    describe_verify,
)
from forensics.cli.suppressing import SuppressionsOption, load_suppressions, say_review
from forensics.errors import ForensicsError, UsageError

if TYPE_CHECKING:
    from forensics.case.case import Case
    from forensics.case.records import Summary
    from forensics.case.verification import VerifySummary
    from forensics.detect.detection import Detection

AsOfOption = Annotated[
    str | None,
    as_of_option("Moment of the hindsight verdicts, cut-off of absence rules, end of a silence"),
]


def audit(
    case: CaseArgument,
    sources: SourcesArgument = None,
    root_ca: RootOption = None,
    no_intel_root: NoIntelRootOption = False,
    as_of: AsOfOption = None,
    patience: PatienceOption = "6h",
    max_silence: MaxSilenceOption = None,
    suppressions: SuppressionsOption = None,
    fail_on: FailOnOption = Severity.high,
    fail_on_new: NewOnlyOption = False,
    strict: StrictOption = False,
    on_finding: OnFindingOption = None,
    on_finding_severity: OnFindingSeverityOption = Severity.high,
    output: OutputOption = None,
    param: ParamOption = None,
    queries: QueriesOption = None,
    full: FullOption = False,
    threads: ThreadsOption = DEFAULT_THREADS,
    fast: FastOption = True,
    form: FormatOption = Format.table,
    sign_key: SignKeyOption = None,
    now: NowOption = None,
) -> None:
    """Ingest, verify, detect and report; makes the case when it is missing.

    A case that is there already is first held against its ledger, file by file. What the run saw
    and did, how it ended and why is in CASE/findings/run.json, also when it failed.

    `quote-forensics --help` says what the exit codes mean; `reason` in run.json is more precise.

    \b
    Examples:
      quote-forensics audit incident-42 evidence/
      quote-forensics audit nightly /var/log/kbs --root-ca staging.pem --fail-on critical
      quote-forensics audit nightly /var/log/kbs --fail-on-new --on-finding "/opt/cordon --quiet"
    """
    moment = read_time(now)
    plan = Plan(
        case=case,
        sources=sources or [],
        anchors=root_ca or [],
        no_intel_root=no_intel_root,
        now=moment,
        as_of=moment if as_of is None else read_time(as_of),
        patience=detecting.read_duration("--patience", patience),
        max_silence=detecting.read_duration("--max-silence", max_silence) if max_silence else None,
        suppressions=suppressions,
        fail_on=fail_on,
        fail_on_new=fail_on_new,
        strict=strict,
        params=detecting.read_params(param),
        full=full,
        queries=queries or [],
        threads=threads,
        fast=fast,
        signer=load_signer(sign_key),
        on_finding=split_command(on_finding) if on_finding is not None else [],
        on_finding_severity=on_finding_severity,
        outputs=read_outputs(output),
        form=form,
    )
    record = RunRecord(plan.now, plan.as_of, read_user(), describe_options(plan))
    try:
        _run(plan, record)
    except ForensicsError as error:
        record.end(error.exit_code, error.code, error.message)
        record.write()
        write_failure(plan.outputs, record.document)
        raise
    if code := record.document["exit_code"]:
        say(f"exit {code}: {record.document['message']}")
        raise typer.Exit(code)


def _run(plan: Plan, record: RunRecord) -> None:
    """All steps, in their order; the record knows how it ended."""
    summary: Summary | None = None
    case = _open_or_make(plan, record)
    suppressions = load_suppressions(plan.suppressions, case, plan.now)
    if plan.sources:
        with record.step("ingest"):
            summary = steps.ingest(case, plan.sources, plan.now, threads=plan.threads)
        record.document["ingest"] = describe_ingest(summary, case)
        _say_ingest(summary)
    with record.step("verify"):
        verified = steps.verify(case, plan.as_of, plan.now, threads=plan.threads, fast=plan.fast)
    record.document["verify"] = describe_verify(verified)
    _say_verify(verified)
    with record.step("detect"):
        detection = steps.detect(
            case,
            plan.as_of,
            plan.now,
            overrides=plan.params,
            queries=plan.queries,
            full=plan.full,
            suppressions=suppressions,
            patience=plan.patience,
        )
    record.document |= describe_detection(detection)
    found = describe_suppressions(suppressions, detection.findings, plan.now)
    record.document["suppressions"] = found
    detecting.print_findings(detecting.describe_findings(detection), plan.form)
    detecting.say_detection(detection)
    say_review(suppressions, detection.findings, plan.now)
    calls = _contain(plan, case, detection, record)
    record.end(*_decide(plan, summary, detection, calls))
    record.commit(case, plan.now, plan.as_of)
    write_outputs(plan.outputs, case, record.document, plan.now)


def _contain(plan: Plan, case: Case, detection: Detection, record: RunRecord) -> list[Call]:
    if not plan.on_finding:
        return []
    chosen = [f for f in detection.open_findings if plan.on_finding_severity.covers(f.severity)]
    with record.step("on_finding"):
        calls = contain(case, plan.on_finding, chosen, plan.now, read_user())
    record.document["on_finding"] = describe_calls(plan.on_finding, calls)
    return calls


def _decide(
    plan: Plan, summary: Summary | None, detection: Detection, calls: list[Call]
) -> tuple[int, str, str]:
    """Exit code, reason and message; the reasons for code 3 from the worst on."""
    if detection.failures:
        names = ", ".join(detection.failures)
        return DETECTOR_FAILED, "detector-failed", f"these detectors failed: {names}"
    count = detecting.count_failing(detection, plan.fail_on, news_only=plan.fail_on_new)
    if count:
        what = "new or reopened" if plan.fail_on_new else "open"
        return FOUND, "findings", f"{count} {what} findings at or above {plan.fail_on.value}"
    failed = sum(not call.succeeded for call in calls)
    newest = max((f.newest for f in detection.feeds if f.newest is not None), default=None)
    quiet = plan.max_silence is not None and (
        newest is None or plan.as_of - newest > plan.max_silence
    )
    quarantined = summary.quarantined if summary else 0
    empty = summary is not None and not summary.sources and not summary.duplicates
    for holds, reason, message in (
        (not detection.has_evidence, "no-evidence", "the case has no evidence that can be read"),
        (empty, "no-sources", "there is no file in the sources"),
        (detection.blind, "not-evaluable", "no detector could judge anything"),
        (quiet, "silence", f"the newest event is of {to_plain(newest) or 'no known time'}"),
        (quarantined, "quarantine", f"{quarantined} records in quarantine"),
        (failed, "on-finding", f"{failed} findings could not be handed over"),
        (
            plan.strict and detection.incomplete,
            "blind-spots",
            "detectors could not judge everything",
        ),
    ):
        if holds:
            return INCOMPLETE, reason, message
    return CLEAN, "clean", f"nothing at or above {plan.fail_on.value}"


def _open_or_make(plan: Plan, record: RunRecord) -> Case:
    """The case; a new one only once the sources are known to be there."""
    from forensics.case.case import open_case
    from forensics.case.folder import SETTINGS_NAME
    from forensics.sources.walk import check_paths

    if (plan.case / SETTINGS_NAME).exists():
        case = open_case(plan.case, plan.signer)
        record.attach(case)
        check_paths(plan.sources, plan.case)
        with record.step("custody"):
            steps.check_custody(case)
        _check_anchors(case, plan)
        return case
    check_paths(plan.sources, plan.case)
    anchors = read_anchors(plan.anchors, plan.no_intel_root)
    case = steps.make_case(plan.case, anchors, plan.now, plan.signer)
    record.attach(case)
    return case


def _check_anchors(case: Case, plan: Plan) -> None:
    """Anchors are fixed when a case is made: facts were proven under them."""
    from forensics.case.settings import load_vendor_roots

    held = {anchor.der for anchor in case.settings.anchors}
    wanted = read_anchors(plan.anchors, no_intel_root=True) if plan.anchors else []
    if not held.issuperset(wanted):
        raise UsageError("other-anchors", "the case was made with other trust anchors")
    if plan.no_intel_root and not held.isdisjoint(load_vendor_roots()):
        raise UsageError("other-anchors", "the case was made with the roots of the vendors")


def _say_ingest(summary: Summary) -> None:
    rows = ", ".join(f"{count} {table}" for table, count in sorted(summary.rows.items()))
    say(f"ingest: {summary.sources} sources, {summary.new_quotes} new quotes ({rows or 'nothing'})")
    if summary.duplicates:
        say(f"ingest: {len(summary.duplicates)} sources were in the case already")
    if summary.quarantined:
        say(f"ingest: {summary.quarantined} records in quarantine")


def _say_verify(summary: VerifySummary) -> None:
    counts: dict[str, Counter[str]] = {}
    for (when, outcome), count in summary.outcomes.items():
        counts.setdefault(when, Counter())[outcome] += count
    for when in ("receipt", "hindsight"):
        found = counts.get(when, Counter())
        shown = ", ".join(f"{count} {outcome}" for outcome, count in sorted(found.items()))
        say(f"verify: {when} verdicts: {shown or 'none'}")
    say(
        f"verify: {summary.signatures_verified} signatures verified ({summary.engine}); "
        f"hindsight as of {to_plain(summary.as_of)}"
    )
