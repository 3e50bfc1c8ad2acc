"""One look at the history for all detectors that follow the news by keys.

Usually nothing known shares a nonce, a session or a signature with something new, and one pass over
all sightings shows it for every key at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import duckdb

from forensics.detect.reach import Reach, select_sightings

_TABLE: Final = "touched"


class Touched:
    """The sightings that share a value with the news, in any key that a detector follows."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, values: Mapping[str, str]) -> None:
        """`values`: key -> a query for its values among the news."""
        self._connection = connection
        if not values:
            return
        for key, query in values.items():
            connection.execute(
                f"CREATE OR REPLACE TEMP TABLE {_TABLE}_{key} AS "
                f'SELECT DISTINCT "{key}" AS value FROM ({query}) WHERE "{key}" IS NOT NULL'
            )
        joins = " ".join(
            f'LEFT JOIN {_TABLE}_{key} ON {_TABLE}_{key}.value = s."{key}"' for key in values
        )
        met = {key: f"{_TABLE}_{key}.value IS NOT NULL" for key in values}
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {_TABLE} AS "
            f"SELECT s.observation_no, {', '.join(f'{test} AS {key}' for key, test in met.items())}"
            f" FROM ({select_sightings(list(values))}) AS s {joins} "
            f"WHERE {' OR '.join(met.values())}"
        )

    def closes(self, reach: Reach) -> bool:
        """Whether the reach then has all that its news are connected to."""
        if reach.keys:
            met = " OR ".join(f'"{key}"' for key in reach.keys)
            found = f"SELECT observation_no FROM {_TABLE} WHERE {met}"
            if len(reach.keys) == 1 and not reach.events:
                reach.add_sightings(found)
            elif reach.lacks(found) or reach.follow_events():
                return False
        reach.call_closed()
        return True
