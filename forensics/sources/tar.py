"""A streaming reader of tar archives: headers and where the data lies, nothing more.

Names are labels and never paths, links are never followed, and no header field makes this reader
allocate more than a bounded name. (The standard library's reader loads extended headers whole.)
Layout: POSIX.1-2017, pax, "ustar Interchange Format"; GNU long names and base-256 sizes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from forensics.errors import EvidenceError

BLOCK = 512
_NAME_LIMIT = 1 << 16
_SKIP_CHUNK = 1 << 20

_REGULAR = (b"0", b"\x00", b"7")
_FOLDERS = (b"5", b"D", b"V")  # and volume labels: names without evidence
_WITHOUT_DATA = (b"1", b"2", b"3", b"4", b"5", b"6")
_EXTENSIONS = (b"L", b"K", b"x", b"g")
_SPECIAL = {
    b"1": "hard link",
    b"2": "symbolic link",
    b"3": "character device",
    b"4": "block device",
    b"6": "fifo",
    b"S": "sparse file",
}


@dataclass(frozen=True, slots=True)
class TarMember:
    """`offset` is where its data begins in the archive; `data` is None when it is over the limit,
    or when it is not a plain file: then `special` says what it is.
    """

    name: str
    offset: int
    size: int
    special: str | None
    data: bytes | None


def iterate_tar(stream: BinaryIO, limit: int) -> Iterator[TarMember]:
    """Members in order, those of at most `limit` bytes with their data.

    Raises `EvidenceError` (`bad-archive`).
    """
    return _TarReader(stream, limit).iterate()


def read_exactly(stream: BinaryIO, size: int) -> bytes:
    """Raises `EvidenceError` (`bad-archive`) at the end of the stream."""
    data = stream.read(size)
    if len(data) != size:
        raise EvidenceError("bad-archive", "tar: the archive is cut off")
    return data


def skip(stream: BinaryIO, size: int) -> None:
    """Read past `size` bytes: compressed streams cannot seek. Raises as `read_exactly`."""
    while size > 0:
        size -= len(read_exactly(stream, min(size, _SKIP_CHUNK)))


class _TarReader:
    def __init__(self, stream: BinaryIO, limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self._position = 0
        self._long_name: str | None = None
        self._pax_size: int | None = None

    def iterate(self) -> Iterator[TarMember]:
        while header := self._read_header():
            size = _read_number(header[124:136])
            kind = header[156:157]
            if kind in _EXTENSIONS:
                self._read_extension(kind, size)
            else:
                member = self._read_member(header, kind, size)
                if kind not in _FOLDERS:
                    yield member

    def _read_header(self) -> bytes:
        """The next header block; empty at the end block, or where an archive without one ends."""
        header = self._stream.read(BLOCK)
        self._position += len(header)
        if not header.strip(b"\x00"):
            return b""
        if len(header) < BLOCK:
            raise EvidenceError("bad-archive", "tar: the archive is cut off")
        _check_sum(header)
        return header

    def _read_member(self, header: bytes, kind: bytes, size: int) -> TarMember:
        size = size if self._pax_size is None else self._pax_size
        name = self._long_name or _read_name(header)
        self._long_name = self._pax_size = None
        if kind in _WITHOUT_DATA:
            size = 0
        special = None if kind in _REGULAR else _SPECIAL.get(kind, f"entry of type {kind!r}")
        offset = self._position
        data = None
        if special is None and size <= self._limit:
            data = read_exactly(self._stream, size)
        skip(self._stream, _padded(size) - len(data or b""))
        self._position += _padded(size)
        return TarMember(name, offset, size, special, data)

    def _read_extension(self, kind: bytes, size: int) -> None:
        data = read_exactly(self._stream, min(size, _NAME_LIMIT))
        skip(self._stream, _padded(size) - len(data))
        self._position += _padded(size)
        if kind == b"L":
            self._long_name = data.rstrip(b"\x00").decode("utf-8", "backslashreplace")
        elif kind == b"x":
            records = dict(_iterate_pax(data))
            if b"path" in records:
                self._long_name = records[b"path"].decode("utf-8", "backslashreplace")
            if b"size" in records:
                self._pax_size = _read_decimal(records[b"size"])


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _check_sum(header: bytes) -> None:
    """The sum of all bytes with the checksum field read as blanks."""
    total = sum(header) - sum(header[148:156]) + 8 * 0x20
    if _read_number(header[148:156]) != total:
        raise EvidenceError("bad-archive", "tar: a header's checksum is wrong")


def _read_number(field: bytes) -> int:
    """Octal text, or GNU's base 256 when the top bit is set."""
    if field[0] & 0x80:
        return int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
    text = field.strip(b" \x00")
    if text.strip(b"01234567"):
        raise EvidenceError("bad-archive", "tar: a header field is not a number")
    return int(text or b"0", 8)


def _read_decimal(text: bytes) -> int:
    if not text.isdigit() or len(text) > 18:
        raise EvidenceError("bad-archive", "tar: a pax size is not a number")
    return int(text)


def _read_name(header: bytes) -> str:
    name = header[:100].split(b"\x00")[0]
    prefix = header[345:500].split(b"\x00")[0] if header[257:263] == b"ustar\x00" else b""
    return (prefix + b"/" + name if prefix else name).decode("utf-8", "backslashreplace")


def _iterate_pax(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Records `LENGTH KEY=VALUE\\n`, as far as they are well-formed."""
    while data:
        length, found, _ = data.partition(b" ")
        if not found or not length.isdigit() or len(length) > 9:
            return
        record = data[len(length) + 1 : int(length)]
        key, _, value = record.rstrip(b"\n").partition(b"=")
        yield key, value
        data = data[max(int(length), len(length) + 1) :]
