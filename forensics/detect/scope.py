"""Narrowing what a detector reads to the rows that new evidence touches.

A detector's header declares its `scope`: the columns by whose equality alone its query relates
sightings to one another. What it says about rows that are so connected depends on nothing else, so
only what is connected to something new has to be judged again. `observation_id` means that each
sighting offends by itself, or not.

The seeds are the new sightings, the known ones whose verdict changed, those that an earlier finding
of the detector names (what is said of them may end), and what `pending` names. All that is
connected to them is put, as temporary tables, in the place of the views; the query itself stays as
it is. The relations `fresh_*`, `known_*` and `changed_observation` are `forensics.case.news`'s.

Where news comes from every key, that is everything. So a detector that screens first (which states
did each key show, and from when to when?) says in `suspects` which keys its own screen leaves: a
SELECT over the CTEs of its query, whose columns are keys of its scope. The screen has the same
answer from the landmarks of the past as from all of it (`forensics.case.landmarks`), so for those
columns not the news are followed but the suspects. Landmarks are read beside what is connected.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import duckdb

from forensics.case.connection import only_reads
from forensics.case.contract import OBSERVATION, VIEWS
from forensics.case.news import EVENTS
from forensics.detect.detector import Detector
from forensics.detect.findings import Finding
from forensics.detect.parameters import Value
from forensics.detect.reading import read_columns
from forensics.errors import DetectorError

ONE_BY_ONE: Final = "observation_id"
_SIGHTINGS: Final = ("observation", "quote", "verdict", "binding", "reshown")
NARROWED: Final = frozenset({*_SIGHTINGS, *EVENTS})
"""Views of which an incremental run reads a part; of all others it reads everything."""

_COLUMNS: Final = {view.name: view.names for view in VIEWS}
_MAIN: Final = "memory.main"  # the views themselves, whatever temporary table has their name
_KEY: Final = {"observation": "observation_no", "verdict": "observation_no"} | {
    "binding": "observation_no",
    "reshown": "observation_no",
    "quote": "quote_no",
}
_READ: Final = "SELECT observation_no FROM member UNION SELECT observation_no FROM beside"


class Scope:
    """The sightings and key values that must be judged again, as temporary tables."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, keys: Sequence[str], inputs: Iterable[str]
    ) -> None:
        self._connection = connection
        self._keys = () if tuple(keys) == (ONE_BY_ONE,) else tuple(keys)
        self._events = tuple(
            (view, [key for key in self._keys if key in _COLUMNS[view]])
            for view in EVENTS
            if view in set(inputs)
        )
        self._run("CREATE OR REPLACE TEMP TABLE beside (observation_no BIGINT)")
        self._clear()

    def _clear(self) -> None:
        self._run("CREATE OR REPLACE TEMP TABLE member (observation_no BIGINT)")
        for key in self._keys:
            self._run(f'CREATE OR REPLACE TEMP TABLE "reach_{key}" (value VARCHAR)')

    @property
    def size(self) -> int:
        """Sightings in the scope."""
        [(count,)] = self._run(f"SELECT count(*) FROM ({_READ})").fetchall()
        return int(count)

    def seed_news(self) -> None:
        """What is new, and what showed the same quotes before."""
        self._run(
            "INSERT INTO member SELECT observation_no FROM fresh_observation "
            f"UNION SELECT observation_no FROM {_MAIN}.observation WHERE quote_no IN ("
            f"SELECT quote_no FROM {_MAIN}.observation "
            "WHERE observation_no IN (SELECT observation_no FROM fresh_observation))"
        )
        for view, keys in self._events:
            for key in keys:
                self._reach(key, f'SELECT "{key}" FROM fresh_{view}')

    def seed_changes(self, moments: Iterable[str]) -> None:
        """What has another verdict now at one of these moments."""
        self._run(
            "INSERT INTO member SELECT observation_no FROM changed_observation "
            "WHERE moment IN (SELECT unnest(?::VARCHAR[]))",
            [list(moments)],
        )

    def seed_values(self, rows: duckdb.DuckDBPyRelation) -> None:
        """Values of keys; the columns are named as the keys are."""
        found = rows.fetchall()
        for position, key in enumerate(rows.columns):
            values = sorted({row[position] for row in found if row[position] is not None})
            self._reach(key, f'SELECT unnest(?::VARCHAR[]) AS "{key}"', [values])

    def put_beside(self, screened: Sequence[str]) -> None:
        """Read the news beside the scope, with what they are connected to by other keys than these,
        and the landmarks.
        """
        followed, self._keys = self._keys, tuple(k for k in self._keys if k not in screened)
        self.seed_news()
        self.close()
        self._run("INSERT INTO beside FROM member UNION FROM landmark")
        self._keys = followed
        self._clear()

    def seed_findings(self, findings: Iterable[Finding]) -> None:
        """What they name: sightings, and key values as subject or in the details."""
        findings = list(findings)
        sightings = sorted({seen for finding in findings for seen in finding.observation_ids})
        if sightings:
            self._run(
                f"INSERT INTO member SELECT observation_no FROM {_MAIN}.observation "
                "WHERE observation_id IN (SELECT unnest(?::VARCHAR[]))",
                [sightings],
            )
        for key in self._keys:
            values = sorted({v for finding in findings for v in _name_values(finding, key)})
            if values:
                self._reach(key, f'SELECT unnest(?::VARCHAR[]) AS "{key}"', [values])

    def seed_pending(self, query: str, params: Mapping[str, Value]) -> None:
        """Key values that a detector's own query names; its columns are keys of the scope."""
        used = self._connection.extract_statements(query)[0].named_parameters
        bound = {name: params[name] for name in used}
        if not only_reads(self._connection, query, bound):
            raise DetectorError("detector-query", "pending does more than read")
        self.seed_values(self._connection.sql(query, params=bound))

    def close(self, enough: int | None = None) -> bool:
        """Take in all that is connected to the seeds; false where that is more than `enough`
        sightings: they are not followed any further.
        """
        self._run(
            "CREATE OR REPLACE TEMP TABLE member AS SELECT DISTINCT observation_no FROM member"
        )
        if not self._keys:
            return self._holds(enough)
        columns = [f'o."{k}"' if k in OBSERVATION.names else f'q."{k}"' for k in self._keys]
        quoted = any(key not in OBSERVATION.names for key in self._keys)
        # One key takes one turn; several take turns over the history, which is then read once.
        alone = len(self._keys) == 1
        self._run(
            f"CREATE TEMP {'VIEW' if alone else 'TABLE'} sighting AS "
            f"SELECT o.observation_no, {', '.join(columns)} FROM {_MAIN}.observation AS o"
            + (f" LEFT JOIN {_MAIN}.quote AS q ON q.quote_no = o.quote_no" if quoted else "")
        )
        size = -1
        while size != (size := self._grow()) and not alone and self._holds(enough):
            pass
        self._run(f"DROP {'VIEW' if alone else 'TABLE'} sighting")
        return self._holds(enough)

    def _holds(self, enough: int | None) -> bool:
        return enough is None or self.size <= enough

    def _grow(self) -> int:
        """One step from sightings to key values and back; the size reached."""
        for key in self._keys:
            self._reach(
                key,
                f'SELECT "{key}" FROM sighting '
                "WHERE observation_no IN (SELECT observation_no FROM member)",
            )
        for view, keys in self._events:
            for key in keys:
                met = " OR ".join(f'"{k}" IN (SELECT value FROM "reach_{k}")' for k in keys)
                self._reach(key, f'SELECT "{key}" FROM {_MAIN}.{view} WHERE {met}')
        for key in self._keys:
            self._run(
                f"INSERT INTO member SELECT observation_no FROM sighting "
                f'WHERE "{key}" IN (SELECT value FROM "reach_{key}") '
                "AND observation_no NOT IN (SELECT observation_no FROM member)"
            )
        tables = ["member", *(f'"reach_{key}"' for key in self._keys)]
        counts = ", ".join(f"(SELECT count(*) FROM {table})" for table in tables)
        [row] = self._run(f"SELECT {counts}").fetchall()
        return sum(row)

    def _reach(self, key: str, query: str, values: list[object] | None = None) -> None:
        self._run(
            f'INSERT INTO "reach_{key}" SELECT DISTINCT "{key}" FROM ({query}) AS found '
            f'WHERE "{key}" IS NOT NULL '
            f'AND "{key}" NOT IN (SELECT value FROM "reach_{key}")',
            values,
        )

    @contextmanager
    def narrow(self, detector: Detector, *, known_only: bool = False) -> Iterator[None]:
        """Let the detector's inputs be what is in the scope; `known_only`: news aside."""
        views = [view for view in detector.inputs if view in NARROWED]
        read = read_columns(self._connection, detector)
        for view in views:
            names = read[view] or _COLUMNS[view][:1]
            columns = ", ".join(f'"{name}"' for name in names)
            self._run(
                f"CREATE OR REPLACE TEMP TABLE {view} AS "
                f"SELECT {columns} FROM {self._part(view, known_only)}"
            )
        try:
            yield
        finally:
            for view in views:
                self._run(f"DROP TABLE temp.{view}")

    def _part(self, view: str, known_only: bool) -> str:
        if view in _SIGHTINGS:
            members = _READ
            if known_only:
                members += " EXCEPT SELECT observation_no FROM fresh_observation"
            if view == "quote":
                members = (
                    f"SELECT quote_no FROM {_MAIN}.observation WHERE observation_no IN ({members})"
                )
            return f'{_MAIN}.{view} WHERE "{_KEY[view]}" IN ({members})'
        source = f"known_{view}" if known_only else f"{_MAIN}.{view}"
        keys = dict(self._events)[view]
        if not keys:
            return source
        met = " OR ".join(f'"{key}" IN (SELECT value FROM "reach_{key}")' for key in keys)
        # A row without any key is related to nothing; it may still count as not evaluable.
        alone = " AND ".join(f'"{key}" IS NULL' for key in keys)
        return f"{source} WHERE {met} OR ({alone})"

    def _run(self, sql: str, values: list[object] | None = None) -> duckdb.DuckDBPyConnection:
        return self._connection.execute(sql, values)


def name_moments(detector: Detector) -> tuple[str, ...]:
    """The moments whose verdicts a detector looks at; both where it does not say."""
    statements = " ".join(detector.statements)
    reads = len(re.findall(r"\b(?:FROM|JOIN) verdict\b", statements))
    receipts = statements.count("moment = 'receipt'")
    if reads <= receipts:
        return ("receipt",) if reads else ()
    return ("receipt", "hindsight")


def _name_values(finding: Finding, key: str) -> Iterator[str]:
    if finding.subject_type == key.removesuffix("_id"):
        yield finding.subject_id
    value = json.loads(finding.details).get(key)
    if isinstance(value, str):
        yield value
