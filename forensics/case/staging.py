"""Files of a commit that has not happened yet: named, written, hashed, and undone on failure."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from forensics.case.disk import digest_file, sync_file, sync_folder
from forensics.case.ledger import TABLE_FILE, FileEntry, Ledger, number_notes
from forensics.case.lock import exclude_readers
from forensics.errors import CustodyError

TABLES = "tables"

_SYNCED_AT_ONCE = 16  # the disk takes as long for one file or folder as for all of them together


class Staging:
    """New table files of ledger entry `entry` in the case at `root`."""

    def __init__(self, root: Path, entry: int) -> None:
        self.root = root
        self.entry = entry
        self.files: list[FileEntry] = []
        self._reserved: dict[Path, str] = {}
        self._counts: dict[str, int] = {}
        self._pool = ThreadPoolExecutor(_SYNCED_AT_ONCE)
        self._syncing: list[Future[None]] = []

    def new_path(self, table: str, part: str | None = None) -> Path:
        """A path for the next file of a table, in its sub-folder `part` where one is given."""
        count = self._counts[table] = self._counts.get(table, 0) + 1
        folder = self.root / TABLES / table
        if part is not None:
            folder /= part
        path = folder / f"{self.entry:08}-{count}.parquet"
        match = TABLE_FILE.fullmatch(self._name(path))
        if not match or match[1] != table:
            raise CustodyError("bad-table-name", f"{table!r} cannot be the name of a table")
        folder.mkdir(parents=True, exist_ok=True)
        self._reserved[path] = table
        return path

    def adopt(self, path: Path, rows: int) -> None:
        """Make a finished file, written at a path from `new_path`, part of the commit."""
        if path not in self._reserved:
            raise CustodyError("foreign-file", f"{path.name} was not reserved by this writer")
        self._syncing.append(self._pool.submit(sync_file, path))
        digest, size = digest_file(path)
        entry = FileEntry(self._reserved[path], self._name(path), digest, rows, size)
        self.files.append(entry)

    def sync(self) -> None:
        """Return when all new files and their names are on the disk. Raises `OSError`."""
        folders = {self.root}
        for path in self._reserved:
            folders.update(folder for folder in path.parents if self.root in folder.parents)
        self._syncing += [self._pool.submit(sync_folder, folder) for folder in folders]
        for synced in self._syncing:
            synced.result()
        self._pool.shutdown()

    def discard(self) -> None:
        """Remove whatever was written."""
        self._pool.shutdown(cancel_futures=True)
        for path in self._reserved:
            path.unlink(missing_ok=True)

    def discard_unadopted(self) -> None:
        """Remove files at paths that were reserved and then not used."""
        adopted = {file.path for file in self.files}
        for path in self._reserved:
            if self._name(path) not in adopted:
                path.unlink(missing_ok=True)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


def find_unnamed_files(root: Path, ledger: Ledger) -> list[Path]:
    """Files of this tool's own naming that no entry keeps: what a crash or a commit left behind.

    Other files are left alone; `verify_custody` reports them.
    """
    live = {file.path for file in ledger.live_files()}
    found = (root / TABLES).rglob("*.parquet")
    names = ((path, path.relative_to(root).as_posix()) for path in found)
    unnamed = [path for path, name in names if name not in live and TABLE_FILE.fullmatch(name)]
    notes = number_notes(ledger.folder).items()
    early = [path for number, path in notes if number > len(ledger.entries)]
    drafts = [*root.glob(".*.draft"), *ledger.folder.glob(".*.draft")]
    return sorted(unnamed) + early + sorted(drafts)


def remove_unnamed_files(root: Path, ledger: Ledger) -> None:
    """Clean up after a crash. Only under the writer lock: a writer's own files look the same.

    Files of an entry that was committed may have readers still; then they stay for another time.
    """
    unnamed = find_unnamed_files(root, ledger)
    if not unnamed:
        return
    with exclude_readers(root) as alone:
        for path in unnamed:
            if alone or not _was_committed(path, ledger):
                path.unlink(missing_ok=True)


def _was_committed(path: Path, ledger: Ledger) -> bool:
    number = path.name.partition("-")[0]
    return number.isdecimal() and int(number) <= len(ledger.entries)
