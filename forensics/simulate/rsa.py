"""RSA-4096 keys and RSASSA-PSS signatures that always come out the same, for CAs like AMD's.

Searching for primes takes seconds, so the keys do not depend on a seed: how far each prime lies
behind the number that its label gives was found once. They are as public as this file.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha384

from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPrivateNumbers,
    RSAPublicNumbers,
    rsa_crt_dmp1,
    rsa_crt_dmq1,
    rsa_crt_iqmp,
)

from forensics.simulate.keys import derive_bytes

EXPONENT = 65537
_BITS = 4096
_SIZE = _BITS // 8
_DIGEST_SIZE = 48
_OFFSETS = {
    "ark": {"p": 1416, "q": 546},
    "ask": {"p": 196, "q": 234},
    "asvk": {"p": 1834, "q": 18},
}


@lru_cache(maxsize=8)
def derive_rsa_key(label: str) -> RSAPrivateKey:
    """The key called `ark`, `ask` or `asvk`."""
    p, q = (_prime(label, half) for half in "pq")
    d = pow(EXPONENT, -1, (p - 1) * (q - 1))
    return RSAPrivateNumbers(
        p,
        q,
        d,
        rsa_crt_dmp1(d, p),
        rsa_crt_dmq1(d, q),
        rsa_crt_iqmp(p, q),
        RSAPublicNumbers(EXPONENT, p * q),
    ).private_key(unsafe_skip_rsa_key_validation=True)


def sign_pss(key: RSAPrivateKey, message: bytes) -> bytes:
    """RSASSA-PSS with SHA-384 and a salt that the message decides (RFC 8017, 8.1.1 and 9.1.1)."""
    numbers = key.private_numbers()
    digest = sha384(message).digest()
    salt = sha384(b"salt" + digest).digest()
    seed = sha384(bytes(8) + digest + salt).digest()
    masked_size = _SIZE - _DIGEST_SIZE - 1
    block = (b"\1" + salt).rjust(masked_size, b"\0")
    mask = _generate_mask(seed, masked_size)
    masked = bytearray(a ^ b for a, b in zip(block, mask, strict=True))
    masked[0] &= 0x7F
    encoded = int.from_bytes(bytes(masked) + seed + b"\xbc")
    # By the Chinese remainder theorem: four times quicker.
    first = pow(encoded, numbers.dmp1, numbers.p)
    second = pow(encoded, numbers.dmq1, numbers.q)
    rest = (first - second) * numbers.iqmp % numbers.p
    return (second + rest * numbers.q).to_bytes(_SIZE)


def _generate_mask(seed: bytes, size: int) -> bytes:
    """MGF1 with SHA-384."""
    blocks = range(-(-size // _DIGEST_SIZE))
    return b"".join(sha384(seed + n.to_bytes(4)).digest() for n in blocks)[:size]


def _prime(label: str, half: str) -> int:
    parts = (derive_bytes(0, f"rsa {label} {half} {n}", 64) for n in range(4))
    return (int.from_bytes(b"".join(parts)) | 3 << 2046 | 1) + _OFFSETS[label][half]
