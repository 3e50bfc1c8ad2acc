"""A private key from two signatures with one k, under every sign of s, and never from others."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key

from forensics.simulate.keys import derive_key, flip_s, public_bytes, sign, sign_with_nonce
from forensics.verify.key_recovery import SignedMessage, confirm_recovery
from forensics.verify.signatures import P256_ORDER

KEY = derive_key(1, "key recovery")
POINT = public_bytes(KEY)
NONCE = 2**200 + 17
R = sign_with_nonce(KEY, b"one", NONCE)[:32]
ORDER = P256_ORDER.to_bytes(32)


def signed(message: bytes, *, flipped: bool = False) -> SignedMessage:
    signature = sign_with_nonce(KEY, message, NONCE)
    assert signature[:32] == R
    return SignedMessage(message, (flip_s(signature) if flipped else signature)[32:])


@pytest.mark.parametrize("flips", [(False, False), (False, True), (True, False), (True, True)])
def test_one_nonce_under_two_messages_gives_the_key(flips: tuple[bool, bool]) -> None:
    first, second = signed(b"one", flipped=flips[0]), signed(b"two", flipped=flips[1])
    assert confirm_recovery(POINT, R, first, second)
    assert confirm_recovery(POINT, R, second, first)


def test_it_is_the_key_of_no_other() -> None:
    other = public_bytes(derive_key(1, "another"))
    assert not confirm_recovery(other, R, signed(b"one"), signed(b"two"))


def test_one_message_signed_once_gives_nothing() -> None:
    assert not confirm_recovery(POINT, R, signed(b"one"), signed(b"one"))
    assert not confirm_recovery(POINT, R, signed(b"one"), signed(b"one", flipped=True))


def test_two_nonces_give_nothing() -> None:
    fresh = SignedMessage(b"two", sign(KEY, b"two")[32:])
    assert not confirm_recovery(POINT, R, signed(b"one"), fresh)


def test_one_altered_byte_gives_nothing() -> None:
    second = signed(b"two")
    altered = replace(second, s=second.s[:-1] + bytes([second.s[-1] ^ 1]))
    assert not confirm_recovery(POINT, R, signed(b"one"), altered)


@pytest.mark.parametrize("r", [bytes(32), ORDER, b"\xff" * 32])
def test_an_impossible_r_gives_nothing(r: bytes) -> None:
    assert not confirm_recovery(POINT, r, signed(b"one"), signed(b"two"))


@pytest.mark.parametrize("s", [bytes(32), ORDER])
def test_an_impossible_s_gives_nothing(s: bytes) -> None:
    assert not confirm_recovery(
        POINT, R, SignedMessage(b"one", s), SignedMessage(b"two", bytes(32))
    )


def test_a_key_chosen_so_that_the_wrong_sign_gives_none_is_found_by_the_right_one() -> None:
    """With `r·d = -2·z1·z2 / (z1 + z2)` the other sign of s has the solution 0, which is no key."""
    z1, z2 = signed(b"one").digest, signed(b"two").digest
    secret = -2 * z1 * z2 * pow((z1 + z2) * int.from_bytes(R), -1, P256_ORDER) % P256_ORDER
    key = derive_private_key(secret, SECP256R1())
    first, second = (sign_with_nonce(key, message, NONCE) for message in (b"one", b"two"))
    assert confirm_recovery(
        public_bytes(key),
        R,
        SignedMessage(b"one", first[32:]),
        SignedMessage(b"two", flip_s(second)[32:]),
    )
