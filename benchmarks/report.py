"""The HTML report of a large case: how large the file is, and how soon it is open.

    python benchmarks/report.py DIR [--quotes 100000] [--platforms 100]

DIR keeps the case between runs: the corpus of `corpus.py`, audited, with the sample's evidence (its
incidents and its trust anchor) beside it. A Chromium that is installed (`CHROMIUM`, or on the path)
opens the file five times; the time is from the start of the navigation to the second frame after
`load`, when all of the page has been laid out and painted once. Goals: 10 MB, 3 s.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
SAMPLE = HERE.parent / "sample_data"
AS_OF = "2026-02-02T00:00:00Z"
OPENINGS = 5
PAINTED = """
() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(
    () => done(performance.now()))))
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("directory", type=Path)
    parser.add_argument("--quotes", type=int, default=100_000)
    parser.add_argument("--platforms", type=int, default=100)
    options = parser.parse_args()
    case = options.directory / f"report-{options.quotes}"
    if not case.exists():
        make_case(case, options.directory / "report-corpus", options.quotes, options.platforms)
    page = options.directory / "report.html"
    began = time.perf_counter()
    run("report", case, "--html", page, "--now", AS_OF)
    made = time.perf_counter() - began
    times = sorted(open_page(page))
    print("| what | measured | goal |")
    print("|---|---|---|")
    print(f"| observations | {options.quotes:,} and the sample's | |")
    print(f"| writing the page, s | {made:.1f} | |")
    print(f"| its size, MB | {page.stat().st_size / 1e6:.2f} | 10 |")
    print(
        f"| open in Chromium, s (median, worst of {OPENINGS}) "
        f"| {statistics.median(times):.2f}, {times[-1]:.2f} | 3 |"
    )


def make_case(case: Path, folder: Path, quotes: int, platforms: int) -> None:
    corpus = [sys.executable, HERE / "corpus.py", folder]
    subprocess.run([*corpus, "--quotes", str(quotes), "--platforms", str(platforms)], check=True)
    draft = case.with_name("draft")
    shutil.rmtree(draft, ignore_errors=True)
    roots = ("--root-ca", folder / "root_ca.pem", "--root-ca", SAMPLE / "root_ca.pem")
    sources = (folder / "evidence", SAMPLE / "evidence")
    run("audit", draft, *sources, *roots, "--as-of", AS_OF, "--now", AS_OF)
    draft.rename(case)
    shutil.rmtree(folder)


def run(*arguments: object) -> None:
    command = [sys.executable, "-m", "forensics", *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    if done.returncode not in (0, 1):
        sys.exit(f"{' '.join(command)}: exit {done.returncode}")


def open_page(page: Path) -> list[float]:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if path is None:
        sys.exit("no Chromium: install one, or name it in the variable CHROMIUM")
    times = []
    with sync_playwright() as driver:
        for _ in range(OPENINGS):
            browser = driver.chromium.launch(executable_path=path)
            tab = browser.new_page(viewport={"width": 1280, "height": 900})
            tab.goto(page.resolve().as_uri(), wait_until="load")
            times.append(tab.evaluate(PAINTED) / 1000)
            browser.close()
    return times


if __name__ == "__main__":
    main()
