"""The custody ledger: a chain of small JSON files, each naming the SHA-256 of the one before.

A table file belongs to the case only when an entry names it, so appending an entry *is* the
commit. Entries are canonical (sorted keys, no blanks, UTF-8, one newline at the end), which makes
every byte of one count: there is one spelling of an entry and its hash.

The newest entry has no successor that would name its hash. Its own note `seal` does: the SHA-256 of
the entry with 64 zeros in the seal's place. That finds accidents in it, not forgers.

What a hash chain cannot show by itself: that the *newest* entries were cut off or rewritten
together with the files they name. For that the head's hash is kept by an outside witness
(`custody anchor`).

Where the case signs, `00000003.note` beside an entry is the signed checkpoint of the ledger up to
and with that entry. It is written before the entry, so that no committed entry lacks it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from forensics import __version__
from forensics.case.checkpoints import Checkpoint, make_origin, sign_checkpoint
from forensics.case.disk import create_file, read_record
from forensics.case.merkle import Tree, hash_leaf
from forensics.errors import CustodyError

if TYPE_CHECKING:
    from forensics.case.signing import Signer

TOOL_NAME = "quote-forensics"
TOOL_VERSION = __version__

NO_PREDECESSOR = "0" * 64
SEAL_NOTE = "seal"
SETTINGS_NOTE = "settings_sha256"  # in the first entry: of case.toml, which never changes
MAX_ENTRY_SIZE = 1 << 28  # an ingest of a million files names each in about 150 bytes

_ENTRY_NAME = re.compile(r"([0-9]{8})\.json")
_NOTE_NAME = re.compile(r"([0-9]{8})\.note")
# Entries may come from another machine: only paths that this tool itself would write are followed.
TABLE_FILE = re.compile(r"tables/([a-z][a-z0-9_]*)/(?:[a-z0-9-]+/)?[0-9]{8}-[0-9]+\.parquet")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Tool(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str = TOOL_NAME
    version: str = TOOL_VERSION


class SourceEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An input of the commit: SHA-256 in hex, path as given, size in bytes."""

    source_id: str
    path: str
    size: int


class FileEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table file of the commit; `path` is relative to the case, `size` in bytes."""

    table: str
    path: str
    sha256: str
    rows: int
    size: int


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One commit. `time` is RFC 3339 in UTC; `removed` lists the table files it superseded."""

    entry: int
    previous: str
    time: str
    who: str
    tool: Tool = msgspec.field(default_factory=Tool)
    action: str
    sources: list[SourceEntry]
    files: list[FileEntry]
    removed: list[str]
    notes: dict[str, str]


class StoredEntry(NamedTuple):
    """An entry as it was read: `sha256` of its file in hex, `leaf` its leaf hash (RFC 6962)."""

    entry: Entry
    sha256: str
    leaf: bytes


def encode_entry(entry: Entry) -> bytes:
    """The one spelling of an entry."""
    return msgspec.json.encode(entry, order="sorted") + b"\n"


def seal_entry(entry: Entry) -> tuple[Entry, bytes]:
    """The entry with its seal, and its bytes."""
    open_entry = msgspec.structs.replace(entry, notes=entry.notes | {SEAL_NOTE: NO_PREDECESSOR})
    seal = hashlib.sha256(encode_entry(open_entry)).hexdigest()
    sealed = msgspec.structs.replace(entry, notes=entry.notes | {SEAL_NOTE: seal})
    return sealed, encode_entry(sealed)


def _holds_seal(data: bytes, seal: str) -> bool:
    """Quotation marks inside strings are escaped, so only a note can look like this."""
    written, blank = (f'"{SEAL_NOTE}":"{text}"'.encode() for text in (seal, NO_PREDECESSOR))
    return hashlib.sha256(data.replace(written, blank)).hexdigest() == seal


def decode_entry(data: bytes, path: str) -> Entry:
    """An entry from its file's bytes. Raises `CustodyError` (`ledger-unreadable`) naming `path`.

    An entry without a seal (as earlier versions wrote them) is left to `is_sealed`.
    """
    try:
        entry = msgspec.json.decode(data, type=Entry)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CustodyError("ledger-unreadable", f"{path}: {error}") from None
    if encode_entry(entry) != data:
        raise CustodyError("ledger-unreadable", f"{path}: not in canonical form")
    seal = entry.notes.get(SEAL_NOTE)
    if seal is not None and not _holds_seal(data, seal):
        raise CustodyError("ledger-unreadable", f"{path}: changed after it was written")
    for file in entry.files:
        match = TABLE_FILE.fullmatch(file.path)
        if not match or match[1] != file.table or not _DIGEST.fullmatch(file.sha256):
            raise CustodyError("ledger-unreadable", f"{path}: unusable table file {file.path!r}")
    return entry


def is_sealed(entry: Entry, first: Entry) -> bool:
    """Whether an entry has its seal, or belongs to a ledger that was begun without seals."""
    return SEAL_NOTE in entry.notes or not {SEAL_NOTE, SETTINGS_NOTE}.intersection(first.notes)


def read_entry(path: Path) -> StoredEntry:
    """An entry from its file. Raises `CustodyError` (`ledger-unreadable`)."""
    name = f"ledger/{path.name}"
    data = read_record(path, name, MAX_ENTRY_SIZE, "ledger-unreadable")
    return StoredEntry(decode_entry(data, name), hashlib.sha256(data).hexdigest(), hash_leaf(data))


def number_entries(folder: Path) -> dict[int, Path]:
    """The entries' files by number, ascending; other names in the folder are left out."""
    return _number_files(folder, _ENTRY_NAME)


def number_notes(folder: Path) -> dict[int, Path]:
    """The signed checkpoints' files by the number of their entry, ascending."""
    return _number_files(folder, _NOTE_NAME)


def _number_files(folder: Path, name: re.Pattern[str]) -> dict[int, Path]:
    found = ((name.fullmatch(path.name), path) for path in folder.iterdir())
    return dict(sorted((int(match[1]), path) for match, path in found if match))


class Ledger:
    """The entries of one case and what they add up to: live table files and known sources.

    Reading raises `CustodyError`: `ledger-unreadable`, `ledger-gap`, `ledger-broken`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries: list[Entry] = []
        self.leaves: list[bytes] = []
        self.digests: list[str] = []
        """SHA-256 of each entry's file, hex."""
        self.tree = Tree()
        self._live: dict[str, FileEntry] = {}
        self._sources: set[bytes] = set()

    @property
    def head(self) -> str:
        """SHA-256 of the newest entry's file, hex; 64 zeros before the first."""
        return self.digests[-1] if self.digests else NO_PREDECESSOR

    def refresh(self) -> Ledger:
        """Read the entries that were appended since the last look."""
        if self.entries and not self.has_file(len(self.entries) + 1):
            return self
        try:
            numbers = number_entries(self.folder)
        except OSError as error:
            raise CustodyError("ledger-unreadable", f"ledger: {error.strerror}") from None
        for number, path in numbers.items():
            if number <= len(self.entries):
                continue
            if number != len(self.entries) + 1:
                message = f"ledger/{len(self.entries) + 1:08}.json is missing"
                raise CustodyError("ledger-gap", message)
            self._admit(read_entry(path))
        return self

    def append(self, entry: Entry, signer: Signer | None = None) -> None:
        """Commit, signed where there is a key to sign with.

        Raises `CustodyError` (`ledger-conflict`) when the number is taken.
        """
        entry, data = seal_entry(entry)
        path = self._locate(entry.entry)
        stored = StoredEntry(entry, hashlib.sha256(data).hexdigest(), hash_leaf(data))
        note = self.locate_note(entry.entry)
        try:
            if signer is not None:
                create_file(note, self._sign(stored, signer))
            create_file(path, data)
        except FileExistsError:
            message = f"entry {entry.entry} was committed by another writer"
            raise CustodyError("ledger-conflict", message) from None
        except BaseException:
            if signer is not None and not path.exists():
                note.unlink(missing_ok=True)
            raise
        self._admit(stored)

    def _sign(self, stored: StoredEntry, signer: Signer) -> bytes:
        """The signed checkpoint as it will be with this entry."""
        origin = make_origin(self.digests[0] if self.digests else stored.sha256)
        checkpoint = Checkpoint(origin, self.tree.size + 1, self.tree.preview(stored.leaf))
        return sign_checkpoint(checkpoint, signer).encode()

    def files(self, table: str) -> list[FileEntry]:
        """Live files of a table, in ledger order."""
        return [file for file in self._live.values() if file.table == table]

    def live_files(self) -> Iterator[FileEntry]:
        yield from self._live.values()

    def rows(self, table: str) -> int:
        """Rows of a table over its live files."""
        return sum(file.rows for file in self._live.values() if file.table == table)

    def has_file(self, number: int) -> bool:
        """Whether entry `number` is on the disk, read or not."""
        return self._locate(number).exists()

    def has_note(self, number: int) -> bool:
        """Whether a signature lies beside entry `number`."""
        return self.locate_note(number).exists()

    def locate_note(self, number: int) -> Path:
        """Where the signature of entry `number` is, if there is one."""
        return self._locate(number).with_suffix(".note")

    def read_bytes(self, number: int) -> bytes:
        """The bytes of an entry that was read. Raises `CustodyError` (`ledger-broken`)."""
        try:
            data = self._locate(number).read_bytes()
        except OSError as error:
            message = f"ledger/{number:08}.json: {error.strerror}"
            raise CustodyError("ledger-unreadable", message) from None
        if hash_leaf(data) != self.leaves[number - 1]:
            raise CustodyError("ledger-broken", f"ledger/{number:08}.json changed meanwhile")
        return data

    def knows_source(self, source_id: bytes) -> bool:
        return source_id in self._sources

    def _locate(self, number: int) -> Path:
        return self.folder / f"{number:08}.json"

    def _admit(self, stored: StoredEntry) -> None:
        entry = stored.entry
        name = f"ledger/{entry.entry:08}.json"
        if entry.entry != len(self.entries) + 1 or entry.previous != self.head:
            message = f"{name} does not continue the entry before it"
            raise CustodyError("ledger-broken", message)
        if not is_sealed(entry, self.entries[0] if self.entries else entry):
            raise CustodyError("ledger-broken", f"{name} has lost its seal")
        for path in entry.removed:
            if self._live.pop(path, None) is None:
                raise CustodyError("ledger-broken", f"{name} removes {path!r}, which is not there")
        for file in entry.files:
            if file.path in self._live:
                raise CustodyError("ledger-broken", f"{name} names {file.path!r} a second time")
            self._live[file.path] = file
        for source in entry.sources:
            if not _DIGEST.fullmatch(source.source_id):
                raise CustodyError("ledger-broken", f"{name}: unusable source id")
            self._sources.add(bytes.fromhex(source.source_id))
        self.entries.append(entry)
        self.digests.append(stored.sha256)
        self.leaves.append(stored.leaf)
        self.tree.append(stored.leaf)
