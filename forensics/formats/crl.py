"""Certificate revocation lists, in the encodings that Intel's services and caches use.

Intel's CRLNumber is 1 in every list, so it orders nothing: `this_update` does (spec section 3.4).
"""

from __future__ import annotations

import binascii
import hashlib
import re
import warnings
from dataclasses import dataclass, field

from cryptography import x509

from forensics.errors import EvidenceError
from forensics.formats.certificates import UNREADABLE, common_name
from forensics.formats.der import SEQUENCE, read_element
from forensics.formats.pem import split_pem
from forensics.formats.times import to_microseconds

MAX_CRL_SIZE = 16 << 20
MAX_ENTRIES = 200_000

_HEX = re.compile(rb"[0-9a-fA-F\s]+\x00?")


@dataclass(frozen=True)
class Crl:
    """Times are microseconds since the epoch, UTC; `revoked` holds serial numbers.

    `next_update` is None where the list names none; such a list covers no moment. `partial`: an
    extension says that it lists some revocations only, as a delta or for a scope (RFC 5280, 5.2.4
    and 5.2.5), or must be understood and is not known.
    """

    der: bytes = field(repr=False)
    tbs: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    issuer: bytes = field(repr=False)
    issuer_name: str
    this_update: int
    next_update: int | None
    number: int | None
    has_authority_key_id: bool
    partial: bool
    revoked: frozenset[int] = field(repr=False)

    @property
    def crl_id(self) -> bytes:
        return hashlib.sha256(self.der).digest()


def decode_crl(data: bytes) -> bytes:
    """DER of a CRL that comes as PEM, hex text or DER; bytes after it are cut off, as by QVL."""
    if data.lstrip().startswith(b"-----BEGIN"):
        label, data = split_pem(data)[0]
        if label != "X509 CRL":
            raise EvidenceError("bad-crl", f"PEM block is {label}, not X509 CRL")
    elif _HEX.fullmatch(data):
        try:
            data = binascii.a2b_hex(b"".join(data.rstrip(b"\x00").split()))
        except binascii.Error as error:
            raise EvidenceError("bad-crl", f"CRL in hex: {error}") from None
    if not data or data[0] != SEQUENCE:
        raise EvidenceError("bad-crl", "not a DER sequence")
    return data[: read_element(data)[2]]


def parse_crl(data: bytes) -> Crl:
    """Parse a CRL in any of its encodings. Raises `EvidenceError`."""
    if len(data) > 2 * MAX_CRL_SIZE:
        raise EvidenceError("too-large", f"CRL of {len(data)} bytes")
    der = decode_crl(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd names are for us to judge, not to print
            return _read(der, x509.load_der_x509_crl(der))
    except UNREADABLE as error:
        raise EvidenceError("bad-crl", f"CRL: {str(error)[:200]}") from None


def _read(der: bytes, crl: x509.CertificateRevocationList) -> Crl:
    if len(crl) > MAX_ENTRIES:
        raise EvidenceError("too-large", f"CRL of {len(crl)} entries; the limit is {MAX_ENTRIES}")
    next_update = crl.next_update_utc
    number: int | None = None
    has_authority_key_id = partial = False
    for extension in crl.extensions:
        if isinstance(extension.value, x509.CRLNumber):
            number = extension.value.crl_number
        has_authority_key_id |= isinstance(extension.value, x509.AuthorityKeyIdentifier)
        # Those that narrow a list must be critical; a delta that is not marked so is still one.
        partial |= extension.critical or isinstance(extension.value, x509.DeltaCRLIndicator)
    return Crl(
        der=der,
        tbs=crl.tbs_certlist_bytes,
        signature=crl.signature,
        issuer=crl.issuer.public_bytes(),
        issuer_name=common_name(crl.issuer),
        this_update=to_microseconds(crl.last_update_utc),
        next_update=to_microseconds(next_update) if next_update else None,
        number=number,
        has_authority_key_id=has_authority_key_id,
        partial=partial,
        revoked=frozenset(entry.serial_number for entry in crl),
    )
