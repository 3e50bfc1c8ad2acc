"""One declaration per binary structure; every reader of it is derived from that declaration.

A `Layout` states offset, size, kind, meaning and source of each field. From it come the parser,
the emitter, the stored columns (`forensics.case.tables.schema`) and the reference page. Offsets
*and* sizes are stated so that a slip is caught on import.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from struct import Struct
from typing import Literal

from forensics.errors import EvidenceError

Kind = Literal["u16", "u32", "u64", "bytes", "reserved"]
Value = int | bytes

_STRUCT_CODE = {"u16": "H", "u32": "I", "u64": "Q"}
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
