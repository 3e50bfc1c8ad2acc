"""Evidence that is in no case: proven and judged in memory, and nothing is stored.

`bench` is that of a case whose collateral judges it. Without one there is no collateral, and what
needs some stays undetermined.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from forensics.case.facts import Candidate, make_subject
from forensics.formats.quote import CERTIFICATION_PCK_CHAIN, Quote
from forensics.formats.snp import SnpReport
from forensics.formats.structures import SGX_REPORT, TD_REPORT_15
from forensics.formats.times import to_microseconds
from forensics.verify.appraisal import Appraiser, Judgement
from forensics.verify.archive import Archive
from forensics.verify.certification import prove_certification
from forensics.verify.chain import prove_chain, unproven_chain
from forensics.verify.facts import CertificationFact, ChainFact, Subject
from forensics.verify.report_appraisal import judge_report
from forensics.verify.report_signature import Endorsed
from forensics.verify.signatures import verify_raw

if TYPE_CHECKING:
    from forensics.case.judgements import Bench

_NO_FIELDS: Final = dict.fromkeys((*SGX_REPORT.names, *TD_REPORT_15.names))


def judge_loose(
    quote: Quote, anchors: Collection[bytes], moment: datetime, bench: Bench | None
) -> Judgement:
    """Prove everything about one quote and judge it; `anchors` are root public keys `X ‖ Y`."""
    chained = quote.certification_type == CERTIFICATION_PCK_CHAIN
    data = quote.certification_data
    chain = prove_chain(data, anchors) if chained else unproven_chain(data)
    certification = prove_loose_certification(quote, chain)
    valid = verify_raw(quote.attestation_key, quote.signature, quote.signed)
    subject = make_loose_subject(quote, valid)
    at = to_microseconds(moment)
    if bench is not None:
        return bench.judge(Candidate(subject, certification, chain), at)
    selection = Archive([], []).context(chain, quote.tee).select(at)
    return _NO_COLLATERAL.judge(subject, certification, chain, selection, at)


def judge_loose_report(
    report: SnpReport, endorsed: Endorsed, moment: datetime, bench: Bench | None
) -> Judgement:
    """Judge a report under the certificate that the case has for it, if any."""
    at = to_microseconds(moment)
    if bench is not None:
        return bench.judge_report(report, endorsed, at)
    selection = Archive([], []).context(None, report.tee).select(at)
    return judge_report(report, None, None, selection, at)


def make_loose_subject(quote: Quote, signature_ok: bool) -> Subject:
    """The subject that a case would make of the quote; `signature_ok`: K5."""
    return make_subject(
        _NO_FIELDS
        | quote.header
        | quote.body
        | {
            "subject_no": 0,
            "tee": quote.tee,
            "certification_id": b"",
            "certification_type": quote.certification_type,
            "outer_certification_type": quote.outer_certification_type,
            "outer_slack_size": len(quote.outer_slack),
            "signature_ok": signature_ok,
        }
    )


def prove_loose_certification(quote: Quote, chain: ChainFact) -> CertificationFact:
    parts = (quote.attestation_key, quote.qe_report, quote.qe_signature, quote.qe_auth_data)
    return prove_certification(b"", *parts, chain)


def _unreachable(_document: object) -> Any:
    raise AssertionError("an empty archive selects no document")


_NO_COLLATERAL: Final = Appraiser(_unreachable, _unreachable)
