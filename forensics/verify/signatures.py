"""ECDSA P-256 / SHA-256 over many inputs: the only expensive thing that verification does.

High-s signatures are valid (two of five public quotes have one); r and s must be in [1, n - 1].
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

SIGNATURE_SIZE = 64
POINT_SIZE = 64  # X ‖ Y
HALF = 32  # bytes of r, of s and of a digest
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

_ALGORITHM = ECDSA(SHA256())
_OF_DIGEST = ECDSA(Prehashed(SHA256()))  # saves OpenSSL a look-up of the hash, row by row
_CURVE = SECP256R1()
# Tag and length of an INTEGER of up to 33 bytes, and of a SEQUENCE of two (X.690, 8.3 and 8.9).
_INTEGERS = [bytes((0x02, size)) for size in range(HALF + 2)]
_SEQUENCES = [bytes((0x30, size)) for size in range(2 * (HALF + 3) + 1)]
_ZERO, _ORDER = bytes(HALF), P256_ORDER.to_bytes(HALF, "big")


@dataclass(frozen=True)
class SignatureBlock:
    """Many signatures as columns: for each row the place of its key among `keys` (X ‖ Y each), and
    32 bytes each of r, of s and of the SHA-256 of what was signed, one row after the other.
    """

    keys: Sequence[bytes]
    key_index: Sequence[int]
    r: bytes
    s: bytes
    digests: bytes

    def __post_init__(self) -> None:
        size = HALF * len(self.key_index)
        if not len(self.r) == len(self.s) == len(self.digests) == size:
            raise ValueError("columns of unequal length")
        if any(len(key) != POINT_SIZE for key in self.keys):
            raise ValueError("a key of another size")


@lru_cache(maxsize=1 << 14)
def load_key(point: bytes) -> EllipticCurvePublicKey | None:
    """The public key of `X ‖ Y`, or None when that is no point on the curve."""
    try:
        return EllipticCurvePublicKey.from_encoded_point(_CURVE, b"\x04" + point)
    except ValueError:
        return None


def in_range(half: bytes) -> bool:
    """Whether 32 bytes, big-endian, are in [1, n - 1]."""
    return _ZERO < half < _ORDER


def verify_raw(point: bytes, signature: bytes, message: bytes) -> bool:
    """Verify `r ‖ s` over `message` under the key `X ‖ Y`; other lengths than 64 never verify."""
    if len(signature) != SIGNATURE_SIZE:
        return False
    key = load_key(point)
    digest = hashlib.sha256(message).digest()
    return verify_digest(key, signature[:HALF], signature[HALF:], digest)


def verify_digest(key: EllipticCurvePublicKey | None, r: bytes, s: bytes, digest: bytes) -> bool:
    """Verify r and s, 32 bytes each, over the SHA-256 of a message; no key verifies nothing."""
    if key is None or not (in_range(r) and in_range(s)):
        return False
    try:
        key.verify(encode_signature(r, s), digest, _OF_DIGEST)
    except InvalidSignature:
        return False
    return True


def encode_signature(r: bytes, s: bytes) -> bytes:
    """DER of r and s, 32 bytes each, big-endian and not zero.

    As `encode_dss_signature` of numbers gives it, in half the time.
    """
    body = _encode_integer(r) + _encode_integer(s)
    return _SEQUENCES[len(body)] + body


def _encode_integer(half: bytes) -> bytes:
    digits = half.lstrip(b"\0")
    if digits[0] > 0x7F:  # would be a sign
        digits = b"\0" + digits
    return _INTEGERS[len(digits)] + digits


def verify_der(point: bytes, signature: bytes, message: bytes) -> bool:
    """Verify a DER-encoded signature, as certificates and CRLs carry it."""
    key = load_key(point)
    if key is None:
        return False
    try:
        key.verify(signature, message, _ALGORITHM)
    except InvalidSignature:
        return False
    return True


def verify_block(block: SignatureBlock) -> list[bool]:
    """`verify_digest` of each row, in order."""
    keys = [load_key(point) for point in block.keys]
    columns = map(split_halves, (block.r, block.s, block.digests))
    rows = zip(block.key_index, *columns, strict=True)
    return [verify_digest(keys[place], r, s, digest) for place, r, s, digest in rows]


def split_halves(column: bytes) -> Iterator[bytes]:
    """The 32 bytes of each row."""
    return (column[start : start + HALF] for start in range(0, len(column), HALF))
