"""Which VEK certificate a report is checked against, and whether its key signed the report (N4).

A report names its chip and the TCB that its key was derived for, and so does the certificate. The
key that verifies counts, trusted chains first. A signature that fails is only held against the
report where the very certificate for that chip and TCB is known and trusted: otherwise the right
one may be missing, and a made-up certificate must not make a report look forged.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from forensics.formats.snp import SnpReport
from forensics.formats.structures import signing_key
from forensics.verify.amd_signatures import verify_p384
from forensics.verify.facts import EndorsementFact

MAX_ATTEMPTS = 32  # keys tried on one report that names no known chip

_Claim = tuple[bytes, bytes, str]  # chip id, reported TCB, kind of key


@dataclass(frozen=True, slots=True)
class Endorsed:
    """The certificate that a report is checked against, and N4 under its key; None: none fits."""

    endorsement_id: bytes | None
    signature_ok: bool | None


NOBODY = Endorsed(None, None)


class Endorsers:
    """The VEK certificates of a case, ready to be asked for any report."""

    def __init__(self, endorsements: Iterable[EndorsementFact]) -> None:
        usable = [e for e in endorsements if e.vek_key is not None and e.kind is not None]
        # Several certificates for one key differ in their chains: the trusted one is tried first.
        self._endorsements = sorted(usable, key=lambda e: (not e.trusted, e.endorsement_id))
        self._candidates: dict[_Claim, list[EndorsementFact]] = {}

    def find(
        self,
        report: SnpReport,
        earlier: Endorsed = NOBODY,
        fresh: Collection[bytes] | None = None,
    ) -> Endorsed:
        """Check a report against the certificates, or only against those in `fresh` where given.

        `earlier` is what the others gave: no signature is verified twice under one key. Those in
        `fresh` are new, or have become trusted; what was found earlier may still come before them.
        """
        claim = _read_claim(report)
        for candidate in self._list_candidates(claim):
            known = candidate.endorsement_id == earlier.endorsement_id
            if earlier.signature_ok and (known or not candidate.trusted):
                break  # no other can be better
            tried = fresh is not None and candidate.endorsement_id not in fresh
            if not tried and _signs(candidate, report):
                return Endorsed(candidate.endorsement_id, True)
            if candidate.trusted and _is_exact(candidate, claim):
                return Endorsed(candidate.endorsement_id, False)
        return earlier

    def _list_candidates(self, claim: _Claim) -> list[EndorsementFact]:
        """Of this chip and TCB, of this chip, then of this TCB; trusted ones first in each."""
        known = self._candidates.get(claim)
        if known is None:
            ranked = [(_rank(e, claim), e) for e in self._endorsements]
            near = [(rank, e) for rank, e in ranked if rank < _FAR]
            near.sort(key=lambda pair: pair[0])  # stable: trusted ones stay first
            known = self._candidates[claim] = [e for _, e in near[:MAX_ATTEMPTS]]
        return known


_FAR = 3


def _read_claim(report: SnpReport) -> _Claim:
    kind = signing_key(report.octets("key_info"))
    return report.octets("chip_id"), report.octets("reported_tcb"), kind


def _rank(endorsement: EndorsementFact, claim: _Claim) -> int:
    if _is_exact(endorsement, claim):
        return 0
    chip, tcb, kind = claim
    if endorsement.hardware_id == chip:
        return 1
    if endorsement.vek_tcb == tcb or (kind == "vlek" and endorsement.kind == "vlek"):
        return 2
    return _FAR


def _is_exact(endorsement: EndorsementFact, claim: _Claim) -> bool:
    chip, tcb, kind = claim
    return (endorsement.hardware_id, endorsement.vek_tcb, endorsement.kind) == (chip, tcb, kind)


def _signs(endorsement: EndorsementFact, report: SnpReport) -> bool:
    assert endorsement.vek_key is not None
    return verify_p384(endorsement.vek_key, report.signature, report.signed)
