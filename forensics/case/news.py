"""What a case has learnt since an earlier look: new evidence, and verdicts that changed.

A look remembers its `Horizon` and, per subject and stretch of time, digests of each verdict
(`verdict_state`): of what it says, and of what it rests on. Evidence only grows, so what is new is
what lies beyond the horizon; a verdict of old evidence changes only with other collateral or
another moment of hindsight, and then a digest does. What REPORT_DATA of old evidence should bind
changes with a launch that is logged late.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

from forensics.case.expressions import RECEIVED_OR_NO_TIME
from forensics.case.landmarks import (
    NOW,
    STORED,
    are_overtaken,
    declare_landmarks,
    name_rule,
    read_landmarks,
    renew_landmarks,
)
from forensics.case.launched import BOUND_ANEW_SQL
from forensics.case.summaries import SUMMARIES
from forensics.case.tables import (
    FACT_CERTIFICATION,
    FACT_CHAIN,
    FACT_ENDORSEMENT,
    FACT_QUOTE,
    FACT_REPORT,
    LANDMARK,
    SUBJECT,
    VERDICT_STATE,
)
from forensics.case.verification import covers_evidence

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from forensics.case.case import Case
    from forensics.case.writer import Writer

EVENTS = ("launch", "stop", "nonce", "release")
"""Views of evidence that is no sighting of a quote; each row names its source."""

_FRESH_DOCUMENT = "SELECT item_id FROM fresh_item"
_FRESH_SOURCE = "SELECT source_id FROM fresh_source"
DATED = {
    "collateral": ("collateral_id", _FRESH_DOCUMENT),
    "crl": ("crl_id", _FRESH_DOCUMENT),
    "source_extent": ("source_id", _FRESH_SOURCE),
}
"""Views of what bears on a stretch of time -> what names each row, and a query for new names."""

# A certificate that comes after a report has it proven again, and it and its past are others.
_OF_QUOTES = (FACT_QUOTE, FACT_CERTIFICATION, FACT_CHAIN, SUBJECT)
_FACTS = {table.name for table in (*_OF_QUOTES, FACT_REPORT, FACT_ENDORSEMENT)}

_SAID = (
    *("outcome", "status", "failed_checks", "undetermined_checks", "strict_failures"),
    *("advisory_ids", "tcb_evaluation_data_number", "qe_evaluation_data_number"),
    "other_collateral_accepts",
)
GROUNDS = (
    *("tcb_info_id", "qe_identity_id", "pck_crl_id", "root_crl_id"),
    *("collateral_issued_at", "collateral_expires_at"),
)
"""Columns of a verdict that tell what it rests on. Collateral is issued anew every day, and mostly
nothing that it says is another: so these are an aspect of their own.
"""
_OF = " grounds"
MOMENTS = ("receipt", "hindsight")
GROUNDS_OF = {moment: moment + _OF for moment in MOMENTS}
"""Moment -> the name of that aspect; what is said is named by the moment alone."""


BINDING_ASPECT = "binding"
"""The aspect of what a REPORT_DATA rule may give anew since other launches are known."""


def _tell_states(aspect: str, columns: Iterable[str]) -> str:
    state = ", ".join(f"'{name}': {name}" for name in columns)
    return (
        f"SELECT {aspect} AS aspect, subject_no, starts, ends, "
        f"md5(CAST({{{state}}} AS VARCHAR)) AS digest FROM judgement"
    )


_STATE = f"""
WITH judgement AS (
    SELECT 'receipt' AS moment, r.* FROM stored.receipt AS r
    UNION ALL
    SELECT 'hindsight' AS moment, h.* FROM stored.hindsight AS h
)
{_tell_states("moment", _SAID)}
UNION ALL
{_tell_states(f"moment || '{_OF}'", GROUNDS)}
"""

# A receipt holds for a stretch of time, hindsight for everything that was ever received.
_CHANGED = f"""
CREATE OR REPLACE TEMP TABLE changed_observation AS
WITH now AS ({_STATE}),
changed AS (
    SELECT n.aspect, n.subject_no,
           greatest(n.starts, b.starts) AS starts, least(n.ends, b.ends) AS ends
    FROM now AS n
    JOIN stored.verdict_state AS b ON b.aspect = n.aspect AND b.subject_no = n.subject_no
    WHERE starts_with(n.aspect, 'receipt') AND n.digest <> b.digest
      AND n.starts < b.ends AND b.starts < n.ends
    UNION ALL
    SELECT n.aspect, n.subject_no, NULL, NULL
    FROM now AS n
    JOIN stored.verdict_state AS b ON b.aspect = n.aspect AND b.subject_no = n.subject_no
    WHERE starts_with(n.aspect, 'hindsight') AND n.digest <> b.digest
)
SELECT DISTINCT c.aspect, o.observation_no
FROM changed AS c
JOIN stored.filed AS f ON f.subject_no = c.subject_no
JOIN stored.observation AS o ON o.quote_no = f.quote_no
WHERE o.observation_no <= $observation_no
  AND (c.starts IS NULL
       OR ({RECEIVED_OR_NO_TIME} >= c.starts AND {RECEIVED_OR_NO_TIME} < c.ends))
"""

_BOUND_ANEW = f"""
INSERT INTO changed_observation
SELECT '{BINDING_ASPECT}' AS aspect, observation_no FROM ({BOUND_ANEW_SQL})
"""

_FRESH_ITEM = """
CREATE OR REPLACE TEMP TABLE fresh_item AS
SELECT lower(hex(a.item_id)) AS item_id
FROM stored.acquisition AS a
JOIN stored.source AS s ON s.source_id = a.source_id
GROUP BY a.item_id
HAVING min(s.ledger_entry) > ?
"""


@dataclass(frozen=True, slots=True)
class Horizon:
    """How far a look at a case reached.

    `entry` and `observation_no` are the last of each that it saw; `proven`: all evidence was
    verified then; `verdicts` and `landmarks` name those that it saw (MD5 over `verdict_state`, and
    over `landmark` and the rule of its kinds and of the summaries).
    """

    entry: int
    observation_no: int
    proven: bool
    verdicts: str
    landmarks: str

    def to_json(self) -> dict[str, object]:
        return asdict(self)


def read_horizon(document: Mapping[str, object]) -> Horizon | None:
    """The horizon that `to_json` wrote; None when it is none."""
    match [document.get(field.name) for field in fields(Horizon)]:
        case [int(entry), int(observation_no), bool(proven), str(verdicts), str(landmarks)]:
            return Horizon(entry, observation_no, proven, verdicts, landmarks)
    return None


def look(case: Case, connection: duckdb.DuckDBPyConnection) -> Horizon:
    """The case as it stands on this connection, where `landmark_now` has been made."""
    [(last,)] = connection.execute("SELECT max(observation_no) FROM stored.observation").fetchall()
    return Horizon(
        entry=len(case.ledger.entries),
        observation_no=last or 0,
        proven=covers_evidence(case),
        verdicts=_digest(connection, f"SELECT * FROM ({_STATE})"),
        landmarks=_digest(connection, name_rule(NOW)),
    )


def rebuilt_facts(case: Case, since: Horizon) -> bool:
    """Whether facts were taken out of the case since: old evidence may have other ones now."""
    return any(
        path.split("/")[1] in _FACTS
        for entry in case.ledger.entries[since.entry :]
        for path in entry.removed
    )


def has_evidence_since(connection: duckdb.DuckDBPyConnection, since: Horizon) -> bool:
    """Whether any source came since an earlier look: a log, a manifest, or collateral."""
    query = "SELECT 1 FROM stored.source WHERE ledger_entry > ? LIMIT 1"
    return bool(connection.execute(query, [since.entry]).fetchall())


def knows_verdicts(connection: duckdb.DuckDBPyConnection, since: Horizon) -> bool:
    """Whether the stored `verdict_state` is that of the look."""
    return _digest(connection, "SELECT * FROM stored.verdict_state") == since.verdicts


def declare_news(connection: duckdb.DuckDBPyConnection, since: Horizon) -> frozenset[str]:
    """Say what is new as temporary relations. Returns the aspects of sightings that changed.

    Reads `shown_again` (`forensics.case.landmarks`).
    `fresh_observation` and `changed_observation` hold numbers of sightings: new ones, and, by
    `aspect` (a moment, or one of `GROUNDS_OF`), known ones whose verdict is another now; under
    `BINDING_ASPECT` those whose binding may be.
    `fresh_launch`, `known_launch` and so on are the rows of the event views on either side of the
    horizon; so are those of `DATED`, by when each document first came, or the source. `landmark`
    holds numbers too (`forensics.case.landmarks`).
    """
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE fresh_observation AS "
        "SELECT observation_no FROM stored.observation WHERE observation_no > ?",
        [since.observation_no],
    )
    connection.execute(_CHANGED, {"observation_no": since.observation_no})
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE fresh_source AS "
        "SELECT lower(hex(source_id)) AS source_id FROM stored.source WHERE ledger_entry > ?",
        [since.entry],
    )
    connection.execute(_FRESH_ITEM, [since.entry])
    for view in EVENTS:
        _divide(connection, view, "source_id", _FRESH_SOURCE)
    connection.execute(_BOUND_ANEW, {"observation_no": since.observation_no})
    rows = connection.execute("SELECT DISTINCT aspect FROM changed_observation").fetchall()
    aspects = frozenset(aspect for (aspect,) in rows)
    # A receipt that changed may tell of a certificate that came later: then kinds are others too.
    after = since.observation_no
    holds = (
        "receipt" not in aspects
        and _digest(connection, name_rule(STORED)) == since.landmarks
        and not are_overtaken(connection, after)
    )
    renew_landmarks(connection, after, holds=holds)
    for summary in SUMMARIES:
        summary.renew(connection, after, holds=holds)
    for view, (key, fresh) in DATED.items():
        _divide(connection, view, key, fresh)
    declare_landmarks(connection)
    return aspects


def _divide(connection: duckdb.DuckDBPyConnection, view: str, key: str, fresh: str) -> None:
    """The rows of a view on either side of the horizon; `fresh` asks for the keys of new ones."""
    for kind, name, negation in (("TABLE", "fresh", ""), ("VIEW", "known", "NOT ")):
        connection.execute(
            f"CREATE OR REPLACE TEMP {kind} {name}_{view} AS SELECT * FROM memory.main.{view} "
            f"WHERE {key} {negation}IN ({fresh})"
        )


def store_look(connection: duckdb.DuckDBPyConnection, writer: Writer) -> None:
    """Leave behind what the next look goes on from."""
    writer.replace_table(VERDICT_STATE.name, _read_verdict_state(connection))
    writer.replace_table(LANDMARK.name, read_landmarks(connection))
    for summary in SUMMARIES:
        writer.replace_table(summary.table.name, summary.read(connection))


def _read_verdict_state(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    names = ", ".join(VERDICT_STATE.names)
    relation = connection.sql(f"SELECT {names} FROM ({_STATE}) ORDER BY ALL")
    return relation.to_arrow_table().cast(VERDICT_STATE.arrow_schema())


def digest_views(connection: duckdb.DuckDBPyConnection, names: Iterable[str]) -> dict[str, str]:
    """View -> MD5 over its rows, in whatever order they come."""
    return {name: _digest(connection, f'SELECT * FROM memory.main."{name}"') for name in names}


def digest_known(connection: duckdb.DuckDBPyConnection, names: Iterable[str]) -> dict[str, str]:
    """The same of those of its rows that an earlier look knew."""
    return {name: _digest(connection, f"SELECT * FROM known_{name}") for name in names}


def _digest(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    [(digest,)] = connection.execute(
        "SELECT md5(coalesce(string_agg(line, ' ' ORDER BY line), '')) "
        f"FROM (SELECT md5(CAST(it AS VARCHAR)) AS line FROM ({query}) AS it)"
    ).fetchall()
    assert isinstance(digest, str)
    return digest


def describe(horizon: Horizon, **more: object) -> str:
    """The JSON text of a horizon and what else a run has to remember."""
    return json.dumps(horizon.to_json() | more, sort_keys=True)
