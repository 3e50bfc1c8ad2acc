"""The optional fast path: Intel's multi-buffer library, eight P-256 verifications at once.

Source: Intel Cryptography Primitives Library, crypto_mb `ec_nistp256.h`. Needs AVX-512 IFMA and the
packages of the extra `fast`. It is never believed alone for a rejection: a lane that fails is
proven again with `cryptography`, and so is a fixed share of those that pass. Range of r and s, and
that a key is a point on the curve, are checked here and never left to the library.
"""

from __future__ import annotations

import ctypes
import sys
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from pathlib import Path

from forensics.errors import ForensicsError
from forensics.verify.signatures import (
    HALF,
    POINT_SIZE,
    SignatureBlock,
    in_range,
    load_key,
    split_halves,
    verify_digest,
)

NAME = "crypto_mb"
LANES = 8
CROSS_CHECK = 256  # one in so many passes is proven again

ALL_PASSED = [True] * LANES

_LANE_BITS = 4
_ONES, _ZEROS = b"\xff" * 4, bytes(HALF)
_LIBRARIES = ("libintlc.so.5", "libimf.so", "libirng.so", "libsvml.so")


@dataclass(frozen=True)
class Library:
    """`verify_lanes` gives the status of eight lanes, four bits each, 0 good.

    It takes the addresses of five arrays of eight pointers: to r, s and digest (32 bytes big-endian
    each), x and y (four little-endian 64-bit limbs each); and twice None.
    """

    verify_lanes: Callable[[int, int, int, int, int, None, None], int]


@lru_cache(maxsize=1)
def load_library() -> Library | None:
    """The library, or None where it is not installed or the processor cannot run it."""
    if "avx512ifma" not in _read_processor_flags():
        return None
    folder = Path(sys.prefix) / "lib"
    try:
        ctypes.CDLL("libcrypto.so.3", ctypes.RTLD_GLOBAL)
        for name in _LIBRARIES:
            ctypes.CDLL(str(folder / name), ctypes.RTLD_GLOBAL)
        verify = ctypes.CDLL(str(folder / "libcrypto_mb.so")).mbx_nistp256_ecdsa_verify_mb8
    except (OSError, AttributeError):
        return None
    verify.restype = ctypes.c_uint32
    verify.argtypes = [ctypes.c_void_p] * 7
    return Library(verify)


def verify_block(block: SignatureBlock, library: Library) -> list[bool]:
    """`verify_digest` of each row, in order.

    Raises `ForensicsError` (`engine-contradicted`) where OpenSSL rejects what the library passed.
    """
    count = len(block.key_index)
    keys = [load_key(point) for point in block.keys]
    results = _verify_lanes(block, library)
    for row in _find_out_of_range(block):
        results[row] = False
    doubtful = {place for place, key in enumerate(keys) if key is None}
    if doubtful:
        for row, place in enumerate(block.key_index):
            results[row] &= place not in doubtful
    checked = set(range(0, count, CROSS_CHECK))
    if not all(results):
        checked.update(row for row, passed in enumerate(results) if not passed)
    for row in sorted(checked):
        half = slice(HALF * row, HALF * (row + 1))
        key = keys[block.key_index[row]]
        proven = verify_digest(key, block.r[half], block.s[half], block.digests[half])
        if results[row] and not proven:
            message = f"{NAME} accepted a signature that OpenSSL rejects"
            raise ForensicsError("engine-contradicted", message)
        results[row] = proven
    return results


def _verify_lanes(block: SignatureBlock, library: Library) -> list[bool]:
    """What the library says, eight rows a call; the last row fills the last call."""
    count = len(block.key_index)
    limbs = b"".join(map(_encode_limbs, block.keys))
    points = range(_address(limbs), _address(limbs) + len(limbs), POINT_SIZE)
    x = array("Q", [points[place] for place in block.key_index])
    y = array("Q", [address + HALF for address in x])
    columns = [_list_addresses(column) for column in (block.r, block.s, block.digests)]
    columns += [x, y]
    for column in columns:
        column.extend(column[-1:] * (-count % LANES))
    calls = [_list_calls(column) for column in columns]
    unused = repeat(None)
    passed: list[bool] = []
    for status in map(library.verify_lanes, *calls, unused, unused):
        passed += ALL_PASSED if status == 0 else _split_status(status)
    return passed[:count]


def _list_addresses(column: bytes) -> array[int]:
    """Where the 32 bytes of each row are."""
    start = _address(column)
    return array("Q", range(start, start + len(column), HALF))


def _list_calls(pointers: array[int]) -> range:
    """Where the eight pointers of each call are."""
    start, count = pointers.buffer_info()
    return range(start, start + count * pointers.itemsize, LANES * pointers.itemsize)


def _address(data: bytes) -> int:
    return ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value or 0


def _split_status(status: int) -> list[bool]:
    """Which lanes of a status passed."""
    return [not status >> _LANE_BITS * lane & 0xF for lane in range(LANES)]


def _encode_limbs(point: bytes) -> bytes:
    """X ‖ Y as little-endian limbs."""
    return point[31::-1] + point[:31:-1]


def _find_out_of_range(block: SignatureBlock) -> Iterator[int]:
    """Rows whose r or s is not in [1, n - 1]."""
    for column in (block.r, block.s):
        # What is outside begins with four bytes of ones, or is zero: most blocks have neither.
        if _ONES in column or _ZEROS in column:
            yield from (row for row, half in enumerate(split_halves(column)) if not in_range(half))


def _read_processor_flags() -> frozenset[str]:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return frozenset()
    line = next((line for line in text.splitlines() if line.startswith("flags")), "")
    return frozenset(line.split())
