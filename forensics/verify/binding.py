"""REPORT_DATA rules: what a launch should have bound, recomputed from what was logged.

A rule is `digest(parts)` padded with zeros on the right to 64 bytes, or a named recipe of a
product. Sources of the recipes: spec/evidence-formats.md 1.2 (trustee, MAA, Azure HCL).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

_Column = TypeVar("_Column")

SIZE = 64
INPUTS = ("initial_state", "nonce", "runtime_data")

DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    "none": lambda data: data,
    "sha256": lambda data: hashlib.sha256(data).digest(),
    "sha384": lambda data: hashlib.sha384(data).digest(),
    "sha512": lambda data: hashlib.sha512(data).digest(),
}


@dataclass(frozen=True)
class Rule:
    """`compared` bytes of REPORT_DATA are pinned; the named recipes of some products pin half."""

    name: str
    digest: str
    parts: tuple[str, ...]
    compared: int = SIZE
    canonical_json: bool = False

    def expect(self, inputs: Mapping[str, bytes | None]) -> bytes | None:
        """The 64 bytes that the rule gives; None when an input is missing or does not fit."""
        (expected,) = self.expect_many(self.choose([(inputs.get(name),) for name in INPUTS]))
        return expected

    def choose(self, columns: Sequence[_Column]) -> list[_Column]:
        """Those that `expect_many` takes, of columns in the order of `INPUTS`."""
        return [columns[INPUTS.index(part)] for part in self.parts]

    def expect_many(self, columns: Sequence[Sequence[bytes | None]]) -> list[bytes | None]:
        """`expect` for each row of columns, one for each of `parts`."""
        rows = _join(columns)
        if self.canonical_json:
            rows = [None if data is None else _canonicalize(data) for data in rows]
        if self.digest == "none":
            rows = [None if data is None or len(data) > SIZE else data for data in rows]
        digest = DIGESTS[self.digest]
        return [None if data is None else digest(data).ljust(SIZE, b"\0") for data in rows]


def _join(columns: Sequence[Sequence[bytes | None]]) -> list[bytes | None]:
    """The values of each row one after the other; None where one is missing."""
    try:
        return list(map(b"".join, zip(*columns, strict=True)))
    except TypeError:  # many logs lack nothing, and looking row by row takes longer than hashing
        rows = zip(*columns, strict=True)
        return [None if None in values else b"".join(values) for values in rows]


_RUNTIME = ("runtime_data",)

RECIPES = {
    "raw": Rule("raw", "none", _RUNTIME),
    "kbs-rcar-v1": Rule("kbs-rcar-v1", "sha384", _RUNTIME, canonical_json=True),
    "kbs-rcar-dev": Rule("kbs-rcar-dev", "sha384", _RUNTIME, canonical_json=True),
    "maa-ehd": Rule("maa-ehd", "sha256", _RUNTIME, compared=32),
    "azure-hcl": Rule("azure-hcl", "sha256", _RUNTIME, compared=32),
}


def make_rule(digest: str | None, parts: list[str] | None, recipe: str | None) -> Rule | None:
    """The rule of a manifest; None when it states none, or a recipe this tool does not know."""
    if recipe is not None:
        return RECIPES.get(recipe)
    if not parts:
        return None
    digest = digest or "none"
    return Rule(f"{digest}({' ‖ '.join(parts)})", digest, tuple(parts))


def _canonicalize(data: bytes) -> bytes | None:
    """JSON with sorted keys and no blanks, as RFC 8785 has it for strings and integers."""
    try:
        value = json.loads(data)
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return text.encode()
    except (ValueError, RecursionError):  # half a surrogate pair has no UTF-8
        return None
