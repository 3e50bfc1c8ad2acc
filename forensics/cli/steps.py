"""The steps that commands are made of: each does one thing to a case and says what it did."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from forensics.cli.options import read_user
from forensics.cli.progress import measure, show_progress

if TYPE_CHECKING:
    from forensics.case.case import Case
    from forensics.case.verification import VerifySummary
    from forensics.case.writer import Summary


def make_case(path: Path, anchors: Sequence[bytes], now: datetime) -> Case:
    from forensics.case.case import create_case

    return create_case(path, name=path.name, at=now, anchors=anchors, who=read_user())


def ingest(case: Case, sources: Sequence[Path], now: datetime) -> Summary:
    from forensics.sources import ingest_paths

    total = measure(sources)
    with (
        show_progress("ingest", unit="bytes") as progress,
        case.writer(action="ingest", at=now, who=read_user()) as writer,
    ):
        ingest_paths(writer, sources, progress=lambda done: progress(done, total))
    return writer.summary


def verify(case: Case, as_of: datetime, now: datetime, threads: int) -> VerifySummary:
    from forensics.case.verification import verify_case

    with show_progress("verify", unit="quotes") as progress:
        return verify_case(
            case, as_of=as_of, at=now, who=read_user(), threads=threads, progress=progress
        )
