"""One writer at a time: an advisory lock on `CASE/.lock`, held until its file is closed."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from forensics.errors import CustodyError, UsageError

LOCK_NAME = ".lock"
DEFAULT_WAIT = 3.0  # seconds

_PAUSE = 0.05


@contextmanager
def hold_lock(case: Path, wait: float = DEFAULT_WAIT) -> Iterator[None]:
    """Hold the case's writer lock. Raises `CustodyError` (`case-busy`) after `wait` seconds, and
    `UsageError` (`not-writable`).

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
    raise CustodyError("case-busy", f"another writer has held the case for {wait:g} s")
