"""A real case to ingest into, and its tables as rows of Python values."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from forensics.case.case import Case, create_case
from forensics.case.records import Summary
from forensics.sources import DEFAULT_LIMITS, Limits, ingest_paths

AT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Bench:
    """A case and an evidence folder beside it."""

    case: Case
    folder: Path

    def ingest(self, *paths: Path, limits: Limits = DEFAULT_LIMITS) -> Summary:
        with self.case.writer(action="ingest", at=AT, who="test") as writer:
            ingest_paths(writer, list(paths) or [self.folder], limits)
        return writer.summary

    def put(self, name: str, data: bytes | str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    def rows(self, table: str, columns: str) -> list[tuple[object, ...]]:
        files = [str(path) for path in self.case.files(table)]
        if not files:
            return []
        # Tables that grow with time lie in one folder a month: ask for their own columns only.
        with duckdb.connect() as connection:
            relation = connection.read_parquet(files, hive_partitioning=False)
            return relation.select(columns).fetchall()

    def reasons(self) -> list[object]:
        return sorted(str(reason) for (reason,) in self.rows("quarantine", "reason"))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    folder = tmp_path / "evidence"
    folder.mkdir()
    case = create_case(tmp_path / "case", name="test", at=AT, anchors=[])
    return Bench(case, folder)


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The real quotes and collateral, which are not part of this repository."""
    default = Path(__file__).parents[2].parent / "shared" / "vectors"
    folder = Path(os.environ.get("QUOTE_VECTORS", default))
    if not (folder / "manifest.json").is_file():
        pytest.skip(f"no real vectors at {folder}; set QUOTE_VECTORS")
    return folder


@pytest.fixture
def make_quote() -> Callable[..., bytes]:
    """Quotes that parse (their signatures do not verify): ingest never looks at a signature."""

    def build(seed: int = 0, certification: bytes = b"no chain", trailing: bytes = b"") -> bytes:
        header = bytes.fromhex("0300020000000000") + bytes(4)
        header += bytes.fromhex("939a7233f79c4ca9940a0db3957f0607") + bytes(20)
        report = bytes(320) + seed.to_bytes(64, "big")
        data = bytes([seed % 256]) * 64 + bytes(64) + bytes(384) + bytes(64) + bytes(2)
        certification = certification.ljust(64, b".")
        data += (5).to_bytes(2, "little") + len(certification).to_bytes(4, "little") + certification
        return header + report + len(data).to_bytes(4, "little") + data + trailing

    return build
