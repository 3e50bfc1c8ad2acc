"""A process that verifies quote signatures: `python -m forensics.case.prover`.

Its task is the name of the engine. A message is a block of quotes, an answer has one byte a quote:
1 where the signature is valid. Without numpy and Arrow, because loading them takes longer than
they save.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from forensics.case.framing import Answer, join_messages, serve, split_messages
from forensics.verify.engine import Engine, find_engine
from forensics.verify.signatures import SignatureBlock

REPORT_DATA_SIZE = 64
INDEX_CODE = "I"  # of `array`: places of keys and statements


@dataclass(frozen=True)
class QuoteBlock:
    """Quotes as columns: for each, the place of its attestation key (X ‖ Y) and that of its
    statement (signed bytes before and after REPORT_DATA), and the bytes of REPORT_DATA, r and s.
    """

    keys: Sequence[bytes]
    statements: Sequence[tuple[bytes, bytes]]
    key_index: bytes
    """u32 each, as the processor has them."""
    statement_index: bytes
    report_data: bytes
    r: bytes
    s: bytes

    def to_bytes(self) -> bytes:
        """For another process of this program, and read by `from_bytes` alone."""
        halves = [part for statement in self.statements for part in statement]
        parts = (self.key_index, self.statement_index, self.report_data, self.r, self.s)
        return join_messages((join_messages(self.keys), join_messages(halves), *parts))

    @classmethod
    def from_bytes(cls, data: bytes) -> QuoteBlock:
        keys, halves, *columns = split_messages(data)
        parts = [bytes(part) for part in split_messages(halves)]
        statements = list(zip(parts[::2], parts[1::2], strict=True))
        return cls([bytes(key) for key in split_messages(keys)], statements, *map(bytes, columns))

    def hash(self) -> SignatureBlock:
        """The signatures, with the SHA-256 of what each signs."""
        begun = [(hashlib.sha256(head), tail) for head, tail in self.statements]
        digests = []
        start = 0
        for place in array(INDEX_CODE, self.statement_index):
            head, tail = begun[place]
            digest = head.copy()  # what statements begin with is hashed once for all their quotes
            digest.update(self.report_data[start : start + REPORT_DATA_SIZE])
            if tail:
                digest.update(tail)
            digests.append(digest.digest())
            start += REPORT_DATA_SIZE
        return SignatureBlock(
            self.keys, array(INDEX_CODE, self.key_index), self.r, self.s, b"".join(digests)
        )


def prepare(task: bytes) -> Answer:
    """What answers blocks with the engine of that name."""
    return make_answer(find_engine(task.decode()))


def make_answer(engine: Engine) -> Answer:
    """What answers blocks with that engine."""
    return lambda block: bytes(engine.verify_block(QuoteBlock.from_bytes(block).hash()))


if __name__ == "__main__":
    serve(prepare)
