"""The state of custody: what the ledger says about itself, and what contradicts it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from forensics.case.history import describe_history
from forensics.report.tables import Table, cap

if TYPE_CHECKING:
    from forensics.case.case import Case
    from forensics.case.damage import CustodyProblem

_SHOWN = 40


@dataclass(frozen=True)
class Custody:
    """`failures` contradict the ledger; notes are worth a look. Both are in `problems`."""

    entries: int
    head: str
    failures: int
    signed: int
    keys: tuple[str, ...]
    timestamps: int
    anchors: Table
    problems: Table
    history: Table


def describe_custody(case: Case, problems: Sequence[CustodyProblem]) -> Custody:
    """`problems` are what `verify_custody` found. Raises `CustodyError` (a broken chain)."""
    records = describe_history(case)
    newest = [
        (record["entry"], record["time"], record["who"], record["action"], record["what"])
        for record in reversed(records)
    ]
    return Custody(
        entries=len(records),
        head=case.ledger.head,
        failures=sum(problem.level == "failure" for problem in problems),
        signed=sum(record["signed"] for record in records),
        keys=tuple(key.text for key in case.settings.signing_keys),
        timestamps=case.ledger.rows("timestamp_token"),
        anchors=Table(
            "Trust anchors of the case",
            ("SHA-256 of the certificate", "SHA-256 of its public key"),
            [(anchor.certificate_id, anchor.key_id) for anchor in case.settings.anchors],
        ),
        problems=cap(
            "Differences between the case and its ledger",
            ("level", "file", "code", "what"),
            [(p.level, p.path, p.code, p.message) for p in problems],
            _SHOWN,
            "SELECT * FROM custody_problem",
        ),
        history=cap(
            "The newest entries of the ledger",
            ("entry", "time", "who", "action", "what"),
            newest,
            _SHOWN,
            "",
        ),
    )
