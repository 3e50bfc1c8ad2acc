"""AMD's VCEK and VLEK certificates: the extensions that tie the key to a chip, product and TCB.

Source: AMD 57230 (VCEK Certificate and KDS Interface Specification), table "Custom Extensions". The
values are DER of their own, except the hardware id, which is there as it is; some certificates wrap
it in an OCTET STRING. Turin's hardware id has 8 bytes where CHIP_ID has 64.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from forensics.errors import EvidenceError
from forensics.formats import der
from forensics.formats.certificates import Certificate

BASE = "1.3.6.1.4.1.3704.1"
STRUCT_VERSION = f"{BASE}.1"
PRODUCT_NAME = f"{BASE}.2"
HARDWARE_ID = f"{BASE}.4"
CSP_ID = f"{BASE}.5"

CHIP_ID_SIZE = 64
_HARDWARE_ID_SIZES = (8, CHIP_ID_SIZE)

VekKind = Literal["vcek", "vlek"]
Components = dict[str, int]

# Place of each component in a TCB_VERSION of 8 bytes (AMD 56860, "TCB_VERSION").
TCB_PLACES: dict[str, Mapping[str, int]] = {
    "milan": {"boot_loader": 0, "tee": 1, "snp": 6, "microcode": 7},
    "genoa": {"boot_loader": 0, "tee": 1, "snp": 6, "microcode": 7},
    "turin": {"fmc": 0, "boot_loader": 1, "tee": 2, "snp": 3, "microcode": 7},
}
_TCB_EXTENSIONS = {
    "boot_loader": f"{BASE}.3.1",
    "tee": f"{BASE}.3.2",
    "snp": f"{BASE}.3.3",
    "microcode": f"{BASE}.3.8",
    "fmc": f"{BASE}.3.9",
}
# CPUID family: (first model, last model, generation), AMD 57230 and spec section 9.1.
_GENERATIONS = {
    0x19: ((0x00, 0x0F, "milan"), (0x10, 0x1F, "genoa"), (0xA0, 0xAF, "genoa")),
    0x1A: ((0x00, 0x11, "turin"),),
}


@dataclass(frozen=True)
class VekExtensions:
    """What the certificate says about its key.

    `product` is the product name in lower case without its stepping: `milan`, `genoa`, `turin`.
    `hardware_id` has CHIP_ID's 64 bytes; None in a VLEK certificate, which is for no single chip.
    """

    kind: VekKind
    product: str
    tcb: Components
    hardware_id: bytes | None
    csp_id: str | None

    def chip_tcb(self) -> bytes:
        """The components as a TCB_VERSION of that product."""
        places = TCB_PLACES[self.product]
        value = bytearray(8)
        for name, place in places.items():
            value[place] = self.tcb[name]
        return bytes(value)


def is_vek(certificate: Certificate) -> bool:
    """A VCEK or VLEK certificate, or what claims to be one."""
    return STRUCT_VERSION in certificate.extensions


def parse_vek_extensions(certificate: Certificate) -> VekExtensions:
    """Raises `EvidenceError` (`bad-vek-extension`)."""
    try:
        return _read(certificate)
    except EvidenceError as error:
        raise EvidenceError("bad-vek-extension", f"VEK extensions: {error.message}") from None


def generation_of(cpuid: bytes) -> str | None:
    """milan, genoa or turin by family, model and stepping; None for what is not known."""
    family, model = cpuid[0], cpuid[1]
    for first, last, name in _GENERATIONS.get(family, ()):
        if first <= model <= last:
            return name
    return None


def split_tcb(tcb: bytes, product: str) -> Components:
    """The components of a TCB_VERSION, which are compared one by one and never as one number."""
    return {name: tcb[place] for name, place in TCB_PLACES[product].items()}


def _read(certificate: Certificate) -> VekExtensions:
    product = _text(certificate, PRODUCT_NAME).partition("-")[0].lower()
    if product not in TCB_PLACES:
        raise EvidenceError("bad-der", f"unknown product {product!r:.40}")
    tcb = {name: _component(certificate, _TCB_EXTENSIONS[name]) for name in TCB_PLACES[product]}
    if CSP_ID in certificate.extensions:
        return VekExtensions("vlek", product, tcb, None, _text(certificate, CSP_ID))
    return VekExtensions("vcek", product, tcb, _hardware_id(certificate), None)


def _value(certificate: Certificate, oid: str) -> bytes:
    if oid not in certificate.extensions:
        raise EvidenceError("bad-der", f"no extension {oid}")
    return certificate.extensions[oid][1]


def _text(certificate: Certificate, oid: str) -> str:
    text = der.read_exactly(_value(certificate, oid), der.IA5_STRING)
    if not text.isascii() or len(text) > 256:
        raise EvidenceError("bad-der", f"{oid} is no short ASCII text")
    return text.decode("ascii")


def _component(certificate: Certificate, oid: str) -> int:
    value = der.decode_integer(der.read_exactly(_value(certificate, oid), der.INTEGER))
    if value > 0xFF:
        raise EvidenceError("bad-der", f"{oid} is over 255")
    return value


def _hardware_id(certificate: Certificate) -> bytes:
    value = _value(certificate, HARDWARE_ID)
    if len(value) not in _HARDWARE_ID_SIZES:
        value = der.read_exactly(value, der.OCTET_STRING)
    if len(value) not in _HARDWARE_ID_SIZES:
        raise EvidenceError("bad-der", f"hardware id of {len(value)} bytes")
    return value.ljust(CHIP_ID_SIZE, b"\0")
