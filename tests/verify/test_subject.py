"""What a quote shows by itself: structure, attributes bit by bit, and how outcomes are worded."""

from __future__ import annotations

from typing import Any

import pytest

from forensics.formats.structures import INTEL_QE_VENDOR_ID
from forensics.verify.checks import CHECK_OF_ID, CHECKS, QUOTE_CHECKS, STRICT
from forensics.verify.subject import (
    check_sgx_attributes,
    check_signature,
    check_structure,
    check_td_attributes,
)

SEPT_VE_DISABLE = 28
HEALTHY: dict[str, Any] = {
    "version": 4,
    "tee": "tdx",
    "tee_type": 0x81,
    "qe_vendor_id": INTEL_QE_VENDOR_ID,
    "certification_type": 5,
    "outer_certification_type": 6,
    "outer_slack": 0,
}


def bits(*positions: int, size: int = 8) -> bytes:
    return sum(1 << position for position in positions).to_bytes(size, "little")


def failing(results: dict[str, tuple[str, str, str]]) -> set[str]:
    return {check for check, outcome in results.items() if outcome[0] == "fail"}


@pytest.mark.parametrize(
    ("changes", "failed", "observed"),
    [
        ({}, set(), "agree"),
        ({"version": 3, "tee": "sgx", "tee_type": 0, "outer_certification_type": None}, set(), ""),
        ({"version": 3, "outer_certification_type": None}, set(), ""),
        ({"tee_type": 0}, {"F3"}, "TEE type 0x0 with a body of tdx"),
        ({"tee": "sgx"}, {"F3"}, "TEE type 0x81 with a body of sgx"),
        ({"tee_type": 5}, {"F3"}, "TEE type 0x5 with a body of tdx"),
        ({"outer_certification_type": 5}, {"F3"}, "outer certification type 5"),
        ({"outer_certification_type": None}, {"F3"}, "outer certification type None"),
        ({"outer_slack": 1}, {"F3"}, "1 bytes after the certification data"),
        ({"certification_type": 0}, {"F3", "F4"}, "certification type 0"),
        ({"certification_type": 1}, {"F4"}, "agree"),
        ({"certification_type": 4}, {"F4"}, "agree"),
        ({"certification_type": 6}, {"F3", "F4"}, "certification type 6"),
        ({"qe_vendor_id": bytes(16)}, {"F2"}, "agree"),
        (
            {"tee_type": 0, "outer_slack": 3},
            {"F3"},
            "TEE type 0x0 with a body of tdx; 3 bytes after the certification data",
        ),
    ],
)
def test_structure(changes: dict[str, Any], failed: set[str], observed: str) -> None:
    results = check_structure(**(HEALTHY | changes))

    assert failing(results) == failed
    assert observed in results["F3"][2]


@pytest.mark.parametrize("bit", range(64))
def test_every_flag_of_an_enclave(bit: int) -> None:
    results = check_sgx_attributes(bits(bit) + b"\xff" * 8)

    assert failing(results) == {1: {"A1"}, 4: {"A2"}}.get(bit, set())
    assert results["A3"][0] == results["A4"][0] == "not_applicable"


@pytest.mark.parametrize("bit", range(64))
def test_every_attribute_of_a_td(bit: int) -> None:
    results = check_td_attributes(bits(SEPT_VE_DISABLE, *({bit} - {SEPT_VE_DISABLE})), None)

    assert failing(results) == ({"A1"} if bit == 0 else {"A2"} if bit < 8 else set())


@pytest.mark.parametrize(
    ("service", "result"),
    [(None, "not_applicable"), (bytes(48), "pass"), (bytes(47) + b"\x01", "fail")],
    ids=["1.0", "none", "some"],
)
def test_service_tds(service: bytes | None, result: str) -> None:
    assert check_td_attributes(bits(SEPT_VE_DISABLE), service)["A4"][0] == result


def test_untrusted_attributes_are_named() -> None:
    results = check_td_attributes(bits(1, 4, 5, 6), None)

    assert results["A2"][2] == "bit 1, HGS_PLUS_PROF, PERF_PROF, PMT_PROF"
    assert failing(results) == {"A2", "A3"}


@pytest.mark.parametrize(("valid", "word"), [(True, "valid"), (False, "invalid")])
def test_signature_outcome(valid: bool, word: str) -> None:
    assert check_signature(valid)[2] == word


def test_both_sides_of_the_binding_are_shown(kit: Any) -> None:
    results = kit.evidence().bend_quote(qe_auth_data=b"").judge().results
    result, expected, observed = results["K2"]

    assert result == "fail"
    assert expected != observed
    assert (len(expected), len(observed)) == (64, 64)
    assert results["K3"] == ("pass", "00" * 32, "00" * 32)


# --- the list of checks ---------------------------------------------------------------------


def test_ids_are_permanent() -> None:
    """Spelled out once more: other people's queries name them."""
    assert " ".join(check.id for check in CHECKS) == (
        "F1 F2 F3 F4 P1 P2 P3 P4 P5 P6 P7 R1 R2 R3 R4 T1 T2 S1 S2 S3 S4 S5 S6 T3 T4 T5 T6 T7 "
        "M1 M2 M3 D1 D2 D3 K1 K2 K3 E1 E2 E3 E4 E5 E6 K4 K5 V1 V2 V3 A1 A2 A3 A4 "
        "N1 N2 N3 N4 N5 N6 N7 N8 N9 N10"
    )
    assert {"P7", "T6", "T7", "K3", "A1", "A2", "A3", "A4", "N9", "N10"} == STRICT
    assert len(CHECK_OF_ID) == len(CHECKS)


def test_intels_library_makes_all_checks_of_quotes_but_the_strict_ones() -> None:
    assert {check.id for check in CHECKS if check.qvl} == {*QUOTE_CHECKS} - STRICT
