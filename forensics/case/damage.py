"""Is a table file what the ledger says? And if not: was that why reading the case failed?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from errno import ENOENT
from pathlib import Path
from stat import S_ISREG
from typing import Literal

from forensics.case.disk import digest_file
from forensics.case.ledger import SETTINGS_NOTE, Entry, FileEntry, Ledger
from forensics.errors import CustodyError, ForensicsError

Level = Literal["failure", "note"]

_IRREGULAR = "is no regular file any more"


@dataclass(frozen=True, slots=True)
class CustodyProblem:
    """`path` is relative to the case. A note is worth a look but contradicts nothing."""

    path: str
    code: str
    message: str
    level: Level = "failure"


def check_file(root: Path, file: FileEntry) -> Iterator[CustodyProblem]:
    """Check a file of the case at `root` against its ledger.

    Codes: `file-missing`, `file-unreadable`, `file-changed`, `rows-changed`. It is opened as
    Parquet only after its SHA-256 has matched.
    """
    path = root / file.path
    try:
        if not S_ISREG(path.lstat().st_mode):
            yield CustodyProblem(file.path, "file-changed", _IRREGULAR)
            return
        digest, size = digest_file(path)
    except FileNotFoundError:
        yield CustodyProblem(file.path, "file-missing", "the ledger names it and it is gone")
        return
    except OSError as error:
        yield CustodyProblem(file.path, "file-unreadable", f"cannot be read: {error.strerror}")
        return
    if size != file.size:
        message = f"has {size} bytes, the ledger says {file.size}"
        yield CustodyProblem(file.path, "file-changed", message)
    elif digest != file.sha256:
        message = f"has SHA-256 {digest}, the ledger says {file.sha256}"
        yield CustodyProblem(file.path, "file-changed", message)
    else:
        yield from _check_rows(path, file)


def _check_rows(path: Path, file: FileEntry) -> Iterator[CustodyProblem]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows = pq.read_metadata(path).num_rows
    except (pa.ArrowException, OSError) as error:
        yield CustodyProblem(file.path, "file-unreadable", f"is no Parquet file: {error}")
        return
    if rows != file.rows:
        message = f"has {rows} rows, the ledger says {file.rows}"
        yield CustodyProblem(file.path, "rows-changed", message)


def check_settings(path: Path, first: Entry) -> Iterator[CustodyProblem]:
    """Check `case.toml` against the first entry. Code: `settings-changed`."""
    noted = first.notes.get(SETTINGS_NOTE)  # not in cases of earlier versions
    if noted is not None and digest_file(path)[0] != noted:
        message = "is not the file that the ledger's first entry names"
        yield CustodyProblem(path.name, "settings-changed", message)


def refuse_changed(root: Path, files: Iterable[FileEntry]) -> None:
    """Raises `CustodyError` (`custody-broken`) for files that are not what the ledger says."""
    for file in files:
        for problem in check_file(root, file):
            raise _report(problem)


def refuse_visible_damage(root: Path, settings: Path, ledger: Ledger) -> None:
    """Raises `CustodyError` (`custody-broken`) for what shows before any table is read: settings
    that were edited, and table files that are gone, or of another size.
    """
    for first in ledger.entries[:1]:
        for problem in check_settings(settings, first):
            raise _report(problem)
    for file in ledger.live_files():
        path = root / file.path
        if not path.exists() or path.stat().st_size != file.size:
            refuse_changed(root, [file])


def _report(problem: CustodyProblem) -> CustodyError:
    message = f"{problem.path} {problem.message}: see `custody verify`"
    return CustodyError("custody-broken", message)


def refuse_irregular(root: Path, files: Iterable[FileEntry]) -> None:
    """Raises `CustodyError` (`custody-broken`) for a pipe, say: it would hold a reader for ever."""
    for file in files:
        path = root / file.path
        if path.exists() and not S_ISREG(path.lstat().st_mode):
            raise CustodyError("custody-broken", f"{file.path} {_IRREGULAR}")


@contextmanager
def blaming_damage(root: Path, ledger: Ledger) -> Iterator[None]:
    """An error of a library in this block becomes the damage behind it, where there is one.

    Raises `CustodyError` (`custody-broken`), and what the block raises.
    """
    try:
        yield
    except Exception as error:
        damage = find_damage(error, root, ledger)
        if damage is None:
            raise
        raise damage from error


def find_damage(error: Exception, root: Path, ledger: Ledger) -> CustodyError | None:
    """The damage to a case's files that `error` may come from, as an error (`custody-broken`).

    What the error says does not matter, only whether a library raised it: each file is checked
    against the ledger.
    """
    if not _is_foreign(error):
        return None
    try:
        files = list(ledger.refresh().live_files())
    except CustodyError as broken:
        return broken
    problems = [problem for file in files for problem in check_file(root, file)]
    if not problems:
        return None
    first = f"{problems[0].path} {problems[0].message}"
    others = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    message = f"the case cannot be read: {first}{others}: see `custody verify`"
    return CustodyError("custody-broken", message)


def _is_foreign(error: BaseException | None) -> bool:
    """Whether a library raised it, or a file was missing."""
    if isinstance(error, ForensicsError):
        return _is_foreign(error.__cause__)
    if isinstance(error, OSError):
        return error.errno in (None, ENOENT)  # pyarrow's have no errno
    return isinstance(error, Exception)
