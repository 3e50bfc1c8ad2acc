"""Recomputing the REPORT_DATA rules of the manifests for every quote observation.

DuckDB joins observations with the rules that apply to them; the rule itself (`Rule.expect`) is
called from SQL, a column at a time.

REPORT_DATA binds the initial state that the event tells and, where launches are logged, one that
the instance was launched in: who tells the verifier what he binds himself proves nothing by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from forensics.case.derived import copy_to, load_rows, write_rows
from forensics.case.launched import note_launch_states, note_launched
from forensics.case.tables import BINDING, Column
from forensics.verify.binding import Rule, make_rule

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

_RANGE = 1 << 18  # observations

_RULE = (
    Column("rule_no", "i64", ""),
    Column("workload_id", "text", ""),
    Column("name", "text", ""),
    Column("parts", "text[]", ""),
    Column("compared", "i64", ""),
)

# Which workloads a statement's measurements fit; null in a reference value means "any".
_FITS = """
SELECT DISTINCT s.statement_id, r.workload_id
FROM stored.statement AS s
JOIN stored.reference_value AS r
  ON (s.tee = 'sgx' AND (r.mrenclave IS NOT NULL OR r.mrsigner IS NOT NULL)
      AND coalesce(r.mrenclave = s.mrenclave, true)
      AND coalesce(r.mrsigner = s.mrsigner, true)
      AND coalesce(r.isv_prodid = s.isv_prodid, true))
  OR (s.tee = 'tdx' AND r.mrtd = s.mrtd
      AND coalesce(r.rtmr0 = s.rtmr0, true) AND coalesce(r.rtmr1 = s.rtmr1, true)
      AND coalesce(r.rtmr2 = s.rtmr2, true) AND coalesce(r.rtmr3 = s.rtmr3, true))
  OR (s.tee = 'snp' AND r.measurement = s.measurement
      AND coalesce(r.host_data = s.host_data, true))
WHERE r.workload_id IN (SELECT workload_id FROM rule)
"""

# Whether a manifest names the observation's workload.
_IS_NAMED = """
coalesce(o.workload_id IN (SELECT workload_id FROM stored.workload
                           UNION SELECT workload_id FROM stored.reference_value), false)
"""
_SIGHTING = f"""
SELECT o.observation_no, o.workload_id, q.statement_id, q.report_data,
       coalesce(o.initial_state, l.launched_state) AS initial_state, o.nonce, o.runtime_data,
       CASE WHEN o.initial_state IS NOT NULL THEN 'event'
            WHEN l.launched_state IS NOT NULL THEN 'launch' END AS told_by,
       {_IS_NAMED} AS is_named
FROM stored.observation AS o
JOIN stored.quote AS q ON q.quote_no = o.quote_no
LEFT JOIN launched AS l ON l.observation_no = o.observation_no
WHERE o.observation_no BETWEEN {{first:d}} AND {{last:d}}
"""
_UNNAMED = f"""
SELECT 1 FROM stored.observation AS o
WHERE o.observation_no BETWEEN {{first:d}} AND {{last:d}} AND o.quote_no IS NOT NULL
  AND NOT {_IS_NAMED}
LIMIT 1
"""

# The rule of the observation's workload; where none was logged, or one that no manifest names,
# those of the workloads that the measurements fit; where none was logged and they fit none, all.
_OWN_RULE = f"""
SELECT s.*, r.* EXCLUDE (workload_id), r.workload_id AS rule_workload
FROM ({_SIGHTING}) AS s JOIN rule AS r ON r.workload_id = s.workload_id
"""
_OTHER_RULES = f"""
SELECT s.*, r.* EXCLUDE (workload_id), r.workload_id AS rule_workload
FROM ({_SIGHTING}) AS s
JOIN fits AS f ON f.statement_id = s.statement_id
JOIN rule AS r ON r.workload_id = f.workload_id
WHERE NOT s.is_named
UNION ALL
SELECT s.*, r.* EXCLUDE (workload_id), r.workload_id
FROM ({_SIGHTING}) AS s CROSS JOIN rule AS r
WHERE s.workload_id IS NULL AND s.statement_id NOT IN (SELECT statement_id FROM fits)
"""

_COMPARED = """
SELECT *,
       CASE WHEN expected IS NULL THEN 'not_evaluable'
            WHEN expected = report_data THEN 'match'
            WHEN compared < 64
             AND hex(expected)[1:2 * compared] = hex(report_data)[1:2 * compared] THEN 'match'
            ELSE 'mismatch' END AS result
FROM (SELECT *, expect(rule_no, initial_state, nonce, runtime_data) AS expected FROM ({}))
"""
_TOLD = f"""
SELECT observation_no, rule_no, rule_workload AS workload_id, name AS rule, result,
       CASE WHEN result = 'not_evaluable' THEN coalesce(nullif(concat_ws(', ',
            CASE WHEN initial_state IS NULL AND 'initial_state' IN parts
                 THEN 'initial_state' END,
            CASE WHEN nonce IS NULL AND 'nonce' IN parts THEN 'nonce' END,
            CASE WHEN runtime_data IS NULL AND 'runtime_data' IN parts THEN 'runtime_data' END
       ), ''), 'inputs that fit the rule') END AS missing,
       CASE WHEN result = 'mismatch' THEN expected END AS expected_report_data,
       CASE WHEN 'initial_state' IN parts THEN told_by END AS initial_state_from
FROM ({_COMPARED})
"""

# Of several rules a match under any is a match, and what cannot be computed outranks a mismatch.
_OWN = _TOLD.format(_OWN_RULE)
_OTHERS = f"""
{_TOLD.format(_OTHER_RULES)}
QUALIFY row_number() OVER (
    PARTITION BY observation_no
    ORDER BY list_position(['match', 'not_evaluable', 'mismatch'], result), workload_id
) = 1
"""

# What binds the state that the event tells must bind the launch's too.
_CONTESTED = """
SELECT t.observation_no, r.* EXCLUDE (workload_id), t.workload_id AS rule_workload,
       l.launched_state AS initial_state, 'launch' AS told_by,
       o.nonce, o.runtime_data, q.report_data
FROM told AS t
JOIN rule AS r ON r.rule_no = t.rule_no
JOIN launched AS l ON l.observation_no = t.observation_no
JOIN stored.observation AS o ON o.observation_no = t.observation_no
JOIN stored.quote AS q ON q.quote_no = o.quote_no
WHERE l.is_contested AND t.result = 'match' AND t.initial_state_from = 'event'
"""
_OVERRULED = f"""
WITH told AS ({{}}),
overruled AS (SELECT * FROM ({_TOLD.format(_CONTESTED)}) WHERE result <> 'match')
FROM told WHERE observation_no NOT IN (SELECT observation_no FROM overruled)
UNION ALL
FROM overruled
"""


def write_bindings(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Apply each observation's rule. The connection is nobody else's meanwhile."""
    rules = _read_rules(connection)
    if not rules:
        write_rows(connection, BINDING, [], path)
        return
    numbered = list(enumerate(sorted(rules.items())))
    rows = [
        {
            "rule_no": number,
            "workload_id": workload,
            "name": rule.name if rule else "a recipe that this tool does not know",
            "parts": rule.parts if rule else (),
            "compared": rule.compared if rule else 0,
        }
        for number, (workload, rule) in numbered
    ]
    from forensics.case.rule_function import register_rules  # loads pyarrow

    load_rows(connection, "rule", _RULE, rows)
    register_rules(connection, {number: rule for number, (_, rule) in numbered})
    connection.execute(f"CREATE TEMP TABLE fits AS {_FITS}")
    note_launch_states(connection)
    _write_ranges(connection, path)
    connection.remove_function("expect")  # it would stay when the connection is closed


def _write_ranges(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """A range of observations at a time: all that a rule reads of one is held, to be joined."""
    sql = "SELECT coalesce(max(observation_no), 0) FROM stored.observation"
    [(last,)] = connection.execute(sql).fetchall()
    if last <= _RANGE:
        copy_to(connection, f"({_choose_query(connection, 0, last)})", path)
        return
    from forensics.case.files import open_parquet

    schema = BINDING.arrow_schema()
    with open_parquet(BINDING, path) as file:
        for first in range(0, last + 1, _RANGE):
            found = connection.sql(_choose_query(connection, first, first + _RANGE - 1))
            assert found is not None  # a SELECT always has a result
            rows = found.to_arrow_table().cast(schema)
            if rows.num_rows:
                file.write_table(rows, rows.num_rows)


def _choose_query(connection: duckdb.DuckDBPyConnection, first: int, last: int) -> str:
    """The bindings of a range; most logs name the workload, and then no other rule is weighed."""
    range_ = {"first": first, "last": last}
    contested = note_launched(connection, first, last)
    unnamed = connection.execute(_UNNAMED.format(**range_)).fetchall()
    sql = f"{_OWN} UNION ALL {_OTHERS}" if unnamed else _OWN
    if contested:
        sql = _OVERRULED.format(sql)
    return f"SELECT * EXCLUDE (rule_no) FROM ({sql}) ORDER BY observation_no".format(**range_)


def _read_rules(connection: duckdb.DuckDBPyConnection) -> dict[str, Rule | None]:
    """Rule per workload of the newest manifest that names it; None where it cannot be applied."""
    rows = connection.execute(
        """
        SELECT w.workload_id, w.report_data_digest, w.report_data_parts, w.report_data_recipe
        FROM stored.workload AS w LEFT JOIN stored.source AS s ON s.source_id = w.source_id
        ORDER BY s.ledger_entry, s.path, w.source_line NULLS FIRST
        """
    ).fetchall()
    stated = {row[0]: row[1:] for row in rows}
    return {
        workload: make_rule(digest, parts, recipe)
        for workload, (digest, parts, recipe) in stated.items()
        if parts or recipe
    }
