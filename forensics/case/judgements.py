"""Receipt and hindsight: joins of facts with moments. No signature is verified here.

A subject's verdict is a step function of time that changes only where a document, CRL or
certificate begins or ends. So evidence received in the same stretch of time shares one judgement,
and only the stretches in which evidence was received are judged.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import pairwise
from typing import TYPE_CHECKING

from forensics.case.derived import DerivedTables, Row, load_rows
from forensics.case.facts import (
    read_certifications,
    read_chains,
    read_crls,
    read_documents,
    read_endorsements,
    read_subjects,
)
from forensics.case.tables import HINDSIGHT, JUDGED_CHECK, RECEIPT, Column
from forensics.formats.collateral import (
    EnclaveIdentity,
    TcbInfo,
    parse_enclave_identity,
    parse_tcb_info,
)
from forensics.formats.snp import SnpReport
from forensics.verify.appraisal import Appraiser, Judgement
from forensics.verify.archive import SECOND, Archive, Context, Selection
from forensics.verify.facts import (
    CertificationFact,
    ChainFact,
    DocumentFact,
    EndorsementFact,
    Subject,
)
from forensics.verify.report_appraisal import judge_report
from forensics.verify.report_signature import Endorsed

if TYPE_CHECKING:
    import duckdb

_BEGINNING = -(1 << 62)
_END = 1 << 62

_PERIOD = (
    Column("context_no", "i64", ""),
    Column("starts", "i64", ""),
    Column("ends", "i64", ""),
)
_MEMBER = (Column("subject_no", "i64", ""), Column("context_no", "i64", ""))


class Bench:
    """All facts of a case, ready to judge any subject at any moment."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, chosen: Collection[bytes] = ()
    ) -> None:
        """`chosen`: ids of collateral that alone is to be used for what it is about."""
        self._connection = connection
        self._chains = read_chains(connection)
        self._certifications = read_certifications(connection)
        self.endorsements = read_endorsements(connection)
        self._archive = Archive(read_documents(connection), read_crls(connection), chosen)
        self._tcb_infos: dict[bytes, TcbInfo] = {}
        self._identities: dict[bytes, EnclaveIdentity] = {}
        self._appraiser = Appraiser(self._read_tcb_info, self._read_identity)
        self.subjects = {subject.subject_no: subject for subject in read_subjects(connection)}

    def chain(self, subject: Subject) -> ChainFact | EndorsementFact | None:
        """What certifies the subject's key; None for a report whose certificate is missing."""
        if subject.certification_id is None:
            return self.endorsements.get(subject.endorsement_id or b"")
        certification = self._certifications[subject.certification_id]
        return self._chains[certification.certification_data_id]

    def judge(self, subject: Subject, moment: int) -> Judgement:
        """`moment` in microseconds since the epoch, UTC."""
        selection = self._context(subject).select(moment)
        return self._judge_under(subject, selection, moment)

    def judge_facts(
        self, subject: Subject, certification: CertificationFact, chain: ChainFact, moment: int
    ) -> Judgement:
        """Judge what the case does not hold with its collateral; `moment` as in `judge`."""
        selection = self._archive.context(chain, subject.tee).select(moment)
        return self._appraiser.judge(subject, certification, chain, selection, moment)

    def accepts_otherwise(self, subject: Subject, moment: int) -> bool:
        """Would any other collateral of the archive that was valid then accept the subject?"""
        return any(
            self._judge_under(subject, selection, moment).outcome == "accepted"
            for selection in self._context(subject).alternatives(moment)
        )

    def boundaries(self, subject: Subject) -> list[int]:
        """Moments at which collateral about the subject begins or ends; shared between subjects."""
        return self._context(subject).boundaries

    def _context(self, subject: Subject) -> Context:
        return self._archive.context(self.chain(subject), subject.tee)

    def _judge_under(self, subject: Subject, selection: Selection, moment: int) -> Judgement:
        chain = self.chain(subject)
        if isinstance(chain, ChainFact) and subject.certification_id is not None:
            certification = self._certifications[subject.certification_id]
            return self._appraiser.judge(subject, certification, chain, selection, moment)
        assert subject.report is not None
        assert not isinstance(chain, ChainFact)
        return judge_report(subject.report, chain, subject.signature_ok, selection, moment)

    def judge_report(self, report: SnpReport, endorsed: Endorsed, moment: int) -> Judgement:
        """Judge a report that the case does not hold; `moment` as in `judge`."""
        endorsement = self.endorsements.get(endorsed.endorsement_id or b"")
        selection = self._archive.context(endorsement, report.tee).select(moment)
        return judge_report(report, endorsement, endorsed.signature_ok, selection, moment)

    def _read_tcb_info(self, document: DocumentFact) -> TcbInfo:
        if document.document_id not in self._tcb_infos:
            self._tcb_infos[document.document_id] = parse_tcb_info(self._read_body(document))
        return self._tcb_infos[document.document_id]

    def _read_identity(self, document: DocumentFact) -> EnclaveIdentity:
        if document.document_id not in self._identities:
            identity = parse_enclave_identity(self._read_body(document))
            self._identities[document.document_id] = identity
        return self._identities[document.document_id]

    def _read_body(self, document: DocumentFact) -> bytes:
        (body,) = self._connection.execute(
            "SELECT body FROM stored.document WHERE document_id = ?", [document.document_id]
        ).fetchall()[0]
        assert isinstance(body, bytes)
        return body


def renew_hindsight(bench: Bench, tables: DerivedTables, as_of: int) -> None:
    """Judge every subject at `as_of` (microseconds)."""
    rows = [
        _judgement_row(bench, subject, as_of, as_of + 1)
        for _, subject in sorted(bench.subjects.items())
    ]
    tables.replace(HINDSIGHT, rows)


def judge_hindsight(connection: duckdb.DuckDBPyConnection, as_of: int) -> None:
    """Let the views of this connection show hindsight at `as_of` (microseconds); store nothing."""
    bench = Bench(connection)
    rows = [
        _judgement_row(bench, subject, as_of, as_of + 1)
        for _, subject in sorted(bench.subjects.items())
    ]
    load_rows(connection, HINDSIGHT.name, HINDSIGHT.columns, rows)
    connection.execute("CREATE OR REPLACE VIEW stored.hindsight AS FROM temp.hindsight")


def renew_receipts(
    bench: Bench, connection: duckdb.DuckDBPyConnection, tables: DerivedTables
) -> None:
    """Judge every subject in the stretches of time in which its evidence was received."""
    _load_periods(bench, connection)
    hits = connection.execute(
        """
        SELECT DISTINCT m.subject_no, p.starts, p.ends
        FROM (
            SELECT quote_no, epoch_us(coalesce(received_at, verified_at, timestamp)) AS at
            FROM stored.observation WHERE quote_no IS NOT NULL
        ) AS o
        JOIN stored.filed AS f ON f.quote_no = o.quote_no
        JOIN member AS m ON m.subject_no = f.subject_no
        ASOF JOIN period AS p ON p.context_no = m.context_no AND o.at >= p.starts
        ORDER BY m.subject_no, p.starts
        """
    ).fetchall()
    rows = [
        _judgement_row(bench, subject, begin, end)
        for number, starts, ends in hits
        for subject in (bench.subjects[number],)
        for begin, end in _cut(starts, ends, bench.chain(subject))
    ]
    tables.replace(RECEIPT, rows)


def fill_check_results(connection: duckdb.DuckDBPyConnection) -> None:
    """Judge again, with every check, what the view `check_result` is to show."""
    bench = Bench(connection)
    rows = [
        {
            "moment": moment,
            "subject_no": number,
            "starts": starts,
            "check_id": check,
            "result": result,
            "expected": expected,
            "observed": observed,
        }
        for moment, table in (("receipt", RECEIPT), ("hindsight", HINDSIGHT))
        for number, starts in connection.execute(
            f"SELECT subject_no, starts FROM stored.{table.name} ORDER BY ALL"
        ).fetchall()
        for check, (result, expected, observed) in bench.judge(
            bench.subjects[number], starts
        ).results.items()
    ]
    load_rows(connection, JUDGED_CHECK.name, JUDGED_CHECK.columns, rows)
    connection.execute("CREATE OR REPLACE VIEW stored.judged_check AS FROM temp.judged_check")


def _load_periods(bench: Bench, connection: duckdb.DuckDBPyConnection) -> None:
    """Tables `period` (stretches of time per context) and `member` (subject -> context)."""
    numbers: dict[int, int] = {}
    periods: list[Row] = []
    members: list[Row] = []
    for number, subject in sorted(bench.subjects.items()):
        boundaries = bench.boundaries(subject)
        context = numbers.get(id(boundaries))
        if context is None:
            context = numbers[id(boundaries)] = len(numbers)
            moments = [_BEGINNING, *boundaries, _END]
            periods += [
                {"context_no": context, "starts": start, "ends": end}
                for start, end in pairwise(moments)
            ]
        members.append({"subject_no": number, "context_no": context})
    load_rows(connection, "period", _PERIOD, periods)
    load_rows(connection, "member", _MEMBER, members)


def _cut(
    starts: int, ends: int, chain: ChainFact | EndorsementFact | None
) -> Iterable[tuple[int, int]]:
    """A stretch of time, cut where the subject's own certificates begin or end."""
    own: set[int | None] = set()
    if chain is not None:
        own = {chain.not_before, None if chain.not_after is None else chain.not_after + SECOND}
    inside = sorted(moment for moment in own if moment is not None and starts < moment < ends)
    moments = [starts, *inside, ends]
    return pairwise(moments)


def _judgement_row(bench: Bench, subject: Subject, starts: int, ends: int) -> Row:
    judgement = bench.judge(subject, starts)
    rejected = judgement.outcome == "rejected"
    others = bench.accepts_otherwise(subject, starts) if rejected else None
    selection = judgement.selection
    info, identity = selection.tcb_info, selection.qe_identity
    issued, expires = _span(selection)
    return {
        "subject_no": subject.subject_no,
        "starts": starts,
        "ends": ends,
        "outcome": judgement.outcome,
        "status": judgement.status,
        "failed_checks": judgement.failed_checks,
        "undetermined_checks": judgement.undetermined_checks,
        "strict_failures": judgement.strict_failures,
        "advisory_ids": judgement.advisory_ids,
        "tcb_info_id": info.document_id.hex() if info else None,
        "qe_identity_id": identity.document_id.hex() if identity else None,
        "pck_crl_id": selection.pck_crl.crl_id.hex() if selection.pck_crl else None,
        "root_crl_id": selection.root_crl.crl_id.hex() if selection.root_crl else None,
        "tcb_evaluation_data_number": info.outline.evaluation_number if info else None,
        "qe_evaluation_data_number": identity.outline.evaluation_number if identity else None,
        "collateral_issued_at": issued,
        "collateral_expires_at": expires,
        "other_collateral_accepts": others,
    }


def _span(selection: Selection) -> tuple[int | None, int | None]:
    """Latest issue and earliest expiry of the collateral used."""
    documents = [d for d in (selection.tcb_info, selection.qe_identity) if d]
    crls = [c for c in (selection.root_crl, selection.pck_crl) if c]
    issued = [d.outline.issued_at for d in documents] + [c.this_update for c in crls]
    expires = [d.outline.expires_at for d in documents] + [c.next_update for c in crls]
    return (
        max((moment for moment in issued if moment is not None), default=None),
        min((moment for moment in expires if moment is not None), default=None),
    )
