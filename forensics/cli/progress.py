"""Progress bars on stderr, when that is a terminal: how much, how fast, and how long still."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

_BYTES = ("B", "kB", "MB", "GB", "TB")


@contextmanager
def show_progress(what: str, *, unit: str) -> Iterator[Callable[[int, int], None]]:
    """Yields a function to call with (done, total); silent when stderr is no terminal.

    `unit` is `bytes`, or a noun in the plural.
    """
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console

    with make_bar(Console(stderr=True), unit) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)


def make_bar(console: Console, unit: str) -> Progress:
    """A bar that goes away when the work is done."""
    from rich.progress import (
        BarColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Amount(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(describe_amount(task.completed, task.total, unit))

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{describe(speed, unit)}/s")

    class Left(TimeRemainingColumn):
        def render(self, task: Task) -> Text:
            return super().render(task) + Text(" left") if task.total else Text("")

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        Amount(),
        Rate(),
        TimeElapsedColumn(),
        Left(),
        console=console,
        transient=True,
        expand=True,
    )


def describe_amount(done: float, total: float | None, unit: str) -> str:
    """`3 of 17 detectors (17 %)`; without a total, what is done."""
    if not total:
        return describe(done, unit)
    if unit != "bytes":
        return f"{done:,.0f} of {total:,.0f} {unit} ({done / total:.0%})"
    return f"{describe(done, unit)} of {describe(total, unit)} ({done / total:.0%})"


def describe(number: float, unit: str) -> str:
    """`12,000 quotes`, `1.4 GB`; below ten of a noun with one digit after the point."""
    if unit != "bytes":
        return f"{number:,.1f} {unit}" if 0 < number < 10 else f"{number:,.0f} {unit}"
    power = 0
    while number >= 1_000 and power < len(_BYTES) - 1:
        number /= 1_000
        power += 1
    return f"{number:.1f} {_BYTES[power]}" if power else f"{number:.0f} {_BYTES[power]}"


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
