"""Proving that an attestation key is out: one r over two messages gives its private key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forensics.case.derived import DerivedTables
from forensics.case.tables import FACT_KEY_RECOVERY
from forensics.verify.key_recovery import SignedMessage, confirm_recovery

if TYPE_CHECKING:
    import duckdb

_REPEATED = """
CREATE OR REPLACE TEMP TABLE repeated_r AS
SELECT signature_r FROM stored.quote GROUP BY signature_r HAVING count(*) > 1
"""

# The least and the greatest of what one key signed with one r: two different messages where there
# are any, and the same two whatever order the quotes came in.
_REUSED = """
WITH signing AS (
    SELECT c.attestation_key, q.signature_r,
           {'signed': s.head || q.report_data || s.tail,
            'quote_id': q.quote_id,
            's': q.signature_s} AS it
    FROM stored.quote AS q
    JOIN repeated_r AS r ON r.signature_r = q.signature_r
    JOIN stored.statement AS s ON s.statement_id = q.statement_id
    JOIN stored.certification AS c ON c.certification_id = q.certification_id
    JOIN stored.fact_quote AS f ON f.quote_no = q.quote_no AND f.signature_ok
    JOIN stored.fact_certification AS p
      ON p.certification_id = q.certification_id AND p.proven
)
SELECT g.attestation_key, g.signature_r,
       least.signed, least.s, least.quote_id,
       greatest.signed, greatest.s, greatest.quote_id
FROM (
    SELECT attestation_key, signature_r, min(it) AS least, max(it) AS greatest
    FROM signing
    GROUP BY attestation_key, signature_r
) AS g
LEFT JOIN stored.fact_key_recovery AS known
       ON known.attestation_key = g.attestation_key AND known.signature_r = g.signature_r
WHERE least.signed <> greatest.signed AND known.attestation_key IS NULL
ORDER BY g.attestation_key, g.signature_r
"""


def find_repeated(connection: duckdb.DuckDBPyConnection) -> bool:
    """Table `repeated_r`, for `prove_key_recoveries`: it needs no proven signature.

    Returns whether there is any.
    """
    connection.execute(_REPEATED)
    return bool(connection.execute("FROM repeated_r LIMIT 1").fetchall())


def prove_key_recoveries(connection: duckdb.DuckDBPyConnection, tables: DerivedTables) -> None:
    """Solve each key and r that repeats over different proven content, once."""
    rows = connection.execute(_REUSED).fetchall()
    tables.append(
        FACT_KEY_RECOVERY,
        [
            {
                "attestation_key": key,
                "signature_r": r,
                "first_quote_id": first_id,
                "second_quote_id": second_id,
                "confirmed": confirm_recovery(
                    key, r, SignedMessage(first, first_s), SignedMessage(second, second_s)
                ),
            }
            for key, r, first, first_s, first_id, second, second_s, second_id in rows
        ],
    )
