"""The whole catalogue over millions of observations, against one GROUP BY over the same table.

    python benchmarks/catalogue.py DIR [--sizes 1000000 10000000]

`fleet.py` says what the case is like; DIR keeps the cases (about 3 GB for ten million). Each size
is measured in a process of its own with DuckDB's limit at QUERY_MEMORY and two threads: first
`SELECT signed_id, count(*) ... GROUP BY signed_id` over the views, then every detector. Times are
processor time of all threads, because machines are shared; the ratio is of the one process. The
peak of memory is the process's own, what is loaded and Python included. Writes
`results/catalogue.md`.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import time
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path

from fleet import AS_OF, write_fleet_case

from forensics.case.case import open_case
from forensics.case.connection import QUERY_MEMORY
from forensics.case.query import open_locked
from forensics.detect.catalog import load_catalog
from forensics.detect.detection import detect

RESULTS = Path(__file__).parent / "results"
CATALOG = load_catalog()

_BASELINE = """
SELECT count(*), max(sightings)
FROM (
    SELECT q.signed_id, count(*) AS sightings
    FROM observation AS o JOIN quote AS q ON q.quote_no = o.quote_no
    GROUP BY q.signed_id
) AS grouped
"""


@dataclass(frozen=True)
class Result:
    size: int
    baseline: float
    total: float
    detectors: dict[str, float]
    """Seconds of each; the first one's hold what was worked out for all."""
    memory: float


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("directory", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000_000, 10_000_000])
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    for size in options.sizes:
        make_case(options.directory, size)
    with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:  # the peak of each is its own
        tasks = [(options.directory, size) for size in options.sizes]
        results = pool.starmap(measure, tasks, chunksize=1)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "catalogue.md").write_text(describe(results))


def make_case(directory: Path, size: int) -> None:
    path = directory / f"case-{size}"
    if not path.exists():
        draft = directory / "draft"
        shutil.rmtree(draft, ignore_errors=True)
        write_fleet_case(draft, size)
        draft.rename(path)


def measure(directory: Path, size: int) -> Result:
    case = open_case(directory / f"case-{size}" / "case")
    connection = open_locked(case, check_results=False, scratch=True)
    began = time.process_time()
    connection.execute(_BASELINE).fetchall()
    baseline = time.process_time() - began
    print(f"{size}: GROUP BY {baseline:.2f} s", flush=True)
    marks = [began := time.process_time()]

    def mark(done: int, _total: int) -> None:
        marks.append(time.process_time())
        print(f"{size}: {list(CATALOG)[done - 1]} {marks[-1] - marks[-2]:.2f} s", flush=True)

    detect(connection, CATALOG, as_of=AS_OF, progress=mark)
    total = time.process_time() - began
    print(f"{size}: catalogue {total:.2f} s", flush=True)
    spans = [end - start for start, end in pairwise(marks)]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Result(size, baseline, total, dict(zip(CATALOG, spans, strict=True)), memory)


def describe(results: list[Result]) -> str:
    lines = [
        "# Speed of the whole catalogue",
        "",
        f"`python benchmarks/catalogue.py DIR`: {len(CATALOG)} "
        "detectors, each size in one process with "
        f"DuckDB's limit at {QUERY_MEMORY}; seconds are processor time of all threads.",
    ]
    lines += ["", "| observations | GROUP BY, s | catalogue, s | ratio | peak memory, MiB |"]
    lines += ["|---|---|---|---|---|"]
    lines += [
        f"| {r.size:,} | {r.baseline:.1f} | {r.total:.1f} | {r.total / r.baseline:.1f} "
        f"| {r.memory:,.0f} |"
        for r in results
    ]
    for before, after in pairwise(results):
        growth = after.total / before.total
        lines += ["", f"From {before.size:,} to {after.size:,}: {growth:.1f} times the time."]
    last = results[-1]
    lines += ["", f"| detector, {last.size:,} observations | s |", "|---|---|"]
    ranked = sorted(last.detectors.items(), key=lambda entry: -entry[1])
    lines += [f"| {name} | {seconds:.2f} |" for name, seconds in ranked]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
