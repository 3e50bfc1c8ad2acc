"""A bulk corpus: distinct SGX quotes of many platforms as verifier events, JSON lines.

    python benchmarks/corpus.py DIR --quotes 200000 --platforms 100

DIR gets `evidence/` (events, collateral, manifest), `root_ca.pem`, and `collateral/<fmspc>.json`,
the nine-field form for other verifiers. Every quote is signed for real and is accepted; the same
arguments give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import time
from base64 import b64encode
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from forensics.formats.layout import Value
from forensics.formats.structures import SGX_REPORT
from forensics.simulate.archive import Archive
from forensics.simulate.keys import PrivateKey, sign
from forensics.simulate.pki import make_pki
from forensics.simulate.platforms import (
    CLIENT_FMSPC,
    CURRENT,
    SERVER_FMSPC,
    Platform,
    make_platform,
)
from forensics.simulate.quotes import build_quote, sgx_body
from forensics.simulate.workloads import PAYMENTS, SGX_SIGNER, Approval, emit_manifest

START = datetime(2026, 1, 5, tzinfo=UTC)
SPAN = timedelta(days=28)
CHUNK = 2_000


@dataclass(frozen=True)
class Template:
    """One platform's quote around REPORT_DATA and the signature, and its event around the rest."""

    key: PrivateKey
    before_report_data: bytes
    size_field: bytes
    after_signature: bytes
    enclave_id: str
    node_id: str
    initial_state: bytes


def make_template(platform: Platform) -> Template:
    certification = platform.certification("sgx", CURRENT)
    build = PAYMENTS.builds[0]
    body = sgx_body(**PAYMENTS.fields(build), cpu_svn=CURRENT.cpu_svn)
    header: dict[str, Value] = {
        "user_data": platform.qe_id.ljust(20, b"\0"),
        "header_qe_svn": CURRENT.qe_svn,
        "header_pce_svn": CURRENT.pce_svn,
    }
    quote = build_quote(certification, body, header=header)
    data = quote.to_bytes()
    signed = len(quote.signed)
    assert signed == quote.report_data_offset + SGX_REPORT["report_data"].size
    return Template(
        key=certification.key,
        before_report_data=data[: quote.report_data_offset],
        size_field=data[signed : signed + 4],
        after_signature=data[signed + 4 + 64 :],
        enclave_id=f"enc-{platform.label}",
        node_id=platform.node_id,
        initial_state=hashlib.sha256(f"state {platform.label}".encode()).digest(),
    )


def make_platforms(seed: int, count: int) -> list[Platform]:
    pki = make_pki(seed)
    return [make_platform(pki, f"{n:04}", server=n % 2 == 0) for n in range(count)]


_templates: dict[tuple[int, int], list[Template]] = {}


def emit_lines(first: int, *, end: int, seed: int, platforms: int, quotes: int) -> bytes:
    """Events from `first` on, `CHUNK` at most, made in a worker that keeps its templates."""
    key = (seed, platforms)
    if key not in _templates:
        _templates[key] = [make_template(p) for p in make_platforms(seed, platforms)]
    templates = _templates[key]
    step = SPAN / quotes
    return b"".join(
        emit_line(templates[number % platforms], seed, number, START + step * number)
        for number in range(first, min(first + CHUNK, end))
    )


def emit_line(template: Template, seed: int, number: int, at: datetime) -> bytes:
    nonce = hashlib.sha256(b"nonce %d %d" % (seed, number)).digest()
    bound = hashlib.sha256(template.initial_state + nonce).digest() + bytes(32)
    signed = template.before_report_data + bound
    quote = signed + template.size_field + sign(template.key, signed) + template.after_signature
    build = PAYMENTS.builds[0]
    claims = PAYMENTS.fields(build)
    mrenclave = claims["mrenclave"]
    assert isinstance(mrenclave, bytes)
    stamp = at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    return (
        f'{{"timestamp":"{stamp}","event_type":"enclave_attestation",'
        f'"event_id":"evt-{nonce[:8].hex()}","session_id":"ses-{nonce[8:16].hex()}",'
        f'"enclave_id":"{template.enclave_id}","workload_id":"{PAYMENTS.id}",'
        f'"node_id":"{template.node_id}","received_at":"{stamp}","nonce":"{nonce.hex()}",'
        f'"initial_state":"{template.initial_state.hex()}",'
        f'"mrenclave":"{mrenclave.hex()}","mrsigner":"{SGX_SIGNER.hex()}",'
        f'"isv_prodid":{PAYMENTS.product},"isv_svn":{build.svn},'
        f'"quote_status":"OK","pck_cert_status":"VALID","tcb_level":"UpToDate",'
        f'"policy_allowed":true,"policy_mode":"STRICT","siem_forwarded":true,'
        f'"quote":"{b64encode(quote).decode()}"}}\n'
    ).encode()


def write_corpus(
    directory: Path,
    *,
    quotes: int,
    platforms: int = 100,
    seed: int = 1,
    processes: int = 0,
    part: tuple[int, int] | None = None,
) -> Path:
    """Write the corpus and return the events file. `processes`: 0 is one per core.

    `part`: of all quotes only those from the first to below the second number.
    """
    begin, end = part or (0, quotes)
    archive = make_archive(seed)
    for name, content in surround(archive):
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    events = directory / "evidence" / "events" / "bulk.jsonl"
    events.parent.mkdir(parents=True, exist_ok=True)
    emit = partial(emit_lines, end=end, seed=seed, platforms=platforms, quotes=quotes)
    workers = processes or os.cpu_count() or 1
    with events.open("wb") as file, ProcessPoolExecutor(workers) as pool:
        pending: deque[Future[bytes]] = deque()
        for first in range(begin, end, CHUNK):
            pending.append(pool.submit(emit, first))
            if len(pending) > 2 * workers:  # a slow disk must not fill the memory
                file.write(pending.popleft().result())
        file.writelines(future.result() for future in pending)
    return events


def make_archive(seed: int) -> Archive:
    # The TCB recovery lies after the end: one evaluation number throughout.
    return Archive(make_pki(seed), START, START + SPAN, START + 2 * SPAN)


def surround(archive: Archive) -> Iterator[tuple[str, bytes]]:
    yield "root_ca.pem", archive.pki.root.pem
    approval = Approval(PAYMENTS.builds[0], START - timedelta(days=30))
    yield "evidence/manifest.toml", emit_manifest([(PAYMENTS, approval)]).encode()
    for name, content in archive.files():
        yield f"evidence/{name}", content
    for fmspc in (SERVER_FMSPC, CLIENT_FMSPC):
        bundle = archive.bundle("sgx", fmspc, archive.start)
        yield f"collateral/{fmspc.hex()}.json", bundle.to_json()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("directory", type=Path)
    parser.add_argument("--quotes", type=int, default=200_000)
    parser.add_argument("--platforms", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=0)
    parser.add_argument("--part", type=int, nargs=2, metavar=("FROM", "TO"))
    arguments = parser.parse_args()
    began = time.perf_counter()
    path = write_corpus(
        arguments.directory,
        quotes=arguments.quotes,
        platforms=arguments.platforms,
        seed=arguments.seed,
        processes=arguments.processes,
        part=arguments.part,
    )
    seconds = time.perf_counter() - began
    size = path.stat().st_size / 1e6
    print(f"{arguments.quotes} quotes, {size:.0f} MB, {seconds:.1f} s")


if __name__ == "__main__":
    main()
