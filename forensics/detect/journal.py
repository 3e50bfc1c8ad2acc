"""The journal of a case: what was handed to a command, and how each audit ended. Append-only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from forensics.case.tables import NOTIFICATION, RUN
from forensics.detect.triage import TableWriter

if TYPE_CHECKING:
    import duckdb


def load_handed_over(connection: duckdb.DuckDBPyConnection) -> set[tuple[str, datetime | None]]:
    """Fingerprint and opening of each finding that a command took."""
    relation = connection.sql("SELECT fingerprint, opened_at FROM notification WHERE exit_code = 0")
    rows: list[dict[str, Any]] = relation.to_arrow_table().to_pylist()
    return {(row["fingerprint"], row["opened_at"]) for row in rows}


def save_notifications(writer: TableWriter, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add rows of the view `notification`."""
    import pyarrow as pa

    table = pa.Table.from_pylist(list(rows), schema=NOTIFICATION.arrow_schema())
    writer.append_table("notification", table)


def save_run(writer: TableWriter, row: Mapping[str, Any]) -> None:
    """Add a row of the view `run`."""
    import pyarrow as pa

    writer.append_table("run", pa.Table.from_pylist([dict(row)], schema=RUN.arrow_schema()))
