"""A new folder that appears whole under its name, or not at all."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from forensics.case.folder import refuse_inside_case
from forensics.errors import UsageError

_WRITE = 0o222  # of owner, group and others


@contextmanager
def create_folder(target: Path, what: str, *, read_only: bool = False) -> Iterator[Path]:
    """A folder to fill, which becomes `target` at the end of the block; parents are made.

    What a killed process left of an earlier attempt is deleted; what another process is filling is
    not. `what` says what it is. Raises `UsageError` (`path-exists`, `path-busy`, `inside-case`,
    `unwritable-path`).
    """
    target = target.absolute()
    draft = target.with_name(f".{target.name}.draft")
    if target.exists() or target.is_symlink():
        raise UsageError("path-exists", f"{target} is there already")
    refuse_inside_case(target, what)
    try:
        with _hold(draft, target):
            try:
                yield draft
                if read_only:
                    for path in (draft, *draft.rglob("*")):
                        path.chmod(path.stat().st_mode & ~_WRITE)
                draft.rename(target)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError("unwritable-path", f"cannot write {target}: {reason}") from None


@contextmanager
def _hold(draft: Path, target: Path) -> Iterator[None]:
    """A new folder, with a lock on it that says that its process lives."""
    while True:
        draft.parent.mkdir(parents=True, exist_ok=True)
        try:
            draft.mkdir()
        except FileExistsError:
            with _lock(draft, target):
                shutil.rmtree(draft)  # no process holds it: it was left by a killed one
            continue
        with _lock(draft, target) as ours:
            if not ours:
                continue  # another process took it for an abandoned one
            yield
            return


@contextmanager
def _lock(draft: Path, target: Path) -> Iterator[bool]:
    """Hold the folder; whether it is still there. Raises `UsageError` (`path-busy`)."""
    descriptor = os.open(draft, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"another process is writing {target}"
            raise UsageError("path-busy", message) from None
        except OSError:
            pass  # a file system without locks: nobody can tell
        yield draft.exists() and os.path.samestat(os.fstat(descriptor), draft.stat())
    finally:
        os.close(descriptor)
