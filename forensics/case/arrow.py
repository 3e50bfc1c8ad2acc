"""Columns between numpy and Arrow.

Through buffers: `pa.array` of a list and `to_numpy` load pandas where that is installed, which
takes longer than all the certificates of a fleet.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from forensics.errors import CustodyError

Numbers = npt.NDArray[np.int64]
Bits = npt.NDArray[np.bool_]


def view_numbers(column: pa.Array) -> Numbers:
    """The values of a column of BIGINT without nulls."""
    return np.frombuffer(column.buffers()[1], np.int64)[column.offset :][: len(column)]


def view_values(column: pa.Array, size: int) -> bytes:
    """The values of a binary column of `size` bytes each, one after the other.

    Raises `CustodyError` (`bad-value`) for a null, or a column of another size.
    """
    if column.type != pa.binary(size) or column.null_count:
        raise CustodyError("bad-value", f"a value that has not {size} bytes")
    return bytes(memoryview(column.buffers()[1])[column.offset * size :][: len(column) * size])


def list_values(column: pa.Array, size: int) -> list[bytes]:
    """The values of such a column. Raises as `view_values` does."""
    values: list[bytes] = np.frombuffer(view_values(column, size), f"V{size}").tolist()
    return values


def make_numbers(values: Numbers) -> pa.Array:
    """A column of BIGINT."""
    return pa.Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(values)])


def make_bits(values: Bits) -> pa.Array:
    """A column of BOOLEAN."""
    packed = np.packbits(values, bitorder="little")
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(packed)])
