"""Folders of mixed evidence: every encoding, wrapping and neighbourhood of the same bytes."""

from __future__ import annotations

import base64
import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote as percent_encode

import pytest
import zstandard

from forensics.errors import UsageError
from forensics.sources import DEFAULT_LIMITS, ingest_paths, walk
from forensics.sources.members import BOM

if TYPE_CHECKING:
    from conftest import Bench

MakeQuote = Callable[..., bytes]

TIME = "2024-06-15T14:32:11Z"
MICROS = 1_718_461_931_000_000
SAMPLE = {
    "timestamp": TIME,
    "event_type": "enclave_attestation",
    "enclave_id": "enc-7a83dfe1",
    "mrenclave": "9a" * 31,
    "mrsigner": "5f" * 30 + "5",
    "isv_svn": 4,
    "sgx_extensions": ["PSK"],
}


def lines(*events: dict[str, object]) -> bytes:
    return b"".join(json.dumps({"timestamp": TIME, **event}).encode() + b"\n" for event in events)


def test_a_printed_event_with_malformed_claims_is_one_observation(bench: Bench) -> None:
    bench.put("event.json", json.dumps(SAMPLE, indent=0))
    bench.ingest()
    columns = "source_line, enclave_id, claimed_mrenclave, malformed_claims, quote_no"
    assert bench.rows("observation", columns) == [
        (None, "enc-7a83dfe1", "9a" * 31, ["mrenclave", "mrsigner"], None)
    ]
    assert bench.rows("quarantine", "reason") == []


def test_a_quote_in_every_encoding_is_one_quote(bench: Bench, make_quote: MakeQuote) -> None:
    quote = make_quote(7)
    bench.put("a.bin", quote)
    bench.put("b.hex", quote.hex().upper() + "\n")
    bench.put("c.b64", base64.encodebytes(quote))
    bench.put("d.txt", base64.urlsafe_b64encode(quote).rstrip(b"="))
    bench.put("e.jsonl", lines({"quote": base64.b64encode(quote).decode()}, {"quote": quote.hex()}))
    bench.put("f.hex", BOM + quote.hex().encode())
    bench.put("g.b64", BOM + base64.encodebytes(quote))
    summary = bench.ingest()
    assert summary.quarantined == 0
    assert summary.new_quotes == 1
    assert bench.rows("observation", "quote_no") == [(1,)] * 8
    assert bench.case.quote_bytes(hashlib.sha256(quote).digest()) == quote


def test_a_text_with_a_quote_on_each_line(bench: Bench, make_quote: MakeQuote) -> None:
    quotes = [make_quote(seed).hex() for seed in range(3)]
    bench.put("quotes.txt", BOM + "\n".join([*quotes, "00", ""]).encode())
    bench.ingest()
    assert bench.rows("observation", "source_line, quote_no") == [(1, 1), (2, 2), (3, 3)]
    assert bench.rows("quarantine", "source_line, reason") == [(4, "too-short")]


@pytest.mark.parametrize("name", ["a.json", "a.bin.json"])
def test_a_sidecar_gives_its_quote_the_fields(
    bench: Bench, make_quote: MakeQuote, name: str
) -> None:
    quote = make_quote(1)
    bench.put("a.bin", quote)
    bench.put(name, '{"session_id": "s", "received_at": "' + TIME + '", "shift": "night"}')
    bench.put("b.bin", make_quote(2))
    bench.ingest()
    source = hashlib.sha256(quote).digest()
    assert bench.rows("observation", "source_id, session_id, extra")[0] == (
        source,
        "s",
        '{"shift":"night"}',
    )
    assert bench.rows("observation", "session_id")[1:] == [(None,)]
    kinds = bench.rows("source", "kind, records, rows, quarantined")
    assert sorted(kinds) == [("quote", 1, 1, 0), ("quote", 1, 1, 0), ("sidecar", 0, 0, 0)]


@pytest.mark.parametrize("end", ["", "\n"])
@pytest.mark.parametrize("indent", [None, 1])
def test_a_sidecar_may_be_the_event_without_its_quote(
    bench: Bench, make_quote: MakeQuote, indent: int | None, end: str
) -> None:
    bench.put("a.bin", make_quote(1))
    bench.put("a.json", json.dumps(SAMPLE, indent=indent) + end)
    bench.ingest()
    columns = "event_type, enclave_id, epoch_us(timestamp), malformed_claims, quote_no"
    assert bench.rows("observation", columns) == [
        ("enclave_attestation", "enc-7a83dfe1", MICROS, ["mrenclave", "mrsigner"], 1)
    ]
    assert bench.reasons() == []


def test_a_sidecar_with_a_type_needs_no_timestamp(bench: Bench, make_quote: MakeQuote) -> None:
    bench.put("a.bin", make_quote(1))
    bench.put("a.json", json.dumps({"event_type": "enclave_attestation", "received_at": TIME}))
    bench.ingest()
    assert bench.rows("observation", "event_type, quote_no") == [("enclave_attestation", 1)]
    assert bench.reasons() == []


@pytest.mark.parametrize("name", ["b.json", "a.jsonl"])
def test_an_event_beside_no_quote_of_its_name_is_an_event(
    bench: Bench, make_quote: MakeQuote, name: str
) -> None:
    bench.put("a.bin", make_quote(1))
    bench.put(name, json.dumps(SAMPLE) + "\n")
    bench.ingest()
    rows = bench.rows("observation", "source_line, enclave_id, quote_no")
    assert sorted(rows, key=str) == [(1, "enc-7a83dfe1", None), (None, None, 1)]


def test_a_launch_is_no_sidecar(bench: Bench, make_quote: MakeQuote) -> None:
    bench.put("a.bin", make_quote(1))
    bench.put("a.json", lines({"event_type": "enclave_launch", "enclave_id": "enc"}))
    bench.ingest()
    assert bench.rows("launch", "source_line, enclave_id") == [(1, "enc")]
    assert bench.rows("observation", "enclave_id, quote_no") == [(None, 1)]


def test_lines_beside_a_quote_are_events(bench: Bench, make_quote: MakeQuote) -> None:
    bench.put("a.bin", make_quote(1))
    bench.put("a.json", lines(SAMPLE, SAMPLE))
    bench.ingest()
    rows = bench.rows("observation", "source_line, quote_no")
    assert sorted(rows, key=str) == [(1, None), (2, None), (None, 1)]


def test_a_wrong_field_in_a_sidecar_is_its_own_problem(bench: Bench, make_quote: MakeQuote) -> None:
    bench.put("a.bin", make_quote(1))
    sidecar = bench.put("a.json", '{"session_id": "s", "received_at": "noon"}')
    bench.ingest()
    assert bench.rows("observation", "session_id, quote_no") == [("s", 1)]
    identity = hashlib.sha256(sidecar.read_bytes()).digest()
    assert bench.rows("quarantine", "source_id, reason") == [(identity, "bad-timestamp")]


def test_a_sidecar_that_repeats_a_key_is_kept_whole(bench: Bench, make_quote: MakeQuote) -> None:
    bench.put("a.bin", make_quote(1))
    sidecar = bench.put("a.json", '{"session_id": "s", "session_id": "t"}')
    bench.ingest()
    assert bench.rows("observation", "session_id, quote_no") == [("t", 1)]
    kept = sidecar.read_bytes()
    assert bench.rows("quarantine", "reason, data") == [("duplicate-key", kept)]


def test_a_sidecar_that_comes_later_speaks_of_the_known_quote(
    bench: Bench, make_quote: MakeQuote
) -> None:
    bench.put("a.bin", make_quote(1))
    bench.ingest()
    bench.put("a.json", '{"session_id": "s"}')
    summary = bench.ingest()
    assert summary.duplicates == [str(bench.folder / "a.bin")]
    assert bench.rows("observation", "session_id, quote_no") == [(None, 1), ("s", 1)]


def test_an_unreadable_quote_with_a_sidecar_is_an_observation_and_a_problem(
    bench: Bench, make_quote: MakeQuote
) -> None:
    bench.put("a.bin", make_quote(1)[:-1])
    bench.put("a.json", '{"session_id": "s"}')
    bench.ingest()
    assert bench.rows("observation", "session_id, quote_no") == [("s", None)]
    assert bench.reasons() == ["truncated"]


def test_an_object_without_its_quote_is_unrecognised(bench: Bench) -> None:
    bench.put("a.json", '{"session_id": "s"}')
    bench.ingest()
    assert bench.reasons() == ["unrecognised-content"]


def test_a_case_among_its_evidence_is_passed_over(bench: Bench, make_quote: MakeQuote) -> None:
    """As in `audit case .`, night after night."""
    bench.put("a.bin", make_quote(1))
    above = bench.folder.parent
    for _ in range(2):
        bench.ingest(above)
    assert bench.rows("source", "path") == [(str(bench.folder / "a.bin"),)]


@pytest.mark.parametrize("place", ["", "case.toml", "ledger"])
def test_the_case_is_no_evidence(bench: Bench, place: str) -> None:
    with pytest.raises(UsageError, match="of the case itself") as raised:
        bench.ingest(bench.case.path / place)
    assert raised.value.code == "source-in-case"


def test_pairs_survive_the_limit_of_what_waits(bench: Bench, make_quote: MakeQuote) -> None:
    for number in range(20):
        bench.put(f"{number:02}.bin", make_quote(number))
        bench.put(f"{number:02}.json", f'{{"session_id": "{number}"}}')
    bench.ingest(limits=replace(DEFAULT_LIMITS, held_for_pairing=5_000))
    sessions = [session for (session,) in bench.rows("observation", "session_id")]
    assert sessions == [str(number) for number in range(20)]


def pack_tar(files: dict[str, bytes], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode, format=tarfile.PAX_FORMAT) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def pack_zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


PACKINGS: dict[str, Callable[[dict[str, bytes]], bytes]] = {
    "tar": pack_tar,
    "tar.gz": lambda files: gzip.compress(pack_tar(files), mtime=0),
    "tar.zst": lambda files: zstandard.compress(pack_tar(files)),
    "tar.xz": lambda files: lzma.compress(pack_tar(files)),
    "tar.bz2": lambda files: bz2.compress(pack_tar(files)),
    "zip": pack_zip,
    "zip in tar": lambda files: pack_tar({"inner.zip": pack_zip(files)}),
    "gz in zip": lambda files: pack_zip(
        {name + ".gz": gzip.compress(data, mtime=0) for name, data in files.items()}
    ),
}


@pytest.mark.parametrize("limit", [64, DEFAULT_LIMITS.whole_file])
@pytest.mark.parametrize("packing", PACKINGS)
def test_archives_hold_what_folders_hold(
    bench: Bench, make_quote: MakeQuote, packing: str, limit: int
) -> None:
    files = {
        "x/" + "long" * 40 + "/events.jsonl": lines({"event_id": "1"}, {"event_id": "2"}),
        "é.json": b"[" + b",".join(lines({"event_id": str(n)}) for n in range(50)) + b"]",
    }
    if limit > 64:  # quotes are held whole, so they must fit
        files |= {"q/a.json": b'{"session_id": "s"}', "q/a.bin": make_quote(3)}
    bench.put("evidence", PACKINGS[packing](files))
    # Under a small limit every member is a stream that is read twice.
    bench.ingest(limits=replace(DEFAULT_LIMITS, whole_file=limit))
    assert bench.reasons() == []
    assert len(bench.rows("observation", "event_id")) == len(files) - 2 + 52 - (limit > 64)
    paths = {str(path).rpartition("!")[2] for (path,) in bench.rows("source", "path")}
    if packing != "gz in zip":
        assert files.keys() <= paths
    if limit > 64:
        assert ("s", True) in bench.rows("observation", "session_id, quote_no IS NOT NULL")


@pytest.mark.parametrize(
    "compress", [gzip.compress, zstandard.compress, lzma.compress, bz2.compress]
)
def test_compressed_frames_follow_each_other(
    bench: Bench, compress: Callable[[bytes], bytes]
) -> None:
    frames = [compress(lines({"event_id": str(number)})) for number in range(3)]
    bench.put("events", b"".join(frames) + bytes(512))
    bench.ingest()
    assert bench.reasons() == []
    assert bench.rows("observation", "event_id") == [("0",), ("1",), ("2",)]


def test_a_known_source_is_not_ingested_again(bench: Bench, make_quote: MakeQuote) -> None:
    bench.put("a.jsonl", lines({"event_id": "1"}))
    bench.put("b/copy.jsonl", lines({"event_id": "1"}))
    bench.put("c.bin", make_quote(1))
    bench.put("d.zip", pack_zip({"x.jsonl": lines({"event_id": "2"})}))
    bench.put("e.empty", b"")
    first = bench.ingest()
    assert first.duplicates == [str(bench.folder / "b/copy.jsonl")]
    before = bench.rows("observation", "observation_no")
    again = bench.ingest()
    assert len(again.duplicates) == 5
    assert bench.rows("observation", "observation_no") == before
    assert bench.reasons() == ["empty"]


def test_the_order_depends_on_names_only(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["b.jsonl", "a/z.jsonl", "a.jsonl", "c/b/a.jsonl", "c/a.jsonl"]
    for name in names:
        bench.put(name, lines({"event_id": name}))
    listing = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda self: iter(sorted(listing(self), reverse=True)))
    bench.ingest()
    seen = [str(path) for (path,) in bench.rows("source", "path")]
    expected = ["a.jsonl", "b.jsonl", "a/z.jsonl", "c/a.jsonl", "c/b/a.jsonl"]
    assert seen == [str(bench.folder / name) for name in expected]


def test_a_file_that_changes_while_it_is_read_stops_the_ingest(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = bench.put("a.jsonl", lines({"event_id": "1"}))
    opened = walk._open_file

    def grow(path: Path, *, follow: bool) -> object:
        with path.open("ab") as stream:
            stream.write(lines({"event_id": "2"}))
        return opened(path, follow=follow)

    monkeypatch.setattr(walk, "_open_file", grow)
    with pytest.raises(UsageError) as raised:
        bench.ingest(path)
    assert raised.value.code == "source-changed"
    assert bench.rows("observation", "event_id") == []


def test_a_file_that_vanishes_is_said_and_the_rest_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        bench.put(f"{name}.jsonl", lines({"event_id": name}))
    opened = walk._open_file

    def remove_b(path: Path, *, follow: bool) -> object:
        if path.name == "b.jsonl":
            path.unlink()
        return opened(path, follow=follow)

    monkeypatch.setattr(walk, "_open_file", remove_b)
    bench.ingest()
    assert bench.reasons() == ["unreadable"]
    assert bench.rows("observation", "event_id") == [("a",), ("c",)]


def test_names_that_are_not_utf_8_are_spelled_out(bench: Bench) -> None:
    (bench.folder / os.fsdecode(b"\xff.jsonl")).write_bytes(lines({"event_id": "1"}))
    (bench.folder / os.fsdecode(b"\xfe.zip")).write_bytes(b"PK\x03\x04")
    bench.ingest()
    paths = [str(path) for (path,) in bench.rows("source", "path")]
    assert sorted(path.removeprefix(f"{bench.folder}/") for path in paths) == [
        "\\xfe.zip",
        "\\xff.jsonl",
    ]


def test_progress_grows_to_the_size_of_the_input(bench: Bench) -> None:
    bench.put("a.jsonl", lines(*({"event_id": "x" * 10_000} for _ in range(1000))))
    bench.put("b.jsonl.gz", gzip.compress(lines({"event_id": "2"}), mtime=0))
    done: list[int] = []
    with bench.case.writer(action="ingest", at=datetime(2026, 1, 1, tzinfo=UTC), who="t") as writer:
        ingest_paths(writer, [bench.folder], progress=done.append)
    total = sum(path.stat().st_size for path in bench.folder.iterdir())
    assert done == sorted(done)
    assert done[-1] == total
    assert len(done) > 3


def test_nul_in_text_survives(bench: Bench) -> None:
    bench.put("a.jsonl", lines({"peer": "a\x00b", "event_id": "1"}))
    bench.ingest()
    assert bench.rows("observation", "peer") == [("a\x00b",)]


COLLATERAL_FILES = (
    "tcb_info.json", "qe_identity.json", "pck_crl.der", "root_ca_crl.der",
    "pck_crl_issuer_chain.pem", "tcb_info_issuer_chain.pem", "qe_identity_issuer_chain.pem",
)  # fmt: skip


def collateral_ids(bench: Bench) -> dict[str, set[object]]:
    return {
        table: {identity for (identity,) in bench.rows(table, f"{table}_id")}
        for table in ("document", "crl", "certificate")
    }


def test_collateral_is_the_same_in_every_wrapping(bench: Bench, vectors: Path) -> None:
    folder = vectors / "dstack-tdx-v4-f7d98e52"
    bench.put("nine.json", (folder / "collateral.json").read_bytes())
    bench.ingest()
    ids = collateral_ids(bench)
    assert [len(found) for found in ids.values()] == [2, 2, 3]
    for name in COLLATERAL_FILES:
        bench.put(f"loose/{name}", (folder / name).read_bytes())
    crl = (folder / "pck_crl.der").read_bytes()
    pem = b"-----BEGIN X509 CRL-----\n" + base64.encodebytes(crl) + b"-----END X509 CRL-----\n"
    chain = (folder / "pck_crl_issuer_chain.pem").read_bytes()
    bench.put("wrapped/crl.hex", crl.hex())
    bench.put("wrapped/crl.b64", base64.b64encode(crl))
    bench.put("wrapped/crl.pem", pem)
    bench.put("wrapped/header.txt", percent_encode(chain))
    bench.put("wrapped/lines.jsonl", (folder / "tcb_info.json").read_bytes().strip() + b"\n"
              + lines({"event_id": "beside it"}))  # fmt: skip
    bench.ingest()
    assert collateral_ids(bench) == ids
    assert bench.reasons() == []
    kinds = {kind for (kind,) in bench.rows("source", "kind")}
    assert kinds == {"collateral", "tcb_info", "qe_identity", "crl", "certificates", "events"}
    assert len(bench.rows("acquisition", "item_id")) > 20


@pytest.mark.parametrize("first", [True, False])
def test_collateral_that_stands_twice_is_neither(bench: Bench, vectors: Path, first: bool) -> None:
    """Two readers would take two documents; the rest of the file is not touched by that."""
    text = (vectors / "dstack-tdx-v4-f7d98e52" / "collateral.json").read_text().strip()
    again = '"tcb_info": "{}"'
    bench.put("nine.json", f"{{{again}, {text[1:]}" if first else f"{text[:-1]}, {again}}}")
    bench.ingest()

    assert bench.reasons() == ["duplicate-key"]
    assert bench.rows("document", "kind") == [("qe_identity",)]
    assert len(bench.rows("crl", "crl_id")) == 2


def test_signed_text_is_kept_byte_for_byte(bench: Bench, vectors: Path) -> None:
    served = (vectors / "dstack-tdx-v4-f7d98e52" / "tcb_info.json").read_bytes()
    bench.put("a.json", served)
    bench.ingest()
    [(body, signature)] = bench.rows("document", "body, signature")
    assert isinstance(body, bytes)
    assert isinstance(signature, bytes)
    assert body in served
    assert signature.hex().encode() in served


def test_a_wrong_field_in_collateral_costs_only_itself(bench: Bench, vectors: Path) -> None:
    value = json.loads((vectors / "dstack-tdx-v4-f7d98e52" / "collateral.json").read_bytes())
    value |= {"pck_crl": "zz", "tcb_info_signature": "00", "root_ca_crl": 5}
    bench.put("a.json", json.dumps(value))
    bench.ingest()
    [(message,)] = bench.rows("quarantine", "message")
    assert all(name in str(message) for name in ("pck_crl", "tcb_info", "root_ca_crl"))
    assert [len(found) for found in collateral_ids(bench).values()] == [1, 0, 3]


def test_all_real_quotes_come_in_and_go_out_again(bench: Bench, vectors: Path) -> None:
    paths = sorted(vectors.glob("*/quote*.bin"))
    summary = bench.ingest(*paths)
    assert len(paths) > 150
    assert bench.reasons() == []
    originals = {hashlib.sha256(path.read_bytes()).digest(): path for path in paths}
    assert summary.new_quotes == len(originals)
    for identity, path in list(originals.items())[::10]:
        assert bench.case.quote_bytes(identity) == path.read_bytes()


def test_real_quotes_cut_anywhere_are_refused(bench: Bench, vectors: Path) -> None:
    quote = (vectors / "dstack-tdx-v4-f7d98e52" / "quote.bin").read_bytes()
    for size in range(100, len(quote), 97):
        bench.put(f"{size:05}.bin", quote[:size])
    bench.ingest()
    assert set(bench.reasons()) == {"too-short", "truncated"}
    assert len(bench.reasons()) == len(list(bench.folder.iterdir()))
