"""Messages with their length before them: how parts of this program hand each other bytes.

u64 length, little-endian, then that many bytes. For processes of this program and nothing else:
lengths are trusted. A process that serves gets messages on standard input and answers each on
standard output.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import IO

from forensics.errors import CustodyError, ForensicsError

_LENGTH_SIZE = 8
_DONE, _ERROR = b"r", b"e"  # what an answer begins with

Answer = Callable[[bytes], bytes]


def join_messages(messages: Iterable[bytes]) -> bytes:
    """All messages in one."""
    parts: list[bytes] = []
    for message in messages:
        parts += (_measure(message), message)
    return b"".join(parts)


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


def serve(prepare: Callable[[bytes], Answer]) -> None:
    """Answer messages until they end. The first one is the task, which gets no answer of its own:
    `prepare` makes of it what answers the others. A `ForensicsError` is an answer too.
    """
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    with suppress(EOFError, BrokenPipeError):  # who wanted the answers has ended
        answer = _guard(prepare)(receive(source))
        while True:
            send(sink, answer(receive(source)))


def open_answer(data: bytes) -> memoryview:
    """What `serve` answered. Raises the `ForensicsError` that it met."""
    if data[:1] == _ERROR:
        exit_code, code, message = json.loads(data[1:])
        error = CustodyError if exit_code == CustodyError.exit_code else ForensicsError
        raise error(code, message)
    return memoryview(data)[1:]


def _guard(prepare: Callable[[bytes], Answer]) -> Callable[[bytes], Answer]:
    """Turn errors into answers; one of the task itself answers every message."""

    def prepared(task: bytes) -> Answer:
        try:
            answer = prepare(task)
        except ForensicsError as error:
            failure = _describe(error)
            return lambda _message: failure

        def answering(message: bytes) -> bytes:
            try:
                return _DONE + answer(message)
            except ForensicsError as error:
                return _describe(error)

        return answering

    return prepared


def _describe(error: ForensicsError) -> bytes:
    return _ERROR + json.dumps((error.exit_code, error.code, error.message)).encode()


def _measure(message: bytes) -> bytes:
    return len(message).to_bytes(_LENGTH_SIZE, "little")


def _read_exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data
