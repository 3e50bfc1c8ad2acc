"""How long the answers of each platform to each verifier took, counted by whole milliseconds; and
by which ways those of each enclave came.

Both are small beside the sightings, and parts of them can be added up.
"""

from __future__ import annotations

from collections.abc import Callable

from forensics.case.claims import CLAIMED_OK
from forensics.case.expressions import PEER_ADDRESS, RECEIVED
from forensics.case.quote_views import show_quotes
from forensics.case.summary import Summary
from forensics.case.tables import LATENCY, WAY, Table

TOOK_MS = "CAST(floor(1000 * (epoch({}) - epoch(o.nonce_issued_at)) + 0.5) AS BIGINT)"
"""How long an observation `o` took that was received at some moment."""


def _group_answers(columns: str, which: str) -> str:
    """A query for the answers of each platform, in groups: `columns` of an observation `o` say what
    tells groups apart and what is said of each. `which` (SQL) selects the observations.

    All evidence of one subject (`forensics.case.tables`) is of one platform, and all of it is
    trusted or none: any one quote tells. So one is looked up for each subject, not one for each
    sighting.
    """
    return f"""
SELECT coalesce(q.ppid, q.chip_id, q.attestation_key_id) AS platform_id,
       p.* EXCLUDE (subject_no)
FROM (
    SELECT f.subject_no, {columns}
    FROM stored.observation AS o
    JOIN stored.filed AS f ON f.quote_no = o.quote_no
    LEFT JOIN stored.reshown AS a
           ON a.observation_no = o.observation_no AND a.trusted_showing > 1
    WHERE a.observation_no IS NULL AND {RECEIVED} IS NOT NULL AND o.nonce_issued_at IS NOT NULL
      AND coalesce({CLAIMED_OK}, true) AND {which}
    GROUP BY ALL
) AS p
JOIN (SELECT subject_no, min(quote_no) AS quote_no FROM stored.filed GROUP BY subject_no) AS s
  ON s.subject_no = p.subject_no
JOIN ({show_quotes("stored.quote")}) AS q ON q.quote_no = s.quote_no
WHERE q.trusted AND coalesce(q.ppid, q.chip_id, q.attestation_key_id) IS NOT NULL
"""


def _tell_latencies(which: str = "true") -> str:
    return _group_answers(
        f"o.backend_verifier, {TOOK_MS.format(RECEIVED)} AS took_ms, "
        f"count(*) AS answers, min({PEER_ADDRESS}) AS one_peer, max({PEER_ADDRESS}) AS other_peer",
        which,
    )


def _tell_ways(which: str = "true") -> str:
    named = "o.enclave_id IS NOT NULL AND o.peer IS NOT NULL"
    columns = f"o.enclave_id, {PEER_ADDRESS} AS peer, count(*) AS answers"
    return _group_answers(columns, f"{named} AND {which}")


def _add_latencies(parts: str) -> str:
    return f"""
SELECT platform_id, backend_verifier, took_ms, CAST(sum(answers) AS BIGINT) AS answers,
       min(one_peer) AS one_peer, max(other_peer) AS other_peer
FROM ({parts})
GROUP BY ALL
"""


def _add_ways(parts: str) -> str:
    return f"""
SELECT platform_id, enclave_id, peer, CAST(sum(answers) AS BIGINT) AS answers
FROM ({parts})
GROUP BY ALL
"""


def _summarize(table: Table, tell: Callable[..., str], add: Callable[[str], str]) -> Summary:
    """`tell` makes the query for the groups of some observations, `add` sums up such groups."""
    known = f"SELECT {', '.join(table.names)} FROM stored.{table.name}"
    since = tell("o.observation_no > $after")
    return Summary(table, add(tell()), add(f"{known} UNION ALL BY NAME {since}"))


LATENCIES = _summarize(LATENCY, _tell_latencies, _add_latencies)
WAYS = _summarize(WAY, _tell_ways, _add_ways)
