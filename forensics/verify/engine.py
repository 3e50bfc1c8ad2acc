"""Which implementation verifies many signatures: OpenSSL, or the optional fast path.

Both give the same answers (the tests run over both); the record of a run says which one ran.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from forensics.errors import ForensicsError
from forensics.verify import multibuffer, signatures
from forensics.verify.signatures import SignatureBlock


@dataclass(frozen=True)
class Engine:
    """`verify_block` says of each row whether its signature is valid; may run in many threads."""

    name: str
    verify_block: Callable[[SignatureBlock], list[bool]]


OPENSSL = Engine("openssl", signatures.verify_block)


def choose_engine(*, fast: bool = True) -> Engine:
    """The fast path where library and processor allow it and `fast` asks for it, else OpenSSL."""
    library = multibuffer.load_library() if fast else None
    if library is None:
        return OPENSSL
    return Engine(multibuffer.NAME, partial(multibuffer.verify_block, library=library))


def find_engine(name: str) -> Engine:
    """The engine that another process chose. Raises `ForensicsError` (`no-engine`)."""
    engine = choose_engine(fast=name == multibuffer.NAME)
    if engine.name != name:
        raise ForensicsError("no-engine", f"cannot load {name}, which was there before")
    return engine
