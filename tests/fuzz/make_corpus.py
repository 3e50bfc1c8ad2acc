"""Writes `corpus/`: small inputs that are read without complaint, to begin fuzzing from.

    python tests/fuzz/make_corpus.py

Everything in it comes out of `forensics.simulate` (`sample_data` does too) or of this tool's own
case; nothing is copied from anywhere. What fuzzing found lies in `found/` and is kept by hand.
"""

from __future__ import annotations

import gzip
import io
import json
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import zstandard

from forensics.case.case import create_case
from forensics.case.ledger import encode_entry
from forensics.case.proofs import describe_head, make_proof, write_head
from forensics.formats.certificates import parse_certificate
from forensics.formats.pck import SGX_EXTENSION
from forensics.formats.pem import split_pem
from forensics.formats.structures import SNP_REPORT_V2, TD_REPORT_10, TD_REPORT_15
from forensics.formats.vek import VekKind
from forensics.simulate.amd import AmdPki, Vek, build_report
from forensics.simulate.pki import make_pki
from forensics.simulate.platforms import CURRENT, make_platform
from forensics.simulate.quotes import build_quote, sgx_body, td_body

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
SAMPLE = HERE.parents[1] / "sample_data"
COLLATERAL = SAMPLE / "evidence" / "collateral"
AT = datetime(2026, 1, 8, tzinfo=UTC)

Seeds = Iterator[tuple[str, str, bytes]]


def make_quotes() -> dict[str, bytes]:
    platform = make_platform(make_pki(1), "fuzz", server=True)
    sgx, tdx = (platform.certification(tee, CURRENT) for tee in ("sgx", "tdx"))
    quotes = {
        "sgx-v3": build_quote(sgx, sgx_body()),
        "sgx-v4": build_quote(sgx, sgx_body(), version=4),
        "sgx-v5": build_quote(sgx, sgx_body(), version=5),
        "tdx-v4": build_quote(tdx, td_body(TD_REPORT_10), version=4, trailing=bytes(40)),
        "tdx-v5": build_quote(tdx, td_body(TD_REPORT_15), version=5, trailing=b"more"),
    }
    vek = make_vek()
    reports = {
        "snp-v2": build_report(vek, layout=SNP_REPORT_V2, version=2),
        "snp-v5": replace(build_report(vek, version=5), slack=bytes(367) + b"\1", trailing=b"more"),
    }
    return {name: quote.to_bytes() for name, quote in (quotes | reports).items()}


def make_vek(kind: VekKind = "vcek") -> Vek:
    return AmdPki(1).issue({"boot_loader": 3, "tee": 0, "snp": 8, "microcode": 209}, kind=kind)


def make_seeds() -> Seeds:
    quotes = make_quotes()
    for name, quote in quotes.items():
        yield "quote", name, quote
    chain = (COLLATERAL / "pck_platform_ca_chain.pem").read_bytes()
    pck = quotes["sgx-v3"][quotes["sgx-v3"].index(b"-----BEGIN") :].rstrip(b"\0")
    for name in ("chain", "pem"):
        yield name, "pck", pck
        yield name, "issuers", chain
    leaf, *issuers = [der for _, der in split_pem(pck)]
    for number, certificate in enumerate((leaf, *issuers)):
        yield "certificate", f"{number}", certificate
    extension = parse_certificate(leaf).extensions[SGX_EXTENSION][1]
    yield "sgx_extension", "pck", extension
    yield "der", "sgx-extension", extension
    yield "der", "certificate", issuers[0]
    for kind in ("vcek", "vlek"):
        yield "vek", kind, make_vek(kind).certificate.der
    yield from make_collateral()
    yield from make_events()
    yield from make_files(pck)
    yield from make_custody()


def make_collateral() -> Seeds:
    folder = COLLATERAL / "2026-01-06T1200-18"
    yield "crl", "der", (folder / "pck_crl_platform.der").read_bytes()
    yield "crl", "pem", (folder / "pck_crl_processor.pem").read_bytes()
    yield "crl", "hex", (COLLATERAL / "root_ca_crl.hex").read_bytes()
    for name in ("qe_identity_sgx", "tcb_info_tdx_b0c06f000000"):
        envelope = (folder / f"{name}.json").read_bytes()
        yield "document", name, envelope
        yield "json_text", name, envelope
        (kind,) = json.loads(envelope).keys() - {"signature"}
        body = json.dumps(json.loads(envelope)[kind], separators=(",", ":")).encode()
        yield "document", f"{name}-body", body
    yield "json_text", "escapes", b'{"a":"\\u00e4\\n\\"","b":[1,-2.5e3,null,true],"c":{"d":[]}}'


def read_events() -> list[bytes]:
    """One event of each kind, each as a line."""
    kinds: dict[object, bytes] = {}
    for path in sorted((SAMPLE / "evidence" / "events").glob("*.jsonl")):
        for line in path.read_bytes().splitlines():
            event = json.loads(line)
            kinds.setdefault((event.get("event_type"), "quote" in event), line)
    return list(kinds.values())


def make_events() -> Seeds:
    for number, line in enumerate(read_events()):
        yield "record", f"event-{number}", line
    yield "text", "time", b"2026-01-08T12:34:56.789012+02:00"
    yield "text", "leap", b"2016-12-31t23:59:60z"
    yield "text", "hex", b"0x00ff00ff"
    yield "text", "base64", b"AAEC_-8="
    bundle = json.loads((COLLATERAL / "bundle_sgx.json").read_bytes())
    short = {name: text[:600] for name, text in bundle.items() if isinstance(text, str)}
    yield "record", "collateral", json.dumps(short).encode()


def make_files(pck: bytes) -> Seeds:
    lines = [line for line in read_events() if len(line) < 2000]
    log = b"\n".join(lines[:4]) + b"\n"
    yield "file", "lines", log
    yield "file", "array", b"[" + b",\n".join(lines[:3]) + b"]"
    yield "file", "pem", pck
    digest = "ab" * 32
    allow = {"mrenclave": digest, "mrsigner": digest, "isv_prodid": 1, "min_isv_svn": 4}
    allow |= {"valid_from": "2024-01-01T00:00:00Z", "valid_to": "2024-09-01T00:00:00Z"}
    rule = {"digest": "sha256", "parts": ["initial_state", "nonce"], "pad": "right"}
    workload = {"id": "payments", "allow": [allow], "report_data": rule}
    policy = {"mode": "STRICT", "max_quote_age": "5m", "accept": ["UpToDate"]}
    manifest = json.dumps({"workload": [workload], "policy": policy})
    yield "file", "manifest-json", manifest.encode()
    yield "file", "manifest-yaml", b"workload:\n- id: a\n  allow:\n  - mrsigner: " + digest.encode()
    yield (
        "file",
        "manifest-toml",
        f'[[workload]]\nid = "a"\nallow = [{{ mrsigner = "{digest}", min_isv_svn = 2 }}]\n'
        'expected = { runtime = "ironclaw", attest_within = "30s" }\n'
        '[policy]\nmode = "STRICT"\nmax_collateral_age = "30d"\n'.encode(),
    )
    yield "file", "gzip", gzip.compress(log, mtime=0)
    yield "file", "zstd", zstandard.compress(log)
    yield "file", "zip", zip_up(log)
    yield "file", "tar", tar_up(log)
    yield "file", "tar-gzip", gzip.compress(tar_up(log), mtime=0)


def zip_up(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("../log.jsonl"), data)
    return buffer.getvalue()


def tar_up(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        info = tarfile.TarInfo("../" + "n" * 120)
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "../outside"
        archive.addfile(link)
    return buffer.getvalue()


def make_custody() -> Seeds:
    anchors = [make_pki(1).root.der]
    with tempfile.TemporaryDirectory() as place:
        case = create_case(place, name="fuzz", at=AT, anchors=anchors, who="me")
        settings = (case.path / "case.toml").read_bytes()
        since = describe_head(case.ledger)
        with case.writer(action="ingest", at=AT, who="me", notes={"why": "fuzz"}) as writer:
            writer.drop_table("finding")
            path = writer.new_path("finding")
            path.write_bytes(b"rows")
            writer.adopt_file("finding", path, 0)
        head = write_head(case.ledger)
        proof = make_proof(case.ledger, head, since, [2])
        entries = case.ledger.entries
    yield "settings", "case", settings
    for number, entry in enumerate(entries, 1):
        yield "ledger", f"{number}", encode_entry(entry)
    yield "custody", "head", head.encode()
    yield "custody", "proof", proof


def main() -> None:
    shutil.rmtree(CORPUS, ignore_errors=True)
    for target, name, data in make_seeds():
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
