"""Speed and size over a bulk corpus, each as a ratio in one run on one machine.

    python benchmarks/speed.py DIR [--quotes 200000] [--platforms 100] [--rounds 3]

DIR keeps the corpus between runs (about 1.4 GB for 200,000 quotes) and gets fresh cases. Printed,
as a Markdown table: ingest rate and peak memory, Parquet bytes a quote, and of some rounds the
median and the range of first verification, judging again, and the two yardsticks around them:
`openssl speed -multi 2 ecdsap256`, and dcap-qvl in two processes.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import shutil
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, fields
from itertools import islice
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
COMMAND = (sys.executable, "-m", "forensics")
CORES = 2
PEER_SAMPLE = 2_000  # quotes per process for dcap-qvl, which is slower by an order of magnitude


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("directory", type=Path)
    parser.add_argument("--quotes", type=int, default=200_000)
    parser.add_argument("--platforms", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    corpus, case = options.directory / "corpus", options.directory / "case"
    if not corpus.exists():
        arguments = ["--quotes", str(options.quotes), "--platforms", str(options.platforms)]
        subprocess.run([sys.executable, HERE / "corpus.py", corpus, *arguments], check=True)
    unproven = options.directory / "unproven"
    for folder in (case, unproven):
        shutil.rmtree(folder, ignore_errors=True)
    run("init", unproven, "--root-ca", corpus / "root_ca.pem")
    ingest = run("ingest", unproven, corpus / "evidence")
    ingest_memory = peak_memory()
    rounds = [measure_round(corpus, unproven, case, options.quotes) for _ in range(options.rounds)]
    size = sum(file.stat().st_size for file in case.rglob("*.parquet"))
    print("| what | measured | goal |")
    print("|---|---|---|")
    print(f"| ingest, quotes/s | {options.quotes / ingest:,.0f} | 20,000 |")
    print(f"| peak memory of ingest, MiB | {ingest_memory:,.0f} | 2,048 |")
    print(f"| Parquet bytes a quote, all tables | {size / options.quotes:.0f} | 260 |")
    for column in fields(Round):
        values = sorted(getattr(measured, column.name) for measured in rounds)
        text, goal = column.metadata["text"], column.metadata["goal"]
        spread = f" ({shorten(values[0])} to {shorten(values[-1])})" if len(values) > 1 else ""
        print(f"| {text} | {shorten(median(values))}{spread} | {goal} |")
    print(f"| peak memory of the largest process, MiB | {peak_memory():,.0f} | 1,024 |")


def shorten(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def row(text: str, goal: str = "") -> float:
    """A field of `Round`, and its row of the table."""
    return field(metadata={"text": text, "goal": goal})


@dataclass(frozen=True)
class Round:
    """What was measured one right after the other."""

    openssl: float = row(f"openssl speed -multi {CORES} ecdsap256")
    peer: float = row(f"dcap-qvl in {CORES} processes, quotes/s")
    plain: float = row("first verification with OpenSSL, quotes/s")
    plain_to_openssl: float = row("its ratio to openssl speed", "0.85")
    plain_to_peer: float = row("its ratio to dcap-qvl", "10")
    fast: float = row("first verification with crypto_mb, quotes/s")
    fast_to_openssl: float = row("its ratio to openssl speed", "2.0")
    fast_to_peer: float = row("its ratio to dcap-qvl", "30")
    again: float = row("judging again, s")
    plain_to_again: float = row("first verification with OpenSSL / judging again", "20")


def measure_round(corpus: Path, unproven: Path, case: Path, quotes: int) -> Round:
    """Each yardstick is read before and after what it measures."""
    before = measure_openssl()
    peer_before = measure_peer(corpus)
    fast = run_anew(unproven, case, "--as-of", "2026-01-25T00:00:00Z")
    between = measure_openssl()
    plain = run_anew(unproven, case, "--as-of", "2026-01-25T00:00:00Z", "--no-fast")
    again = min(run("verify", case, "--as-of", f"2026-01-{day}T00:00:00Z") for day in (26, 27, 28))
    after = measure_openssl()
    peer = (peer_before + measure_peer(corpus)) / 2
    return Round(
        openssl=(before + between + after) / 3,
        peer=peer,
        plain=quotes / plain,
        plain_to_openssl=quotes / plain / ((between + after) / 2),
        plain_to_peer=quotes / plain / peer,
        fast=quotes / fast,
        fast_to_openssl=quotes / fast / ((before + between) / 2),
        fast_to_peer=quotes / fast / peer,
        again=again,
        plain_to_again=plain / again,
    )


def run_anew(unproven: Path, case: Path, *options: str) -> float:
    """Seconds of `verify` on a fresh copy of the unproven case."""
    shutil.rmtree(case, ignore_errors=True)
    shutil.copytree(unproven, case)
    return run("verify", case, *options)


def run(*arguments: object) -> float:
    """Seconds of one whole command."""
    start = time.perf_counter()
    words = [*COMMAND, *map(str, arguments)]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def peak_memory() -> float:
    """Largest resident size of any command so far, MiB."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def measure_openssl() -> float:
    words = ["openssl", "speed", "-seconds", "3", "-multi", str(CORES), "ecdsap256"]
    text = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    found = re.search(r"256 bits ecdsa .*?([\d.]+)\s*$", text, re.MULTILINE)
    assert found, text
    return float(found[1])


def measure_peer(corpus: Path) -> float:
    """Quotes a second of dcap-qvl, in as many processes as cores."""
    quotes = list(islice(read_quotes(corpus), CORES * PEER_SAMPLE))
    chunks = [quotes[n::CORES] for n in range(CORES)]
    with ProcessPoolExecutor(CORES) as pool:
        list(pool.map(verify_with_peer, [corpus] * CORES, [[]] * CORES))  # imports and parsing
        start = time.perf_counter()
        accepted = sum(pool.map(verify_with_peer, [corpus] * CORES, chunks))
        seconds = time.perf_counter() - start
    assert accepted == len(quotes), f"dcap-qvl accepted {accepted} of {len(quotes)}"
    return len(quotes) / seconds


def read_quotes(corpus: Path) -> Iterator[tuple[bytes, int]]:
    """(quote, moment in seconds) of the corpus's events."""
    from datetime import datetime

    for path in sorted((corpus / "evidence").rglob("*.jsonl")):
        with path.open() as lines:
            for line in lines:
                event = json.loads(line)
                moment = datetime.fromisoformat(event["received_at"])
                yield b64decode(event["quote"]), int(moment.timestamp())


def verify_with_peer(corpus: Path, quotes: list[tuple[bytes, int]]) -> int:
    import dcap_qvl
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    root = x509.load_pem_x509_certificate((corpus / "root_ca.pem").read_bytes())
    trusted = root.public_bytes(Encoding.DER)
    collateral = {
        path.stem.lower(): dcap_qvl.QuoteCollateralV3.from_json(path.read_text())
        for path in (corpus / "collateral").glob("*.json")
    }
    accepted = 0
    for quote, moment in quotes:
        fmspc = dcap_qvl.parse_quote(quote).fmspc().lower()
        dcap_qvl.verify_with_root_ca(quote, collateral[fmspc], trusted, moment)
        accepted += 1
    return accepted


if __name__ == "__main__":
    main()
