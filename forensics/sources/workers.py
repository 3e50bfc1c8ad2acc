"""Processes that read the blocks of one large source, in parallel; the readings keep the order."""

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

import msgspec

from forensics.case.framing import receive, send
from forensics.errors import CustodyError, ForensicsError
from forensics.sources.blocks import BlockReading
from forensics.sources.limits import Limits
from forensics.sources.worker import ERROR, Task

_PIPE_SIZE = 1 << 20


@contextmanager
def hire(count: int, source_id: bytes, limits: Limits) -> Iterator[Workers]:
    """Start `count` processes for a block; they end with it."""
    task = msgspec.json.encode(Task(source_id, limits))
    with ThreadPoolExecutor(count) as pool, ExitStack() as processes:
        workers = Workers(pool, count)
        try:
            for _ in range(count):
                process = _start()
                processes.callback(_dismiss, process)
                workers.add(process, task)
            yield workers
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


class Workers:
    """Processes, each with one of the pool's threads that speaks with it at a time."""

    def __init__(self, pool: ThreadPoolExecutor, count: int) -> None:
        self._pool = pool
        self._lookahead = 2 * count
        self._idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()

    def add(self, process: subprocess.Popen[bytes], task: bytes) -> None:
        """Tell a new process its task, and give it work from now on."""
        assert process.stdin is not None
        with _noticing_death():
            send(process.stdin, task)
        self._idle.put(process)

    def read(self, blocks: Iterable[bytes]) -> Iterator[BlockReading]:
        """The readings of `blocks`, in their order; few blocks are held at a time.

        Raises `ForensicsError` (`worker-died`), and `CustodyError` as `Builder` does.
        """
        waiting: deque[Future[bytes]] = deque()
        for block in blocks:
            waiting.append(self._pool.submit(self._exchange, block))
            if len(waiting) > self._lookahead:
                yield BlockReading.from_bytes(waiting.popleft().result())
        while waiting:
            yield BlockReading.from_bytes(waiting.popleft().result())

    def _exchange(self, block: bytes) -> bytes:
        process = self._idle.get()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            with _noticing_death():
                send(process.stdin, block)
                answer = receive(process.stdout)
        finally:
            self._idle.put(process)
        if answer[:1] == ERROR:
            raise CustodyError(*msgspec.json.decode(answer[1:], type=tuple[str, str]))
        return answer[1:]


@contextmanager
def _noticing_death() -> Iterator[None]:
    try:
        yield
    except (BrokenPipeError, EOFError):
        message = "a process that read for this ingest has ended"
        raise ForensicsError("worker-died", message) from None


def _dismiss(process: subprocess.Popen[bytes]) -> None:
    """End a process; what it was still to do is not wanted any more."""
    process.kill()
    with suppress(BrokenPipeError), process:
        pass


def _start() -> subprocess.Popen[bytes]:
    # `-P` and our own path: no `forensics` that lies in the current folder is run instead.
    path = os.pathsep.join(entry for entry in sys.path if entry)
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "forensics.sources.worker"],
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
