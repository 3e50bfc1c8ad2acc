"""X.509 certificates -> the fields that attestation needs.

A certificate's identity is its *signed part* (`tbs_id`): the outer signature can be flipped
(s -> n - s) without invalidating it, and the file hash changes with it (spec section 8.1).
"""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from forensics.errors import EvidenceError
from forensics.formats import der
from forensics.formats.times import to_microseconds

MAX_CERTIFICATE_SIZE = 64 << 10

ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2"

UNREADABLE = (
    ValueError,
    TypeError,
    OverflowError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What the library raises on certificates and CRLs that it cannot read."""


@dataclass(frozen=True)
class Certificate:
    """Times are microseconds since the epoch, UTC; `public_key` is `X ‖ Y` of a P-256 key.

    `signature` is the DER of the outer signature; `extensions` maps a dotted OID to
    (critical, DER of the value).
    """

    der: bytes = field(repr=False)
    tbs: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    signature_algorithm: str
    inner_algorithm: str
    subject: bytes = field(repr=False)
    issuer: bytes = field(repr=False)
    subject_name: str
    issuer_name: str
    serial: int
    not_before: int
    not_after: int
    public_key: bytes | None
    extensions: dict[str, tuple[bool, bytes]] = field(repr=False)

    @property
    def certificate_id(self) -> bytes:
        return hashlib.sha256(self.der).digest()

    @property
    def tbs_id(self) -> bytes:
        return hashlib.sha256(self.tbs).digest()

    @property
    def self_issued(self) -> bool:
        return self.subject == self.issuer

    @cached_property
    def public_key_info(self) -> bytes:
        """SubjectPublicKeyInfo, DER: the key, whatever kind it is of."""
        return der.extract_public_key_info(self.der)


@lru_cache(maxsize=256)
def parse_certificate(data: bytes) -> Certificate:
    """The parsed certificate; a fleet's chains repeat all but their leaves.

    Raises `EvidenceError` (`bad-certificate`)."""
    if len(data) > MAX_CERTIFICATE_SIZE:
        raise EvidenceError("bad-certificate", f"certificate of {len(data)} bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # AMD's VCEKs have serial number 0
            certificate = x509.load_der_x509_certificate(data)
            return _read(data, certificate)
    except UNREADABLE as error:
        raise EvidenceError("bad-certificate", f"certificate: {_first_line(error)}") from None


def common_name(name: x509.Name) -> str:
    values = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(values[0].value) if values else ""


def _read(data: bytes, certificate: x509.Certificate) -> Certificate:
    return Certificate(
        der=data,
        tbs=certificate.tbs_certificate_bytes,
        signature=certificate.signature,
        signature_algorithm=certificate.signature_algorithm_oid.dotted_string,
        inner_algorithm=_inner_algorithm(certificate.tbs_certificate_bytes),
        subject=certificate.subject.public_bytes(),
        issuer=certificate.issuer.public_bytes(),
        subject_name=common_name(certificate.subject),
        issuer_name=common_name(certificate.issuer),
        serial=certificate.serial_number,
        not_before=to_microseconds(certificate.not_valid_before_utc),
        not_after=to_microseconds(certificate.not_valid_after_utc),
        public_key=_p256_point(certificate),
        extensions={
            extension.oid.dotted_string: (extension.critical, _extension_bytes(extension))
            for extension in certificate.extensions
        },
    )


def _extension_bytes(extension: x509.Extension[x509.ExtensionType]) -> bytes:
    value = extension.value
    if isinstance(value, x509.UnrecognizedExtension):
        return value.value
    return value.public_bytes()


def _p256_point(certificate: x509.Certificate) -> bytes | None:
    """`X ‖ Y`, or None for a key that is not on P-256 (AMD's, or an attack)."""
    try:
        key = certificate.public_key()
    except UNREADABLE:
        return None
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        return None
    numbers = key.public_numbers()
    return numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


def _inner_algorithm(tbs: bytes) -> str:
    """The algorithm that the signed part itself names (RFC 5280 4.1.2.3)."""
    fields = list(der.iterate_elements(der.read_exactly(tbs, der.SEQUENCE)))
    position = 2 if fields[0][0] == 0xA0 else 1  # the version is optional
    tag, contents, _ = der.read_element(fields[position][1])
    if tag != der.OBJECT_ID:
        raise EvidenceError("bad-certificate", "no signature algorithm in the signed part")
    return der.decode_object_id(contents)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
