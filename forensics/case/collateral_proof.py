"""Proving collateral: which known certificate signed each document and CRL."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict
from itertools import chain
from typing import TYPE_CHECKING

from forensics.case.derived import DerivedTables, Row, stream
from forensics.case.facts import crl_row, document_row, read_rows
from forensics.case.tables import (
    CERTIFICATION_DATA,
    FACT_CERTIFICATE,
    FACT_COMPONENT,
    FACT_CRL,
    FACT_DOCUMENT,
    FACT_SIGNER,
    Table,
)
from forensics.errors import EvidenceError
from forensics.formats.certificates import Certificate, parse_certificate
from forensics.formats.collateral import TCB_INFO, describe_components
from forensics.formats.crl import parse_crl
from forensics.formats.pem import split_pem
from forensics.verify.documents import Signer, find_signers, prove_crl, prove_document
from forensics.verify.facts import SignerFact

if TYPE_CHECKING:
    import duckdb


def prove_certificates(
    connection: duckdb.DuckDBPyConnection, tables: DerivedTables, issuers: Iterable[Certificate]
) -> None:
    """List the certificates of new files and new chains (`issuers` are those of the files)."""
    from forensics.case.ids import IdIndex  # loads pyarrow

    listed = IdIndex()
    listed.load(tables.files(FACT_CERTIFICATE), "certificate_id", None)
    new_chains = stream(
        connection,
        """
        SELECT certification_data_id, 0 FROM stored.fact_chain
        WHERE pck_id IS NOT NULL
          AND pck_id NOT IN (SELECT tbs_id FROM stored.fact_certificate)
        """,
    )
    columns = ("certification_data_id", "data")
    chains = tables.read_chosen(CERTIFICATION_DATA, columns, new_chains)
    seen = chain(issuers, (c for _, (_, data) in chains for c in read_certificates(data)))
    new = (c for c in seen if listed.add(c.certificate_id))
    tables.append(FACT_CERTIFICATE, map(_certificate_row, new))


def read_issuers(
    connection: duckdb.DuckDBPyConnection, anchors: Iterable[bytes]
) -> list[Certificate]:
    """Trust anchors (DER), certificates from files, and the chain of each PCK CA seen in quotes.

    A PCK CA that its root did not issue, or whose root is not one, is left out: damage can make any
    number of them.
    """
    from_files = connection.execute(
        "SELECT data FROM stored.certificate ORDER BY certificate_id"
    ).fetchall()
    from_quotes = connection.execute(
        """
        SELECT data FROM stored.certification_data
        WHERE certification_data_id IN (
            SELECT min(certification_data_id) FROM stored.fact_chain
            WHERE ca_key IS NOT NULL
              AND results->>'$.P3[0]' = 'pass' AND results->>'$.P4[0]' = 'pass'
            GROUP BY ca_key, ca_subject, root_key
        )
        ORDER BY certification_data_id
        """
    ).fetchall()
    found = [parse_certificate(anchor) for anchor in anchors]
    found += [parse_certificate(data) for (data,) in from_files]
    found += [c for (data,) in from_quotes for c in read_certificates(data)]
    return list({certificate.der: certificate for certificate in found}.values())


def read_certificates(data: bytes) -> list[Certificate]:
    """The certificates of a PEM text; those that cannot be read are left out."""
    found = []
    for label, block in split_pem(data):
        if label == "CERTIFICATE":
            try:
                found.append(parse_certificate(block))
            except EvidenceError:
                continue  # check P1 of the chain has reported it
    return found


def prove_documents(
    connection: duckdb.DuckDBPyConnection,
    tables: DerivedTables,
    issuers: Iterable[Certificate],
    anchors: Collection[bytes],
) -> int:
    """List the signers, and prove new documents; try again those that no known key had signed, as
    their signer may have come since.

    Returns the number of documents whose signature was tried.
    """
    missing = connection.execute(
        """
        SELECT kind, body, signature FROM stored.document
        WHERE document_id NOT IN (SELECT document_id FROM stored.fact_document WHERE authentic)
        ORDER BY document_id
        """
    ).fetchall()
    signers = find_signers(issuers, anchors)
    _renew_signers(connection, tables, signers)
    facts = [prove_document(kind, body, signature, signers) for kind, body, signature in missing]
    rows = [document_row(fact) for fact in facts]
    _renew(connection, tables, FACT_DOCUMENT, "document_id", rows)
    _list_components(connection, tables)
    return len(missing) if signers else 0


def _renew_signers(
    connection: duckdb.DuckDBPyConnection, tables: DerivedTables, signers: Iterable[Signer]
) -> None:
    """Put these in the table; where a root has several certificates, each signer once, under the
    one that lasts.
    """
    facts: dict[tuple[bytes, bytes], SignerFact] = {}
    for signer in signers:
        facts.setdefault((signer.fact.certificate_id, signer.fact.root_key), signer.fact)
    rows = [asdict(facts[key]) for key in sorted(facts)]
    if rows != read_rows(connection, FACT_SIGNER, "certificate_id, root_key"):
        tables.replace(FACT_SIGNER, rows)


def _list_components(connection: duckdb.DuckDBPyConnection, tables: DerivedTables) -> None:
    """What new authentic TCB infos say about the components.

    An authentic document may be of a form that is not read, a later version, say: check S3 reports
    it.
    """
    missing = connection.execute(
        """
        SELECT d.document_id, d.body, f.fmspc FROM stored.document AS d
        JOIN stored.fact_document AS f USING (document_id)
        WHERE f.authentic AND d.kind = ?
          AND d.document_id NOT IN (SELECT document_id FROM stored.fact_component)
        ORDER BY d.document_id
        """,
        [TCB_INFO],
    ).fetchall()
    rows: list[Row] = []
    for identity, body, fmspc in missing:
        with suppress(EvidenceError):
            rows += [
                {"document_id": identity, "fmspc": fmspc, **asdict(component)}
                for component in describe_components(body)
            ]
    tables.append(FACT_COMPONENT, rows)


def prove_crls(
    connection: duckdb.DuckDBPyConnection,
    tables: DerivedTables,
    issuers: Sequence[Certificate],
    anchors: Sequence[Certificate],
) -> int:
    """Prove new CRLs, and try again those whose issuer was not trusted. Returns their number."""
    missing = connection.execute(
        """
        SELECT data FROM stored.crl
        WHERE crl_id NOT IN (SELECT crl_id FROM stored.fact_crl WHERE authentic AND trusted)
        ORDER BY crl_id
        """
    ).fetchall()
    rows = [crl_row(prove_crl(parse_crl(data), issuers, anchors)) for (data,) in missing]
    _renew(connection, tables, FACT_CRL, "crl_id", rows, "authentic AND trusted")
    return len(missing)


def _renew(
    connection: duckdb.DuckDBPyConnection,
    tables: DerivedTables,
    table: Table,
    key: str,
    rows: list[Row],
    lasting: str = "authentic",
) -> None:
    """Keep the table's rows for which `lasting` (SQL) is true; these replace all others."""
    if rows:
        rows += read_rows(connection, table, key, lasting)
        tables.replace(table, sorted(rows, key=lambda row: row[key]))


def _certificate_row(certificate: Certificate) -> Row:
    return {
        "certificate_id": certificate.certificate_id,
        "tbs_id": certificate.tbs_id,
        "subject": certificate.subject_name,
        "issuer": certificate.issuer_name,
        "serial": f"{certificate.serial:x}",
        "not_before": certificate.not_before,
        "not_after": certificate.not_after,
    }
