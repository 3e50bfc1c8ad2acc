"""Which findings that a run gave no longer may be about what it could not judge.

A detector counts what it cannot judge. Asked over the sightings that one finding names, and the
events of those and of its subject, the counts tell whether that is among it. Evidence never goes,
so what is counted elsewhere is about something else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from forensics.case.contract import COLUMNS
from forensics.case.lookup import name_lines
from forensics.detect.near import SIGHTINGS
from forensics.detect.reach import MAIN
from forensics.detect.reading import read_columns
from forensics.detect.run import DetectorRun, count_gaps, watch
from forensics.detect.scope import NARROWED
from forensics.errors import DetectorError

if TYPE_CHECKING:
    import duckdb

    from forensics.detect.detector import Detector
    from forensics.detect.findings import Finding

_QUESTIONS: Final = 200  # for each detector: what is left when they are asked is doubtful
_IDS: Final = ("container_id", "enclave_id", "session_id", "nonce")

# The table of what a question is about, and of what some question may be about.
_ASKED: Final = "asked"
_SOME: Final = "some_asked"


def find_doubtful(
    connection: duckdb.DuckDBPyConnection, runs: Iterable[DetectorRun], missed: Sequence[Finding]
) -> frozenset[str]:
    """The fingerprints of those findings of which the detector's run could not judge something.

    The connection has the case's views, and no temporary table before them. Raises `DatabaseLost`.
    """
    by_detector = defaultdict(list)
    for finding in missed:
        by_detector[finding.detector].append(finding)
    asked = [
        run
        for run in runs
        if run.evaluated and run.detector.not_evaluable and by_detector[run.detector.id]
    ]
    if not asked:
        return frozenset()
    _fetch(connection, [run.detector for run in asked], missed)
    doubtful: set[str] = set()
    for run in asked:
        with watch(connection, run.detector):
            doubtful.update(_Inquiry(connection, run).ask(by_detector[run.detector.id]))
    return frozenset(doubtful)


def _fetch(
    connection: duckdb.DuckDBPyConnection, detectors: Iterable[Detector], missed: Sequence[Finding]
) -> None:
    """Put what some question may be about in tables, once: the views are slow to read in parts."""
    read: dict[str, set[str]] = defaultdict(set)
    read["observation"] = {"observation_id", "source_line", "quote_no", *_IDS}
    for detector in detectors:
        for view, names in read_columns(detector).items():
            read[view].update(names)
    _note(connection, _SOME, f"{MAIN}.observation", missed)
    for view in NARROWED & read.keys():
        keys = {SIGHTINGS[view]} if view in SIGHTINGS else {"source_id", *_IDS}
        rows = _select(view, read[view] | keys, f"{MAIN}.", _SOME)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE some_{view} AS {rows}")


class _Inquiry:
    """What one run could not judge, asked of groups of findings: most are about none of it."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, run: DetectorRun) -> None:
        self._connection = connection
        self._run = run
        self._left = _QUESTIONS
        self._always = self._count(())  # what depends on no sighting and no event

    def ask(self, findings: Sequence[Finding]) -> Iterator[str]:
        """The fingerprints of those of which something could not be judged."""
        if self._left and not self._touches(findings):
            return
        if len(findings) == 1:
            yield findings[0].fingerprint
            return
        middle = len(findings) // 2
        yield from self.ask(findings[:middle])
        yield from self.ask(findings[middle:])

    def _touches(self, findings: Sequence[Finding]) -> bool:
        self._left -= 1
        counts = self._count(findings)
        return counts is None or counts != self._always

    def _count(self, findings: Sequence[Finding]) -> Mapping[str, int] | None:
        """What is counted over these findings alone, by reason; None: the counts failed."""
        try:
            with self._narrow(findings):
                return count_gaps(self._connection, self._run.detector, self._run.params)
        except DetectorError:
            return None

    @contextmanager
    def _narrow(self, findings: Sequence[Finding]) -> Iterator[None]:
        """Let the detector's sightings and events be those of these findings."""
        _note(self._connection, _ASKED, "some_observation", findings)
        read = read_columns(self._run.detector)
        views = [view for view in read if view in NARROWED]
        try:
            for view in views:
                names = read[view] or [SIGHTINGS.get(view, "source_id")]  # of some only rows count
                rows = _select(view, names, "some_", _ASKED)
                self._connection.execute(f"CREATE TEMP TABLE {view} AS {rows}")
            yield
        finally:
            for view in views:
                self._connection.execute(f"DROP TABLE IF EXISTS temp.{view}")


def _note(
    connection: duckdb.DuckDBPyConnection, table: str, source: str, findings: Sequence[Finding]
) -> None:
    """Put the sightings that findings name in a table, with their quotes, and all ids of those and
    of the findings' subjects in another.
    """
    named = [name for finding in findings for name in finding.observation_ids]
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {table} AS "
        f"SELECT observation_no, quote_no, {', '.join(_IDS)} FROM {source} "
        f"WHERE {name_lines(named)} AND observation_id IN (SELECT unnest(?::VARCHAR[]))",
        [named],
    )
    ids = " UNION ".join(f"SELECT {name} FROM {table}" for name in _IDS)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {table}_id AS SELECT unnest(?::VARCHAR[]) AS id UNION {ids}",
        [[finding.subject_id for finding in findings]],
    )


def _select(view: str, names: Iterable[str], prefix: str, table: str) -> str:
    """A query for the rows of a view that are about what was noted in a table."""
    if number := SIGHTINGS.get(view):
        condition = f"{number} IN (SELECT {number} FROM {table})"
    else:
        own = [name for name in _IDS if name in COLUMNS[view]]
        condition = " OR ".join(f"{name} IN (SELECT id FROM {table}_id)" for name in own)
    columns = ", ".join(f'"{name}"' for name in COLUMNS[view] if name in set(names))
    return f"SELECT {columns} FROM {prefix}{view} WHERE {condition}"
