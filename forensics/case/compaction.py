"""Merging small files: a case that is audited every night would drown in them.

The rows stay as they are, in their order within a month, or within the table where it is not kept
by month. Files are held against the ledger before they are merged, so that damage is reported and
not passed on under a new hash. The entry names the old files as removed, and by its notes says
which of them each new file was made from; their hashes are in the entries that brought them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from forensics.case.case import Case
from forensics.case.disk import digest_file
from forensics.case.ledger import FileEntry
from forensics.case.writer import Writer
from forensics.errors import CustodyError

if TYPE_CHECKING:
    import pyarrow as pa

ACTION = "compact"
SMALL_FILE = 64 << 20  # bytes; files of this size or more are left alone

_BATCH_ROWS = 1 << 13


@dataclass(slots=True)
class CompactSummary:
    """Files before and after, by table; only tables where something was merged."""

    tables: dict[str, tuple[int, int]] = field(default_factory=dict)
    entry: int | None = None
    """Null when there was nothing to merge."""


def compact_case(
    case: Case,
    *,
    at: datetime,
    who: str,
    small_file: int = SMALL_FILE,
) -> CompactSummary:
    """Merge files smaller than `small_file` bytes, in one commit.

    Raises `CustodyError` (`file-changed`) when a file is not what the ledger says.
    """
    summary = CompactSummary()
    with case.writer(action=ACTION, at=at, who=who) as writer:
        files = list(case.ledger.live_files())
        for group in _find_groups(files, small_file):
            _merge(case, writer, group)
            table = group[0].table
            before, after = summary.tables.get(table, (0, 0))
            summary.tables[table] = (before + len(group), after + 1)
    summary.entry = writer.summary.entry
    return summary


def _find_groups(files: list[FileEntry], small_file: int) -> Iterator[list[FileEntry]]:
    """Files of one folder that become one file.

    From the first small file on, so that rows keep their order: a large file in between is merged
    too, but only once, since it comes first from then on.
    """
    folders: dict[PurePosixPath, list[FileEntry]] = {}
    for file in files:
        folders.setdefault(PurePosixPath(file.path).parent, []).append(file)
    for group in folders.values():
        first = next((n for n, file in enumerate(group) if file.size < small_file), len(group))
        if len(group) - first > 1:
            yield group[first:]


def _merge(case: Case, writer: Writer, group: list[FileEntry]) -> None:
    from forensics.case.files import TABLES, open_parquet

    table = group[0].table
    folder = PurePosixPath(group[0].path).parent.name
    path = writer.new_path(table, None if folder == table else folder)
    rows = 0
    with open_parquet(TABLES[table], path) as merged:
        for batch in _read_row_groups(case, group):
            merged.write_table(batch, batch.num_rows)
            rows += batch.num_rows
    if rows != sum(file.rows for file in group):
        raise CustodyError("rows-changed", f"{table}: the files have {rows} rows, not what is said")
    writer.supersede(group)
    writer.adopt_file(table, path, rows)
    name = path.relative_to(case.path).as_posix()
    writer.notes[name] = json.dumps([file.path for file in group])


def _complete(data: pa.Table, schema: pa.Schema) -> pa.Table:
    """In the declared schema; a column that is younger than the file is null."""
    import pyarrow as pa

    held = set(data.column_names)
    columns = [
        data[field.name].cast(field.type)
        if field.name in held
        else pa.nulls(data.num_rows, field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _read_row_groups(case: Case, group: list[FileEntry]) -> Iterator[pa.Table]:
    """All rows in order, in pieces of the size of a row group or of many bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from forensics.case.files import ROW_GROUP_BYTES, ROW_GROUP_ROWS, SCHEMAS

    schema = SCHEMAS[group[0].table]
    waiting: list[pa.Table] = []
    rows = size = 0
    for entry in group:
        path = case.locate(entry)
        if digest_file(path) != (entry.sha256, entry.size):
            message = f"{entry.path} is not what the ledger says: see `custody verify`"
            raise CustodyError("file-changed", message)
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_BATCH_ROWS, columns=schema.names):
                waiting.append(_complete(pa.Table.from_batches([batch]), schema))
                rows, size = rows + batch.num_rows, size + batch.nbytes
                if rows >= ROW_GROUP_ROWS or size >= ROW_GROUP_BYTES:
                    yield pa.concat_tables(waiting)
                    waiting, rows, size = [], 0, 0
    if rows:
        yield pa.concat_tables(waiting)
