"""Progress bars on stderr, when that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISREG


@contextmanager
def show_progress(what: str, *, unit: str) -> Iterator[Callable[[int, int], None]]:
    """Yields a function to call with (done, total); silent when stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(show_speed=True),
        TextColumn(unit),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def measure(paths: Iterable[Path]) -> int:
    """Bytes of all files under the paths, for a bar's total; 0 when nobody watches."""
    if not sys.stderr.isatty():
        return 0
    return sum(_size(file) for path in paths for file in (path, *path.rglob("*")))


def _size(path: Path) -> int:
    try:
        status = path.lstat()
    except OSError:
        return 0
    return status.st_size if S_ISREG(status.st_mode) else 0
