"""Quote signatures (K5) that are verified while the rest of `verify` goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import Future

    from forensics.case.arrow import Numbers
    from forensics.case.folder import CaseFolder
    from forensics.case.provers import ProveBlocks
    from forensics.case.unproven import Unproven

_HEAD_START = 4  # blocks that are sent before anything else is loaded, which would hold them up
_NEARLY_ALL = 7 / 8

_Proven = tuple[list["Numbers"], bytes]


class Proving:
    """What provers do in a thread of its own."""

    def __init__(
        self, pool: ThreadPoolExecutor, unproven: Unproven, prove: ProveBlocks, total: int
    ) -> None:
        self._total = total
        self._report: Callable[[int], None] = lambda _done: None
        self._begun = Event()
        self._nearly_all_sent = Event()
        self._proven: Future[_Proven] = pool.submit(self._prove, unproven, prove)
        self._begun.wait()

    def watch(self, report: Callable[[int], None]) -> None:
        """Call `report` with the number of quotes that are proven so far, from now on."""
        self._report = report

    def wait_for_end(self) -> None:
        """Return when nearly all quotes are handed out, and the end is in sight."""
        self._nearly_all_sent.wait()

    def finish(self) -> _Proven:
        """Numbers of quotes, and a byte for each of them: 1 where its signature is valid.

        Raises `ForensicsError`: what reading the quotes and proving them raises.
        """
        return self._proven.result()

    def _prove(self, unproven: Unproven, prove: ProveBlocks) -> _Proven:
        numbers: list[Numbers] = []

        def send_blocks() -> Iterator[bytes]:
            sent = 0
            for quotes, block in unproven.read():
                numbers.append(quotes)
                yield block
                sent += len(quotes)
                if len(numbers) == _HEAD_START:
                    self._begun.set()
                if sent >= self._total * _NEARLY_ALL:
                    self._nearly_all_sent.set()

        done = 0
        answers = []
        try:
            for answer in prove(send_blocks()):
                answers.append(answer)
                done += len(answer)
                self._report(done)
        finally:
            self._begun.set()
            self._nearly_all_sent.set()
        return numbers, b"".join(answers)


@contextmanager
def prove_unproven(case: CaseFolder, prove: ProveBlocks, total: int) -> Iterator[Proving]:
    """Verify the signatures of all quotes that are not proven yet, from now to the block's end.

    `total` is how many there are, or a few more.
    """
    from forensics.case.unproven import Unproven  # loads pyarrow

    unproven = Unproven(case)
    with ThreadPoolExecutor(1) as pool:
        try:
            yield Proving(pool, unproven, prove, total)
        finally:
            unproven.close()
