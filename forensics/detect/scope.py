"""Narrowing what a detector reads to the rows that new evidence touches.

A detector's header declares its `scope`: the columns by whose equality alone its query relates
sightings to one another. What it says about rows that are so connected depends on nothing else, so
only what is connected to something new has to be judged again. `observation_id` means that each
sighting offends by itself, or not.

The seeds are the new sightings, the known ones whose verdict or binding changed, and those that an
earlier finding of the detector names (what is said of them may end). All that is connected to them
is put, as temporary tables, in the place of the views; the query itself stays as it is. The
relations `fresh_*`, `known_*`, `landmark` and `changed_observation` are `forensics.case.news`'s.

Where news comes from every key, that is everything. So a detector that screens first (which states
did each key show, and from when to when?) says in `suspects` which keys its own screen leaves: a
SELECT over the CTEs of its query, whose columns are keys of its scope, or other columns of
sightings of which all history is read, and leads no further by them. The screen has the same
answer from the landmarks of the past as from all of it (`forensics.case.landmarks`), so for those
columns not the news are followed but the suspects. Landmarks are read beside what is connected.

And where a document or a sum over all history bears on what no key connects with the news, `again`
says which sightings or keys that are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import duckdb

from forensics.case.contract import COLUMNS
from forensics.case.news import BINDING_ASPECT, EVENTS, GROUNDS, GROUNDS_OF
from forensics.detect.detector import Detector
from forensics.detect.findings import Finding
from forensics.detect.near import ANSWERED, MEMBERS, NEWS, SIGHTINGS, Near
from forensics.detect.parameters import Value
from forensics.detect.reach import MAIN, Reach
from forensics.detect.reading import read_columns, read_moments
from forensics.detect.run import AGAIN, note_again

NARROWED: Final = frozenset({*SIGHTINGS, *EVENTS})
"""Views of which an incremental run reads a part; of all others it reads everything."""

_BESIDE: Final = "beside"
# In stretches of time as long as the reach: the one that something new is in, and its neighbours.
_STRETCH: Final = "floor(epoch(received_at) / epoch($reach))"
_AROUND: Final = f"""
SELECT observation_no FROM {MAIN}.observation
WHERE {_STRETCH} IN (
    SELECT unnest([stretch - 1, stretch, stretch + 1])
    FROM (
        SELECT DISTINCT {_STRETCH} AS stretch FROM {MAIN}.observation
        WHERE observation_no IN (FROM {NEWS})
    ) AS new
)
"""


class Scope:
    """The sightings and key values that must be judged again, and what is read beside them."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, detector: Detector, near: Near
    ) -> None:
        self._connection = connection
        self._near = near
        self._reach = Reach(connection, "scope", detector.keys, detector.inputs)
        self._screens = detector.suspects is not None
        self._followed = near.list_followed(detector)
        self._run(f"CREATE OR REPLACE TEMP TABLE {_BESIDE} (observation_no BIGINT)")

    @property
    def size(self) -> int:
        """Sightings that are read."""
        [(count,)] = self._run(f"SELECT count(*) FROM ({self._members})").fetchall()
        return int(count)

    @property
    def _members(self) -> str:
        return f"FROM {self._reach.members} UNION FROM {_BESIDE}"

    def seed_news(self) -> None:
        """What is new, and all that is connected to it."""
        self._reach.begin_with(self._near.follow_news(self._reach.keys, self._reach.events))

    def put_beside(self, detector: Detector, params: Mapping[str, Value]) -> None:
        """Read beside the scope what the news are connected to by other keys than the detector's
        screen asks for, what was received around them, the sightings that new events share a column
        with, known ones too, and all that is near: news, landmarks, and more that does no harm.
        """
        news = self._near.follow_news(self._followed, self._reach.events)
        self._run(f"INSERT INTO {_BESIDE} FROM {news.members} UNION FROM {MEMBERS}")
        if detector.around:
            self._run(f"INSERT INTO {_BESIDE} {_AROUND}", {"reach": params[detector.around]})
        for view in self._reach.events:
            for column in set(detector.follows) & set(COLUMNS[view]):
                self._run(
                    f"INSERT INTO {_BESIDE} SELECT observation_no FROM {MAIN}.observation "
                    f'WHERE "{column}" IN (SELECT "{column}" FROM fresh_{view})'
                )

    def seed_again(self, detector: Detector, params: Mapping[str, Value]) -> None:
        """What the header asks to judge again: numbers of sightings, or values of keys."""
        for column in note_again(self._connection, detector, params):
            if column == "observation_no":
                self._reach.add_sightings(f"FROM {AGAIN} WHERE observation_no IS NOT NULL")
            else:
                self._reach.add_values(column, f"FROM {AGAIN}")

    def seed_changes(self, aspects: Iterable[str]) -> None:
        """What has another verdict now in one of these aspects."""
        self._reach.add_sightings(
            "SELECT observation_no FROM changed_observation "
            "WHERE aspect IN (SELECT unnest(?::VARCHAR[]))",
            [list(aspects)],
        )

    def seed_findings(self, findings: Iterable[Finding]) -> None:
        """What they name: sightings, and key values as subject or in the details."""
        findings = list(findings)
        sightings = sorted({seen for finding in findings for seen in finding.observation_ids})
        if sightings:
            self._reach.add_sightings(
                f"SELECT observation_no FROM {self._near.find_source('observation')} "
                "WHERE observation_id IN (SELECT unnest(?::VARCHAR[]))",
                [sightings],
            )
        for key in self._reach.keys:
            self._add_values(key, (v for finding in findings for v in _name_values(finding, key)))

    def seed_values(self, rows: Sequence[Mapping[str, object]]) -> None:
        """What the columns of a screen say: values of keys, or of other columns of sightings, whose
        sightings are then taken in and lead no further by them.
        """
        for key in rows[0] if rows else ():
            self._add_values(key, (row[key] for row in rows))

    def _add_values(self, key: str, values: Iterable[object]) -> None:
        known = sorted({str(value) for value in values if value is not None})
        if known and key in self._reach.keys:
            self._reach.add_values(key, f'SELECT unnest(?::VARCHAR[]) AS "{key}"', [known])
        elif known:
            self._reach.add_sightings(
                f"SELECT observation_no FROM {MAIN}.observation "
                f'WHERE "{key}" IN (SELECT unnest(?::VARCHAR[]))',
                [known],
            )

    def close(self) -> bool:
        """Take in all that is connected to the seeds; false where more sightings than enough are to
        be read.
        """
        enough = self._near.enough
        return self._reach.close(enough) and (enough is None or self.size <= enough)

    @contextmanager
    def narrow(
        self, detector: Detector, *, known_only: bool = False, outermost: bool = False
    ) -> Iterator[None]:
        """Let the detector's inputs be what is in the scope; `known_only`: news aside; `outermost`:
        of sightings not those of the scope, but all that is near.
        """
        read = read_columns(detector)
        near = outermost or self._near.holds(self._members)
        undo = []
        for view in detector.dated if known_only else ():
            self._run(f"CREATE OR REPLACE TEMP TABLE {view} AS FROM known_{view}")
            undo.append(f"DROP TABLE temp.{view}")
        for view in [view for view in read if view in NARROWED]:
            names = read[view] or [SIGHTINGS.get(view, "source_id")]  # of some only rows count
            if view in SIGHTINGS and near and not known_only and (self._screens or outermost):
                # Who screens may meet more than has to be judged again: all that is at hand.
                kind, query = "VIEW", self._near.select_all(view, names)
            else:
                kind, query = self._choose(view, names, known_only, near)
            self._run(f"CREATE OR REPLACE TEMP {kind} {view} AS {query}")
            undo.append(f"DROP {kind} temp.{view}")
        try:
            yield
        finally:
            for statement in undo:
                self._run(statement)

    def _choose(
        self, view: str, names: Sequence[str], known_only: bool, near: bool
    ) -> tuple[str, str]:
        """What stands in the place of a view, and the query for it; `near`: all sightings of the
        scope were fetched.
        """
        if view in SIGHTINGS:
            members = self._members
            if known_only:
                members += " EXCEPT FROM fresh_observation"
            return "TABLE", self._near.select(view, names, members, near=near)
        source = f"known_{view}" if known_only else f"{MAIN}.{view}"
        columns = ", ".join(f'"{name}"' for name in names)
        key = ANSWERED.get(view)
        alone = key if self._reach.events[view] == [key] else None
        if self._screens and alone in self._followed:
            members = self._members
            return "TABLE", self._near.select_events(view, names, members, near, known_only)
        # Others are few beside sightings, and a screen may ask for all of them.
        if self._screens:
            return "VIEW", f"SELECT {columns} FROM {source}"
        if alone and not known_only and self._near.knows(view, self._reach.values(alone)):
            source = self._near.find_source(view)
        # No view: DuckDB 2.0 loses rows of a query that joins one with such a condition.
        return "TABLE", f"SELECT {columns} FROM {source} WHERE {self._reach.match(view)}"

    def _run(
        self, sql: str, values: list[object] | dict[str, object] | None = None
    ) -> duckdb.DuckDBPyConnection:
        return self._connection.execute(sql, values)


def name_aspects(detector: Detector) -> tuple[str, ...]:
    """The aspects of sightings that a detector looks at: of verdicts both moments where it does not
    say, and what a verdict rests on where it reads that; and bindings.
    """
    read = read_columns(detector)
    aspects = read_moments(detector)
    if not set(read.get("verdict", ())).isdisjoint(GROUNDS):
        aspects += tuple(GROUNDS_OF[moment] for moment in aspects)
    return (*aspects, BINDING_ASPECT) if "binding" in read else aspects


def _name_values(finding: Finding, key: str) -> Iterator[str]:
    if finding.subject_type == key.removesuffix("_id"):
        yield finding.subject_id
    value = json.loads(finding.details).get(key)
    if isinstance(value, str):
        yield value
