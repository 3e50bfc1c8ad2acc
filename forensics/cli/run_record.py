"""`findings/run.json`: the whole truth of one audit, there from its first moment.

It is written when the audit begins, with `exit_code` null, and again when it ends, however it ends;
an audit that was killed leaves the null. What does not differ between two runs over the same input
is also a row of the view `run`, and so in the ledger; timings are only in the file.
"""

from __future__ import annotations

import errno
import json
import platform
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from forensics.cli.output import to_plain
from forensics.errors import UsageError

if TYPE_CHECKING:
    from forensics.case.case import Case
    from forensics.case.records import Summary
    from forensics.case.verification import VerifySummary
    from forensics.cli.suppressing import SuppressionFile
    from forensics.detect.detection import Detection
    from forensics.detect.findings import Finding

FORMAT: Final = 1
NAME: Final = "run.json"
MOST_SOURCES: Final = 1000  # listed by name; the ledger entry has them all

_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_LOCAL = ("case", "ledger", "timings")  # not the same elsewhere, or at another speed


class RunRecord:
    """What is known of an audit so far; `document` is what the file will hold."""

    def __init__(self, at: datetime, as_of: datetime, who: str, options: Mapping[str, Any]) -> None:
        from forensics.case.ledger import TOOL_NAME, TOOL_VERSION

        self._case: Case | None = None
        self._begun = time.perf_counter()
        self.document: dict[str, Any] = {
            "format": FORMAT,
            "tool": {"name": TOOL_NAME, "version": TOOL_VERSION},
            "versions": {"python": platform.python_version(), "duckdb": version("duckdb")},
            "who": who,
            "started_at": to_plain(at),
            "as_of": to_plain(as_of),
            "options": dict(options),
            "exit_code": None,
            "reason": None,
            "message": "the audit has not ended",
            "timings": {},
        }

    def attach(self, case: Case) -> None:
        """From now on there is a place for the file."""
        self._case = case
        self.document["case"] = case.settings.name
        self.write()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure a step, in seconds."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.document["timings"][name] = round(time.perf_counter() - begun, 3)

    def end(self, code: int, reason: str, message: str) -> None:
        self.document |= {"exit_code": code, "reason": reason, "message": message}

    def write(self) -> None:
        """Write the file, where there is a case to write it to.

        Raises `UsageError` (`not-writable`) where nothing may be written.
        """
        from forensics.case.disk import replace_file

        if self._case is None:
            return
        self.document["timings"]["total"] = round(time.perf_counter() - self._begun, 3)
        folder = self._case.findings_folder
        text = json.dumps(self.document, indent=1, ensure_ascii=False)
        try:
            folder.mkdir(exist_ok=True)
            replace_file(folder / NAME, text.encode("utf-8", "backslashreplace") + b"\n")
        except OSError as error:
            if error.errno not in _FORBIDDEN:
                raise
            message = f"cannot write to the case: {error.strerror}"
            raise UsageError("not-writable", message) from None

    def commit(self, case: Case, at: datetime, as_of: datetime) -> None:
        """Add the run to the case's journal, then write the file."""
        from forensics.detect.journal import save_run

        document = self.document
        shared = {name: value for name, value in document.items() if name not in _LOCAL}
        notes = {"exit_code": str(document["exit_code"]), "reason": document["reason"]}
        row = {
            "started_at": at,
            "as_of": as_of,
            "exit_code": document["exit_code"],
            "reason": document["reason"],
            "record": json.dumps(shared, ensure_ascii=False),
        }
        with case.writer(action="audit", at=at, who=document["who"], notes=notes) as writer:
            save_run(writer, row)
        ledger = case.ledger
        document["ledger"] = {"entries": len(ledger.entries), "head_sha256": ledger.head}
        self.write()


def describe_ingest(summary: Summary, case: Case) -> dict[str, Any]:
    """Counts, and the new sources by name and hash."""
    sources: list[dict[str, Any]] = []
    if summary.entry is not None:
        entry = case.ledger.entries[summary.entry - 1]
        sources = [
            {"source_id": source.source_id, "path": source.path, "size": source.size}
            for source in entry.sources
        ]
    return {
        "ledger_entry": summary.entry,
        "sources": summary.sources,
        "known_sources": len(summary.duplicates),
        "new_quotes": summary.new_quotes,
        "quarantined": summary.quarantined,
        "rows": dict(sorted(summary.rows.items())),
        "new_sources": sources[:MOST_SOURCES],
        "new_sources_not_listed": max(0, len(sources) - MOST_SOURCES),
    }


def describe_verify(summary: VerifySummary) -> dict[str, Any]:
    return {
        "as_of": to_plain(summary.as_of),
        "engine": summary.engine,
        "signatures": dict(sorted(summary.signatures.items())),
        "signatures_verified": summary.signatures_verified,
        "subjects": summary.subjects,
        "verdicts": [
            {"moment": moment, "outcome": outcome, "count": count}
            for (moment, outcome), count in sorted(summary.outcomes.items())
        ],
    }


def describe_detection(detection: Detection) -> dict[str, Any]:
    """Sections `detectors`, `findings` and `feeds`."""
    return {
        "evidence_entry": detection.evidence_entry,
        "detectors": [
            {
                "id": run.detector.id,
                "version": run.detector.version,
                "fingerprint_version": run.detector.fingerprint_version,
                "sql_sha256": run.detector.sql_sha256,
                "params": json.loads(run.params_json),
                "evaluated": run.evaluated,
                "mode": run.mode,
                "mode_reason": run.full_because,
                "observations_read": run.observations_read,
                "findings": len(run.findings),
                "cut_off": to_plain(run.cut_off),
                "waiting": [finding.fingerprint for finding in run.waiting],
                "not_evaluable": [{"reason": g.reason, "count": g.count} for g in run.gaps],
                "failure": run.failure,
            }
            for run in detection.runs
        ],
        "findings": count_findings(detection.findings),
        "changes": count_changes(detection.findings, detection.at),
        "feeds": [
            {
                "view": feed.view,
                "feed": feed.name,
                "files": feed.files,
                "events": feed.events,
                "watermark": to_plain(feed.newest),
            }
            for feed in detection.feeds
        ],
    }


def count_findings(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Counts by detector, severity and state, in that order."""
    counts = Counter((f.detector, f.severity, f.state) for f in findings)
    names = ("detector", "severity", "state")
    return [dict(zip(names, key, strict=True)) | {"count": counts[key]} for key in sorted(counts)]


def count_changes(findings: Sequence[Finding], at: datetime | None) -> list[dict[str, Any]]:
    """What came into its state in this run: counts by state and cause."""
    changed = (f for f in findings if f.changed_at(at))
    counts = Counter((f.state, f.cause or "evidence") for f in changed)
    return [
        {"state": state, "cause": cause, "count": counts[state, cause]}
        for state, cause in sorted(counts)
    ]


def describe_suppressions(
    file: SuppressionFile | None, findings: Sequence[Finding], at: datetime
) -> dict[str, Any] | None:
    if file is None:
        return None
    found = file.review(findings, at)
    return {
        "sha256": file.sha256,
        "active": list(found.active),
        "expired": list(found.expired),
        "expiring": list(found.expiring),
        "unused": list(found.unused),
    }
