"""ECDSA P-256 / SHA-256 over many inputs: the only expensive thing that verification does.

`cryptography` releases the GIL while OpenSSL works, so callers with plain threads scale. High-s
signatures are valid (two of five public quotes have one); r and s must be in [1, n - 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

SIGNATURE_SIZE = 64
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

_ALGORITHM = ECDSA(SHA256())
_CURVE = SECP256R1()


@lru_cache(maxsize=1 << 14)
def load_key(point: bytes) -> EllipticCurvePublicKey | None:
    """The public key of `X ‖ Y`, or None when that is no point on the curve."""
    try:
        return EllipticCurvePublicKey.from_encoded_point(_CURVE, b"\x04" + point)
    except ValueError:
        return None


def verify_raw(point: bytes, signature: bytes, message: bytes) -> bool:
    """Verify `r ‖ s` over `message` under the key `X ‖ Y`; other lengths than 64 never verify."""
    if len(signature) != SIGNATURE_SIZE:
        return False
    r = int.from_bytes(signature[:32], "big")
    s = int.from_bytes(signature[32:], "big")
    if not (0 < r < P256_ORDER and 0 < s < P256_ORDER):
        return False
    return verify_der(point, encode_dss_signature(r, s), message)


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


def verify_many(
    points: Sequence[bytes], signatures: Sequence[bytes], messages: Sequence[bytes]
) -> list[bool]:
    """`verify_raw` over three columns of equal length, in order."""
    rows = zip(points, signatures, messages, strict=True)
    return [verify_raw(point, signature, message) for point, signature, message in rows]
