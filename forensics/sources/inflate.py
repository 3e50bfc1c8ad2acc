"""Bounded decompression of gzip, zstd, xz and bzip2 streams.

Compressed input goes in by small pieces, so that no piece can expand to more than some tens of
MiB at once, and every byte that comes out is charged to the budget of the top-level archive.
"""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Callable
from typing import BinaryIO, Protocol

import zstandard

from forensics.errors import EvidenceError
from forensics.sources.limits import Limits

_WINDOW_LIMIT = 1 << 27  # zstd --long=27, the most that its own tool opens unasked
_XZ_MEMORY = 1 << 27  # B; xz -9 takes 65 MiB


class Budget:
    """How much may still come out of one top-level archive. Raises `EvidenceError`."""

    def __init__(self, archive_size: int, limits: Limits) -> None:
        self._bytes = max(limits.free_expansion, limits.expansion_ratio * archive_size)
        self._members = limits.members

    def spend(self, size: int) -> None:
        self._bytes -= size
        if self._bytes < 0:
            raise EvidenceError("expansion-limit", "the archive expands beyond all measure")

    def count_member(self) -> None:
        self._members -= 1
        if self._members < 0:
            raise EvidenceError("expansion-limit", "the archive has too many members")


class Decompressor(Protocol):
    """What the decompression objects of the libraries have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


class Codec:
    """A compression format: how to begin a frame, and how much input to feed at once."""

    def __init__(self, name: str, begin: Callable[[], Decompressor], piece: int) -> None:
        self.name = name
        self.begin = begin
        self.piece = piece


def _begin_gzip() -> Decompressor:
    return zlib.decompressobj(wbits=31)


def _begin_zstd() -> Decompressor:
    return zstandard.ZstdDecompressor(max_window_size=_WINDOW_LIMIT).decompressobj()


def _begin_xz() -> Decompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)


# zlib expands at most 1032 times, xz some 7000 times; four bytes of zstd can name a block of 128
# KiB, and thirty of bzip2 one of 900 kB, which its runs make 46 MB.
GZIP = Codec("gzip", _begin_gzip, 1 << 14)
ZSTD = Codec("zstd", _begin_zstd, 1 << 10)
XZ = Codec("xz", _begin_xz, 1 << 12)
BZIP2 = Codec("bzip2", bz2.BZ2Decompressor, 1 << 4)
_ERRORS = (zlib.error, zstandard.ZstdError, lzma.LZMAError, OSError)


class Damage:
    """Where a stream broke; shared by all readings of it, since each breaks at the same place."""

    def __init__(self) -> None:
        self.error: EvidenceError | None = None


class InflatingReader(io.RawIOBase):
    """The decompressed bytes of `source`, which it owns.

    A damaged stream ends where it broke, and `damage` says so: what came before is evidence.
    """

    def __init__(self, source: BinaryIO, codec: Codec, budget: Budget, damage: Damage) -> None:
        super().__init__()
        self._source = source
        self._codec = codec
        self._budget = budget
        self._damage = damage
        self._frame: Decompressor | None = None
        self._ready = b""
        self._position = 0
        self._unused = b""
        self._ended = False

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._source.close()
        super().close()

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # typeshed: Buffer
        while self._position == len(self._ready) and not self._ended:
            self._ready, self._position = self._inflate(), 0
            self._budget.spend(len(self._ready))
        piece = self._ready[self._position : self._position + len(buffer)]
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def _inflate(self) -> bytes:
        """The next bytes; empty ones also while a frame begins or ends."""
        data = self._unused or self._source.read(self._codec.piece)
        self._unused = b""
        if self._frame is None:
            # Tools pad archives to whole blocks with zeros.
            data = data.lstrip(b"\x00")
        if not data:
            return self._end()
        if self._frame is None:
            self._frame = self._codec.begin()
        try:
            output = self._frame.decompress(data)
        except _ERRORS as error:
            return self._break(f"{self._codec.name}: {error}")
        if self._frame.eof:
            self._unused, self._frame = self._frame.unused_data, None
        return output

    def _end(self) -> bytes:
        more = self._source.read(self._codec.piece) if self._frame is None else b""
        if more:
            self._unused = more
        elif self._frame is not None:
            self._break(f"{self._codec.name}: the stream is cut off")
        else:
            self._ended = True
        return b""

    def _break(self, message: str) -> bytes:
        self._ended = True
        if self._damage.error is None:
            self._damage.error = EvidenceError("bad-archive", message)
        return b""


def open_inflated(source: BinaryIO, codec: Codec, budget: Budget, damage: Damage) -> BinaryIO:
    return io.BufferedReader(InflatingReader(source, codec, budget, damage), 1 << 18)
