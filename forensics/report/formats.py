"""The formats in which findings leave, by name: what each is, and its bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from forensics.case.ledger import TOOL_NAME, TOOL_VERSION
from forensics.detect.catalog import Catalog
from forensics.report.exchange import (
    to_record,
    to_timesketch,
    write_csv,
    write_parquet,
    write_sarif,
)
from forensics.report.metrics import write_metrics
from forensics.report.outgoing import Outgoing
from forensics.report.plain import to_line
from forensics.report.rows import IS_OPEN
from forensics.report.siem import (
    to_ecs_line,
    to_event_line,
    to_ocsf_compliance,
    to_ocsf_line,
    to_syslog,
)

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True)
class Parcel:
    """All that a format may want: chosen findings, one row per detector, the newest run."""

    case: str
    catalog: Catalog
    items: Sequence[Outgoing]
    controls: Sequence[Mapping[str, Any]]
    run: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """`feed`: a stream of events, of which an audit writes only what changed."""

    name: str
    meaning: str
    feed: bool
    write: Callable[[Parcel], bytes]


def _each(line: Callable[[Outgoing], str]) -> Callable[[Parcel], bytes]:
    def write(parcel: Parcel) -> bytes:
        return _join(line(item) for item in parcel.items)

    return write


def _join(lines: Any) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")


def _write_timesketch(parcel: Parcel) -> bytes:
    return _join(line for item in parcel.items for line in to_timesketch(item))


def _write_compliance(parcel: Parcel) -> bytes:
    return _join(
        to_line(to_ocsf_compliance(row, parcel.catalog.get(row["detector"])))
        for row in parcel.controls
    )


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


FORMATS: Final = {
    entry.name: entry
    for entry in (
        OutputFormat("jsonl", "JSON lines, one finding each", False, _each(
            lambda item: to_line(to_record(item))
        )),
        OutputFormat("csv", "CSV, safe to open in a spreadsheet", False, lambda p: _encode(
            write_csv(p.items)
        )),
        OutputFormat("parquet", "Parquet with the columns of the view `finding`", False, lambda p: (
            write_parquet(p.items, p.case)
        )),
        OutputFormat("ocsf", "OCSF 1.5 Detection Finding (2004)", True, _each(to_ocsf_line)),
        OutputFormat(
            "ocsf-compliance", "OCSF 1.5 Compliance Finding (2003), one per detector", False,
            _write_compliance,
        ),
        OutputFormat("ecs", "Elastic Common Schema 8", True, _each(to_ecs_line)),
        OutputFormat("timesketch", "Timesketch JSON lines", False, _write_timesketch),
        OutputFormat("sarif", "SARIF 2.1.0", False, lambda p: _encode(
            write_sarif(p.items, p.catalog)
        )),
        OutputFormat("syslog", "RFC 5424 messages", True, _each(to_syslog)),
        OutputFormat("event", "the source system's own events, denied", True, _each(to_event_line)),
        OutputFormat("prometheus", "metrics of the newest audit", False, lambda p: _encode(
            write_metrics(p.run)
        )),
    )
}  # fmt: skip


def load_controls(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Each detector with its newest run, how many findings are open, and the worst of those."""
    relation = connection.sql(
        f"""
        SELECT d.detector, d.detector_version, d.outcome, d.unjudged,
               coalesce(d.waiting, 0) AS waiting, d.as_of,
               count(f.fingerprint) AS open_findings,
               arg_min(f.severity, CASE f.severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1
                   WHEN 'medium' THEN 2 WHEN 'low' THEN 3 ELSE 4 END) AS severity
        FROM detection AS d
        LEFT JOIN finding AS f
          ON f.detector = d.detector
         AND f.{IS_OPEN}
        WHERE d.as_of IS NOT NULL
        GROUP BY ALL
        ORDER BY d.detector
        """
    )
    rows: list[dict[str, Any]] = relation.to_arrow_table().to_pylist()
    return rows


def load_run(connection: duckdb.DuckDBPyConnection) -> Mapping[str, Any]:
    """The record of the newest audit; without one, that of an audit that has not ended."""
    [(record,)] = connection.execute("SELECT arg_max(record, started_at) FROM run").fetchall()
    if record is None:
        tool = {"name": TOOL_NAME, "version": TOOL_VERSION}
        return {"tool": tool, "started_at": "1970-01-01T00:00:00Z", "exit_code": None}
    document: dict[str, Any] = json.loads(record)
    return document
