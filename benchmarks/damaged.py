"""A million damaged quotes: no crash, every record accounted for, memory flat.

    python benchmarks/damaged.py DIR [--quotes 1000000]

Each event of the bulk corpus is damaged in one of nine ways: bits flipped, lengths overwritten,
noise, quotes cut off or made longer, text that is no base64, lines that are no JSON. `ingest` and
`verify` then run as commands over a tenth of them and over all. Prints what they cost as JSON, and
fails when a record is neither a row nor in quarantine, when something is accepted that was never
signed, when the memory of `ingest` doubles, or when that of `verify` passes its bound: what DuckDB
may take before it goes to the disk, and blocks of facts. DIR is emptied again: a million take about
12 GB.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from corpus import (
    SPAN,
    START,
    Template,
    emit_line,
    make_archive,
    make_platforms,
    make_template,
    surround,
)

from forensics.case.case import open_case

PLATFORMS = 100
SEED = 1
PER_QUOTE = 50  # damaged copies of one signed quote
LENGTHS = (432, 1076, 1078, 1080)  # of signature data, QE auth data, certification: type and size
VERIFY_MIB = 1024  # most of `verify`, however much evidence there is
GROWTH = 2.0  # of the peak memory of `ingest`, from a tenth to all

_QUOTE = re.compile(rb'(?<="quote":")[^"]*')


def flip_bit(quote: bytearray, random: Random) -> None:
    place = random.randrange(len(quote))
    quote[place] ^= 1 << random.randrange(8)


def flip_signed_bit(quote: bytearray, random: Random) -> None:
    quote[random.randrange(432)] ^= 1 << random.randrange(8)


def overwrite_length(quote: bytearray, random: Random) -> None:
    place = random.choice(LENGTHS)
    quote[place : place + 2] = random.randbytes(2)


def add_noise(quote: bytearray, random: Random) -> None:
    size = random.randrange(1, 64)
    place = random.randrange(len(quote) - size)
    quote[place : place + size] = random.randbytes(size)


def cut_off(quote: bytearray, random: Random) -> None:
    del quote[random.randrange(len(quote)) :]


def lengthen(quote: bytearray, random: Random) -> None:
    quote += random.randbytes(random.randrange(1, 64))


QUOTE_DAMAGE: tuple[Callable[[bytearray, Random], None], ...] = (
    flip_bit,
    flip_signed_bit,
    overwrite_length,
    add_noise,
    cut_off,
    lengthen,
)


def damage_text(line: bytearray, random: Random) -> None:
    """Three characters of the quote's text become something that base64 does not know."""
    found = _QUOTE.search(line)
    assert found is not None
    place = random.randrange(found.start(), found.end() - 3)
    line[place : place + 3] = random.choice((b"***", b"   ", b"\x1b[2", b"\xff\xfe\xfd", b'",7'))


def cut_line(line: bytearray, random: Random) -> None:
    del line[random.randrange(1, len(line) - 1) : -1]


def change_type(line: bytearray, random: Random) -> None:
    wrong = random.choice((b"7", b"null", b"[]", b'{"a":[]}', b'""', b"1e999", b"\xc3"))
    line[:] = re.sub(rb'"quote":"[^"]*"', b'"quote":' + wrong, line)


LINE_DAMAGE = (damage_text, cut_line, change_type)


def emit_damaged(number: int, lines: dict[int, bytes], templates: list[Template]) -> bytes:
    """The `number`-th damaged event, a line; `lines` keeps the newest undamaged one."""
    source = number // PER_QUOTE
    if source not in lines:
        lines.clear()
        template = templates[source % len(templates)]
        lines[source] = emit_line(template, SEED, source, START + SPAN / 1_000_000 * source)
    random = Random(number)
    line = bytearray(lines[source])
    if number % 10 == 0:
        random.choice(LINE_DAMAGE)(line, random)
        return bytes(line)
    quote = bytearray(b64decode(_QUOTE.search(line)[0]))
    random.choice(QUOTE_DAMAGE)(quote, random)
    return _QUOTE.sub(b64encode(quote), line, count=1)


def write_evidence(directory: Path, quotes: int) -> None:
    for name, content in surround(make_archive(SEED)):
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    templates = [make_template(platform) for platform in make_platforms(SEED, PLATFORMS)]
    lines: dict[int, bytes] = {}
    with (directory / "evidence" / "damaged.jsonl").open("wb") as file:
        for number in range(quotes):
            file.write(emit_damaged(number, lines, templates))


def run(*arguments: object) -> dict[str, float]:
    """One whole command: exit code, seconds of the processor and of the clock, peak MiB."""
    words = [sys.executable, "-m", "forensics", *map(str, arguments)]
    began = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode in (0, 3), said
    return {
        "exit_code": process.returncode,
        "seconds": round(time.perf_counter() - began, 1),
        "processor_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_mib": round(usage.ru_maxrss / 1024),
    }


UNACCOUNTED = """
SELECT count(*) FROM range(1, {} + 1) AS line(number)
WHERE number NOT IN (SELECT source_line FROM observation WHERE source_line IS NOT NULL)
  AND number NOT IN (SELECT source_line FROM quarantine WHERE source_line IS NOT NULL)
"""
# What was accepted must be what was signed: the damage is in bytes that no signature covers.
NEVER_SIGNED = """
SELECT count(*) FROM verdict AS v
JOIN observation AS o USING (observation_id) JOIN quote AS q ON q.quote_id = v.quote_id
WHERE v.outcome = 'accepted'
  AND left(q.report_data, 64) != sha256(unhex(o.initial_state) || unhex(o.nonce))
"""


def measure(directory: Path, quotes: int) -> dict[str, Any]:
    case = directory / "case"
    shutil.rmtree(directory, ignore_errors=True)
    write_evidence(directory, quotes)
    run("init", case, "--root-ca", directory / "root_ca.pem")
    ingest = run("ingest", case, directory / "evidence")
    shutil.rmtree(directory / "evidence")
    verify = run("verify", case, "--as-of", "2026-02-05T00:00:00Z")

    def sql(text: str) -> list[tuple[Any, ...]]:
        return open_case(case).sql(text).fetchall()

    result = {
        "records": quotes,
        "unaccounted": sql(UNACCOUNTED.format(quotes))[0][0],
        "accepted_and_never_signed": sql(NEVER_SIGNED)[0][0],
        "quarantined": dict(sql("SELECT reason, count(*) FROM quarantine GROUP BY 1 ORDER BY 1")),
        "distinct_quotes": sql("SELECT count(*) FROM quote")[0][0],
        "outcomes": dict(
            sql(
                "SELECT coalesce(outcome, 'none'), count(*) FROM verdict "
                "WHERE moment = 'receipt' GROUP BY 1 ORDER BY 1"
            )
        ),
        "ingest": ingest,
        "verify": verify,
        "stored_mib": round(
            sum(file.stat().st_size for file in case.rglob("*.parquet")) / (1 << 20)
        ),
    }
    shutil.rmtree(directory)
    return result


def find_failures(results: list[dict[str, Any]]) -> list[str]:
    wrong = [
        f"{result[name]} {name} of {result['records']}"
        for result in results
        for name in ("unaccounted", "accepted_and_never_signed")
        if result[name]
    ]
    before, after = (result["ingest"]["peak_mib"] for result in (results[0], results[-1]))
    if after > GROWTH * before:
        wrong.append(f"memory of ingest grew from {before} to {after} MiB")
    wrong += [
        f"verify of {result['records']} took {result['verify']['peak_mib']} MiB"
        for result in results
        if result["verify"]["peak_mib"] > VERIFY_MIB
    ]
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("directory", type=Path)
    parser.add_argument("--quotes", type=int, default=1_000_000)
    parser.add_argument("--once", action="store_true", help="only all, not a tenth of them first")
    options = parser.parse_args()
    sizes = [options.quotes] if options.once else [options.quotes // 10, options.quotes]
    results = [measure(options.directory / "damaged", size) for size in sizes]
    print(json.dumps(results, indent=2))
    sys.exit("\n".join(find_failures(results)) or None)


if __name__ == "__main__":
    main()
