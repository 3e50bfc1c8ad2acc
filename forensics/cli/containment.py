"""`--on-finding`: hands open findings to a command, each opening of a finding once.

The command gets one finding as JSON on stdin. There is no shell: the words are split as a shell
would, and nothing from evidence is among them. A call that fails is tried again, then left for the
next run; a call that succeeded is never made again. What was called, how often, and how it ended is
in the case's journal and so in the ledger.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any, Final

from forensics.cli.output import say, to_plain
from forensics.errors import UsageError

if TYPE_CHECKING:
    from forensics.case.case import Case
    from forensics.detect.findings import Finding

ATTEMPTS: Final = 3
TIMEOUT: Final = 60.0  # seconds for one call
PAUSE: Final = 1.0  # seconds before the second call, twice that before the third
PATIENCE: Final = 3  # findings in a row that fail before the rest is left for the next run
_LONGEST_MESSAGE = 400


@dataclass(frozen=True, slots=True)
class Call:
    """How the calls about a finding ended; `exit_code` null: it did not start or took too long."""

    finding: Finding
    attempts: int
    exit_code: int | None
    message: str

    @property
    def succeeded(self) -> bool:
        return self.exit_code == 0


def split_command(text: str) -> list[str]:
    """The command and its arguments. Raises `UsageError` (`bad-command`)."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError("bad-command", f"--on-finding: {error}") from None
    if not words:
        raise UsageError("bad-command", "--on-finding: no command")
    return words


def contain(
    case: Case, command: Sequence[str], findings: Iterable[Finding], at: datetime, who: str
) -> list[Call]:
    """Hand over each finding that was not handed over since it opened; record the calls."""
    from forensics.case.connection import connect
    from forensics.detect.journal import load_handed_over

    handed = load_handed_over(connect(case))
    due = [f for f in findings if (f.fingerprint, f.opened_at) not in handed]
    calls: list[Call] = []
    try:
        for finding in due:
            call = _hand_over(command, finding)
            calls.append(call)
            if not any(call.succeeded for call in calls[-PATIENCE:]) and len(calls) >= PATIENCE:
                say(f"on-finding: it keeps failing; {len(due) - len(calls)} findings are left")
                break
    finally:
        # Also when we are interrupted: what was called must not be called again.
        if calls:
            _record(case, command, calls, at, who)
    for call in calls:
        if not call.succeeded:
            say(f"on-finding: {call.finding.finding_id}: {call.message}")
    return calls


def _hand_over(command: Sequence[str], finding: Finding) -> Call:
    text = json.dumps(_describe(finding), ensure_ascii=False).encode("utf-8", "backslashreplace")
    call = Call(finding, 0, None, "")
    for attempt in range(1, ATTEMPTS + 1):
        if attempt > 1:
            time.sleep(PAUSE * (attempt - 1))
        code, message = _call(command, text)
        call = Call(finding, attempt, code, message)
        if call.succeeded:
            break
    return call


def _describe(finding: Finding) -> dict[str, Any]:
    from forensics.cli.detection import to_record

    record: dict[str, Any] = to_plain(to_record(finding))
    return record


def _call(command: Sequence[str], text: bytes) -> tuple[int | None, str]:
    """One call: its exit code, and what went wrong.

    It ends when the command does, whoever it left behind and whatever those still hold open.
    """
    try:
        with tempfile.TemporaryFile() as said:
            code = _run(command, text, said)
            size = said.seek(0, os.SEEK_END)
            said.seek(max(0, size - 4 * _LONGEST_MESSAGE))
            words = said.read().decode("utf-8", "replace").strip()[-_LONGEST_MESSAGE:]
    except subprocess.TimeoutExpired:
        return None, f"no end after {TIMEOUT:g} s"
    except OSError as error:
        return None, f"cannot start: {error.strerror or error}"
    if code == 0:
        return 0, ""
    return code, f"exit code {code}" + (f": {words}" if words else "")


def _run(command: Sequence[str], text: bytes, said: IO[bytes]) -> int:
    """The exit code. What does not end in time is killed with all that it started."""
    with subprocess.Popen(
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=said,
        start_new_session=True,
    ) as process:
        try:
            process.communicate(text, timeout=TIMEOUT)
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    return process.returncode


def _record(
    case: Case, command: Sequence[str], calls: Sequence[Call], at: datetime, who: str
) -> None:
    from forensics.detect.journal import save_notifications

    spelled = json.dumps(list(command), ensure_ascii=False)
    rows = [
        {
            "fingerprint": call.finding.fingerprint,
            "opened_at": call.finding.opened_at,
            "command": spelled,
            "attempts": call.attempts,
            "exit_code": call.exit_code,
            "message": call.message.encode("utf-8", "backslashreplace").decode(),
            "notified_at": at,
        }
        for call in calls
    ]
    failed = sum(not call.succeeded for call in calls)
    codes = sorted({str(call.exit_code) for call in calls})
    notes = {
        "command": spelled,
        "findings": str(len(calls)),
        "exit_codes": ", ".join(codes),
        "failed": str(failed),
    }
    with case.writer(action="on-finding", at=at, who=who, notes=notes) as writer:
        save_notifications(writer, rows)


def describe_calls(command: Sequence[str], calls: Sequence[Call]) -> dict[str, Any]:
    """What `run.json` says about it."""
    return {
        "command": list(command),
        "handed_over": sum(call.succeeded for call in calls),
        "calls": [
            {
                "fingerprint": call.finding.fingerprint,
                "attempts": call.attempts,
                "exit_code": call.exit_code,
                "message": call.message,
            }
            for call in calls
        ],
    }
