"""The steps that commands are made of: each does one thing to a case and says what it did."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from forensics.cli.options import read_user
from forensics.cli.progress import measure, show_progress
from forensics.errors import DatabaseLost

if TYPE_CHECKING:
    from forensics.case.case import Case
    from forensics.case.records import Summary
    from forensics.case.signing import PublicKey, Signer
    from forensics.case.verification import VerifySummary
    from forensics.cli.suppressing import SuppressionFile
    from forensics.detect.detection import Detection


def make_case(
    path: Path,
    anchors: Sequence[bytes],
    now: datetime,
    signer: Signer | None = None,
    signing_keys: Sequence[PublicKey] = (),
) -> Case:
    from forensics.case.case import create_case

    return create_case(
        path,
        name=path.name,
        at=now,
        anchors=anchors,
        who=read_user(),
        signer=signer,
        signing_keys=signing_keys,
    )


def check_custody(case: Case) -> None:
    """Raises `CustodyError` (`custody-broken`) where the case contradicts its ledger."""
    from forensics.case.custody import verify_custody
    from forensics.errors import CustodyError

    failures = [problem for problem in verify_custody(case) if problem.level == "failure"]
    if failures:
        first = failures[0]
        message = f"{len(failures)} custody failure(s), first: {first.path}: {first.message}"
        raise CustodyError("custody-broken", f"{message}; see `custody verify`")


def ingest(case: Case, sources: Sequence[Path], now: datetime, *, threads: int) -> Summary:
    from forensics.sources import ingest_paths

    total = measure(sources)
    with (
        show_progress("ingest", unit="bytes") as progress,
        case.writer(action="ingest", at=now, who=read_user()) as writer,
    ):
        workers = threads if threads > 1 else 0
        ingest_paths(writer, sources, progress=lambda done: progress(done, total), workers=workers)
    return writer.summary


def verify(
    case: Case,
    as_of: datetime,
    now: datetime,
    *,
    threads: int,
    fast: bool = True,
    chosen: Collection[bytes] = (),
) -> VerifySummary:
    from forensics.case.verification import verify_case

    with show_progress("verify", unit="quotes") as progress:
        return verify_case(
            case,
            as_of=as_of,
            at=now,
            who=read_user(),
            threads=threads,
            fast=fast,
            chosen=chosen,
            progress=progress,
        )


def detect(
    case: Case,
    as_of: datetime,
    now: datetime,
    *,
    chosen: Sequence[str] = (),
    overrides: Mapping[str, str] | None = None,
    queries: Sequence[Path] = (),
    full: bool = False,
    suppressions: SuppressionFile | None = None,
    patience: timedelta | None = None,
) -> Detection:
    from forensics.case.news import store_look
    from forensics.case.query import open_locked
    from forensics.detect.catalog import load_catalog
    from forensics.detect.detection import detect as run_detection
    from forensics.detect.detection import select
    from forensics.detect.incremental import recall
    from forensics.detect.store import load_detections, save_detection

    catalog = load_catalog(queries)
    detectors = select(catalog, chosen)
    inputs = {view for detector in detectors for view in detector.inputs}
    notes = {} if suppressions is None else {"suppressions_sha256": suppressions.sha256}
    with (
        show_progress("detect", unit="detectors") as progress,
        case.writer(action="detect", at=now, who=read_user(), notes=notes) as writer,
    ):
        lost: dict[str, DatabaseLost] = {}
        while True:
            connection = open_locked(
                case,
                check_results="check_result" in inputs,
                custody_problems="custody_problem" in inputs,
                scratch=True,
            )
            previous = load_detections(connection)
            past = recall(case, connection, previous, detectors, full=full)
            try:
                detection = run_detection(
                    connection,
                    catalog,
                    as_of=as_of,
                    at=now,
                    patience=patience,
                    suppressions=suppressions.entries if suppressions else (),
                    chosen=chosen,
                    overrides=overrides,
                    past=past,
                    lost=lost,
                    progress=progress,
                )
                break
            except DatabaseLost as error:  # the others are judged without that detector
                lost[error.detector] = error
        bases = {
            run.detector.id: past.describe(run, run.cut_off or as_of)
            for run in detection.runs
            if run.failure is None
        }
        save_detection(
            writer,
            detection.findings,
            detection.runs,
            previous,
            bases,
            as_of=as_of,
            evidence_entry=detection.evidence_entry,
            known_entry=detection.known_entry,
        )
        store_look(connection, writer)
        writer.notes |= describe_modes(detection)
    return detection


def describe_modes(detection: Detection) -> dict[str, str]:
    """Ledger notes: which detectors judged only what is new, and which read everything and why."""
    notes = {}
    narrow = [run for run in detection.runs if run.mode == "incremental"]
    if narrow:
        most = max(run.observations_read or 0 for run in narrow)
        notes["incremental"] = f"{len(narrow)} detectors, each over at most {most} observations"
    reasons: dict[str, list[str]] = {}
    for run in detection.runs:
        if run.full_because is not None:
            reasons.setdefault(run.full_because, []).append(run.detector.id)
    if reasons:
        notes["full"] = "; ".join(f"{why}: {', '.join(ids)}" for why, ids in reasons.items())
    return notes
