"""Keys and signatures that a seed decides: the same label gives the same key, always.

Signatures are `r ‖ s`, each half 32 bytes big-endian, as quotes carry them; `k` follows RFC 6979
unless a caller fixes it to build the nonce-reuse cases.
"""

from __future__ import annotations

from hashlib import sha256, sha512

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PrivateKey = ec.EllipticCurvePrivateKey

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

_ALGORITHM = ec.ECDSA(SHA256(), deterministic_signing=True)


def derive_bytes(seed: int, label: str, size: int = 32) -> bytes:
    """`size` (at most 64) bytes that look random and depend on nothing but seed and label."""
    return sha512(f"quote-forensics simulate\0{seed}\0{label}".encode()).digest()[:size]


def derive_integer(seed: int, label: str, bound: int) -> int:
    """An integer in `[0, bound)`."""
    return int.from_bytes(derive_bytes(seed, label, 64)) % bound


def derive_key(seed: int, label: str) -> PrivateKey:
    """A P-256 private key."""
    return ec.derive_private_key(
        derive_integer(seed, f"key {label}", P256_ORDER - 1) + 1, ec.SECP256R1()
    )


def public_bytes(key: PrivateKey) -> bytes:
    """The public key as `X ‖ Y`: 64 bytes for P-256."""
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return point[1:]


def sign(key: PrivateKey, message: bytes) -> bytes:
    """ECDSA with SHA-256, `r ‖ s`, deterministic."""
    return signature_from_der(key.sign(message, _ALGORITHM))


def sign_with_nonce(key: PrivateKey, message: bytes, nonce: int) -> bytes:
    """The signature `r ‖ s` that ECDSA makes with a given `k` (P-256 only)."""
    point = ec.derive_private_key(nonce, ec.SECP256R1()).public_key().public_numbers()
    r = point.x % P256_ORDER
    digest = int.from_bytes(sha256(message).digest())
    secret = key.private_numbers().private_value
    s = pow(nonce, -1, P256_ORDER) * (digest + r * secret) % P256_ORDER
    return r.to_bytes(32) + s.to_bytes(32)


def flip_s(signature: bytes) -> bytes:
    """The other signature that verifies over the same message: `s` becomes `n - s`."""
    return signature[:32] + (P256_ORDER - int.from_bytes(signature[32:])).to_bytes(32)


def signature_from_der(der: bytes) -> bytes:
    """`SEQUENCE {r, s}` -> `r ‖ s`."""
    r, s = decode_dss_signature(der)
    return r.to_bytes(32) + s.to_bytes(32)


def signature_to_der(signature: bytes) -> bytes:
    """`r ‖ s` -> `SEQUENCE {r, s}`."""
    return encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
