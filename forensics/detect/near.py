"""What most detectors read of a case in which little is new, found and fetched once for all.

The relations `fresh_*`, `known_*` and `landmark` are `forensics.case.news`'s.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

import duckdb

from forensics.case.contract import COLUMNS
from forensics.case.lookup import name_lines
from forensics.case.news import EVENTS
from forensics.detect import reading
from forensics.detect.detector import Detector
from forensics.detect.findings import Finding
from forensics.detect.reach import MAIN, Reach, find_view
from forensics.detect.touched import Touched

SIGHTINGS: Final = {
    "observation": "observation_no",
    "quote": "quote_no",
    "verdict": "observation_no",
    "binding": "observation_no",
    "reshown": "observation_no",
}
"""Views of rows about sightings, and the number by which each of them is read in part."""

NEWS: Final = "news"
"""The table of the sightings that are new, or show again what is: `observation_no`."""
MEMBERS: Final = "near"
"""The table of the sightings that are near: `observation_no`."""

ANSWERED: Final = {"nonce": "nonce"}
"""Views of events for each sighting, and the column by which they are held against sightings."""
# What showed the same quote as something new says the same of it again.
_IN_THE_NEWS: Final = f"""
SELECT observation_no FROM fresh_observation
UNION
SELECT observation_no FROM {MAIN}.observation WHERE quote_no IN (
    SELECT quote_no FROM {MAIN}.observation
    WHERE observation_no IN (SELECT observation_no FROM fresh_observation)
)
"""


class Near:
    """News and what they are connected to, landmarks, and what earlier findings name."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        detectors: Iterable[Detector],
        findings: Iterable[Finding],
        enough: int | None = None,
    ) -> None:
        """`detectors` are those that may read only this, `findings` those of theirs that stand.

        More sightings than `enough` are not worth narrowing to.
        """
        self.enough = enough
        self._connection = connection
        detectors = list(detectors)
        self._read = {d.id: reading.read_columns(d) for d in detectors}
        self._followed_by = {d.id: _find_followed(d) for d in detectors}
        self._has_rows: dict[str, bool] = {}
        self._followed: dict[tuple[tuple[str, ...], tuple[str, ...]], Reach] = {}
        self._fetched: dict[str, Sequence[str]] = {}
        self._touched: Touched | None = None
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {NEWS} AS {_IN_THE_NEWS}")
        seen = sorted({seen for finding in findings for seen in finding.observation_ids})
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {MEMBERS} AS "
            f"SELECT observation_no FROM {NEWS} UNION SELECT observation_no FROM landmark "
            f"UNION SELECT observation_no FROM {MAIN}.observation "
            f"WHERE {name_lines(seen)} AND observation_id IN (SELECT unnest(?::VARCHAR[]))",
            [seen],
        )
        [(self.size,)] = connection.execute(f"SELECT count(*) FROM {MEMBERS}").fetchall()
        if enough is None or self.size <= enough:
            self._fetch({key for detector in detectors for key in detector.scope})
            self._touch({view for detector in detectors for view in detector.inputs})

    @property
    def fetched(self) -> bool:
        """Whether that is little enough to be at hand."""
        return bool(self._fetched)

    def list_followed(self, detector: Detector) -> Sequence[str]:
        """The keys by which a detector follows the news, and not what its own screen leaves."""
        return self._followed_by[detector.id]

    def has_rows(self, view: str) -> bool:
        """Whether there are any in the whole case."""
        if view not in self._has_rows:
            rows = self._connection.execute(f'SELECT 1 FROM {MAIN}."{view}" LIMIT 1').fetchall()
            self._has_rows[view] = bool(rows)
        return self._has_rows[view]

    def follow_news(self, keys: Sequence[str], events: Iterable[str]) -> Reach:
        """All that is connected to the news by these keys, or more than enough of it; once for all
        who ask for the same.
        """
        asked = tuple(keys), tuple(events)
        if asked not in self._followed:
            reach = Reach(self._connection, f"news_{len(self._followed)}", *asked)
            reach.add_sightings(f"FROM {NEWS}")
            for view, names in reach.events.items():
                for key in names:
                    reach.add_values(key, f'SELECT "{key}" FROM fresh_{view}')
            for key in keys if self._fetched else ():
                reach.add_values(key, self._select_values(key))
            if not (self._touched and self._touched.closes(reach)):
                reach.close(self.enough, valued=bool(self._fetched))
            self._followed[asked] = reach
        return self._followed[asked]

    def find_source(self, view: str) -> str:
        """Where rows about what is near are read from: what was fetched, else the view."""
        return f"{MEMBERS}_{view}" if view in self._fetched else f"{MAIN}.{view}"

    def select_all(self, view: str, names: Sequence[str]) -> str:
        """A query for these columns of all that was fetched."""
        return f"SELECT {_list(names)} FROM {MEMBERS}_{view}"

    def select(self, view: str, names: Sequence[str], members: str, *, near: bool) -> str:
        """A query for these columns of the rows about sightings, `members` a query for their
        numbers; `near`: all of them were fetched.
        """
        find = self.find_source if near else _find_view_itself
        wanted = f"SELECT observation_no FROM ({members}) AS wanted"
        if view == "quote":
            sightings = find("observation")
            wanted = f"SELECT quote_no FROM {sightings} WHERE observation_no IN ({wanted})"
        return f'SELECT {_list(names)} FROM {find(view)} WHERE "{SIGHTINGS[view]}" IN ({wanted})'

    def holds(self, members: str) -> bool:
        """Whether these sightings, by a query for their numbers, were all fetched."""
        if not self._fetched:
            return False
        query = f"SELECT 1 FROM ({members}) AS m WHERE observation_no NOT IN (FROM {MEMBERS})"
        return not self._connection.execute(f"{query} LIMIT 1").fetchall()

    def select_events(
        self, view: str, names: Sequence[str], members: str, near: bool, known_only: bool
    ) -> str:
        """A query for these columns of the rows of an `ANSWERED` view that sightings, `members` a
        query for their numbers, or new rows share a value with; `near`: the sightings were fetched.
        """
        if near and not known_only:
            return self.select_all(view, names)
        key = ANSWERED[view]
        source = f"known_{view}" if known_only else f"{MAIN}.{view}"
        if near:
            values = f"FROM {MEMBERS}_{view}_{key}"
        else:
            sightings = self.select("observation", [key], members, near=False)
            values = f'{sightings} UNION SELECT "{key}" FROM fresh_{view}'
        return f"SELECT {_list(names)} FROM {source} WHERE {_shares(key, values)}"

    def knows(self, view: str, values: str) -> bool:
        """Whether all events with these values of an `ANSWERED` view's key were fetched."""
        if view not in self._fetched:
            return False
        known = f"FROM {MEMBERS}_{view}_{ANSWERED[view]}"
        query = f"SELECT 1 FROM {values} WHERE value NOT IN ({known}) LIMIT 1"
        return not self._connection.execute(query).fetchall()

    def _select_values(self, key: str) -> str:
        return self.select(find_view(key), [key], f"FROM {NEWS}", near=True)

    def _touch(self, inputs: set[str]) -> None:
        values = {
            key: [f"FROM ({self._select_values(key)}) AS shown"]
            + [f"FROM fresh_{v}" for v in EVENTS if v in inputs and key in COLUMNS[v]]
            for key in sorted({key for keys in self._followed_by.values() for key in keys})
        }
        queries = {
            key: " UNION ".join(f'SELECT "{key}" {source}' for source in sources)
            for key, sources in values.items()
        }
        self._touched = Touched(self._connection, queries)

    def _fetch(self, scopes: Iterable[str]) -> None:
        read: dict[str, set[str]] = defaultdict(set)
        for columns in self._read.values():
            for view, names in columns.items():
                if view in SIGHTINGS:
                    read["observation"] |= {"observation_id", "observation_no", "quote_no"}
                    read[view] |= {*names, SIGHTINGS[view]}
                elif view in ANSWERED:
                    read["observation"] |= {"observation_id", "observation_no", ANSWERED[view]}
        for key in scopes:
            view = find_view(key)
            read[view] |= {key, SIGHTINGS[view]}
        fetched: dict[str, Sequence[str]] = {}
        for view, needed in read.items():
            fetched[view] = [name for name in COLUMNS[view] if name in needed]
            query = self.select(view, fetched[view], f"FROM {MEMBERS}", near=False)
            self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {MEMBERS}_{view} AS {query}")
        self._fetched = fetched
        for view in ANSWERED:
            asked = [columns[view] for columns in self._read.values() if view in columns]
            if asked:
                self._fetch_events(view, {name for names in asked for name in names})

    def _fetch_events(self, view: str, needed: set[str]) -> None:
        key = ANSWERED[view]
        values, events = f"{MEMBERS}_{view}_{key}", f"{MEMBERS}_{view}"
        self._connection.execute(
            f'CREATE OR REPLACE TEMP TABLE {values} AS SELECT "{key}" AS value FROM ('
            f'SELECT "{key}" FROM {MEMBERS}_observation UNION SELECT "{key}" FROM fresh_{view}'
            f') AS told WHERE "{key}" IS NOT NULL'
        )
        # Of some only the rows count, which are then told by their source.
        names = [name for name in COLUMNS[view] if name in needed | {key, "source_id"}]
        self._connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {events} AS SELECT {_list(names)} FROM {MAIN}.{view} "
            f"WHERE {_shares(key, f'FROM {values}')}"
        )
        self._fetched[view] = names


def _find_followed(detector: Detector) -> Sequence[str]:
    if not detector.suspects:
        return detector.keys
    screened = reading.name_columns(detector.suspects)
    return [key for key in detector.keys if key not in screened]


def _find_view_itself(view: str) -> str:
    return f"{MAIN}.{view}"


def _shares(key: str, values: str) -> str:
    """The condition that a row has one of these values, or none; `values` is a query for them."""
    return f'"{key}" IS NULL OR "{key}" IN (SELECT * FROM ({values}))'


def _list(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
