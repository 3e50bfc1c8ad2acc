"""What DuckDB's own parser tells of a detector's query, above all which columns it reads.

A name that is not qualified counts for every view of the SELECT around it, and a star for all
columns: rather more than is read than less.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Set
from functools import cache
from typing import Any, Final

import duckdb

from forensics.case.contract import COLUMNS
from forensics.case.news import MOMENTS
from forensics.detect.detector import Detector
from forensics.errors import DetectorError

# Parts of a statement that do nothing but read; INSERT, COPY and the like have nodes of their own.
_SELECTS: Final = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
_VERDICT: Final = "verdict"
_NODE: Final = re.compile(r'"type": ?"(\w+_NODE)"')
_Names = Mapping[str, str]  # what stands in a FROM, by its name there -> the view, or ""


@cache  # asked several times of each detector, and its trees are large
def read_columns(detector: Detector) -> Mapping[str, tuple[str, ...]]:
    """Input -> the columns of it that the detector's statements may read, in the view's order."""
    trees = _read_trees(detector)
    if trees is None:
        return {view: COLUMNS[view] for view in detector.inputs}
    found: dict[str, set[str]] = defaultdict(set)
    for view, column in _find(trees, {}):
        found[view].add(column)
    return {
        view: tuple(name for name in COLUMNS[view] if name in found[view])
        for view in detector.inputs
    }


@cache
def read_moments(detector: Detector) -> tuple[str, ...]:
    """The moments of the verdicts that a detector reads: none, the receipt, or both.

    The receipt alone where of each `verdict` in a FROM a condition says so that its rows cannot
    escape: one of WHERE, of an inner join, or of the join that it is the right side of.
    """
    trees = _read_trees(detector)
    if trees is None:
        return MOMENTS if _VERDICT in detector.inputs else ()
    named = sum(name.lower() == _VERDICT for name in _name_tables(trees))
    if not named:
        return ()
    return MOMENTS[:1] if named == _count_receipts(trees) else MOMENTS


def only_selects(statement: str) -> bool:
    """Whether it is made of SELECTs and nothing else: a WITH clause may hold COPY and INSERT too.

    False as well where DuckDB cannot write it as a tree.
    """
    text = _serialize(statement)
    return not json.loads(text)["error"] and set(_NODE.findall(text)) <= _SELECTS


def continue_query(query: str, select: str) -> str:
    """A SELECT over the CTEs of a query, as one statement.

    Raises `DetectorError` (`detector-query`) where DuckDB cannot write either as a tree.
    """
    whole, tree = (json.loads(_serialize(statement)) for statement in (query, select))
    if whole["error"] or tree["error"]:
        message = whole.get("error_message") or tree.get("error_message")
        raise DetectorError("detector-query", f"suspects: {message}")
    [[node], [source]] = [
        [statement["node"] for statement in part["statements"]] for part in (tree, whole)
    ]
    node["cte_map"] = source["cte_map"]
    return _ask("SELECT json_deserialize_sql(CAST(? AS JSON))", json.dumps(tree))


def put_rows(query: str, rows: Mapping[str, str]) -> str:
    """The query with these SELECTs, by name, for CTEs of it or beside them."""
    tree, *parts = (json.loads(_serialize(text)) for text in (query, *rows.values()))
    [[statement], *selects] = [part["statements"] for part in (tree, *parts)]
    entries = statement["node"]["cte_map"]["map"]
    values = {entry["key"]: entry["value"] for entry in entries}
    like = next(iter(values.values()))
    for name, [select] in zip(rows, selects, strict=True):
        values[name] = {**values.get(name, like), "query_node": select["node"]}
    statement["node"]["cte_map"]["map"] = [{"key": k, "value": v} for k, v in values.items()]
    return _ask("SELECT json_deserialize_sql(CAST(? AS JSON))", json.dumps(tree))


@cache  # asked of each count, at each turn
def complete(query: str, select: str) -> str:
    """The statement that a SELECT beside a query means: over the query's CTEs where it has none of
    its own and names one of them, else what it says.
    """
    whole, tree = (json.loads(_serialize(statement)) for statement in (query, select))
    if whole["error"] or tree["error"]:
        return select  # who runs it is told why
    [[source], [node]] = [[part["node"] for part in found["statements"]] for found in (whole, tree)]
    parts = {entry["key"] for entry in source["cte_map"]["map"]}
    own = node["cte_map"]["map"]
    return select if own or parts.isdisjoint(_name_tables(node)) else continue_query(query, select)


def name_columns(select: str) -> list[str]:
    """The columns of a SELECT, or of the first of a UNION, by the names that it gives them."""
    [statement] = json.loads(_serialize(select))["statements"]
    node = statement["node"]
    while node["type"] == "SET_OPERATION_NODE":
        node = node["children"][0]
    listed = node["select_list"]
    return [item["alias"] or item.get("column_names", [""])[-1] for item in listed]


def _read_trees(detector: Detector) -> list[Any] | None:
    """The syntax trees of a detector's statements; None where DuckDB cannot write one of them."""
    trees = [json.loads(_serialize(statement)) for statement in detector.statements]
    return None if any(tree["error"] for tree in trees) else trees


@cache
def _serialize(statement: str) -> str:
    """DuckDB's syntax tree as JSON; its `error` is true where there is none."""
    return _ask("SELECT json_serialize_sql(CAST(? AS VARCHAR))", statement)


def _ask(query: str, text: str) -> str:
    [(answer,)] = _open_parser().execute(query, [text]).fetchall()
    assert isinstance(answer, str)
    return answer


@cache
def _open_parser() -> duckdb.DuckDBPyConnection:
    """A connection of our own: a text is read the same whatever the case."""
    return duckdb.connect()


def _find(node: Any, names: _Names) -> Iterator[tuple[str, str]]:
    """`(view, column)` of all that stands in a syntax tree."""
    if isinstance(node, list):
        for item in node:
            yield from _find(item, names)
    elif isinstance(node, dict):
        if node.get("type") == "SELECT_NODE":
            names = {**names, **dict(_list_sources(node["from_table"]))}
        if node.get("class") == "COLUMN_REF":
            yield from _resolve([part.lower() for part in node["column_names"]], names)
        elif node.get("class") == "STAR":
            yield from _spread(node["relation_name"].lower(), names)
        elif node.get("type") == "JOIN":
            for name in node["using_columns"]:
                yield from _resolve([name.lower()], names)
        for item in node.values():
            yield from _find(item, names)


def _name_tables(node: Any) -> Iterator[str]:
    """What a syntax tree names as a table, wherever it does."""
    if isinstance(node, dict) and "table_name" in node:
        yield node["table_name"]
    items = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for item in items:
        yield from _name_tables(item)


def _count_receipts(node: Any) -> int:
    """How often `verdict` stands in a FROM under the condition that its moment is the receipt."""
    if isinstance(node, list):
        return sum(map(_count_receipts, node))
    if not isinstance(node, dict):
        return 0
    count = sum(map(_count_receipts, node.values()))
    if node.get("type") == "SELECT_NODE":
        kept = set(_find_receipts(node["where_clause"]))
        verdicts = list(_list_verdicts(node["from_table"], kept))
        alone = len(verdicts) == 1  # then `moment` needs no name before it
        count += sum(name in kept or (alone and "" in kept) for name, kept in verdicts)
    return count


def _list_verdicts(table: Mapping[str, Any], kept: Set[str]) -> Iterator[tuple[str, Set[str]]]:
    """Each `verdict` of a FROM by its name there, with the names whose moment is the receipt."""
    if table["type"] == "JOIN":
        inside = kept | set(_find_receipts(table["condition"]))
        kind = table["join_type"]
        yield from _list_verdicts(table["left"], inside if kind == "INNER" else kept)
        yield from _list_verdicts(table["right"], inside if kind in ("INNER", "LEFT") else kept)
    elif table.get("table_name", "").lower() == _VERDICT:
        yield table["alias"].lower() or _VERDICT, kept


def _find_receipts(condition: Any) -> Iterator[str]:
    """The names before `moment = 'receipt'` in a condition that is true only where that is."""
    match condition:
        case {"type": "CONJUNCTION_AND", "children": parts}:
            for part in parts:
                yield from _find_receipts(part)
        case {
            "type": "COMPARE_EQUAL",
            "left": {"column_names": [*names, column]},
            "right": {"literal": {"text": moment}},
        } if (column.lower(), moment) == ("moment", MOMENTS[0]):
            yield ".".join(names).lower()


def _list_sources(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What stands in a FROM clause itself: views, and what is none of them."""
    if table["type"] == "JOIN":
        yield from _list_sources(table["left"])
        yield from _list_sources(table["right"])
    else:
        table_name = table.get("table_name", "").lower()
        yield table["alias"].lower() or table_name, table_name if table_name in COLUMNS else ""


def _resolve(parts: list[str], names: _Names) -> Iterator[tuple[str, str]]:
    """A column: qualified by a name of FROM, else of any view (`a.b` may be a field of a)."""
    if len(parts) > 1 and parts[-2] in names:
        yield names[parts[-2]], parts[-1]
    else:
        yield from ((view, part) for view in _views(names) for part in parts)


def _spread(relation: str, names: _Names) -> Iterator[tuple[str, str]]:
    views = {names[relation]} if relation in names else _views(names)
    yield from ((view, column) for view in views & COLUMNS.keys() for column in COLUMNS[view])


def _views(names: _Names) -> set[str]:
    return set(names.values()) - {""}
