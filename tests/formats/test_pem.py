"""PEM as tolerant as Intel's library: white space, text between blocks, percent encoding."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from urllib.parse import quote as percent

import pytest

from forensics.errors import EvidenceError
from forensics.formats.pem import MAX_BLOCKS, split_pem
from forensics.simulate.certificates import encode_pem

ONE, TWO = bytes(range(200)), bytes(range(100))
TEXT = encode_pem(ONE) + encode_pem(TWO)
BLOCKS = [("CERTIFICATE", ONE), ("CERTIFICATE", TWO)]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text, id="plain"),
        pytest.param(lambda text: text.replace(b"\n", b"\r\n"), id="crlf"),
        pytest.param(lambda text: text.replace(b"\n", b"\n\n"), id="empty-lines"),
        pytest.param(lambda text: b"\n \t" + text, id="blanks-before"),
        pytest.param(lambda text: text + bytes(5), id="nul-after"),
        pytest.param(lambda text: text.rstrip(), id="no-line-end"),
        pytest.param(lambda text: text.replace(b"-----BEGIN", b"text\n-----BEGIN"), id="text"),
        pytest.param(lambda text: text.replace(b"AAEC", b"A \tAEC"), id="blanks-inside"),
        pytest.param(lambda text: percent(text).encode(), id="percent"),
        pytest.param(lambda text: percent(text, safe="+/=").encode(), id="percent-but-plus"),
    ],
)
def test_what_does_not_matter(change: Callable[[bytes], bytes]) -> None:
    assert split_pem(change(TEXT)) == BLOCKS


def test_labels_are_kept() -> None:
    assert split_pem(encode_pem(ONE, "X509 CRL") + encode_pem(TWO)) == [
        ("X509 CRL", ONE),
        ("CERTIFICATE", TWO),
    ]


def test_plus_signs_survive_percent_decoding() -> None:
    data = b"\xfb\xef\xbe" * 16  # base64 `++++`

    assert b"+" in b64encode(data)
    assert split_pem(percent(encode_pem(data), safe="+").encode()) == [("CERTIFICATE", data)]


def begin(body: bytes, label: bytes = b"CERTIFICATE", end: bytes = b"CERTIFICATE") -> bytes:
    return b"-----BEGIN %s-----\n%s\n-----END %s-----\n" % (label, body, end)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"no block at all", id="text"),
        pytest.param(begin(b""), id="empty-block"),
        pytest.param(begin(b"AAA!"), id="bad-character"),
        pytest.param(begin(b"AAAA\xff"), id="not-ascii"),
        pytest.param(begin(b"AA\0AA"), id="nul-inside"),
        pytest.param(begin(b"A"), id="one-character"),
        pytest.param(begin(b"AA=A"), id="padding-inside"),
        pytest.param(begin(b"A==="), id="too-much-padding"),
        pytest.param(begin(b"AAAA", end=b"X509 CRL"), id="other-end"),
        pytest.param(begin(b"AAAA", label=b"certificate", end=b"certificate"), id="lower-case"),
        pytest.param(b"-----BEGIN CERTIFICATE-----\nAAAA\n", id="no-end"),
        pytest.param(begin(b"AAAA", b"A" * 41, b"A" * 41), id="long-label"),
    ],
)
def test_what_is_no_pem(text: bytes) -> None:
    with pytest.raises(EvidenceError) as caught:
        split_pem(text)

    assert caught.value.code == "bad-pem"


def test_one_bad_block_spoils_the_text() -> None:
    with pytest.raises(EvidenceError) as caught:
        split_pem(TEXT + begin(b"AAA!"))

    assert caught.value.offset == len(TEXT)


def test_blocks_are_counted() -> None:
    assert len(split_pem(encode_pem(TWO) * MAX_BLOCKS)) == MAX_BLOCKS
    with pytest.raises(EvidenceError) as caught:
        split_pem(encode_pem(TWO) * (MAX_BLOCKS + 1))

    assert caught.value.code == "bad-pem"


@pytest.mark.parametrize(
    "text",
    [
        b"-----BEGIN CERTIFICATE-----" * 40_000,
        b"-----BEGIN CERTIFICATE-----" + b"A" * 1_000_000,
        b"-" * 1_000_000,
        b"-----BEGIN " + b"A " * 500_000,
    ],
    ids=["begins", "no-end", "dashes", "label"],
)
def test_hostile_text_takes_no_time(text: bytes) -> None:
    with pytest.raises(EvidenceError):
        split_pem(text)
