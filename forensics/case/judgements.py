"""Receipt and hindsight: joins of facts with moments. No signature is verified here.

A subject's verdict is a step function of time that changes only where a document, CRL or
certificate begins or ends. So evidence received in the same stretch of time shares one judgement,
and only the stretches in which evidence was received are judged.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property
from itertools import groupby, pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from forensics.case.derived import (
    BLOCK_ROWS,
    DerivedTables,
    Row,
    load_more_rows,
    load_rows,
    stream,
)
from forensics.case.expressions import RECEIVED_OR_NO_TIME
from forensics.case.facts import (
    Candidate,
    read_candidates,
    read_crls,
    read_documents,
    read_endorsements,
)
from forensics.case.tables import HINDSIGHT, JUDGED_CHECK, JUDGED_OUTCOME, RECEIPT, Column
from forensics.formats.collateral import (
    EnclaveIdentity,
    TcbInfo,
    parse_enclave_identity,
    parse_tcb_info,
)
from forensics.formats.snp import SnpReport
from forensics.verify.appraisal import Appraiser, Judgement, format_time
from forensics.verify.archive import (
    COLLATERAL_IDS,
    CONTEXT_COLUMNS,
    NO_TIME,
    SECOND,
    Archive,
    Context,
    Selection,
)
from forensics.verify.checks import Outcome
from forensics.verify.facts import ChainFact, DocumentFact, EndorsementFact
from forensics.verify.report_appraisal import judge_report
from forensics.verify.report_signature import Endorsed

if TYPE_CHECKING:
    import duckdb

_BEGINNING = NO_TIME + 1
_END = 1 << 62
_REMEMBERED = 1 << 16  # outcomes: some 30 MiB

_PERIOD = (
    Column("context_no", "i64", ""),
    Column("starts", "i64", ""),
    Column("ends", "i64", ""),
)
_CHAIN_CONTEXT = (
    Column("certifier_id", "id", ""),
    Column("tee", "text", ""),
    Column("context_no", "i64", ""),
)


class Bench:
    """All facts of a case, ready to judge any subject at any moment."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, chosen: Collection[bytes] = ()
    ) -> None:
        """`chosen`: ids of collateral to use instead of any other about the same."""
        self._connection = connection
        self._archive = Archive(read_documents(connection), read_crls(connection), chosen)
        self._chosen = frozenset(identity.hex() for identity in chosen)
        self._tcb_infos: dict[bytes, TcbInfo] = {}
        self._identities: dict[bytes, EnclaveIdentity] = {}
        self._appraiser = Appraiser(self._read_tcb_info, self._read_identity)

    def judge(self, candidate: Candidate, moment: int) -> Judgement:
        """`moment` in microseconds since the epoch, UTC."""
        selection = self.find_context(candidate.chain, candidate.subject.tee).select(moment)
        return self._judge_under(candidate, selection, moment)

    def recall(
        self, candidate: Candidate, moment: int, used: Mapping[str, str | None]
    ) -> Judgement:
        """Judge again with the collateral that a verdict names: `used` has its four id columns."""
        root_key = candidate.chain.root_key if candidate.chain else None
        return self._judge_under(candidate, self._archive.recall(used, root_key, moment), moment)

    def accepts_otherwise(self, candidate: Candidate, moment: int) -> bool:
        """Would any other collateral of the archive that was valid then accept the subject?"""
        context = self.find_context(candidate.chain, candidate.subject.tee)
        return any(
            self._judge_under(candidate, selection, moment).outcome == "accepted"
            for selection in context.alternatives(moment)
        )

    def find_chosen(self, used: Iterable[str | None]) -> list[str] | None:
        """Those of the ids (hex) that were chosen; None where none was."""
        return [identity for identity in used if identity in self._chosen] or None

    def _judge_under(self, candidate: Candidate, selection: Selection, moment: int) -> Judgement:
        subject, certification, chain = candidate
        if isinstance(chain, ChainFact) and certification is not None:
            return self._appraiser.judge(subject, certification, chain, selection, moment)
        assert subject.report is not None
        assert not isinstance(chain, ChainFact)
        return judge_report(subject.report, chain, subject.signature_ok, selection, moment)

    def judge_report(self, report: SnpReport, endorsed: Endorsed, moment: int) -> Judgement:
        """Judge a report that the case does not hold; `moment` as in `judge`."""
        endorsement = self.endorsements.get(endorsed.endorsement_id or b"")
        selection = self._archive.context(endorsement, report.tee).select(moment)
        return judge_report(report, endorsement, endorsed.signature_ok, selection, moment)

    @cached_property
    def endorsements(self) -> dict[bytes, EndorsementFact]:
        """What the case knows of certificates of VEKs, by id."""
        return read_endorsements(self._connection)

    def find_context(self, chain: ChainFact | EndorsementFact | None, tee: str) -> Context:
        """The collateral that is about quotes of this kind with this chain."""
        return self._archive.context(chain, tee)

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


def renew_hindsight(
    bench: Bench, connection: duckdb.DuckDBPyConnection, tables: DerivedTables, as_of: int
) -> None:
    """Judge every subject at `as_of` (microseconds)."""
    tables.replace(HINDSIGHT, _judge_all(bench, connection, as_of))


def judge_hindsight(connection: duckdb.DuckDBPyConnection, as_of: int) -> None:
    """Let the views of this connection show hindsight at `as_of` (microseconds); store nothing."""
    rows = _judge_all(Bench(connection), connection, as_of)
    load_rows(connection, HINDSIGHT.name, HINDSIGHT.columns, rows)
    connection.execute("CREATE OR REPLACE VIEW stored.hindsight AS FROM temp.hindsight")


def _judge_all(bench: Bench, connection: duckdb.DuckDBPyConnection, as_of: int) -> Iterator[Row]:
    for candidate in read_candidates(connection):
        yield _judgement_row(bench, candidate, as_of, as_of + 1)


def load_sightings(connection: duckdb.DuckDBPyConnection) -> None:
    """Table `sighting`: the subject of each observation, and when it was received."""
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE sighting AS
        SELECT f.subject_no, {RECEIVED_OR_NO_TIME} AS received
        FROM stored.observation AS o JOIN stored.filed AS f ON f.quote_no = o.quote_no
        """
    )


def count_outcomes(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], int]:
    """Verdicts by (moment, outcome), over the table `sighting`."""
    rows = connection.execute(
        """
        SELECT 'receipt' AS moment, coalesce(j.outcome, 'undetermined') AS outcome, count(*)
        FROM sighting AS s
        LEFT JOIN stored.receipt AS j
               ON j.subject_no = s.subject_no AND s.received >= j.starts AND s.received < j.ends
        GROUP BY ALL
        UNION ALL
        SELECT 'hindsight', j.outcome, count(*)
        FROM sighting AS s JOIN stored.hindsight AS j ON j.subject_no = s.subject_no
        GROUP BY ALL
        ORDER BY ALL
        """
    ).fetchall()
    return {(moment, outcome): count for moment, outcome, count in rows}


def renew_receipts(
    bench: Bench, connection: duckdb.DuckDBPyConnection, tables: DerivedTables
) -> None:
    """Judge every subject in the stretches of time in which its evidence was received.

    Reads the table `sighting`.
    """
    _load_periods(bench, connection)
    connection.execute(
        """
        CREATE OR REPLACE TABLE stored.hit AS
        SELECT DISTINCT s.subject_no, p.starts, p.ends
        FROM sighting AS s
        JOIN member AS m ON m.subject_no = s.subject_no
        ASOF JOIN period AS p ON p.context_no = m.context_no AND s.received >= p.starts
        """
    )
    tables.replace(RECEIPT, _judge_hits(bench, connection))
    connection.execute("DROP TABLE stored.hit")


def _judge_hits(bench: Bench, connection: duckdb.DuckDBPyConnection) -> Iterator[Row]:
    sql = "SELECT subject_no, starts, ends FROM stored.hit ORDER BY ALL"
    for candidate, hits in _pair(connection, sql):
        for _, starts, ends in hits:
            for begin, end in _cut(starts, ends, candidate.chain):
                yield _judgement_row(bench, candidate, begin, end)


def _pair(
    connection: duckdb.DuckDBPyConnection, sql: str
) -> Iterator[tuple[Candidate, list[tuple[Any, ...]]]]:
    """The rows of a query, grouped by its first column: subjects' numbers, ascending."""
    candidates = read_candidates(connection)
    for number, rows in groupby(stream(connection, sql), key=itemgetter(0)):
        candidate = next(c for c in candidates if c.subject.subject_no == number)
        yield candidate, list(rows)


def fill_check_results(connection: duckdb.DuckDBPyConnection) -> None:
    """Judge again, with every check, what the view `check_result` is to show."""
    outcomes = _Outcomes(connection)
    rows = _check_again(Bench(connection), connection, outcomes)
    load_rows(connection, JUDGED_CHECK.name, JUDGED_CHECK.columns, rows)
    outcomes.load()
    for table in (JUDGED_CHECK, JUDGED_OUTCOME):
        connection.execute(f"CREATE OR REPLACE VIEW stored.{table.name} AS FROM temp.{table.name}")


class _Outcomes:
    """Numbers for the outcomes of checks: judgements share most of them, and each is stored once.

    One that was forgotten to bound memory is stored again, under another number.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._count = 0
        self._known: dict[tuple[str, Outcome], int] = {}
        self._new: list[Row] = []
        load_rows(connection, JUDGED_OUTCOME.name, JUDGED_OUTCOME.columns, [])

    def number(self, check: str, outcome: Outcome) -> int:
        known = self._known.get((check, outcome))
        return self._add(check, outcome) if known is None else known

    def load(self) -> None:
        """Add what is new to the table."""
        columns = JUDGED_OUTCOME.columns
        load_more_rows(self._connection, JUDGED_OUTCOME.name, columns, self._new)
        self._new = []

    def _add(self, check: str, outcome: Outcome) -> int:
        if len(self._known) >= _REMEMBERED:
            self._known = {}
        number = self._known[check, outcome] = self._count
        self._count += 1
        self._new.append(dict(zip(JUDGED_OUTCOME.names, (number, check, *outcome), strict=True)))
        if len(self._new) >= BLOCK_ROWS:
            self.load()
        return number


def _check_again(
    bench: Bench, connection: duckdb.DuckDBPyConnection, outcomes: _Outcomes
) -> Iterator[Row]:
    sql = " UNION ALL ".join(
        f"SELECT subject_no, starts, '{moment}' AS moment, {', '.join(COLLATERAL_IDS)} "
        f"FROM stored.{table.name}"
        for moment, table in (("receipt", RECEIPT), ("hindsight", HINDSIGHT))
    )
    for candidate, judged in _pair(connection, f"SELECT * FROM ({sql}) ORDER BY ALL"):
        for number, starts, moment, *ids in judged:
            used = dict(zip(COLLATERAL_IDS, ids, strict=True))
            results = bench.recall(candidate, starts, used).results
            yield {
                "moment": moment,
                "subject_no": number,
                "starts": starts,
                "shown": format_time(starts),
                "outcomes": [outcomes.number(*entry) for entry in results.items()],
            }


def _load_periods(bench: Bench, connection: duckdb.DuckDBPyConnection) -> None:
    """Tables `period` (stretches of time per context) and `member` (subject -> context).

    Contexts that change at the same moments are one here.
    """
    numbers = {_boundaries(bench, None, ""): 0}  # a report whose certificate is missing
    contexts = _number_contexts(bench, connection, numbers)
    load_rows(connection, "chain_context", _CHAIN_CONTEXT, contexts)
    connection.execute(
        """
        CREATE OR REPLACE TEMP TABLE member AS
        SELECT s.subject_no, k.context_no
        FROM stored.subject AS s
        JOIN stored.fact_certification AS c ON c.certification_id = s.certification_id
        JOIN chain_context AS k
          ON k.certifier_id = c.certification_data_id AND k.tee = s.tee
        UNION ALL
        SELECT s.subject_no, coalesce(k.context_no, ?)
        FROM stored.subject AS s
        LEFT JOIN chain_context AS k ON k.certifier_id = s.endorsement_id
        WHERE s.certification_id IS NULL
        """,
        [numbers[_boundaries(bench, None, "")]],
    )
    periods = (
        {"context_no": number, "starts": start, "ends": end}
        for boundaries, number in numbers.items()
        for start, end in pairwise((NO_TIME, _BEGINNING, *boundaries, _END))
    )
    load_rows(connection, "period", _PERIOD, periods)


def _number_contexts(
    bench: Bench, connection: duckdb.DuckDBPyConnection, numbers: dict[tuple[int, ...], int]
) -> Iterator[Row]:
    """The context of each chain under each TEE and of each VEK; `numbers` is filled with them."""
    columns = ", ".join(CONTEXT_COLUMNS)
    sql = (
        f"SELECT tee, certification_data_id, {columns} FROM stored.fact_chain "
        "CROSS JOIN (SELECT DISTINCT tee FROM stored.subject)"
    )
    for tee, identity, *about in stream(connection, sql):
        chain = ChainFact(identity, {}, **dict(zip(CONTEXT_COLUMNS, about, strict=True)))
        number = numbers.setdefault(_boundaries(bench, chain, tee), len(numbers))
        yield {"certifier_id": identity, "tee": tee, "context_no": number}
    for identity, endorsement in bench.endorsements.items():
        number = numbers.setdefault(_boundaries(bench, endorsement, ""), len(numbers))
        yield {"certifier_id": identity, "tee": None, "context_no": number}


def _boundaries(
    bench: Bench, chain: ChainFact | EndorsementFact | None, tee: str
) -> tuple[int, ...]:
    return tuple(bench.find_context(chain, tee).boundaries)


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


def _judgement_row(bench: Bench, candidate: Candidate, starts: int, ends: int) -> Row:
    judgement = bench.judge(candidate, starts)
    rejected = judgement.outcome == "rejected"
    others = bench.accepts_otherwise(candidate, starts) if rejected else None
    selection = judgement.selection
    info, identity = selection.tcb_info, selection.qe_identity
    used = selection.name_used()
    issued, expires = _span(selection)
    return {
        "subject_no": candidate.subject.subject_no,
        "starts": starts,
        "ends": ends,
        "outcome": judgement.outcome,
        "status": judgement.status,
        "failed_checks": judgement.failed_checks,
        "undetermined_checks": judgement.undetermined_checks,
        "strict_failures": judgement.strict_failures,
        "advisory_ids": judgement.advisory_ids,
        **used,
        "tcb_evaluation_data_number": info.outline.evaluation_number if info else None,
        "qe_evaluation_data_number": identity.outline.evaluation_number if identity else None,
        "collateral_issued_at": issued,
        "collateral_expires_at": expires,
        "other_collateral_accepts": others,
        "chosen_collateral": bench.find_chosen(used.values()),
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
