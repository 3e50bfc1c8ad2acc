"""Certificates in Intel's shape: what one says, its DER and PEM, and its disguise.

A `CertificateSpec` holds every value, so that a test forges one thing and nothing else.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID, ObjectIdentifier

from forensics.formats.der import iterate_elements, read_exactly
from forensics.simulate.keys import PrivateKey, flip_s, signature_from_der, signature_to_der
from forensics.simulate.sgx_extension import SGX_EXTENSION_OID, encode_length

ROOT_CRL_URL = "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"


def intel_name(common_name: str) -> x509.Name:
    """The distinguished name that Intel gives its certificates: CN, O, L, ST, C."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Intel Corporation"),
            x509.NameAttribute(NameOID.LOCALITY_NAME, "Santa Clara"),
            x509.NameAttribute(NameOID.STATE_OR_PROVINCE_NAME, "CA"),
            x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
        ]
    )


@dataclass(frozen=True)
class CertificateSpec:
    """Everything that a certificate says. `dataclasses.replace` one field to forge it.

    `path_length` counts for CAs only. `sgx_extension` is the raw value of Intel's extension.
    `omit` names OIDs to leave out, `extra` adds extensions with their critical flag.
    """

    subject: x509.Name
    issuer: x509.Name
    key: PrivateKey
    issuer_key: PrivateKey
    serial: int
    validity: tuple[datetime, datetime]
    is_ca: bool
    path_length: int | None = None
    crl_url: str = ROOT_CRL_URL
    sgx_extension: bytes | None = None
    hash_algorithm: SHA256 | SHA384 | SHA512 = field(default_factory=SHA256)
    omit: tuple[ObjectIdentifier, ...] = ()
    extra: tuple[tuple[x509.ExtensionType, bool], ...] = ()

    def extensions(self) -> list[tuple[x509.ExtensionType, bool]]:
        """The extensions in Intel's order, each with its critical flag."""
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.issuer_key.public_key()),
                False,
            ),
            (_crl_distribution_point(self.crl_url), False),
            (x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), False),
            (_key_usage(is_ca=self.is_ca), True),
            (x509.BasicConstraints(ca=self.is_ca, path_length=self.path_length), True),
        ]
        if self.sgx_extension is not None:
            oid = ObjectIdentifier(SGX_EXTENSION_OID)
            extensions.append((x509.UnrecognizedExtension(oid, self.sgx_extension), False))
        kept = [entry for entry in extensions if entry[0].oid not in self.omit]
        return [*kept, *self.extra]

    def sign(self) -> x509.Certificate:
        builder = x509.CertificateBuilder(
            issuer_name=self.issuer,
            subject_name=self.subject,
            public_key=self.key.public_key(),
            serial_number=self.serial,
            not_valid_before=self.validity[0],
            not_valid_after=self.validity[1],
        )
        for extension, critical in self.extensions():
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.issuer_key, self.hash_algorithm, ecdsa_deterministic=True)


@dataclass(frozen=True)
class Identity:
    """A key with its certificate, and how that certificate was made."""

    spec: CertificateSpec
    certificate: x509.Certificate

    @classmethod
    def issue(cls, spec: CertificateSpec) -> Identity:
        return cls(spec, spec.sign())

    @property
    def key(self) -> PrivateKey:
        return self.spec.key

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return encode_pem(self.der)


def encode_pem(der: bytes, label: str = "CERTIFICATE") -> bytes:
    """One PEM block of 64-character lines, ending in LF."""
    text = b64encode(der)
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return b"\n".join(
        [f"-----BEGIN {label}-----".encode(), *lines, f"-----END {label}-----".encode(), b""]
    )


def chain_pem(*certificates: bytes) -> bytes:
    """DER certificates -> PEM text, in the order given."""
    return b"".join(map(encode_pem, certificates))


def flip_certificate_signature(der: bytes) -> bytes:
    """The same certificate with `n - s` in its signature: other bytes, still valid (P-256)."""
    (_, tbs), (_, algorithm), (_, bits) = iterate_elements(read_exactly(der, 0x30))
    flipped = b"\0" + signature_to_der(flip_s(signature_from_der(bits[1:])))
    contents = b"".join(
        bytes((tag,)) + encode_length(len(part)) + part
        for tag, part in ((0x30, tbs), (0x30, algorithm), (0x03, flipped))
    )
    return b"\x30" + encode_length(len(contents)) + contents


def _crl_distribution_point(url: str) -> x509.CRLDistributionPoints:
    name = x509.UniformResourceIdentifier(url)
    return x509.CRLDistributionPoints([x509.DistributionPoint([name], None, None, None)])


def _key_usage(*, is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_ca,
        content_commitment=not is_ca,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
    )
