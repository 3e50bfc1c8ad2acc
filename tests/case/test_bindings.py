"""REPORT_DATA rules over all observations of a case: the same rows however many are held."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from forensics.case import bindings
from forensics.case.case import create_case, open_case
from forensics.case.verification import verify_case
from forensics.formats.pem import split_pem
from forensics.sources import ingest_paths

AT = datetime(2026, 1, 8, tzinfo=UTC)
SAMPLE = Path(__file__).parents[2] / "sample_data"


@pytest.fixture(scope="module")
def unverified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    [(_, root)] = split_pem((SAMPLE / "root_ca.pem").read_bytes())
    path = tmp_path_factory.mktemp("sample") / "case"
    case = create_case(path, name="sample", at=AT, anchors=[root])
    with case.writer(action="ingest", at=AT, who="test") as writer:
        ingest_paths(writer, [SAMPLE / "evidence"])
    return path


def bind(unverified: Path, path: Path) -> list[tuple[Any, ...]]:
    shutil.copytree(unverified, path)
    verify_case(open_case(path), as_of=AT, at=AT, who="test", threads=1)
    [file] = open_case(path).files("binding")
    return [tuple(row.values()) for row in pq.read_table(file).to_pylist()]


@pytest.mark.parametrize("size", [1, 50, 150, 1000])
def test_ranges_give_the_same_rows_in_the_same_order(
    unverified: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    whole = bind(unverified, tmp_path / "whole")
    assert len(whole) > 100
    assert {row[3] for row in whole} >= {"match", "mismatch", "not_evaluable"}
    assert [row[0] for row in whole] == sorted(row[0] for row in whole)
    monkeypatch.setattr(bindings, "_RANGE", size)
    assert bind(unverified, tmp_path / "ranges") == whole
