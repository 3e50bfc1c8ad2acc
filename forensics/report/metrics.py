"""One audit as metrics for the textfile collector of Prometheus's node exporter.

From `run.json` alone, so that a failed run is reported as well. No timestamps (the collector
refuses them) and few labels: never an id from evidence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

PREFIX: Final = "quote_forensics"

Sample = tuple[Mapping[str, str], float]

METRICS: Final = {
    "build_info": "The version of the tool that ran.",
    "last_run_timestamp_seconds": "When the last audit began.",
    "last_run_exit_code": "How it ended; 255 when it has not.",
    "last_complete_run_timestamp_seconds": "The same, of a run that ended with 0 or 1.",
    "run_step_duration_seconds": "How long its steps took.",
    "findings": "Findings of the case by detector, severity and state.",
    "finding_changes": "Findings that came into a state in this run, and by what.",
    "detector_evaluated": "1 where the detector could look.",
    "detector_not_evaluable": "Subjects that the detector could not judge.",
    "detector_waiting": "Findings that wait for a feed to catch up.",
    "ingested_sources": "Sources that the run read.",
    "known_sources": "Sources that the case had already.",
    "quarantined_records": "Records of this run that could not be read.",
    "signatures_verified": "Signatures that the run verified.",
    "feed_watermark_timestamp_seconds": "The newest event of each kind of feed.",
    "suppressions": "Entries of the suppression file by what there is to say about them.",
    "on_finding_calls": "Findings that the run handed to a command.",
}


def write_metrics(record: Mapping[str, Any]) -> str:
    """The text of a `.prom` file from the document of `run.json`."""
    samples = _collect(record)
    lines = []
    for name, meaning in METRICS.items():
        if samples.get(name):
            lines += [f"# HELP {PREFIX}_{name} {meaning}", f"# TYPE {PREFIX}_{name} gauge"]
            lines += [_format(name, labels, value) for labels, value in samples[name]]
    return "\n".join(lines) + "\n"


def _collect(record: Mapping[str, Any]) -> dict[str, list[Sample]]:
    code = record["exit_code"]
    started = _seconds(record["started_at"])
    ingest, verify = record.get("ingest") or {}, record.get("verify") or {}
    detectors = record.get("detectors") or ()
    return {
        "build_info": [({"version": record["tool"]["version"]}, 1)],
        "last_run_timestamp_seconds": [({}, started)],
        "last_run_exit_code": [({}, 255 if code is None else code)],
        "last_complete_run_timestamp_seconds": [({}, started)] if code in (0, 1) else [],
        "run_step_duration_seconds": [
            ({"step": step}, seconds) for step, seconds in record.get("timings", {}).items()
        ],
        "findings": _count(record.get("findings") or (), ("detector", "severity", "state")),
        "finding_changes": _count(record.get("changes") or (), ("state", "cause")),
        "detector_evaluated": [({"detector": d["id"]}, d["evaluated"]) for d in detectors],
        "detector_not_evaluable": [
            ({"detector": d["id"]}, sum(gap["count"] for gap in d["not_evaluable"]))
            for d in detectors
        ],
        "detector_waiting": [({"detector": d["id"]}, len(d.get("waiting", ()))) for d in detectors],
        "ingested_sources": _single(ingest, "sources"),
        "known_sources": _single(ingest, "known_sources"),
        "quarantined_records": _single(ingest, "quarantined"),
        "signatures_verified": _single(verify, "signatures_verified"),
        "feed_watermark_timestamp_seconds": _read_watermarks(record.get("feeds") or ()),
        "suppressions": [
            ({"state": state}, len((record.get("suppressions") or {}).get(state, ())))
            for state in ("active", "expired", "expiring", "unused")
        ],
        "on_finding_calls": _count_calls(record.get("on_finding") or {}),
    }


def _single(section: Mapping[str, Any], name: str) -> list[Sample]:
    return [({}, section[name])] if name in section else []


def _count(rows: Iterable[Mapping[str, Any]], labels: tuple[str, ...]) -> list[Sample]:
    return [({label: row[label] for label in labels}, row["count"]) for row in rows]


def _count_calls(section: Mapping[str, Any]) -> list[Sample]:
    counts = Counter(
        "succeeded" if call["exit_code"] == 0 else "failed" for call in section.get("calls", ())
    )
    return [({"result": result}, counts[result]) for result in ("succeeded", "failed") if section]


def _read_watermarks(feeds: Iterable[Mapping[str, Any]]) -> list[Sample]:
    """The newest per view: names of files stay out of labels."""
    newest: dict[str, float] = {}
    for feed in feeds:
        if feed["watermark"] is not None:
            seconds = _seconds(feed["watermark"])
            newest[feed["view"]] = max(newest.get(feed["view"], seconds), seconds)
    return [({"view": view}, newest[view]) for view in sorted(newest)]


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _format(name: str, labels: Mapping[str, str], value: float) -> str:
    inside = ",".join(f'{label}="{_escape(text)}"' for label, text in labels.items())
    return f"{PREFIX}_{name}{{{inside}}} {float(value)!r}" if inside else (
        f"{PREFIX}_{name} {float(value)!r}"
    )  # fmt: skip


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
