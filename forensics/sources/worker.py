"""A process that reads blocks of lines for an ingest: `python -m forensics.sources.worker`."""

from __future__ import annotations

import gc

import msgspec

from forensics.case.framing import Answer, serve
from forensics.case.records import SourceHeader
from forensics.sources.blocks import make_builder, read_block
from forensics.sources.limits import Limits

MODULE = "forensics.sources.worker"


class Task(msgspec.Struct):
    """What stays the same for all blocks of a source."""

    source_id: bytes
    limits: Limits


def prepare(message: bytes) -> Answer:
    """What answers a block with the `BlockReading` of it."""
    task = msgspec.json.decode(message, type=Task)
    # Of a source, only the id is in the rows of its lines.
    header = SourceHeader(task.source_id, "", "", 0)
    builder = make_builder()
    return lambda block: read_block(block, header, task.limits, builder).to_bytes()


if __name__ == "__main__":
    gc.set_threshold(200_000, 20, 20)  # rows are trees: there are no cycles to look for
    serve(prepare)
