"""Unbroken stretches of the numbers that writers give their events.

Between two stretches of a writer something is missing. What comes later makes stretches longer, or
joins them, and never breaks one: so they can be continued.
"""

from __future__ import annotations

from forensics.case import extras
from forensics.case.expressions import RECEIVED, observation_id
from forensics.case.summary import Summary
from forensics.case.tables import STRETCH

# The least of what several events of one number say, at both ends.
_NUMBERED = f"""
SELECT backend_verifier, sequence_no AS first_no, sequence_no AS last_no,
       min(received_at) AS first_at, min(received_at) AS last_at,
       min(observation_id) AS first_id, min(observation_id) AS last_id
FROM (
    SELECT o.backend_verifier, {extras.first_number("o.extra", extras.SEQUENCES)} AS sequence_no,
           {RECEIVED} AS received_at, {observation_id("o")} AS observation_id
    FROM stored.observation AS o
    WHERE o.backend_verifier IS NOT NULL AND {{which}}
) AS event
WHERE sequence_no >= 0
GROUP BY backend_verifier, sequence_no
"""


def _join(pieces: str) -> str:
    """A query that makes one stretch of all pieces that overlap or meet."""
    return f"""
WITH piece AS (
    SELECT *, first_no - 1 <= max(last_no) OVER (
        PARTITION BY backend_verifier ORDER BY first_no, last_no
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS joined
    FROM ({pieces}) AS known
),
placed AS (
    SELECT *, count(*) FILTER (WHERE joined IS NOT TRUE) OVER (
        PARTITION BY backend_verifier ORDER BY first_no, last_no
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS stretch
    FROM piece
),
bounded AS (
    SELECT backend_verifier, stretch, min(first_no) AS first_no, max(last_no) AS last_no
    FROM placed
    GROUP BY backend_verifier, stretch
)
SELECT b.backend_verifier, b.first_no, b.last_no,
       min(p.first_at) FILTER (WHERE p.first_no = b.first_no) AS first_at,
       min(p.last_at) FILTER (WHERE p.last_no = b.last_no) AS last_at,
       min(p.first_id) FILTER (WHERE p.first_no = b.first_no) AS first_id,
       min(p.last_id) FILTER (WHERE p.last_no = b.last_no) AS last_id
FROM bounded AS b
JOIN placed AS p ON p.backend_verifier = b.backend_verifier AND p.stretch = b.stretch
GROUP BY b.backend_verifier, b.first_no, b.last_no
"""


STRETCH_SQL = _join(_NUMBERED.format(which="true"))
_GONE_ON = _join(
    f"SELECT {', '.join(STRETCH.names)} FROM stored.stretch "
    f"UNION ALL {_NUMBERED.format(which='o.observation_no > $after')}"
)

STRETCHES = Summary(STRETCH, STRETCH_SQL, _GONE_ON)
