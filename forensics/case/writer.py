"""The one way to change a case: a commit that happens whole or not at all.

Data files are written and forced to the disk first; the ledger entry that names them makes them
part of the case. Whatever goes wrong before that leaves the case as it was.

Evidence goes through `source`, which loads pyarrow. Derived tables can be adopted as files that
somebody else (DuckDB) wrote, and then nothing heavy is imported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from forensics.case.damage import find_damage, refuse_changed, refuse_irregular
from forensics.case.ledger import Entry, FileEntry, Ledger, SourceEntry
from forensics.case.lock import exclude_readers, hold_lock
from forensics.case.records import SourceHeader, Summary
from forensics.case.staging import Staging, remove_unnamed_files
from forensics.case.text import clean_text, format_time
from forensics.errors import CustodyError

if TYPE_CHECKING:
    import pyarrow as pa

    from forensics.case.intake import Intake, SourceIntake
    from forensics.case.signing import Signer


class Writer:
    """One commit to a case; a context manager. Not for use by several threads at once."""

    def __init__(
        self,
        root: Path,
        ledger: Ledger,
        *,
        action: str,
        at: datetime,
        who: str,
        notes: Mapping[str, str] | None,
        signer: Signer | None,
        wait: float,
    ) -> None:
        self.summary = Summary()
        self.notes = dict(notes or {})
        """What the entry will say beside its files; may grow until the commit."""
        self.root = root
        self._ledger = ledger
        self._action = action
        self._at = at
        self._time = format_time(at)
        self._who = who
        self._signer = signer
        self._wait = wait
        self._resources = ExitStack()
        self._staging: Staging
        self._intake: Intake | None = None
        self._sources: dict[bytes, SourceEntry] = {}
        self._removed: list[str] = []
        self._unfinished: list[str] = []

    def __enter__(self) -> Writer:
        """Take the lock. Raises `UsageError` (`case-busy`), and what reading the ledger raises."""
        with ExitStack() as resources:
            resources.enter_context(hold_lock(self.root, self._wait))
            refuse_irregular(self.root, self._ledger.refresh().live_files())
            remove_unnamed_files(self.root, self._ledger)
            self._staging = Staging(self.root, len(self._ledger.entries) + 1)
            self._resources = resources.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._resources:
            if error is not None:
                self._abandon()
                self._blame_damage(error)
                return
            try:
                self._commit()
            except BaseException as failure:
                self._abandon()
                self._blame_damage(failure)
                raise
            self._delete_superseded()

    # Evidence

    def knows(self, source_id: bytes, path: str | None = None) -> bool:
        """Whether the case, or this commit so far, holds that source: then it is a duplicate.

        A duplicate is counted; `path` names it in the summary.
        """
        known = source_id in self._sources or self._ledger.knows_source(source_id)
        if known:
            self.summary.duplicates.append(source_id.hex() if path is None else clean_text(path))
        return known

    @contextmanager
    def source(self, header: SourceHeader) -> Iterator[SourceIntake]:
        """Take in one source: call what this yields with each `Record`. May be nested (archives).

        Raises `CustodyError` (`source-known`, `unaccounted-record`). An exception that leaves this
        block leaves the source half read: the commit is refused, even when it is caught outside.
        """
        if header.source_id in self._sources or self._ledger.knows_source(header.source_id):
            raise CustodyError("source-known", f"{clean_text(header.path)} is in the case already")
        path = clean_text(header.path)
        entry = SourceEntry(header.source_id.hex(), path, header.size)
        self._sources[header.source_id] = entry
        self._unfinished.append(path)
        source = self._open_intake().open_source(header)
        yield source
        source.close()
        self._unfinished.remove(path)

    def _open_intake(self) -> Intake:
        if self._intake is None:
            from forensics.case.intake import Intake  # loads pyarrow and numpy

            self._intake = Intake(self.root, self._ledger, self._staging, self._at)
        return self._intake

    # Derived tables

    def new_path(self, table: str, part: str | None = None) -> Path:
        """Where to write the next file of a table (of its part), for `adopt_file`."""
        return self._staging.new_path(table, part)

    def adopt_file(self, table: str, path: Path, rows: int) -> None:
        """Add a Parquet file that was written at a path from `new_path`."""
        self._staging.adopt(path, rows)
        self._count(table, rows)

    def append_table(self, name: str, data: pa.Table) -> None:
        """Add rows to a table that `forensics.case.tables` declares."""
        from forensics.case.files import write_table  # loads pyarrow

        path = self.new_path(name)
        write_table(name, data, path)
        self.adopt_file(name, path, data.num_rows)

    def drop_table(self, name: str) -> None:
        """Supersede all files that the table has now; they are deleted after the commit.

        What they say may live on in what takes their place, and then nobody could tell that they
        had been changed. Raises `CustodyError` (`custody-broken`) where one was.
        """
        files = self._ledger.files(name)
        refuse_changed(self.root, files)
        self.supersede(files)

    def supersede(self, files: Iterable[FileEntry]) -> None:
        """Take these files out of the case; they are deleted after the commit."""
        known = set(self._removed)
        self._removed.extend(file.path for file in files if file.path not in known)

    def replace_table(self, name: str, data: pa.Table) -> None:
        """`drop_table`, then `append_table`."""
        self.drop_table(name)
        self.append_table(name, data)

    def _count(self, table: str, rows: int) -> None:
        self.summary.rows[table] = self.summary.rows.get(table, 0) + rows

    # Commit

    def _commit(self) -> None:
        if self._unfinished:
            message = f"{self._unfinished[0]} was not read to its end"
            raise CustodyError("source-unfinished", message)
        if self._intake is not None:
            self._intake.finish(self.summary)
        self.summary.sources = len(self._sources)
        self._staging.discard_unadopted()
        if not (self._staging.files or self._removed or self._sources):
            return
        self._staging.sync()
        self._ledger.append(
            Entry(
                entry=self._staging.entry,
                previous=self._ledger.head,
                time=self._time,
                who=clean_text(self._who),
                action=self._action,
                sources=list(self._sources.values()),
                files=self._staging.files,
                removed=self._removed,
                notes={key: clean_text(value) for key, value in self.notes.items()},
            ),
            self._signer,
        )
        self.summary.entry = self._staging.entry

    def _delete_superseded(self) -> None:
        """What cannot be deleted now, or is being read, is a leftover for the next writer."""
        if not self._removed:
            return
        with exclude_readers(self.root) as alone:
            for path in self._removed if alone else ():
                with suppress(OSError):
                    (self.root / path).unlink(missing_ok=True)

    def _blame_damage(self, error: BaseException) -> None:
        """Raises `CustodyError` (`custody-broken`) where the case's own files are behind it."""
        if isinstance(error, Exception):
            damage = find_damage(error, self.root, self._ledger)
            if damage is not None:
                raise damage from error

    def _abandon(self) -> None:
        if self._intake is not None:
            self._intake.abandon()
        # An interrupt may come after the entry was linked and before we heard of it. Under the
        # lock the entry can only be ours, and then its files are part of the case.
        if not self._ledger.has_file(self._staging.entry):
            self._staging.discard()
