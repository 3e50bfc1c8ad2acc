"""Precision and recall of every detector over many seeds of the simulator.

    python benchmarks/accuracy.py DIR [--seeds 20] [--days 3] [--platforms 4]

Each seed is a fleet of its own with every incident in it, and a clean one beside it. A finding is
right when it is about something that the simulator labels for that detector: it tells a labelled
event, or has the labelled subject. Recall is over labels, precision over findings; what a detector
says about the clean fleets counts against it as well. DIR keeps each seed's counts, so that a run
can be broken off and taken up; counts of other rules than today's are measured again. Writes
`results/accuracy.md`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from forensics.case.case import Case, create_case
from forensics.case.query import open_locked
from forensics.case.verification import verify_case
from forensics.detect.catalog import load_catalog
from forensics.detect.detection import detect
from forensics.detect.findings import Finding
from forensics.simulate import simulate
from forensics.sources import ingest_paths

RESULTS = Path(__file__).parent / "results"
AS_OF = datetime(2026, 3, 1, tzinfo=UTC)
CATALOG = load_catalog()
RULES = hashlib.sha256(" ".join(d.sql_sha256 for d in CATALOG.values()).encode()).hexdigest()

Counts = dict[str, Counter[str]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("directory", type=Path)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--platforms", type=int, default=4)
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    total: Counts = {name: Counter() for name in CATALOG}
    for seed in range(1, options.seeds + 1):
        for name, counted in recall_seed(options, seed).items():
            total[name].update(counted)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "accuracy.md").write_text(describe(total, options))


def recall_seed(options: argparse.Namespace, seed: int) -> Counts:
    """The counts of a seed under these rules: kept, or measured and kept."""
    kept = options.directory / f"seed-{seed}.json"
    if kept.exists():
        known = json.loads(kept.read_text())
        if known.get("rules") == RULES:
            counts: Counts = known["counts"]
            return counts
    counts = measure_seed(options.directory, seed, options.days, options.platforms)
    kept.write_text(json.dumps({"rules": RULES, "counts": counts}, indent=1) + "\n")
    print(f"seed {seed}", flush=True)
    return counts


def measure_seed(directory: Path, seed: int, days: int, platforms: int) -> Counts:
    counts: Counts = {name: Counter() for name in CATALOG}
    for label, incidents in (("incidents", None), ("clean", ())):
        folder = directory / f"{seed}-{label}"
        shutil.rmtree(folder, ignore_errors=True)
        simulate(folder / "sim", seed=seed, days=days, platforms=platforms, incidents=incidents)
        count(counts, folder)
        shutil.rmtree(folder)
    return counts


def count(counts: Counts, folder: Path) -> None:
    roots = x509.load_pem_x509_certificates((folder / "sim" / "root_ca.pem").read_bytes())
    anchors = [root.public_bytes(Encoding.DER) for root in roots]
    case = create_case(folder / "case", name="sim", at=AS_OF, anchors=anchors)
    with case.writer(action="ingest", at=AS_OF, who="benchmark") as writer:
        ingest_paths(writer, [folder / "sim" / "evidence"])
    verify_case(case, as_of=AS_OF, at=AS_OF, who="benchmark", threads=1)
    findings = run_detectors(case)
    truth = json.loads((folder / "sim" / "truth.json").read_text())["findings"]
    for label in truth:
        hit = any(is_about(finding, events, label) for finding, events in findings)
        counts[label["detector"]]["labels"] += 1
        counts[label["detector"]]["found"] += hit
    for finding, events in findings:
        right = any(is_about(finding, events, label) for label in truth)
        counts[finding.detector]["findings"] += 1
        counts[finding.detector]["right"] += right
        if not right and finding.severity in ("critical", "high"):
            counts[finding.detector]["grave"] += 1
        if not right and finding.severity in ("low", "info"):
            counts[finding.detector]["slight"] += 1


def run_detectors(case: Case) -> list[tuple[Finding, frozenset[str]]]:
    """The findings, each with the event ids of its sightings."""
    connection = open_locked(case, check_results=False, custody_problems=True)
    rows = connection.execute("SELECT observation_id, event_id FROM observation").fetchall()
    event_of = dict(rows)
    return [
        (finding, frozenset(event_of[seen] for seen in finding.observation_ids if event_of[seen]))
        for finding in detect(connection, CATALOG, as_of=AS_OF).findings
    ]


def is_about(finding: Finding, events: frozenset[str], label: dict[str, Any]) -> bool:
    if finding.detector != label["detector"]:
        return False
    if label["event_ids"] and events:
        return bool(events & set(label["event_ids"]))
    return finding.subject_id in (label["subject_id"], label["enclave_id"])


def describe(total: Counts, options: argparse.Namespace) -> str:
    lines = [
        "# Precision and recall of the detectors",
        "",
        f"`python benchmarks/accuracy.py DIR --seeds {options.seeds} --days {options.days} "
        f"--platforms {options.platforms}`: {options.seeds} fleets with every incident of the "
        f"simulator and {options.seeds} clean ones, {options.days} days each. *Labels* are what "
        "the simulator says that a detector should find, *grave* are findings at `high` or above "
        "that no label explains, *slight* those at `low` or `info`. `custody-break` has no label: "
        "no evidence can break custody.",
        "",
        "What is slight is true, and no incident: known-exposure lists published advisories of "
        "every fleet; svn-rollback, laggards of an upgrade; qe-svn-rollback, old evidence that was "
        "shown again.",
        "",
        "| detector | labels | recall | findings | precision | grave | slight |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in sorted(total):
        c = total[name]
        recall = ratio(c["found"], c["labels"])
        precision = ratio(c["right"], c["findings"])
        lines.append(
            f"| {name} | {c['labels']} | {recall} | {c['findings']} | {precision} "
            f"| {c['grave']} | {c['slight']} |"
        )
    everything = sum(total.values(), Counter())
    lines.append(
        f"| **all** | {everything['labels']} | {ratio(everything['found'], everything['labels'])} "
        f"| {everything['findings']} | {ratio(everything['right'], everything['findings'])} "
        f"| {everything['grave']} | {everything['slight']} |"
    )
    return "\n".join(lines) + "\n"


def ratio(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "–"


if __name__ == "__main__":
    main()
