"""Does one thing to a case again and again, each time with something going wrong in the middle.

    python fault_driver.py LIBRARY SCRATCH ACTION faults STRIDE
    python fault_driver.py LIBRARY SCRATCH ACTION kills COUNT

`faults` needs `faults.c` preloaded: every STRIDE-th operation on the disk fails, the ways to fail
taking turns (STRIDE 0: every operation in every way). `kills` ends COUNT children with SIGKILL:
some at the moment of an operation, the rest at random moments. Prints one JSON object: how many
attempts there were, how many of the commands failed, how many states they left the case in, and
what was wrong after them.

What a state shows, and what the same command makes of it, follows from the bytes on the disk: each
state, told by a digest of every name, mode and byte, is judged and tried again once.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import io
import json
import multiprocessing
import re
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from stat import S_ISREG
from typing import NamedTuple

import pyarrow.parquet as pq

from forensics.case.case import open_case
from forensics.case.custody import verify_custody
from forensics.case.signing import encode_private_key
from forensics.cli.main import main as run_command_line
from forensics.report.verify_bundle import check_bundle

NOW = "2026-01-08T00:00:00Z"
ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "sample_data"
EVIDENCE = SAMPLE / "evidence"
ERRORS = {"no-space": 1, "input-output": 2}  # numbers as in faults.c
SHORT = {"short": 3, "short-then-full": 4}
KILL = 5
EXPORTS = ("bundle", "views", "findings")  # actions
PATIENCE = 60.0  # seconds for a child that neither ends nor dies

DONE = (0, 1, 3)  # clean, with findings, incomplete: in every case committed
FAILED = 2
ERROR_LINE = re.compile(r"error: .+ \[[a-z0-9-]+\]")

FORKSERVER = multiprocessing.get_context("forkserver")

Action = Callable[[Path], "Outcome"]


class Outcome(NamedTuple):
    """How a command ended, and what it said on stderr."""

    code: int
    said: str

    @property
    def done(self) -> bool:
        return self.code in DONE

    def find_failures(self) -> list[str]:
        """A failure is one clear line with a code and exit code 2."""
        lines = self.said.splitlines()
        if self.done or (self.code == FAILED and lines and ERROR_LINE.fullmatch(lines[-1])):
            return [line for line in lines if "Traceback" in line or "internal error" in line]
        return [f"exit code {self.code} and no clear line: {self.said!r:.300}"]


def command(*arguments: object) -> Outcome:
    """Run the real command line in this process."""
    said = io.StringIO()
    sys.argv = ["quote-forensics", *map(str, arguments)]
    code = 0
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            run_command_line()
        except SystemExit as stop:
            code = int(stop.code or 0)
    return Outcome(code, said.getvalue())


class Workshop:
    """Cases to begin from, and what is to be done to them."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.key = scratch / "key.pem"
        self.key.write_bytes(encode_private_key(bytes(32)))
        self.first, self.second = (self._make_evidence(name) for name in ("first", "second"))
        self.actions: dict[str, tuple[Action, list[Action]]] = {}
        steps: list[Action] = []
        for action in (self.init, self.begin, self.ingest, self.verify, self.detect, self.compact):
            self.actions[action.__name__] = (action, list(steps))
            steps.append(action)
        for action in (self.bundle, self.views, self.findings):
            self.actions[action.__name__] = (action, list(steps))

    def _change(self, what: str, path: Path, *more: object) -> Outcome:
        return command(what, path, *more, "--sign-key", self.key, "--now", NOW)

    def init(self, path: Path) -> Outcome:
        return self._change("init", path, "--root-ca", SAMPLE / "root_ca.pem", "--no-intel-root")

    def begin(self, path: Path) -> Outcome:
        self._change("ingest", path, self.first)
        return self.verify(path)

    def ingest(self, path: Path) -> Outcome:
        return self._change("ingest", path, self.second)

    def verify(self, path: Path) -> Outcome:
        return self._change("verify", path, "--as-of", NOW, "--threads", 1)

    def detect(self, path: Path) -> Outcome:
        return self._change("detect", path, "--detector", "replayed-quote", "--as-of", NOW)

    def compact(self, path: Path) -> Outcome:
        return self._change("compact", path)

    def bundle(self, path: Path) -> Outcome:
        """With the original files."""
        sources = ("--sources", self.first, "--sources", self.second)
        return command("export", "bundle", path, exports_of(path) / "bag", *sources, "--now", NOW)

    def views(self, path: Path) -> Outcome:
        return command("export", "views", path, exports_of(path) / "views")

    def findings(self, path: Path) -> Outcome:
        target = exports_of(path) / "findings.csv"
        return command("export", "findings", path, "--format", "csv", "--out", target)

    def _make_evidence(self, name: str) -> Path:
        """A few events of each file, something unreadable, and the first time all collateral."""
        folder = self.scratch / name
        if folder.exists():
            return folder
        folder.mkdir()
        if name == "first":
            shutil.copytree(EVIDENCE / "collateral", folder / "collateral")
        for source in sorted((EVIDENCE / "events").glob("*-07.jsonl")):
            lines = source.read_bytes().splitlines(keepends=True)
            chosen = lines[:3] if name == "first" else lines[3:6]
            (folder / source.name).write_bytes(b"".join(chosen))
        (folder / "broken.jsonl").write_bytes(b"{" + name.encode())
        return folder


def exports_of(path: Path) -> Path:
    """The folder for what leaves the case at `path`."""
    return path.with_name("exports")


# A retry after a commit that went through goes on from it, and finds the same.
HOW_IT_RAN = ("mode", "mode_reason", "observations_read", "basis")


def describe(path: Path) -> dict[str, str]:
    """What a case holds: a digest of each table's rows, whatever files they are in."""
    case = open_case(path)
    rows: dict[str, Counter[str]] = {}
    for file in case.ledger.live_files():
        for row in pq.read_table(case.locate(file)).to_pylist():
            for name in HOW_IT_RAN:
                row.pop(name, None)
            rows.setdefault(file.table, Counter())[repr(row)] += 1
    return {
        table: hashlib.sha256(repr(sorted(counted.items())).encode()).hexdigest()
        for table, counted in rows.items()
    }


def fingerprint(path: Path) -> str:
    """The state that a reader sees: of the case, and of what left it."""
    if not (path / "case.toml").exists():
        return "no case"
    return json.dumps([describe(path), describe_exports(exports_of(path))], sort_keys=True)


def describe_exports(folder: Path) -> dict[str, str]:
    """A digest of each file that has left; drafts have names that begin with a dot."""
    files = (
        path
        for visible in folder.glob("[!.]*")
        for path in (visible, *visible.rglob("*"))
        if path.is_file()
    )
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def digest_state(path: Path) -> str:
    """Every name, mode and byte of the case and of what left it, drafts too."""
    found = hashlib.sha256()
    for folder in (path, exports_of(path)):
        for item in sorted(folder.rglob("*")):
            mode = item.lstat().st_mode
            name = item.relative_to(path.parent).as_posix()
            content = hashlib.sha256(item.read_bytes()).hexdigest() if S_ISREG(mode) else ""
            found.update(f"{name}\0{mode}\0{content}\n".encode())
    return found.hexdigest()


def find_failures(path: Path) -> list[str]:
    if not (path / "case.toml").exists():
        return []
    problems = verify_custody(open_case(path))
    wrong = [f"{p.path}: {p.code}" for p in problems if p.level == "failure"]
    bag = exports_of(path) / "bag"
    return wrong + (check_bundle(bag, None)[0] if bag.exists() else [])


class Judgement(NamedTuple):
    """Of one state of the disk: what a reader sees, and what is wrong, in it and after a retry."""

    seen: str
    wrong: list[str]


class Trial:
    """One action with one thing going wrong, from the same start each time."""

    def __init__(self, library: Path, scratch: Path, name: str) -> None:
        self.arguments = (library, scratch, name)
        self.faults = ctypes.CDLL(str(library))
        workshop = Workshop(scratch)
        self.action, steps = workshop.actions[name]
        self.start, self.place = scratch / "start", scratch / "case"
        for step in steps:
            assert step(self.start).done
        self.judgements: dict[str, Judgement] = {}  # by the state of the disk
        self.unchanged = False  # since `renew`
        self.renew()
        self.untouched = digest_state(self.place)
        self.before = fingerprint(self.place)
        self.operations = self.measure(ERRORS["no-space"])
        self.after = fingerprint(self.place)
        self.renew()
        self.failed = 0
        began = time.monotonic()
        self.writes = self.measure(SHORT["short"])
        self.seconds = time.monotonic() - began

    def renew(self) -> None:
        """The start again, with nothing that has left the case."""
        if self.unchanged:
            return
        exports = exports_of(self.place)
        for folder in (self.place, exports):
            shutil.rmtree(folder, ignore_errors=True)
        exports.mkdir()
        if self.start.exists():
            shutil.copytree(self.start, self.place)

    def measure(self, mode: int) -> int:
        """How many operations there are to fail in this way."""
        outcome, seen = self.run(0, mode)
        assert outcome.done, outcome
        return seen

    def run(self, number: int, mode: int) -> tuple[Outcome, int]:
        """Run the action with its `number`-th operation failing; how many there were."""
        self.unchanged = False
        arm(self.faults, self.action, self.place, number, mode)
        try:
            outcome = self.action(self.place)
        finally:
            seen = self.faults.faults_disarm()
        return outcome, int(seen)

    def fail(self, number: int, mode: int) -> list[str]:
        """What is wrong after an operation failed."""
        self.renew()
        outcome, seen = self.run(number, mode)
        self.failed += not outcome.done
        wrong = outcome.find_failures() + self.judge(outcome.done)
        if seen < number and not outcome.done:
            wrong.append("it failed and nothing was made to fail")
        return [f"operation {number}, mode {mode}: {outcome}: {one}" for one in wrong]

    def kill(self, number: int, delay: float) -> list[str]:
        """What is wrong after a child was killed: at operation `number`, or after `delay`.

        The child comes from a server that has run nothing yet, as threads do not survive a fork,
        and that has loaded all there is to load: else random moments would mostly be in that.
        """
        self.renew()
        self.unchanged = False
        ready, child_end = FORKSERVER.Pipe(duplex=False)
        child = FORKSERVER.Process(target=act, args=(*self.arguments, number, child_end))
        child.start()
        ready.recv()
        child.join(PATIENCE if number else delay)
        child.kill()
        child.join()
        wrong = self.judge(committed=False)
        return [f"operation {number}, after {delay:.3f} s: {one}" for one in wrong]

    def judge(self, committed: bool) -> list[str]:
        """Nothing is broken, and the case is as before or as after, and after when it said so; and
        the same command again succeeds.
        """
        state = digest_state(self.place)
        self.unchanged = state == self.untouched
        if state not in self.judgements:
            seen, broken = fingerprint(self.place), find_failures(self.place)
            self.judgements[state] = Judgement(seen, broken + self.retry())
            self.unchanged = False
        seen, wrong = self.judgements[state]
        if seen not in ([self.after] if committed else [self.before, self.after]):
            return [*wrong, "the case is not as after" if committed else "a part is visible"]
        return wrong

    def retry(self) -> list[str]:
        outcome = self.action(self.place)
        if fingerprint(self.place) != self.after:
            return [f"after the retry the case is not as after: {outcome}"]
        if outcome.said.endswith(("[case-exists]\n", "[path-exists]\n")):
            return []  # a draft that could not be deleted is for the next writer to clear away
        if not outcome.done:
            return [f"the retry failed: {outcome}"]
        problems = verify_custody(open_case(self.place))
        return [f"after the retry: {problem.path}: {problem.code}" for problem in problems]


def act(library: Path, scratch: Path, name: str, number: int, ready: Connection) -> None:
    """A child: run the action, and be killed at its `number`-th operation (0: by the parent)."""
    faults = ctypes.CDLL(str(library))
    action, _ = Workshop(scratch).actions[name]
    place = scratch / "case"
    ready.send(True)
    arm(faults, action, place, number, KILL)
    action(place)


def arm(faults: ctypes.CDLL, action: Action, place: Path, number: int, mode: int) -> None:
    """Operations below the case fail, or those below what leaves it."""
    folder = exports_of(place) if action.__name__ in EXPORTS else place
    faults.faults_arm(str(folder).encode(), ctypes.c_long(number), mode)


def try_faults(trial: Trial, stride: int) -> tuple[int, list[str]]:
    ways = [(trial.operations, mode) for mode in ERRORS.values()]
    ways += [(trial.writes, mode) for mode in SHORT.values()]
    if stride == 0:
        plan = [(n, mode) for count, mode in ways for n in range(1, count + 1)]
    else:
        plan = []
        for turn, number in enumerate(range(1, trial.operations + 1, stride)):
            count, mode = ways[turn % len(ways)]
            plan.append((1 + (number - 1) % count, mode))
    return len(plan), [wrong for number, mode in plan for wrong in trial.fail(number, mode)]


def find_loaded() -> list[str]:
    """The modules that the action has loaded by now, but for what makes a process of its own."""
    roots = ("forensics", "duckdb", "pyarrow", "numpy", "cryptography", "typer", "rich")
    return [name for name in sys.modules if name.partition(".")[0] in roots]


def try_kills(trial: Trial, count: int) -> tuple[int, list[str]]:
    FORKSERVER.set_forkserver_preload(["__main__", *find_loaded()])
    random = Random(0)
    wrong: list[str] = []
    for turn in range(count):
        if turn % 2:
            wrong += trial.kill(random.randint(1, trial.operations), 0.0)
        else:
            wrong += trial.kill(0, random.uniform(0.0, trial.seconds))
    return count, wrong


def main() -> None:
    library, scratch, name = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    what, amount = sys.argv[4], int(sys.argv[5])
    trial = Trial(library, scratch, name)
    tried, wrong = (try_faults if what == "faults" else try_kills)(trial, amount)
    result = {"operations": trial.operations, "tried": tried, "wrong": wrong[:20]}
    result |= {"failed": trial.failed, "states": len(trial.judgements)}
    sys.stdout.write(json.dumps(result))


if __name__ == "__main__":
    main()
