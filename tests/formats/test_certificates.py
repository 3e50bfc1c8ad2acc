"""X.509 certificates: fields, identities, and bytes that are none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA384
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.errors import EvidenceError
from forensics.formats.certificates import (
    ECDSA_WITH_SHA256,
    MAX_CERTIFICATE_SIZE,
    parse_certificate,
)
from forensics.formats.pem import split_pem
from forensics.formats.times import to_microseconds
from forensics.simulate import pki
from forensics.simulate.certificates import Identity, flip_certificate_signature
from forensics.simulate.keys import public_bytes
from forensics.simulate.sgx_extension import SGX_EXTENSION_OID, SgxExtension

PKI = pki.make_pki(5)
EXTENSION = SgxExtension(bytes(16), bytes(6), platform_instance_id=bytes(16))
PCK = PKI.issue_pck(EXTENSION, label="pck")


def test_fields_of_a_leaf() -> None:
    certificate = parse_certificate(PCK.der)

    assert certificate.subject_name == "Intel SGX PCK Certificate"
    assert certificate.issuer_name == "Intel SGX PCK Platform CA"
    assert certificate.issuer == parse_certificate(PKI.platform_ca.der).subject
    assert certificate.serial == PCK.spec.serial
    assert certificate.not_before == 1748736000 * 1_000_000
    assert certificate.public_key == public_bytes(PCK.key)
    assert certificate.signature_algorithm == certificate.inner_algorithm == ECDSA_WITH_SHA256
    assert certificate.extensions[SGX_EXTENSION_OID] == (False, EXTENSION.to_der())
    assert certificate.extensions["2.5.29.15"][0]
    assert certificate.tbs in certificate.der == PCK.der
    assert not certificate.self_issued
    assert parse_certificate(PKI.root.der).self_issued


def test_the_other_s_changes_the_file_and_not_the_identity() -> None:
    flipped = parse_certificate(flip_certificate_signature(PCK.der))
    certificate = parse_certificate(PCK.der)

    assert flipped.certificate_id != certificate.certificate_id
    assert flipped.tbs_id == certificate.tbs_id


def test_a_key_on_another_curve_is_none_of_ours() -> None:
    other = ec.derive_private_key(7, ec.SECP384R1())
    certificate = parse_certificate(Identity.issue(replace(PCK.spec, key=other)).der)

    assert certificate.public_key is None


def test_algorithms_inside_and_outside() -> None:
    certificate = parse_certificate(Identity.issue(replace(PCK.spec, hash_algorithm=SHA384())).der)
    outer = PCK.der.replace(bytes.fromhex("06082a8648ce3d040302"), b"\x06\x08" + bytes(8), 1)

    assert certificate.signature_algorithm == certificate.inner_algorithm == "1.2.840.10045.4.3.3"
    assert outer != PCK.der


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(bytes.fromhex("3000"), id="empty-sequence"),
        pytest.param(PCK.der[:-1], id="cut"),
        pytest.param(PCK.der + b"\0", id="trailing"),
        pytest.param(PCK.pem, id="pem"),
        pytest.param(PCK.der.hex().encode(), id="hex"),
        pytest.param(b"\x31" + PCK.der[1:], id="set"),
        pytest.param(PCK.der + bytes(MAX_CERTIFICATE_SIZE), id="too-large"),
    ],
)
def test_what_is_no_certificate(data: bytes) -> None:
    with pytest.raises(EvidenceError) as caught:
        parse_certificate(data)

    assert caught.value.code == "bad-certificate"
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        (datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), -1),
        (datetime(1, 1, 1, tzinfo=UTC), -62135596800),
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), 253402300799),
        (datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC), 2524607999),
        (datetime(2050, 1, 1, tzinfo=UTC), 2524608000),
    ],
)
def test_times_are_exact(moment: datetime, seconds: int) -> None:
    assert to_microseconds(moment) == seconds * 1_000_000


@pytest.mark.parametrize(
    "end", [datetime(2049, 12, 31, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)]
)
def test_both_kinds_of_time(end: datetime) -> None:
    """UTCTime until 2049, GeneralizedTime after."""
    spec = replace(PCK.spec, validity=(PCK.spec.validity[0], end))

    assert parse_certificate(Identity.issue(spec).der).not_after == to_microseconds(end)


def test_every_real_certificate_is_read(vectors: Path) -> None:
    files = sorted([*vectors.glob("*/*_issuer_chain.pem"), *vectors.glob("*/trusted_root.der")])
    files += sorted(vectors.glob("*/vcek.der"))

    for file in files:
        data = file.read_bytes()
        blocks = [data] if file.suffix == ".der" else [der for _, der in split_pem(data)]
        for der in blocks:
            certificate = parse_certificate(der)
            assert certificate.not_before < certificate.not_after
    assert len(files) > 300


@settings(max_examples=300, deadline=None)
@given(position=st.integers(0, len(PCK.der) - 1), value=st.binary(min_size=1, max_size=4))
def test_mutations(position: int, value: bytes) -> None:
    data = PCK.der[:position] + value + PCK.der[position + len(value) :]
    try:
        code = "" if parse_certificate(data).der == data else "another certificate"
    except EvidenceError as error:
        code = error.code
    assert code in ("", "bad-certificate")
