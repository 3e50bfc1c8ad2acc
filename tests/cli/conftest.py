"""The real command line, in this process: arguments in, exit code and both streams out."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from forensics.cli.main import main

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "sample_data"
END_OF_SAMPLE = "2026-01-08T00:00:00Z"


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def records(self) -> list[dict[str, Any]]:
        return json.loads(self.out)


Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["quote-forensics", *map(str, arguments)])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return call


@pytest.fixture(scope="session")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A case with the audited sample; tests must not change it."""
    case = tmp_path_factory.mktemp("audited") / "case"
    arguments = ["audit", str(case), str(SAMPLE / "evidence")]
    arguments += ["--root-ca", str(SAMPLE / "root_ca.pem"), "--as-of", END_OF_SAMPLE]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["quote-forensics", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
    assert stop.value.code == 1
    entries = sorted((case / "ledger").iterdir())
    yield case
    assert sorted((case / "ledger").iterdir()) == entries, "a test changed the shared case"


@pytest.fixture
def own_audited(audited: Path, tmp_path: Path) -> Path:
    """The same in a copy of its own, for tests that change it."""
    return Path(shutil.copytree(audited, tmp_path / "audited"))
