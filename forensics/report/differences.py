"""In which bytes two quotes of one signing event differ, part by part.

None of these bytes is protected by the signature over the quote: that is why they could be changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from forensics.formats.evidence import Evidence, parse_evidence
from forensics.formats.snp import SnpReport
from forensics.verify.amd_signatures import P384_ORDER
from forensics.verify.signatures import P256_ORDER

if TYPE_CHECKING:
    from forensics.case.case import Case

MOST_QUOTES: Final = 20  # of one finding; of a replay in more disguises these say enough
_SHOWN: Final = 32  # bytes of each side


@dataclass(frozen=True, slots=True)
class Difference:
    """One part that differs. `offset` is where, in the part; `first` and `second` are hex.

    What both parts begin and end with is left out; of long stretches the beginning is shown, the
    sizes are those of the whole stretches.
    """

    part: str
    offset: int
    first_size: int
    second_size: int
    first: str
    second: str
    note: str


def find_differences(case: Case, finding: Mapping[str, Any]) -> list[dict[str, object]]:
    """For a finding about disguised quotes: each against the original. Empty for any other."""
    details = json.loads(finding["details"])
    original, disguised = details.get("original_quote"), details.get("disguised_quotes")
    if not isinstance(original, str) or not isinstance(disguised, list):
        return []
    first = parse_evidence(case.quote_bytes(bytes.fromhex(original)))
    return [
        {"quote_id": identity}
        | {name: getattr(difference, name) for name in Difference.__dataclass_fields__}
        for identity in disguised[:MOST_QUOTES]
        for difference in compare_quotes(
            first, parse_evidence(case.quote_bytes(bytes.fromhex(identity)))
        )
    ]


def compare_quotes(first: Evidence, second: Evidence) -> Iterator[Difference]:
    """The parts in which two quotes differ, in the order of the format."""
    others = dict(_name_parts(second))
    for part, data in _name_parts(first):
        other = others.get(part, b"")
        if data != other:
            yield _describe(part, data, other)


def _name_parts(quote: Evidence) -> Iterator[tuple[str, bytes]]:
    yield "signed_region", quote.signed
    yield "quote_signature_r", quote.signature_r
    yield "quote_signature_s", quote.signature_s
    if isinstance(quote, SnpReport):
        yield "unsigned_bytes", quote.slack
        yield "trailing_bytes", quote.trailing
        return
    yield "attestation_key", quote.attestation_key
    yield "qe_report", quote.qe_report
    yield "qe_signature_r", quote.qe_signature[:32]
    yield "qe_signature_s", quote.qe_signature[32:]
    yield "qe_auth_data", quote.qe_auth_data
    yield "certification_data", quote.certification_data
    yield "outer_slack", quote.outer_slack
    yield "slack", quote.slack
    yield "trailing_bytes", quote.trailing


def _describe(part: str, first: bytes, second: bytes) -> Difference:
    shorter = min(len(first), len(second))
    offset = next((i for i in range(shorter) if first[i] != second[i]), shorter)
    rest = shorter - offset
    tail = next((i for i in range(rest) if first[-1 - i] != second[-1 - i]), rest)
    left, right = first[offset : len(first) - tail], second[offset : len(second) - tail]
    orders = (P256_ORDER, P384_ORDER)
    flipped = part.endswith("_s") and sum(map(_number, (first, second))) in orders
    return Difference(
        part,
        offset,
        len(left),
        len(right),
        left[:_SHOWN].hex(),
        right[:_SHOWN].hex(),
        "n - s: both verify" if flipped else "",
    )


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")
