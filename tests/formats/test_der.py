"""The strict DER reader: one encoding for each thing, and nothing read beyond the end."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.errors import EvidenceError
from forensics.formats import der


def code_of(action: object, *arguments: object) -> str:
    assert callable(action)
    with pytest.raises(EvidenceError) as caught:
        action(*arguments)
    return caught.value.code


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0500", (5, 0)),
        ("040141", (4, 1)),
        ("047f" + "00" * 127, (4, 127)),
        ("048180" + "00" * 128, (4, 128)),
        ("0481ff" + "00" * 255, (4, 255)),
        ("04820100" + "00" * 256, (4, 256)),
        ("0483010000" + "00" * 65536, (4, 65536)),
    ],
    ids=["null", "one", "127", "128", "255", "256", "65536"],
)
def test_lengths(text: str, expected: tuple[int, int]) -> None:
    data = bytes.fromhex(text)
    tag, contents, end = der.read_element(data + b"more")

    assert (tag, len(contents)) == expected
    assert end == len(data)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("04", id="tag-only"),
        pytest.param("0401", id="contents-missing"),
        pytest.param("0480", id="indefinite"),
        pytest.param("0481", id="length-missing"),
        pytest.param("048141" + "00" * 65, id="long-form-of-65"),
        pytest.param("04817f" + "00" * 127, id="long-form-of-127"),
        pytest.param("04820080" + "00" * 128, id="leading-zero"),
        pytest.param("0482ffff", id="longer-than-the-data"),
        pytest.param("0484ffffffff", id="four-gigabytes"),
        pytest.param("0485000000000141", id="five-bytes-of-length"),
        pytest.param("04ff" + "00" * 130, id="length-of-127-bytes"),
    ],
)
def test_other_lengths_are_refused(text: str) -> None:
    assert code_of(der.read_element, bytes.fromhex(text)) == "bad-der"


def test_elements_stand_side_by_side() -> None:
    data = bytes.fromhex("020101" + "0400" + "0500")

    assert list(der.iterate_elements(data)) == [(2, b"\x01"), (4, b""), (5, b"")]
    assert list(der.iterate_elements(b"")) == []


def test_exactly_one_element() -> None:
    assert der.read_exactly(bytes.fromhex("020101"), der.INTEGER) == b"\x01"
    assert code_of(der.read_exactly, bytes.fromhex("02010100"), der.INTEGER) == "bad-der"
    assert code_of(der.read_exactly, bytes.fromhex("040101"), der.INTEGER) == "bad-der"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("00", 0),
        ("01", 1),
        ("7f", 127),
        ("0080", 128),
        ("00ff", 255),
        ("0100", 256),
        ("00ffff", 65535),
    ],
)
def test_integers(text: str, value: int) -> None:
    assert der.decode_integer(bytes.fromhex(text)) == value


@pytest.mark.parametrize(
    "text",
    ["", "80", "ff", "ff80", "0000", "0001", "007f"],
    ids=["empty", "minus-128", "minus-1", "minus-128-long", "zero-long", "one-long", "127-long"],
)
def test_other_integers_are_refused(text: str) -> None:
    assert code_of(der.decode_integer, bytes.fromhex(text)) == "bad-der"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("2a864886f84d010d01", "1.2.840.113741.1.13.1"),
        ("2a864886f84d010d010211", "1.2.840.113741.1.13.1.2.17"),
        ("551d13", "2.5.29.19"),
        ("00", "0.0"),
        ("27", "0.39"),
        ("28", "1.0"),
        ("50", "2.0"),
        ("883703", "2.999.3"),
        ("2a8f7f", "1.2.2047"),
        ("2a818000", "1.2.16384"),
        ("2a" * 64, "1.2" + ".42" * 63),
    ],
)
def test_object_identifiers(text: str, name: str) -> None:
    assert der.decode_object_id(bytes.fromhex(text)) == name


@pytest.mark.parametrize(
    "text", ["", "80", "2a86", "2a" * 65], ids=["empty", "open", "cut", "long"]
)
def test_other_object_identifiers_are_refused(text: str) -> None:
    assert code_of(der.decode_object_id, bytes.fromhex(text)) == "bad-der"


@pytest.mark.parametrize("text", ["2a8001", "8001", "2a028001", "2a80818000"])
def test_padded_arcs_are_refused(text: str) -> None:
    """`80 01` is 1 with a padded arc (X.690 8.19.2): two texts of one name."""
    assert code_of(der.decode_object_id, bytes.fromhex(text)) == "bad-der"


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=60))
def test_random_bytes(data: bytes) -> None:
    """Whatever the bytes: elements within them, or the one error."""
    with suppress(EvidenceError):
        elements = list(der.iterate_elements(data))
        assert sum(len(contents) + 2 for _, contents in elements) <= len(data)
