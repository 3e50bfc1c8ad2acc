"""Entries: what is read, wherever its bytes lie (a file, an archive member, memory)."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, TypeVar

from forensics.errors import EvidenceError
from forensics.sources.limits import Limits
from forensics.sources.sniff import HEAD_SIZE

_CHUNK = 1 << 18

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Entry:
    """A label and a way to read the bytes from their beginning, as often as needed.

    `special` says what is here when it cannot be read (a link, a device); such an entry's bytes are
    that description. `stamp` changes when the bytes of a file do.
    """

    path: str
    open: Callable[[], BinaryIO]
    special: str | None = None
    stamp: Callable[[], tuple[int, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """What reading an entry once gave. `data` is the whole of it, or None when it is large."""

    source_id: bytes
    size: int
    head: bytes
    data: bytes | None


def entry_of_bytes(path: str, data: bytes, special: str | None = None) -> Entry:
    return Entry(path, lambda: io.BytesIO(data), special)


def describe_special(path: str, what: str) -> Entry:
    """An entry that has no bytes to read; a description stands for them, naming the place."""
    data = f"{what}: {path}".encode("utf-8", "backslashreplace")
    return entry_of_bytes(path, data, what)


@contextmanager
def guard_reading() -> Iterator[None]:
    """Turn the operating system's errors into `EvidenceError` (`unreadable`).

    Only to be put around reading: an error while the case is written must stop the ingest.
    """
    try:
        yield
    except OSError as error:
        raise _unreadable(error) from None


def _unreadable(error: OSError) -> EvidenceError:
    return EvidenceError("unreadable", f"cannot be read: {error.strerror or error}")


def iterate_guarded(items: Iterator[_Item]) -> Iterator[_Item]:
    """The same items, with `guard_reading` around the making of each.

    Written out, because entering a context manager for every line of a log takes long.
    """
    while True:
        try:
            item = next(items, None)
        except OSError as error:
            raise _unreadable(error) from None
        if item is None:
            return
        yield item


def examine(entry: Entry, limits: Limits) -> Content:
    """Read an entry through: its SHA-256, size and beginning; all of it when it is small.

    Raises `EvidenceError`: `unreadable`, or what decompressing it raises.
    """
    with guard_reading(), entry.open() as stream:
        data = stream.read(max(limits.whole_file, HEAD_SIZE) + 1)
        digest = hashlib.sha256(data)
        head = data[:HEAD_SIZE]
        if len(data) <= limits.whole_file:
            return Content(digest.digest(), len(data), head, data)
        size = len(data)
        del data  # tens of MiB that the loop below does not need
        chunk = memoryview(bytearray(_CHUNK))  # one for all: fresh memory is slower than SHA-256
        while count := stream.readinto(chunk):  # type: ignore[attr-defined]  # not in BinaryIO
            size += count
            digest.update(chunk[:count])
    return Content(digest.digest(), size, head, None)
