"""What DuckDB's own parser tells of a detector's query, above all which columns it reads.

A name that is not qualified counts for every view of the SELECT around it, and a star for all
columns: rather more than is read than less.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

import duckdb

from forensics.case.contract import VIEWS
from forensics.detect.detector import Detector
from forensics.errors import DetectorError

_COLUMNS: Final = {view.name: view.names for view in VIEWS}
_Names = Mapping[str, str]  # what stands in a FROM, by its name there -> the view, or ""


def read_columns(
    connection: duckdb.DuckDBPyConnection, detector: Detector
) -> dict[str, tuple[str, ...]]:
    """Input -> the columns of it that the detector's statements may read, in the view's order."""
    trees = [_parse(connection, statement) for statement in detector.statements]
    if any(tree["error"] for tree in trees):
        return {view: _COLUMNS[view] for view in detector.inputs}
    found: dict[str, set[str]] = defaultdict(set)
    for view, column in _find(trees, {}):
        found[view].add(column)
    return {
        view: tuple(name for name in _COLUMNS[view] if name in found[view])
        for view in detector.inputs
    }


def continue_query(connection: duckdb.DuckDBPyConnection, query: str, select: str) -> str:
    """A SELECT over the CTEs of a query, as one statement.

    Raises `DetectorError` (`detector-query`) where DuckDB cannot write either as a tree.
    """
    whole, tree = _parse(connection, query), _parse(connection, select)
    if whole["error"] or tree["error"]:
        message = whole.get("error_message") or tree.get("error_message")
        raise DetectorError("detector-query", f"suspects: {message}")
    [[node], [source]] = [
        [statement["node"] for statement in part["statements"]] for part in (tree, whole)
    ]
    node["cte_map"] = source["cte_map"]
    query = "SELECT json_deserialize_sql(CAST(? AS JSON))"
    [(text,)] = connection.execute(query, [json.dumps(tree)]).fetchall()
    assert isinstance(text, str)
    return text


def name_columns(connection: duckdb.DuckDBPyConnection, select: str) -> list[str]:
    """The columns of a SELECT, or of the first of a UNION, by the names that it gives them."""
    [statement] = _parse(connection, select)["statements"]
    node = statement["node"]
    while node["type"] == "SET_OPERATION_NODE":
        node = node["children"][0]
    return [item["alias"] or item["column_names"][-1] for item in node["select_list"]]


def _parse(connection: duckdb.DuckDBPyConnection, statement: str) -> Any:
    """DuckDB's syntax tree; `error` where it cannot write the statement as one."""
    query = "SELECT json_serialize_sql(CAST(? AS VARCHAR))"
    [(text,)] = connection.execute(query, [statement]).fetchall()
    return json.loads(text)


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


def _list_sources(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What stands in a FROM clause itself: views, and what is none of them."""
    if table["type"] == "JOIN":
        yield from _list_sources(table["left"])
        yield from _list_sources(table["right"])
    else:
        table_name = table.get("table_name", "").lower()
        yield table["alias"].lower() or table_name, table_name if table_name in _COLUMNS else ""


def _resolve(parts: list[str], names: _Names) -> Iterator[tuple[str, str]]:
    """A column: qualified by a name of FROM, else of any view (`a.b` may be a field of a)."""
    if len(parts) > 1 and parts[-2] in names:
        yield names[parts[-2]], parts[-1]
    else:
        yield from ((view, part) for view in _views(names) for part in parts)


def _spread(relation: str, names: _Names) -> Iterator[tuple[str, str]]:
    views = {names[relation]} if relation in names else _views(names)
    yield from ((view, column) for view in views & _COLUMNS.keys() for column in _COLUMNS[view])


def _views(names: _Names) -> set[str]:
    return set(names.values()) - {""}
