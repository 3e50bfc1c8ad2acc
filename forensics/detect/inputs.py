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
from forensics.detect.detector import Detector

# Views of one row or more for each event: what is read after a detection is not among them.
_EVENTS: Final = ("observation", "quote", "verdict", "binding", "launch", "nonce", "release")
# Views of few rows that take a look at all evidence: worked out once, however much there is.
_CONDENSED: Final = ("reshown",)
_KEYS: Final = frozenset({"observation_no", "quote_no", "moment"})  # what joins and scopes use
# Beyond it tables take more time and memory to fill than working views out again takes.
_MOST_OBSERVATIONS: Final = 500_000
_FEWEST: Final = 4  # detectors; fewer read the views faster than tables are made of them

_COLUMNS: Final = {view.name: view.names for view in VIEWS}
_MAIN: Final = "memory.main"


@contextmanager
def loaded(connection: duckdb.DuckDBPyConnection, detectors: Iterable[Detector]) -> Iterator[None]:
    """For the length of a block; the views are put back after it."""
    detectors = list(detectors)
    [(count,)] = connection.execute(f"SELECT count(*) FROM {_MAIN}.observation").fetchall()
    if len(detectors) < _FEWEST:
        yield
        return
    worth = _CONDENSED if count > _MOST_OBSERVATIONS else (*_CONDENSED, *_EVENTS)
    views = {view for detector in detectors for view in detector.inputs} & set(worth)
    words = _KEYS.union(*map(_list_words, detectors))
    definitions = _read_definitions(connection, views)
    for view in definitions:
        columns = ", ".join(f'"{name}"' for name in _COLUMNS[view] if name in words)
        connection.execute(
            f'CREATE TABLE {_MAIN}."loaded_{view}" AS SELECT {columns} FROM {_MAIN}."{view}"'
        )
    for view in definitions:
        connection.execute(f'DROP VIEW {_MAIN}."{view}"')
        connection.execute(f'ALTER TABLE {_MAIN}."loaded_{view}" RENAME TO "{view}"')
    try:
        yield
    finally:
        for view, definition in definitions.items():
            connection.execute(f'DROP TABLE {_MAIN}."{view}"')
            connection.execute(definition)


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
