"""One declaration per binary structure; every reader of it is derived from that declaration.

A `Layout` states offset, size, kind, meaning and source of each field. From it come the scalar
parser, the emitter, the numpy record type of the bulk parser, the Arrow fields of the stored
columns, and the reference page. Offsets *and* sizes are stated so that a slip is caught on import.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from struct import Struct
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

from forensics.errors import EvidenceError

Kind = Literal["u16", "u32", "u64", "bytes", "reserved"]
Value = int | bytes

_STRUCT_CODE = {"u16": "H", "u32": "I", "u64": "Q"}
_NUMPY_CODE = {"u16": "<u2", "u32": "<u4", "u64": "<u8"}
_INTEGER_SIZE = {"u16": 2, "u32": 4, "u64": 8}


@dataclass(frozen=True, slots=True)
class Field:
    """One field: `offset` and `size` in bytes, integers little-endian, `bytes` in memory order."""

    name: str
    offset: int
    size: int
    kind: Kind
    doc: str
    spec: str

    @property
    def is_integer(self) -> bool:
        return self.kind in _INTEGER_SIZE


@dataclass(frozen=True)
class Layout:
    """A fixed-size structure. Refuses gaps, overlaps and duplicate names when it is declared."""

    name: str
    title: str
    size: int
    fields: tuple[Field, ...]

    def __post_init__(self) -> None:
        position = 0
        for field in self.fields:
            if field.offset != position:
                raise ValueError(f"{self.name}.{field.name}: expected at {position}")
            if field.is_integer and field.size != _INTEGER_SIZE[field.kind]:
                raise ValueError(f"{self.name}.{field.name}: {field.kind} of {field.size} bytes")
            position += field.size
        if position != self.size:
            raise ValueError(f"{self.name}: fields end at {position}, size is {self.size}")
        if len({field.name for field in self.fields}) != len(self.fields):
            raise ValueError(f"{self.name}: duplicate field name")

    def __iter__(self) -> Iterator[Field]:
        return iter(self.fields)

    def __getitem__(self, name: str) -> Field:
        return next(field for field in self.fields if field.name == name)

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields)

    @cached_property
    def _struct(self) -> Struct:
        codes = (_STRUCT_CODE.get(field.kind, f"{field.size}s") for field in self.fields)
        return Struct("<" + "".join(codes))

    def parse(self, data: bytes | memoryview, offset: int = 0) -> dict[str, Value]:
        """Field values of the structure at `offset`. Raises `EvidenceError` (`truncated`)."""
        if len(data) - offset < self.size:
            raise EvidenceError(
                "truncated", f"{self.title} needs {self.size} bytes at {offset}", offset
            )
        return dict(zip(self.names, self._struct.unpack_from(data, offset), strict=True))

    def emit(self, values: dict[str, Value]) -> bytes:
        """The bytes of the structure; the inverse of `parse`."""
        return self._struct.pack(*(values[name] for name in self.names))

    @cached_property
    def dtype(self) -> np.dtype[np.void]:
        """The numpy record type: one record is one structure, no padding."""
        import numpy as np

        formats = [_NUMPY_CODE.get(field.kind, f"V{field.size}") for field in self.fields]
        offsets = [field.offset for field in self.fields]
        return np.dtype(
            {
                "names": list(self.names),
                "formats": formats,
                "offsets": offsets,
                "itemsize": self.size,
            }
        )

    def parse_many(self, data: bytes) -> dict[str, pa.Array]:
        """Columns of the structures that stand back to back in `data`."""
        import numpy as np
        import pyarrow as pa

        if len(data) % self.size:
            raise EvidenceError("truncated", f"not a whole number of {self.title} records")
        records = np.frombuffer(data, self.dtype)
        columns: dict[str, pa.Array] = {}
        for field in self.fields:
            column = np.ascontiguousarray(records[field.name])
            if field.is_integer:
                columns[field.name] = pa.array(column)
            else:
                buffers = [None, pa.py_buffer(column.tobytes())]
                columns[field.name] = pa.FixedSizeBinaryArray.from_buffers(
                    self.arrow_type(field), len(records), buffers
                )
        return columns

    @staticmethod
    def arrow_type(field: Field) -> pa.DataType:
        """u16 -> uint16 …; bytes and reserved -> fixed_size_binary[size]."""
        import pyarrow as pa

        integers = {"u16": pa.uint16(), "u32": pa.uint32(), "u64": pa.uint64()}
        return integers[field.kind] if field.is_integer else pa.binary(field.size)
