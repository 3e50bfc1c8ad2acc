"""The arithmetic of a repeated ECDSA nonce: two signatures with one k give the private key.

With `s = (z + r·d) / k` twice under one k and one d (FIPS 186-5, section 6.4.1), k is
`(z1 - z2) / (s1 - s2)` and d is `(s1·k - z1) / r`, all modulo the order of the group. Either s may
have been replaced by `n - s`, which verifies as well: then the other sign of one s is the right
one. Solutions are checked against the public key and thrown away; nothing here returns one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key

from forensics.verify.signatures import P256_ORDER, SIGNATURE_SIZE

_CURVE = SECP256R1()
_COORDINATE = SIGNATURE_SIZE // 2


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """A message and the s of its signature, 32 bytes big-endian; hashed with SHA-256."""

    message: bytes
    s: bytes

    @property
    def digest(self) -> int:
        return int.from_bytes(sha256(self.message).digest(), "big")


def confirm_recovery(point: bytes, r: bytes, first: SignedMessage, second: SignedMessage) -> bool:
    """Do the two signatures give the private key of `X ‖ Y`? Both must verify under it.

    `r` is what they share, 32 bytes big-endian. False too when the messages are the same.
    """
    return any(
        _public_point(private) == point
        for private in _solve(int.from_bytes(r, "big"), first, second)
    )


def _solve(r: int, first: SignedMessage, second: SignedMessage) -> Iterator[int]:
    """The private keys that fit: one for k the same, one for k the other way round."""
    z1, z2 = first.digest, second.digest
    s1, s2 = int.from_bytes(first.s, "big"), int.from_bytes(second.s, "big")
    for s in (s2, P256_ORDER - s2):
        if r % P256_ORDER == 0 or (s1 - s) % P256_ORDER == 0:
            continue
        k = (z1 - z2) * pow(s1 - s, -1, P256_ORDER)
        private = (s1 * k - z1) * pow(r, -1, P256_ORDER) % P256_ORDER
        if private:
            yield private


def _public_point(private: int) -> bytes:
    numbers = derive_private_key(private, _CURVE).public_key().public_numbers()
    return numbers.x.to_bytes(_COORDINATE, "big") + numbers.y.to_bytes(_COORDINATE, "big")
