"""Whole fleets through the commands: what `ingest` and `verify` file is what dcap-qvl says.

The pure functions meet other verifiers elsewhere. Here the way to them is tried as well: folders of
quotes and collateral in every encoding, under several roots, read back from the case's tables.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cli.test_verdicts_end_to_end import write_evidence
from differential.cases import Case
from differential.comparison import SUMMARIES, Tally
from differential.filed import Shelf, read_answer
from differential.verifiers import OurAnswer, ask_ours

from forensics.simulate.certificates import chain_pem

SEEDS = (("11",), ("12", "--clean"))
"""All incidents under one root, and a fleet where all is well under another."""

FORMS = {
    "sgx-3": lambda kit: kit.sgx(3),
    "sgx-4": lambda kit: kit.sgx(4),
    "sgx-5": lambda kit: kit.sgx(5),
    "tdx-4": lambda kit: kit.tdx(4),
    "tdx-5": lambda kit: kit.tdx(5),
    "tdx-5-td15": lambda kit: kit.tdx(5, td15=True),
}
EVERY = 7  # of the verdicts of hindsight
MOMENTS = (
    "2025-12-01T00:00:00Z",  # before the CRLs of the fleets
    "2026-01-05T12:00:00Z",  # the moment of the TCB recovery
    "2026-02-04T12:00:00Z",  # the end of what was published then
    "2026-02-04T12:00:01Z",
    "2026-06-01T00:00:00Z",  # only the root CRLs are in force
    "2033-01-01T00:00:00Z",  # no PCK certificate is
)


@dataclass
class Comparison:
    """`misfiled`: verdicts that are not what the pure functions say with the same collateral."""

    tally: Tally = field(default_factory=Tally)
    kinds: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    misfiled: list[str] = field(default_factory=list)

    def add(self, case: Path, wanted: str, step: int = 1) -> None:
        """One verdict in `step` of that moment, each distinct question once."""
        asked = set()
        for name, row, exhibit in Shelf(case).list_verdicts(wanted, step):
            if exhibit in asked:
                continue
            asked.add(exhibit)
            filed = read_answer(row)
            self.tally.judge(Case(name, exhibit), filed)
            self.kinds[f"{row['tee']}-{row['version']}"] += 1
            self.outcomes[wanted, row["outcome"], row["status"]] += 1
            if _essence(filed) != _essence(ask_ours(exhibit)):
                self.misfiled.append(name)


def _essence(answer: OurAnswer) -> tuple[object, ...]:
    return (answer.note, answer.status, answer.advisories, answer.failed, answer.strict)


def command(*arguments: object) -> None:
    line = [sys.executable, "-m", "forensics", *map(str, arguments)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 3), done.stderr


@pytest.fixture(scope="module")
def compared(kit: Any, tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    folder = tmp_path_factory.mktemp("fleets")
    for name, build in FORMS.items():
        write_evidence(kit.evidence(build(kit)), folder / "forms" / name)
    (folder / "root.pem").write_bytes(chain_pem(kit.pki.root.der))
    roots: list[object] = ["--root-ca", folder / "root.pem"]
    sources = [folder / "forms"]
    for seed, *options in SEEDS:
        command("simulate", folder / seed, "--seed", seed, "--days", 1, *options)
        roots += ["--root-ca", folder / seed / "root_ca.pem"]
        sources.append(folder / seed / "evidence")
    case = folder / "case"
    command("init", case, *roots)
    command("ingest", case, *sources)
    comparison = Comparison()
    for number, moment in enumerate(MOMENTS):
        command("verify", case, "--as-of", moment)
        if not number:
            comparison.add(case, "receipt")
        comparison.add(case, "hindsight", EVERY)
    SUMMARIES["fleets"] = comparison.tally.summarise()
    return comparison


def test_every_difference_is_known(compared: Comparison) -> None:
    assert compared.tally.unexplained[:20] == []


def test_the_commands_file_what_the_pure_functions_say(compared: Comparison) -> None:
    assert compared.misfiled == []


def test_nothing_is_left_out(compared: Comparison) -> None:
    """Every form of a quote, and every way that a verdict ends."""
    assert set(compared.kinds) == {"sgx-3", "sgx-4", "sgx-5", "tdx-4", "tdx-5"}
    assert {(outcome, status) for _, outcome, status in compared.outcomes} >= {
        ("accepted", "UpToDate"),
        ("accepted", "SWHardeningNeeded"),
        ("accepted", "OutOfDate"),
        ("rejected", None),
        ("undetermined", None),
    }
