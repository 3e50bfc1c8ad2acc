"""The steps of `verify` over a case's tables: what each adds or replaces belongs to one commit."""

from __future__ import annotations

from collections.abc import Collection
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
from forensics.case.judgements import (
    Bench,
    count_outcomes,
    load_sightings,
    renew_hindsight,
    renew_receipts,
)
from forensics.case.key_proof import find_repeated, prove_key_recoveries
from forensics.case.platform_proof import prove_certifications, prove_chains
from forensics.case.quote_proof import Progress, file_quotes
from forensics.case.report_proof import prove_reports
from forensics.formats.certificates import parse_certificate

if TYPE_CHECKING:
    from forensics.case.case import Case
    from forensics.case.proving import Proving
    from forensics.case.writer import Writer


class Renewal:
    """Facts and verdicts of a case, made anew in the order of the methods."""

    def __init__(self, case: Case, writer: Writer) -> None:
        self._case = case
        self._connection = connect_stored(case)
        self._tables = DerivedTables(case, self._connection, writer)

    def prove(
        self, proving: Proving, threads: int, progress: Progress, *, bind: bool
    ) -> dict[str, int]:
        """Add the facts that are missing; the signatures verified for it, by what they sign.

        `bind`: whether the REPORT_DATA rules are to be applied anew.
        """
        connection, tables = self._connection, self._tables
        anchors = [anchor.der for anchor in self._case.settings.anchors]
        trusted = frozenset(key for der in anchors if (key := parse_certificate(der).public_key))
        with file_quotes(connection, tables, proving, progress) as quotes:
            counts = {"certificates": prove_chains(connection, tables, trusted)}
            counts["qe_reports"] = prove_certifications(connection, tables, threads)
            issuers = read_issuers(connection, anchors)
            prove_certificates(connection, tables, issuers)
            counts["documents"] = prove_documents(connection, tables, issuers, trusted)
            counts["crls"] = prove_crls(connection, tables, issuers)
            counts["quotes"] = quotes
            if bind:
                renew_bindings(connection, tables)
            repeated = find_repeated(connection)
        counts |= prove_reports(connection, tables, issuers, anchors, threads)
        if repeated:
            prove_key_recoveries(connection, tables)
        return counts

    def judge(self, as_of: datetime, chosen: Collection[bytes], *, receipts: bool) -> int:
        """Renew hindsight, and the receipts where evidence or facts are new; number of subjects."""
        bench = Bench(self._connection)
        load_sightings(self._connection)
        if receipts:
            renew_receipts(bench, self._connection, self._tables)
        hindsight = Bench(self._connection, chosen) if chosen else bench
        renew_hindsight(hindsight, self._connection, self._tables, _microseconds(as_of))
        [(subjects,)] = self._connection.execute("SELECT count(*) FROM stored.subject").fetchall()
        assert isinstance(subjects, int)
        return subjects

    def count_outcomes(self) -> dict[tuple[str, str], int]:
        """Verdicts by (moment, outcome)."""
        return count_outcomes(self._connection)


def _microseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond
