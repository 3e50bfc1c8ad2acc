"""The detector linter: does a header tell the truth about its query, and will the query travel?

Each rule is a function from a parsed detector to the problems that it found. DuckDB itself answers
what it can (statements, parameters, output types, over empty views); the syntax tree of sqlglot
answers the rest. A detector may use only functions that mean the same in DuckDB and in Spark.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from itertools import permutations
from typing import Final

import duckdb
import sqlglot
from sqlglot import exp

from forensics.case.connection import lock_out
from forensics.case.contract import OBSERVATION, QUOTE, VIEWS
from forensics.case.news import DATED, EVENTS
from forensics.detect.detector import ONE_BY_ONE, OUTPUT_COLUMNS, Detector
from forensics.detect.parameters import Value, bind
from forensics.detect.reading import complete, continue_query, name_columns
from forensics.detect.run import note_again, put_totals, screen, sum_up, widens
from forensics.detect.scope import NARROWED
from forensics.detect.totals import TYPES
from forensics.errors import DetectorError

# Views that detection itself writes: a detector over them would depend on the order of runs.
_WRITTEN_BY_DETECTION: Final = frozenset({"finding", "detection"})
_READABLE: Final = frozenset(view.name for view in VIEWS) - _WRITTEN_BY_DETECTION

# Pure functions that sqlglot carries to Spark with the same meaning. Not among them: clocks,
# random values, whatever reads a file or a setting, and picks without an order (any_value).
_FUNCTIONS: Final = frozenset(
    {
        *("And", "Or", "Xor", "Case", "If", "Coalesce", "Nullif", "Cast", "Interval", "Struct"),
        *("Greatest", "Least", "Floor", "Abs", "TimeToUnix"),
        *("Lower", "Upper", "Substring", "Length", "Pad", "StrPosition", "Split"),
        *("Replace", "Reverse"),
        *("Count", "Min", "Max", "Sum", "ArgMin", "ArgMax", "LogicalOr", "LogicalAnd"),
        *("ArrayAgg", "GroupConcat", "RowNumber", "FirstValue", "LastValue", "Lag", "Lead"),
        *("Array", "ArraySort", "ArrayDistinct", "ArrayContains", "ArrayToString", "Flatten"),
        "Exists",
    }
)
_ANONYMOUS: Final = frozenset({"to_json"})  # unknown to sqlglot, spelled alike in both engines

_NEWS = """
CREATE TEMP TABLE fresh_observation (observation_no BIGINT);
""" + "".join(
    f"CREATE TEMP VIEW {side}_{view} AS FROM {view};\n"
    for view in (*EVENTS, *DATED)
    for side in ("fresh", "known")
)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def lint_detector(detector: Detector) -> list[str]:
    """Every problem of one detector, as lines that start with the rule's name."""
    statements = [("query", detector.sql)]
    statements += [("not_evaluable", gap.count) for gap in detector.not_evaluable]
    problems: list[str] = []
    trees: list[exp.Query] = []
    with duckdb.connect() as connection:
        declare_views(connection)
        lock_out(connection)  # a file that a query names is opened as soon as it is looked at
        for label, sql in statements:
            tree, found = _parse(connection, sql)
            problems += [f"{rule} ({label}): {problem}" for rule, problem in found]
            if tree is not None:
                problems += [
                    f"{name} ({label}): {p}" for name, rule in _TREE_RULES for p in rule(tree)
                ]
                trees.append(tree)
        if len(trees) == len(statements):
            problems += _check_whole(connection, detector, trees)
    return problems


def declare_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Empty tables in the place of the views that SQL users see; nothing is ever on disk."""
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET temp_directory = ''")  # else a folder in the current one
    for view in VIEWS:
        columns = ", ".join(f'"{column.name}" {column.type}' for column in view.columns)
        connection.execute(f'CREATE TABLE "{view.name}" ({columns})')


def _parse(
    connection: duckdb.DuckDBPyConnection, sql: str
) -> tuple[exp.Query | None, list[tuple[str, str]]]:
    """The tree of what must be exactly one SELECT that both parsers read."""
    try:
        statements = connection.extract_statements(sql)
    except duckdb.Error as error:
        return None, [("syntax", _first_line(error))]
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        return None, [("one-select", "it is not exactly one SELECT")]
    try:
        tree = sqlglot.parse_one(sql, read="duckdb")
        spark = tree.sql("spark", unsupported_level=sqlglot.ErrorLevel.RAISE)
        sqlglot.parse_one(spark, read="spark")
    except sqlglot.errors.SqlglotError as error:
        return None, [("portable", _first_line(error))]
    if not isinstance(tree, exp.Query):
        return None, [("one-select", "it is not a query")]
    return tree, []


def _check_whole(
    connection: duckdb.DuckDBPyConnection, detector: Detector, trees: list[exp.Query]
) -> Iterator[str]:
    query = trees[0]
    yield from (f"inputs: {problem}" for problem in _check_inputs(detector, trees))
    yield from (f"parameters: {problem}" for problem in _check_parameters(detector, trees))
    yield from (f"order: {problem}" for problem in _check_order(detector, query))
    yield from (f"details: {problem}" for problem in _check_details(detector, query))
    yield from (f"columns: {problem}" for problem in _check_columns(connection, detector))
    yield from (f"scope: {problem}" for problem in _check_scope(connection, detector, query))
    yield from (f"apart: {problem}" for problem in _check_apart(detector, trees))
    if detector.signed and not {"proven", "trusted"} & {c.name for c in query.find_all(exp.Column)}:
        yield "sig: the header says that only proven evidence counts, the query never asks"


def _check_inputs(detector: Detector, trees: list[exp.Query]) -> Iterator[str]:
    read = set().union(*(_look_behind(trees[0], tree) for tree in trees))
    if set(detector.inputs) != read:
        yield f"the header names {sorted(detector.inputs)}, the SQL reads {sorted(read)}"
    if not read <= _READABLE:
        yield f"{sorted(read - _READABLE)} is no view that a detector may read"


def _tables(tree: exp.Query) -> set[str]:
    local = {cte.alias_or_name for cte in tree.find_all(exp.CTE)}
    return {table.name for table in tree.find_all(exp.Table)} - local - {""}


def _check_parameters(detector: Detector, trees: list[exp.Query]) -> Iterator[str]:
    used = {p.name for tree in trees for p in tree.find_all(exp.Parameter, exp.Placeholder)}
    declared = {parameter.name for parameter in detector.params}
    if used != declared:
        yield f"the header declares {sorted(declared)}, the SQL uses {sorted(used)}"


def _check_order(detector: Detector, query: exp.Query) -> Iterator[str]:
    order = query.args.get("order")
    keys = [key.this.name for key in order.expressions] if order else []
    needed = ["subject_type", "subject_id", *(["details"] if detector.discriminator else [])]
    if not set(needed) <= set(keys):
        yield f"the outermost ORDER BY must name {needed} to be total"


def _check_details(detector: Detector, query: exp.Query) -> Iterator[str]:
    """The keys of the JSON object in the outermost SELECT are the documented ones, in order."""
    column = next((c for c in query.selects if c.alias_or_name == "details"), None)
    struct = column.find(exp.Struct) if column is not None else None
    if struct is None:
        yield "the outermost SELECT has no details made by to_json({...})"
        return
    keys = [entry.this.name for entry in struct.expressions]
    documented = [key for key, _ in detector.details]
    if keys != documented:
        yield f"the header documents {documented}, the query gives {keys}"


def _check_columns(connection: duckdb.DuckDBPyConnection, detector: Detector) -> Iterator[str]:
    values = bind(detector.params, _LONG_AGO, {})
    try:
        for gap in detector.not_evaluable:
            if _find_types(connection, complete(detector.sql, gap.count), values) != ["BIGINT"]:
                yield f"not_evaluable {gap.reason!r} does not give one BIGINT"
        relation = connection.sql(detector.sql, params=values)
    except duckdb.Error as error:
        yield _first_line(error)
        return
    got = dict(zip(relation.columns, map(str, relation.types), strict=True))
    if list(got.items()) != list(OUTPUT_COLUMNS.items()):
        yield f"the query gives {got}"


def _find_types(
    connection: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, Value]
) -> list[str]:
    """The types of the columns of a statement that may use some of these parameters."""
    used = connection.extract_statements(sql)[0].named_parameters
    relation = connection.sql(sql, params={name: values[name] for name in used})
    return list(map(str, relation.types))


def _check_scope(
    connection: duckdb.DuckDBPyConnection, detector: Detector, query: exp.Query
) -> Iterator[str]:
    """Its keys are columns, every event view has one of them, and suspects are keys."""
    known = {*OBSERVATION.names, *QUOTE.names}
    if unknown := sorted(set(detector.scope) - known):
        yield f"{unknown} are no columns of observation or quote"
    if ONE_BY_ONE in detector.scope and len(detector.scope) > 1:
        yield f"{ONE_BY_ONE} stands alone: each sighting is judged by itself"
    for column in detector.follows:
        owners = [v.name for v in VIEWS if v.name in EVENTS and column in v.names]
        if column not in OBSERVATION.names or not set(owners) & set(detector.inputs):
            yield f"{column} is no column that sightings and events of its inputs have"
    for view in VIEWS:
        read = detector.scope and view.name in EVENTS and view.name in detector.inputs
        if read and not detector.suspects and not set(detector.scope) & set(view.names):
            yield f"{view.name} has none of these columns, so none of its rows would be read"
    connection.execute(_NEWS)
    yield from _check_totals(connection, detector, query)
    yield from _check_suspects(connection, detector)
    yield from _check_again(connection, detector, query)


def _check_totals(
    connection: duckdb.DuckDBPyConnection, detector: Detector, query: exp.Query
) -> Iterator[str]:
    """Totals are the rows of a CTE, and follow from evidence, however it is judged."""
    if detector.totals is None:
        return
    try:
        select = continue_query(detector.sql, detector.totals.select)
        values = bind(detector.params, _LONG_AGO, {})
        got = _find_types(connection, select, values)
        sum_up(connection, detector, values)
    except (duckdb.Error, DetectorError) as error:
        yield f"totals: {_first_line(error)}"
        return
    wanted = [TYPES[kind] for _, kind in detector.totals.columns]
    if got != wanted:
        yield f"totals of {detector.totals.part} are {got}, not {wanted}"
    if "verdict" in _find_views(query, sqlglot.parse_one(detector.totals.select, read="duckdb")):
        yield "totals are of verdicts, which may be others for the same evidence"


def _check_again(
    connection: duckdb.DuckDBPyConnection, detector: Detector, query: exp.Query
) -> Iterator[str]:
    """`again` gives sightings or keys of the scope, from the CTEs of the query, its inputs, and
    what is new or known in them.
    """
    if strange := sorted(set(detector.dated) - DATED.keys()):
        yield f"of {strange} nobody knows what came when"
    if detector.again is None:
        return
    tree, problems = _parse(connection, detector.again)
    yield from (f"again: {problem}" for _, problem in problems)
    if tree is None:
        return
    news = {f"{side}_{view}" for view in detector.inputs for side in ("fresh", "known")}
    parts = {cte.alias_or_name for cte in query.find_all(exp.CTE)}
    if strange := sorted(_tables(tree) - news - parts - set(detector.inputs)):
        yield f"again reads {strange}, which are no inputs, nor what is new or known of them"
    try:
        columns = note_again(connection, detector, bind(detector.params, _LONG_AGO, {}))
    except (duckdb.Error, DetectorError) as error:
        yield f"again: {_first_line(error)}"
        return
    if not set(columns) <= {"observation_no", *detector.keys}:
        yield f"again gives {columns}, not numbers of sightings or columns of the scope"


def _check_suspects(connection: duckdb.DuckDBPyConnection, detector: Detector) -> Iterator[str]:
    """Suspects are keys of the scope, and taken from nothing but the CTEs of the query, as is what
    `widens_when` asks.
    """
    params = bind(detector.params, _LONG_AGO, {})
    if detector.totals:
        detector = put_totals(connection, detector, ())
    for key, select, ask in (
        ("suspects", detector.suspects, screen),
        ("widens_when", detector.widens_when, widens),
    ):
        if select is None:
            continue
        tree, problems = _parse(connection, select)
        yield from (f"{key}: {problem}" for _, problem in problems)
        if tree is None:
            continue
        if _tables(tree) & _READABLE:
            yield f"{key} reads views itself, not what the query made of them"
        try:
            ask(connection, detector, params)
        except (duckdb.Error, DetectorError) as error:
            yield f"{key}: {_first_line(error)}"
            continue
        allowed = {*detector.scope, *OBSERVATION.names}
        if key == "suspects" and not set(name_columns(select)) <= allowed:
            yield f"suspects gives {name_columns(select)}, not columns of scope or sightings"


def _check_apart(detector: Detector, trees: list[exp.Query]) -> Iterator[str]:
    """No sighting or event is compared with views that are apart: no SELECT has one in one part and
    the other in another. It may where what is found makes a run read everything anyway, and where
    something that leads to more asks what these views say: `suspects`, `again`, `widens_when`, or a
    count that widens.
    """
    apart = set(detector.apart)
    if narrowed := sorted(apart & NARROWED):
        yield f"{narrowed} are not read whole"
    for gap, tree in zip(detector.not_evaluable, trees[1:], strict=True):
        if apart & _look_behind(trees[0], tree) and not (gap.anew or gap.widens):
            yield f"not_evaluable {gap.reason!r} counts them, and not anew"
    counted = (t for t, gap in zip(trees[1:], detector.not_evaluable, strict=True) if gap.widens)
    asked = _find_asked(detector, trees[0]).union(*(_look_behind(trees[0], t) for t in counted))
    if detector.widens or apart & asked:
        return
    for select in trees[0].find_all(exp.Select):
        views = _list_views(trees[0], select)
        if any(apart & one and NARROWED & other for one, other in permutations(views, 2)):
            yield f"sightings or events are held against {sorted(apart)}"
            return


def _find_asked(detector: Detector, query: exp.Query) -> set[str]:
    """The views behind what leads to more that has to be read."""
    found: set[str] = set()
    for select in filter(None, (detector.suspects, detector.again, detector.widens_when)):
        with suppress(sqlglot.errors.SqlglotError):  # which another rule reports
            found |= _find_views(query, sqlglot.parse_one(select, read="duckdb"))
    return found


def _list_views(tree: exp.Query, select: exp.Select) -> list[set[str]]:
    """The views behind each part of a SELECT."""
    parts = [part for part in select.iter_expressions() if not isinstance(part, exp.With)]
    return [_find_views(tree, part) for part in parts]


def _look_behind(query: exp.Query, tree: exp.Query) -> set[str]:
    """The views that a statement of the header reads: one without CTEs may use the query's."""
    return _find_views(tree if tree.find(exp.CTE) else query, tree)


def _find_views(tree: exp.Query, part: exp.Expr) -> set[str]:
    """The views behind a part of a query, through its CTEs."""
    parts = {cte.alias_or_name: cte for cte in tree.find_all(exp.CTE)}
    found: set[str] = set()
    left: list[exp.Expr] = [part]
    while left:
        names = {table.name for table in left.pop().find_all(exp.Table)} - found
        found |= names
        left += [parts[name] for name in names & parts.keys()]
    return found - parts.keys()


def _check_stars(tree: exp.Query) -> Iterator[str]:
    if any(not isinstance(star.parent, exp.Count) for star in tree.find_all(exp.Star)):
        yield "it has a SELECT *"


def _check_functions(tree: exp.Query) -> Iterator[str]:
    for function in tree.find_all(exp.Func):
        if isinstance(function, exp.Anonymous):
            if function.name.lower() not in _ANONYMOUS:
                yield f"function {function.name} is not one that Spark shares"
        elif type(function).__name__ not in _FUNCTIONS:
            yield f"function {function.sql_name()} is not one that Spark shares"


def _check_sources(tree: exp.Query) -> Iterator[str]:
    """Rows come from views and CTEs only: no table functions, files, schemas or lateral lists."""
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier) or table.db:
            yield f"{table.sql('duckdb')} is no view"
    if tree.find(exp.Lambda):
        yield "it has a lambda"


def _check_lists(tree: exp.Query) -> Iterator[str]:
    # sqlglot drops the order of an aggregated list on the way to Spark without a word.
    if any(aggregate.find(exp.Order) for aggregate in tree.find_all(exp.ArrayAgg)):
        yield "a list is aggregated in an order; use string_split(string_agg(... ORDER BY ...))"


def _check_limits(tree: exp.Query) -> Iterator[str]:
    if tree.find(exp.Limit) or tree.find(exp.Offset):
        yield "a LIMIT hides findings"


_TREE_RULES: Final[tuple[tuple[str, Callable[[exp.Query], Iterator[str]]], ...]] = (
    ("stars", _check_stars),
    ("functions", _check_functions),
    ("sources", _check_sources),
    ("lists", _check_lists),
    ("limits", _check_limits),
)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
