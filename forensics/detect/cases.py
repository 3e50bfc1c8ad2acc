"""A detector's test cases: rows of the views in TOML, and the findings that they should give.

A file may have `[defaults.<view>]`: values that every row of that view starts with; a column that
nothing sets is NULL. Each `[[case]]` has a `name`, rows (`[[case.<view>]]`), optionally `as_of` and
`params`, and `expect`: the findings as tables of which each key must agree (`details` key by key,
"NULL" stands for null); `[]` means silence. `unjudged` is the number of subjects that could not be
judged; `evaluated = false`, that nothing could. `like` copies the rows of an earlier case,
`changes` sets single cells ("view.row.column" -> value, rows from 0), `unset` makes cells NULL,
`drop` removes rows ("view.row"): what differs is all that differs.

`quote_no` and `observation_no` need not be given: they follow from the ids, and `peer_address` from
`peer`; nor need `reshown` and what sums up the history (`FOLLOWING`), which follow from sightings
and events.
"""

from __future__ import annotations

import copy
import json
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import duckdb

from forensics.case.contract import VIEWS
from forensics.case.expressions import IS_EVIDENCE, PEER_ADDRESS
from forensics.case.latencies import TOOK_MS
from forensics.case.news import EVENTS
from forensics.case.quote_views import LOGGED, order_showings
from forensics.detect.detector import Detector
from forensics.detect.findings import Finding
from forensics.detect.lint import declare_views
from forensics.detect.run import DetectorRun, run_detector
from forensics.errors import DetectorError

CUT_OFF: Final = datetime(2026, 2, 1, tzinfo=UTC)
"""The cut-off of a case that names none."""

_COLUMNS: Final = {view.name: frozenset(view.names) for view in VIEWS}

# What a case names by id has the same number in every view; numbers that it does not give are
# beyond all that it gives.
_NUMBERS: Final = {
    "observation_no": ("observation_id", ("observation", "verdict", "binding", "reshown")),
    "quote_no": ("quote_id", ("observation", "quote")),
}
_BEYOND: Final = 1_000_000
_EVENT: Final = "attestation_key_id, signature_r, signing_id, signed_id"
_RESHOWN: Final = order_showings(
    f"""
    SELECT o.observation_id, o.observation_no, {_EVENT}, o.received_at AS seen_at,
           coalesce(q.trusted, FALSE) AND o.received_at IS NOT NULL AS trusted,
           {", ".join(f"o.{name}" for name in LOGGED)}
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    WHERE (q.proven OR q.trusted) AND coalesce(signature_r, signing_id) IS NOT NULL
    """,
    _EVENT,
)
"""The view `reshown`, from the columns that cases give."""
_LATENCY: Final = f"""
SELECT coalesce(q.ppid, q.chip_id, q.attestation_key_id) AS platform_id, o.backend_verifier,
       {TOOK_MS.format("o.received_at")} AS took_ms,
       count(*) AS answers, min(o.peer_address) AS one_peer, max(o.peer_address) AS other_peer
FROM observation AS o
JOIN quote AS q ON q.quote_no = o.quote_no
LEFT JOIN reshown AS a ON a.observation_no = o.observation_no AND a.trusted_showing > 1
WHERE q.trusted AND a.observation_no IS NULL
  AND o.received_at IS NOT NULL AND o.nonce_issued_at IS NOT NULL AND coalesce(o.claimed_ok, true)
  AND coalesce(q.ppid, q.chip_id, q.attestation_key_id) IS NOT NULL
GROUP BY ALL
"""
_WAY: Final = """
SELECT coalesce(q.ppid, q.chip_id, q.attestation_key_id) AS platform_id, o.enclave_id,
       o.peer_address AS peer, count(*) AS answers
FROM observation AS o
JOIN quote AS q ON q.quote_no = o.quote_no
LEFT JOIN reshown AS a ON a.observation_no = o.observation_no AND a.trusted_showing > 1
WHERE q.trusted AND a.observation_no IS NULL
  AND o.received_at IS NOT NULL AND o.nonce_issued_at IS NOT NULL AND coalesce(o.claimed_ok, true)
  AND o.enclave_id IS NOT NULL AND o.peer IS NOT NULL
  AND coalesce(q.ppid, q.chip_id, q.attestation_key_id) IS NOT NULL
GROUP BY ALL
"""
_TRAFFIC: Final = f"""
SELECT CAST(floor(epoch(happened_at) / 3600) AS BIGINT) AS hour_no,
       count(*) FILTER (WHERE is_answer) AS answers,
       count(*) FILTER (WHERE NOT is_answer) AS releases
FROM (
    SELECT received_at AS happened_at, true AS is_answer FROM observation AS o
    WHERE nonce IS NOT NULL AND {IS_EVIDENCE}
    UNION ALL
    SELECT timestamp, false FROM release WHERE coalesce(session_id, enclave_id) IS NOT NULL
) AS event
WHERE happened_at IS NOT NULL
GROUP BY ALL
"""
_EXTENT: Final = (
    "SELECT 'observation' AS kind, min(received_at) AS first_at, max(received_at) AS last_at "
    "FROM observation WHERE event_type IS NOT NULL "
    "UNION ALL SELECT 'sighting', min(received_at), max(received_at) FROM observation"
    + "".join(
        f" UNION ALL SELECT '{view}', min(timestamp), max(timestamp) FROM {view}" for view in EVENTS
    )
)
_EVIDENCE: Final = f"""
SELECT session_id, enclave_id FROM observation AS o
WHERE received_at IS NOT NULL AND {IS_EVIDENCE}
"""
_LOOSE_END: Final = f"""
SELECT 'challenge' AS kind, nonce AS key_id, enclave_id AS subject_id,
       min(timestamp) AS happened_at, CAST(NULL AS BIGINT) AS observation_no
FROM nonce
WHERE nonce IS NOT NULL AND enclave_id IS NOT NULL AND timestamp IS NOT NULL
  AND nonce NOT IN (SELECT nonce FROM observation WHERE nonce IS NOT NULL)
GROUP BY nonce, enclave_id
UNION ALL
SELECT 'answer', NULL, coalesce(enclave_id, container_id, observation_id), received_at,
       observation_no
FROM observation AS o
WHERE nonce IS NOT NULL AND nonce NOT IN (SELECT nonce FROM nonce WHERE nonce IS NOT NULL)
  AND {IS_EVIDENCE} AND EXISTS (SELECT 1 FROM nonce)
UNION ALL
SELECT 'release', session_id, coalesce(session_id, enclave_id), timestamp, NULL
FROM release
WHERE timestamp IS NOT NULL AND coalesce(session_id, enclave_id) IS NOT NULL
  AND CASE WHEN session_id IS NULL
      THEN enclave_id NOT IN
          (SELECT enclave_id FROM ({_EVIDENCE}) AS e WHERE enclave_id IS NOT NULL)
      ELSE session_id NOT IN
          (SELECT session_id FROM ({_EVIDENCE}) AS e WHERE session_id IS NOT NULL) END
"""
_STRETCH: Final = """
WITH numbered AS (
    SELECT backend_verifier, sequence_no, min(received_at) AS received_at,
           min(observation_id) AS observation_id
    FROM observation
    WHERE sequence_no >= 0 AND backend_verifier IS NOT NULL
    GROUP BY backend_verifier, sequence_no
),
placed AS (
    SELECT *, sequence_no - row_number() OVER (
        PARTITION BY backend_verifier ORDER BY sequence_no
    ) AS stretch
    FROM numbered
)
SELECT backend_verifier, min(sequence_no) AS first_no, max(sequence_no) AS last_no,
       min_by(struct_pack(v := received_at), sequence_no).v AS first_at,
       max_by(struct_pack(v := received_at), sequence_no).v AS last_at,
       min_by(observation_id, sequence_no) AS first_id,
       max_by(observation_id, sequence_no) AS last_id
FROM placed
GROUP BY backend_verifier, stretch
"""
_SOURCE_EXTENT: Final = """
SELECT source_id, count(*) AS events, min(received_at) AS first_at, max(received_at) AS last_at
FROM observation
WHERE event_id IS NOT NULL AND source_id IS NOT NULL
GROUP BY source_id
"""
FOLLOWING: Final = {
    "reshown": _RESHOWN,
    "latency": _LATENCY,
    "way": _WAY,
    "loose_end": _LOOSE_END,
    "stretch": _STRETCH,
    "source_extent": _SOURCE_EXTENT,
    "traffic": _TRAFFIC,
    "extent": _EXTENT,
}
"""Views that follow from others, in the order in which they are filled."""

Rows = dict[str, list[dict[str, Any]]]


def load_cases(text: str, where: str) -> list[dict[str, Any]]:
    """The cases of a file with `like`, `changes` and defaults worked in; rows under `rows`.

    Raises `DetectorError` (`detector-cases`) that names the place `where`.
    """
    try:
        document = tomllib.loads(text)
        defaults = document.get("defaults", {})
        cases: dict[str, dict[str, Any]] = {}
        for case in document["case"]:
            cases[case["name"]] = _read_case(case, defaults, cases)
    except tomllib.TOMLDecodeError as error:
        raise DetectorError("detector-cases", f"{where}: not TOML: {error}") from None
    except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
        raise DetectorError("detector-cases", f"{where}: {error!r}") from None
    if len(cases) != len(document["case"]):
        raise DetectorError("detector-cases", f"{where}: two cases of one name")
    return list(cases.values())


def _read_case(
    case: dict[str, Any], defaults: Mapping[str, Any], known: Mapping[str, dict[str, Any]]
) -> dict[str, Any]:
    like = copy.deepcopy(known[case["like"]]["rows"]) if "like" in case else {}
    rows: Rows = {view: like.get(view, []) for view in _COLUMNS}
    for view in _COLUMNS:
        rows[view] += [defaults.get(view, {}) | row for row in case.pop(view, [])]
    _change(rows, case)
    for view, found in rows.items():
        for row in found:
            if unknown := set(row) - _COLUMNS[view]:
                raise ValueError(f"{view} has no column {min(unknown)}")
    if not isinstance(case["expect"], list):
        raise TypeError("expect is no list of findings")
    return case | {"rows": rows}


def _change(rows: Rows, case: Mapping[str, Any]) -> None:
    for place, value in case.get("changes", {}).items():
        view, row, column = place.split(".")
        rows[view][int(row)][column] = value
    for place in case.get("unset", []):
        view, row, column = place.split(".")
        del rows[view][int(row)][column]
    for place in sorted(case.get("drop", []), reverse=True):
        view, row = place.split(".")
        del rows[view][int(row)]


class Bench:
    """Tables in the place of the views, for one set of rows after the other."""

    def __init__(self) -> None:
        self.connection = duckdb.connect(config={"threads": 1})  # a handful of rows
        declare_views(self.connection)
        self._filled: set[str] = set()

    def fill(self, rows: Rows) -> None:
        """Put these rows in the views, and no others."""
        for view in self._filled:
            self.connection.execute(f'DELETE FROM "{view}"')
        self._filled = {view for view, found in rows.items() if found}
        for view in self._filled:
            for row in rows[view]:
                names = ", ".join(f'"{name}"' for name in row)
                places = ", ".join("?" for _ in row)
                self.connection.execute(
                    f'INSERT INTO "{view}" ({names}) VALUES ({places})', list(row.values())
                )
        self.connection.execute(
            f"UPDATE observation AS o SET peer_address = {PEER_ADDRESS} WHERE peer_address IS NULL"
        )
        for number, (identifier, views) in _NUMBERS.items():
            self._number(number, identifier, views)
        for view, query in FOLLOWING.items():
            if not rows.get(view):
                self.connection.execute(f"DELETE FROM {view}; INSERT INTO {view} {query}")

    def _number(self, number: str, identifier: str, views: tuple[str, ...]) -> None:
        """Give rows without a number the one that some view has for their id, else a new one."""
        everywhere = " UNION ALL ".join(f"SELECT {identifier}, {number} FROM {v}" for v in views)
        self.connection.execute(
            f"CREATE OR REPLACE TEMP TABLE numbered AS SELECT {identifier}, "
            f"coalesce(max({number}), {_BEYOND} + row_number() OVER (ORDER BY {identifier})) "
            "AS told "
            f"FROM ({everywhere}) WHERE {identifier} IS NOT NULL GROUP BY {identifier}"
        )
        for view in views:
            self.connection.execute(
                f"UPDATE {view} SET {number} = n.told FROM numbered AS n "
                f"WHERE n.{identifier} = {view}.{identifier} AND {number} IS NULL"
            )

    def run(self, detector: Detector, case: Mapping[str, Any], rows: Rows) -> DetectorRun:
        """The detector over these rows, at the case's cut-off and with its parameters."""
        self.fill(rows)
        return run_detector(
            self.connection,
            detector,
            as_of=case.get("as_of", CUT_OFF),
            overrides=case.get("params", {}),
        )


def compare(result: DetectorRun, case: Mapping[str, Any]) -> list[str]:
    """What did not come out as the case expects; empty when everything did."""
    expected = case["expect"]
    told = [
        (f.subject_type, f.subject_id, f.severity, f.observation_ids, f.summary, f.details)
        for f in result.findings
    ]
    problems = []
    if len(result.findings) != len(expected):
        problems.append(f"{len(expected)} findings expected, got {told}")
    problems += [
        f"{wanted} is not among {told}"
        for wanted in expected
        if not any(_agrees(finding, wanted) for finding in result.findings)
    ]
    if "unjudged" in case and result.unjudged != case["unjudged"]:
        problems.append(f"{case['unjudged']} subjects without judgement expected, {result.gaps}")
    if result.evaluated != case.get("evaluated", True):
        problems.append(f"evaluated is {result.evaluated}")
    return problems


def _agrees(finding: Finding, expected: Mapping[str, Any]) -> bool:
    told = {name: getattr(finding, name) for name in expected if name != "details"}
    told["observation_ids"] = list(finding.observation_ids)
    details = json.loads(finding.details)
    wanted = {name: value for name, value in expected.items() if name != "details"}
    return _holds(told, wanted) and _holds(details, expected.get("details", {}))


def _holds(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(found[name] == (None if v == "NULL" else v) for name, v in wanted.items())
