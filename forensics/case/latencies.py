"""How long answers took, of each platform to each verifier, in whole milliseconds and counted.

That is little beside the sightings, and adds up.
"""

from __future__ import annotations

from forensics.case.expressions import CLAIMED_OK, RECEIVED
from forensics.case.quote_views import RESHOWN, show_quotes
from forensics.case.summary import Summary
from forensics.case.tables import LATENCY

TOOK_MS = "CAST(floor(1000 * (epoch({}) - epoch(o.nonce_issued_at)) + 0.5) AS BIGINT)"
"""How long an observation `o` took that was received at some moment."""


def _tell_latencies(reshown: str, which: str = "true") -> str:
    """A query for the rows of the view, of those observations `o` alone; `reshown` is the view of
    that name, or its query.

    All evidence of one subject (`forensics.case.tables`) is of one platform, and trusted or not:
    any quote of it tells. So there is one for all that took as long, not one for each sighting.
    """
    return f"""
SELECT coalesce(q.ppid, q.chip_id, q.attestation_key_id) AS platform_id, p.backend_verifier,
       p.took_ms, CAST(sum(p.answers) AS BIGINT) AS answers,
       min(p.one_peer) AS one_peer, max(p.other_peer) AS other_peer
FROM (
    SELECT f.subject_no, o.backend_verifier, {TOOK_MS.format(RECEIVED)} AS took_ms,
           count(*) AS answers, min(o.peer) AS one_peer, max(o.peer) AS other_peer
    FROM stored.observation AS o
    JOIN stored.filed AS f ON f.quote_no = o.quote_no
    LEFT JOIN {reshown} AS a
           ON a.observation_no = o.observation_no AND a.trusted_showing > 1
    WHERE a.observation_no IS NULL AND {RECEIVED} IS NOT NULL AND o.nonce_issued_at IS NOT NULL
      AND coalesce({CLAIMED_OK}, true) AND {which}
    GROUP BY ALL
) AS p
JOIN (SELECT subject_no, min(quote_no) AS quote_no FROM stored.filed GROUP BY subject_no) AS s
  ON s.subject_no = p.subject_no
JOIN ({show_quotes("stored.quote")}) AS q ON q.quote_no = s.quote_no
WHERE q.trusted AND coalesce(q.ppid, q.chip_id, q.attestation_key_id) IS NOT NULL
GROUP BY ALL
"""


LATENCY_SQL = _tell_latencies(f"({RESHOWN})")
_GONE_ON = f"""
SELECT platform_id, backend_verifier, took_ms, CAST(sum(answers) AS BIGINT) AS answers,
       min(one_peer) AS one_peer, max(other_peer) AS other_peer
FROM (
    SELECT {", ".join(LATENCY.names)} FROM stored.latency
    UNION ALL {_tell_latencies("memory.main.reshown", "o.observation_no > $after")}
)
GROUP BY ALL
"""

LATENCIES = Summary(LATENCY, _tell_latencies("memory.main.reshown"), _GONE_ON)
