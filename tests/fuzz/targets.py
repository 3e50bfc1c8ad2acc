"""What is fuzzed: every reader of bytes that somebody else wrote, with what must hold afterwards.

A target takes any bytes. The errors of `forensics.errors` are answers; everything else that leaves
a target is a mistake of ours.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import TypeVar

import pyarrow as pa

from forensics.case.checkpoints import Checkpoint, parse_head
from forensics.case.files import SCHEMAS
from forensics.case.ledger import decode_entry, encode_entry
from forensics.case.proofs import check_proof
from forensics.case.rebuild import join_quote, join_report
from forensics.case.records import Record, SourceHeader
from forensics.case.settings import format_settings, load_intel_root, parse_settings
from forensics.case.signing import parse_public_key
from forensics.case.splitter import QuoteSplitter
from forensics.errors import EvidenceError, ForensicsError
from forensics.formats import der
from forensics.formats.anatomy import dissect_quote
from forensics.formats.certificates import parse_certificate
from forensics.formats.collateral import (
    describe_components,
    outline_document,
    parse_enclave_identity,
    parse_tcb_info,
    split_envelope,
)
from forensics.formats.crl import decode_crl, parse_crl
from forensics.formats.evidence import parse_evidence
from forensics.formats.json_text import parse_object, slice_members
from forensics.formats.pck import parse_chain, parse_sgx_extension
from forensics.formats.pem import split_pem
from forensics.formats.snp import SnpReport
from forensics.formats.vek import parse_vek_extensions
from forensics.sources.encodings import decode_binary
from forensics.sources.entries import entry_of_bytes
from forensics.sources.ingest import _Ingest
from forensics.sources.limits import Limits
from forensics.sources.objects import read_record
from forensics.sources.reasons import REASONS
from forensics.sources.times import LATEST, read_time
from forensics.verify.chain import prove_chain
from forensics.verify.endorsement import prove_endorsement
from forensics.verify.facts import ChainFact
from forensics.verify.report_appraisal import check_report

Target = Callable[[bytes], None]
T = TypeVar("T")

# Small, so that an input of a few KiB reaches each of them.
SMALL = Limits(
    whole_file=1 << 19,  # more than comes out of any archive: batches need a whole case
    record=1 << 12,
    kept=1 << 8,
    depth=16,
    nesting=3,
    members=50,
    free_expansion=1 << 18,
    held_for_pairing=1 << 14,
)


def fuzz_quote(data: bytes) -> None:
    """Both parsers refuse the same inputs, and what they give is the same bytes again."""
    quote = attempt(parse_evidence, data)
    assert attempt(split_twice, data) == (None if quote is None else data)
    if quote is None:
        return
    assert quote.to_bytes() == data == b"".join(piece.data for piece in dissect_quote(quote))
    assert len(quote.report_data) == 64
    if isinstance(quote, SnpReport):
        assert set(check_report(quote)) == {"N1", "N9", "N10", "A1"}
    else:
        prove_chain(quote.certification_data, [load_intel_root()])


def fuzz_vek(data: bytes) -> None:
    """A certificate taken for a VEK's: its extensions are read or refused, and a fact comes."""
    certificate = attempt(parse_certificate, data)
    if certificate is not None:
        extensions = attempt(lambda _: parse_vek_extensions(certificate), data)
        fact = prove_endorsement(certificate, [certificate], ())
        assert (extensions is None) == (fact.kind is None)
        assert not fact.trusted


def attempt(read: Callable[[bytes], T], data: bytes) -> T | None:
    """What it gives, or null when the bytes are refused with an offset that is within them."""
    try:
        return read(data)
    except EvidenceError as error:
        inside = error.offset is None or 0 <= error.offset <= len(data)
    assert inside
    return None


def split_twice(data: bytes) -> bytes:
    """The quote put together again from stored parts, none of which are new the second time."""
    parts: dict[tuple[str, bytes], dict[str, object]] = {}

    def keep(table: str, key: bytes, make_row: Callable[[], dict[str, object]]) -> None:
        if (table, key) not in parts:
            parts[table, key] = make_row()

    splitter = QuoteSplitter(keep)
    first = splitter.split(data)
    assert splitter.split(data) == first
    statement = parts["statement", first.statement_id]
    if first.certification_id is None:
        return join_report(first._asdict(), statement)
    certification = parts["certification", first.certification_id]
    identity = certification["certification_data_id"]
    assert isinstance(identity, bytes)
    return join_quote(
        first._asdict(), statement, certification, parts["certification_data", identity]
    )


def fuzz_chain(data: bytes) -> None:
    """Any certification data gives a fact with all checks, and its results are words we know."""
    attempt(parse_chain, data)
    fact = prove_chain(data, [load_intel_root()])
    assert isinstance(fact, ChainFact)
    assert {result for result, *_ in fact.results.values()} <= {
        *("pass", "fail", "error", "skipped", "not_applicable")
    }


def fuzz_pem(data: bytes) -> None:
    for label, block in split_pem(data):
        assert label
        assert len(block) <= len(data)


def fuzz_der(data: bytes) -> None:
    walk_der(data, 0)
    for read in (der.decode_integer, der.decode_object_id):
        attempt(read, data)


def walk_der(data: bytes, depth: int) -> None:
    for _, contents in der.iterate_elements(data):
        assert len(contents) <= len(data)
        if depth < 8:
            with suppress(EvidenceError):
                walk_der(contents, depth + 1)


def fuzz_certificate(data: bytes) -> None:
    certificate = parse_certificate(data)
    assert certificate.der == data
    assert certificate.tbs in data


def fuzz_sgx_extension(data: bytes) -> None:
    extension = parse_sgx_extension(data)
    assert (len(extension.ppid), len(extension.fmspc), len(extension.cpu_svn)) == (16, 6, 16)


def fuzz_crl(data: bytes) -> None:
    crl = parse_crl(decode_crl(data))
    assert len(crl.crl_id) == 32


def fuzz_json_text(data: bytes) -> None:
    """Our two readers and the standard library agree about what stands where."""
    value = parse_object(data)
    slices = slice_members(data)
    assert slices.keys() == value.keys()
    for name, text in slices.items():
        assert json.loads(text) == value[name]


def fuzz_document(data: bytes) -> None:
    with suppress(EvidenceError):
        kind, body, signature = split_envelope(data)
        assert body in data
        assert len(signature) == 64
        outline_document(kind, body)
    for read in (parse_tcb_info, parse_enclave_identity, describe_components):
        attempt(read, data)


def fuzz_record(data: bytes) -> None:
    check_record(read_record(data, 1, SMALL))


def fuzz_text(data: bytes) -> None:
    """The readers of single values."""
    text = data.decode("utf-8", "replace")
    with suppress(EvidenceError):
        decode_binary(text)
    with suppress(EvidenceError):
        assert 0 <= read_time(text) < LATEST


def fuzz_file(data: bytes) -> None:
    """A file of evidence, whatever it is: manifest, archive, lines, array, PEM, …"""
    recorder = Recorder()
    ingest = _Ingest(recorder, SMALL, None, workers=0)  # type: ignore[arg-type]
    ingest.take_folder([entry_of_bytes("evidence", data)])
    assert recorder.sources


class Recorder:
    """What `_Ingest` needs of a writer: checks records as the case does, and keeps nothing."""

    def __init__(self) -> None:
        self.sources: set[bytes] = set()

    def knows(self, source_id: bytes, _path: str | None = None) -> bool:
        return source_id in self.sources

    @contextmanager
    def source(self, header: SourceHeader) -> Iterator[RecordCheck]:
        assert header.source_id not in self.sources
        self.sources.add(header.source_id)
        yield RecordCheck()


class RecordCheck:
    kind = ""

    def __call__(self, record: Record) -> None:
        check_record(record)


def check_record(record: Record) -> None:
    """Nothing is dropped, reasons are declared, and every value fits its column."""
    assert record.rows or record.problem
    assert record.problem is None or record.problem.reason in REASONS
    assert record.quote is None or [table for table, _ in record.rows] == ["observation"]
    for table, row in record.rows:
        for name, value in row.items():
            field = SCHEMAS[table].field(name)
            if isinstance(value, str):
                value = value.encode("utf-8", "backslashreplace").decode()
            if isinstance(value, list):
                value = [item.encode("utf-8", "backslashreplace").decode() for item in value]
            pa.array([value], type=field.type)


def fuzz_settings(data: bytes) -> None:
    """`case.toml`; what `read_settings` catches is caught here."""
    try:
        settings = parse_settings(tomllib.loads(data.decode()))
    except (ValueError, KeyError, TypeError, RecursionError):
        return
    assert parse_settings(tomllib.loads(format_settings(settings))).name == settings.name


def fuzz_ledger(data: bytes) -> None:
    assert encode_entry(decode_entry(data, "entry")) == data


def fuzz_custody(data: bytes) -> None:
    """Heads, proofs and keys that a witness hands back."""
    for read in (parse_head, lambda given: check_proof(given, kept_head())):
        with suppress(ForensicsError):
            read(data)
    with suppress(UnicodeDecodeError):
        parse_public_key(data.decode())


@cache
def kept_head() -> Checkpoint:
    return Checkpoint("quote-forensics/" + "0" * 64, 3, bytes(32))


TARGETS: dict[str, Target] = {
    name.removeprefix("fuzz_"): target
    for name, target in list(globals().items())
    if name.startswith("fuzz_")
}


def try_target(name: str, data: bytes) -> None:
    """Run one target on one input; raises what should not be raised."""
    with suppress(ForensicsError):
        TARGETS[name](data)
