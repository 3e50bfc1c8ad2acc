"""Reviewing a folder of detectors: headers against queries, cases, and the version lock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from forensics.detect.cases import hold_case, load_cases
from forensics.detect.catalog import Catalog
from forensics.detect.detector import Detector
from forensics.detect.lint import lint_detector
from forensics.detect.lock import LOCK_NAME, Lock, renew_lock
from forensics.detect.scaffold import CASES
from forensics.errors import DetectorError

_LARGEST = 16 << 20  # bytes of a lock or of a file of cases


@dataclass(frozen=True, slots=True)
class Problem:
    """`detector` is an id, or `*` for what concerns the folder."""

    detector: str
    rule: str
    problem: str


def review(catalog: Catalog, directory: Path) -> list[Problem]:
    """What is wrong with the detectors of a folder; `catalog` holds them and no others."""
    found: list[Problem] = []
    for name, detector in catalog.items():
        for line in lint_detector(detector):
            rule, _, problem = line.partition(": ")
            found.append(Problem(name, rule, problem))
        if not any(problem.detector == name for problem in found):
            found += _hold_cases(detector, directory / CASES / f"{name}.toml")
    return [*found, *_hold_lock(catalog, directory / LOCK_NAME)]


def _hold_cases(detector: Detector, path: Path) -> Iterator[Problem]:
    if not path.is_file():
        return
    try:
        for case in load_cases(_read(path), path.name):
            for problem in hold_case(detector, case):
                yield Problem(detector.id, "cases", f"{case['name']}: {problem}")
    except DetectorError as error:
        yield Problem(detector.id, "cases", error.message)


def _hold_lock(catalog: Catalog, path: Path) -> Iterator[Problem]:
    """A query that is not the one that its version stood for, where the folder has a lock."""
    if not path.is_file():
        return
    try:
        old: Lock = json.loads(_read(path))
        renew_lock(old, catalog)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        yield Problem("*", "lock", f"{LOCK_NAME} cannot be read: {error}")
    except DetectorError as error:
        yield Problem("*", "lock", error.message)


def _read(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise DetectorError("detector-cases", f"{path.name}: larger than {_LARGEST} B")
    return data.decode("utf-8", "replace")
