"""Files and folders as the user gave them -> entries, in an order that depends on names only.

Links and devices are named, not followed: an evidence folder comes from somewhere else, and a link
in it would pull in whatever it points to on this machine.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from forensics.errors import EvidenceError, UsageError
from forensics.sources.entries import Entry, describe_special

_OPEN_FLAGS = (
    os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)  # never wait on a fifo
)
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)

_SPECIAL = {
    stat.S_IFLNK: "symbolic link",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "character device",
    stat.S_IFBLK: "block device",
}


def check_paths(paths: Sequence[Path], case: Path | None = None) -> None:
    """Raises `UsageError`: `unreadable-path` unless each is a readable file or folder, and
    `source-in-case` for what lies in the folder `case`, which is no evidence.
    """
    for path in paths:
        if case is not None and path.resolve().is_relative_to(case.resolve()):
            raise UsageError("source-in-case", f"{path} is of the case itself")
        try:
            mode = path.stat().st_mode
            if stat.S_ISDIR(mode):
                next(path.iterdir(), None)
            elif stat.S_ISREG(mode):
                _open_file(path, follow=True).close()
            else:
                raise UsageError("unreadable-path", f"{path} is neither a file nor a folder")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise UsageError("unreadable-path", f"cannot read {path}: {reason}") from None


def walk_paths(paths: Sequence[Path], case: Path | None = None) -> Iterator[list[Entry]]:
    """The files given, then each folder's own files, folder by folder; not those of the case."""
    files = [_entry_of_file(path, follow=True) for path in paths if not path.is_dir()]
    if files:
        yield files
    for path in paths:
        if path.is_dir():
            yield from _walk_folder(path, case)


def _walk_folder(root: Path, case: Path | None) -> Iterator[list[Entry]]:
    left_out = None if case is None else case.resolve()
    pending = [root]
    while pending:
        folder = pending.pop()
        entries: list[Entry] = []
        folders: list[Path] = []
        try:
            children = sorted(folder.iterdir(), key=lambda child: os.fsencode(child.name))
        except OSError as error:
            what = f"folder that cannot be read ({error.strerror})"
            yield [describe_special(_label(folder), what)]
            continue
        for child in children:
            mode = _read_mode(child)
            if stat.S_ISDIR(mode):
                if left_out is None or child.resolve() != left_out:
                    folders.append(child)
            elif stat.S_ISREG(mode):
                entries.append(_entry_of_file(child, follow=False))
            else:
                entries.append(describe_special(_label(child), _describe(child, mode)))
        if entries:
            yield entries
        pending.extend(reversed(folders))


def _read_mode(path: Path) -> int:
    try:
        return path.lstat().st_mode
    except OSError:
        return 0  # gone since the folder was listed


def _describe(path: Path, mode: int) -> str:
    kind = _SPECIAL.get(stat.S_IFMT(mode), "unknown kind of file")
    if not stat.S_ISLNK(mode):
        return kind
    try:
        return f"{kind} to {_label(path.readlink())}"
    except OSError:
        return kind


def _label(path: Path) -> str:
    """The path as text; bytes that are not UTF-8 are spelled out."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _entry_of_file(path: Path, *, follow: bool) -> Entry:
    return Entry(
        _label(path),
        lambda: _open_file(path, follow=follow),
        stamp=lambda: _stamp(path),
    )


def _open_file(path: Path, *, follow: bool) -> BinaryIO:
    """Raises `EvidenceError` (`not-a-regular-file`) when something else is there by now."""
    descriptor = os.open(path, _OPEN_FLAGS | (0 if follow else _NO_FOLLOW))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise EvidenceError("not-a-regular-file", "no regular file")
    return os.fdopen(descriptor, "rb", buffering=1 << 20)


def _stamp(path: Path) -> tuple[int, int, int]:
    """What changes when a file is written to, replaced or removed."""
    try:
        state = path.stat()
    except OSError:
        return 0, 0, 0
    return state.st_ino, state.st_size, state.st_mtime_ns
