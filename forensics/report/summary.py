"""A case on one screen: how much there is, what it says, and what it could not say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from forensics.detect.detector import SEVERITIES
from forensics.report.document import read_numbers
from forensics.report.exposure import Names, read_exposure
from forensics.report.gaps import read_gaps
from forensics.report.matrix import read_counts
from forensics.report.rows import IS_OPEN, fetch
from forensics.report.sightings import make_sightings

if TYPE_CHECKING:
    import duckdb

    from forensics.case.case import Case

COLUMNS = ("section", "what", "value")


@dataclass(frozen=True)
class Line:
    """One line of a summary; `value` is a number, a time, or text."""

    section: str
    what: str
    value: Any


def read_summary(case: Case, connection: duckdb.DuckDBPyConnection) -> list[Line]:
    """Lines in the order in which a person wants them. Makes temporary tables."""
    make_sightings(connection)
    return [
        *_tell_trust(connection),
        *_tell_findings(connection),
        *_tell_evidence(connection),
        *_tell_verdicts(connection),
        *_tell_gaps(connection),
        *_tell_custody(case),
    ]


def _tell_trust(connection: duckdb.DuckDBPyConnection) -> Iterator[Line]:
    exposure = read_exposure(connection)
    section = "cannot be trusted"
    for kind, number in exposure.kinds:
        yield Line(section, kind.replace("_", " "), number)
    if not exposure.total:
        yield Line(section, "by findings of severity critical and high", 0)
        return
    yield Line(section, "since", exposure.since)
    yield Line(section, "on hosts", _list(exposure.hosts))
    yield Line(section, "secrets released to them", exposure.releases)
    yield Line(section, "which secrets", _list(exposure.secrets))


def _tell_findings(connection: duckdb.DuckDBPyConnection) -> Iterator[Line]:
    rows = fetch(
        connection,
        f"""
        SELECT severity, status, count(*) FROM (
            SELECT severity, CASE WHEN {IS_OPEN} THEN 'open' ELSE state END AS status FROM finding
        )
        GROUP BY severity, status
        ORDER BY list_position($severities::VARCHAR[], severity), status <> 'open', status
        """,
        {"severities": list(SEVERITIES)},
    )
    names = dict(_name_open(connection))
    for severity, state, number in rows:
        yield Line("findings", f"{severity}, {state}", number)
        if state == "open":
            yield Line("findings", f"{severity}, by detector", names[severity])
    if not rows:
        yield Line("findings", "all", 0)


def _name_open(connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, str]]:
    """Severity -> the detectors of its open findings, the most of them first."""
    rows = fetch(
        connection,
        f"""
        SELECT severity, string_agg(detector || CASE number WHEN 1 THEN '' ELSE ' ' || number END,
                                    ', ' ORDER BY number DESC, detector)
        FROM (SELECT severity, detector, count(*) AS number FROM finding
              WHERE {IS_OPEN} GROUP BY severity, detector)
        GROUP BY severity
        """,
    )
    yield from rows


def _tell_evidence(connection: duckdb.DuckDBPyConnection) -> Iterator[Line]:
    numbers = read_numbers(connection)
    first, last = fetch(connection, "SELECT min(received_at), max(received_at) FROM sighting")[0]
    yield Line("evidence", "sources", numbers.sources)
    yield Line("evidence", "sightings", numbers.sightings)
    yield Line("evidence", "distinct quotes", numbers.quotes)
    yield Line("evidence", "launches", numbers.launches)
    yield Line("evidence", "secrets released", numbers.releases)
    yield Line("evidence", "first sighting", first)
    yield Line("evidence", "last sighting", last)


def _tell_verdicts(connection: duckdb.DuckDBPyConnection) -> Iterator[Line]:
    numbers = read_numbers(connection)
    yield Line("verdicts", "hindsight as of", numbers.as_of)
    for claimed, receipt, hindsight, number in read_counts(connection):
        what = f"claimed {claimed}, receipt {receipt}, hindsight {hindsight}"
        yield Line("verdicts", what, number)


def _tell_gaps(connection: duckdb.DuckDBPyConnection) -> Iterator[Line]:
    gaps = read_gaps(connection)
    yield Line("not seen", "records in quarantine", gaps.quarantined)
    yield Line("not seen", "detectors that ran", gaps.detectors)
    blind: dict[tuple[str, int], list[str]] = {}
    for detector, reason, number in gaps.blind.rows:
        blind.setdefault((reason, number), []).append(detector)
    for (reason, number), names in blind.items():
        who = names[0] if len(names) == 1 else f"{len(names)} detectors"
        yield Line("not seen", f"{who}: {reason}", number)
    for what, number in gaps.unseen.rows:
        yield Line("not seen", what, number)
    holes = sum(len(entry.gaps) for entry in gaps.coverages)
    yield Line("not seen", "gaps between versions of collateral", holes)


def _tell_custody(case: Case) -> Iterator[Line]:
    """What the ledger says about itself: whether the files agree is for `custody verify`."""
    ledger = case.ledger
    yield Line("custody", "entries", len(ledger.entries))
    yield Line("custody", "newest", ledger.entries[-1].time)
    yield Line("custody", "head", ledger.head)


def _list(names: Names) -> str:
    more = f" and {names.more} more" if names.more else ""
    return ", ".join(names.shown) + more if names.shown else "not logged"
