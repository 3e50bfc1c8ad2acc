"""Every byte of a quote has its field, and what is said to cover it really notices a change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from forensics.errors import EvidenceError
from forensics.formats.anatomy import UNSIGNED, Cover, Piece, dissect_quote
from forensics.formats.meaning import interpret, name_bits
from forensics.formats.pck import parse_chain
from forensics.formats.quote import Quote, parse_quote
from forensics.verify.certification import prove_certification
from forensics.verify.chain import prove_chain
from forensics.verify.signatures import verify_raw

KINDS = ("sgx-v3", "sgx-v4", "sgx-v5", "tdx-v4", "tdx-v5-1.0", "tdx-v5-1.5")
DECIDING = {
    Cover.quote_signature: {"K5"},
    Cover.qe_signature: {"K1"},
    Cover.qe_report_data: {"K2"},
    Cover.issuers: {"P1", "P3", "P4", "P5"},
}


def failures(data: bytes, anchor: bytes) -> set[str]:
    """Those that fail of the checks that look at the quote's own signatures; F1: unreadable."""
    try:
        quote = parse_quote(data)
    except EvidenceError:
        return {"F1"}
    chain = prove_chain(quote.certification_data, [anchor])
    certification = prove_certification(
        b"",
        quote.attestation_key,
        quote.qe_report,
        quote.qe_signature,
        quote.qe_auth_data,
        chain,
    )
    results = chain.results | certification.results
    failed = {check for check, (result, *_) in results.items() if result == "fail"}
    if not verify_raw(quote.attestation_key, quote.signature, quote.signed):
        failed.add("K5")
    return failed - {"K3", "P7"}  # strict checks decide no outcome


def change(quote: Quote, piece: Piece, data: bytes) -> bytes:
    original = quote.to_bytes()
    return original[: piece.offset] + data + original[piece.offset + len(piece.data) :]


def flip_bit(piece: Piece) -> bytes:
    place = len(piece.data) // 2
    return bytes(b ^ (1 if n == place else 0) for n, b in enumerate(piece.data))


@pytest.mark.parametrize("kind", KINDS)
def test_the_pieces_are_the_quote(healthy: dict[str, Quote], kind: str) -> None:
    quote = replace(healthy[kind], trailing=b"\0\0padding", slack=b"left over")
    pieces = dissect_quote(quote)
    assert b"".join(piece.data for piece in pieces) == quote.to_bytes()
    position = 0
    for piece in pieces:
        assert piece.offset == position
        position += len(piece.data)
    names = [(piece.part, piece.name) for piece in pieces]
    assert len(set(names)) == len(names)
    assert {"trailing", "slack"} <= {piece.name for piece in pieces}


@pytest.mark.parametrize("kind", ["sgx-v3", "tdx-v4", "tdx-v5-1.5"])
def test_what_is_said_to_cover_a_piece_notices_its_change(
    healthy: dict[str, Quote], kind: str
) -> None:
    quote = replace(healthy[kind], trailing=b"\0\0padding", slack=b"left over")
    *_, root = parse_chain(quote.certification_data)
    assert root.public_key is not None
    assert failures(quote.to_bytes(), root.public_key) == set()
    for piece in dissect_quote(quote):
        failed = failures(change(quote, piece, flip_bit(piece)), root.public_key)
        if piece.cover in DECIDING:
            # A field may also decide how the rest is read: then it does not parse.
            assert failed & (DECIDING[piece.cover] | {"F1"}), piece.name
        elif piece.cover is Cover.nothing:
            assert failed == set(), piece.name


@pytest.mark.parametrize("name", ["signature_s", "qe_signature_s"])
def test_a_signature_has_a_twin(
    healthy: dict[str, Quote], name: str, flip: Callable[[bytes], bytes]
) -> None:
    quote = healthy["sgx-v3"]
    *_, root = parse_chain(quote.certification_data)
    (piece,) = [p for p in dissect_quote(quote) if p.name == name]
    assert piece.cover in UNSIGNED
    twin = change(quote, piece, flip(piece.data))
    assert twin != quote.to_bytes()
    assert failures(twin, root.public_key or b"") == set()


@pytest.fixture
def flip() -> Callable[[bytes], bytes]:
    from forensics.verify.signatures import P256_ORDER

    return lambda s: (P256_ORDER - int.from_bytes(s)).to_bytes(32)


def test_values_in_words(healthy: dict[str, Quote]) -> None:
    words = {p.name: interpret(p) for p in dissect_quote(healthy["tdx-v5-1.5"])}
    assert words["tee_type"] == "TDX"
    assert words["qe_vendor_id"] == "Intel"
    assert words["body_type"] == "TD 1.5"
    assert words["certification_type"] == "PCK certificate chain"
    assert words["reserved1"] == "zero, as it should be"
    assert name_bits(bytes.fromhex("0500000000000080"), {0: "A", 2: "B"}) == "A B bit63"
    assert name_bits(bytes(8), {0: "A"}) == "none"


def test_what_is_odd_is_pointed_out(healthy: dict[str, Quote]) -> None:
    pieces = {(p.part, p.name): p for p in dissect_quote(replace(healthy["sgx-v3"], trailing=b"x"))}
    assert interpret(pieces["after the end", "trailing"]).startswith("NOT ZERO")
    dirty = replace(pieces["body", "reserved1"], data=b"\1" + bytes(11))
    assert interpret(dirty) == "NOT ZERO"
    assert interpret(replace(pieces["header", "qe_vendor_id"], data=bytes(16))) == "NOT INTEL"
    assert interpret(replace(pieces["header", "att_key_type"], data=b"\3\0")) == "unknown"


def test_certification_data_that_is_no_chain_is_one_piece(healthy: dict[str, Quote]) -> None:
    quote = replace(healthy["sgx-v3"], certification_type=2, certification_data=b"\1\2\3")
    pieces = dissect_quote(quote)
    assert [p.data for p in pieces if p.cover is Cover.nothing] == [b"\1\2\3"]
    assert b"".join(piece.data for piece in pieces) == quote.to_bytes()


def test_every_public_quote_has_a_field_for_each_byte(vectors: Path) -> None:
    seen = 0
    for path in sorted(vectors.glob("*/quote*.bin")):
        data = path.read_bytes()
        try:
            quote = parse_quote(data)
        except EvidenceError:
            continue
        assert b"".join(piece.data for piece in dissect_quote(quote)) == data
        seen += 1
    assert seen > 50
