"""Small quotes, records and cases; and where the real quotes are."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from forensics.case.case import Case, create_case
from forensics.case.records import Record, SourceHeader, Summary
from forensics.case.settings import load_intel_root
from forensics.formats.quote import Quote
from forensics.formats.structures import SGX_REPORT

AT = datetime(2024, 5, 1, 12, tzinfo=UTC)
VECTORS = Path(os.environ.get("QUOTE_VECTORS", "../shared/vectors"))


def pattern(seed: str, size: int) -> bytes:
    return hashlib.shake_128(seed.encode()).digest(size)


def build_quote(
    nonce: str = "0", platform: str = "p", trailing: bytes = b"", **parts: Any
) -> bytes:
    """A v3 quote whose bytes follow from its arguments; nothing in it verifies."""
    header = (3).to_bytes(2, "little") + (2).to_bytes(2, "little") + bytes(44)
    values: dict[str, Any] = {
        "version": 3,
        "body_layout": SGX_REPORT,
        "signed": header + pattern(platform, 320) + pattern("data" + nonce, 64),
        "signature": pattern("signature" + nonce, 64),
        "attestation_key": pattern("key" + platform, 64),
        "qe_report": pattern("qe" + platform, 384),
        "qe_signature": pattern("qe signature" + platform, 64),
        "qe_auth_data": bytes(range(32)),
        "certification_type": 5,
        "certification_data": pattern("chain" + platform, 3000),
        "outer_certification_type": None,
        "trailing": trailing,
    }
    return Quote(**(values | parts)).to_bytes()


def observe(quote: bytes | None = None, line: int = 1, **row: Any) -> Record:
    row.setdefault("event_type", "enclave_attestation")
    return Record(line, b"{}", [("observation", row)], quote)


def take_in(case: Case, records: Iterable[Record], name: str = "events.jsonl") -> Summary:
    """Ingest records as one source, named and identified by `name`."""
    with case.writer(action="ingest", at=AT, who="tester") as writer:
        header = SourceHeader(hashlib.sha256(ascii(name).encode()).digest(), name, "events", 10)
        if writer.knows(header.source_id, name):
            return writer.summary
        with writer.source(header) as add:
            for record in records:
                add(record)
    return writer.summary


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return create_case(tmp_path / "case", name="test", at=AT, anchors=[load_intel_root()])


@pytest.fixture
def make_quote() -> Callable[..., bytes]:
    return build_quote


@pytest.fixture
def make_observation() -> Callable[..., Record]:
    return observe


@pytest.fixture
def ingest(case: Case) -> Callable[..., Summary]:
    return lambda *arguments, **options: take_in(case, *arguments, **options)


@pytest.fixture(scope="session")
def real_quotes() -> list[Path]:
    paths = sorted(VECTORS.glob("*/quote*.bin"))
    if not paths:
        pytest.skip(f"no real quotes at {VECTORS} (QUOTE_VECTORS)")
    return paths
