"""The quick way and `parse_quote` must never disagree, whatever was seen before."""

from __future__ import annotations

import hashlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.case.splitter import QuoteSplitter, SplitQuote, identify_statement
from forensics.errors import EvidenceError
from forensics.formats.quote import Quote, parse_quote
from forensics.formats.structures import SGX_REPORT, TD_REPORT_10, TD_REPORT_15


def build(version: int, nonce: int) -> bytes:
    """A quote of each shape that exists, from a seed."""
    make = random.Random(version * 100 + nonce).randbytes
    layout = {3: SGX_REPORT, 4: TD_REPORT_10, 5: TD_REPORT_15}[version]
    header = bytes([version, 0, 2, 0, 0 if version == 3 else 0x81, 0, 0, 0]) + bytes(40)
    if version == 5:
        header += (3).to_bytes(2, "little") + (648).to_bytes(4, "little")
    fixed = random.Random(version).randbytes
    start = layout["report_data"].offset
    body = fixed(start) + make(64) + fixed(layout.size - start - 64)
    return Quote(
        version=version,
        body_layout=layout,
        signed=header + body,
        signature=make(64),
        attestation_key=fixed(64),
        qe_report=fixed(384),
        qe_signature=fixed(64),
        qe_auth_data=fixed(32),
        certification_type=5,
        certification_data=fixed(200),
        outer_certification_type=None if version == 3 else 6,
    ).to_bytes()


def split(splitter: QuoteSplitter, data: bytes) -> SplitQuote | str:
    try:
        return splitter.split(data)
    except EvidenceError as error:
        return error.code


def expect(data: bytes) -> SplitQuote | str:
    """The same, from `parse_quote` alone; apart from the certification's id."""
    try:
        quote = parse_quote(data)
    except EvidenceError as error:
        return error.code
    start = quote.report_data_offset
    return SplitQuote(
        hashlib.sha256(data).digest(),
        identify_statement(quote.signed[:start], quote.signed[start + 64 :]),
        quote.report_data,
        quote.signature[:32],
        quote.signature[32:],
        b"",
        quote.outer_certification_type,
        quote.outer_slack,
        quote.slack,
        len(data),
        len(quote.trailing),
        quote.trailing if any(quote.trailing) else None,
    )


def agree(splitter: QuoteSplitter, data: bytes) -> None:
    told, fresh = split(splitter, data), split(QuoteSplitter(lambda *_: True), data)
    assert told == fresh
    if isinstance(told, SplitQuote):
        told = told._replace(certification_id=b"")
    assert told == expect(data)


@pytest.mark.parametrize("version", [3, 4, 5])
def test_a_known_surrounding_is_kept_once(version):
    kept = []
    splitter = QuoteSplitter(lambda table, key, make_row: kept.append((table, key)))
    for nonce in range(5):
        agree(splitter, build(version, nonce))
    assert len(kept) == 3


changes = st.tuples(st.integers(0, 2000), st.integers(1, 255))


@given(
    version=st.sampled_from([3, 4, 5]),
    flips=st.lists(changes, max_size=3),
    cut=st.none() | st.integers(0, 2000),
    tail=st.binary(max_size=3) | st.just(bytes(70)),
)
@settings(max_examples=300, deadline=None)
def test_a_warm_splitter_agrees_with_the_parser(version, flips, cut, tail):
    splitter = QuoteSplitter(lambda *_: True)
    for known in (3, 4, 5):
        splitter.split(build(known, 0))
    data = bytearray(build(version, 1))
    for place, change in flips:
        data[place % len(data)] ^= change
    changed = bytes(data[:cut] + tail)
    agree(splitter, changed)
    agree(splitter, changed)
    agree(splitter, build(version, 2))


def test_every_single_byte_change_is_seen():
    splitter = QuoteSplitter(lambda *_: True)
    base = build(4, 0)
    for place in range(0, len(base), 3):
        data = bytearray(base)
        data[place] ^= 0x40
        agree(splitter, bytes(data))


def test_real_quotes(real_quotes):
    splitter = QuoteSplitter(lambda *_: True)
    for path in real_quotes * 2:
        agree(splitter, path.read_bytes())
