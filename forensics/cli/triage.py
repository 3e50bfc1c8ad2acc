"""`triage`: what an analyst says of a finding, kept in the ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from forensics.cli.options import (
    CaseArgument,
    FormatOption,
    NowOption,
    SignKeyOption,
    load_signer,
    read_time,
    read_user,
)
from forensics.cli.output import Format
from forensics.errors import UsageError

if TYPE_CHECKING:
    from forensics.case.case import Case
    from forensics.detect.findings import Finding

_SHORTEST_ID = 8


class TriageState(StrEnum):
    open = "open"
    acknowledged = "acknowledged"
    closed = "closed"
    false_positive = "false-positive"


def triage(
    case: CaseArgument,
    fingerprint: Annotated[
        str, typer.Argument(metavar="FINGERPRINT", help="Of a finding, or its first 8 digits up.")
    ],
    state: Annotated[TriageState, typer.Option("--state", help="What you say of it.")],
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why.")],
    form: FormatOption = Format.table,
    sign_key: SignKeyOption = None,
    now: NowOption = None,
) -> None:
    """Say what a finding is; the word, the note and your name go into the ledger.

    closed and false-positive take it out of the exit code until it has a sighting that you have
    not seen: then it is reopened. acknowledged leaves it open. open takes a closing word back.

    \b
    Examples:
      quote-forensics triage nightly 02b1bbfbfbf7577d --state acknowledged --note "OPS-81"
      quote-forensics triage nightly 02b1bbfbfbf7577d --state closed --note "verifier replaced"
      quote-forensics sql nightly "SELECT fingerprint, state, note, who FROM triage"
    """
    from forensics.case.case import open_case
    from forensics.cli.detection import print_findings, to_record

    opened = open_case(case, load_signer(sign_key))
    changed = _say(opened, fingerprint, state, note, read_time(now))
    print_findings([to_record(changed)], form)


def _say(case: Case, fingerprint: str, state: TriageState, note: str, at: datetime) -> Finding:
    from forensics.case.connection import connect
    from forensics.detect.findings import rank
    from forensics.detect.store import load_findings, save_findings
    from forensics.detect.triage import count_words, save_word

    notes = {"fingerprint": fingerprint, "state": state.value, "note": note}
    with case.writer(action="triage", at=at, who=read_user(), notes=notes) as writer:
        connection = connect(case)
        findings = load_findings(connection)
        found = _find(findings, fingerprint)
        writer.notes["fingerprint"] = found.fingerprint
        number = count_words(connection) + 1
        save_word(writer, number, found, state.value, note, read_user(), at)
        changed = _apply(found, state, at)
        others = [finding for finding in findings if finding.fingerprint != found.fingerprint]
        save_findings(writer, rank([*others, changed]))
    return changed


def _find(findings: list[Finding], start: str) -> Finding:
    matches = [f for f in findings if f.fingerprint.startswith(start.lower())]
    if len(start) < _SHORTEST_ID or not matches:
        raise UsageError("no-match", f"no finding has a fingerprint that begins {start:.80}")
    if len(matches) > 1:
        raise UsageError("ambiguous-id", f"{len(matches)} findings begin with {start:.80}")
    return matches[0]


def _apply(finding: Finding, state: TriageState, at: datetime) -> Finding:
    """The finding as the next run would leave it, as far as the word decides that."""
    from forensics.detect.findings import OPEN
    from forensics.detect.triage import CLOSING

    changed = replace(finding, triage=state.value)
    if state.value in CLOSING and finding.state in OPEN:
        return replace(changed, state="closed", state_since=at, cause="triage")
    if state.value not in CLOSING and finding.state == "closed":
        return replace(changed, state="recurring", state_since=at, cause="triage")
    return changed
