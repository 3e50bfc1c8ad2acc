"""Room on disk for what one process works out for itself: for nobody else, gone when it ends.

Tables in memory are not packed, and what DuckDB moves out of memory it writes as it is; tables of a
database file take a tenth of that, and are read again as fast. Both lie in one folder of the
process. A lock on a file in it says that its process lives: the system gives it back when that
dies, however it dies, and then the next process deletes the folder.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import re
import shutil
import stat
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import duckdb

SCRATCH: Final = "scratch"
"""The database's name."""

LOCK_NAME: Final = ".quote-forensics-scratch"

_FOLDER = re.compile(r"quote-forensics-[0-9]+(\.[0-9]+)?")
_ATTEMPTS = 100  # names that somebody else may have taken before us
_PRIVATE = stat.S_IRWXU
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_LOCK = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class _Room:
    """The folder of a process. `held` keeps its lock, and closes with the process."""

    path: Path
    held: int
    numbers: Iterator[int] = field(default_factory=lambda: count(1))


_rooms: dict[int, _Room | None] = {}  # by process: a fork does not live in its parent's
_mutex = threading.Lock()


def find_spill_folder() -> Path | None:
    """Where DuckDB may move what does not fit into memory; null where no folder can be made.

    Left to itself it takes the current directory, or makes a folder that others can look into.
    """
    room = _find_room()
    return None if room is None else room.path


def attach_scratch(connection: duckdb.DuckDBPyConnection) -> None:
    """Attach an empty database `scratch`, before the connection is locked.

    Where no file can be made it is in memory.
    """
    room = _find_room()
    if room is None:
        connection.execute(f"ATTACH ':memory:' AS {SCRATCH} (COMPRESS)")
        return
    path = room.path / f"tables-{next(room.numbers)}"
    weakref.finalize(connection, _remove_tables, path)
    connection.execute(f"ATTACH '{str(path).replace(chr(39), chr(39) * 2)}' AS {SCRATCH}")


def remove_scratch() -> None:
    """Delete the folder of this process, which ends."""
    with _mutex:
        room = _rooms.pop(os.getpid(), None)
        if room is not None:
            shutil.rmtree(room.path, ignore_errors=True)
            os.close(room.held)


def _remove_tables(path: Path) -> None:
    for name in (path.name, f"{path.name}.wal"):
        with suppress(OSError):
            path.with_name(name).unlink()


def _find_room() -> _Room | None:
    process = os.getpid()
    with _mutex:
        if process not in _rooms:
            _rooms[process] = _make_room()
            atexit.register(remove_scratch)
        return _rooms[process]


def _make_room() -> _Room | None:
    for parent in _find_parents():
        with suppress(OSError):
            parent.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
            if not _can_be_swapped(parent):
                _sweep(parent)
                return _make_room_in(parent)
    return None


def _find_parents() -> Iterator[Path]:
    """Where folders for temporary files may lie, best first: `/tmp` is often in memory."""
    named = os.environ.get("TMPDIR")
    if named:
        with suppress(UnicodeEncodeError):
            named.encode()  # DuckDB takes names that are text
            yield Path(named).absolute()
    with suppress(RuntimeError):  # nobody says where home is
        yield Path.home() / ".cache"


def _can_be_swapped(parent: Path) -> bool:
    """Whether anybody may put something else in the place of what is ours there."""
    mode = parent.stat().st_mode
    return bool(mode & stat.S_IWOTH) and not mode & stat.S_ISVTX


def _make_room_in(parent: Path) -> _Room | None:
    for number in range(_ATTEMPTS):
        path = parent / f"quote-forensics-{os.getpid()}{f'.{number}' if number else ''}"
        with suppress(FileExistsError):
            path.mkdir(mode=_PRIVATE)
            held = _hold(path)
            if held is not None:
                return _Room(path, held)
    return None


def _hold(path: Path) -> int | None:
    """The lock of a new folder; null where another process swept the folder before we had it."""
    with _opening(path, _OPEN_FOLDER) as folder:
        held = os.open(LOCK_NAME, _OPEN_LOCK | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(held)
            return None
        except OSError:
            return held  # a file system without locks: there nobody sweeps
        if os.fstat(held).st_nlink:
            return held
        os.close(held)
        return None


def _sweep(parent: Path) -> None:
    """Delete the folders of our own whose processes are gone.

    Whoever shares `parent` can put anything there under any name, and change it while we look:
    each step goes through what was opened and found to be ours, and follows no link.
    """
    with _opening(parent, _OPEN_FOLDER & ~os.O_NOFOLLOW) as place:
        for name in filter(_FOLDER.fullmatch, _list(place)):
            with suppress(OSError), _opening(name, _OPEN_FOLDER, place) as folder:
                if _is_private(folder) and _delete_deserted(folder):
                    os.rmdir(name, dir_fd=place)


def _is_private(folder: int) -> bool:
    state = os.fstat(folder)
    return state.st_uid == os.geteuid() and stat.S_IMODE(state.st_mode) == _PRIVATE


def _delete_deserted(folder: int) -> bool:
    """Empty a folder that nobody holds; its lock goes last. False where somebody may hold it."""
    with _opening(LOCK_NAME, _OPEN_LOCK, folder) as lock:
        if not stat.S_ISREG(os.fstat(lock).st_mode):
            return False
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        names = _list(folder)
        for name in sorted(names, key=LOCK_NAME.__eq__):
            os.unlink(name, dir_fd=folder)
        return True


def _list(folder: int) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries)


@contextmanager
def _opening(path: Path | str, flags: int, folder: int | None = None) -> Iterator[int]:
    descriptor = os.open(path, flags, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
