"""Streams of JSON records: lines, and the members of one big array, in bounded memory.

Both give `(number, bytes, problem)`: number is 1-based, the bytes are one JSON text (unchecked),
and `problem` is set where the text was not even delimited; the bytes are then what was kept, and
the problem has the SHA-256 of all of them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import BinaryIO

from forensics.case.records import Problem
from forensics.sources.limits import Limits

Member = tuple[int, bytes, Problem | None]

BOM = b"\xef\xbb\xbf"

_CHUNK = 1 << 20
_BLANKS = b" \t\r\n"
_STRING_REST = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'
# A string whose closing mark has no backslash before it: that is seven times faster to find than by
# looking at every character. Else the general form.
_STRING = rb'"[^"]*+(?<!\\)"|"' + _STRING_REST + rb'"'
# Everything up to the next bracket (or, between members, comma), whole strings included.
_TO_BRACKET = re.compile(rb'(?:[^\[\]{}"]++|' + _STRING + rb")*+", re.DOTALL)
_TO_SEPARATOR = re.compile(rb'(?:[^\[\]{}",]++|' + _STRING + rb")*+", re.DOTALL)
_IN_STRING = re.compile(_STRING_REST, re.DOTALL)


def iterate_lines(stream: BinaryIO, limits: Limits, *, beginning: bool = True) -> Iterator[Member]:
    """Lines that hold something. A line over the limit is skipped past; its beginning is kept.

    `beginning`: the stream may begin with a byte order mark.
    """
    number = 0
    while line := stream.readline(limits.record + 1):
        number += 1
        if beginning:
            line, beginning = line.removeprefix(BOM), False
        if len(line) > limits.record and not line.endswith(b"\n"):
            yield skip_line(stream, number, line, limits)
            continue
        line = line.strip(_BLANKS)
        if line:
            yield number, line, None


def skip_line(stream: BinaryIO, number: int, beginning: bytes, limits: Limits) -> Member:
    """Skip to the end of the line, hashing it."""
    size, whole = len(beginning), _Whole(limits.kept)
    whole.add(beginning)
    while chunk := stream.readline(_CHUNK):
        size += len(chunk)
        whole.add(chunk)
        if chunk.endswith(b"\n"):
            break
    message = f"line of {size} bytes; the limit is {limits.record}"
    return number, whole.beginning, Problem("line-too-long", message, digest=whole.digest)


class _Whole:
    """A record that comes piece by piece: its beginning, and the SHA-256 of all of it. The white
    space around it is not part of it, as with shorter ones.
    """

    def __init__(self, limit: int) -> None:
        self._hash = hashlib.sha256()
        self._limit = limit
        self._kept = b""
        self._fed = 0
        self._size = 0
        self.digest = self._hash.digest()

    @property
    def beginning(self) -> bytes:
        return self._kept[: self._size]

    def add(self, piece: bytes) -> None:
        if not self._size:
            piece = piece.lstrip(_BLANKS)
        text = piece.rstrip(_BLANKS)
        self._hash.update(text)
        if text:
            self._size = self._fed + len(text)
            self.digest = self._hash.digest()
        self._hash.update(piece[len(text) :])  # white space inside, should more text follow
        self._fed += len(piece)
        self._kept += piece[: max(self._limit - len(self._kept), 0)]


def iterate_array(stream: BinaryIO, limits: Limits) -> Iterator[Member]:
    """Members of the one array in `stream`; what follows or breaks it is a member with a problem.

    Only brackets and strings are looked at here, so a broken member costs only itself; one with too
    few closing brackets costs the rest of the file.
    """
    return _ArraySplitter(stream, limits).split()


class _ArraySplitter:
    """`buffer[start:scan]` is the current member as far as it has been looked at."""

    def __init__(self, stream: BinaryIO, limits: Limits) -> None:
        self.stream = stream
        self.limits = limits
        self.buffer = b""
        self.start = 0
        self.scan = 0
        self.depth = 0
        self.deepest = 0
        self.in_string = False  # only while an oversized member is skipped past
        self.whole = _Whole(limits.kept)  # what was dropped
        self.dropped = 0
        self.number = 0

    def split(self) -> Iterator[Member]:
        self._refill()
        self.buffer = self.buffer.removeprefix(BOM).lstrip()
        self.start = self.scan = 1  # past the opening bracket, which the caller saw
        self.depth = self.deepest = 1
        while self.depth:
            separator = self._find_separator()
            if separator is None:
                self.scan = max(self.scan, len(self.buffer))
                yield self._take(Problem("bad-json", "the array is not closed"))
                return
            if separator == b"," or self._text().strip() or self.number:
                yield self._take()
            self.start = self.scan = self.scan + 1
        yield from self._read_tail()

    def _find_separator(self) -> bytes | None:
        """Move `scan` to the next comma between members or the closing bracket; None: no more."""
        while True:
            if self.in_string and not self._leave_string():
                return None
            pattern = _TO_SEPARATOR if self.depth == 1 else _TO_BRACKET
            match = pattern.match(self.buffer, self.scan)
            assert match is not None  # the pattern matches the empty string
            self.scan = match.end()
            mark = self.buffer[self.scan : self.scan + 1]
            if mark in (b"", b'"'):  # the end of the buffer, or a string that runs past it
                if not self._refill():
                    return None
                continue
            if mark in (b"[", b"{"):
                self.depth += 1
                self.deepest = max(self.deepest, self.depth)
            elif mark == b",":
                return mark
            else:
                self.depth -= 1
                if not self.depth:
                    return mark
            self.scan += 1

    def _leave_string(self) -> bool:
        """Skip to the end of the string whose beginning was dropped; false at the stream's end."""
        while True:
            match = _IN_STRING.match(self.buffer, self.scan)
            assert match is not None
            self.scan = match.end()
            if self.buffer[self.scan : self.scan + 1] == b'"':
                self.scan += 1
                self.in_string = False
                return True
            if not self._refill():
                return False

    def _refill(self) -> bool:
        """Read on; a member over the limit keeps its beginning only."""
        chunk = self.stream.read(_CHUNK)
        if not chunk:
            return False
        if self.scan - self.start > 0 and len(self.buffer) - self.start > self.limits.record:
            self._drop()
        self.buffer = self.buffer[self.start :] + chunk
        self.scan -= self.start
        self.start = 0
        return True

    def _drop(self) -> None:
        """Forget the member so far, up to a place from which scanning can go on."""
        if not self.in_string and self.buffer[self.scan : self.scan + 1] == b'"':
            match = _IN_STRING.match(self.buffer, self.scan + 1)
            assert match is not None
            self.scan, self.in_string = match.end(), True
        self.dropped += self.scan - self.start
        self.whole.add(self.buffer[self.start : self.scan])
        self.start = self.scan

    def _text(self) -> bytes:
        return self.whole.beginning or self.buffer[self.start : self.scan]

    def _take(self, problem: Problem | None = None) -> Member:
        """The current member; `problem` is its problem if it has no worse one."""
        self.number += 1
        text = self._text().strip()
        size = self.dropped + self.scan - self.start if self.dropped else len(text)
        if self.deepest > self.limits.depth + 1:
            message = f"JSON is nested deeper than {self.limits.depth}"
            problem = Problem("nesting-too-deep", message)
        elif size > self.limits.record:
            message = f"member of {size} bytes; the limit is {self.limits.record}"
            problem = Problem("line-too-long", message)
        if problem is not None:
            self.whole.add(self.buffer[self.start : self.scan])
            text, problem.digest = self.whole.beginning, self.whole.digest
            self.whole = _Whole(self.limits.kept)
        self.dropped, self.deepest = 0, self.depth
        return self.number, text, problem

    def _read_tail(self) -> Iterator[Member]:
        """Anything but white space after the array is one more member, which cannot be read."""
        whole = _Whole(self.limits.kept)
        whole.add(self.buffer[self.start :])
        while piece := self.stream.read(_CHUNK):
            whole.add(piece)
        if whole.beginning:
            problem = Problem("bad-json", "text after the end of the array", digest=whole.digest)
            yield self.number + 1, whole.beginning, problem
