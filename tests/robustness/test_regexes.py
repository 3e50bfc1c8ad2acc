"""No regular expression of ours takes more than linear time, or nearly, on an attacker's text."""

from __future__ import annotations

import importlib
import pkgutil
import re
import time
from collections.abc import Iterator

import pytest

import forensics

SIZE = 30_000  # characters; what takes quadratic time takes seconds, and exponential time years
LONGEST = 1.0  # seconds of the processor
PIECES = (
    *("a", "A", "0", "f", " ", "\t", "\n", "-", "_", ".", "/", "\\", '"', "'", "+", "=", ",", "%"),
    *("[", "]", "{", "}", "\\\\", '\\"', '""', '"a"', " \n", "\r\n", "a ", "0x", "a/", "a.", "a-"),
    *("-----", "-----BEGIN ", "-----BEGIN A-----", "%2D", "[[", "[ ", "=\n", "\x00", "é", "2026-"),
)


def find_patterns() -> Iterator[tuple[str, re.Pattern[str] | re.Pattern[bytes]]]:
    """Every compiled pattern that a module of the package has."""
    for info in pkgutil.walk_packages(forensics.__path__, "forensics."):
        if info.name.endswith("__main__"):
            continue
        for name, value in sorted(vars(importlib.import_module(info.name)).items()):
            if isinstance(value, re.Pattern):
                yield f"{info.name}.{name}", value


PATTERNS = dict(find_patterns())


def make_hostile(pattern: str) -> Iterator[str]:
    """Repetitions of what the pattern itself is made of, with an end that nothing expects."""
    own = {pattern[n : n + size] for size in (1, 2, 4) for n in range(0, len(pattern), size)}
    for piece in (*PIECES, *sorted(own)):
        text = piece * (SIZE // len(piece))
        for before, after in (("", "\x01"), ('"', ""), ("-----BEGIN A-----\n", "\x01")):
            yield before + text + after


def measure(pattern: re.Pattern[str] | re.Pattern[bytes], text: str) -> float:
    given = text.encode() if isinstance(pattern.pattern, bytes) else text
    began = time.process_time()
    for use in (pattern.match, pattern.fullmatch, pattern.search):
        use(given)  # type: ignore[arg-type]
    return time.process_time() - began


@pytest.mark.parametrize("name", PATTERNS)
def test_no_text_is_slow(name: str):
    pattern = PATTERNS[name]
    source = pattern.pattern
    spelled = source.decode("latin-1") if isinstance(source, bytes) else source
    worst = max((measure(pattern, text), text[:60]) for text in make_hostile(spelled))
    assert worst[0] < LONGEST, (name, worst)


def test_such_a_pattern_is_found():
    assert measure(re.compile(r"\s+$"), " " * 10_000 + "a") > LONGEST / 40  # quadratic
    assert len(PATTERNS) > 30
