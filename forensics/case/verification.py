"""`verify`: prove what is missing, then judge everything at its receipt and in hindsight."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from forensics.case.bindings import renew_bindings
from forensics.case.collateral_proof import (
    prove_certificates,
    prove_crls,
    prove_documents,
    read_issuers,
)
from forensics.case.connection import connect_stored
from forensics.case.derived import DerivedTables
from forensics.case.judgements import Bench, renew_hindsight, renew_receipts
from forensics.case.key_proof import prove_key_recoveries
from forensics.case.platform_proof import prove_certifications, prove_chains
from forensics.case.quote_proof import Progress, prove_quotes
from forensics.case.report_proof import prove_reports
from forensics.case.tables import RECEIPT
from forensics.formats.certificates import parse_certificate
from forensics.verify.engine import Engine, choose_engine

if TYPE_CHECKING:
    import duckdb

    from forensics.case.case import Case

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
    wait: float = 30.0,
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
    with case.writer(action="verify", at=at, who=who, notes=notes, wait=wait) as writer:
        connection = connect_stored(case)
        tables = DerivedTables(case, connection, writer)
        stale = not covers_evidence(case) or not case.files(RECEIPT.name)
        if stale:
            summary.signatures = _prove(case, connection, tables, engine, threads, progress)
            prove_key_recoveries(connection, tables)
        bench = Bench(connection)
        if stale:
            renew_receipts(bench, connection, tables)
        hindsight = Bench(connection, chosen) if chosen else bench
        renew_hindsight(hindsight, connection, tables, _microseconds(as_of))
    [(summary.subjects,)] = connection.execute("SELECT count(*) FROM stored.subject").fetchall()
    summary.outcomes = _count_outcomes(connection)
    return summary


def _prove(
    case: Case,
    connection: duckdb.DuckDBPyConnection,
    tables: DerivedTables,
    engine: Engine,
    threads: int,
    progress: Callable[[int, int], None],
) -> dict[str, int]:
    anchors = [anchor.der for anchor in case.settings.anchors]
    trusted = frozenset(key for der in anchors if (key := parse_certificate(der).public_key))
    with prove_quotes(connection, tables, engine, threads, progress) as quotes:
        counts = {"certificates": prove_chains(connection, tables, trusted)}
        counts["qe_reports"] = prove_certifications(connection, tables, threads)
        issuers = read_issuers(connection, anchors)
        prove_certificates(connection, tables, issuers)
        counts["documents"] = prove_documents(connection, tables, issuers, trusted)
        counts["crls"] = prove_crls(connection, tables, issuers)
        counts["quotes"] = quotes
        renew_bindings(connection, tables)
    return counts | prove_reports(connection, tables, issuers, anchors, threads)


def covers_evidence(case: Case) -> bool:
    """Whether the last `verify` took all evidence of the case into account."""
    return _covered_evidence(case) == _last_evidence(case)


def _last_evidence(case: Case) -> int:
    """Number of the last ledger entry that brought sources."""
    return max((entry.entry for entry in case.ledger.entries if entry.sources), default=0)


def _covered_evidence(case: Case) -> int:
    """What the last `verify` took into account; -1 when there was none."""
    for entry in reversed(case.ledger.entries):
        if _COVERED in entry.notes:
            return int(entry.notes[_COVERED])
    return -1


def _count_outcomes(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], int]:
    rows = connection.execute(
        """
        SELECT moment, coalesce(outcome, 'undetermined'), count(*)
        FROM stored.judged GROUP BY ALL ORDER BY ALL
        """
    ).fetchall()
    return {(moment, outcome): count for moment, outcome, count in rows}


def _microseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond
