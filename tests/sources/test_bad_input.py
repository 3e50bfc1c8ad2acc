"""Bad input (issue 2): one quarantine row each with its reason, and the neighbours survive."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import random
import re
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import zstandard

import forensics
from forensics.errors import UsageError
from forensics.formats.crl import MAX_ENTRIES
from forensics.formats.der import SEQUENCE, iterate_elements, read_exactly
from forensics.simulate.pki import build_crl, make_pki
from forensics.sources import DEFAULT_LIMITS, Limits
from forensics.sources.reasons import REASONS

if TYPE_CHECKING:
    from conftest import Bench

TIME = "2024-06-15T14:32:11Z"


def event(**fields: object) -> dict[str, object]:
    return {"timestamp": TIME, "event_type": "enclave_attestation", **fields}


def line(**fields: object) -> bytes:
    return json.dumps(event(**fields)).encode() + b"\n"


GOOD = line(event_id="good")

BAD_LINES = {
    "broken": (b'{"timestamp": "2024-06-15T14:32:11Z", "event\n', "bad-json"),
    "not utf-8": (b'{"timestamp": "2024-06-15T14:32:11Z", "peer": "\xff"}\n', "not-utf8"),
    "half surrogate": (b'{"timestamp": "2024-06-15T14:32:11Z", "peer": "\\ud800"}\n', "bad-json"),
    "open brackets": (b"[" * 100_000 + b"\n", "nesting-too-deep"),
    "deep": (b'{"timestamp":"' + TIME.encode() + b'","x":' + b"[" * 70 + b"]" * 70 + b"}\n",
             "nesting-too-deep"),
    "array": (b"[1, 2]\n", "not-an-object"),
    "number": (b"12\n", "not-an-object"),
    "not a number": (b'{"timestamp": NaN}\n', "bad-json"),
    "unknown": (b'{"hello": "world"}\n', "unrecognised-content"),
    "no timestamp": (b'{"event_type": "enclave_attestation"}\n', "missing-timestamp"),
    "null timestamp": (line(timestamp=None), "missing-timestamp"),
    "numeric timestamp": (line(timestamp=1718461931), "bad-timestamp"),
    "no zone": (line(timestamp="2024-06-15T14:32:11"), "bad-timestamp"),
    "no such day": (line(timestamp="2024-02-30T00:00:00Z"), "bad-timestamp"),
    "before 1970": (line(timestamp="1969-12-31T23:59:59Z"), "timestamp-out-of-range"),
    "after 2199": (line(timestamp="2200-01-01T00:00:00Z"), "timestamp-out-of-range"),
    "year 1": (line(timestamp="0001-01-01T00:00:00+14:00"), "timestamp-out-of-range"),
    "long": (line(peer="x" * 5_000_000), "line-too-long"),
    "bad tcb info": (b'{"tcbInfo": {}, "signature": "00"}\n', "bad-collateral"),
    "manifest that approves all": (b'{"workload": [{"id": "a", "allow": [{}]}]}\n', "bad-manifest"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_bad_line_is_one_quarantine_row(bench: Bench, name: str) -> None:
    bad, reason = BAD_LINES[name]
    bench.put("events.jsonl", GOOD + bad + line(event_id="better"))
    summary = bench.ingest()
    assert bench.rows("quarantine", "source_line, reason") == [(2, reason)]
    assert summary.quarantined == 1
    assert bench.rows("observation", "source_line, event_id") == [(1, "good"), (3, "better")]


@pytest.mark.parametrize("name", [name for name in BAD_LINES if name != "open brackets"])
def test_a_bad_array_member_is_one_quarantine_row(bench: Bench, name: str) -> None:
    bad, reason = BAD_LINES[name]
    if name == "broken":
        bad = b'{"timestamp": tomorrow}'  # an open brace would swallow its neighbours
    bench.put("events.json", b"[" + GOOD + b"," + bad + b"," + line(event_id="better") + b"]\n")
    bench.ingest()
    assert bench.rows("quarantine", "source_line, reason") == [(2, reason)]
    assert bench.rows("observation", "source_line, event_id") == [(1, "good"), (3, "better")]


BAD_FIELDS = {
    "wrong type": ({"policy_allowed": "yes"}, "wrong-type"),
    "list as text": ({"peer": ["a"]}, "wrong-type"),
    "bad clock": ({"received_at": "yesterday"}, "bad-timestamp"),
    "absurd clock": ({"verified_at": "9999-01-01T00:00:00Z"}, "timestamp-out-of-range"),
    "nonce": ({"nonce": "!"}, "bad-encoding"),
    "two of them": ({"peer": {}, "nonce": "!"}, "wrong-type"),
    "quote": ({"quote": "%%%"}, "bad-encoding"),
    "quote too short": ({"quote": "AwACAA=="}, "too-short"),
    "event type": ({"event_type": 7}, "wrong-type"),
}


@pytest.mark.parametrize("name", BAD_FIELDS)
def test_a_bad_field_costs_only_itself(bench: Bench, name: str) -> None:
    fields, reason = BAD_FIELDS[name]
    bench.put("events.jsonl", line(event_id="kept", **fields))
    bench.ingest()
    assert bench.rows("quarantine", "source_line, reason") == [(1, reason)]
    [(event_id, quote_no, extra)] = bench.rows("observation", "event_id, quote_no, extra")
    assert (event_id, quote_no) == ("kept", None)
    if name != "quote too short":
        assert json.loads(str(extra)) == fields


TWICE = b'{"timestamp":"%s","event_id":"kept","peer":"a","peer":"b"}' % TIME.encode()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("events.jsonl", TWICE + b"\n" + GOOD),
        ("events.json", b"[" + TWICE + b"," + GOOD + b"]"),
    ],
)
def test_an_event_that_repeats_a_key_is_kept_whole_beside_what_was_read(
    bench: Bench, name: str, text: bytes
) -> None:
    bench.put(name, text)
    bench.ingest()
    assert bench.rows("observation", "source_line, event_id, peer") == [
        (1, "kept", "b"),
        (2, "good", None),
    ]
    [(number, reason, message, digest, data)] = bench.rows(
        "quarantine", "source_line, reason, message, sha256, data"
    )
    assert (number, reason, data) == (1, "duplicate-key", TWICE)
    assert message == "these keys stand twice, and the last value was read: peer"
    assert digest == hashlib.sha256(TWICE).digest()


def test_a_repeated_key_beside_another_problem_is_told_with_it(bench: Bench) -> None:
    bench.put("events.jsonl", TWICE.replace(b'"b"', b"[]") + b"\n")
    bench.ingest()
    [(reason, message)] = bench.rows("quarantine", "reason, message")
    assert reason == "wrong-type"
    assert str(message).endswith("; these keys stand twice, and the last value was read: peer")


def bomb(size: int = 300 << 20) -> bytes:
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, compresslevel=1) as stream:
        for _ in range(size >> 20):
            stream.write(bytes(1 << 20))
    return buffer.getvalue()


def zstd_bomb() -> bytes:
    return zstandard.ZstdCompressor().compress(bytes(300 << 20))


def zip_bomb() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(300 << 20))
    return buffer.getvalue()


BIG = line(peer="x" * 5_000_000)


@pytest.mark.parametrize(
    ("name", "text", "record"),
    [
        ("lines.jsonl", GOOD + b" " + BIG + GOOD, BIG.strip()),
        ("array.json", b"[" + GOOD + b", " + BIG + b"]", BIG.strip()),
        ("after.json", b"[" + GOOD + b"]" + BIG, BIG.strip()),
        ("noise.bin", b"\x01\x02" * 2_000_000, b"\x01\x02" * 2_000_000),
        ("broken.gz", b"\x1f\x8b" + bytes(2_000_000), b"\x1f\x8b" + bytes(2_000_000)),
    ],
)
@pytest.mark.parametrize("limits", [DEFAULT_LIMITS, replace(DEFAULT_LIMITS, whole_file=1 << 16)])
def test_the_hash_of_what_is_kept_in_part_is_that_of_the_whole(
    bench: Bench, name: str, text: bytes, record: bytes, limits: Limits
) -> None:
    bench.put(name, text)
    bench.ingest(limits=limits)
    [(digest, data)] = bench.rows("quarantine", "sha256, data")
    assert digest == hashlib.sha256(record).digest()
    assert isinstance(data, bytes)
    assert len(data) <= 1 << 20
    assert record.startswith(data)


def nameless_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x", GOOD)
        archive.infolist()[0].filename = ""  # the central directory is written on closing
    return buffer.getvalue()


def nested(depth: int) -> bytes:
    data = GOOD
    for _ in range(depth):
        data = gzip.compress(data, mtime=0)
    return data


# Version, VMPL 0 and ECDSA P-384: a report by all but its size.
SNP_REPORT = (2).to_bytes(4, "little") + bytes(0x30) + b"\1\0\0\0" + bytes(1128)

BAD_FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "empty"),
    "noise": (lambda: random.Random(1).randbytes(5000), "unrecognised-content"),
    "prose": (lambda: b"# Notes\n\nNothing to see here.\n", "unrecognised-content"),
    "utf-16": (lambda: '{"timestamp": "x"}'.encode("utf-16"), "not-utf8"),
    "cut snp report": (lambda: SNP_REPORT[:1183], "truncated"),
    "snp report of hex, cut": (lambda: SNP_REPORT[:600].hex().encode(), "truncated"),
    "azure's wrapper": (
        lambda: b"HCLA" + bytes(28) + SNP_REPORT + bytes(1384),
        "unsupported-wrapper",
    ),
    "brackets": (lambda: b"[" * 1_000_000, "nesting-too-deep"),
    "brace": (lambda: b"{", "bad-json"),
    "unknown object": (lambda: b'{\n  "a": 1\n}', "unrecognised-content"),
    "huge object": (lambda: b'{"a":\n"' + b"x" * 5_000_000 + b'"}', "too-large"),
    "gzip bomb": (bomb, "expansion-limit"),
    "zstd bomb": (zstd_bomb, "expansion-limit"),
    "xz bomb": (lambda: lzma.compress(bytes(300 << 20), preset=0), "expansion-limit"),
    "bzip2 bomb": (lambda: bz2.compress(bytes(300 << 20)), "expansion-limit"),
    "zip bomb": (zip_bomb, "expansion-limit"),
    "nested gzip": (lambda: nested(6), "nesting-limit"),
    "not really gzip": (lambda: b"\x1f\x8b" + bytes(100), "bad-archive"),
    "not really zip": (lambda: b"PK\x03\x04" + bytes(100), "bad-archive"),
    "zip of a nameless member": (nameless_zip, "bad-archive"),
    "not really xz": (lambda: b"\xfd7zXZ\x00" + bytes(100), "bad-archive"),
    "not really bzip2": (lambda: b"BZh9" + bytes(100), "bad-archive"),
    "7z": (lambda: b"7z\xbc\xaf\x27\x1c" + bytes(100), "unsupported-archive"),
    "pem without blocks": (lambda: b"-----BEGIN CERTIFICATE-----\n", "bad-pem"),
    "private key": (
        lambda: b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "unsupported-pem",
    ),
    "damaged der": (lambda: b"\x30\x82\x01\x00" + bytes(256), "bad-der"),
    "toml": (lambda: b"[[workload]]\nid = \n", "bad-manifest"),
    "yaml bomb": (
        lambda: b"workload: &a [x]\npolicy: [*a, *a]\n",
        "bad-manifest",
    ),
    "yaml object": (
        lambda: b"policy: !!python/object/apply:os.system [echo]\n",
        "bad-manifest",
    ),
}


def encode_element(tag: int, contents: bytes) -> bytes:
    size = len(contents)
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    length = octets if size < 0x80 else bytes([0x80 | len(octets)]) + octets
    return bytes([tag]) + length + contents


def make_crl(entries: int) -> bytes:
    """A CRL that has one entry this many times; its signature does not hold."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    crl = build_crl(make_pki(1).root, this_update=at, next_update=at, revoked=[1])
    (tag, signed), *signature = iterate_elements(read_exactly(crl, SEQUENCE))
    fields = list(iterate_elements(signed))
    fields[5] = (SEQUENCE, fields[5][1] * entries)  # revokedCertificates
    signed = b"".join(encode_element(*field) for field in fields)
    parts = [(tag, signed), *signature]
    return encode_element(SEQUENCE, b"".join(encode_element(*part) for part in parts))


def test_a_crl_with_too_many_entries_is_named_as_one(bench: Bench) -> None:
    bench.put("most.der", make_crl(MAX_ENTRIES))
    bench.put("more.der", make_crl(MAX_ENTRIES + 1))
    bench.put("more.hex", make_crl(MAX_ENTRIES + 1).hex())
    bench.ingest()
    reasons = bench.rows("quarantine", "reason, message")
    assert reasons == [("too-large", "CRL of 200001 entries; the limit is 200000")] * 2
    assert bench.rows("source", "kind") == [("crl",)] * 3
    assert len(bench.rows("crl", "crl_id")) == 1


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_one_quarantine_row(bench: Bench, name: str) -> None:
    make, reason = BAD_FILES[name]
    data = make()
    bench.put("a.jsonl", GOOD)
    bench.put("b.bad", data)
    bench.put("c.jsonl", line(event_id="better"))
    bench.ingest()
    assert bench.rows("quarantine", "source_line IS NULL OR source_line = 1, reason") == [
        (True, reason)
    ]
    assert bench.rows("observation", "event_id") == [("good",), ("better",)]
    [(kept,)] = bench.rows("quarantine", "data")
    assert isinstance(kept, bytes)
    assert data.startswith(kept[:1000]) or name in ("nested gzip", "brackets")


def test_damaged_quotes_are_refused_with_the_parser_s_code(
    bench: Bench, make_quote: Callable[..., bytes]
) -> None:
    quote = make_quote(1)
    damaged = {
        "cut": (quote[:-1], "truncated"),
        "short": (quote[:500], "too-short"),
        "version": (b"\x07" + quote[1:], "unsupported-version"),
        "key type": (quote[:2] + b"\x03" + quote[3:], "unsupported-key-type"),
        "long": (quote + bytes(1 << 20), "too-large"),
    }
    for name, (data, _) in damaged.items():
        bench.put(f"{name}.bin", data)
    bench.put("good.bin", quote)
    bench.ingest()
    assert bench.reasons() == sorted(reason for _, reason in damaged.values())
    assert bench.rows("observation", "quote_no") == [(1,)]


def test_a_cut_gzip_gives_what_came_before(bench: Bench) -> None:
    lines = [line(event_id=str(number), peer=os.urandom(500).hex()) for number in range(50)]
    bench.put("events.jsonl.gz", gzip.compress(b"".join(lines), mtime=0)[:-3000])
    bench.ingest()
    assert bench.reasons() == ["bad-archive", "bad-json"]  # the stream, and the line it cut
    assert 30 < len(bench.rows("observation", "event_id")) < 50


def test_a_damaged_zip_member_costs_only_itself(bench: Bench) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.jsonl", GOOD)
        archive.writestr("b.jsonl", line(event_id="damaged"))
        archive.writestr("c.jsonl", line(event_id="better"))
    bench.put("evidence.zip", buffer.getvalue().replace(b"damaged", b"DAMAGED"))
    bench.ingest()
    assert bench.reasons() == ["bad-archive"]
    assert bench.rows("observation", "event_id") == [("good",), ("better",)]


def test_members_are_labels_and_links_are_not_followed(bench: Bench, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name in ("../../escape.jsonl", "/absolute.jsonl", "x" * 150 + ".jsonl"):
            info = tarfile.TarInfo(name)
            data = line(event_id=name[-15:])
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("passwd")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    bench.put("evidence.tar.gz", buffer.getvalue())
    before = sorted(tmp_path.rglob("*.jsonl"))
    bench.ingest()
    assert sorted(tmp_path.rglob("*.jsonl")) == before
    assert bench.reasons() == ["not-a-regular-file"]
    assert len(bench.rows("observation", "event_id")) == 3
    [path] = [path for (path,) in bench.rows("source", "path") if "escape" in str(path)]
    assert str(path).endswith("evidence.tar.gz!evidence.tar!../../escape.jsonl")


def test_links_and_fifos_in_a_folder_are_named_not_followed(bench: Bench) -> None:
    target = bench.put("a.jsonl", GOOD)
    (bench.folder / "b.link").symlink_to(target)
    (bench.folder / "c.loop").symlink_to(bench.folder, target_is_directory=True)
    os.mkfifo(bench.folder / "d.fifo")
    bench.ingest()
    assert bench.reasons() == ["not-a-regular-file"] * 3
    assert bench.rows("observation", "event_id") == [("good",)]


def test_a_missing_path_is_refused_before_anything_is_written(bench: Bench) -> None:
    bench.put("a.jsonl", GOOD)
    entries = len(bench.case.ledger.entries)
    with pytest.raises(UsageError) as raised:
        bench.ingest(bench.folder, bench.folder / "missing")
    assert raised.value.code == "unreadable-path"
    assert len(bench.case.ledger.entries) == entries
    assert bench.rows("observation", "event_id") == []


def test_too_many_members_end_the_archive(bench: Bench) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(5):
            archive.writestr(f"{number}.jsonl", line(event_id=str(number)))
    bench.put("evidence.zip", buffer.getvalue())
    bench.ingest(limits=replace(DEFAULT_LIMITS, members=3))
    assert bench.reasons() == ["expansion-limit"]
    assert len(bench.rows("observation", "event_id")) == 3
    [(message,)] = bench.rows("quarantine", "message")
    assert str(message).endswith("/evidence.zip!2.jsonl was not read")


def zip_of(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tar_of(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


STRICT = replace(DEFAULT_LIMITS, free_expansion=3 << 20, expansion_ratio=1)
"""Three MiB out of an archive, and no more."""


def test_a_member_that_expands_too_far_is_named_and_that_the_rest_was_not_read(
    bench: Bench,
) -> None:
    members = {"a.jsonl": GOOD, "b\n": bytes(5 << 20), "c.jsonl": line(event_id="unread")}
    path = bench.put("e.zip", zip_of(members))
    bench.ingest(limits=STRICT)
    assert bench.rows("observation", "event_id") == [("good",)]
    assert bench.rows("quarantine", "reason, message") == [
        (
            "expansion-limit",
            f"{path}!b\n: the archive expands beyond all measure; this member and those "
            "after it were not read",
        )
    ]


def test_a_tar_that_breaks_off_under_the_limit_says_where(bench: Bench) -> None:
    """Looking through it takes two MiB of three, and so does reading it."""
    members = {
        "a.jsonl": GOOD,
        "b": random.Random(1).randbytes(2 << 20),
        "c.jsonl": line(event_id="unread"),
    }
    path = bench.put("e.tar.gz", gzip.compress(tar_of(members), mtime=0))
    bench.ingest(limits=STRICT)
    assert bench.rows("observation", "event_id") == [("good",)]
    [message] = [
        message
        for reason, message in bench.rows("quarantine", "reason, message")
        if reason == "expansion-limit"
    ]
    assert message == (
        f"the archive expands beyond all measure; what follows {path}!e.tar!a.jsonl was not read"
    )


def test_every_code_is_declared() -> None:
    package = Path(forensics.__file__).parent
    modules = [*(package / "sources").glob("*.py"), package / "formats" / "quote.py"]
    modules += [
        package / "formats" / f"{name}.py" for name in ("pem", "crl", "certificates", "der")
    ]
    readers = ("pem", "crl", "certificates", "der", "json_text")
    modules += [package / "formats" / f"{name}.py" for name in readers]
    raised = {
        code
        for module in modules
        for code in re.findall(r'(?:EvidenceError|Problem)\(\s*"([a-z0-9-]+)"', module.read_text())
    }
    assert len(raised) > 25
    assert raised <= REASONS.keys()
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code) for code in REASONS)


def mutate(data: bytes, source: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(source.choice([1, 2, 8])):
        place = source.randrange(len(changed))
        match source.randrange(4):
            case 0:
                changed[place] ^= 1 << source.randrange(8)
            case 1:
                del changed[place : place + source.choice([1, 50, 500])]
            case 2:
                changed[place:place] = source.choice([b"[", b"{", b'"', b"\\", b"\n", b"\x00"]) * 70
            case 3:
                changed[place:place] = changed[: source.choice([1, 100])]
        if not changed:
            changed = bytearray(b"\n")
    return bytes(changed)


def test_mutated_evidence_is_all_accounted_for(
    bench: Bench, make_quote: Callable[..., bytes]
) -> None:
    quote = make_quote(1)
    events = b"".join(line(event_id=str(n), quote=quote.hex(), isv_svn=n) for n in range(5))
    members = b"[" + b",".join(events.splitlines()) + b"]"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("events.jsonl")
        info.size = len(events)
        archive.addfile(info, io.BytesIO(events))
    manifest = b'[[workload]]\nid = "a"\nallow = [{ mrsigner = "' + b"ab" * 32 + b'" }]\n'
    originals = [quote, events, members, buffer.getvalue(), gzip.compress(events), manifest]
    source = random.Random(20240615)
    for number in range(600):
        bench.put(f"{number:03}", mutate(originals[number % len(originals)], source))
    bench.ingest()
    paths = {str(path).partition("!")[0] for (path,) in bench.rows("source", "path")}
    assert len(paths) > 590  # equal mutations are duplicates
    assert {str(reason) for reason in bench.reasons()} <= REASONS.keys()
    for records, rows, quarantined, kind in bench.rows(
        "source", "records, rows, quarantined, kind"
    ):
        assert int(str(rows)) + int(str(quarantined)) >= int(str(records))
        assert records or kind == "archive"
