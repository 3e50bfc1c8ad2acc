"""Facts to and from the rows of their tables."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from forensics.case.derived import BLOCK_ROWS
from forensics.case.tables import (
    FACT_CERTIFICATION,
    FACT_CHAIN,
    FACT_CRL,
    FACT_DOCUMENT,
    FACT_ENDORSEMENT,
    FACT_SIGNER,
    SUBJECT,
    Table,
)
from forensics.formats.collateral import Outline
from forensics.formats.snp import SnpReport
from forensics.verify.facts import (
    CertificationFact,
    ChainFact,
    CrlFact,
    DocumentFact,
    EndorsementFact,
    Results,
    SignerFact,
    Subject,
    list_signings,
)
from forensics.verify.subject import (
    check_sgx_attributes,
    check_signature,
    check_structure,
    check_td_attributes,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    import duckdb

Row = dict[str, Any]

_REMEMBERED = 1 << 13


def read_rows(
    connection: duckdb.DuckDBPyConnection, table: Table, order: str, where: str = "true"
) -> list[Row]:
    """Rows of a stored table. `order` and `where` are this package's own SQL."""
    columns = ", ".join(f'"{name}"' for name in table.names)
    sql = f'SELECT {columns} FROM stored."{table.name}" WHERE {where} ORDER BY {order}'
    fetched = connection.execute(sql).fetchall()
    return [dict(zip(table.names, row, strict=True)) for row in fetched]


def chain_row(fact: ChainFact) -> Row:
    return _row(FACT_CHAIN, fact)


def certification_row(fact: CertificationFact) -> Row:
    return _row(FACT_CERTIFICATION, fact)


def document_row(fact: DocumentFact) -> Row:
    outline = {name: getattr(fact.outline, name) for name in Outline.__dataclass_fields__}
    return _row(FACT_DOCUMENT, fact) | outline


def read_documents(connection: duckdb.DuckDBPyConnection) -> list[DocumentFact]:
    """Each document once for every certificate of the key that signed it: `list_signings`."""
    order = "trusted DESC, not_after DESC, certificate_id, root_key"
    signers = [SignerFact(**row) for row in read_rows(connection, FACT_SIGNER, order)]
    found = []
    for row in read_rows(connection, FACT_DOCUMENT, "document_id"):
        outline = Outline(**{name: row[name] for name in Outline.__dataclass_fields__})
        fact = DocumentFact(row["document_id"], outline, _results(row["results"]))
        found += list_signings(fact, row["signer_key"], signers)
    return found


def crl_row(fact: CrlFact) -> Row:
    number = None if fact.number is None else str(fact.number)
    return _row(FACT_CRL, fact) | {"revoked": sorted(fact.revoked), "number": number}


def read_crls(connection: duckdb.DuckDBPyConnection) -> list[CrlFact]:
    return [
        CrlFact(
            **_without(row, "revoked", "authentic", "number"),
            number=None if row["number"] is None else int(row["number"]),
            revoked=frozenset(row["revoked"]),
        )
        for row in read_rows(connection, FACT_CRL, "crl_id")
    ]


def endorsement_row(fact: EndorsementFact) -> Row:
    return _row(FACT_ENDORSEMENT, fact)


def read_endorsements(connection: duckdb.DuckDBPyConnection) -> dict[bytes, EndorsementFact]:
    rows = read_rows(connection, FACT_ENDORSEMENT, "endorsement_id")
    return {row["endorsement_id"]: _make_endorsement(row) for row in rows}


def _make_endorsement(row: Row) -> EndorsementFact:
    return EndorsementFact(**_without(row, "results", "trusted"), results=_results(row["results"]))


def read_statements(
    connection: duckdb.DuckDBPyConnection, identities: Iterable[bytes | None]
) -> dict[bytes, SnpReport]:
    """Reports by statement id, with zeros for REPORT_DATA and the signature."""
    wanted = [identity for identity in identities if identity is not None]
    if not wanted:
        return {}
    rows = connection.execute(
        "SELECT statement_id, head, tail FROM stored.statement "
        "WHERE tee = 'snp' AND statement_id IN (SELECT unnest(?::BLOB[]))",
        [wanted],
    ).fetchall()
    return {identity: SnpReport(head + bytes(64) + tail, b"", b"") for identity, head, tail in rows}


class Candidate(NamedTuple):
    """What is judged: a subject with the facts that it refers to.

    `certification` is a quote's; `chain` is None for a report whose certificate is missing.
    """

    subject: Subject
    certification: CertificationFact | None
    chain: ChainFact | EndorsementFact | None


def read_candidates(connection: duckdb.DuckDBPyConnection) -> Iterator[Candidate]:
    """All, by number; a block of them is held at a time."""
    [(last,)] = connection.execute("SELECT max(subject_no) FROM stored.subject").fetchall()
    reader = _CandidateReader(connection)
    for first in range(1, (last or 0) + 1, BLOCK_ROWS):
        yield from reader.read(first, first + BLOCK_ROWS - 1)


def read_candidate(connection: duckdb.DuckDBPyConnection, subject_no: int) -> Candidate:
    [candidate] = _CandidateReader(connection).read(subject_no, subject_no)
    return candidate


class _CandidateReader:
    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._certifications = _CertificationReader(connection)
        self._chains = ChainReader(connection)
        self._endorsements = _EndorsementReader(connection)

    def read(self, first: int, last: int) -> Iterator[Candidate]:
        """Those with numbers from `first` to `last`, at most a block of them."""
        where = f"subject_no BETWEEN {first:d} AND {last:d}"
        rows = read_rows(self._connection, SUBJECT, "subject_no", where)
        reports = read_statements(self._connection, (row["statement_id"] for row in rows))
        certifications = self._certifications.fetch({row["certification_id"] for row in rows})
        chains = self._chains.fetch({c.certification_data_id for c in certifications.values()})
        endorsements = self._endorsements.fetch({row["endorsement_id"] for row in rows})
        for row in rows:
            if row["statement_id"]:
                subject = make_report_subject(row, reports[row["statement_id"]])
                yield Candidate(subject, None, endorsements.get(row["endorsement_id"]))
            else:
                certification = certifications[row["certification_id"]]
                chain = chains[certification.certification_data_id]
                yield Candidate(make_subject(row), certification, chain)


_Fact = TypeVar("_Fact")


class _FactReader(Generic[_Fact]):
    """Facts by the id of what they are about; the newest few thousand are remembered."""

    table: Table

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._known: dict[bytes, _Fact] = {}

    def make(self, row: Row) -> _Fact:
        raise NotImplementedError

    def fetch(self, ids: Collection[bytes | None]) -> dict[bytes, _Fact]:
        """The facts about `ids`, at most a block of them; an id without a fact is left out."""
        wanted = {identity for identity in ids if identity is not None}
        found = {identity: self._known[identity] for identity in wanted & self._known.keys()}
        absent = sorted(wanted - found.keys())
        if absent:
            name = self.table.names[0]
            columns = ", ".join(f'"{column}"' for column in self.table.names)
            rows = self._connection.execute(
                f'SELECT {columns} FROM stored."{self.table.name}" '
                f'WHERE "{name}" BETWEEN ? AND ? AND "{name}" IN (SELECT unnest(?))',
                [absent[0], absent[-1], absent],
            ).fetchall()
            for row in rows:
                found[row[0]] = self.make(dict(zip(self.table.names, row, strict=True)))
            if len(self._known) > _REMEMBERED:
                self._known = {}
            self._known |= found
        return found


class _CertificationReader(_FactReader[CertificationFact]):
    table = FACT_CERTIFICATION

    def make(self, row: Row) -> CertificationFact:
        return CertificationFact(
            **_without(row, "results", "proven"), results=_results(row["results"])
        )


class _EndorsementReader(_FactReader[EndorsementFact]):
    table = FACT_ENDORSEMENT

    def make(self, row: Row) -> EndorsementFact:
        return _make_endorsement(row)


class ChainReader(_FactReader[ChainFact]):
    table = FACT_CHAIN

    def make(self, row: Row) -> ChainFact:
        return ChainFact(**_without(row, "results", "trusted"), results=_results(row["results"]))


def make_subject(row: Row) -> Subject:
    """A subject with the checks that its row decides; they cost nothing, so they are not stored."""
    results: Results = check_structure(
        row["version"],
        row["tee"],
        row["tee_type"],
        row["qe_vendor_id"],
        row["certification_type"],
        row["outer_certification_type"],
        row["outer_slack_size"],
    )
    results["K5"] = check_signature(row["signature_ok"])
    if row["tee"] == "sgx":
        results |= check_sgx_attributes(row["attributes"])
    else:
        results |= check_td_attributes(row["td_attributes"], row["mr_service_td"])
    return Subject(
        subject_no=row["subject_no"],
        tee=row["tee"],
        certification_id=row["certification_id"],
        results=results,
        tee_tcb_svn=row["tee_tcb_svn"],
        tee_tcb_svn_2=row["tee_tcb_svn_2"],
        mrsigner_seam=row["mrsigner_seam"],
        seam_attributes=row["seam_attributes"],
    )


def make_report_subject(row: Row, report: SnpReport) -> Subject:
    return Subject(
        subject_no=row["subject_no"],
        tee=row["tee"],
        certification_id=None,
        results={},
        report=report,
        endorsement_id=row["endorsement_id"],
        signature_ok=row["signature_ok"],
    )


def _row(table: Table, fact: object) -> Row:
    """The columns of the fact's table that are its own attributes; `results` as JSON."""
    row = {name: getattr(fact, name) for name in table.names if hasattr(fact, name)}
    if "results" in row:
        row["results"] = json.dumps(row["results"], ensure_ascii=False, sort_keys=True)
    return row


def _without(row: Row, *names: str) -> Row:
    return {name: value for name, value in row.items() if name not in names}


@lru_cache(maxsize=1 << 12)  # a fleet has few; nobody changes them
def _results(text: str) -> Results:
    return {check: (entry[0], entry[1], entry[2]) for check, entry in json.loads(text).items()}
