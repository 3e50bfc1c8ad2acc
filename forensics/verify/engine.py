"""Which implementation verifies many signatures: OpenSSL, or the optional fast path.

Both give the same answers (the tests run over both); which one ran is said in the record of a run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from forensics.verify import multibuffer, signatures

VerifyMany = Callable[[Sequence[bytes], Sequence[bytes], Sequence[bytes]], list[bool]]
"""(keys X ‖ Y, signatures r ‖ s, messages) -> valid, row by row; may run in many threads."""


@dataclass(frozen=True)
class Engine:
    name: str
    verify_many: VerifyMany


OPENSSL = Engine("openssl", signatures.verify_many)


def choose_engine(*, fast: bool = True) -> Engine:
    """The fast path where library and processor allow it and `fast` asks for it, else OpenSSL."""
    library = multibuffer.load_library() if fast else None
    if library is None:
        return OPENSSL
    return Engine(multibuffer.NAME, partial(multibuffer.verify_many, library=library))
