"""Durable files: read and hash what is on disk; force it there before anything refers to it."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from forensics.errors import CustodyError


def digest_file(path: Path) -> tuple[str, int]:
    """`(SHA-256 in hex, size in bytes)` of a file as it is on disk now."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return digest.hexdigest(), file.tell()


def read_record(path: Path, name: str, limit: int, code: str) -> bytes:
    """All of a file of at most `limit` bytes, never a part. Raises `CustodyError` (`code`)."""
    if not path.is_file():  # a pipe, say, would hold us for ever
        raise CustodyError(code, f"{name} is not a file")
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise CustodyError(code, f"{name}: {error.strerror}") from None
    if len(data) > limit:
        raise CustodyError(code, f"{name} is larger than {limit} bytes")
    return data


def sync_file(path: Path) -> None:
    """Force a file's contents to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Force a folder's entries (new names, removed names) to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def create_file(path: Path, data: bytes) -> None:
    """A new file that appears whole or not at all. Raises `FileExistsError`.

    The exclusive step is `link`: of two writers that race for one name, one fails.
    """
    draft = _write_draft(path, data)
    try:
        os.link(draft, path)
    finally:
        draft.unlink()
    sync_folder(path.parent)


def replace_file(path: Path, data: bytes) -> None:
    """A file that has its old contents or these, and never half of them."""
    draft = _write_draft(path, data)
    try:
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def _write_draft(path: Path, data: bytes) -> Path:
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
    return draft
