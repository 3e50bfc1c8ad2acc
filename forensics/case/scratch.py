"""Room for what one connection works out for itself: on disk, packed, gone when it closes.

Tables in memory are not packed, and what DuckDB moves out of memory it writes as it is; tables of a
database file take a tenth of that, and are read again as fast.
"""

from __future__ import annotations

import os
import shutil
import weakref
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import duckdb

SCRATCH: Final = "scratch"
"""The database's name."""


def find_spill_folder() -> Path:
    """DuckDB would spill into the current directory; it makes this one when it needs it."""
    return _name_folder(0)


def remove_spill_folder() -> None:
    """For a process that ends before DuckDB does it."""
    shutil.rmtree(find_spill_folder(), ignore_errors=True)


def attach_scratch(connection: duckdb.DuckDBPyConnection) -> None:
    """Attach an empty database `scratch`, before the connection is locked.

    Where no file can be made it is in memory.
    """
    try:
        folder = _make_folder()
    except OSError:
        connection.execute(f"ATTACH ':memory:' AS {SCRATCH} (COMPRESS)")
        return
    weakref.finalize(connection, shutil.rmtree, folder, ignore_errors=True)
    path = str(folder / "tables").replace("'", "''")
    connection.execute(f"ATTACH '{path}' AS {SCRATCH}")


def _make_folder() -> Path:
    """A new folder that nobody else can look into: what is told of evidence lies there."""
    for number in count(1):
        folder = _name_folder(number)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):  # of another connection, or of a process that died
            folder.mkdir(mode=0o700)
            return folder
    raise AssertionError  # numbers do not run out


def _name_folder(number: int) -> Path:
    parent = os.environ.get("TMPDIR") or Path.home() / ".cache"
    return Path(parent) / f"quote-forensics-{os.getpid()}{f'.{number}' if number else ''}"
