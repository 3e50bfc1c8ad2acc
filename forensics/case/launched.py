"""The initial states that launch records give for sightings of quotes.

A launch is of a sighting when it names the sighting's container; where no launch does, when it
names its enclave, and no other container. An enclave may be launched many times, in other states:
what counts is that it was launched in a state by then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from forensics.case.expressions import RECEIVED, to_hex

if TYPE_CHECKING:
    import duckdb

# A launch up to so much after a sighting may be before it: two parties' clocks tell the two.
_SKEW: Final = "INTERVAL 5 MINUTE"
_ENCLAVE_KEY: Final = "CASE WHEN container_id IS NULL THEN 'enclave' ELSE 'enclave alone' END"


def _name_launched(launches: str) -> str:
    """A query for who was launched in which state, and when first: `key`, `id`, `initial_state`,
    `first_at`. The key `enclave alone` is for the launches that name no container.
    """
    return f"""
SELECT key, id, initial_state, min(timestamp) AS first_at
FROM (
    SELECT unnest(['container', 'enclave', 'enclave alone']) AS key,
           unnest([container_id, enclave_id,
                   CASE WHEN container_id IS NULL THEN enclave_id END]) AS id,
           initial_state, timestamp
    FROM ({launches})
    WHERE initial_state IS NOT NULL AND timestamp IS NOT NULL
)
WHERE id IS NOT NULL
GROUP BY ALL
"""


_LAUNCHES: Final = "FROM stored.launch WHERE event_type = 'enclave_launch'"
_NO_GIVEN: Final = """
CREATE TEMP TABLE launched (observation_no BIGINT, launched_state BLOB, is_contested BOOLEAN)
"""
# `nth` counts the states of one that was launched.
_STATES: Final = f"""
CREATE TEMP TABLE launch_state AS
SELECT *, row_number() OVER (PARTITION BY key, id ORDER BY first_at, initial_state) AS nth
FROM ({_name_launched(_LAUNCHES)})
"""
# Where the sighting tells no state, one that all its launches agree on; where it tells one, the
# last other one, if it was not launched in the one that it tells.
_GIVEN: Final = f"""
CREATE OR REPLACE TEMP TABLE launched AS
WITH sighting AS (
    SELECT s.*
    FROM (
        SELECT observation_no, container_id, enclave_id, initial_state,
               {RECEIVED} + {_SKEW} AS until
        FROM stored.observation AS o
        WHERE observation_no BETWEEN $first AND $last AND quote_no IS NOT NULL
    ) AS s
    ANTI JOIN launch_state AS l  -- most tell the very state that they were launched in
      ON l.key = CASE WHEN s.container_id IS NULL THEN 'enclave' ELSE 'container' END
     AND l.id = coalesce(s.container_id, s.enclave_id)
     AND l.initial_state = s.initial_state AND l.first_at <= s.until
),
by_container AS (
    SELECT s.*, 'container' AS key, s.container_id AS id, l.nth, l.initial_state AS launched_state
    FROM sighting AS s
    ASOF JOIN (SELECT * FROM launch_state WHERE key = 'container') AS l
      ON l.id = s.container_id AND l.first_at <= s.until
),
by_enclave AS (
    SELECT s.*, l.nth, l.initial_state AS launched_state
    FROM (
        SELECT *, {_ENCLAVE_KEY} AS key, enclave_id AS id
        FROM sighting
        WHERE observation_no NOT IN (SELECT observation_no FROM by_container)
    ) AS s
    ASOF JOIN launch_state AS l ON l.key = s.key AND l.id = s.id AND l.first_at <= s.until
)
SELECT g.observation_no, g.launched_state, g.initial_state IS NOT NULL AS is_contested
FROM (FROM by_container UNION ALL FROM by_enclave) AS g
LEFT JOIN launch_state AS same
  ON same.key = g.key AND same.id = g.id AND same.initial_state = g.initial_state
 AND same.first_at <= g.until
WHERE same.id IS NULL AND (g.initial_state IS NOT NULL OR g.nth = 1)
"""


BOUND_ANEW_SQL: Final = f"""
WITH fresh AS (
    SELECT key, id, min(first_at) AS first_at,
           min(initial_state) AS one_state, max(initial_state) AS other_state
    FROM ({_name_launched("FROM fresh_launch")})
    GROUP BY key, id
),
known AS ({_name_launched("FROM known_launch")}),
sighting AS (
    SELECT observation_no, {to_hex("o.initial_state")} AS initial_state,
           {RECEIVED} + {_SKEW} AS until,
           unnest(['container', {_ENCLAVE_KEY}]) AS key, unnest([container_id, enclave_id]) AS id
    FROM stored.observation AS o
    WHERE observation_no <= $observation_no AND quote_no IS NOT NULL
      AND (container_id IN (SELECT id FROM fresh) OR enclave_id IN (SELECT id FROM fresh))
)
SELECT DISTINCT s.observation_no
FROM sighting AS s
JOIN fresh AS l ON l.key = s.key AND l.id = s.id AND l.first_at <= s.until
WHERE l.one_state IS DISTINCT FROM s.initial_state OR l.other_state <> s.initial_state
   OR l.id IN (SELECT id FROM known)
"""
"""Numbers, up to `$observation_no`, of the sightings that launches in `fresh_launch` (their view's
columns) may let bind something else than those in `known_launch` did. Rather more than that: all
whose launch was logged late, unless it tells the state that the sighting does, and nobody told
another one before.
"""


def note_launch_states(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the temporary tables that `note_launched` looks in and fills."""
    connection.execute(_STATES)
    connection.execute(_NO_GIVEN)


def note_launched(connection: duckdb.DuckDBPyConnection, first: int, last: int) -> bool:
    """Make `launched` for sightings by number: `observation_no`, `launched_state`, `is_contested`.

    It has those alone to which launches give a state that they do not tell themselves; they contest
    the state that the sighting tells, if any. Returns whether they contest one.
    """
    if not connection.execute("SELECT 1 FROM launch_state LIMIT 1").fetchall():
        return False
    connection.execute(_GIVEN, {"first": first, "last": last})
    contested = connection.execute("SELECT 1 FROM launched WHERE is_contested LIMIT 1").fetchall()
    return bool(contested)
