"""The house rules that a machine can hold: one-way imports, no clock below the commands, size."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "forensics"

# What each layer may import of this package, besides itself, and which libraries.
LAYERS: dict[str, tuple[str, str]] = {
    "errors": ("", ""),
    "formats": ("errors", "cryptography"),
    "verify": ("errors formats", "cryptography"),
    "case": ("errors formats verify", "cryptography duckdb msgspec numpy pyarrow rfc3161_client"),
    "sources": ("errors formats verify case", "msgspec yaml zstandard"),
    "detect": ("errors case", "duckdb pyarrow sqlglot"),
    "report": (
        "errors formats verify case sources detect",
        "cryptography duckdb jinja2 markupsafe pyarrow",
    ),
    "notebook": (
        "formats case detect report",
        "altair jinja2 pandas polars pyarrow",
    ),
    "simulate": ("errors formats", "cryptography"),
    "cli": ("errors formats verify case sources detect report simulate", "rich typer"),
}
ROOT = ("__init__", "__main__")  # the public names and `python -m`: they may name any layer
WITH_CLOCK = ("cli",)

NETWORK_OR_CHANCE = {
    *("asyncio", "ftplib", "http", "random", "requests", "secrets", "smtplib", "socket", "ssl"),
    *("tempfile", "urllib.request", "uuid", "webbrowser"),
}
UNSAFE = {"ctypes", "dill", "joblib", "marshal", "pickle", "shelve", "subprocess"}
CLOCK_CALLS = {
    *("datetime.now", "datetime.utcnow", "datetime.today", "date.today"),
    *("time.time", "time.time_ns", "time.localtime", "time.gmtime"),
    *("os.urandom", "os.getrandom", "os.system", "os.popen"),
}
UNSAFE_CALLS = {"__import__", "compile", "eval", "exec"}
# The one place that may load a foreign library, and those that may start a process: this program,
# and the command that a user named.
GRANTED = {
    "verify/multibuffer.py": "ctypes",
    "case/processes.py": "subprocess",
    "cli/containment.py": "subprocess",
}

LONGEST_MODULE = 450
LONGEST_FUNCTION = 80


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def layer_of(name: str) -> str:
    return name.split("/")[0].removesuffix(".py")


def imports_of(tree: ast.Module) -> Iterator[str]:
    """Every module that is imported anywhere in the file, dotted and absolute."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module, "relative imports hide the layer"
            yield node.module
            if node.module.partition(".")[0] in {"forensics", "urllib"}:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer_problems(name: str, text: str) -> list[str]:
    layer = layer_of(name)
    if layer in ROOT:
        return []
    if layer not in LAYERS:
        return [f"{name}: no such layer"]
    ours, libraries = (set(words.split()) for words in LAYERS[layer])
    problems = []
    for module in imports_of(ast.parse(text)):
        first, _, rest = module.partition(".")
        second = rest.partition(".")[0]
        if first == "forensics":
            allowed = second in {"", "__version__", layer, *ours}
        else:
            allowed = first in sys.stdlib_module_names or first in libraries
        if not allowed:
            problems.append(f"{name}: {layer} must not import {module}")
    return problems


def unused_permissions(texts: Mapping[str, str]) -> list[str]:
    """What `LAYERS` allows and no module of the layer imports."""
    used: dict[str, set[str]] = {layer: set() for layer in LAYERS}
    for name, text in texts.items():
        for module in imports_of(ast.parse(text)):
            first, _, rest = module.partition(".")
            word = rest.partition(".")[0] if first == "forensics" else first
            used.setdefault(layer_of(name), set()).add(word)
    return [
        f"{layer}: {word}"
        for layer, permissions in LAYERS.items()
        for word in " ".join(permissions).split()
        if word not in used[layer]
    ]


def purity_problems(name: str, text: str) -> list[str]:
    """Clock, chance, network, and what runs code from data."""
    tree = ast.parse(text)
    layer = layer_of(name)
    forbidden = UNSAFE if layer in WITH_CLOCK else UNSAFE | NETWORK_OR_CHANCE
    calls = UNSAFE_CALLS if layer in WITH_CLOCK else UNSAFE_CALLS | CLOCK_CALLS
    forbidden = forbidden - {GRANTED.get(name)}
    problems = [
        f"{name}: imports {module}"
        for module in imports_of(tree)
        if module in forbidden or module.partition(".")[0] in forbidden
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ".".join(ast.unparse(node.func).split(".")[-2:])
            if called in calls:
                problems.append(f"{name}:{node.lineno}: calls {called}")
    return problems


def size_problems(name: str, text: str) -> list[str]:
    problems = []
    lines = text.count("\n")
    if lines > LONGEST_MODULE:
        problems.append(f"{name}: {lines} lines")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                problems.append(f"{name}: {node.name} has {length} lines")
    return problems


def import_circle(texts: Mapping[str, str]) -> list[str]:
    """Modules that import each other, late or for types alone too; the first circle, or empty."""
    dotted = {"forensics/" + name: text for name, text in texts.items()}
    named = {name.removesuffix(".py").replace("/", "."): text for name, text in dotted.items()}
    graph = {
        name: {other for other in imports_of(ast.parse(text)) if other in named and other != name}
        for name, text in named.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        return circle
    return []


def test_no_modules_import_each_other() -> None:
    assert import_circle({name_of(path): path.read_text("utf-8") for path in modules()}) == []


@pytest.mark.parametrize(
    "text",
    [
        "from forensics.case.a import x",
        "from forensics.case import a",
        "def late():\n    import forensics.case.a",
        "if TYPE_CHECKING:\n    from forensics.case.a import X",
    ],
)
def test_an_import_circle_is_found(text: str) -> None:
    circle = import_circle({"case/a.py": "import forensics.case.b", "case/b.py": text})
    assert set(circle) == {"forensics.case.a", "forensics.case.b"}


@pytest.mark.parametrize("gate", [layer_problems, purity_problems, size_problems])
def test_every_module_keeps_the_house_rules(gate) -> None:
    problems = [
        problem
        for path in modules()
        for problem in gate(name_of(path), path.read_text(encoding="utf-8"))
    ]
    assert problems == []


def test_every_permission_is_used() -> None:
    texts = {name_of(path): path.read_text("utf-8") for path in modules()}
    assert unused_permissions(texts) == []
    without = {name: text for name, text in texts.items() if layer_of(name) != "simulate"}
    assert unused_permissions(without) == [
        "simulate: errors",
        "simulate: formats",
        "simulate: cryptography",
    ]


def test_all_layers_are_there() -> None:
    rooms = {layer_of(name_of(path)) for path in modules()}
    assert rooms == {*LAYERS, *ROOT}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("formats/quote.py", "from forensics.case.case import Case"),
        ("formats/quote.py", "from forensics import case"),
        ("formats/quote.py", "def late():\n    import duckdb"),
        ("verify/chain.py", "from forensics.sources import ingest_paths"),
        ("case/case.py", "import forensics.detect.run"),
        ("sources/events.py", "from forensics.detect.run import run"),
        ("detect/run.py", "from forensics.sources.events import read"),
        ("detect/run.py", "import typer"),
        ("simulate/fleet.py", "from forensics.verify.chain import prove_chain"),
        ("attic/old.py", ""),
    ],
)
def test_an_import_against_the_stream_is_found(name: str, text: str) -> None:
    assert layer_problems(name, text) != []


@pytest.mark.parametrize(
    "text",
    [
        "import random",
        "from urllib.request import urlopen",
        "from urllib import request",
        "import http.client",
        "import pickle",
        "import ctypes",
        "from datetime import datetime\nmoment = datetime.now()",
        "import datetime\nmoment = datetime.datetime.now(datetime.UTC)",
        "import time\nmoment = time.time()",
        "import os\nsalt = os.urandom(8)",
        "eval('1')",
    ],
)
def test_a_clock_or_chance_below_the_commands_is_found(text: str) -> None:
    assert purity_problems("case/case.py", text) != []


def test_commands_may_read_the_clock_and_nothing_unsafe() -> None:
    clock = "from datetime import UTC, datetime\nmoment = datetime.now(UTC)"
    assert purity_problems("cli/options.py", clock) == []
    assert purity_problems("cli/options.py", "import pickle") != []


def test_what_is_too_long_is_found() -> None:
    body = "    pass\n" * LONGEST_FUNCTION
    assert size_problems("case/case.py", f"def long():\n{body}") != []
    assert size_problems("case/case.py", "x = 1\n" * (LONGEST_MODULE + 1)) != []
