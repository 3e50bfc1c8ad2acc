"""A first detector of one's own: an SQL file that lints, with test cases that pass."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Final

from forensics.detect.catalog import Catalog
from forensics.detect.detector import parse_detector
from forensics.errors import UsageError

CASES: Final = "cases"
"""The folder beside the detectors' that holds their test cases."""
_FOLDER: Final = "own"

_SQL: Final = '''\
-- ---
-- id = "{id}"
-- title = "Evidence that a verifier refused"
-- version = 1
-- fingerprint_version = 1
-- status = "stable"
-- severity = "medium"
-- sig = false
-- question = "Which enclaves did a verifier refuse?"
-- why = "Say here why this matters, in words for the reader of a finding."
-- inputs = ["observation"]
-- scope = ["enclave_id"]
-- discriminator = []
-- grain = "one row per enclave"
-- nulls = "an observation without an enclave id is counted as not evaluable"
-- false_positives = ["say what is harmless and looks the same, and how to tell"]
-- blind_spots = ["say what this cannot see"]
-- attack = ["say what an attacker would be doing"]
-- spec = ["say where it is written"]
-- created = {created}
-- updated = {created}
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", \
"severity", "summary", "details"]
-- [params.fewest]
-- type = "BIGINT"
-- default = "1"
-- meaning = "so many refusals make a finding"
-- [details]
-- refusals = "number of refused observations"
-- [sides]
-- fact = "enclave"
-- "asked for trust" = "subject_id"
-- "refused, times" = "refusals"
-- [[not_evaluable]]
-- reason = "observation without an enclave id"
-- count = """
-- SELECT count(*) AS unjudged FROM observation WHERE NOT claimed_ok AND enclave_id IS NULL"""
-- ---
WITH refused AS (
    SELECT enclave_id, observation_id, observation_no, received_at
    FROM observation
    WHERE NOT claimed_ok AND enclave_id IS NOT NULL
)
SELECT
    'enclave' AS subject_type,
    enclave_id AS subject_id,
    min(received_at) AS first_seen,
    max(received_at) AS last_seen,
    string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
        AS observation_ids,
    'medium' AS severity,
    'A verifier refused it ' || CAST(count(*) AS VARCHAR) || ' time(s)' AS summary,
    CAST(to_json({{'refusals': count(*)}}) AS VARCHAR) AS details
FROM refused
GROUP BY enclave_id
HAVING count(*) >= $fewest
ORDER BY subject_type, subject_id
'''

_CASES: Final = """\
# Rows of the views, and the findings that they should give; a column that nothing sets is NULL.

[[case]]
name = "a refusal is a finding"
expect = [{ subject_id = "enc-1", observation_ids = ["a"], details = { refusals = 1 } }]
[[case.observation]]
observation_id = "a"
observation_no = 1
received_at = 2026-01-05T10:00:00Z
enclave_id = "enc-1"
claimed_ok = false

[[case]]
name = "near-miss: what was accepted is none"
like = "a refusal is a finding"
changes = { "observation.0.claimed_ok" = true }
expect = []

[[case]]
name = "boundary: one refusal fewer than the parameter asks for"
like = "a refusal is a finding"
params = { fewest = "2" }
expect = []

[[case]]
name = "NULL: no enclave id"
like = "a refusal is a finding"
unset = ["observation.0.enclave_id"]
expect = []
unjudged = 1
"""


def write_scaffold(
    directory: Path, identifier: str, created: datetime.date, catalog: Catalog
) -> list[Path]:
    """Write `own/<id>.sql` and `cases/<id>.toml` below `directory`; the paths.

    Raises `UsageError` (`file-exists`, `detector-id`) and `DetectorError` for an id that is none.
    """
    if identifier in catalog:
        raise UsageError("detector-id", f"there is a detector {identifier!r} already")
    sql = _SQL.format(id=identifier, created=created.isoformat())
    parse_detector(sql, _FOLDER, identifier)  # the id becomes a file name: refuse others first
    contents = {
        directory / _FOLDER / f"{identifier}.sql": sql,
        directory / CASES / f"{identifier}.toml": _CASES,
    }
    for path in contents:
        if path.exists():
            raise UsageError("file-exists", f"{path} is there already")
    for path, text in contents.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return list(contents)
