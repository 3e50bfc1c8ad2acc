"""Splitting streams: the same members whatever the layout of the text and of the reads."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forensics.sources import DEFAULT_LIMITS, Limits, members
from forensics.sources.members import iterate_array, iterate_lines

SMALL = replace(DEFAULT_LIMITS, record=200, kept=20)

VALUES = st.lists(
    st.recursive(
        st.integers() | st.text(st.sampled_from('ab"\\{}[],: é\n')),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(st.sampled_from('a"]}\\')), inner, max_size=3)
        ),
        max_leaves=10,
    ).filter(lambda value: len(json.dumps(value)) < 100),
    max_size=6,
)


@given(VALUES, st.sampled_from([None, 1, "\t"]), st.integers(1, 40), st.booleans())
def test_array_members_are_the_decoder_s(
    values: list[object], indent: object, chunk: int, ascii_only: bool
) -> None:
    text = json.dumps(values, indent=indent, ensure_ascii=ascii_only)  # type: ignore[arg-type]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(members, "_CHUNK", chunk)  # the size of reads must not matter
        found = list(iterate_array(io.BytesIO(text.encode()), DEFAULT_LIMITS))
    assert [json.loads(data) for _, data, _ in found] == values
    assert [number for number, _, _ in found] == list(range(1, len(values) + 1))
    assert all(problem is None for _, _, problem in found)


@pytest.mark.parametrize("chunk", [1, 7, 64, 1 << 20])
@pytest.mark.parametrize(
    "big",
    ['"' + "x" * 900 + '"', '"' + '\\"' * 300 + '"', "[" + "1," * 400 + "1]", '{"a":"' + "]" * 500
     + '","b":"\\\\"}', '["' + '","'.join(["y"] * 300) + '"]'],
)  # fmt: skip
def test_an_oversized_member_costs_only_itself(big: str, chunk: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(members, "_CHUNK", chunk)
        found = list(iterate_array(io.BytesIO(f'[{{"a":1}}, {big} ,[2]]'.encode()), SMALL))
    assert [number for number, _, _ in found] == [1, 2, 3]
    assert [data for _, data, _ in found][::2] == [b'{"a":1}', b"[2]"]
    assert found[1][1] == big.encode()[:20]
    assert found[1][2] is not None
    assert found[1][2].reason == "line-too-long"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]", []),
        ("[ \n ]  \n", []),
        ("[1,2] x", [None, None, "bad-json"]),
        ("[1,2", [None, "bad-json"]),
        ("[1,2,", [None, None, "bad-json"]),
        ('[1,"abc', [None, "bad-json"]),
        ("[", ["bad-json"]),
        ("[" * 100, ["nesting-too-deep"]),
        ("[" + "[" * 70 + "]" * 70 + ",1]", ["nesting-too-deep", None]),
    ],
)
def test_a_broken_array_is_said_once(text: str, expected: list[str | None]) -> None:
    found = iterate_array(io.BytesIO(text.encode()), DEFAULT_LIMITS)
    assert [problem and problem.reason for _, _, problem in found] == expected


def read_lines(data: bytes, limits: Limits = SMALL) -> list[tuple[int, bytes, str | None]]:
    return [
        (number, line, problem and problem.reason)
        for number, line, problem in iterate_lines(io.BytesIO(data), limits)
    ]


def test_lines_are_numbered_as_in_an_editor() -> None:
    data = b"\xef\xbb\xbfone\r\n\n  \ntwo\nthree"
    assert read_lines(data) == [(1, b"one", None), (4, b"two", None), (5, b"three", None)]


@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
@pytest.mark.parametrize("around", ["", "  \t", " " * 500])
def test_what_is_kept_in_part_has_the_hash_of_the_whole(around: str, chunk: int) -> None:
    record = b'{"a":"' + b"x y" * 300 + b'"}'
    text = around.encode() + record + around.encode()
    member = b"[1," + text + b",2]"
    cut = b"[1," + text
    after = b"[1]" + text
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(members, "_CHUNK", chunk)
        found = [
            *iterate_lines(io.BytesIO(text + b"\r\n1\n"), SMALL),
            *iterate_array(io.BytesIO(member), SMALL),
            *iterate_array(io.BytesIO(cut), SMALL),
            *iterate_array(io.BytesIO(after), SMALL),
        ]
    problems = [(data, problem) for _, data, problem in found if problem is not None]
    reasons = ["line-too-long"] * 3 + ["bad-json"]
    assert [problem.reason for _, problem in problems] == reasons
    assert {problem.digest for _, problem in problems} == {hashlib.sha256(record).digest()}
    assert {data for data, _ in problems} == {record[: SMALL.kept]}


@pytest.mark.parametrize("size", [200, 201, 202, 1000])
def test_the_limit_of_a_line(size: int) -> None:
    data = b"x" * size + b"\nnext\n"
    [first, second] = read_lines(data)
    assert first == ((1, data[:200], None) if size <= 200 else (1, data[:20], "line-too-long"))
    assert second == (2, b"next", None)
