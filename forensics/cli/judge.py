"""`verify`: prove facts and renew verdicts."""

from __future__ import annotations

from forensics.cli import steps
from forensics.cli.options import (
    DEFAULT_THREADS,
    AsOfOption,
    CaseArgument,
    FormatOption,
    NowOption,
    ThreadsOption,
    read_time,
)
from forensics.cli.output import Format, print_records, say, to_plain


def verify(
    case: CaseArgument,
    as_of: AsOfOption = None,
    form: FormatOption = Format.table,
    threads: ThreadsOption = DEFAULT_THREADS,
    now: NowOption = None,
) -> None:
    """Prove the facts that are missing and renew the verdicts.

    Signatures, chains and key bindings are proven once. Judging again at another moment verifies
    no signature again.

    \b
    Examples:
      quote-forensics verify incident-42
      quote-forensics verify incident-42 --as-of 2026-03-31T00:00:00Z
    """
    from forensics.case.case import open_case

    moment = read_time(now)
    summary = steps.verify(
        open_case(case), moment if as_of is None else read_time(as_of), moment, threads
    )
    rows = [
        {"what": "signatures verified", "name": name, "count": count}
        for name, count in summary.signatures.items()
    ]
    rows.append(
        {"what": "signatures verified", "name": "all", "count": summary.signatures_verified}
    )
    rows += [
        {"what": f"{when} verdicts", "name": outcome, "count": count}
        for (when, outcome), count in summary.outcomes.items()
    ]
    print_records(rows, ("what", "name", "count"), form)
    say(f"hindsight as of {to_plain(summary.as_of)}")
