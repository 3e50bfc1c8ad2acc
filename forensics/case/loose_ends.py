"""What nothing was found for: challenges without an answer, answers to no known challenge, and
releases without any evidence in their session.

They are few, and only something that comes later can tie one up: it is enough to look at what was
loose before, and at what is new.
"""

from __future__ import annotations

from forensics.case.expressions import IS_EVIDENCE, RECEIVED, observation_id, to_hex
from forensics.case.summary import Summary
from forensics.case.tables import LOOSE_END

_IS_TIMED_EVIDENCE = f"{RECEIVED} IS NOT NULL AND {IS_EVIDENCE}"


def _tell_loose_ends(challenges: str, sightings: str, releases: str) -> str:
    """A query for those of these queries' rows that are loose, held against all of the case.

    `challenges` gives `nonce`, `enclave_id` and `happened_at`, `sightings` the columns of stored
    observations, `releases` `session_id`, `enclave_id` and `happened_at`.
    """
    return f"""
WITH released AS (
    SELECT session_id, coalesce(session_id, enclave_id) AS subject_id, happened_at
    FROM ({releases}) AS given
    WHERE happened_at IS NOT NULL AND coalesce(session_id, enclave_id) IS NOT NULL
)
SELECT 'challenge' AS kind, {to_hex("c.nonce")} AS key_id, c.enclave_id AS subject_id,
       min(c.happened_at) AS happened_at, CAST(NULL AS BIGINT) AS observation_no
FROM ({challenges}) AS c
ANTI JOIN stored.observation AS o ON o.nonce = c.nonce
WHERE c.nonce IS NOT NULL AND c.enclave_id IS NOT NULL AND c.happened_at IS NOT NULL
GROUP BY c.nonce, c.enclave_id
UNION ALL
SELECT 'answer', NULL, coalesce(o.enclave_id, o.container_id, {observation_id("o")}),
       {RECEIVED}, o.observation_no
FROM ({sightings}) AS o
WHERE o.observation_no IN (
    SELECT o.observation_no
    FROM ({sightings}) AS o
    ANTI JOIN stored.nonce AS n ON n.nonce = o.nonce
    WHERE o.nonce IS NOT NULL AND {IS_EVIDENCE} AND EXISTS (SELECT 1 FROM stored.nonce)
)
UNION ALL
SELECT 'release', r.session_id, r.subject_id, r.happened_at, NULL
FROM released AS r
ANTI JOIN (SELECT o.session_id FROM stored.observation AS o WHERE {_IS_TIMED_EVIDENCE}) AS s
    ON s.session_id = r.session_id
WHERE r.session_id IS NOT NULL
UNION ALL
SELECT 'release', NULL, r.subject_id, r.happened_at, NULL
FROM released AS r
ANTI JOIN (SELECT o.enclave_id FROM stored.observation AS o WHERE {_IS_TIMED_EVIDENCE}) AS e
    ON e.enclave_id = r.subject_id
WHERE r.session_id IS NULL
"""


LOOSE_END_SQL = _tell_loose_ends(
    "SELECT nonce, enclave_id, timestamp AS happened_at FROM stored.nonce",
    "FROM stored.observation",
    "SELECT session_id, enclave_id, timestamp AS happened_at FROM stored.release",
)
_GONE_ON = _tell_loose_ends(
    """
    SELECT unhex(key_id) AS nonce, subject_id AS enclave_id, happened_at FROM stored.loose_end
    WHERE kind = 'challenge'
    UNION ALL
    SELECT unhex(nonce), enclave_id, timestamp FROM fresh_nonce
    """,
    """
    SELECT o.* FROM stored.observation AS o
    WHERE o.observation_no IN (SELECT observation_no FROM stored.loose_end WHERE kind = 'answer')
    UNION ALL
    SELECT o.* FROM stored.observation AS o WHERE o.observation_no > $after
    """,
    """
    SELECT key_id AS session_id, subject_id AS enclave_id, happened_at FROM stored.loose_end
    WHERE kind = 'release'
    UNION ALL
    SELECT session_id, enclave_id, timestamp FROM fresh_release
    """,
)
# Without any log of challenges no answer is strange; with the first one, answers to no known
# challenge are.
_FIRST_LOG = """
SELECT 1 WHERE EXISTS (FROM fresh_nonce) AND NOT EXISTS (FROM known_nonce)
"""

LOOSE_ENDS = Summary(LOOSE_END, LOOSE_END_SQL, _GONE_ON, _FIRST_LOG)
