"""Claimed, receipt and hindsight of each sighting of a quote, in one row."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

COLUMNS = (
    *("observation_id", "received_at", "workload_id", "enclave_id", "node_id", "quote_id"),
    *("claimed", "claimed_tcb", "receipt", "receipt_status", "receipt_failed"),
    *("hindsight", "hindsight_status", "hindsight_failed", "hindsight_as_of"),
)


def read_three_verdicts(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    """Rows with the columns of `COLUMNS`, by time; verdicts are null before `verify`."""
    relation = connection.sql(
        """
        SELECT o.observation_id, o.received_at, o.workload_id, o.enclave_id, o.node_id, o.quote_id,
               o.claimed_quote_status AS claimed, o.claimed_tcb_level AS claimed_tcb,
               r.outcome AS receipt, r.status AS receipt_status, r.failed_checks AS receipt_failed,
               h.outcome AS hindsight, h.status AS hindsight_status,
               h.failed_checks AS hindsight_failed, h.as_of AS hindsight_as_of
        FROM observation AS o
        LEFT JOIN verdict AS r ON r.observation_id = o.observation_id AND r.moment = 'receipt'
        LEFT JOIN verdict AS h ON h.observation_id = o.observation_id AND h.moment = 'hindsight'
        WHERE o.quote_id IS NOT NULL
        ORDER BY o.received_at NULLS FIRST, o.observation_no
        """
    )
    return relation.select(*COLUMNS).to_arrow_table()
