"""Does the case hold exactly what its ledger says? Every difference is found and named.

The ledger is read entry by entry, so that one damaged entry does not hide what the others say.
A file is opened as Parquet only after its SHA-256 has matched.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from forensics.case.checkpoints import Checkpoint, make_origin, read_note
from forensics.case.damage import CustodyProblem, Level, check_file, check_settings
from forensics.case.folder import (
    ANCHORS_NOTE,
    KEYS_NOTE,
    LEDGER_NAME,
    SETTINGS_NAME,
    CaseFolder,
)
from forensics.case.ledger import (
    NO_PREDECESSOR,
    Entry,
    FileEntry,
    StoredEntry,
    is_sealed,
    number_entries,
    read_entry,
)
from forensics.case.lock import LOCK_NAME, reading
from forensics.case.merkle import Tree
from forensics.case.signing import PublicKey
from forensics.case.strays import find_strays
from forensics.case.tables import TIMESTAMP_TOKEN
from forensics.case.text import clean_text
from forensics.errors import CustodyError

_FAILURE: Level = "failure"
_NOTE: Level = "note"
_MOST_MISSING = 1000  # entries in a row that are named one by one


def verify_custody(
    case: CaseFolder, *, heads: Sequence[Checkpoint] = (), signing_keys: Sequence[PublicKey] = ()
) -> list[CustodyProblem]:
    """Check the ledger against itself and every file against the ledger; empty when all is well.

    `heads` are checkpoints that a witness kept: the ledger must extend them. `signing_keys` are
    known from elsewhere: one of them must have signed each entry. Both can only come from outside;
    without them a ledger whose newest entries were cut off, or a case that was replaced whole,
    passes.

    Codes: `entry-missing`, `entry-unreadable`, `entry-broken`, `signature-missing`,
    `signature-invalid`, `file-missing`, `file-unreadable`, `file-changed`, `rows-changed`,
    `file-added`, `settings-changed`, `anchors-changed`, `keys-changed`, `head-contradicted`,
    `timestamp-invalid`, and the notes `stray-file` (as a commit that was cut off leaves it) and
    `no-timestamp-library`.
    """
    with reading(case.path):
        return list(_check_case(case, heads, signing_keys))


def _check_case(
    case: CaseFolder, heads: Sequence[Checkpoint], signing_keys: Sequence[PublicKey]
) -> list[CustodyProblem]:
    # Listed before the ledger is read: what is committed meanwhile is no stray.
    there = sorted(case.path.rglob("*"))
    ledger = _LedgerCheck(case, signing_keys or case.settings.signing_keys)
    problems = list(ledger.check())
    problems += _check_settings(case, ledger, signing_keys)
    problems += ledger.check_heads(heads)
    for file in ledger.live.values():
        problems += check_file(case.path, file)
    damaged = {problem.path for problem in problems}
    problems += _check_timestamps(case.path, ledger, damaged)
    problems += _find_strays(case.path, there, ledger)
    return problems


class _LedgerCheck:
    """Walks the chain as far as its entries can be read, collecting what they name."""

    def __init__(self, case: CaseFolder, keys: Sequence[PublicKey]) -> None:
        self.folder = case.path / LEDGER_NAME
        self.first: Entry | None = None
        self.live: dict[str, FileEntry] = {}
        self.superseded: dict[str, FileEntry] = {}
        self.unread: set[int] = set()
        """Numbers of entries that are missing or unreadable."""
        self.size = 0
        """Number of the newest entry that is there."""
        self.known = {SETTINGS_NAME, LOCK_NAME}
        self._keys = keys
        self._origin = ""
        self._tree = Tree()
        self._roots: list[bytes] = []  # by size, from 1, as far as no entry is missing
        self.digests: list[str] = []  # of the entries' files, as far as none is missing
        self._complete = True

    def check(self) -> Iterator[CustodyProblem]:
        try:
            numbers = number_entries(self.folder)
        except OSError as error:
            yield CustodyProblem("ledger", "entry-missing", f"no ledger: {error.strerror}")
            return
        previous: str | None = NO_PREDECESSOR
        self.size = max(numbers, default=0)
        numbers.pop(0, None)  # a number that no entry has
        if not numbers:
            yield from self._miss(range(1, 2))
        expected = 1
        for number, path in numbers.items():
            if number > expected:
                yield from self._miss(range(expected, number))
                previous = None
            expected = number + 1
            name = self._know(number)
            try:
                stored = read_entry(path)
            except CustodyError as error:
                yield CustodyProblem(name, "entry-unreadable", error.message)
                self._skip(number)
                previous = None
                continue
            yield from self._check_entry(stored.entry, name, number, previous)
            yield from self._check_signature(stored, number)
            previous = stored.sha256

    def _miss(self, numbers: range) -> Iterator[CustodyProblem]:
        """Missing entries, each named; of very many only the first: a single file with a large
        number in its name opens such a gap, and is then itself what somebody added.
        """
        if len(numbers) > _MOST_MISSING:
            message = f"entries {numbers[0]} to {numbers[-1]} are not there"
            yield CustodyProblem(self._know(numbers[0]), "entry-missing", message)
            self._skip(numbers[0])
            return
        for number in numbers:
            name = self._know(number)
            yield CustodyProblem(name, "entry-missing", "the ledger has no such entry")
            self._skip(number)

    def _know(self, number: int) -> str:
        """The name of an entry, which belongs to the case as its signature does."""
        name = f"{LEDGER_NAME}/{number:08}.json"
        self.known.add(name)
        if self._keys:
            self.known.add(f"{LEDGER_NAME}/{number:08}.note")
        return name

    def _skip(self, number: int) -> None:
        """What comes after cannot be held against what came before."""
        self._complete = False
        self.unread.add(number)

    def check_heads(self, heads: Sequence[Checkpoint]) -> Iterator[CustodyProblem]:
        """Whether the ledger extends what a witness saw."""
        for head in heads:
            seen = f"the head of {head.size} entries that was kept outside"
            if self._origin and head.origin != self._origin:
                message = f"{seen} is another case's: {head.origin}"
            elif head.size > len(self._roots):
                message = f"{seen} is longer than the {len(self._roots)} that are here"
            elif self._roots[head.size - 1] != head.root:
                message = f"{seen} has another root: entries up to {head.size} were rewritten"
            else:
                continue
            yield CustodyProblem(LEDGER_NAME, "head-contradicted", message)

    def _check_signature(self, stored: StoredEntry, number: int) -> Iterator[CustodyProblem]:
        """The signed checkpoint beside an entry, which covers the entries before it too."""
        if not self._complete:
            return  # without the missing entry the root cannot be computed
        if number == 1:
            self._origin = make_origin(stored.sha256)
        self.digests.append(stored.sha256)
        self._tree.append(stored.leaf)
        self._roots.append(self._tree.root())
        if not self._keys:
            return
        name = f"{LEDGER_NAME}/{number:08}.note"
        path = self.folder / f"{number:08}.note"
        if not path.exists():
            yield CustodyProblem(name, "signature-missing", "the case signs; this entry is not")
            return
        try:
            note = read_note(path)
        except CustodyError as error:
            yield CustodyProblem(name, "signature-invalid", error.message)
            return
        if note.checkpoint != Checkpoint(self._origin, number, self._roots[-1]):
            entry = f"{LEDGER_NAME}/{number:08}.json"
            message = f"signs another ledger than the one up to {entry}: one was changed"
            yield CustodyProblem(name, "signature-invalid", message)
        elif note.find_signer(self._keys) is None:
            message = "the key that should have signed this has not"
            yield CustodyProblem(name, "signature-invalid", message)

    def _check_entry(
        self, entry: Entry, name: str, number: int, previous: str | None
    ) -> Iterator[CustodyProblem]:
        if entry.entry != number:
            yield CustodyProblem(name, "entry-broken", f"calls itself entry {entry.entry}")
        # After an entry that is gone or unreadable there is nothing to compare with.
        if previous is not None and entry.previous != previous:
            before = f"{LEDGER_NAME}/{number - 1:08}.json" if number > 1 else "the beginning"
            message = f"does not continue {before}: one of the two was changed"
            yield CustodyProblem(name, "entry-broken", message)
        if number == 1:
            self.first = entry
        if self.first is not None and not is_sealed(entry, self.first):
            yield CustodyProblem(name, "entry-broken", "has lost its seal")
        for path in entry.removed:
            file = self.live.pop(path, None)
            if file is not None:
                self.superseded[path] = file
            elif self._complete:
                yield CustodyProblem(name, "entry-broken", f"removes {path!r}, which is not there")
        for file in entry.files:
            if file.path in self.live:
                yield CustodyProblem(name, "entry-broken", f"names {file.path!r} a second time")
            self.live[file.path] = file


def _check_settings(
    case: CaseFolder, ledger: _LedgerCheck, signing_keys: Sequence[PublicKey]
) -> Iterator[CustodyProblem]:
    """Whoever adds a trust anchor decides what verifies; whoever adds a key, what is signed."""
    for key in signing_keys:
        if key not in case.settings.signing_keys:
            message = f"does not name the signing key {key.text}"
            yield CustodyProblem(SETTINGS_NAME, "keys-changed", message)
    if ledger.first is None:
        return
    yield from check_settings(case.path / SETTINGS_NAME, ledger.first)
    held = ",".join(anchor.certificate_id for anchor in case.settings.anchors)
    if ledger.first.notes.get(ANCHORS_NOTE) != held:
        message = "names other trust anchors than the ledger's first entry"
        yield CustodyProblem(SETTINGS_NAME, "anchors-changed", message)
    keys = ",".join(key.text for key in case.settings.signing_keys)
    if ledger.first.notes.get(KEYS_NOTE, "") != keys:
        message = "names other signing keys than the ledger's first entry"
        yield CustodyProblem(SETTINGS_NAME, "keys-changed", message)


def _check_timestamps(
    root: Path, ledger: _LedgerCheck, damaged: set[str]
) -> Iterator[CustodyProblem]:
    """Only those in files that are as they were written."""
    from forensics.case.timestamps import NO_LIBRARY, check_timestamps

    table = TIMESTAMP_TOKEN.name
    files = [file for file in ledger.live.values() if file.table == table]
    for file in files:
        if file.path in damaged:
            continue
        for error in check_timestamps([root / file.path], ledger.digests):
            level: Level = "note" if error.code == NO_LIBRARY else "failure"
            yield CustodyProblem(file.path, error.code, error.message, level)


def _find_strays(
    root: Path, there: Sequence[Path], ledger: _LedgerCheck
) -> Iterator[CustodyProblem]:
    named = ledger.known | set(ledger.live)
    for name, message, added in find_strays(
        root, there, named, ledger.superseded, ledger.unread, ledger.size
    ):
        code, level = ("file-added", _FAILURE) if added else ("stray-file", _NOTE)
        yield CustodyProblem(clean_text(name), code, message, level)
