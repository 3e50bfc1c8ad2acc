"""The few error types, each with a permanent machine-readable code.

Unreadable evidence is data, not a crash: readers turn an `EvidenceError` into a quarantine row.
A failed check is not an error at all; it is a result (see `forensics.verify`).
"""

from __future__ import annotations


class ForensicsError(Exception):
    """Base of everything this package raises on purpose.

    `code` is stable and lower-case (`kebab-case`); `message` is one line for a person.
    """

    exit_code = 2

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} [{code}]")
        self.code = code
        self.message = message


class UsageError(ForensicsError):
    """The caller asked for something that cannot be done: a wrong argument, a missing path, a
    case that another process writes.
    """


class EvidenceError(ForensicsError):
    """Evidence that cannot be read. `offset` is a byte offset into it where one is known."""

    def __init__(self, code: str, message: str, offset: int | None = None) -> None:
        super().__init__(code, message)
        self.offset = offset


class CustodyError(ForensicsError):
    """The case contradicts its own ledger."""

    exit_code = 4


class DetectorError(ForensicsError):
    """A detector's header, query or parameter breaks the contract of `queries/`."""


class DatabaseLost(ForensicsError):  # noqa: N818  (what has happened, like KeyboardInterrupt)
    """A detector's query ended the database that it ran in: nothing more can be asked of that."""

    def __init__(self, detector: str, message: str) -> None:
        super().__init__("database-lost", message)
        self.detector = detector
