"""Quotes: what parses rebuilds exactly, what does not says why, and nothing else happens."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.errors import EvidenceError
from forensics.formats.quote import (
    MAX_QUOTE_SIZE,
    MIN_QUOTE_SIZE,
    Quote,
    looks_like_quote,
    parse_quote,
)
from forensics.formats.structures import SGX_REPORT, TD_REPORT_10, TD_REPORT_15

CODES = {
    "too-short",
    "too-large",
    "unsupported-version",
    "unsupported-key-type",
    "unsupported-tee",
    "unsupported-body",
    "truncated",
    "length-mismatch",
}
KINDS = ["sgx-v3", "sgx-v4", "sgx-v5", "tdx-v4", "tdx-v5-1.0", "tdx-v5-1.5"]
# Where the signature data's length is (verification reference, section 1.2).
SIGNATURE_LENGTH_AT = dict(zip(KINDS, (432, 432, 438, 632, 638, 702), strict=True))

each_kind = pytest.mark.parametrize("kind", KINDS)


def parse_or_code(data: bytes) -> Quote | str:
    """The quote, rebuilt and compared; or the code of the error."""
    refusal: EvidenceError | None = None
    try:
        quote = parse_quote(data)
    except EvidenceError as error:
        refusal = error
    if refusal is None:
        assert quote.to_bytes() == data
        return quote
    assert refusal.code in CODES
    assert "\n" not in refusal.message
    assert refusal.offset is None or 0 <= refusal.offset <= len(data)
    return refusal.code


def put(data: bytes, position: int, value: bytes) -> bytes:
    return data[:position] + value + data[position + len(value) :]


def inner_start(kind: str) -> int:
    """Where the QE report is."""
    signature_data = SIGNATURE_LENGTH_AT[kind] + 4
    return signature_data + 128 + (0 if kind == "sgx-v3" else 6)


@each_kind
def test_parts_of_a_healthy_quote(healthy: dict[str, Quote], kind: str) -> None:
    built = healthy[kind]
    parsed = parse_quote(built.to_bytes())

    assert parsed == built
    assert len(parsed.signed) == SIGNATURE_LENGTH_AT[kind]
    assert parsed.tee == kind[:3]
    assert f"v{parsed.version}" == kind.split("-")[1]
    assert parsed.header["version"] == parsed.version
    assert parsed.body["report_data"] == parsed.report_data
    assert len(parsed.statement) == len(parsed.signed) - 64
    assert parsed.outer_certification_type == (None if kind == "sgx-v3" else 6)


@each_kind
def test_a_statement_has_no_report_data(healthy: dict[str, Quote], kind: str) -> None:
    quote = healthy[kind]
    fresh = put(quote.signed, quote.report_data_offset, b"\xa5" * 64)

    assert replace(quote, signed=fresh).report_data == b"\xa5" * 64
    assert replace(quote, signed=fresh).statement == quote.statement
    for position in (0, quote.report_data_offset - 1):
        other = put(quote.signed, position, bytes((quote.signed[position] ^ 1,)))
        assert replace(quote, signed=other).statement != quote.statement


@each_kind
def test_every_truncation_says_so(healthy: dict[str, Quote], kind: str) -> None:
    data = healthy[kind].to_bytes()

    for size in range(len(data)):
        code = parse_or_code(data[:size])
        assert code == ("too-short" if size < MIN_QUOTE_SIZE else "truncated"), size


@each_kind
@pytest.mark.parametrize("delta", [-1, 1], ids=["one-less", "one-more"])
def test_every_length_is_looked_at(healthy: dict[str, Quote], kind: str, delta: int) -> None:
    """A length that is off by one moves bytes from part to part, and never loses one."""
    data = healthy[kind].to_bytes()
    start = inner_start(kind)
    lengths = {SIGNATURE_LENGTH_AT[kind]: 4, start + 448: 2, start + 448 + 2 + 32 + 2: 4}
    if kind != "sgx-v3":
        lengths[start - 4] = 4

    for position, size in lengths.items():
        value = int.from_bytes(data[position : position + size], "little") + delta
        changed = put(data, position, value.to_bytes(size, "little"))
        assert parse_or_code(changed) != healthy[kind]


@each_kind
@pytest.mark.parametrize("value", [0, 1, 127, 128, 0xFFFFFFFF], ids=hex)
def test_signature_length(healthy: dict[str, Quote], kind: str, value: int) -> None:
    data = healthy[kind].to_bytes()

    assert (
        parse_or_code(put(data, SIGNATURE_LENGTH_AT[kind], value.to_bytes(4, "little")))
        == "truncated"
    )


@each_kind
@pytest.mark.parametrize("value", [0xFFFF, 0xFFF0], ids=hex)
def test_authentication_data_length(healthy: dict[str, Quote], kind: str, value: int) -> None:
    data = healthy[kind].to_bytes()
    position = inner_start(kind) + 448

    assert parse_or_code(put(data, position, value.to_bytes(2, "little"))) == "truncated"


@each_kind
@pytest.mark.parametrize("value", [None, 0xFFFFFFFF, 0x80000000], ids=str)
def test_certification_data_length(healthy: dict[str, Quote], kind: str, value: int | None) -> None:
    """`None`: one more than there is."""
    quote = healthy[kind]
    data = quote.to_bytes()
    position = inner_start(kind) + 448 + 2 + 32 + 2
    length = len(quote.certification_data) + 1 if value is None else value

    assert parse_or_code(put(data, position, length.to_bytes(4, "little"))) == "truncated"


@each_kind
def test_nothing_certified_is_a_quote_still(healthy: dict[str, Quote], kind: str) -> None:
    quote = replace(healthy[kind], qe_auth_data=b"", certification_data=b"")

    assert parse_or_code(quote.to_bytes()) == quote


def test_the_smallest_quote(healthy: dict[str, Quote]) -> None:
    quote = replace(healthy["sgx-v3"], qe_auth_data=b"", certification_data=b"")

    assert len(quote.to_bytes()) == MIN_QUOTE_SIZE == 1020


@each_kind
@pytest.mark.parametrize("part", ["trailing", "slack", "outer_slack"])
@pytest.mark.parametrize("extra", [b"\0", b"\0" * 70, b"text"], ids=["nul", "zeros", "text"])
def test_bytes_that_nothing_claims_are_kept(
    healthy: dict[str, Quote], kind: str, part: str, extra: bytes
) -> None:
    if kind == "sgx-v3" and part == "outer_slack":
        pytest.skip("v3 has no outer block")
    quote = replace(healthy[kind], **{part: extra})

    assert parse_or_code(quote.to_bytes()) == quote


def test_size_limits(healthy: dict[str, Quote]) -> None:
    data = healthy["sgx-v3"].to_bytes()
    largest = data + bytes(MAX_QUOTE_SIZE - len(data))

    assert isinstance(parse_or_code(largest), Quote)
    assert parse_or_code(largest + b"\0") == "too-large"
    assert parse_or_code(b"") == "too-short"


@pytest.mark.parametrize("version", [0, 1, 2, 6, 0x0300, 0xFFFF])
def test_unknown_versions(healthy: dict[str, Quote], version: int) -> None:
    data = put(healthy["sgx-v3"].to_bytes(), 0, version.to_bytes(2, "little"))

    assert parse_or_code(data) == "unsupported-version"


@pytest.mark.parametrize("key_type", [0, 1, 3, 0x0200])
@each_kind
def test_unknown_key_types(healthy: dict[str, Quote], kind: str, key_type: int) -> None:
    data = put(healthy[kind].to_bytes(), 2, key_type.to_bytes(2, "little"))

    assert parse_or_code(data) == "unsupported-key-type"


@pytest.mark.parametrize("tee_type", [1, 0x80, 0x82, 0x81000000])
def test_unknown_tees_of_v4(healthy: dict[str, Quote], tee_type: int) -> None:
    data = put(healthy["tdx-v4"].to_bytes(), 4, tee_type.to_bytes(4, "little"))

    assert parse_or_code(data) == "unsupported-tee"


@pytest.mark.parametrize("tee_type", [0x81, 5], ids=hex)
@pytest.mark.parametrize("kind", ["sgx-v3", "sgx-v5"])
def test_a_tee_that_contradicts_the_body_is_kept(
    healthy: dict[str, Quote], kind: str, tee_type: int
) -> None:
    """Check F3 fails then; the evidence stays."""
    quote = parse_or_code(put(healthy[kind].to_bytes(), 4, tee_type.to_bytes(4, "little")))

    assert isinstance(quote, Quote)
    assert (quote.tee, quote.header["tee_type"]) == ("sgx", tee_type)


@pytest.mark.parametrize(
    ("body_type", "size", "expected"),
    [
        (0, 584, "unsupported-body"),
        (4, 584, "unsupported-body"),
        (0xFFFF, 584, "unsupported-body"),
        (1, 584, "length-mismatch"),
        (3, 584, "length-mismatch"),
        (2, 583, "length-mismatch"),
        (2, 0, "length-mismatch"),
        (2, 0xFFFFFFFF, "length-mismatch"),
    ],
)
def test_body_descriptor(
    healthy: dict[str, Quote], body_type: int, size: int, expected: str
) -> None:
    descriptor = body_type.to_bytes(2, "little") + size.to_bytes(4, "little")

    assert parse_or_code(put(healthy["tdx-v5-1.0"].to_bytes(), 48, descriptor)) == expected


def test_bodies_by_type(healthy: dict[str, Quote]) -> None:
    layouts = [healthy[kind].body_layout for kind in ("sgx-v5", "tdx-v5-1.0", "tdx-v5-1.5")]

    assert layouts == [SGX_REPORT, TD_REPORT_10, TD_REPORT_15]
    assert [healthy[k].header["body_type"] for k in KINDS if "v5" in k] == [1, 2, 3]


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer_will_do(healthy: dict[str, Quote], kind: type) -> None:
    data = healthy["sgx-v3"].to_bytes()

    assert parse_quote(kind(data)).to_bytes() == data


# --- real quotes ----------------------------------------------------------------------------


def test_every_real_quote_rebuilds(vectors: Path) -> None:
    files = sorted([*vectors.glob("*/quote.bin"), *vectors.glob("*/quote_as_found.bin")])
    refused = [file for file in files if not isinstance(parse_or_code(file.read_bytes()), Quote)]

    assert len(files) >= 150
    assert refused == []


# --- hostile bytes --------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=2000))
def test_random_bytes(data: bytes) -> None:
    parse_or_code(data)


@settings(max_examples=200, deadline=None)
@given(
    start=st.sampled_from([(3, 0), (4, 0), (4, 0x81), (5, 0), (5, 0x81)]),
    descriptor=st.sampled_from([(1, 384), (2, 584), (3, 648)]),
    rest=st.binary(min_size=1000, max_size=1500),
)
def test_random_bytes_after_a_plausible_start(
    start: tuple[int, int], descriptor: tuple[int, int], rest: bytes
) -> None:
    version, tee = start
    head = version.to_bytes(2, "little") + b"\2\0" + tee.to_bytes(4, "little") + bytes(40)
    if version == 5:
        head += descriptor[0].to_bytes(2, "little") + descriptor[1].to_bytes(4, "little")
    parse_or_code(head + rest)


@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    edits=st.lists(
        st.tuples(st.integers(0, 6000), st.binary(min_size=1, max_size=8)), min_size=1, max_size=4
    ),
    cut=st.integers(0, 6000),
    tail=st.binary(max_size=80),
)
def test_mutated_quotes(
    healthy: dict[str, Quote],
    kind: str,
    edits: list[tuple[int, bytes]],
    cut: int,
    tail: bytes,
) -> None:
    data = healthy[kind].to_bytes()
    for position, value in edits:
        data = put(data, position % len(data), value)
    parse_or_code(data[: len(data) - cut] if cut < 3000 else data)
    parse_or_code(data + tail)


@each_kind
@pytest.mark.parametrize(
    ("change", "size", "known"),
    [
        ({}, None, True),
        ({}, 8, True),  # cut: still a quote, and refused as one
        ({}, 7, False),
        ({0: b"\x06"}, 28, True),  # Intel's vendor id says enough
        ({0: b"\x06"}, 27, False),
        ({2: b"\x04", 12: b"\0"}, None, False),  # no key type of Intel's
        ({4: b"\x80", 12: b"\0"}, None, False),  # no TEE
    ],
)
def test_quotes_are_told_by_their_content(
    healthy: dict[str, Quote], kind: str, change: dict[int, bytes], size: int | None, known: bool
) -> None:
    data = healthy[kind].to_bytes()
    for place, value in change.items():
        data = put(data, place, value)
    assert looks_like_quote(data[:size]) == known
