"""Sightings that are connected by values of keys, followed step by step over the whole case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import duckdb

from forensics.case.contract import COLUMNS
from forensics.case.news import EVENTS

MAIN: Final = "memory.main"  # the views themselves, whatever temporary table has their name


class Reach:
    """Sightings and values of keys, as temporary tables whose names begin with `name`.

    Events of the views in `events` connect the values of their own keys.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        name: str,
        keys: Sequence[str],
        events: Sequence[str],
    ) -> None:
        self._connection = connection
        self._name = name
        self.keys = tuple(keys)
        self.events = {
            view: [key for key in self.keys if key in COLUMNS[view]]
            for view in EVENTS
            if view in events
        }
        self._closed_at = 0  # sightings and values once all that is connected was there
        self._run(f"CREATE OR REPLACE TEMP TABLE {self.members} (observation_no BIGINT)")
        for key in self.keys:
            self._run(f"CREATE OR REPLACE TEMP TABLE {self.values(key)} (value VARCHAR)")

    @property
    def members(self) -> str:
        """The table of sightings: `observation_no`."""
        return f'"{self._name}"'

    def values(self, key: str) -> str:
        """The table of a key's values: `value`."""
        return f'"{self._name}_{key}"'

    @property
    def size(self) -> int:
        """Sightings."""
        [(count,)] = self._run(f"SELECT count(*) FROM {self.members}").fetchall()
        return int(count)

    def add_sightings(self, query: str, values: list[object] | None = None) -> None:
        """Those of a query whose one column is their number."""
        self._run(
            f"INSERT INTO {self.members} SELECT DISTINCT observation_no FROM ({query}) AS found "
            f"WHERE observation_no NOT IN (FROM {self.members})",
            values,
        )

    def add_values(self, key: str, query: str, values: list[object] | None = None) -> None:
        """Values of a key, by a query with a column of its name."""
        self._run(
            f'INSERT INTO {self.values(key)} SELECT DISTINCT "{key}" FROM ({query}) AS found '
            f'WHERE "{key}" IS NOT NULL AND "{key}" NOT IN (FROM {self.values(key)})',
            values,
        )

    def begin_with(self, other: Reach) -> None:
        """Take over all that another reach of the same keys has, while this one is empty."""
        self._run(f"INSERT INTO {self.members} FROM {other.members}")
        for key in self.keys:
            self._run(f"INSERT INTO {self.values(key)} FROM {other.values(key)}")
        self._closed_at = other._closed_at

    def close(self, enough: int | None = None, *, valued: bool = False) -> bool:
        """Take in all that is connected; false where that is more than `enough` sightings, which
        are not followed any further. `valued`: the values of the sightings are there already.
        """
        if self.keys and self._count() != self._closed_at:
            # One key takes one turn; several take turns over the history, which is then read once.
            alone = len(self.keys) == 1
            self._run(
                f"CREATE TEMP {'VIEW' if alone else 'TABLE'} sighting AS "
                + select_sightings(self.keys)
            )
            size = -1
            while size != (size := self._grow(valued)) and not alone and self._holds(enough):
                valued = False
            self._closed_at = size
            self._run(f"DROP {'VIEW' if alone else 'TABLE'} sighting")
        return self._holds(enough)

    def lacks(self, query: str) -> bool:
        """Whether the query gives a sighting that is not in the reach."""
        sql = f"SELECT 1 FROM ({query}) WHERE observation_no NOT IN (FROM {self.members}) LIMIT 1"
        return bool(self._run(sql).fetchall())

    def follow_events(self) -> bool:
        """One step over the events; whether they connect more values."""
        before = self._count()
        self._add_from_events()
        return self._count() != before

    def call_closed(self) -> None:
        """Take it as given that all that is connected is there."""
        self._closed_at = self._count()

    def match(self, view: str) -> str:
        """The condition by which rows of an event view are connected, as SQL."""
        keys = self.events[view]
        met = " OR ".join(f'"{key}" IN (FROM {self.values(key)})' for key in keys)
        # A row without any key is related to nothing; it may still count as not evaluable.
        alone = " AND ".join(f'"{key}" IS NULL' for key in keys)
        return f"{met} OR ({alone})"

    def _holds(self, enough: int | None) -> bool:
        return enough is None or self.size <= enough

    def _grow(self, valued: bool) -> int:
        """One step from sightings to values and back; the size reached."""
        for key in self.keys if not valued else ():
            self.add_values(
                key,
                f'SELECT "{key}" FROM sighting WHERE observation_no IN (FROM {self.members})',
            )
        self._add_from_events()
        for key in self.keys:
            self.add_sightings(
                f'SELECT observation_no FROM sighting WHERE "{key}" IN (FROM {self.values(key)})'
            )
        return self._count()

    def _add_from_events(self) -> None:
        for view, keys in self.events.items():
            for key in keys if len(keys) > 1 else ():  # one alone leads to itself
                met = " OR ".join(f'"{k}" IN (FROM {self.values(k)})' for k in keys)
                self.add_values(key, f'SELECT "{key}" FROM {MAIN}.{view} WHERE {met}')

    def _count(self) -> int:
        """Sightings and values."""
        tables = [self.members, *map(self.values, self.keys)]
        counts = ", ".join(f"(SELECT count(*) FROM {table})" for table in tables)
        [row] = self._run(f"SELECT {counts}").fetchall()
        return sum(row)

    def _run(self, sql: str, values: list[object] | None = None) -> duckdb.DuckDBPyConnection:
        return self._connection.execute(sql, values)


def select_sightings(keys: Sequence[str]) -> str:
    """A query for all sightings: `observation_no`, and these keys as the text that their values
    are kept as.
    """
    columns = ", ".join(map(_name_text, keys))
    query = f"SELECT o.observation_no, {columns} FROM {MAIN}.observation AS o"
    quoted = any(find_view(key) == "quote" for key in keys)
    return query + (f" LEFT JOIN {MAIN}.quote AS q ON q.quote_no = o.quote_no" if quoted else "")


def _name_text(key: str) -> str:
    """A key of an observation `o` or its quote `q`."""
    owner = "o" if find_view(key) == "observation" else "q"
    return f'CAST({owner}."{key}" AS VARCHAR) AS "{key}"'


def find_view(key: str) -> str:
    """Where a key of a scope stands."""
    return "observation" if key in COLUMNS["observation"] else "quote"
