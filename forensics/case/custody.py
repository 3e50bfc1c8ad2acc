"""Does the case hold exactly what its ledger says? Every difference is found and named.

The ledger is read entry by entry, so that one damaged entry does not hide what the others say.
A file is opened as Parquet only after its SHA-256 has matched.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Literal

from forensics.case.case import ANCHORS_NOTE, FINDINGS_NAME, LEDGER_NAME, SETTINGS_NAME, Case
from forensics.case.disk import digest_file
from forensics.case.ledger import (
    NO_PREDECESSOR,
    Entry,
    FileEntry,
    clean_text,
    number_entries,
    read_entry,
)
from forensics.case.lock import LOCK_NAME
from forensics.errors import CustodyError

Level = Literal["failure", "note"]


@dataclass(frozen=True, slots=True)
class CustodyProblem:
    """`path` is relative to the case. A note is worth a look but contradicts nothing."""

    path: str
    code: str
    message: str
    level: Level = "failure"


def verify_custody(case: Case) -> list[CustodyProblem]:
    """Check the ledger against itself and every file against the ledger; empty when all is well.

    Codes: `entry-missing`, `entry-unreadable`, `entry-broken`, `file-missing`, `file-unreadable`,
    `file-changed`, `rows-changed`, `anchors-changed`, and the note `stray-file`.
    A newest entry that was replaced together with its files passes: only a witness of the head's
    hash outside the case can tell.
    """
    ledger = _LedgerCheck(case.path / LEDGER_NAME)
    problems = list(ledger.check())
    problems += _check_anchors(case, ledger)
    for file in ledger.live.values():
        problems += _check_file(case.path, file)
    problems += _find_strays(case.path, ledger)
    return problems


class _LedgerCheck:
    """Walks the chain as far as its entries can be read, collecting what they name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.first: Entry | None = None
        self.live: dict[str, FileEntry] = {}
        self.known = {SETTINGS_NAME, LOCK_NAME}
        self._complete = True

    def check(self) -> Iterator[CustodyProblem]:
        try:
            numbers = number_entries(self.folder)
        except OSError as error:
            yield CustodyProblem("ledger", "entry-missing", f"no ledger: {error.strerror}")
            return
        previous: str | None = NO_PREDECESSOR
        for number in range(1, max(numbers, default=1) + 1):
            name = f"{LEDGER_NAME}/{number:08}.json"
            self.known.add(name)
            path = numbers.get(number)
            if path is None:
                yield CustodyProblem(name, "entry-missing", "the ledger has no such entry")
                previous, self._complete = None, False
                continue
            try:
                entry, digest = read_entry(path)
            except CustodyError as error:
                yield CustodyProblem(name, "entry-unreadable", error.message)
                previous, self._complete = None, False
                continue
            yield from self._check_entry(entry, name, number, previous)
            previous = digest

    def _check_entry(
        self, entry: Entry, name: str, number: int, previous: str | None
    ) -> Iterator[CustodyProblem]:
        if entry.entry != number:
            yield CustodyProblem(name, "entry-broken", f"calls itself entry {entry.entry}")
        # After an entry that is gone or unreadable there is nothing to compare with.
        if previous is not None and entry.previous != previous:
            message = "does not continue the entry before it: one of the two was changed"
            yield CustodyProblem(name, "entry-broken", message)
        if number == 1:
            self.first = entry
        for path in entry.removed:
            if self.live.pop(path, None) is None and self._complete:
                yield CustodyProblem(name, "entry-broken", f"removes {path!r}, which is not there")
        for file in entry.files:
            if file.path in self.live:
                yield CustodyProblem(name, "entry-broken", f"names {file.path!r} a second time")
            self.live[file.path] = file


def _check_anchors(case: Case, ledger: _LedgerCheck) -> Iterator[CustodyProblem]:
    """Whoever adds a trust anchor decides what verifies."""
    if ledger.first is None:
        return
    held = ",".join(anchor.certificate_id for anchor in case.settings.anchors)
    if ledger.first.notes.get(ANCHORS_NOTE) != held:
        message = "names other trust anchors than the ledger's first entry"
        yield CustodyProblem(SETTINGS_NAME, "anchors-changed", message)


def _check_file(root: Path, file: FileEntry) -> Iterator[CustodyProblem]:
    path = root / file.path
    try:
        if not S_ISREG(path.lstat().st_mode):
            yield CustodyProblem(file.path, "file-changed", "is no regular file any more")
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


def _find_strays(root: Path, ledger: _LedgerCheck) -> Iterator[CustodyProblem]:
    """Files that nothing names. A crash leaves them, and so does somebody who adds evidence."""
    known = ledger.known | set(ledger.live)
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if name in known or name.startswith(f"{FINDINGS_NAME}/"):
            continue
        if path.is_symlink() or not path.is_dir():
            message = "no ledger entry names it; it is not part of the case"
            yield CustodyProblem(clean_text(name), "stray-file", message, "note")
