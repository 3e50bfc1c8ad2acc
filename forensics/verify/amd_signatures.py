"""What AMD signs with: ECDSA P-384 / SHA-384 for reports, RSA-4096 PSS / SHA-384 for certificates.

Keys are `X ‖ Y` (96 bytes) or a SubjectPublicKeyInfo in DER; signatures of reports are `r ‖ s`,
48 bytes each, big-endian. As on P-256, high-s signatures are valid.
"""

from __future__ import annotations

from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP384R1,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import load_der_public_key

P384_ORDER = int(
    "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"
    "C7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973",
    16,
)
SIGNATURE_SIZE = 96
RSA_BITS = 4096

_COORDINATE = SIGNATURE_SIZE // 2
_ALGORITHM = ECDSA(SHA384())
_CURVE = SECP384R1()
_PADDING = PSS(MGF1(SHA384()), SHA384.digest_size)


@lru_cache(maxsize=1024)
def load_p384_key(point: bytes) -> EllipticCurvePublicKey | None:
    """The public key of `X ‖ Y`, or None when that is no point on the curve."""
    try:
        return EllipticCurvePublicKey.from_encoded_point(_CURVE, b"\x04" + point)
    except ValueError:
        return None


def read_p384_point(key_info: bytes) -> bytes | None:
    """`X ‖ Y` of a SubjectPublicKeyInfo, or None for a key that is not on P-384."""
    key = _load(key_info)
    if not isinstance(key, EllipticCurvePublicKey) or key.curve.name != _CURVE.name:
        return None
    numbers = key.public_numbers()
    return numbers.x.to_bytes(_COORDINATE, "big") + numbers.y.to_bytes(_COORDINATE, "big")


def is_ca_key(key_info: bytes) -> bool:
    """A key as AMD's ARK and ASK have it: RSA of 4096 bits."""
    key = _load(key_info)
    return isinstance(key, RSAPublicKey) and key.key_size == RSA_BITS


def verify_p384(point: bytes, signature: bytes, message: bytes) -> bool:
    """Verify `r ‖ s` over `message` under `X ‖ Y`; other lengths than 96 never verify."""
    if len(signature) != SIGNATURE_SIZE:
        return False
    r = int.from_bytes(signature[:_COORDINATE], "big")
    s = int.from_bytes(signature[_COORDINATE:], "big")
    key = load_p384_key(point)
    if key is None or not (0 < r < P384_ORDER and 0 < s < P384_ORDER):
        return False
    try:
        key.verify(encode_dss_signature(r, s), message, _ALGORITHM)
    except InvalidSignature:
        return False
    return True


def verify_pss(key_info: bytes, signature: bytes, message: bytes) -> bool:
    """Verify RSASSA-PSS with SHA-384, MGF1 of SHA-384 and a salt of 48 bytes; no other form."""
    key = _load(key_info)
    if not isinstance(key, RSAPublicKey):
        return False
    try:
        key.verify(signature, message, _PADDING, SHA384())
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=256)
def _load(key_info: bytes) -> object:
    try:
        return load_der_public_key(key_info)
    except (ValueError, UnsupportedAlgorithm):
        return None
