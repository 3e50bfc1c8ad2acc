"""VCEK and VLEK certificates: the extensions that tie a key to chip, product and TCB."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ObjectIdentifier

from forensics.errors import EvidenceError
from forensics.formats.certificates import Certificate, parse_certificate
from forensics.formats.vek import (
    BASE,
    generation_of,
    is_vek,
    parse_vek_extensions,
    split_tcb,
)
from forensics.simulate.amd import AmdPki, pack_tcb

TCB = {"fmc": 9, "boot_loader": 3, "tee": 1, "snp": 8, "microcode": 209}


def certificate(product: str = "milan", kind: Any = "vcek", **values: bytes | None) -> Certificate:
    """A VEK certificate with extensions (`n3_3` is .3.3) replaced, or left out."""
    vek = AmdPki(1, product).issue(TCB, kind=kind)
    changed = {f"{BASE}.{name[1:].replace('_', '.')}": value for name, value in values.items()}
    kept = []
    for extension, critical in vek.certificate.extensions:
        oid = extension.oid.dotted_string
        value = changed.get(oid, extension.value)  # type: ignore[attr-defined]
        if value is not None:
            kept.append((x509.UnrecognizedExtension(ObjectIdentifier(oid), value), critical))
    return parse_certificate(replace(vek.certificate, extensions=tuple(kept)).der)


@pytest.mark.parametrize("product", ["milan", "genoa", "turin"])
def test_a_vcek_names_chip_product_and_tcb(product: str) -> None:
    vek = AmdPki(1, product).issue(TCB)
    parsed = parse_certificate(vek.certificate.der)
    extensions = parse_vek_extensions(parsed)

    assert is_vek(parsed)
    assert parsed.serial == 0
    assert (extensions.kind, extensions.product) == ("vcek", product)
    assert extensions.hardware_id == vek.chip_id
    assert extensions.csp_id is None
    assert extensions.chip_tcb() == vek.tcb == pack_tcb(TCB, product)
    assert split_tcb(vek.tcb, product) == extensions.tcb


def test_a_vlek_names_its_provider_and_no_chip() -> None:
    extensions = parse_vek_extensions(certificate(kind="vlek"))

    assert (extensions.kind, extensions.hardware_id) == ("vlek", None)
    assert extensions.csp_id == "CN=cc-nowhere-1.example"


def test_components_lie_elsewhere_on_turin() -> None:
    assert pack_tcb(TCB, "milan") == bytes((3, 1, 0, 0, 0, 0, 8, 209))
    assert pack_tcb(TCB, "turin") == bytes((9, 3, 1, 8, 0, 0, 0, 209))


def test_a_wrapped_hardware_id_is_the_same() -> None:
    plain = parse_vek_extensions(certificate())
    assert plain.hardware_id is not None
    wrapped = parse_vek_extensions(certificate(n4=b"\x04\x40" + plain.hardware_id))

    assert wrapped == plain


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"n2": None}, id="no-product"),
        pytest.param({"n2": b"\x16\x04Rome"}, id="unknown-product"),
        pytest.param({"n2": b"\x0c\x05Milan"}, id="product-of-another-type"),
        pytest.param({"n2": b"\x16\x05Mil\xe4n"}, id="product-not-ascii"),
        pytest.param({"n3_3": None}, id="no-snp-svn"),
        pytest.param({"n3_3": b"\x02\x02\x01\x00"}, id="svn-over-255"),
        pytest.param({"n3_3": b"\x02\x01\xff"}, id="negative-svn"),
        pytest.param({"n3_3": b"\x02\x01\x01\x00"}, id="bytes-after-the-svn"),
        pytest.param({"n4": None}, id="no-hardware-id"),
        pytest.param({"n4": bytes(63)}, id="short-hardware-id"),
        pytest.param({"n4": b"\x04\x3f" + bytes(63)}, id="short-wrapped-hardware-id"),
    ],
)
def test_damaged_extensions_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(EvidenceError) as caught:
        parse_vek_extensions(certificate(**values))

    assert caught.value.code == "bad-vek-extension"


@pytest.mark.parametrize(
    ("cpuid", "generation"),
    [
        ("190001", "milan"),
        ("190f01", "milan"),
        ("191001", "genoa"),
        ("191f02", "genoa"),
        ("192001", None),
        ("199f00", None),
        ("19a002", "genoa"),
        ("19af00", "genoa"),
        ("19b000", None),
        ("1a0000", "turin"),
        ("1a1100", "turin"),
        ("1a1200", None),
        ("170100", None),
        ("000000", None),
    ],
)
def test_generations_by_family_and_model(cpuid: str, generation: str | None) -> None:
    assert generation_of(bytes.fromhex(cpuid)) == generation
