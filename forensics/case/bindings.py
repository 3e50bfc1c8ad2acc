"""Recomputing the REPORT_DATA rules of the manifests for every quote observation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from forensics.case.derived import DerivedTables, Row
from forensics.case.tables import BINDING
from forensics.verify.binding import Rule, make_rule

if TYPE_CHECKING:
    import duckdb

WINDOW = 1 << 16

_INPUTS = ("initial_state", "nonce", "runtime_data")

_SIGHTINGS = f"""
SELECT o.observation_no, o.workload_id, q.report_data, s.statement_id,
       {", ".join(f"o.{name}" for name in _INPUTS)}
FROM stored.observation AS o
JOIN stored.quote AS q ON q.quote_no = o.quote_no
JOIN stored.statement AS s ON s.statement_id = q.statement_id
WHERE o.observation_no >= ? AND o.observation_no < ?
ORDER BY o.observation_no
"""

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
ORDER BY ALL
"""


def renew_bindings(connection: duckdb.DuckDBPyConnection, tables: DerivedTables) -> None:
    """Apply each observation's rule: that of its workload, else of the workloads that it fits."""
    rules = _read_rules(connection)
    rows = list(_apply_rules(connection, rules)) if rules else []
    tables.replace(BINDING, rows)


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


def _apply_rules(
    connection: duckdb.DuckDBPyConnection, rules: Mapping[str, Rule | None]
) -> Iterator[Row]:
    fitting: dict[bytes, list[str]] = {}
    for statement_id, workload in connection.execute(_FITS).fetchall():
        if workload in rules:
            fitting.setdefault(statement_id, []).append(workload)
    (last,) = _only(connection, "SELECT coalesce(max(observation_no), 0) FROM stored.observation")
    for start in range(1, last + 1, WINDOW):
        sightings = connection.execute(_SIGHTINGS, [start, start + WINDOW]).fetchall()
        for number, workload, report_data, statement_id, *values in sightings:
            if workload is None:
                candidates: Iterable[str] = fitting.get(statement_id, sorted(rules))
            else:
                candidates = [workload] if workload in rules else []
            inputs = dict(zip(_INPUTS, values, strict=True))
            row = _judge(candidates, rules, inputs, report_data)
            if row is not None:
                yield {"observation_no": number, **row}


def _judge(
    workloads: Iterable[str],
    rules: Mapping[str, Rule | None],
    inputs: Mapping[str, bytes | None],
    report_data: bytes,
) -> Row | None:
    """A match under any workload is a match; what cannot be computed outranks a mismatch."""
    rows = [_apply(workload, rules[workload], inputs, report_data) for workload in workloads]
    rank = ("match", "not_evaluable", "mismatch")
    return min(rows, key=lambda row: rank.index(row["result"]), default=None)


def _apply(
    workload: str, rule: Rule | None, inputs: Mapping[str, bytes | None], report_data: bytes
) -> Row:
    row: Row = {"workload_id": workload, "rule": rule.name if rule else "unknown recipe"}
    if rule is None:
        return row | {"result": "not_evaluable", "missing": "a recipe that this tool knows"}
    expected = rule.expect(inputs)
    if expected is None:
        return row | {"result": "not_evaluable", "missing": rule.missing(inputs)}
    if rule.matches(expected, report_data):
        return row | {"result": "match"}
    return row | {"result": "mismatch", "expected_report_data": expected}


def _only(connection: duckdb.DuckDBPyConnection, sql: str) -> Sequence[int]:
    row: Sequence[int] = connection.execute(sql).fetchall()[0]
    return row
