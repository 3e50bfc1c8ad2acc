"""Who verifies quote signatures: processes of their own, or this one.

Processes, because threads would have to wait for the interpreter, which is busy here meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from forensics.case.processes import hire
from forensics.case.prover import make_answer
from forensics.verify.engine import Engine

WORTH_A_PROCESS = 1 << 12  # quotes; less is proven in the time that it takes to start one

_MODULE = "forensics.case.prover"

ProveBlocks = Callable[[Iterable[bytes]], Iterator[bytes | memoryview]]
"""Blocks (`QuoteBlock.to_bytes`) -> their answers, in order."""


@contextmanager
def hire_provers(engine: Engine, quotes: int, threads: int) -> Iterator[ProveBlocks]:
    """As many processes as the quotes are worth, at most `threads`; for few, this one.

    Raises `ForensicsError` (`worker-died`, `engine-contradicted`) while answers are taken.
    """
    count = min(threads, -(-quotes // WORTH_A_PROCESS))
    if count > 1:
        with hire(_MODULE, count, engine.name.encode()) as workers:
            yield workers.answer
    else:
        answer = make_answer(engine)
        yield lambda blocks: map(answer, blocks)
