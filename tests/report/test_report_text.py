"""Values as text that people read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from forensics.report.text import BRIEF, LONGEST, brief, count, show, show_time


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "—"),
        (True, "yes"),
        (12_345, "12,345"),
        ([], "—"),
        (["a", None, 1], "a, —, 1"),
        ({"a": b"\x01"}, '{"a": "01"}'),
        (datetime(2026, 1, 7, 8, 14, 27, 9, tzinfo=UTC), "2026-01-07 08:14:27Z"),
        ("a\u202eb\x1b[2J\n\u2028", "a\\u202eb\\x1b[2J\\n\\u2028"),
        ("sha256(a ‖ b) ümlaut 雪", "sha256(a ‖ b) ümlaut 雪"),
    ],
)
def test_every_value_is_one_line(value: object, text: str):
    assert show(value) == text


def test_what_is_long_is_cut_and_says_so():
    assert show("x" * LONGEST) == "x" * LONGEST
    assert show("x" * 5_000) == "x" * LONGEST + "… (5000 characters)"
    assert brief("x" * 5_000) == "x" * BRIEF + "… (5000 characters)"
    assert len(show("\x00" * 5_000)) < LONGEST + 30  # measured after escaping


def test_counts_and_times_in_words():
    assert count(1, "entry", "entries") == "1 entry"
    assert count(2_000, "entry", "entries") == "2,000 entries"
    assert show_time(None) == "time unknown"
