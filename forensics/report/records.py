"""The documented views as JSON lines, for other programs; redacted where that is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forensics.case.contract import COLUMNS
from forensics.report.text import to_plain

if TYPE_CHECKING:
    import duckdb

    from forensics.report.redaction import Redactor


_BATCH_ROWS = 1 << 10


def write_view(
    connection: duckdb.DuckDBPyConnection, view: str, path: Path, redactor: Redactor | None = None
) -> int:
    """Write a view's rows, in order of all columns, as JSON lines; how many there were."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = _read_rows(connection, view, COLUMNS[view])
    if redactor is not None:
        rows = map(redactor.apply_all, rows)
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count


def _read_rows(
    connection: duckdb.DuckDBPyConnection, view: str, names: Sequence[str]
) -> Iterator[Mapping[str, Any]]:
    columns = ", ".join(f'"{name}"' for name in names)
    relation = connection.sql(f'SELECT {columns} FROM "{view}" ORDER BY ALL')
    # By way of Arrow: DuckDB's own rows need pytz for times with a zone.
    for batch in relation.to_arrow_reader(_BATCH_ROWS):
        for row in batch.to_pylist():
            yield {name: to_plain(value) for name, value in row.items()}
