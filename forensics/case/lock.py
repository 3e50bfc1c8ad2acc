"""Advisory locks of a case: one writer at a time, and no file is deleted under a reader.

A writer holds `CASE/.lock`. Readers share a lock on `case.toml`, which needs no right to write: a
case on a read-only medium is read like any other. Files that a commit superseded are deleted when
no other process reads, by that commit or by a later writer; nobody ever waits for a reader.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from forensics.errors import UsageError

LOCK_NAME = ".lock"
READ_LOCK_NAME = "case.toml"
DEFAULT_WAIT = 3.0  # seconds

_PAUSE = 0.05


@contextmanager
def hold_lock(case: Path, wait: float = DEFAULT_WAIT) -> Iterator[None]:
    """Hold the case's writer lock.

    Raises `UsageError`: `case-busy` after `wait` seconds, `not-writable`.

    The system releases the lock when its holder dies, so a crash never leaves a case locked.
    """
    try:
        descriptor = os.open(case / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise UsageError("not-writable", f"cannot write to the case: {error.strerror}") from None
    try:
        _acquire(descriptor, wait)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, wait: float) -> None:
    for attempt in range(int(wait / _PAUSE) + 1):
        if attempt:
            time.sleep(_PAUSE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        return
    raise UsageError("case-busy", f"another writer has held the case for {wait:g} s")


@dataclass(slots=True)
class _Readers:
    """The readers of one case in this process, on one descriptor: they do not exclude us."""

    descriptor: int
    count: int = 0


_readers: dict[Path, _Readers] = {}
_mutex = threading.RLock()


@contextmanager
def reading(case: Path) -> Iterator[None]:
    """Files that the ledger names stay where they are inside this block."""
    held = _enter(case)
    try:
        yield
    finally:
        if held:
            _leave(case)


def keep_reading(case: Path, reader: object) -> None:
    """Files that the ledger names now stay for as long as `reader` lives."""
    if _enter(case):
        weakref.finalize(reader, _leave, case)


def list_read() -> list[Path]:
    """The cases that this process reads at the moment."""
    with _mutex:
        return list(_readers)


@contextmanager
def exclude_readers(case: Path) -> Iterator[bool]:
    """Whether no other process reads the case; if so, none can begin to within this block.

    Only for the holder of the writer lock.
    """
    with reading(case), _mutex:
        held = _readers.get(case)
        if held is None:  # a file system without locks: nobody can tell
            yield True
            return
        try:
            fcntl.flock(held.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            alone = True
        except OSError as error:
            # Where a lock for reading exists and one for writing does not, nobody can tell.
            alone = not isinstance(error, BlockingIOError)
        try:
            yield alone
        finally:
            with suppress(OSError):
                fcntl.flock(held.descriptor, fcntl.LOCK_SH)


def _enter(case: Path) -> bool:
    """Count one more reader; false where the file system has no locks."""
    with _mutex:
        held = _readers.get(case)
        if held is None:
            descriptor = _share(case)
            if descriptor is None:
                return False
            held = _readers[case] = _Readers(descriptor)
        held.count += 1
        return True


def _leave(case: Path) -> None:
    with _mutex:
        held = _readers[case]
        held.count -= 1
        if not held.count:
            del _readers[case]
            os.close(held.descriptor)


def _share(case: Path) -> int | None:
    try:
        descriptor = os.open(case / READ_LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
