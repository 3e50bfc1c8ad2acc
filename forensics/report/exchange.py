"""Findings for tools that take whole files: CSV, Parquet, SARIF, Timesketch.

Sources: RFC 4180; SARIF 2.1.0 (OASIS); Timesketch's reader of JSON lines, which wants `message`,
`datetime` and `timestamp_desc`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from forensics import __version__
from forensics.case import tables
from forensics.case.contract import FINDING
from forensics.case.ledger import TOOL_NAME
from forensics.detect.catalog import Catalog
from forensics.formats.times import to_microseconds
from forensics.report.outgoing import Outgoing
from forensics.report.plain import encode_json, to_cell, to_line
from forensics.report.text import to_plain

SARIF_VERSION: Final = "2.1.0"
_SARIF_LEVEL: Final = {
    "critical": "error",
    "high": "error",
    "medium": "warning",
    "low": "note",
    "info": "note",
}
_SARIF_BASELINE: Final = {
    "new": "new",
    "reopened": "new",
    "recurring": "unchanged",
    "unobserved": "unchanged",
    "suppressed": "unchanged",
    "closed": "unchanged",
    "resolved": "absent",
}
_FINGERPRINT_NAME: Final = "quoteForensics/v1"


def to_record(item: Outgoing) -> dict[str, Any]:
    """A row of the view `finding`, with `details` as an object."""
    row = {name: to_plain(getattr(item.finding, name)) for name in FINDING.names}
    return row | {"details": item.details}


def write_csv(items: Iterable[Outgoing]) -> str:
    """RFC 4180 with a header; no cell can be taken for a formula."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\r\n")
    writer.writerow(FINDING.names)
    for item in items:
        record = to_record(item)
        writer.writerow([to_cell(record[name]) for name in FINDING.names])
    return target.getvalue()


def write_parquet(items: Iterable[Outgoing], case: str) -> bytes:
    """The columns of the view `finding`, typed; which tool wrote it is in the file's metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [{name: getattr(i.finding, name) for name in FINDING.names} for i in items]
    kinds = {field.name: field.type for field in tables.FINDING.arrow_schema()}
    schema = pa.schema(  # what the view adds to the stored columns is text
        [(name, kinds.get(name, pa.string())) for name in FINDING.names],
        {"tool": f"{TOOL_NAME} {__version__}", "case": case},
    )
    target = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), target, compression="zstd")
    return target.getvalue()


def to_timesketch(item: Outgoing) -> Iterator[str]:
    """One line per moment of a finding: first and last sighting, opening, and its state."""
    finding = item.finding
    lasting = finding.last_seen != finding.first_seen
    moments: Sequence[tuple[str, datetime | None]] = (
        ("Finding first seen", finding.first_seen),
        (
            "Finding last seen",
            finding.last_seen if lasting else None,
        ),
        ("Finding opened", finding.opened_at),
        (f"Finding {finding.state}", finding.state_since),
    )
    known = {name: item.name(name) for name in ("enclave_id", "workload_id", "node_id")}
    for description, moment in moments:
        if moment is not None:
            yield to_line(
                {
                    "message": f"{finding.title}: {finding.summary}",
                    "datetime": moment.isoformat(timespec="microseconds"),
                    "timestamp": to_microseconds(moment),
                    "timestamp_desc": description,
                    "tag": [finding.severity, finding.detector, finding.state],
                    "data_type": f"{TOOL_NAME}:finding",
                    "fingerprint": finding.fingerprint,
                    "severity": finding.severity,
                    "rule_id": finding.detector,
                    "subject_type": finding.subject_type,
                    "subject_id": finding.subject_id,
                    **{name: value for name, value in known.items() if value is not None},
                }
            )


def write_sarif(items: Sequence[Outgoing], catalog: Catalog) -> str:
    """One run; a finding's place is its subject, since it stands in no file."""
    names = sorted({item.finding.detector for item in items})
    document = {
        "version": SARIF_VERSION,
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": TOOL_NAME,
                        "version": __version__,
                        "rules": [_describe_rule(name, items, catalog) for name in names],
                    }
                },
                "results": [_to_result(item, names) for item in items],
            }
        ],
    }
    return encode_json(document, indent=1) + "\n"


def _describe_rule(name: str, items: Iterable[Outgoing], catalog: Catalog) -> dict[str, Any]:
    title = next(item.finding.title for item in items if item.finding.detector == name)
    rule: dict[str, Any] = {"id": name, "shortDescription": {"text": title}}
    if detector := catalog.get(name):
        rule["fullDescription"] = {"text": f"{detector.question} {detector.why}"}
        rule["defaultConfiguration"] = {"level": _SARIF_LEVEL[detector.severity]}
    return rule


def _to_result(item: Outgoing, names: Sequence[str]) -> dict[str, Any]:
    finding = item.finding
    result: dict[str, Any] = {
        "ruleId": finding.detector,
        "ruleIndex": names.index(finding.detector),
        "level": _SARIF_LEVEL[finding.severity],
        "message": {"text": finding.summary or finding.title},
        "locations": [
            {
                "logicalLocations": [
                    {
                        "name": finding.subject_id,
                        "fullyQualifiedName": f"{finding.subject_type}/{finding.subject_id}",
                        "kind": finding.subject_type,
                    }
                ]
            }
        ],
        "partialFingerprints": {_FINGERPRINT_NAME: finding.fingerprint},
        "baselineState": _SARIF_BASELINE[finding.state],
        "properties": {
            "severity": finding.severity,
            "state": finding.state,
            "cause": finding.cause,
            "observationIds": list(finding.observation_ids),
            "details": item.details,
        },
    }
    if finding.state in ("suppressed", "closed"):
        reason = finding.suppression or finding.triage or finding.state
        suppression = {"kind": "external", "status": "accepted", "justification": reason}
        result["suppressions"] = [suppression]
    return result
