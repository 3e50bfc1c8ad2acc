"""Strict JSON: one reading of each text, and the exact bytes that were signed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.errors import EvidenceError
from forensics.formats.json_text import (
    MAX_DEPTH,
    MAX_DOCUMENT_SIZE,
    compact,
    parse_object,
    slice_members,
)


def nested(depth: int, start: bytes = b"[", end: bytes = b"]") -> bytes:
    return b'{"a":' + start * depth + b"1" + end * depth + b"}"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(b"", "bad-json", id="empty"),
        pytest.param(b"{", "bad-json", id="open"),
        pytest.param(b"{}x", "bad-json", id="more-text"),
        pytest.param(b"{} {}", "bad-json", id="two-values"),
        pytest.param(b"\xef\xbb\xbf{}", "bad-json", id="byte-order-mark"),
        pytest.param(b"{'a':1}", "bad-json", id="quotes"),
        pytest.param(b'{"a":1,}', "bad-json", id="comma"),
        pytest.param(b'{"a":01}', "bad-json", id="leading-zero"),
        pytest.param(b'{"a":"\n"}', "bad-json", id="control-character"),
        pytest.param(b'{"a":"\\x41"}', "bad-json", id="escape"),
        pytest.param(b'{"a":NaN}', "bad-json", id="nan"),
        pytest.param(b'{"a":Infinity}', "bad-json", id="infinity"),
        pytest.param(b'{"a":[-Infinity]}', "bad-json", id="minus-infinity"),
        pytest.param(b'{"a":' + b"9" * 5000 + b"}", "bad-json", id="huge-integer"),
        pytest.param(b'{"a":"\\ud800"}', "bad-json", id="half-a-pair"),
        pytest.param(b'{"a":"\\uDFFF"}', "bad-json", id="other-half"),
        pytest.param(b'{"\\udc00\\ud800":1}', "bad-json", id="pair-in-the-wrong-order"),
        pytest.param(b'{"a":"\xff"}', "not-utf8", id="latin-1"),
        pytest.param('{"a":1}'.encode("utf-16"), "not-utf8", id="utf-16"),
        pytest.param(b'{"a":"\xed\xa0\x80"}', "not-utf8", id="surrogate-in-utf8"),
        pytest.param(b'{"a":1,"a":1}', "duplicate-key", id="duplicate"),
        pytest.param(b'{"a":1,"\\u0061":2}', "duplicate-key", id="duplicate-in-disguise"),
        pytest.param(b'{"b":[{"a":1,"c":2,"a":1}]}', "duplicate-key", id="duplicate-inside"),
        pytest.param(nested(MAX_DEPTH), "nesting-too-deep", id="lists"),
        pytest.param(nested(MAX_DEPTH, b'{"b":', b"}"), "nesting-too-deep", id="objects"),
        pytest.param(nested(1_000_000), "nesting-too-deep", id="very-deep"),
        pytest.param(b"[" * 1_000_000, "nesting-too-deep", id="brackets"),
        pytest.param(b"[]", "not-an-object", id="list"),
        pytest.param(b"null", "not-an-object", id="null"),
        pytest.param(b'"{}"', "not-an-object", id="string"),
        pytest.param(b" " * (MAX_DOCUMENT_SIZE + 1), "too-large", id="too-large"),
    ],
)
def test_what_is_refused(data: bytes, code: str) -> None:
    for read in (parse_object, slice_members):
        with pytest.raises(EvidenceError) as caught:
            read(data)
        assert caught.value.code == code
        assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    "data",
    [
        b"{}",
        b' \t\r\n{ "a" : 1 } \n',
        b'{"a":"\\ud83d\\ude00"}',
        b'{"a":"\\\\ud800"}',
        b'{"A":1,"a":2}',
        '{"a":"\u00e9"}'.encode(),
        nested(MAX_DEPTH - 1),
        nested(MAX_DEPTH - 1, b'{"b":', b"}"),
        b'{"a":1e400}',
        b'{"a":' + b"9" * 4000 + b"}",
    ],
)
def test_what_is_read(data: bytes) -> None:
    assert parse_object(data) == json.loads(data)


def test_limits() -> None:
    assert (MAX_DEPTH, MAX_DOCUMENT_SIZE) == (64, 8 * 1024 * 1024)
    assert parse_object(b" " * (MAX_DOCUMENT_SIZE - 2) + b"{}") == {}


def test_many_members_and_one_twice_takes_no_time() -> None:
    """The hunt for the repeated name must not look at every pair of names."""
    members = ",".join(f'"{n}":0' for n in range(200_000)).encode()

    with pytest.raises(EvidenceError) as caught:
        parse_object(b'{%s,"199999":1}' % members)

    assert caught.value.code == "duplicate-key"
    assert "199999" in caught.value.message


# --- slices ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        b'{"b":1}',
        b'{ "b" : [ 1 , 2 ] }',
        b'{"b":"} , \\" {"}',
        b'{"b":"\\u00e9\\/"}',
        '{"b":"é"}'.encode(),
        b'{"b":1.0e+2}',
        b"[]",
        b'"text"',
        b"-0",
        b"null",
    ],
)
@pytest.mark.parametrize("blank", [b"", b" ", b"\r\n\t"], ids=["tight", "blank", "lines"])
def test_slices_are_byte_exact(value: bytes, blank: bytes) -> None:
    parts = (
        b"{",
        b'"first"',
        b":",
        b"1",
        b",",
        b'"a"',
        b":",
        value,
        b",",
        b'"z"',
        b":",
        b'""',
        b"}",
    )

    assert slice_members(blank.join(parts)) == {"first": b"1", "a": value, "z": b'""'}


def test_no_members() -> None:
    assert slice_members(b" { } ") == {}


def test_names_are_decoded() -> None:
    assert slice_members(b'{"tcb\\u0049nfo":{"a":1}}') == {"tcbInfo": b'{"a":1}'}


# Shallow and small: what matters is where values begin and end.
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(st.text(max_size=6), VALUES, max_size=5)


@settings(max_examples=80, deadline=None)
@given(document=DOCUMENTS, indent=st.sampled_from([None, 1]), ascii_=st.booleans())
def test_slices_put_together_are_the_document(
    document: dict[str, object], indent: int | None, ascii_: bool
) -> None:
    data = json.dumps(document, indent=indent, ensure_ascii=ascii_).encode()
    members = slice_members(data)

    assert {name: json.loads(text) for name, text in members.items()} == document
    assert all(text in data for text in members.values())


@settings(max_examples=100, deadline=None)
@given(document=DOCUMENTS, indent=st.sampled_from([None, 1, 4]))
def test_compact_writes_white_space_away(document: dict[str, object], indent: int | None) -> None:
    tight = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    spread = json.dumps(document, indent=indent, ensure_ascii=False).encode()

    assert compact(parse_object(spread)) == tight


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=60) | st.text('{}[]":,\\u d8019naN', max_size=40).map(str.encode))
def test_random_text(data: bytes) -> None:
    try:
        members = slice_members(data)
    except EvidenceError:
        return
    assert set(members) == set(parse_object(data))
    compact(parse_object(data))
