"""reference/layouts.md: the binary structures, and what covers each of their fields."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from forensics.formats.anatomy import Cover, dissect_quote
from forensics.formats.evidence import Evidence
from forensics.formats.layout import Layout
from forensics.formats.quote import Quote
from forensics.formats.snp import COORDINATE_SIZE, SnpReport
from forensics.formats.structures import (
    CERTIFICATION_TYPES,
    LAYOUTS,
    MISC_SELECT_BITS,
    SGX_FLAG_BITS,
    SGX_REPORT,
    SIGNING_KEYS,
    SNP_PLATFORM_BITS,
    SNP_POLICY_BITS,
    SNP_SIGNED_SIZE,
    SNP_VERSIONS,
    TD_ATTRIBUTE_BITS,
    XFEATURE_BITS,
)
from pages.markdown import make_opening, make_page, make_table

# Signatures over a whole structure: its fields are listed above.
_OF_STRUCTURES = (Cover.quote_signature, Cover.qe_signature, Cover.report_signature)

_PEM = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"

_QUOTE = Quote(
    version=4,
    body_layout=SGX_REPORT,
    signed=bytes(48 + SGX_REPORT.size),
    signature=bytes(64),
    attestation_key=bytes(64),
    qe_report=bytes(SGX_REPORT.size),
    qe_signature=bytes(64),
    qe_auth_data=bytes(32),
    certification_type=5,
    certification_data=_PEM + _PEM,
    outer_certification_type=6,
    outer_slack=b"x",
    slack=b"x",
    trailing=b"x",
)

_REPORT = SnpReport(
    signed=max(SNP_VERSIONS).to_bytes(4, "little").ljust(SNP_SIGNED_SIZE, b"\0"),
    signature_r=bytes(COORDINATE_SIZE),
    signature_s=bytes(COORDINATE_SIZE),
    trailing=b"x",
)


_BIT = ("bit", "name")
_NAMES: tuple[tuple[str, tuple[str, str], Mapping[int, str]], ...] = (
    ("SGX ATTRIBUTES.FLAGS bits", _BIT, SGX_FLAG_BITS),
    ("TD attributes bits", _BIT, TD_ATTRIBUTE_BITS),
    ("Bits of SGX ATTRIBUTES.XFRM and of XFAM", _BIT, XFEATURE_BITS),
    ("MISCSELECT bits", _BIT, MISC_SELECT_BITS),
    ("Types of certification data", ("type", "what"), CERTIFICATION_TYPES),
    ("Bits of the guest policy of an SEV-SNP report", _BIT, SNP_POLICY_BITS),
    ("Bits of the platform info of an SEV-SNP report", _BIT, SNP_PLATFORM_BITS),
    (
        "Signing keys of an SEV-SNP report",
        ("number", "key"),
        {number: name.upper() for number, name in SIGNING_KEYS.items()},
    ),
)
"""What numbers and bits mean: title, column heads, names."""


def describe_layouts() -> str:
    parts = [
        make_opening(
            "Binary layouts",
            "Offsets and sizes in bytes, integers little-endian. The parsers, the emitter and the "
            "stored columns are derived from the same declarations as this page.",
        )
    ]
    for layout in LAYOUTS:
        parts += [f"## {layout.title}", _describe_fields(layout)]
    for title, head, names in _NAMES:
        rows = [(str(number), name) for number, name in names.items()]
        parts += [f"## {title}", make_table(head, rows)]
    parts += [
        "## What covers which part",
        "Of a quote:",
        _describe_covers(_QUOTE),
        "Of an SEV-SNP report:",
        _describe_covers(_REPORT),
    ]
    return make_page(parts)


def _describe_fields(layout: Layout) -> str:
    rows = [(str(f.offset), str(f.size), f"`{f.name}`", f.kind, f.doc, f.spec) for f in layout]
    head = ("offset", "size", "field", "kind", "meaning", "source")
    return f"{layout.size} bytes.\n\n{make_table(head, rows)}"


def _describe_covers(example: Evidence) -> str:
    """By the pieces of evidence that has all parts; it need not verify."""
    rows: dict[tuple[str, Cover], list[str]] = {}
    for piece in dissect_quote(example):
        rows.setdefault((piece.part, piece.cover), []).append(f"`{piece.name}`")
    of_part = Counter(part for part, _ in rows)
    lines = []
    for (part, cover), names in rows.items():
        whole = "all fields" if of_part[part] == 1 else "all other fields"
        lines.append((part, whole if cover in _OF_STRUCTURES else ", ".join(names), str(cover)))
    return make_table(("part", "fields", "a change is noticed by"), lines)
