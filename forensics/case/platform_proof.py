"""Proving PCK chains and what certifies attestation keys: checks P1-P7 and K1-K4."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from forensics.case.derived import DerivedTables, Row, iterate_blocks, stream
from forensics.case.facts import ChainReader, certification_row, chain_row
from forensics.case.tables import CERTIFICATION, CERTIFICATION_DATA, FACT_CERTIFICATION, FACT_CHAIN
from forensics.formats.quote import CERTIFICATION_PCK_CHAIN
from forensics.verify.certification import prove_certification
from forensics.verify.chain import prove_chain, unproven_chain
from forensics.verify.facts import CertificationFact, ChainFact

if TYPE_CHECKING:
    import duckdb

_NEW_CHAINS = """
SELECT certification_data_id, bool_or(certification_type = ?)
FROM stored.certification
WHERE certification_data_id NOT IN (SELECT certification_data_id FROM stored.fact_chain)
GROUP BY certification_data_id
"""

_NEW_CERTIFICATIONS = """
SELECT certification_id FROM stored.certification
WHERE certification_id NOT IN (SELECT certification_id FROM stored.fact_certification)
"""

_CERTIFICATION = (
    *("certification_id", "attestation_key", "qe_report", "qe_signature_r", "qe_signature_s"),
    *("qe_auth_data", "certification_data_id"),
)


def prove_chains(
    connection: duckdb.DuckDBPyConnection, tables: DerivedTables, anchors: Collection[bytes]
) -> int:
    """Prove new certification data; returns the number of certificates whose issue was verified."""
    count = 0

    def prove() -> Iterator[Row]:
        nonlocal count
        new = stream(connection, _NEW_CHAINS, [CERTIFICATION_PCK_CHAIN])
        columns = ("certification_data_id", "data")
        for is_chain, (_, data) in tables.read_chosen(CERTIFICATION_DATA, columns, new):
            fact = prove_chain(data, anchors) if is_chain else unproven_chain(data)
            count += _count_signatures(fact)
            yield chain_row(fact)

    tables.append(FACT_CHAIN, prove())
    return count


def prove_certifications(
    connection: duckdb.DuckDBPyConnection, tables: DerivedTables, threads: int
) -> int:
    """Prove new certifications; returns the number of QE report signatures verified."""
    count = 0
    chains = ChainReader(connection)

    def prove_all() -> Iterator[Row]:
        nonlocal count
        new = ((identity, 0) for (identity,) in stream(connection, _NEW_CERTIFICATIONS))
        rows = (row for _, row in tables.read_chosen(CERTIFICATION, _CERTIFICATION, new))
        with ThreadPoolExecutor(threads) as pool:
            for block in iterate_blocks(rows):
                known = chains.fetch({row[-1] for row in block})
                count += sum(known[row[-1]].pck_key is not None for row in block)
                yield from map(certification_row, pool.map(partial(_prove, known), block))

    tables.append(FACT_CERTIFICATION, prove_all())
    return count


def _prove(chains: Mapping[bytes, ChainFact], row: tuple[bytes, ...]) -> CertificationFact:
    identity, key, report, r, s, auth_data, chain_id = row
    return prove_certification(identity, key, report, r + s, auth_data, chains[chain_id])


def _count_signatures(fact: ChainFact) -> int:
    return sum(fact.results[check][0] in ("pass", "fail") for check in ("P3", "P4", "P5"))
