"""ECDSA: ranges, malleability, keys that are none, and many at once."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import example, given
from hypothesis import strategies as st
from signing import verify_many

from forensics.simulate import keys
from forensics.simulate.amd import P384_ORDER, derive_p384_key, p384_point
from forensics.simulate.rsa import derive_rsa_key, sign_pss
from forensics.verify.amd_signatures import is_ca_key, read_p384_point, verify_p384, verify_pss
from forensics.verify.engine import OPENSSL
from forensics.verify.signatures import (
    P256_ORDER,
    SignatureBlock,
    encode_signature,
    in_range,
    load_key,
    verify_der,
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


def test_the_range_ends_below_the_order() -> None:
    bounds = (0, 1, P256_ORDER - 1, P256_ORDER, 2**256 - 1)
    assert [in_range(number(bound)) for bound in bounds] == [False, True, True, False, False]


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
    assert verify_raw(point, SIGNATURE, MESSAGE) is False
    assert verify_der(point, encode_signature(R, S), MESSAGE) is False


def test_a_signature_as_certificates_carry_it() -> None:
    signature = encode_signature(R, S)

    assert verify_der(POINT, signature, MESSAGE)
    assert verify_der(POINT, signature, MESSAGE + b"!") is False
    assert verify_der(POINT, signature[:-1], MESSAGE) is False
    assert verify_der(POINT, SIGNATURE, MESSAGE) is False


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


# --- AMD's ----------------------------------------------------------------------------------


def key_info(key: Any) -> bytes:
    info: bytes = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return info


P384_KEY = derive_p384_key(3, "signer")
P384_POINT = p384_point(P384_KEY)
RSA_KEY = derive_rsa_key("ark")
P384_SIGNATURE = b"".join(
    part.to_bytes(48)
    for part in decode_dss_signature(
        P384_KEY.sign(MESSAGE, ec.ECDSA(SHA384(), deterministic_signing=True))
    )
)
R384, S384 = P384_SIGNATURE[:48], P384_SIGNATURE[48:]
NO_KEY_INFOS = (
    pytest.param(b"", id="empty"),
    pytest.param(key_info(P384_KEY)[:-1], id="cut-off"),
    pytest.param(key_info(RSA_KEY).replace(bytes.fromhex("2a864886f7"), b"\x2a" * 5), id="unknown"),
    pytest.param(key_info(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))), id="ed25519"),
    pytest.param(key_info(KEY), id="p256"),
)


def test_a_report_signature_and_its_twin_verify() -> None:
    twin = R384 + (P384_ORDER - int.from_bytes(S384)).to_bytes(48)

    assert verify_p384(P384_POINT, P384_SIGNATURE, MESSAGE)
    assert verify_p384(P384_POINT, twin, MESSAGE)
    assert not verify_p384(P384_POINT, P384_SIGNATURE, MESSAGE + b"!")


@pytest.mark.parametrize(
    "signature",
    [
        pytest.param(b"", id="empty"),
        pytest.param(P384_SIGNATURE[:-1], id="cut-off"),
        pytest.param(R384 + b"\0" + S384, id="wide-s"),
        pytest.param(bytes(96), id="zeros"),
        pytest.param(bytes(48) + S384, id="r-0"),
        pytest.param(R384 + bytes(48), id="s-0"),
        pytest.param(P384_ORDER.to_bytes(48) + S384, id="r-n"),
        pytest.param(R384 + P384_ORDER.to_bytes(48), id="s-n"),
        pytest.param(b"\xff" * 96, id="ones"),
        pytest.param(S384 + R384, id="swapped"),
    ],
)
def test_other_report_signatures_do_not(signature: bytes) -> None:
    assert verify_p384(P384_POINT, signature, MESSAGE) is False


@pytest.mark.parametrize("point", [bytes(96), b"", P384_POINT[:-1], b"\xff" * 96])
def test_no_point_on_p384_verifies_nothing(point: bytes) -> None:
    assert verify_p384(point, P384_SIGNATURE, MESSAGE) is False


def test_keys_of_amds_kinds() -> None:
    assert read_p384_point(key_info(P384_KEY)) == P384_POINT
    assert is_ca_key(key_info(RSA_KEY))
    assert verify_pss(key_info(RSA_KEY), sign_pss(RSA_KEY, MESSAGE), MESSAGE)
    assert verify_pss(key_info(RSA_KEY), sign_pss(RSA_KEY, MESSAGE), MESSAGE + b"!") is False


@pytest.mark.parametrize("info", NO_KEY_INFOS)
def test_other_keys_are_none_of_amds(info: bytes) -> None:
    assert read_p384_point(info) is None
    assert not is_ca_key(info)
    assert verify_pss(info, sign_pss(RSA_KEY, MESSAGE), MESSAGE) is False


def test_amds_keys_are_not_taken_for_each_other() -> None:
    assert read_p384_point(key_info(RSA_KEY)) is None
    assert not is_ca_key(key_info(P384_KEY))
    assert not is_ca_key(key_info(rsa.generate_private_key(65537, 2048)))
    assert verify_pss(key_info(P384_KEY), sign_pss(RSA_KEY, MESSAGE), MESSAGE) is False
