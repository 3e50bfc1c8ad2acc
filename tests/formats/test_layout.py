"""The declared layouts: hand-written values of a pattern."""

from __future__ import annotations

import pytest

from forensics.errors import EvidenceError
from forensics.formats.layout import Field, Layout, Value
from forensics.formats.structures import (
    BODIES_V5,
    BODY_DESCRIPTOR_V5,
    HEADER_V3,
    HEADER_V4,
    HEADER_V5,
    HEADERS,
    LAYOUTS,
    SGX_REPORT,
    SNP_REPORTS,
    TD_REPORT_10,
    TD_REPORT_15,
    bit,
)


def pattern(size: int) -> bytes:
    return bytes(n % 256 for n in range(size))


def run(first: int, size: int) -> bytes:
    """`size` bytes that count up from `first`, round at 256."""
    return bytes((first + n) % 256 for n in range(size))


HEADER = {
    "version": 0x0100,
    "att_key_type": 0x0302,
    "tee_type": 0x07060504,
    "qe_vendor_id": run(0x0C, 16),
    "user_data": run(0x1C, 20),
}
TD = {
    "tee_tcb_svn": run(0x00, 16),
    "mr_seam": run(0x10, 48),
    "mrsigner_seam": run(0x40, 48),
    "seam_attributes": bytes.fromhex("7071727374757677"),
    "td_attributes": bytes.fromhex("78797a7b7c7d7e7f"),
    "xfam": bytes.fromhex("8081828384858687"),
    "mrtd": run(0x88, 48),
    "mr_config_id": run(0xB8, 48),
    "mr_owner": run(0xE8, 48),
    "mr_owner_config": run(0x18, 48),
    "rtmr0": run(0x48, 48),
    "rtmr1": run(0x78, 48),
    "rtmr2": run(0xA8, 48),
    "rtmr3": run(0xD8, 48),
    "report_data": run(0x08, 64),
}
SNP: dict[str, Value] = {
    "version": 0x03020100,
    "guest_svn": 0x07060504,
    "policy": run(0x08, 8),
    "family_id": run(0x10, 16),
    "image_id": run(0x20, 16),
    "vmpl": 0x33323130,
    "signature_algo": 0x37363534,
    "current_tcb": run(0x38, 8),
    "platform_info": run(0x40, 8),
    "key_info": run(0x48, 4),
    "snp_reserved1": run(0x4C, 4),
    "report_data": run(0x50, 64),
    "measurement": run(0x90, 48),
    "host_data": run(0xC0, 32),
    "id_key_digest": run(0xE0, 48),
    "author_key_digest": run(0x10, 48),
    "report_id": run(0x40, 32),
    "report_id_ma": run(0x60, 32),
    "reported_tcb": run(0x80, 8),
    "chip_id": run(0xA0, 64),
    "committed_tcb": run(0xE0, 8),
    "current_version": bytes.fromhex("e8e9ea"),
    "snp_reserved3": bytes.fromhex("eb"),
    "committed_version": bytes.fromhex("ecedee"),
    "snp_reserved4": bytes.fromhex("ef"),
    "launch_tcb": run(0xF0, 8),
    "snp_reserved6": run(0x08, 152),
    "snp_signature_r": run(0xA0, 72),
    "snp_signature_s": run(0xE8, 72),
    "snp_unsigned": run(0x30, 368),
}
CPUID = {"cpuid": bytes.fromhex("88898a"), "snp_reserved2": run(0x8B, 21)}
MITIGATIONS = {"launch_mit_vector": run(0xF8, 8), "current_mit_vector": run(0x00, 8)}
EXPECTED: dict[str, dict[str, Value]] = {
    "header_v3": HEADER | {"header_qe_svn": 0x0908, "header_pce_svn": 0x0B0A},
    "header_v4": HEADER | {"header_reserved": bytes.fromhex("08090a0b")},
    "header_v5": HEADER | {"header_reserved": bytes.fromhex("08090a0b")},
    "body_descriptor_v5": {"body_type": 0x0100, "body_size": 0x05040302},
    "sgx_report": {
        "cpu_svn": run(0x00, 16),
        "misc_select": 0x13121110,
        "reserved1": run(0x14, 12),
        "isv_ext_prodid": run(0x20, 16),
        "attributes": bytes.fromhex("303132333435363738393a3b3c3d3e3f"),
        "mrenclave": run(0x40, 32),
        "reserved2": run(0x60, 32),
        "mrsigner": run(0x80, 32),
        "reserved3": run(0xA0, 32),
        "config_id": run(0xC0, 64),
        "isv_prodid": 0x0100,
        "isv_svn": 0x0302,
        "config_svn": 0x0504,
        "reserved4": run(0x06, 42),
        "isv_family_id": run(0x30, 16),
        "report_data": run(0x40, 64),
    },
    "td_report_10": TD,
    "td_report_15": TD | {"tee_tcb_svn_2": run(0x48, 16), "mr_service_td": run(0x58, 48)},
    "snp_report_v2": SNP | {"snp_reserved2": run(0x88, 24), "snp_reserved5": run(0xF8, 16)},
    "snp_report_v3": SNP | CPUID | {"snp_reserved5": run(0xF8, 16)},
    "snp_report_v5": SNP | CPUID | MITIGATIONS,
}
SIZES = {
    "header_v3": 48,
    "header_v4": 48,
    "header_v5": 48,
    "body_descriptor_v5": 6,
    "sgx_report": 384,
    "td_report_10": 584,
    "td_report_15": 648,
    "snp_report_v2": 1184,
    "snp_report_v3": 1184,
    "snp_report_v5": 1184,
}

each_layout = pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)


@each_layout
def test_fields_of_the_pattern(layout: Layout) -> None:
    assert layout.parse(pattern(SIZES[layout.name])) == EXPECTED[layout.name]


@each_layout
@pytest.mark.parametrize("fill", [b"\x00", b"\xff", b"\x80"], ids=["zeros", "ones", "top-bits"])
def test_no_value_is_signed_or_cut(layout: Layout, fill: bytes) -> None:
    values = layout.parse(fill * layout.size)

    for field in layout:
        wanted = fill * field.size
        value = int.from_bytes(wanted, "little") if field.is_integer else wanted
        assert values[field.name] == value


@each_layout
def test_emit_is_the_inverse_of_parse(layout: Layout) -> None:
    data = pattern(layout.size)

    assert layout.emit(layout.parse(data)) == data


@each_layout
def test_the_parser_reads_at_an_offset(layout: Layout) -> None:
    data = b"before" + pattern(layout.size) + b"after"

    assert layout.parse(data, 6) == EXPECTED[layout.name]
    assert layout.parse(memoryview(data), 6) == EXPECTED[layout.name]


@each_layout
@pytest.mark.parametrize("short", [1, 2])
def test_cut_structures_are_refused(layout: Layout, short: int) -> None:
    with pytest.raises(EvidenceError) as caught:
        layout.parse(pattern(layout.size)[:-short])

    assert caught.value.code == "truncated"


@each_layout
def test_an_offset_beyond_the_end_is_refused(layout: Layout) -> None:
    with pytest.raises(EvidenceError) as caught:
        layout.parse(pattern(layout.size), 1)

    assert (caught.value.code, caught.value.offset) == ("truncated", 1)


def test_every_layout_is_listed_with_its_size() -> None:
    assert {layout.name: layout.size for layout in LAYOUTS} == SIZES
    assert HEADERS == {3: HEADER_V3, 4: HEADER_V4, 5: HEADER_V5}
    assert BODIES_V5 == {1: SGX_REPORT, 2: TD_REPORT_10, 3: TD_REPORT_15}
    assert BODY_DESCRIPTOR_V5 in LAYOUTS
    names = {version: layout.name for version, layout in SNP_REPORTS.items()}
    assert names == {2: "snp_report_v2", 3: "snp_report_v3", 4: "snp_report_v5", 5: "snp_report_v5"}


@each_layout
def test_every_field_says_what_it_means_and_who_says_so(layout: Layout) -> None:
    assert all(field.doc and field.spec for field in layout)


# --- declarations ---------------------------------------------------------------------------


def field(name: str, offset: int, size: int, kind: str = "bytes") -> Field:
    return Field(name, offset, size, kind, "meaning", "source")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "size", "message"),
    [
        pytest.param((field("a", 0, 4), field("b", 5, 3)), 8, "b: expected at 4", id="gap"),
        pytest.param((field("a", 0, 4), field("b", 3, 5)), 8, "b: expected at 4", id="overlap"),
        pytest.param((field("a", 1, 7),), 8, "a: expected at 0", id="gap-at-the-start"),
        pytest.param((field("a", 0, 7),), 8, "fields end at 7", id="gap-at-the-end"),
        pytest.param((field("a", 0, 9),), 8, "fields end at 9", id="too-long"),
        pytest.param((field("a", 0, 4), field("a", 4, 4)), 8, "duplicate", id="duplicate"),
        pytest.param((field("b", 4, 4), field("a", 0, 4)), 8, "b: expected at 0", id="order"),
        pytest.param((field("a", 0, 4, "u16"),), 4, "u16 of 4 bytes", id="integer-too-long"),
        pytest.param((field("a", 0, 4, "u64"),), 4, "u64 of 4 bytes", id="integer-too-short"),
        pytest.param((), 8, "fields end at 0", id="empty"),
    ],
)
def test_a_slip_is_caught_when_declared(fields: tuple[Field, ...], size: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Layout("slip", "a slip", size, fields)


def test_u64_is_little_endian() -> None:
    layout = Layout("wide", "a wide number", 8, (field("a", 0, 8, "u64"),))

    assert layout.parse(bytes(range(8))) == {"a": 0x0706050403020100}


@pytest.mark.parametrize(
    ("position", "expected"), [(0, True), (1, False), (7, True), (8, False), (15, True)]
)
def test_bits_are_counted_from_the_first_byte(position: int, expected: bool) -> None:
    assert bit(b"\x81\x80", position) == expected
