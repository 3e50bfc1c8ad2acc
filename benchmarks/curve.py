"""Cost against size: processor time and memory of each command, from thousands to millions.

    python benchmarks/curve.py DIR [--sizes 10000 30000 100000 300000 1000000 2000000]

Processor time (user and system, all threads) rather than elapsed time, because machines are shared.
Each size is run twice over: with OpenSSL alone and, where it is installed, with the multi-buffer
library. Evidence is made and ingested a part at a time, with the cost of all parts together: a part
of a million quotes (`--part`) takes about 7 GB in DIR for a while. Writes `results/curve.json`,
which keeps the other sizes that it has, and draws `results/curve.svg` (needs matplotlib) from it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from corpus import write_corpus

HERE = Path(__file__).parent
RESULTS = HERE / "results"
SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000, 2_000_000)
PLATFORMS = 100


@dataclass(frozen=True)
class Cost:
    """Processor seconds, peak resident MiB."""

    seconds: float
    memory: float

    def __add__(self, other: Cost) -> Cost:
        """Of two commands, one after the other."""
        return Cost(self.seconds + other.seconds, max(self.memory, other.memory))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--part", type=int, default=1_000_000)
    options = parser.parse_args()
    file = RESULTS / "curve.json"
    known = json.loads(file.read_text()) if file.exists() else []
    rows = {row["quotes"]: row for row in known}
    for size in options.sizes:
        rows[size] = measure(options.directory, size, options.part)
        file.write_text(json.dumps([rows[size] for size in sorted(rows)], indent=2) + "\n")
    draw([rows[size] for size in sorted(rows)])


def measure(directory: Path, size: int, part: int) -> dict[str, object]:
    corpus, case = directory / "corpus", directory / "case"
    for folder in (corpus, case):
        shutil.rmtree(folder, ignore_errors=True)
    costs = {"start": run("verify", "--help"), "ingest": Cost(0, 0)}
    for first in range(0, size, part):
        bounds = (first, min(first + part, size))
        write_corpus(corpus, quotes=size, platforms=PLATFORMS, part=bounds)
        if first == 0:
            run("init", case, "--root-ca", corpus / "root_ca.pem")
        costs["ingest"] += run("ingest", case, corpus / "evidence")
        shutil.rmtree(corpus)
    unproven = shutil.copytree(case, directory / "unproven")
    costs["verify, OpenSSL"] = run("verify", case, "--as-of", "2026-01-25T00:00:00Z", "--no-fast")
    costs["verify, multi-buffer"] = run("verify", unproven, "--as-of", "2026-01-25T00:00:00Z")
    costs["judge again"] = run("verify", case, "--as-of", "2026-01-26T00:00:00Z")
    shutil.rmtree(unproven)
    stored = sum(file.stat().st_size for file in case.rglob("*.parquet"))
    told = {name: asdict(cost) for name, cost in costs.items()}
    row = {"quotes": size, "parts": -(-size // part), "bytes": stored, **told}
    print(json.dumps(row), flush=True)
    return row


def run(*arguments: object) -> Cost:
    """One whole command, by the operating system's own accounting of the finished process."""
    words = [sys.executable, "-m", "forensics", *map(str, arguments)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, words
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def draw(rows: list[dict[str, object]]) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "curve"
    from matplotlib import pyplot

    figure, (seconds, memory) = pyplot.subplots(1, 2, figsize=(11, 4.5))
    sizes = [row["quotes"] for row in rows]
    for name in ("ingest", "verify, OpenSSL", "verify, multi-buffer", "judge again"):
        seconds.plot(sizes, [row[name]["seconds"] for row in rows], marker="o", label=name)
        memory.plot(sizes, [row[name]["memory"] for row in rows], marker="o", label=name)
    for axes, title in ((seconds, "processor time, s"), (memory, "peak memory, MiB")):
        axes.set(xscale="log", title=title, xlabel="distinct quotes")
        axes.grid(alpha=0.3)
    seconds.set(yscale="log")
    memory.set(ylim=(0, None))
    seconds.legend()
    figure.tight_layout()
    figure.savefig(RESULTS / "curve.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
