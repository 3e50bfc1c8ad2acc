"""The outermost sightings of each kind: the past as far as a screen has to read it.

Sightings are of one kind when they differ in nothing but their time and what is new each time:
nonce, REPORT_DATA, signature. Landmarks are the first and the last of each kind, and the one with
the highest number of its writer's own count. Whoever asks which states were shown, from when to
when, and how far a writer had counted, has the same answer from the landmarks as from all
sightings, and there are few. A look at a case leaves them behind (`landmark`), and the next one
adds what came since. So does what was last before that: news are held against it.

All sightings of evidence that was shown more than once are landmarks. Of the others those that
repeat an earlier one would hide when a state was really there, and are left out; where older
evidence comes late and turns known sightings into repetitions, all landmarks are made anew.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from forensics.case.ledger import TOOL_VERSION
from forensics.case.quote_views import RESHOWN_SQL
from forensics.case.summaries import SUMMARIES
from forensics.case.tables import LANDMARK

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

# 192.0.2.7 and 192.0.2.7:443 are in 192.0.2, as in the detectors that ask where evidence came from.
_NETWORK = """
CASE WHEN length(replace(o.peer, '.', '')) = length(o.peer) - 3
     THEN substr(o.peer, 1, length(o.peer) - strpos(reverse(o.peer), '.'))
     ELSE o.peer END
"""
OF_SIGHTING = {
    "workload": "o.workload_id",
    "enclave": "o.enclave_id",
    "container": "o.container_id",
    "node": "o.node_id",
    "network": _NETWORK,
    "verifier": "o.backend_verifier",
    "event": "o.event_type",
    "ok": "o.claimed_ok",
    "allowed": "o.claimed_policy_allowed",
    "timed": "o.received_at IS NOT NULL",
    "number": "o.claimed_evaluation_number",
    "astray": "coalesce(o.token_quote_hash <> o.quote_id, o.token_quote_hash IS NOT NULL)",
    "counted": "o.sequence_no IS NOT NULL",
}
"""What tells the kinds of an observation `o` apart, its quote aside: name -> SQL."""
_OUT_OF_DATE = "v.outcome = 'accepted' AND strpos(v.status, 'OutOfDate') > 0"
OF_RECEIPT = {
    "status": "v.status",
    "advisories": "v.advisory_ids",
    "level": f"CASE WHEN v.outcome = 'accepted' THEN {_OUT_OF_DATE} END",
    "demoted_by": f"CASE WHEN {_OUT_OF_DATE} THEN v.tcb_evaluation_data_number END",
}
"""And its verdict `v` at receipt, but for the number of what says that it is up to date."""
_KIND = (
    OF_SIGHTING
    | OF_RECEIPT
    | {
        "statement": "q.statement_id",
        "certification": "q.certification_id",
        "signed": "f.signature_ok",
        "endorsement": "f.endorsement_id",
        "subject": "f.subject_no",
    }
)
ENDS = """
min_by(o.observation_no, {'at': o.received_at, 'no': o.observation_no}) AS first_no,
max_by(o.observation_no, {'at': o.received_at, 'no': o.observation_no}) AS last_no,
max_by(o.observation_no, {'count': o.sequence_no, 'no': o.observation_no})
    FILTER (WHERE o.sequence_no IS NOT NULL) AS highest_no
"""
"""The first and the last observation `o` of a group, and the one with the highest number."""


def _tell_kinds(which: str) -> str:
    """A query for the landmarks of those observations `o` alone."""
    # Kinds are told apart by their values, and named by a digest of them: that is small to keep.
    return f"""
SELECT unhex(sha256(CAST(to_json({{
           {", ".join(f"'{name}': {name}" for name in _KIND)}
       }}) AS VARCHAR))) AS kind,
       first_no, first_at, last_no, last_at, highest_no, highest
FROM (
    SELECT {", ".join(f"{value} AS {name}" for name, value in _KIND.items())},
           {ENDS}, min(o.received_at) AS first_at, max(o.received_at) AS last_at,
           max(o.sequence_no) AS highest
    FROM memory.main.observation AS o
    LEFT JOIN stored.quote AS q ON q.quote_no = o.quote_no
    LEFT JOIN stored.filed AS f ON f.quote_no = o.quote_no
    LEFT JOIN memory.main.verdict AS v
           ON v.observation_no = o.observation_no AND v.moment = 'receipt'
    WHERE {which}
      AND o.observation_no NOT IN (
          SELECT observation_no FROM shown_again WHERE trusted_showing > 1
      )
    GROUP BY ALL
) AS sighting
"""


_BEFORE = "CREATE OR REPLACE TEMP TABLE landmark_before AS "
_ALL = f"""
CREATE OR REPLACE TEMP TABLE landmark_now AS
SELECT kind,
       min_by(first_no, {{'at': first_at, 'no': first_no}}) AS first_no, min(first_at) AS first_at,
       max_by(last_no, {{'at': last_at, 'no': last_no}}) AS last_no, max(last_at) AS last_at,
       max_by(highest_no, {{'count': highest, 'no': highest_no}})
           FILTER (WHERE highest IS NOT NULL) AS highest_no,
       max(highest) AS highest
FROM ({_tell_kinds("o.observation_no > $after")} UNION ALL FROM landmark_before)
GROUP BY kind
"""
_SIGHTINGS = """
CREATE OR REPLACE TEMP VIEW landmark AS
SELECT first_no AS observation_no FROM landmark_now
UNION SELECT last_no FROM landmark_now
UNION SELECT highest_no FROM landmark_now WHERE highest_no IS NOT NULL
UNION SELECT last_no FROM landmark_before
UNION SELECT highest_no FROM landmark_before WHERE highest_no IS NOT NULL
UNION SELECT observation_no FROM shown_again
UNION SELECT observation_no FROM fresh_observation
"""

_OVERTAKEN = """
SELECT 1
FROM shown_again AS r
JOIN shown_again AS f ON f.signing_id = r.signing_id AND f.showing < r.showing
WHERE r.observation_no <= $after AND f.observation_no > $after
LIMIT 1
"""

# It takes a look at all signatures, and is asked several times.
_SHOWN_AGAIN = "CREATE OR REPLACE TEMP TABLE shown_again AS FROM memory.main.reshown"
_KEPT = "CREATE OR REPLACE VIEW stored.reshown AS FROM temp.main.shown_again"

NOW = "SELECT * FROM landmark_now"
STORED = f"SELECT {', '.join(LANDMARK.names)} FROM stored.landmark"
_SUMMARIES = "".join(summary.sql for summary in SUMMARIES)
_RULE = hashlib.sha256(
    repr((TOOL_VERSION, _KIND, ENDS, RESHOWN_SQL, _SUMMARIES)).encode()
).hexdigest()


def note_reshown(connection: duckdb.DuckDBPyConnection) -> None:
    """What was shown more than once, as the temporary table `shown_again` that the rest reads."""
    connection.execute(_SHOWN_AGAIN)


def keep_reshown(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the view give what was noted, for as long as the connection lives."""
    connection.execute(_KEPT)


def renew_landmarks(
    connection: duckdb.DuckDBPyConnection, after: int = 0, *, holds: bool = False
) -> None:
    """The landmarks as they are now, as the temporary table `landmark_now`; those of the sightings
    up to `after`, as `landmark_before`.

    `holds`: the stored landmarks are those as of `after`. Otherwise they are made anew.
    """
    known = _tell_kinds("o.observation_no <= $after")
    connection.execute(_BEFORE + (STORED if holds else known), None if holds else {"after": after})
    connection.execute(_ALL, {"after": after})


def name_rule(landmarks: str) -> str:
    """The rows of `NOW` or `STORED`, with a digest of what told the kinds apart and of the
    summaries beside them: those made by another rule, or by another version of the tool, count as
    different even where the rows are the same.
    """
    return f"SELECT *, '{_RULE}' AS rule FROM ({landmarks})"


def are_overtaken(connection: duckdb.DuckDBPyConnection, after: int) -> bool:
    """Whether a known sighting repeats, as is known now, one that came after `after`."""
    return bool(connection.execute(_OVERTAKEN, {"after": after}).fetchall())


def declare_landmarks(connection: duckdb.DuckDBPyConnection) -> None:
    """Numbers of sightings, new ones too, as the temporary view `landmark`."""
    connection.execute(_SIGHTINGS)


def read_landmarks(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    """The rows of `landmark` as they should be now."""
    relation = connection.sql(f"{NOW} ORDER BY kind")
    return relation.to_arrow_table().cast(LANDMARK.arrow_schema())
