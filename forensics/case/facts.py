"""Facts to and from the rows of their tables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from forensics.case.tables import (
    FACT_CERTIFICATION,
    FACT_CHAIN,
    FACT_CRL,
    FACT_DOCUMENT,
    FACT_ENDORSEMENT,
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
    Subject,
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


def read_chains(connection: duckdb.DuckDBPyConnection) -> dict[bytes, ChainFact]:
    rows = read_rows(connection, FACT_CHAIN, "certification_data_id")
    return {
        row["certification_data_id"]: ChainFact(
            **_without(row, "results", "trusted"), results=_results(row["results"])
        )
        for row in rows
    }


def certification_row(fact: CertificationFact) -> Row:
    return _row(FACT_CERTIFICATION, fact)


def read_certifications(
    connection: duckdb.DuckDBPyConnection,
) -> dict[bytes, CertificationFact]:
    rows = read_rows(connection, FACT_CERTIFICATION, "certification_id")
    return {
        row["certification_id"]: CertificationFact(
            **_without(row, "results", "proven"), results=_results(row["results"])
        )
        for row in rows
    }


def document_row(fact: DocumentFact) -> Row:
    outline = {name: getattr(fact.outline, name) for name in Outline.__dataclass_fields__}
    return _row(FACT_DOCUMENT, fact) | outline


def read_documents(connection: duckdb.DuckDBPyConnection) -> list[DocumentFact]:
    return [
        DocumentFact(
            document_id=row["document_id"],
            outline=Outline(**{name: row[name] for name in Outline.__dataclass_fields__}),
            results=_results(row["results"]),
            signer_serial=row["signer_serial"],
            signer_not_before=row["signer_not_before"],
            signer_not_after=row["signer_not_after"],
            root_key=row["root_key"],
        )
        for row in read_rows(connection, FACT_DOCUMENT, "document_id")
    ]


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
    return {
        row["endorsement_id"]: EndorsementFact(
            **_without(row, "results", "trusted"), results=_results(row["results"])
        )
        for row in rows
    }


def read_subjects(connection: duckdb.DuckDBPyConnection) -> list[Subject]:
    rows = read_rows(connection, SUBJECT, "subject_no")
    reports = read_statements(connection, (row["statement_id"] for row in rows))
    return [
        make_report_subject(row, reports[row["statement_id"]])
        if row["statement_id"]
        else make_subject(row)
        for row in rows
    ]


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
        body_type=row["body_type"] or 0,
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
        body_type=0,
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


def _results(text: str) -> Results:
    return {check: (entry[0], entry[1], entry[2]) for check, entry in json.loads(text).items()}
