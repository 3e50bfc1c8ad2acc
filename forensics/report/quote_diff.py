"""Two quotes side by side: which fields differ, which of those bytes no signature covers."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from forensics.errors import EvidenceError
from forensics.formats.anatomy import UNSIGNED, Cover, Piece, dissect_quote
from forensics.formats.certificates import Certificate, parse_certificate
from forensics.formats.evidence import Evidence
from forensics.formats.meaning import interpret
from forensics.formats.pem import split_pem
from forensics.formats.quote import Quote
from forensics.report.quote_page import show_value
from forensics.verify.amd_signatures import P384_ORDER
from forensics.verify.signatures import P256_ORDER, verify_raw

Row = dict[str, Any]

RELATIONS = ("what", "same", "meaning")
DIFFERENCES = (
    *("part", "field", "offset_a", "offset_b", "bytes", "a", "b", "covered_by", "unsigned", "note"),
)
_TWIN = "n - s: another writing of the same signature, valid as well"


@dataclass
class Difference:
    """`conclusion` in one sentence; `relations` and `fields` are rows, columns as above."""

    conclusion: str
    relations: list[Row] = field(default_factory=list)
    fields: list[Row] = field(default_factory=list)

    @property
    def unsigned(self) -> list[Row]:
        """The differences that no signature would notice."""
        return [row for row in self.fields if row["unsigned"]]


def compare_quotes(a: Evidence, b: Evidence) -> Difference:
    """Everything in which `b` differs from `a`, in the order of the bytes."""
    pieces_a = {(piece.part, piece.name): piece for piece in dissect_quote(a)}
    pieces_b = {(piece.part, piece.name): piece for piece in dissect_quote(b)}
    names = sorted(
        pieces_a.keys() | pieces_b.keys(),
        key=lambda name: (pieces_a.get(name) or pieces_b[name]).offset,
    )
    rows = [
        _compare_pieces(pieces_a.get(name), pieces_b.get(name))
        for name in names
        if _data(pieces_a.get(name)) != _data(pieces_b.get(name))
    ]
    relations = _relate(a, b)
    return Difference(_conclude(a, b), relations, rows)


def _relate(a: Evidence, b: Evidence) -> list[Row]:
    pairs = [
        ("bytes", a.to_bytes(), b.to_bytes(), "the same file, bit for bit"),
        ("signed region", a.signed, b.signed, "header and body say the same"),
        ("statement", a.statement, b.statement, "the same but for REPORT_DATA"),
        ("signature r", a.signature_r, b.signature_r, "the same secret number was used"),
    ]
    if isinstance(a, Quote) and isinstance(b, Quote):
        pairs += [
            ("attestation key", a.attestation_key, b.attestation_key, "the same key signed"),
            ("certification data", a.certification_data, b.certification_data, "chain as it came"),
        ]
    rows = [
        dict(zip(RELATIONS, (what, left == right, meaning), strict=True))
        for what, left, right, meaning in pairs
    ]
    for name, quote in (("a", a), ("b", b)):
        meaning = f"{name} names no key: whether it is signed, its verdict says"
        if isinstance(quote, Quote):
            meaning = (
                f"{name} is {'' if _is_signed(quote) else 'NOT '}signed by its attestation key"
            )
        rows.append({"what": f"signature of {name}", "same": None, "meaning": meaning})
    return rows


def _conclude(a: Evidence, b: Evidence) -> str:
    if a.to_bytes() == b.to_bytes():
        return "the same quote"
    same_signed = a.signed == b.signed
    same_r = a.signature_r == b.signature_r
    if not (isinstance(a, Quote) and isinstance(b, Quote)):
        return _conclude_reports(same_signed, same_r)
    if not (_is_signed(a) and _is_signed(b)):
        return "at least one is not signed by its attestation key: nothing follows from it"
    same_key = a.attestation_key == b.attestation_key
    if same_key and same_signed and same_r:
        return "one signing event in other bytes: one is the other again, disguised"
    if same_key and same_signed:
        return "the same statement signed anew: nothing fresh was bound in"
    if same_key and same_r:
        return "one key used the same r for other content: its private key can be computed"
    if same_key:
        return "two statements under one attestation key"
    if same_signed:
        return "the same statement under two attestation keys"
    return "two different quotes"


def _conclude_reports(same_signed: bool, same_r: bool) -> str:
    """Of SEV-SNP reports, which carry no key: what holds if both are signed as they say."""
    if same_signed and same_r:
        return "one signing event in other bytes: one is the other again, disguised"
    if same_signed:
        return "the same statement signed anew: nothing fresh was bound in"
    return "two different reports"


def _is_signed(quote: Quote) -> bool:
    return verify_raw(quote.attestation_key, quote.signature, quote.signed)


def _data(piece: Piece | None) -> bytes | None:
    return piece.data if piece else None


def _compare_pieces(a: Piece | None, b: Piece | None) -> Row:
    known = a or b
    assert known is not None
    cover, note = known.cover, ""
    if a is None or b is None:
        note = "only in b" if a is None else "only in a"
    elif known.name in ("signature_s", "qe_signature_s"):
        note = _TWIN if _is_twin(int.from_bytes(a.data), int.from_bytes(b.data)) else ""
    elif known.name == "snp_signature_s":
        both = int.from_bytes(a.data, "little") + int.from_bytes(b.data, "little")
        note = _TWIN if both == P384_ORDER else ""
    elif cover is Cover.structure and known.name.endswith("_size"):
        note = "follows from the length of another part"
    elif cover is Cover.issuers:
        cover, note = _compare_certificates(a.data, b.data)
    else:
        words = [interpret(piece) for piece in (a, b)]
        note = f"{words[0]} → {words[1]}" if any(words) else ""
    return {
        "part": known.part,
        "field": known.name,
        "offset_a": a.offset if a else None,
        "offset_b": b.offset if b else None,
        "bytes": _list_bytes(a.data, b.data) if a and b else None,
        "a": show_value(a) if a else None,
        "b": show_value(b) if b else None,
        "covered_by": str(cover),
        "unsigned": cover in UNSIGNED,
        "note": note,
    }


def _compare_certificates(a: bytes, b: bytes) -> tuple[Cover, str]:
    """What really differs between two PEM certificates: signed part, outer signature, or text."""
    try:
        left, right = _read_certificate(a), _read_certificate(b)
    except EvidenceError as error:
        return Cover.issuers, error.message
    if left.tbs != right.tbs:
        return Cover.issuers, f"other certificates: {left.subject_name} / {right.subject_name}"
    if left.der == right.der:
        return Cover.nothing, f"{left.subject_name}: the same certificate, other text"
    if left.signature == right.signature:
        return (
            Cover.nothing,
            f"{left.subject_name}: the same, outside of the signed part",
        )
    note = f"{left.subject_name}: the same signed part, outer signature "
    try:
        (r, s), (other_r, other_s) = map(decode_dss_signature, (left.signature, right.signature))
    except ValueError:
        return Cover.signature, note + "differs"
    return Cover.signature, note + (_TWIN if r == other_r and _is_twin(s, other_s) else "differs")


def _read_certificate(pem: bytes) -> Certificate:
    return parse_certificate(split_pem(pem)[0][1])


def _is_twin(s: int, other: int) -> bool:
    return s + other == P256_ORDER


def _list_bytes(a: bytes, b: bytes) -> str:
    """Positions that differ within the field, as ranges: `0-3, 17`."""
    places = [n for n in range(min(len(a), len(b))) if a[n] != b[n]]
    if len(a) != len(b):
        places += range(min(len(a), len(b)), max(len(a), len(b)))
    runs = []
    for _, group in groupby(enumerate(places), key=lambda pair: pair[1] - pair[0]):
        run = [place for _, place in group]
        runs.append(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}")
    shown = ", ".join(runs[:_MOST_RUNS])
    return shown if len(runs) <= _MOST_RUNS else f"{shown}, … ({len(places)} bytes)"


_MOST_RUNS = 8


def to_record(difference: Difference) -> Row:
    """The difference as one JSON-ready object."""
    return {
        "conclusion": difference.conclusion,
        "relations": difference.relations,
        "fields": difference.fields,
    }
