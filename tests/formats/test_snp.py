"""SEV-SNP reports: what parses rebuilds exactly, and what is signed is cut where AMD cuts it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forensics.errors import EvidenceError
from forensics.formats.anatomy import UNSIGNED, dissect_quote
from forensics.formats.evidence import parse_evidence
from forensics.formats.meaning import interpret
from forensics.formats.quote import MAX_QUOTE_SIZE, Quote
from forensics.formats.snp import SnpReport, looks_like_report, parse_report
from forensics.formats.structures import SNP_REPORT_V2, SNP_REPORT_V5
from forensics.simulate.amd import AmdPki, build_report

TCB = {"boot_loader": 3, "tee": 0, "snp": 8, "microcode": 209}
VEK = AmdPki(1).issue(TCB)
REPORT = build_report(VEK, {"report_data": b"\xa5" * 64})


def test_parts_of_a_healthy_report() -> None:
    data = REPORT.to_bytes()
    report = parse_evidence(data)

    assert isinstance(report, SnpReport)
    assert report == REPORT
    assert (len(data), report.tee, report.version) == (1184, "snp", 3)
    assert report.signed == data[:0x2A0]
    assert report.report_data == b"\xa5" * 64
    assert report.statement == data[:0x50] + data[0x90:0x2A0]
    assert report.signature_r == data[0x2A0 : 0x2A0 + 48][::-1]
    assert report.signature_s == data[0x2E8 : 0x2E8 + 48][::-1]
    assert len(report.signature) == 96
    assert report.body["chip_id"] == VEK.chip_id
    assert "snp_signature_r" not in report.body


@pytest.mark.parametrize("version", [2, 3, 4, 5])
def test_fields_by_version(version: int) -> None:
    layout = SNP_REPORT_V2 if version == 2 else SNP_REPORT_V5
    body = build_report(VEK, version=version, layout=layout).body

    assert body["version"] == version
    assert ("cpuid" in body) == (version > 2)
    assert ("launch_mit_vector" in body) == (version > 3)


@given(st.binary(min_size=1184, max_size=1300), st.sampled_from([2, 3, 4, 5]))
def test_any_bytes_rebuild_exactly(noise: bytes, version: int) -> None:
    data = version.to_bytes(4, "little") + noise[4:]

    assert parse_report(data).to_bytes() == data


@pytest.mark.parametrize("place", [0x2A0 + 48, 0x2E8 - 1, 0x2E8 + 48, 0x330 - 1])
def test_numbers_beyond_the_curve_are_kept_and_cannot_verify(place: int) -> None:
    data = bytearray(REPORT.to_bytes())
    data[place] = 1
    report = parse_report(bytes(data))

    assert len(report.signature) == 120
    assert report.to_bytes() == data


@pytest.mark.parametrize("place", [0x330, 0x49F])
def test_unsigned_bytes_are_slack(place: int) -> None:
    data = bytearray(REPORT.to_bytes())
    data[place] = 7
    report = parse_report(bytes(data))

    assert REPORT.slack == b""
    assert len(report.slack) == 368
    assert report.signed == REPORT.signed
    assert report.to_bytes() == data


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(REPORT.to_bytes()[:-1], "truncated", id="cut"),
        pytest.param(REPORT.to_bytes()[:0x38], "truncated", id="cut-behind-the-algorithm"),
        pytest.param(b"\6" + REPORT.to_bytes()[1:], "unsupported-version", id="version-6"),
        pytest.param(b"\3\0\1" + REPORT.to_bytes()[3:], "unsupported-version", id="wide-version"),
    ],
)
def test_what_is_no_report(data: bytes, code: str) -> None:
    with pytest.raises(EvidenceError) as caught:
        parse_report(data)

    assert caught.value.code == code
    assert caught.value.offset is None or caught.value.offset <= len(data)


def test_a_buffer_without_end_is_refused() -> None:
    with pytest.raises(EvidenceError) as caught:
        parse_evidence(REPORT.to_bytes().ljust(MAX_QUOTE_SIZE + 1, b"\0"))

    assert caught.value.code == "too-large"


@pytest.mark.parametrize(
    ("change", "size", "known"),
    [
        ({}, 1184, True),
        ({}, 1183, True),  # cut: still a report, and refused as one
        ({}, 4096, True),  # padded
        ({0x30: 9}, 1184, True),  # its size says enough
        ({0x30: 4}, 1185, False),  # no VMPL
        ({0x34: 2}, 1185, False),  # no algorithm of AMD's
        ({0: 1}, 1184, False),
        ({0: 6}, 1184, False),
        ({2: 2}, 1184, False),  # a quote's key type
    ],
)
def test_reports_are_told_by_their_content(change: dict[int, int], size: int, known: bool) -> None:
    data = bytearray(REPORT.to_bytes().ljust(size, b"\0")[:size])
    for place, value in change.items():
        data[place] = value

    assert looks_like_report(bytes(data), size) == known


def test_quotes_stay_quotes(healthy: dict[str, Quote]) -> None:
    for quote in healthy.values():
        assert parse_evidence(quote.to_bytes()) == quote


@pytest.mark.parametrize("version", [2, 3, 5])
def test_every_byte_has_its_piece(version: int) -> None:
    layout = SNP_REPORT_V2 if version == 2 else SNP_REPORT_V5
    report = replace(build_report(VEK, version=version, layout=layout), trailing=b"more")
    pieces = dissect_quote(report)

    assert b"".join(piece.data for piece in pieces) == report.to_bytes()
    assert [piece.offset for piece in pieces] == sorted(piece.offset for piece in pieces)
    unsigned = {piece.name for piece in pieces if piece.cover in UNSIGNED}
    assert unsigned == {"snp_signature_r", "snp_signature_s", "snp_unsigned", "trailing"}
    assert all(piece.cover in UNSIGNED for piece in pieces if piece.offset >= 0x2A0)


def test_values_in_words() -> None:
    fields = {
        "policy": (0x0D0137).to_bytes(8, "little"),
        "vmpl": 0xFFFFFFFF,
        "key_info": bytes((0b110, 0, 0, 0)),
        "chip_id": bytes(64),
    }
    words = {p.name: interpret(p) for p in dissect_quote(build_report(VEK, fields))}

    assert words["policy"] == "ABI 1.55 or later; SMT MIGRATE_MA DEBUG"
    assert words["vmpl"] == "ASKED BY THE HOST"
    assert words["key_info"] == "signed by VLEK, chip key MASKED"
    assert words["chip_id"].startswith("all zero")
    assert words["cpuid"] == "family 0x19, model 0x1, stepping 1: milan"
    assert words["current_version"] == "1.55, build 8"
    assert words["snp_unsigned"] == "zero, as it should be"
