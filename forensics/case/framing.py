"""Messages with their length before them: how parts of this program hand each other bytes.

u64 length, little-endian, then that many bytes. For processes of this program and nothing else:
lengths are trusted.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO

_LENGTH_SIZE = 8


def join_messages(messages: Iterable[bytes]) -> bytes:
    """All messages in one."""
    return b"".join(_measure(message) + message for message in messages)


def split_messages(data: bytes | memoryview) -> list[memoryview]:
    """The messages of `join_messages`, not copied."""
    view, messages = memoryview(data), []
    while view:
        end = _LENGTH_SIZE + int.from_bytes(view[:_LENGTH_SIZE], "little")
        messages.append(view[_LENGTH_SIZE:end])
        view = view[end:]
    return messages


def send(stream: IO[bytes], message: bytes) -> None:
    stream.write(_measure(message))
    stream.write(message)
    stream.flush()


def receive(stream: IO[bytes]) -> bytes:
    """The next message. Raises `EOFError` where the stream ends."""
    size = int.from_bytes(_read_exactly(stream, _LENGTH_SIZE), "little")
    return _read_exactly(stream, size)


def _measure(message: bytes) -> bytes:
    return len(message).to_bytes(_LENGTH_SIZE, "little")


def _read_exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data
