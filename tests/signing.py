"""Both engines, and signatures row by row for functions that take columns."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import pytest

from forensics.verify.engine import OPENSSL, Engine, choose_engine
from forensics.verify.signatures import SignatureBlock


def engines() -> list[Any]:
    fast = choose_engine()
    absent = pytest.mark.skipif(
        fast is OPENSSL, reason="no multi-buffer library or no AVX-512 IFMA"
    )
    return [pytest.param(OPENSSL, id="openssl"), pytest.param(fast, id="crypto_mb", marks=absent)]


def make_block(
    points: Sequence[bytes], signatures: Sequence[bytes], messages: Sequence[bytes]
) -> SignatureBlock:
    places = {point: place for place, point in enumerate(dict.fromkeys(points))}
    return SignatureBlock(
        keys=list(places),
        key_index=[places[point] for point in points],
        r=b"".join(signature[:32] for signature in signatures),
        s=b"".join(signature[32:] for signature in signatures),
        digests=b"".join(hashlib.sha256(message).digest() for message in messages),
    )


def verify_many(
    engine: Engine,
    points: Sequence[bytes],
    signatures: Sequence[bytes],
    messages: Sequence[bytes],
) -> list[bool]:
    return engine.verify_block(make_block(points, signatures, messages))
