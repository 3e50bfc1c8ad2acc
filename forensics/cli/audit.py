"""`audit`: ingest, verify, detect, summarise. The nightly job, and a newcomer's first command."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from forensics.cli import detection as detecting
from forensics.cli import steps
from forensics.cli.detection import (
    FOUND,
    INCOMPLETE,
    FailOnOption,
    NewOnlyOption,
    ParamOption,
    PatienceOption,
    QueriesOption,
    Severity,
    StrictOption,
)
from forensics.cli.options import (
    DEFAULT_THREADS,
    AsOfOption,
    CaseArgument,
    FastOption,
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
from forensics.cli.output import Format, say, to_plain
from forensics.cli.suppressing import SuppressionsOption, load_suppressions, say_review
from forensics.errors import UsageError

if TYPE_CHECKING:
    from forensics.case.case import Case
    from forensics.case.signing import Signer
    from forensics.case.verification import VerifySummary
    from forensics.case.writer import Summary


def audit(
    case: CaseArgument,
    sources: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[SOURCE...]", help="Files or directories of evidence."),
    ] = None,
    root_ca: RootOption = None,
    no_intel_root: NoIntelRootOption = False,
    as_of: AsOfOption = None,
    patience: PatienceOption = "6h",
    suppressions: SuppressionsOption = None,
    fail_on: FailOnOption = Severity.high,
    fail_on_new: NewOnlyOption = False,
    strict: StrictOption = False,
    param: ParamOption = None,
    queries: QueriesOption = None,
    threads: ThreadsOption = DEFAULT_THREADS,
    fast: FastOption = True,
    form: FormatOption = Format.table,
    sign_key: SignKeyOption = None,
    now: NowOption = None,
) -> None:
    """Ingest, verify, detect and report; makes the case when it is missing.

    A case that is there already is first held against its ledger, file by file.

    Exit codes, the first that applies: 2 unusable input, 4 custody failure, 1 findings at or
    above `--fail-on`, 3 records in quarantine (or, with `--strict`, blind detectors), 0 clean.

    \b
    Examples:
      quote-forensics audit incident-42 evidence/
      quote-forensics audit nightly /var/log/kbs --root-ca staging.pem --fail-on critical
    """
    moment = read_time(now)
    cut_off = moment if as_of is None else read_time(as_of)
    signer = load_signer(sign_key)
    opened = _open_or_make(case, sources or [], root_ca, no_intel_root, moment, signer)
    suppression_file = load_suppressions(suppressions, opened, moment)
    quarantined = 0
    if sources:
        summary = steps.ingest(opened, sources, moment)
        quarantined = summary.quarantined
        _say_ingest(summary)
    _say_verify(steps.verify(opened, cut_off, moment, threads=threads, fast=fast))
    detection = steps.detect(
        opened,
        cut_off,
        moment,
        overrides=detecting.read_params(param),
        queries=queries or (),
        suppressions=suppression_file,
        patience=detecting.read_patience(patience),
    )
    detecting.print_findings(detecting.describe_findings(detection), form)
    detecting.say_detection(detection)
    say_review(suppression_file, detection.findings, moment)
    code = detecting.exit_code(detection, fail_on, strict, news_only=fail_on_new)
    if code != FOUND and quarantined:
        code = INCOMPLETE
    if code:
        raise typer.Exit(code)


def _open_or_make(
    path: Path,
    sources: list[Path],
    root_ca: list[Path] | None,
    no_intel_root: bool,
    now: datetime,
    signer: Signer | None,
) -> Case:
    """The case; a new one only once the sources are known to be there."""
    from forensics.case.case import SETTINGS_NAME, open_case
    from forensics.sources.walk import check_paths

    check_paths(sources)
    if (path / SETTINGS_NAME).exists():
        case = open_case(path, signer)
        steps.check_custody(case)
        if root_ca:
            _check_anchors(case, read_anchors(root_ca, no_intel_root=True))
        return case
    return steps.make_case(path, read_anchors(root_ca, no_intel_root), now, signer)


def _check_anchors(case: Case, wanted: list[bytes]) -> None:
    """Anchors are fixed when a case is made: facts were proven under them."""
    held = {anchor.der for anchor in case.settings.anchors}
    if not held.issuperset(wanted):
        raise UsageError("other-anchors", "the case was made with other trust anchors")


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
