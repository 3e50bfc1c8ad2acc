"""The steps of `verify` over a case's tables: what each adds or replaces belongs to one commit."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from forensics.case.bindings import write_bindings
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
from forensics.case.quote_proof import Progress, file_quotes, watch_quotes
from forensics.case.report_proof import prove_reports
from forensics.case.tables import BINDING
from forensics.formats.certificates import parse_certificate
from forensics.formats.times import to_microseconds

if TYPE_CHECKING:
    from forensics.case.case import Case
    from forensics.case.proving import Proving
    from forensics.case.writer import Writer


class Renewal:
    """Facts and verdicts of a case, made anew in the order of the methods."""

    def __init__(self, case: Case, writer: Writer) -> None:
        self.signatures: dict[str, int] = {}
        """How many were verified, by what they sign."""
        self._case = case
        self._connection = connect_stored(case)
        self._tables = DerivedTables(case, self._connection, writer)
        self._anchors = [anchor.der for anchor in case.settings.anchors]
        self._bench: Bench | None = None

    def prepare(self, proving: Proving, threads: int, progress: Progress) -> None:
        """Add the missing facts about whatever speaks for a quote, while quotes are proven."""
        connection, tables = self._connection, self._tables
        self._quotes = watch_quotes(connection, proving, progress)
        anchors = [parse_certificate(der) for der in self._anchors]
        trusted = frozenset(filter(None, (anchor.public_key for anchor in anchors)))
        counts = {"certificates": prove_chains(connection, tables, trusted)}
        counts["qe_reports"] = prove_certifications(connection, tables, threads)
        self._issuers = read_issuers(connection, self._anchors)
        prove_certificates(connection, tables, self._issuers)
        counts["documents"] = prove_documents(connection, tables, self._issuers, trusted)
        counts["crls"] = prove_crls(connection, tables, self._issuers, anchors)
        self.signatures |= counts
        self._repeated = find_repeated(connection)
        self._bench = Bench(connection)

    def prove_quotes(self, proving: Proving, threads: int) -> None:
        """Add the facts that are missing about quotes and reports."""
        connection, tables = self._connection, self._tables
        file_quotes(connection, tables, proving, self._quotes)
        self.signatures["quotes"] = self._quotes
        self.signatures |= prove_reports(connection, tables, self._issuers, self._anchors, threads)
        if self._repeated:
            prove_key_recoveries(connection, tables)

    @contextmanager
    def binding(self) -> Iterator[None]:
        """Apply the REPORT_DATA rules anew, beside what the block does: it needs none of them."""
        cursor = self._connection.cursor()
        with self._tables.replacement(BINDING) as path, ThreadPoolExecutor(1) as pool:
            written = pool.submit(write_bindings, cursor, path)
            try:
                yield
                written.result()
            except BaseException:
                cursor.interrupt()  # nobody waits for it any more
                raise

    def judge(self, as_of: datetime, chosen: Collection[bytes], *, receipts: bool) -> int:
        """Renew hindsight, and the receipts where evidence or facts are new; number of subjects."""
        bench = self._bench or Bench(self._connection)
        load_sightings(self._connection)
        if receipts:
            renew_receipts(bench, self._connection, self._tables)
        hindsight = Bench(self._connection, chosen) if chosen else bench
        renew_hindsight(hindsight, self._connection, self._tables, to_microseconds(as_of))
        [(subjects,)] = self._connection.execute("SELECT count(*) FROM stored.subject").fetchall()
        assert isinstance(subjects, int)
        return subjects

    def count_outcomes(self) -> dict[tuple[str, str], int]:
        """Verdicts by (moment, outcome)."""
        return count_outcomes(self._connection)
