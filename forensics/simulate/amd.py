"""AMD's side of the simulated world: ARK, ASK and ASVK, VCEKs and VLEKs, and signed reports.

Shaped like AMD's: names, extensions, serial number 0, PSS with SHA-384. Only the keys differ, and
every value can be overridden, so that a test forges one thing and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha384

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID, ObjectIdentifier

from forensics.formats.der import IA5_STRING, INTEGER, iterate_elements, read_exactly
from forensics.formats.layout import Layout, Value
from forensics.formats.snp import SnpReport, parse_report
from forensics.formats.structures import SNP_REPORT_V3, SNP_SIGNED_SIZE
from forensics.formats.vek import (
    BASE,
    CHIP_ID_SIZE,
    CSP_ID,
    HARDWARE_ID,
    PRODUCT_NAME,
    STRUCT_VERSION,
    TCB_PLACES,
    Components,
    VekKind,
)
from forensics.simulate.certificates import encode_pem
from forensics.simulate.keys import derive_bytes, derive_integer
from forensics.simulate.rsa import derive_rsa_key, sign_pss
from forensics.simulate.sgx_extension import encode_length

P384_ORDER = int(
    "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"
    "C7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973",
    16,
)
CPUIDS = {"milan": "190101", "genoa": "191101", "turin": "1a0201"}
CSP = "CN=cc-nowhere-1.example"

_SPLS = {"boot_loader": 1, "tee": 2, "snp": 3, "microcode": 8, "fmc": 9}
_CA_VALIDITY = (datetime(2020, 10, 22, tzinfo=UTC), datetime(2045, 10, 22, tzinfo=UTC))
_VEK_LIFETIME = timedelta(days=7 * 365)
_PADDING = PSS(MGF1(SHA384()), SHA384.digest_size)


def amd_name(common_name: str) -> x509.Name:
    """The distinguished name that AMD gives its certificates."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Engineering"),
            x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
            x509.NameAttribute(NameOID.LOCALITY_NAME, "Santa Clara"),
            x509.NameAttribute(NameOID.STATE_OR_PROVINCE_NAME, "CA"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Advanced Micro Devices"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


@dataclass(frozen=True)
class AmdCertificate:
    """A certificate of AMD's kind: who signs it, and what it says."""

    subject: str
    issuer: str
    public_key: RSAPrivateKey | ec.EllipticCurvePrivateKey
    signing_key: RSAPrivateKey
    serial: int
    validity: tuple[datetime, datetime] = _CA_VALIDITY
    extensions: tuple[tuple[x509.ExtensionType, bool], ...] = ()

    @property
    def der(self) -> bytes:
        """The signed certificate; `cryptography` makes the signed part, and refuses serial 0."""
        builder = x509.CertificateBuilder(
            issuer_name=amd_name(self.issuer),
            subject_name=amd_name(self.subject),
            public_key=self.public_key.public_key(),
            serial_number=self.serial or 1,
            not_valid_before=self.validity[0],
            not_valid_after=self.validity[1],
        )
        for extension, critical in self.extensions:
            builder = builder.add_extension(extension, critical)
        made = builder.sign(self.signing_key, SHA384(), rsa_padding=_PADDING)
        tbs = made.tbs_certificate_bytes
        if not self.serial:
            tbs = tbs.replace(b"\x02\x01\x01", b"\x02\x01\x00", 1)
        _, (_, algorithm), _ = iterate_elements(read_exactly(made.public_bytes(Encoding.DER), 0x30))
        signature = b"\0" + sign_pss(self.signing_key, tbs)
        return _wrap(0x30, tbs + _wrap(0x30, algorithm) + _wrap(0x03, signature))

    @property
    def pem(self) -> bytes:
        return encode_pem(self.der)


@dataclass(frozen=True)
class Vek:
    """A VCEK or VLEK: the key that signs reports, and its certificate."""

    kind: VekKind
    product: str
    chip_id: bytes
    tcb: bytes
    key: ec.EllipticCurvePrivateKey
    certificate: AmdCertificate


@dataclass(frozen=True)
class AmdPki:
    """ARK, ASK and ASVK of one product; `seed` decides the VEKs, not the CAs."""

    seed: int
    product: str = "milan"
    ark: AmdCertificate = field(init=False)
    ask: AmdCertificate = field(init=False)
    asvk: AmdCertificate = field(init=False)

    def __post_init__(self) -> None:
        root, title = derive_rsa_key("ark"), self.product.title()
        ark = AmdCertificate(
            *(f"ARK-{title}", f"ARK-{title}", root, root, 0x10000),
            extensions=_ca_extensions(None, crl_sign=True),
        )
        below = replace(ark, extensions=_ca_extensions(0, crl_sign=False))
        object.__setattr__(self, "ark", ark)
        for name, label, serial in (
            ("ask", f"SEV-{title}", 0x10001),
            ("asvk", f"SEV-VLEK-{title}", 0x10101),
        ):
            key = derive_rsa_key(name)
            certificate = replace(below, subject=label, public_key=key, serial=serial)
            object.__setattr__(self, name, certificate)

    def ca(self, kind: VekKind) -> AmdCertificate:
        return self.ask if kind == "vcek" else self.asvk

    def issue(
        self,
        tcb: Components,
        *,
        label: str = "chip",
        kind: VekKind = "vcek",
        not_before: datetime = datetime(2025, 6, 1, tzinfo=UTC),
        **changes: object,
    ) -> Vek:
        """The VEK of the chip called `label` at that TCB; `changes` forge the certificate."""
        chip_id = _chip_id(self.seed, label, self.product)
        value = pack_tcb(tcb, self.product)
        name = label if kind == "vcek" else "csp"
        key = derive_p384_key(self.seed, f"{kind} {self.product} {name} {value.hex()}")
        authority = self.ca(kind)
        assert isinstance(authority.public_key, RSAPrivateKey)
        certificate = AmdCertificate(
            *(f"SEV-{kind.upper()}", authority.subject, key, authority.public_key, 0),
            validity=(not_before, not_before + _VEK_LIFETIME),
            extensions=tuple(vek_extensions(kind, self.product, tcb, chip_id)),
        )
        certificate = replace(certificate, **changes)  # type: ignore[arg-type]
        return Vek(kind, self.product, chip_id, value, key, certificate)


def vek_extensions(
    kind: VekKind, product: str, tcb: Components, chip_id: bytes
) -> list[tuple[x509.ExtensionType, bool]]:
    """AMD's extensions in their order; values are DER, but the hardware id is as it is."""
    steppings = {"milan": "Milan-B0", "genoa": "Genoa", "turin": "Turin"}
    name = steppings[product] if kind == "vcek" else product.title()
    values = [
        (STRUCT_VERSION, _wrap(INTEGER, b"\1" if product == "turin" else b"\0")),
        (PRODUCT_NAME, _wrap(IA5_STRING, name.encode())),
        *((f"{BASE}.3.{_SPLS[part]}", _small_integer(tcb[part])) for part in TCB_PLACES[product]),
    ]
    if kind == "vlek":
        values.append((CSP_ID, _wrap(IA5_STRING, CSP.encode())))
    else:
        values.append((HARDWARE_ID, chip_id[:8] if product == "turin" else chip_id))
    return [
        (x509.UnrecognizedExtension(ObjectIdentifier(oid), value), False) for oid, value in values
    ]


def pack_tcb(tcb: Components, product: str) -> bytes:
    """Components -> TCB_VERSION, 8 bytes in that product's order."""
    value = bytearray(8)
    for name, place in TCB_PLACES[product].items():
        value[place] = tcb[name]
    return bytes(value)


def build_report(
    vek: Vek,
    fields: Mapping[str, Value] | None = None,
    *,
    layout: Layout = SNP_REPORT_V3,
    version: int = 3,
    key: ec.EllipticCurvePrivateKey | None = None,
    signed: bool = True,
) -> SnpReport:
    """A report that the VEK signs, of a production guest; `fields` override any field.

    `key` signs in the VEK's place; `signed=False` leaves zeros, as under MASK_CHIP_KEY.
    """
    empty = layout.parse(bytes(layout.size))
    healthy: dict[str, Value] = {
        "version": version,
        "policy": bytes.fromhex("0000030000000000"),
        "signature_algo": 1,
        "platform_info": bytes.fromhex("2500000000000000"),
        "key_info": bytes((0 if vek.kind == "vcek" else 4, 0, 0, 0)),
        "measurement": sha384(b"measurement").digest(),
        "report_id": derive_bytes(0, "report id", 32),
        "report_id_ma": b"\xff" * 32,
        "chip_id": vek.chip_id if vek.kind == "vcek" else bytes(CHIP_ID_SIZE),
        "current_version": bytes((8, 55, 1)),
        "committed_version": bytes((8, 55, 1)),
        **{f"{name}_tcb": vek.tcb for name in ("reported", "committed", "current", "launch")},
    }
    if "cpuid" in layout.names:
        healthy["cpuid"] = bytes.fromhex(CPUIDS[vek.product])
    body = layout.emit(empty | healthy | dict(fields or {}))[:SNP_SIGNED_SIZE]
    numbers = bytes(144)
    if signed:
        der = (key or vek.key).sign(body, ec.ECDSA(SHA384(), deterministic_signing=True))
        numbers = b"".join(n.to_bytes(72, "little") for n in decode_dss_signature(der))
    return parse_report((body + numbers).ljust(layout.size, b"\0"))


def flip_report(report: SnpReport) -> SnpReport:
    """The same report with `n - s`: other bytes, still valid."""
    s = P384_ORDER - int.from_bytes(report.signature_s)
    return replace(report, signature_s=s.to_bytes(48))


def derive_p384_key(seed: int, label: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(
        derive_integer(seed, f"p384 {label}", P384_ORDER - 1) + 1, ec.SECP384R1()
    )


def p384_point(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public key as `X ‖ Y`, 96 bytes."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]


def build_amd_crl(
    ark: AmdCertificate, revoked: tuple[int, ...], this_update: datetime, next_update: datetime
) -> bytes:
    """AMD's list of revoked ASKs, DER, signed by the ARK."""
    builder = x509.CertificateRevocationListBuilder(amd_name(ark.subject), this_update, next_update)
    for serial in revoked:
        entry = x509.RevokedCertificateBuilder(serial, this_update)
        builder = builder.add_revoked_certificate(entry.build())
    made = builder.sign(ark.signing_key, SHA384(), rsa_padding=_PADDING)
    _, (_, algorithm), _ = iterate_elements(read_exactly(made.public_bytes(Encoding.DER), 0x30))
    tbs = made.tbs_certlist_bytes
    signature = b"\0" + sign_pss(ark.signing_key, tbs)
    return _wrap(0x30, tbs + _wrap(0x30, algorithm) + _wrap(0x03, signature))


def _chip_id(seed: int, label: str, product: str) -> bytes:
    return derive_bytes(seed, f"chip {label}", 8 if product == "turin" else 64).ljust(64, b"\0")


def _ca_extensions(
    path_length: int | None, *, crl_sign: bool
) -> tuple[tuple[x509.ExtensionType, bool], ...]:
    usage = x509.KeyUsage(False, False, False, False, False, True, crl_sign, False, False)
    return ((x509.BasicConstraints(True, path_length), True), (usage, True))


def _wrap(tag: int, contents: bytes) -> bytes:
    return bytes((tag,)) + encode_length(len(contents)) + contents


def _small_integer(value: int) -> bytes:
    return _wrap(INTEGER, value.to_bytes(2) if value >= 0x80 else bytes((value,)))
