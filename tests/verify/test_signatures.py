"""ECDSA: ranges, malleability, keys that are none, and many at once."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import example, given
from hypothesis import strategies as st
from signing import verify_many

from forensics.simulate import keys
from forensics.verify.engine import OPENSSL
from forensics.verify.signatures import (
    P256_ORDER,
    SignatureBlock,
    encode_signature,
    load_key,
    verify_raw,
)

KEY = keys.derive_key(3, "signer")
POINT = keys.public_bytes(KEY)
MESSAGE = b"header and body"
SIGNATURE = keys.sign(KEY, MESSAGE)
R, S = SIGNATURE[:32], SIGNATURE[32:]


def number(value: int) -> bytes:
    return value.to_bytes(32)


def test_a_signature_and_its_twin_verify() -> None:
    twin = R + number(P256_ORDER - int.from_bytes(S))

    assert verify_raw(POINT, SIGNATURE, MESSAGE)
    assert verify_raw(POINT, twin, MESSAGE)
    assert twin != SIGNATURE


@pytest.mark.parametrize(
    "signature",
    [
        pytest.param(bytes(64), id="zeros"),
        pytest.param(bytes(32) + S, id="r-0"),
        pytest.param(R + bytes(32), id="s-0"),
        pytest.param(number(P256_ORDER) + S, id="r-n"),
        pytest.param(R + number(P256_ORDER), id="s-n"),
        pytest.param(b"\xff" * 64, id="ones"),
        pytest.param(S + R, id="swapped"),
        pytest.param(SIGNATURE[::-1], id="little-endian"),
        pytest.param(number(1) + number(1), id="one-one"),
        pytest.param(
            number((int.from_bytes(R) + P256_ORDER) % (1 << 256)) + S, id="r-beside-the-order"
        ),
    ],
)
def test_other_signatures_do_not(signature: bytes) -> None:
    assert not verify_raw(POINT, signature, MESSAGE)


# Numbers of every length, with and without the bit that would be a sign.
NUMBERS = st.integers(0, 255).flatmap(lambda bits: st.integers(1 << bits, (2 << bits) - 1))


@given(NUMBERS, NUMBERS)
@example(1, (1 << 256) - 1)
@example(0x7F, 0x80)
def test_the_encoding_is_that_of_the_library(r: int, s: int) -> None:
    assert encode_signature(number(r), number(s)) == encode_dss_signature(r, s)


@pytest.mark.parametrize("bit", range(0, 512, 37))
def test_no_bit_of_a_signature_is_free(bit: int) -> None:
    changed = int.from_bytes(SIGNATURE) ^ 1 << bit

    assert not verify_raw(POINT, changed.to_bytes(64), MESSAGE)


@pytest.mark.parametrize(
    "point",
    [
        pytest.param(bytes(64), id="infinity"),
        pytest.param(b"\xff" * 64, id="beyond-the-field"),
        pytest.param(POINT[:63] + bytes((POINT[63] ^ 1,)), id="off-the-curve"),
        pytest.param(POINT[32:] + POINT[:32], id="swapped"),
    ],
)
def test_no_key_verifies_nothing(point: bytes) -> None:
    assert load_key(point) is None
    assert not verify_raw(point, SIGNATURE, MESSAGE)


def test_the_negated_key_is_another_key() -> None:
    """`-Y` is a point too, but not one that this signature fits."""
    prime = 2**256 - 2**224 + 2**192 + 2**96 - 1
    negated = POINT[:32] + number(prime - int.from_bytes(POINT[32:]))

    assert load_key(negated) is not None
    assert not verify_raw(negated, SIGNATURE, MESSAGE)


def test_many_are_verified_in_order() -> None:
    messages = [b"%d" % n for n in range(100)]
    signed = keys.sign(KEY, b"0")
    signatures = [keys.sign(KEY, b"7") if n == 7 else signed for n in range(100)]

    results = verify_many(OPENSSL, [POINT] * 100, signatures, messages)

    assert [n for n, valid in enumerate(results) if valid] == [0, 7]


def test_none_is_verified_of_none() -> None:
    assert verify_many(OPENSSL, [], [], []) == []


def test_columns_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="unequal"):
        verify_many(OPENSSL, [POINT], [SIGNATURE], [])


def test_a_key_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="another size"):
        SignatureBlock([POINT[1:]], [0], SIGNATURE[:32], SIGNATURE[32:], bytes(32))
