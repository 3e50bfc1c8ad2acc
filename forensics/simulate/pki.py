"""A certificate hierarchy shaped exactly like Intel's, under a root of our own.

Names, validities and the five extensions (AKI, CRL DP, SKI, key usage, basic constraints, in that
order) are those of the certificates that Intel issues; only the keys differ. Every value can be
overridden, so that a test forges one thing and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from forensics.simulate.certificates import CertificateSpec, Identity, chain_pem, intel_name
from forensics.simulate.keys import PrivateKey, derive_bytes, derive_key
from forensics.simulate.sgx_extension import SgxExtension

CaKind = Literal["platform", "processor"]

ROOT_NAME = "Intel SGX Root CA"
PLATFORM_CA_NAME = "Intel SGX PCK Platform CA"
PROCESSOR_CA_NAME = "Intel SGX PCK Processor CA"
PCK_NAME = "Intel SGX PCK Certificate"
TCB_SIGNING_NAME = "Intel SGX TCB Signing"

PCK_CRL_URL = (
    "https://api.trustedservices.intel.com/sgx/certification/v4/pckcrl?ca={kind}&encoding=der"
)

_ROOT_VALIDITY = (
    datetime(2018, 5, 21, 10, 45, 10, tzinfo=UTC),
    datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC),
)
_CA_VALIDITY = (
    datetime(2018, 5, 21, 10, 50, 10, tzinfo=UTC),
    datetime(2033, 5, 21, 10, 50, 10, tzinfo=UTC),
)
_TCB_SIGNING_VALIDITY = (
    datetime(2025, 5, 6, 9, 25, 0, tzinfo=UTC),
    datetime(2032, 5, 6, 9, 25, 0, tzinfo=UTC),
)
PCK_LIFETIME = timedelta(days=7 * 365 + 2)


@dataclass(frozen=True)
class Pki:
    """Root, both PCK CAs and the TCB signer."""

    seed: int
    root: Identity
    platform_ca: Identity
    processor_ca: Identity
    tcb_signing: Identity

    def ca(self, kind: CaKind) -> Identity:
        return self.platform_ca if kind == "platform" else self.processor_ca

    def pck_spec(
        self,
        extension: SgxExtension,
        *,
        label: str,
        ca: CaKind = "platform",
        not_before: datetime = datetime(2025, 6, 1, tzinfo=UTC),
    ) -> CertificateSpec:
        """The certificate of the PCK called `label`; sign it with `Identity.issue`."""
        issuer = self.ca(ca)
        return CertificateSpec(
            subject=intel_name(PCK_NAME),
            issuer=issuer.spec.subject,
            key=derive_key(self.seed, f"pck {label}"),
            issuer_key=issuer.key,
            serial=_serial(self.seed, f"pck {label}"),
            validity=(not_before, not_before + PCK_LIFETIME),
            is_ca=False,
            crl_url=PCK_CRL_URL.format(kind=ca),
            sgx_extension=extension.to_der(),
        )

    def issue_pck(
        self,
        extension: SgxExtension,
        *,
        label: str,
        ca: CaKind = "platform",
    ) -> Identity:
        """A PCK certificate. The same label gives the same key and serial."""
        return Identity.issue(self.pck_spec(extension, label=label, ca=ca))

    def pck_chain(self, pck: Identity, ca: CaKind = "platform") -> bytes:
        """Certification data of type 5: leaf, intermediate, root, and a NUL."""
        return chain_pem(pck.der, self.ca(ca).der, self.root.der) + b"\0"

    def tcb_signing_chain(self) -> bytes:
        """TCB signer, root: PEM text."""
        return chain_pem(self.tcb_signing.der, self.root.der)

    def pck_crl_chain(self, ca: CaKind = "platform") -> bytes:
        """PCK CA, root: PEM text."""
        return chain_pem(self.ca(ca).der, self.root.der)


def make_pki(seed: int = 1) -> Pki:
    """The whole hierarchy above the PCK certificates."""
    root_key = derive_key(seed, "root")
    root_name = intel_name(ROOT_NAME)
    root = CertificateSpec(
        subject=root_name,
        issuer=root_name,
        key=root_key,
        issuer_key=root_key,
        serial=_serial(seed, "root"),
        validity=_ROOT_VALIDITY,
        is_ca=True,
        path_length=1,
    )

    def below_root(name: str, label: str) -> CertificateSpec:
        return replace(
            root,
            subject=intel_name(name),
            key=derive_key(seed, label),
            serial=_serial(seed, label),
            validity=_CA_VALIDITY,
            path_length=0,
        )

    tcb_signing = replace(
        below_root(TCB_SIGNING_NAME, "tcb signing"),
        is_ca=False,
        path_length=None,
        validity=_TCB_SIGNING_VALIDITY,
    )
    return Pki(
        seed=seed,
        root=Identity.issue(root),
        platform_ca=Identity.issue(below_root(PLATFORM_CA_NAME, "platform ca")),
        processor_ca=Identity.issue(below_root(PROCESSOR_CA_NAME, "processor ca")),
        tcb_signing=Identity.issue(tcb_signing),
    )


def build_crl(
    issuer: Identity,
    *,
    this_update: datetime,
    next_update: datetime,
    revoked: Sequence[int] = (),
    number: int | None = 1,
    signing_key: PrivateKey | None = None,
    issuer_name: x509.Name | None = None,
    authority_key: bool = True,
    critical: x509.ExtensionType | None = None,
) -> bytes:
    """A CRL in DER that revokes the given serials, by default as Intel issues it.

    CRLNumber is 1 in every CRL of Intel's; `number=None` and `authority_key=False` leave an
    extension out, `signing_key` and `issuer_name` forge. `critical` is one more extension.
    """
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer_name or issuer.spec.subject)
        .last_update(this_update)
        .next_update(next_update)
    )
    for serial in revoked:
        entry = (
            x509.RevokedCertificateBuilder()
            .serial_number(serial)
            .revocation_date(this_update)
            .add_extension(x509.CRLReason(x509.ReasonFlags.key_compromise), critical=False)
        )
        builder = builder.add_revoked_certificate(entry.build())
    if number is not None:
        builder = builder.add_extension(x509.CRLNumber(number), critical=False)
    if authority_key:
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
        builder = builder.add_extension(identifier, critical=False)
    if critical is not None:
        builder = builder.add_extension(critical, critical=True)
    signed = builder.sign(signing_key or issuer.key, SHA256(), ecdsa_deterministic=True)
    return signed.public_bytes(Encoding.DER)


def _serial(seed: int, label: str) -> int:
    # 20 bytes with the top bit clear and the next one set, like most of Intel's.
    value = bytearray(derive_bytes(seed, f"serial {label}", 20))
    value[0] = value[0] & 0x3F | 0x40
    return int.from_bytes(value)
