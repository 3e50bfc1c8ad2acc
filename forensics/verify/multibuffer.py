"""The optional fast path: Intel's multi-buffer library, eight P-256 verifications at once.

Source: Intel Cryptography Primitives Library, crypto_mb `ec_nistp256.h`. Needs AVX-512 IFMA and the
packages of the extra `fast`. It is never believed alone for a rejection: a lane that fails is
proven again with `cryptography`, and so is a fixed share of those that pass. Range of r and s, and
that a key is a point on the curve, are checked here and never left to the library.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import hashlib
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from forensics.verify.signatures import P256_ORDER, load_key, verify_raw

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Addresses = npt.NDArray[np.uint64]

NAME = "crypto_mb"
LANES = 8
CROSS_CHECK = 256  # one in so many passes is proven again

ALL_PASSED = [True] * LANES

_LANE_BITS = 4
_LIBRARIES = ("libintlc.so.5", "libimf.so", "libirng.so", "libsvml.so")


class Library:
    """The loaded library; `load_library` makes it."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._verify = library.mbx_nistp256_ecdsa_verify_mb8
        self._verify.restype = ctypes.c_uint32
        self._verify.argtypes = [ctypes.c_void_p] * 7

    def verify_lanes(self, addresses: Sequence[int]) -> int:
        """Status of eight lanes, four bits each, 0 good. `addresses` are those of five arrays of
        eight pointers: r, s, hash (32 bytes big-endian each), x, y (four 64-bit limbs each).
        """
        status: int = self._verify(*addresses, None, None)
        return status


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
        return Library(ctypes.CDLL(str(folder / "libcrypto_mb.so")))
    except (OSError, AttributeError):
        return None


def verify_many(
    points: Sequence[bytes],
    signatures: Sequence[bytes],
    messages: Sequence[bytes],
    library: Library,
) -> list[bool]:
    """`verify_raw` over three columns of equal length, in order."""
    import numpy as np

    count = len(points)
    if not count:
        return []
    keys, key_index = _encode_keys(points)
    signature_bytes = b"".join(signatures)
    hashes = b"".join(hashlib.sha256(message).digest() for message in messages)
    in_range = _check_range(np.frombuffer(signature_bytes, ">u8").reshape(count, 2, 4))
    on_curve = np.array([load_key(point) is not None for point in keys])[key_index]
    limbs = np.frombuffer(b"".join(map(_encode_limbs, keys)), np.uint8)
    padded = np.minimum(np.arange(-(-count // LANES) * LANES), count - 1)
    signature_buffer = np.frombuffer(signature_bytes, np.uint8)
    hash_buffer = np.frombuffer(hashes, np.uint8)
    r = _address(signature_buffer) + 64 * padded.astype(np.uint64)
    x = _address(limbs) + 64 * key_index[padded].astype(np.uint64)
    h = _address(hash_buffer) + 32 * padded.astype(np.uint64)
    pointers = [r, r + np.uint64(32), h, x, x + np.uint64(32)]
    bases = [int(_address(array)) for array in pointers]

    passed: list[bool] = []
    for first in range(0, len(padded), LANES):
        status = library.verify_lanes([base + 8 * first for base in bases])
        passed += ALL_PASSED if status == 0 else _split_status(status)
    fast = np.array(passed)[:count]
    fast &= in_range & on_curve
    again = np.flatnonzero(~fast | (np.arange(count) % CROSS_CHECK == 0))
    results: list[bool] = fast.tolist()
    for index in again.tolist():
        results[index] = verify_raw(points[index], signatures[index], messages[index])
        if fast[index] and not results[index]:
            raise RuntimeError(f"{NAME} accepted a signature that OpenSSL rejects")
    return results


def _split_status(status: int) -> list[bool]:
    """Which lanes of a status passed."""
    return [not status >> _LANE_BITS * lane & 0xF for lane in range(LANES)]


def _encode_keys(points: Sequence[bytes]) -> tuple[list[bytes], npt.NDArray[np.intp]]:
    """Distinct keys, and the position of each row's key among them."""
    import numpy as np

    positions: dict[bytes, int] = {}
    index = [positions.setdefault(point, len(positions)) for point in points]
    return list(positions), np.array(index, np.intp)


def _encode_limbs(point: bytes) -> bytes:
    """X ‖ Y as little-endian limbs."""
    return point[31::-1] + point[:31:-1]


def _check_range(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """Rows of which r and s (four big-endian words each) are both in [1, n - 1]."""
    import numpy as np

    order = [
        int.from_bytes(P256_ORDER.to_bytes(32, "big")[i : i + 8], "big") for i in (0, 8, 16, 24)
    ]
    below = np.zeros(words.shape[:2], bool)
    equal = np.ones(words.shape[:2], bool)
    for position, word in enumerate(order):
        column = words[:, :, position].astype(np.uint64)
        below |= equal & (column < np.uint64(word))
        equal &= column == np.uint64(word)
    inside: npt.NDArray[np.bool_] = np.all(below & words.any(axis=2), axis=1)
    return inside


def _address(array: npt.NDArray[np.uint8] | Addresses) -> np.uint64:
    import numpy as np

    return np.uint64(array.__array_interface__["data"][0])


def _read_processor_flags() -> frozenset[str]:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return frozenset()
    line = next((line for line in text.splitlines() if line.startswith("flags")), "")
    return frozenset(line.split())
