"""`verify`: prove what is missing, then judge everything at its receipt and in hindsight."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from forensics.case.ledger import TOOL_VERSION
from forensics.case.provers import hire_provers
from forensics.case.proving import Proving, prove_unproven
from forensics.case.tables import BINDING, FACT_QUOTE, QUOTE, RECEIPT, RULED_BY
from forensics.verify.engine import Engine, choose_engine

if TYPE_CHECKING:
    from forensics.case.case import Case
    from forensics.case.ledger import Entry
    from forensics.case.quote_proof import Progress

_COVERED = "evidence_entry"  # ledger note: the last ingest that the receipts take into account


def ignore_progress(_done: int, _total: int) -> None:
    """Progress that nobody watches."""


@dataclass
class VerifySummary:
    """What one run of `verify` did.

    `signatures` counts the signatures verified in this run, by what they sign; `outcomes` counts
    verdicts by (moment, outcome).
    """

    as_of: datetime
    engine: str
    signatures: dict[str, int] = field(default_factory=dict)
    subjects: int = 0
    outcomes: dict[tuple[str, str], int] = field(default_factory=dict)

    @property
    def signatures_verified(self) -> int:
        return sum(self.signatures.values())


def verify_case(
    case: Case,
    *,
    as_of: datetime,
    at: datetime,
    who: str,
    threads: int,
    fast: bool = True,
    chosen: Collection[bytes] = (),
    progress: Progress = ignore_progress,
) -> VerifySummary:
    """Prove the facts that the case lacks and renew its verdicts, in one commit.

    `as_of` is the moment of hindsight, `at` the time of the run for the ledger. `fast` allows the
    multi-buffer library where it is installed. `chosen` are ids of collateral with which alone
    hindsight is to judge what they are about.
    """
    engine = choose_engine(fast=fast)
    summary = VerifySummary(as_of, engine.name)
    evidence_entry = _last_evidence(case)
    notes = {_COVERED: str(evidence_entry), "as_of": as_of.isoformat(), "engine": engine.name}
    if chosen:
        notes["collateral"] = ", ".join(sorted(identity.hex() for identity in chosen))
    with case.writer(action="verify", at=at, who=who, notes=notes) as writer:
        stale = (
            not covers_evidence(case)
            or not case.files(RECEIPT.name)
            or not _judged_by_this_version(case)
        )
        with _proving(case, engine, threads) if stale else nullcontext() as proving:
            from forensics.case.renewal import Renewal  # loads DuckDB, while provers work

            renewal = Renewal(case, writer)
            if proving:
                renewal.prepare(proving, threads, progress)
                proving.wait_for_end()  # then a core has nothing to do
            with renewal.binding() if proving and not _is_ruled(case) else nullcontext():
                if proving:
                    renewal.prove_quotes(proving, threads)
                summary.subjects = renewal.judge(as_of, chosen, receipts=stale)
    summary.signatures = renewal.signatures
    summary.outcomes = renewal.count_outcomes()
    return summary


@contextmanager
def _proving(case: Case, engine: Engine, threads: int) -> Iterator[Proving]:
    """The signatures that are not proven yet are verified in this block."""
    unproven = case.ledger.rows(QUOTE.name) - case.ledger.rows(FACT_QUOTE.name)
    with (
        hire_provers(engine, unproven, threads) as prove,
        prove_unproven(case, prove, unproven) as proving,
    ):
        yield proving


def covers_evidence(case: Case) -> bool:
    """Whether the last `verify` took all evidence of the case into account."""
    return _covered_evidence(case) == _last_evidence(case)


def _last_evidence(case: Case) -> int:
    """Number of the last ledger entry that brought sources."""
    return max((entry.entry for entry in case.ledger.entries if entry.sources), default=0)


def _covered_evidence(case: Case) -> int:
    """What the last `verify` took into account; -1 when there was none."""
    last = _last_verify(case)
    return -1 if last is None else int(last.notes[_COVERED])


def _judged_by_this_version(case: Case) -> bool:
    """Whether receipts are of this version of the tool, as hindsight will be.

    Else the two would differ by what changed in the tool, and look like an exposure.
    """
    last = _last_verify(case)
    return last is not None and last.tool.version == TOOL_VERSION


def _is_ruled(case: Case) -> bool:
    """Whether the bindings are of this version of the tool, and nothing that they rest on is new.

    New collateral does not touch them, and over a million sightings they take longest.
    """
    if not case.files(BINDING.name) or not _judged_by_this_version(case):
        return False
    covered = _covered_evidence(case)
    later = [entry for entry in case.ledger.entries if entry.entry > covered]
    return not any(file.table in RULED_BY for entry in later for file in entry.files)


def _last_verify(case: Case) -> Entry | None:
    return next((e for e in reversed(case.ledger.entries) if _COVERED in e.notes), None)
