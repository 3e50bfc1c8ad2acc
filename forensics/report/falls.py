"""Versions that fell: sightings below what had been shown before.

Components are compared one by one, never as one number. A version is below another that is lower
nowhere and higher somewhere; where one component fell and another rose, it is neither, although
tcb-rollback reports the one that fell. As there, only trusted quotes with a time count, and only
components that the platform's TCB info names. Where the case has no TCB info for it, all do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from forensics.report.charts import BIN_SQL, bind
from forensics.report.rows import fetch
from forensics.report.sightings import Span

if TYPE_CHECKING:
    import duckdb

Key = tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """How the versions of one lane are compared, in SQL.

    `holder`: only what the same holder showed is compared. `parts`: of `value` and `places`, a list
    of texts, each of which compares as its component does; `places` are the components that TCB
    info of `family` names. `kept`: an instance keeps the version that it was launched with, so one
    that was there before a higher one was seen, and never showed that itself, has not fallen.
    """

    holder: str
    parts: str
    family: str
    kept: str = "false"


BYTES = "[substr(value, 2 * place + 1, 2) FOR place IN places]"
"""The parts of `value` in hex: two lower-case digits compare as the byte does."""

BYTES_OF_MODULE = (
    "[CASE place WHEN 0 THEN value[3:4] || value[1:2] ELSE substr(value, 2 * place + 1, 2) END "
    "FOR place IN places]"
)
"""The same of a TEE TCB SVN: byte 0, a module's SVN, counts within its major version, byte 1."""

_FALLS = """
WITH shown AS (
    SELECT {key} AS key, {value} AS value, {holder} AS holder, {kept} AS kept, fmspc, enclave_id,
           seconds
    FROM sighting
    WHERE trusted AND seconds IS NOT NULL AND value IS NOT NULL AND holder IS NOT NULL
      AND key IN (SELECT unnest($keys::VARCHAR[][]))
),
named AS (
    SELECT fmspc, list(position ORDER BY position) AS places FROM tcb_component
    WHERE named AND family = '{family}' GROUP BY fmspc
),
level AS (
    SELECT key, holder, value, since, {parts} AS parts
    FROM (
        SELECT s.key, s.holder, s.value, min(s.seconds) AS since,
               coalesce(min(n.places), range(16)) AS places
        FROM shown AS s LEFT JOIN named AS n ON n.fmspc = s.fmspc
        GROUP BY ALL
    )
),
pair AS (
    SELECT low.key, low.holder, low.value AS low, high.value AS high, high.since
    FROM level AS low
    JOIN level AS high ON high.key = low.key AND high.holder = low.holder
    WHERE low.parts < high.parts AND list_bool_and(
        [low.parts[place] <= high.parts[place] FOR place IN range(1, len(low.parts) + 1)]
    )
),
own AS (
    SELECT key, holder, value, kept, enclave_id, min(seconds) AS since FROM shown GROUP BY ALL
),
fallen AS (
    SELECT low.key, low.holder, low.value, low.enclave_id, min(pair.since) AS since
    FROM pair
    JOIN own AS low ON low.key = pair.key AND low.holder = pair.holder AND low.value = pair.low
    LEFT JOIN own AS high ON high.key = pair.key AND high.holder = pair.holder
        AND high.value = pair.high AND high.enclave_id = low.enclave_id
    WHERE NOT (
        low.kept AND low.enclave_id IS NOT NULL AND low.since < pair.since AND high.since IS NULL
    )
    GROUP BY ALL
)
SELECT DISTINCT s.key, s.value, {bin} AS bin
FROM shown AS s
JOIN fallen AS f ON f.key = s.key AND f.holder = s.holder AND f.value = s.value
    AND f.enclave_id IS NOT DISTINCT FROM s.enclave_id
WHERE s.seconds > f.since AND s.seconds >= $start AND s.seconds < $start + $length
ORDER BY ALL
"""


def find_falls(
    connection: duckdb.DuckDBPyConnection,
    comparison: Comparison,
    key: str,
    value: str,
    keys: Sequence[Key],
    span: Span,
) -> dict[Key, list[tuple[str, int]]]:
    """(value, bin) of what fell, by the key of its lane. Needs `make_sightings`."""
    place = BIN_SQL.format("s.seconds")
    sql = _FALLS.format(key=key, value=value, bin=place, **vars(comparison))
    values = {"keys": [list(key) for key in keys], **bind(span)}
    falls: dict[Key, list[tuple[str, int]]] = {}
    for lane, fallen, number in fetch(connection, sql, values):
        falls.setdefault(tuple(lane), []).append((fallen, number))
    return falls
