"""Which bytes a disguise changed: part, place and both sides."""

from __future__ import annotations

from dataclasses import replace

import pytest

from forensics.formats.quote import Quote
from forensics.report.differences import compare_quotes
from forensics.simulate.pki import make_pki
from forensics.simulate.platforms import CURRENT, make_platform
from forensics.simulate.quotes import build_quote, flip_quote_signature, sgx_body


@pytest.fixture(scope="module")
def quote() -> Quote:
    platform = make_platform(make_pki(7), "one", server=False)
    body = sgx_body(report_data=bytes(64), cpu_svn=CURRENT.cpu_svn)
    return build_quote(platform.certification("sgx", CURRENT), body)


def test_the_same_bytes_differ_in_nothing(quote: Quote) -> None:
    assert list(compare_quotes(quote, quote)) == []


def test_the_other_s_is_recognised(quote: Quote) -> None:
    [found] = compare_quotes(quote, flip_quote_signature(quote))
    assert (found.part, found.note) == ("quote_signature_s", "n - s: both verify")


def test_another_s_altogether_is_no_flip(quote: Quote) -> None:
    other = replace(quote, signature=quote.signature[:-1] + bytes([quote.signature[-1] ^ 1]))
    [found] = compare_quotes(quote, other)
    assert (found.part, found.note) == ("quote_signature_s", "")
    assert (found.offset, found.first_size, found.second_size) == (31, 1, 1)


def test_inserted_text_is_placed(quote: Quote) -> None:
    data = quote.certification_data
    [found] = compare_quotes(
        quote, replace(quote, certification_data=data[:100] + b" \r" + data[100:])
    )
    assert found.part == "certification_data"
    assert (found.offset, found.first_size, found.second_size) == (100, 0, 2)
    assert bytes.fromhex(found.second) == b" \r"


def test_long_stretches_are_cut(quote: Quote) -> None:
    [found] = compare_quotes(quote, replace(quote, trailing=b"\x01" * 5000))
    assert (found.part, found.offset, found.second_size) == ("trailing_bytes", 0, 5000)
    assert found.second == "01" * 32
