"""Processes of this program that answer messages in parallel; the answers keep the order."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from queue import SimpleQueue
from threading import Lock

from forensics.case.framing import open_answer, receive, send
from forensics.errors import ForensicsError

_PIPE_SIZE = 1 << 20
# Messages that a process has at a time: the next one is waiting when it has answered the first.
_DEPTH = 2


@contextmanager
def hire(module: str, count: int, task: bytes) -> Iterator[Workers]:
    """Start `count` processes that run a module which calls `serve`; they end with the block.

    `task` is what `serve` tells each of them first.
    """
    with ThreadPoolExecutor(count * _DEPTH) as pool, ExitStack() as processes:
        try:
            workers = []
            for _ in range(count):
                process = _start(module)
                processes.callback(_dismiss, process)
                workers.append(_Worker(process))
            for worker in workers:
                worker.tell(task)
            yield Workers(pool, workers)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


class Workers:
    """Processes that are asked by the threads of a pool."""

    def __init__(self, pool: ThreadPoolExecutor, workers: list[_Worker]) -> None:
        self._pool = pool
        self._lookahead = (_DEPTH + 1) * len(workers)
        self._free: SimpleQueue[_Worker] = SimpleQueue()
        for worker in workers * _DEPTH:
            self._free.put(worker)

    def answer(self, messages: Iterable[bytes]) -> Iterator[memoryview]:
        """The answers to `messages`, in their order; few messages are held at a time.

        Raises `ForensicsError` (`worker-died`), and what the answering raised.
        """
        waiting: deque[Future[bytes]] = deque()
        for message in messages:
            waiting.append(self._pool.submit(self._ask, message))
            if len(waiting) > self._lookahead:
                yield open_answer(waiting.popleft().result())
        while waiting:
            yield open_answer(waiting.popleft().result())

    def _ask(self, message: bytes) -> bytes:
        worker = self._free.get()
        try:
            return worker.ask(message)
        finally:
            self._free.put(worker)


class _Worker:
    """One process. Threads that ask it at once get their answers in the order of asking."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._to = process.stdin
        self._from = process.stdout
        self._asking = Lock()
        self._hearing = Lock()

    def tell(self, message: bytes) -> None:
        with _noticing_death():
            send(self._to, message)

    def ask(self, message: bytes) -> bytes:
        with _noticing_death():
            with self._asking:
                send(self._to, message)
                self._hearing.acquire()  # before another asks, who could take this answer
            try:
                return receive(self._from)
            finally:
                self._hearing.release()


@contextmanager
def _noticing_death() -> Iterator[None]:
    try:
        yield
    except (BrokenPipeError, EOFError):
        message = "a process that worked for this command has ended"
        raise ForensicsError("worker-died", message) from None


def _dismiss(process: subprocess.Popen[bytes]) -> None:
    """End a process; what it still had to do is no longer wanted."""
    process.kill()
    with suppress(BrokenPipeError), process:
        pass


def _start(module: str) -> subprocess.Popen[bytes]:
    # `-P` and our own path: so that no `forensics` in the current folder is run instead.
    path = os.pathsep.join(entry for entry in sys.path if entry)
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # What goes wrong there is said here; an interrupt reaches it as the end of its input.
        stderr=None if os.environ.get("QUOTE_FORENSICS_TRACEBACK") else subprocess.DEVNULL,
        process_group=0,
        env={**os.environ, "PYTHONPATH": path},
    )
    for stream in (process.stdin, process.stdout):
        assert stream is not None
        with suppress(OSError):
            fcntl.fcntl(stream, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)
    return process
