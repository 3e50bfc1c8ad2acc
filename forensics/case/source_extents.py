"""The time span of each source of events, and how many events it has.

A source that has any events has all that it will ever have, so the rows of old sources stay as they
are.
"""

from __future__ import annotations

from forensics.case.expressions import RECEIVED, to_hex
from forensics.case.summary import Summary
from forensics.case.tables import SOURCE_EXTENT

_OF_EACH = f"""
SELECT {to_hex("o.source_id")} AS source_id, count(*) AS events,
       min({RECEIVED}) AS first_at, max({RECEIVED}) AS last_at
FROM stored.observation AS o
WHERE o.event_id IS NOT NULL AND {{which}}
GROUP BY o.source_id
"""

SOURCE_EXTENT_SQL = _OF_EACH.format(which="true")
_GONE_ON = f"""
SELECT source_id, CAST(sum(events) AS BIGINT) AS events,
       min(first_at) AS first_at, max(last_at) AS last_at
FROM (
    SELECT {", ".join(SOURCE_EXTENT.names)} FROM stored.source_extent
    UNION ALL {_OF_EACH.format(which="o.observation_no > $after")}
)
GROUP BY source_id
"""

SOURCE_EXTENTS = Summary(SOURCE_EXTENT, SOURCE_EXTENT_SQL, _GONE_ON)
