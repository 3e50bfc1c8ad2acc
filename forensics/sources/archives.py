"""Archives: the members of a zip, tar or compressed file as entries, read in place.

Nothing is written to disk and member names are only labels. What comes out is charged to one
budget per top-level archive, so that no nesting of bombs can exceed it.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import PurePosixPath
from typing import IO, BinaryIO, Final

from forensics.errors import EvidenceError
from forensics.sources.entries import Entry, describe_special, entry_of_bytes
from forensics.sources.inflate import BZIP2, GZIP, XZ, ZSTD, Budget, Codec, Damage, open_inflated
from forensics.sources.limits import MIB, Limits
from forensics.sources.sniff import Kind
from forensics.sources.tar import iterate_tar, skip

COMPRESSED: Final = {Kind.GZIP: GZIP, Kind.ZSTD: ZSTD, Kind.XZ: XZ, Kind.BZIP2: BZIP2}
STREAM_SUFFIXES = (".gz", ".zst", ".zstd", ".xz", ".bz2")
_SUFFIXES = {
    **dict.fromkeys(STREAM_SUFFIXES, ""),
    **dict.fromkeys((".tgz", ".tzst", ".txz", ".tbz2", ".tbz"), ".tar"),
}
_ZIP_DIRECTORY_LIMIT = 32 * MIB
_ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError)


def iterate_members(archive: Entry, kind: Kind, budget: Budget, limits: Limits) -> Iterator[Entry]:
    """Entries of an archive, labelled `archive!member`.

    Raises `EvidenceError` (`bad-archive`, `expansion-limit`, `unsupported-archive`), perhaps after
    good members. Reading a member may raise them as well.
    """
    if codec := COMPRESSED.get(kind):
        members = _iterate_inflated(archive, codec, budget)
    elif kind is Kind.ZIP:
        members = _iterate_zip(archive, budget)
    else:
        members = _iterate_tar(archive, limits)
    last = None
    try:
        for member in members:
            budget.count_member()
            yield member
            last = member.path
    except EvidenceError as error:
        if error.code == "expansion-limit" and last is not None:
            message = f"{error.message}; what follows {last} was not read"
            raise EvidenceError(error.code, message) from None
        raise


def _iterate_inflated(archive: Entry, codec: Codec, budget: Budget) -> Iterator[Entry]:
    """The one member of a compressed stream; what came out before damage is still read."""
    damage = Damage()
    member = Entry(
        f"{archive.path}!{_strip_suffix(archive.path)}",
        lambda: open_inflated(archive.open(), codec, budget, damage),
    )
    with member.open() as stream:
        begins = bool(stream.read(1))
    if begins or damage.error is None:
        yield member
    if damage.error is not None:
        raise damage.error


def _strip_suffix(path: str) -> str:
    name = PurePosixPath(path.rpartition("!")[2].replace("\\", "/")).name
    stem, dot, suffix = name.rpartition(".")
    replacement = _SUFFIXES.get((dot + suffix).lower())
    return "content" if not stem or replacement is None else stem + replacement


def _iterate_tar(archive: Entry, limits: Limits) -> Iterator[Entry]:
    with archive.open() as stream:
        for member in iterate_tar(stream, limits.whole_file):
            path = f"{archive.path}!{member.name}"
            if member.special is not None:
                yield describe_special(path, member.special)
            elif member.data is not None:
                yield entry_of_bytes(path, member.data)
            else:
                yield Entry(path, _tar_opener(archive, member.offset, member.size))


def _tar_opener(archive: Entry, offset: int, size: int) -> Callable[[], BinaryIO]:
    def open_member() -> BinaryIO:
        stream = archive.open()
        skip(stream, offset)
        return io.BufferedReader(_Slice(stream, offset, size), MIB)

    return open_member


class _Slice(io.RawIOBase):
    """`size` bytes of a stream that stands at `offset`; owns it, and can seek if it can."""

    def __init__(self, stream: BinaryIO, offset: int, size: int) -> None:
        super().__init__()
        self._stream = stream
        self._offset = offset
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._stream.seekable()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        self._stream.seek(self._offset + self._position)
        return self._position

    def close(self) -> None:
        self._stream.close()
        super().close()

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # typeshed: Buffer
        data = self._stream.read(max(0, min(len(buffer), self._size - self._position)))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def _iterate_zip(archive: Entry, budget: Budget) -> Iterator[Entry]:
    with archive.open() as stream:
        if not stream.seekable():
            message = "a zip inside a compressed stream must fit into memory"
            raise EvidenceError("unsupported-archive", message)
        _check_directory(stream)
        try:
            container = zipfile.ZipFile(stream)
        except (*_ZIP_ERRORS, struct.error, UnicodeError) as error:
            raise EvidenceError("bad-archive", f"zip: {error}") from None
        with container:
            for info in container.infolist():
                if info.filename.endswith("/"):
                    continue
                path = f"{archive.path}!{info.filename}"
                yield Entry(path, partial(_open_zipped, container, info, budget))


def _check_directory(stream: BinaryIO) -> None:
    """The standard library loads the whole central directory: refuse one that is too large."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - (1 << 16) - 1024))
    tail = stream.read()
    stream.seek(0)
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or end + 22 > len(tail):
        raise EvidenceError("bad-archive", "zip: no end of central directory")
    length = int.from_bytes(tail[end + 12 : end + 16], "little")
    end64 = tail.rfind(b"PK\x06\x06", 0, end)
    if end64 >= 0 and end64 + 56 <= len(tail):
        length = max(
            length if length != 0xFFFFFFFF else 0,
            int.from_bytes(tail[end64 + 40 : end64 + 48], "little"),
        )
    if length > _ZIP_DIRECTORY_LIMIT:
        raise EvidenceError("expansion-limit", "zip: the central directory is too large")


def _open_zipped(container: zipfile.ZipFile, info: zipfile.ZipInfo, budget: Budget) -> BinaryIO:
    if info.flag_bits & 1:
        raise EvidenceError("unsupported-archive", "zip: a member is encrypted")
    if info.compress_type not in _ZIP_METHODS:
        message = f"zip: compression method {info.compress_type} is not read"
        raise EvidenceError("unsupported-archive", message)
    try:
        return io.BufferedReader(_Unzipped(container.open(info), budget), 1 << 18)
    except (*_ZIP_ERRORS, RuntimeError) as error:
        raise EvidenceError("bad-archive", f"zip: {error}") from None


class _Unzipped(io.RawIOBase):
    """A zip member whose bytes are charged to the budget."""

    def __init__(self, member: IO[bytes], budget: Budget) -> None:
        super().__init__()
        self._member = member
        self._budget = budget

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._member.close()
        super().close()

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # typeshed: Buffer
        try:
            data = self._member.read(len(buffer))
        except _ZIP_ERRORS as error:
            raise EvidenceError("bad-archive", f"zip: {error}") from None
        buffer[: len(data)] = data
        self._budget.spend(len(data))
        return len(data)
