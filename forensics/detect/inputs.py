"""The views that detectors read, worked out once for all of them.

A view is a join over many files, and fifty queries would plan and run it fifty times. While a
detection runs, tables stand in the place of the views, with the columns that any of its detectors
reads. Text of few values is numbered in them (an ENUM), and still compares and sorts as text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import contextmanager, suppress
from typing import Final

import duckdb

from forensics.case.contract import COLUMNS
from forensics.case.news import EVENTS
from forensics.case.scratch import SCRATCH
from forensics.detect.detector import Detector
from forensics.detect.reading import read_columns
from forensics.errors import DatabaseLost, UsageError

# Views with a row or more for each event, and those that look at all evidence; with the columns
# that joins, scopes and news use, whether detectors read them or not.
_WORTH: Final = {
    "observation": {"observation_id", "observation_no", "quote_no"},
    "quote": {"quote_no"},
    "verdict": {"observation_no", "moment"},
    "binding": {"observation_no"},
    **{view: set() for view in ("latency", "loose_end", "stretch", "traffic", "extent")},
    **{view: {"source_id"} for view in EVENTS},
}
_SCOPED: Final = {"observation", "quote", *EVENTS}  # have the keys of scopes
# What quotes share, if it is small beside them: numbered before they are joined to it.
_SHARED: Final = frozenset({"shown_statement", "shown_certification", "receipt", "hindsight"})
# The views that read `stored.reshown`, which looks at all signatures.
_READ_RESHOWN: Final = frozenset({"reshown", "latency", "way"})
# Values that hardly ever come back: neither looked through for what they share, nor numbered.
_UNIQUE: Final = frozenset(
    {
        *("observation_id", "session_id", "event_id", "nonce", "claimed_report_data"),
        *("quote_id", "signed_id", "signing_id", "signature_r", "signature_s", "report_data"),
    }
)
_FEWEST: Final = 2  # detectors; fewer read the views faster than tables are made of them
_FEW_VALUES: Final = 1 << 16  # of a text column, in all tables together

_Columns = Mapping[str, Iterable[str]]  # view -> columns as SQL


@contextmanager
def loaded(connection: duckdb.DuckDBPyConnection, detectors: Iterable[Detector]) -> Iterator[None]:
    """Replace the views for the length of a block; they are put back after it.

    After a `DatabaseLost` nothing is put back. Raises `UsageError` (`no-scratch-space`).
    """
    detectors = list(detectors)
    if len(detectors) < _FEWEST:
        yield
        return
    tables = _Tables(connection)
    try:
        read = _find_read(detectors)
        tables.replace("stored", _choose_shared(connection, read.keys()))
        tables.replace("main", _choose_columns(read))
    except duckdb.Error as error:
        with suppress(duckdb.Error):  # a database that has no room left does nothing more
            tables.remove()
        if "Could not write" in str(error):
            reason = str(error).split("Could not write")[-1].strip().splitlines()[0]
            message = f"no room for tables: could not write {reason}; TMPDIR can name another place"
            raise UsageError("no-scratch-space", message) from error
        raise
    try:
        yield
    except DatabaseLost:
        tables.forget()
        raise
    finally:
        tables.remove()


def _find_read(detectors: Iterable[Detector]) -> Mapping[str, Set[str]]:
    """View -> its columns that any of the detectors reads."""
    read: dict[str, set[str]] = defaultdict(set)
    for detector in detectors:
        for view, names in read_columns(detector).items():
            read[view].update(names, detector.scope if view in _SCOPED else ())
    return read


def _choose_shared(connection: duckdb.DuckDBPyConnection, views: Set[str]) -> _Columns:
    """What is read behind these views, with all its columns."""
    stored = _read_definitions(connection, "stored").keys()
    chosen = [view for view in sorted(_SHARED & stored) if _is_small(connection, view)]
    if "reshown" in stored and views & _READ_RESHOWN:
        chosen.append("reshown")
    return {view: ["*"] for view in chosen}


def _is_small(connection: duckdb.DuckDBPyConnection, view: str) -> bool:
    query = f"SELECT count(*) FROM (FROM stored.{view} LIMIT {_FEW_VALUES + 1}) AS shown"
    [(count,)] = connection.execute(query).fetchall()
    return bool(count <= _FEW_VALUES)


def _choose_columns(read: Mapping[str, Set[str]]) -> _Columns:
    """For each view that is worth a table, the columns that are read or otherwise used."""
    return {
        view: [f'"{name}"' for name in COLUMNS[view] if name in read[view] | needed]
        for view, needed in _WORTH.items()
        if view in read
    }


class _Tables:
    """Tables that stand in the place of views."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._room = _find_room(connection)
        self._undo: list[str] = []

    def replace(self, schema: str, columns: _Columns) -> None:
        """Make a table of these columns of each view, and put it in the view's place."""
        definitions = _read_definitions(self._connection, schema)
        columns = {view: columns[view] for view in columns if view in definitions}
        for view, names in columns.items():
            query = f'SELECT {", ".join(names)} FROM memory.{schema}."{view}"'
            self._do(
                f"CREATE TABLE {self._name(view)} ({', '.join(self._declare_columns(query))})",
                f"DROP TABLE {self._name(view)}",
            )
            self._connection.execute(f"INSERT INTO {self._name(view)} {query}")
        self._number_texts(schema, columns)
        if self._room.startswith(SCRATCH):  # columns of another type are in memory until then
            self._connection.execute(f"CHECKPOINT {SCRATCH}")
        for view in columns:
            self._do(
                f'CREATE OR REPLACE VIEW memory.{schema}."{view}" AS FROM {self._name(view)}',
                f'DROP VIEW memory.{schema}."{view}"; {definitions[view]}',
            )

    def remove(self) -> None:
        """Put the views back."""
        while self._undo:
            self._connection.execute(self._undo.pop())

    def forget(self) -> None:
        """Put nothing back: there is no database any more."""
        self._undo.clear()

    def _declare_columns(self, query: str) -> Iterator[str]:
        """Name and type of each column of the query, and whether it is worth packing."""
        for name, kind, *_ in self._connection.execute(f"DESCRIBE {query}").fetchall():
            if kind.startswith("ENUM"):  # that of the shared table which the column is from
                kind = f'{self._room}."stored_{name}"'
            yield f'"{name}" {kind}' + " USING COMPRESSION uncompressed" * (name in _UNIQUE)

    def _number_texts(self, schema: str, columns: _Columns) -> None:
        """Give text columns of few values a type, the same for all columns of one name."""
        sizes: dict[str, int] = defaultdict(int)
        homes: dict[str, list[str]] = defaultdict(list)
        for view in columns:
            for name, size in self._count_values(view):
                sizes[name] += size
                homes[name].append(view)
        for name in [name for name, size in sizes.items() if 0 < size <= _FEW_VALUES]:
            values = " UNION ".join(
                f'SELECT "{name}" FROM {self._name(view)}' for view in homes[name]
            )
            kind = f'{self._room}."{schema}_{name}"'
            self._do(
                f'CREATE TYPE {kind} AS ENUM (SELECT "{name}" FROM ({values}) AS value '
                f'WHERE "{name}" IS NOT NULL ORDER BY "{name}")',
                f"DROP TYPE {kind}",
            )
            for view in homes[name]:
                self._connection.execute(
                    f'ALTER TABLE {self._name(view)} ALTER "{name}" TYPE {kind}'
                )

    def _count_values(self, view: str) -> Iterator[tuple[str, int]]:
        """Text columns of its table, and about how many values each has."""
        rows = self._connection.execute(
            "SELECT column_name FROM duckdb_columns() "
            "WHERE table_name = ? AND data_type = 'VARCHAR' ORDER BY column_index",
            [f"loaded_{view}"],
        ).fetchall()
        names = [name for (name,) in rows if name not in _UNIQUE]
        if names:
            counts = ", ".join(f'approx_count_distinct("{name}")' for name in names)
            query = f"SELECT {counts} FROM {self._name(view)}"
            [row] = self._connection.execute(query).fetchall()
            yield from zip(names, row, strict=True)

    def _name(self, view: str) -> str:
        return f'{self._room}."loaded_{view}"'

    def _do(self, sql: str, undo: str) -> None:
        self._connection.execute(sql)
        self._undo.append(undo)


def _find_room(connection: duckdb.DuckDBPyConnection) -> str:
    """Where tables are made: on disk where the connection has a scratch database."""
    query = "SELECT 1 FROM duckdb_databases() WHERE database_name = ?"
    attached = connection.execute(query, [SCRATCH]).fetchall()
    return f"{SCRATCH}.main" if attached else "memory.main"


def _read_definitions(connection: duckdb.DuckDBPyConnection, schema: str) -> dict[str, str]:
    """View -> the statement that makes it."""
    rows = connection.execute(
        "SELECT view_name, sql FROM duckdb_views() "
        "WHERE database_name = 'memory' AND schema_name = ? ORDER BY view_name",
        [schema],
    ).fetchall()
    return dict(rows)
