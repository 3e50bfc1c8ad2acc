"""A process that reads blocks of lines for an ingest: `python -m forensics.sources.worker`.

Blocks come in on standard input and readings leave on standard output, framed as
`forensics.case.framing` does it. The first message says what is read: the source's id and the
limits. It ends with its input.
"""

from __future__ import annotations

import gc
import sys
from contextlib import suppress

import msgspec

from forensics.case.batch import Builder
from forensics.case.framing import receive, send
from forensics.case.records import SourceHeader
from forensics.errors import ForensicsError
from forensics.sources.blocks import make_builder, read_block
from forensics.sources.limits import Limits

READING, ERROR = b"r", b"e"  # what an answer begins with


class Task(msgspec.Struct):
    """What stays the same for all blocks of a source."""

    source_id: bytes
    limits: Limits


def main() -> None:
    gc.set_threshold(200_000, 20, 20)  # rows are trees: there are no cycles to look for
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    with suppress(EOFError, BrokenPipeError):  # who wanted the readings has ended
        task = msgspec.json.decode(receive(source), type=Task)
        # Only the id of a source is in the rows that its lines give.
        header = SourceHeader(task.source_id, "", "", 0)
        builder = make_builder()
        while True:
            send(sink, _answer(receive(source), header, task.limits, builder))


def _answer(block: bytes, header: SourceHeader, limits: Limits, builder: Builder) -> bytes:
    try:
        return READING + read_block(block, header, limits, builder).to_bytes()
    except ForensicsError as error:
        return ERROR + msgspec.json.encode((error.code, error.message))


if __name__ == "__main__":
    main()
