"""Speed and size over a bulk corpus, each as a ratio in one run on one machine.

    python benchmarks/speed.py DIR [--quotes 200000] [--platforms 100]

DIR keeps the corpus between runs (about 1.4 GB for 200,000 quotes) and gets a fresh case. Printed,
as a Markdown table: ingest rate and peak memory, Parquet bytes a quote, first verification against
`openssl speed -multi 2 ecdsap256` and against dcap-qvl in two processes, and judging again.
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
from itertools import islice
from pathlib import Path

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
    options = parser.parse_args()
    corpus, case = options.directory / "corpus", options.directory / "case"
    if not corpus.exists():
        arguments = ["--quotes", str(options.quotes), "--platforms", str(options.platforms)]
        subprocess.run([sys.executable, HERE / "corpus.py", corpus, *arguments], check=True)
    unproven = options.directory / "unproven"
    for folder in (case, unproven):
        shutil.rmtree(folder, ignore_errors=True)
    run("init", case, "--root-ca", corpus / "root_ca.pem")
    ingest = run("ingest", case, corpus / "evidence")
    ingest_memory = peak_memory()
    shutil.copytree(case, unproven)
    openssl = measure_openssl()
    first = run("verify", case, "--as-of", "2026-01-25T00:00:00Z", "--no-fast")
    again = min(run("verify", case, "--as-of", f"2026-01-{day}T00:00:00Z") for day in (26, 27, 28))
    peer = measure_peer(corpus)
    fast = run("verify", unproven, "--as-of", "2026-01-25T00:00:00Z")
    openssl_after = measure_openssl()
    size = sum(file.stat().st_size for file in case.rglob("*.parquet"))
    plain_rate, fast_rate = options.quotes / first, options.quotes / fast
    print("| what | measured | goal |")
    print("|---|---|---|")
    print(f"| ingest, quotes/s | {options.quotes / ingest:,.0f} | 20,000 |")
    print(f"| peak memory of ingest, MiB | {ingest_memory:,.0f} | 2,048 |")
    print(f"| Parquet bytes a quote, all tables | {size / options.quotes:.0f} | 260 |")
    print(f"| openssl speed -multi {CORES} ecdsap256, before | {openssl:,.0f} | |")
    print(f"| openssl speed -multi {CORES} ecdsap256, after | {openssl_after:,.0f} | |")
    print(f"| dcap-qvl in {CORES} processes, quotes/s | {peer:,.0f} | |")
    print(f"| first verification with OpenSSL, quotes/s | {plain_rate:,.0f} | |")
    print(f"| its ratio to openssl speed before | {plain_rate / openssl:.2f} | 0.85 |")
    print(f"| its ratio to dcap-qvl | {plain_rate / peer:.1f} | 10 |")
    print(f"| first verification with crypto_mb, quotes/s | {fast_rate:,.0f} | |")
    print(f"| its ratio to openssl speed after | {fast_rate / openssl_after:.2f} | 2.0 |")
    print(f"| its ratio to dcap-qvl | {fast_rate / peer:.1f} | 30 |")
    print(f"| peak memory of all commands, MiB | {peak_memory():,.0f} | 2,048 |")
    print(f"| judging again, s | {again:.2f} | |")
    print(f"| first verification with OpenSSL / judging again | {first / again:.1f} | 20 |")


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
