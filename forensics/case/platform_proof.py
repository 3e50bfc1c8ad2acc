"""Proving PCK chains and what certifies attestation keys: checks P1-P7 and K1-K4."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from forensics.case.derived import DerivedTables
from forensics.case.facts import certification_row, chain_row, read_chains
from forensics.case.tables import FACT_CERTIFICATION, FACT_CHAIN
from forensics.formats.quote import CERTIFICATION_PCK_CHAIN
from forensics.verify.certification import prove_certification
from forensics.verify.chain import prove_chain, unproven_chain
from forensics.verify.facts import CertificationFact, ChainFact

if TYPE_CHECKING:
    import duckdb


def prove_chains(
    connection: duckdb.DuckDBPyConnection, tables: DerivedTables, anchors: Collection[bytes]
) -> int:
    """Prove new certification data; returns the number of certificates whose issue was verified."""
    missing = connection.execute(
        """
        SELECT d.data, bool_or(c.certification_type = ?)
        FROM stored.certification_data AS d
        JOIN stored.certification AS c USING (certification_data_id)
        WHERE d.certification_data_id NOT IN (
            SELECT certification_data_id FROM stored.fact_chain
        )
        GROUP BY d.data ORDER BY d.data
        """,
        [CERTIFICATION_PCK_CHAIN],
    ).fetchall()
    facts = [
        prove_chain(data, anchors) if is_chain else unproven_chain(data)
        for data, is_chain in missing
    ]
    tables.append(FACT_CHAIN, [chain_row(fact) for fact in facts])
    return sum(_count_signatures(fact) for fact in facts)


def prove_certifications(
    connection: duckdb.DuckDBPyConnection, tables: DerivedTables, threads: int
) -> int:
    """Prove new certifications; returns the number of QE report signatures verified."""
    missing = connection.execute(
        """
        SELECT certification_id, attestation_key, qe_report,
               qe_signature_r || qe_signature_s, qe_auth_data, certification_data_id
        FROM stored.certification
        WHERE certification_id NOT IN (SELECT certification_id FROM stored.fact_certification)
        ORDER BY certification_id
        """
    ).fetchall()
    chains = read_chains(connection) if missing else {}

    def prove(row: tuple[bytes, bytes, bytes, bytes, bytes, bytes]) -> CertificationFact:
        identity, key, report, signature, auth_data, chain_id = row
        return prove_certification(identity, key, report, signature, auth_data, chains[chain_id])

    with ThreadPoolExecutor(threads) as pool:
        facts = list(pool.map(prove, missing))
    tables.append(FACT_CERTIFICATION, [certification_row(fact) for fact in facts])
    return sum(chains[fact.certification_data_id].pck_key is not None for fact in facts)


def _count_signatures(fact: ChainFact) -> int:
    return sum(fact.results[check][0] in ("pass", "fail") for check in ("P3", "P4", "P5"))
