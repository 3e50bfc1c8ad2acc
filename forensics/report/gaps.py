"""What could not be looked at: blind detectors, unreadable records, collateral that is missing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from forensics.report.coverage import Coverage, read_coverage
from forensics.report.rows import fetch
from forensics.report.tables import Table, cap

if TYPE_CHECKING:
    import duckdb

_SHOWN = 60  # rows of each table

# Evidence that some question cannot be asked of: what is missing, and its count.
_UNSEEN = """
SELECT 'sighting without a time: it has no receipt verdict', count(*) FROM sighting
WHERE received_at IS NULL
UNION ALL
SELECT 'statement of a verifier without a quote that can be read', count(*) FROM sighting
WHERE NOT quoted
UNION ALL
SELECT 'quote that was never verified: run verify', count(*) FROM sighting
WHERE quoted AND hindsight IS NULL
UNION ALL
SELECT 'receipt verdict undetermined', count(*) FROM sighting WHERE receipt = 'undetermined'
UNION ALL
SELECT 'hindsight verdict undetermined', count(*) FROM sighting WHERE hindsight = 'undetermined'
ORDER BY 2 DESC, 1
"""

_BLOCKED = """
SELECT moment, check_id, count(*) AS verdicts
FROM (SELECT moment, unnest(undetermined_checks) AS check_id FROM verdict
      WHERE outcome = 'undetermined')
GROUP BY ALL ORDER BY 1 DESC, 2
"""


@dataclass(frozen=True)
class Gaps:
    """`unjudged` counts subjects over all detectors; `detectors` is 0 before any `detect`."""

    detectors: int
    unjudged: int
    quarantined: int
    blind: Table
    unseen: Table
    blocked: Table
    quarantine: Table
    collateral: Table
    coverages: tuple[Coverage, ...]


def read_gaps(connection: duckdb.DuckDBPyConnection) -> Gaps:
    """Counts of everything that limits what the findings can say. Needs `make_sightings`."""
    blind, detectors = _read_blind(connection)
    quarantine = fetch(
        connection,
        "SELECT reason, count(*), min(message) FROM quarantine GROUP BY 1 ORDER BY 2 DESC, 1",
    )
    unseen = [row for row in fetch(connection, _UNSEEN) if row[1]]
    coverages = read_coverage(connection)
    return Gaps(
        detectors=detectors,
        unjudged=sum(row[2] for row in blind),
        quarantined=sum(row[1] for row in quarantine),
        blind=cap(
            "Detectors that could not judge everything",
            ("detector", "what they lacked", "subjects"),
            blind,
            _SHOWN,
            "SELECT detector, unjudged, gaps FROM detection WHERE unjudged > 0",
        ),
        unseen=cap("Evidence that says less than it should", ("what", "count"), unseen, 9, ""),
        blocked=cap(
            "Checks that undetermined verdicts wait for",
            ("moment", "check", "verdicts"),
            fetch(connection, _BLOCKED),
            _SHOWN,
            "",
        ),
        quarantine=cap(
            "Records in quarantine, by reason",
            ("reason", "records", "for example"),
            quarantine,
            _SHOWN,
            "SELECT * FROM quarantine",
        ),
        collateral=_tabulate(coverages),
        coverages=tuple(coverages),
    )


def _read_blind(
    connection: duckdb.DuckDBPyConnection,
) -> tuple[list[tuple[str, str, int]], int]:
    rows = fetch(connection, "SELECT detector, gaps FROM detection ORDER BY detector")
    blind = [(name, reason, number) for name, gaps in rows for reason, number in json.loads(gaps)]
    return blind, len(rows)


def _tabulate(coverages: list[Coverage]) -> Table:
    """Every series; gaps are the times between two versions that none covers."""
    rows = [
        (
            entry.kind,
            entry.key,
            entry.short_authority,
            entry.versions,
            entry.unauthentic,
            entry.intervals[0][0] if entry.intervals else None,
            entry.intervals[-1][1] if entry.intervals else None,
            len(entry.gaps),
            "; ".join(f"{a:%Y-%m-%d} to {b:%Y-%m-%d}" for a, b in entry.gaps[:5]) or "none",
        )
        for entry in coverages
    ]
    columns = (
        *("kind", "series", "authority", "versions", "not authentic", "from", "to"),
        *("gaps", "the first"),
    )
    return cap("Collateral in the case", columns, rows, _SHOWN, "SELECT * FROM collateral")
