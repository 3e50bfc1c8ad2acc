"""The nightly audit: the first night, two with nothing new, one with a thousand events, and one
with as many and the collateral that was issued last.

    python benchmarks/nights.py DIR [--quotes 300000] [--platforms 100] [--news 1000]

DIR keeps the evidence between runs (2.2 GB for 300,000 quotes): the corpus of `corpus.py`, with a
log of its challenges, one of launches and one of released secrets, so that all kinds of rules have
something to judge; and it gets a fresh case. Each night is the command itself in a process of its
own. Printed as a Markdown table: seconds of the clock, seconds of all processors, the ratio of each
to the first night, and where the time went by `run.json`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import corpus

HERE = Path(__file__).parent
SEED = 1
END = corpus.START + corpus.SPAN


@dataclass(frozen=True)
class Night:
    name: str
    clock: float
    processor: float
    record: dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("directory", type=Path)
    parser.add_argument("--quotes", type=int, default=300_000)
    parser.add_argument("--platforms", type=int, default=100)
    parser.add_argument("--news", type=int, default=1_000)
    options = parser.parse_args()
    folder = options.directory / "corpus"
    if not folder.exists():
        write_evidence(options.directory / "draft", options.quotes, options.platforms)
        (options.directory / "draft").rename(folder)
    events, archive = folder / "evidence" / "events", folder / "evidence" / "collateral"
    for log in events.glob("late-*.jsonl"):
        log.unlink()
    aside = folder / "aside"
    aside.mkdir(exist_ok=True)
    for held_back in aside.iterdir():  # by a run that did not end
        held_back.rename(archive / held_back.name)
    newest = max(path.name for path in archive.iterdir() if path.is_dir() and path.name < f"{END}")
    (archive / newest).rename(aside / newest)
    case = options.directory / "case"
    shutil.rmtree(case, ignore_errors=True)
    nights = [
        audit("first", case, folder, END, "--root-ca", str(folder / "root_ca.pem")),
        audit("second, nothing new", case, folder, END + timedelta(days=1)),
        audit("third, nothing new", case, folder, END + timedelta(days=2)),
    ]
    for night, what in enumerate(("new events", "and new collateral")):
        first = options.quotes + night * options.news // 2
        news = emit_news(first, options.platforms, options.news, END + timedelta(days=2 * night))
        (events / f"late-{night}.jsonl").write_bytes(b"".join(news))
        if night:
            (aside / newest).rename(archive / newest)
        now = END + timedelta(days=3 + 2 * night)
        nights.append(audit(f"{options.news:,} {what}", case, folder, now))
    print(describe(nights))


def write_evidence(folder: Path, quotes: int, platforms: int) -> None:
    corpus.write_corpus(folder, quotes=quotes, platforms=platforms, seed=SEED)
    made = corpus.make_platforms(SEED, platforms)
    events = folder / "evidence" / "events"
    with (events / "launches.jsonl").open("w") as file:
        step = corpus.SPAN / quotes
        file.writelines(emit_launch(p, corpus.START + step * n) for n, p in enumerate(made))
    with (
        (events / "nonces.jsonl").open("w") as nonces,
        (events / "releases.jsonl").open("w") as out,
    ):
        for number in range(quotes):
            at = corpus.START + corpus.SPAN / quotes * number
            nonces.write(emit_nonce(made[number % platforms].label, number, at))
            if number % 10 == 0:
                out.write(emit_release(made[number % platforms].label, number, at))


def emit_launch(platform: corpus.Platform, attested: datetime) -> str:
    state = hashlib.sha256(f"state {platform.label}".encode()).hexdigest()
    return to_line(
        timestamp=stamp(attested - timedelta(seconds=5)), event_type="enclave_launch",
        enclave_id=f"enc-{platform.label}", node_id=platform.node_id, runtime="ironclaw",
        workload_id=corpus.PAYMENTS.id, initial_state=state,
    )  # fmt: skip


def emit_nonce(label: str, number: int, at: datetime) -> str:
    nonce = make_nonce(number)
    return to_line(
        timestamp=stamp(at - timedelta(seconds=1)), event_type="nonce_issued", nonce=nonce.hex(),
        issuer="kbs", enclave_id=f"enc-{label}", session_id=f"ses-{nonce[8:16].hex()}",
    )  # fmt: skip


def emit_release(label: str, number: int, at: datetime) -> str:
    return to_line(
        timestamp=stamp(at + timedelta(seconds=1)), event_type="secret_released",
        session_id=f"ses-{make_nonce(number)[8:16].hex()}", enclave_id=f"enc-{label}",
        secret_id="payments/key",
    )  # fmt: skip


def emit_news(first: int, platforms: int, count: int, start: datetime) -> Iterator[bytes]:
    """Attestations of two days, each with its challenge."""
    made = corpus.make_platforms(SEED, platforms)
    templates = [corpus.make_template(platform) for platform in made]
    for number in range(first, first + count // 2):
        at = start + timedelta(days=2) / count * (number - first)
        yield emit_nonce(made[number % platforms].label, number, at).encode()
        yield corpus.emit_line(templates[number % platforms], SEED, number, at)


def make_nonce(number: int) -> bytes:
    return hashlib.sha256(b"nonce %d %d" % (SEED, number)).digest()


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def to_line(**event: str) -> str:
    return json.dumps(event) + "\n"


def audit(name: str, case: Path, folder: Path, now: datetime, *more: str) -> Night:
    command = [sys.executable, "-m", "forensics", "audit", str(case), str(folder / "evidence")]
    command += ["--now", stamp(now), *more]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    clock = time.perf_counter() - began
    if process.returncode not in (0, 1):
        sys.exit(said)
    print(said, file=sys.stderr)
    record = json.loads((case / "findings" / "run.json").read_text())
    return Night(name, clock, usage.ru_utime + usage.ru_stime, record)


def describe(nights: list[Night]) -> str:
    first = nights[0]
    steps = ("custody", "ingest", "verify", "detect")
    lines = [
        f"| night | s | ratio | processor s | ratio | {' | '.join(steps)} | detectors that read |",
        "|---" * (6 + len(steps)) + "|",
    ]
    for night in nights:
        timings = night.record["timings"]
        times = " | ".join(f"{timings[step]:.1f}" if step in timings else "" for step in steps)
        reading = [d for d in night.record["detectors"] if d["observations_read"] != 0]
        lines.append(
            f"| {night.name} | {night.clock:.1f} | {night.clock / first.clock:.2f} "
            f"| {night.processor:.1f} | {night.processor / first.processor:.2f} "
            f"| {times} | {len(reading)} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
