"""The views that detectors read, worked out once for all of them.

A view is a join over many files, and fifty queries would plan and run it fifty times. While a
detection runs, tables stand in the place of the views, with the columns that any of its detectors
names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

import duckdb

from forensics.case.contract import VIEWS
from forensics.case.scratch import SCRATCH
from forensics.detect.detector import Detector

# Views of one row or more for each event, and those that take a look at all evidence.
_WORTH: Final = frozenset(
    {"observation", "quote", "verdict", "binding", "reshown", "launch", "nonce", "release"}
)
_KEYS: Final = frozenset({"observation_no", "quote_no", "moment"})  # what joins and scopes use
_FEWEST: Final = 4  # detectors; fewer read the views faster than tables are made of them

_COLUMNS: Final = {view.name: view.names for view in VIEWS}
_MAIN: Final = "memory.main"


@contextmanager
def loaded(connection: duckdb.DuckDBPyConnection, detectors: Iterable[Detector]) -> Iterator[None]:
    """For the length of a block; the views are put back after it."""
    detectors = list(detectors)
    if len(detectors) < _FEWEST:
        yield
        return
    words = _KEYS.union(*map(_list_words, detectors))
    views = {view for detector in detectors for view in detector.inputs} & _WORTH
    definitions = _read_definitions(connection, views)
    room = _find_room(connection)
    for view in definitions:
        columns = ", ".join(f'"{name}"' for name in _COLUMNS[view] if name in words)
        connection.execute(
            f'CREATE TABLE {room}."loaded_{view}" AS SELECT {columns} FROM {_MAIN}."{view}"'
        )
    for view in definitions:
        connection.execute(
            f'CREATE OR REPLACE VIEW {_MAIN}."{view}" AS FROM {room}."loaded_{view}"'
        )
    try:
        yield
    finally:
        for view, definition in definitions.items():
            connection.execute(f'DROP VIEW {_MAIN}."{view}"')
            connection.execute(definition)
            connection.execute(f'DROP TABLE {room}."loaded_{view}"')


def _find_room(connection: duckdb.DuckDBPyConnection) -> str:
    """Where tables are made: on disk where the connection has a scratch database."""
    query = "SELECT 1 FROM duckdb_databases() WHERE database_name = ?"
    attached = connection.execute(query, [SCRATCH]).fetchall()
    return f"{SCRATCH}.main" if attached else _MAIN


def _list_words(detector: Detector) -> frozenset[str]:
    """All names that stand in a detector's queries, columns among them."""
    texts = [detector.sql, *(blindness.count for blindness in detector.not_evaluable)]
    return frozenset(re.findall(r"\w+", " ".join(texts))) | frozenset(detector.scope)


def _read_definitions(
    connection: duckdb.DuckDBPyConnection, views: Iterable[str]
) -> dict[str, str]:
    """The statement that makes each view."""
    return dict(
        connection.execute(
            "SELECT view_name, sql FROM duckdb_views() WHERE database_name = 'memory' "
            "AND schema_name = 'main' AND list_contains(?, view_name) ORDER BY view_name",
            [sorted(views)],
        ).fetchall()
    )
