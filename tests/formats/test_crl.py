"""Revocation lists in every encoding that Intel's services and caches use."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.errors import EvidenceError
from forensics.formats.crl import Crl, decode_crl, parse_crl
from forensics.simulate import pki
from forensics.simulate.certificates import encode_pem

START = datetime(2026, 1, 1, tzinfo=UTC)
PKI = pki.make_pki(5)


def build(**arguments: Any) -> bytes:
    arguments = {"this_update": START, "next_update": START + timedelta(days=30)} | arguments
    return pki.build_crl(PKI.platform_ca, **arguments)


DER = build(revoked=(0x1234, 1 << 158))


def test_fields() -> None:
    crl = parse_crl(DER)

    assert crl.issuer_name == "Intel SGX PCK Platform CA"
    assert crl.this_update == 1767225600 * 1_000_000
    assert crl.next_update == crl.this_update + 30 * 86_400 * 1_000_000
    assert (crl.number, crl.has_authority_key_id) == (1, True)
    assert crl.revoked == {0x1234, 1 << 158}
    assert crl.tbs in crl.der == DER
    assert crl.signature in crl.der


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(DER, id="der"),
        pytest.param(DER + b"junk", id="der-and-junk"),
        pytest.param(DER + b"\0", id="der-and-nul"),
        pytest.param(encode_pem(DER, "X509 CRL"), id="pem"),
        pytest.param(b"\n " + encode_pem(DER, "X509 CRL"), id="pem-after-blanks"),
        pytest.param(encode_pem(DER, "X509 CRL").replace(b"\n", b"\r\n"), id="pem-crlf"),
        pytest.param(encode_pem(DER, "X509 CRL") + b"\0", id="pem-and-nul"),
        pytest.param(DER.hex().encode(), id="hex"),
        pytest.param(DER.hex().upper().encode(), id="hex-upper"),
        pytest.param(DER.hex().encode() + b"\0", id="hex-and-nul"),
        pytest.param(DER.hex(" ").encode() + b"\n", id="hex-and-blanks"),
    ],
)
def test_encodings(data: bytes) -> None:
    assert decode_crl(data) == DER
    assert parse_crl(data) == parse_crl(DER)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\0", id="nul"),
        pytest.param(DER[:-1], id="cut"),
        pytest.param(DER[:10], id="header-only"),
        pytest.param(DER[:1], id="tag-only"),
        pytest.param(b"\x31" + DER[1:], id="set"),
        pytest.param(DER.hex().encode()[:-1], id="odd-hex"),
        pytest.param(b"zz" + DER.hex().encode(), id="no-hex"),
        pytest.param(b64encode(DER), id="bare-base64"),
        pytest.param(encode_pem(DER), id="pem-of-a-certificate"),
        pytest.param(b"-----BEGIN X509 CRL-----", id="pem-without-end"),
        pytest.param(PKI.root.der, id="certificate"),
        pytest.param(bytes.fromhex("3000"), id="empty-sequence"),
        pytest.param(bytes.fromhex("3080") + DER[4:] + bytes(2), id="indefinite-length"),
    ],
)
def test_what_is_no_crl(data: bytes) -> None:
    with pytest.raises(EvidenceError) as caught:
        parse_crl(data)

    assert caught.value.code in ("bad-crl", "bad-der", "bad-pem")
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("arguments", "number", "has_key_id"),
    [
        ({}, 1, True),
        ({"number": 7}, 7, True),
        ({"number": None}, None, True),
        ({"authority_key": False}, 1, False),
        ({"number": None, "authority_key": False}, None, False),
    ],
)
def test_extensions(arguments: Any, number: int | None, has_key_id: bool) -> None:
    crl = parse_crl(build(**arguments))

    assert (crl.number, crl.has_authority_key_id) == (number, has_key_id)


@pytest.mark.parametrize(
    ("extension", "partial"),
    [
        (None, False),
        (x509.DeltaCRLIndicator(1), True),
        (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True),
    ],
)
def test_a_critical_extension_makes_a_list_partial(extension: Any, partial: bool) -> None:
    assert parse_crl(build(critical=extension)).partial == partial


def test_no_entries() -> None:
    assert parse_crl(build()).revoked == frozenset()


def test_the_same_list_signed_anew_has_another_id() -> None:
    other = parse_crl(build(signing_key=PKI.root.key))

    assert other.tbs == parse_crl(build()).tbs
    assert other.crl_id != parse_crl(build()).crl_id


def test_ten_thousand_entries() -> None:
    serials = tuple(range(1, 10_001))
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(PKI.root.spec.subject)
        .last_update(START)
        .next_update(START + timedelta(days=1))
    )
    for serial in serials:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(START)
        builder = builder.add_revoked_certificate(entry.build())
    signed = builder.sign(PKI.root.key, SHA256()).public_bytes(Encoding.DER)

    assert parse_crl(signed).revoked == set(serials)


def test_every_real_crl_is_read(vectors: Path) -> None:
    files = sorted(vectors.glob("*/*_crl.der"))

    for file in files:
        crl = parse_crl(file.read_bytes())
        assert crl.number == 1
        assert crl.has_authority_key_id
        assert crl.next_update is not None
        assert crl.this_update < crl.next_update
    assert len(files) > 200


@settings(max_examples=200, deadline=None)
@given(position=st.integers(0, len(DER) - 1), value=st.binary(min_size=1, max_size=4))
def test_mutations(position: int, value: bytes) -> None:
    data = DER[:position] + value + DER[position + len(value) :]
    try:
        crl: Crl | None = parse_crl(data)
    except EvidenceError as error:
        crl, refused = None, error.code
    if crl is None:
        assert refused in ("bad-crl", "bad-der", "bad-pem")
    else:
        assert data.startswith(crl.der)
