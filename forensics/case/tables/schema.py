"""What a table's declaration is made of, and what derives from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from forensics.formats.layout import Layout

if TYPE_CHECKING:
    import pyarrow as pa

# Type words and what they are in DuckDB. `id` is a SHA-256, `time` UTC microseconds.
DUCKDB_TYPES = {
    "id": "BLOB",
    "bytes": "BLOB",
    "text": "VARCHAR",
    "json": "VARCHAR",
    "bool": "BOOLEAN",
    "u16": "USMALLINT",
    "u32": "UINTEGER",
    "u64": "UBIGINT",
    "i64": "BIGINT",
    "time": "TIMESTAMP WITH TIME ZONE",
    "text[]": "VARCHAR[]",
    "i64[]": "BIGINT[]",
}

# Numbers and times are near-sequential: delta encoding beats a dictionary there. The digests and
# signatures named `unique` below are incompressible: a dictionary would only cost.
Encoding = Literal["dictionary", "delta", "plain"]
Role = Literal["evidence", "fact", "derived", "journal"]


@dataclass(frozen=True, slots=True)
class Column:
    """`size` is set for byte columns of one fixed size."""

    name: str
    type: str
    doc: str
    encoding: Encoding = "dictionary"
    size: int | None = None


@dataclass(frozen=True)
class Table:
    name: str
    role: Role
    doc: str
    columns: tuple[Column, ...]
    by_month: str | None = None  # the time column whose month partitions the files

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def arrow_schema(self) -> pa.Schema:
        import pyarrow as pa

        types: dict[str, pa.DataType] = {
            "id": pa.binary(32),
            "bytes": pa.binary(),
            "text": pa.string(),
            "json": pa.string(),
            "bool": pa.bool_(),
            "u16": pa.uint16(),
            "u32": pa.uint32(),
            "u64": pa.uint64(),
            "i64": pa.int64(),
            "time": pa.timestamp("us", tz="UTC"),
            "text[]": pa.list_(pa.string()),
            "i64[]": pa.list_(pa.int64()),
        }
        return pa.schema(
            (column.name, pa.binary(column.size) if column.size else types[column.type])
            for column in self.columns
        )

    def duckdb_nulls(self) -> str:
        """A typed row of nulls, the shape of a table that has no file yet."""
        return ", ".join(f'NULL::{DUCKDB_TYPES[c.type]} AS "{c.name}"' for c in self.columns)


def layout_columns(
    layout: Layout, leave_out: tuple[str, ...] = (), prefix: str = ""
) -> list[Column]:
    """Stored columns of a binary structure, one per field."""
    return [
        Column(prefix + field.name, field.kind, f"{field.doc} ({field.spec})")
        if field.is_integer
        else Column(prefix + field.name, "bytes", f"{field.doc} ({field.spec})", size=field.size)
        for field in layout
        if field.name not in leave_out
    ]
