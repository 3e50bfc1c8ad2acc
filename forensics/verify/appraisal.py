"""The appraisal: facts of a subject and of collateral, joined with a moment, give a judgement.

No signature is verified here. Every check of quotes gets an outcome, each computed on its own;
the judgement follows from them:

* *rejected*: a check of Intel's verifier failed that more or newer collateral could not mend;
* *undetermined*: only coverage is lacking: no document, none in force (T2-T5), or no moment;
* *accepted*: every check of Intel's verifier passed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from forensics.formats.collateral import EnclaveIdentity, TcbInfo, TdxModule
from forensics.verify.archive import LAST_SECOND, NO_TIME, SECOND, Selection
from forensics.verify.checks import (
    NOT_APPLICABLE,
    QUOTE_CHECKS,
    STRICT,
    Outcome,
    judge,
    lack_time,
    missing,
    skipped,
)
from forensics.verify.facts import (
    CertificationFact,
    ChainFact,
    CrlFact,
    DocumentFact,
    Results,
    SignerFact,
    Subject,
)
from forensics.verify.tcb import (
    NOT_SUPPORTED,
    REVOKED,
    Platform,
    TcbEvaluation,
    TdxTcb,
    evaluate_qe,
    evaluate_tcb,
    select_module,
)

COVERAGE = frozenset(("T2", "T3", "T4", "T5"))

TcbInfoReader = Callable[[DocumentFact], TcbInfo]
IdentityReader = Callable[[DocumentFact], EnclaveIdentity]


@dataclass(frozen=True)
class Judgement:
    """What one subject is worth at one moment under one selection of collateral.

    `status` is Intel's TCB status where the quote is accepted, or `Revoked`. `results` has one
    outcome for every check of that kind of evidence, in the order of `CHECKS`.
    """

    outcome: str
    status: str | None
    results: Results
    advisory_ids: tuple[str, ...]
    selection: Selection

    @property
    def failed_checks(self) -> list[str]:
        return [c for c, o in self.results.items() if o[0] == "fail" and c not in STRICT]

    @property
    def undetermined_checks(self) -> list[str]:
        return [c for c, o in self.results.items() if o[0] == "error" and c not in STRICT]

    @property
    def strict_failures(self) -> list[str]:
        return [c for c, o in self.results.items() if o[0] == "fail" and c in STRICT]


class Appraiser:
    """Judges subjects. The two readers parse a document's body; callers cache them."""

    def __init__(self, read_tcb_info: TcbInfoReader, read_identity: IdentityReader) -> None:
        self._read_tcb_info = read_tcb_info
        self._read_identity = read_identity

    def judge(
        self,
        subject: Subject,
        certification: CertificationFact,
        chain: ChainFact,
        selection: Selection,
        moment: int,
    ) -> Judgement:
        """`moment` is in microseconds since the epoch, UTC; `NO_TIME` for what has no time."""
        results: Results = {**subject.results, **chain.results, **certification.results}
        if moment == NO_TIME:
            results = lack_time(QUOTE_CHECKS, results)
            return Judgement(conclude(results), None, results, (), selection)
        results |= _check_revocation(chain, selection, moment)
        results |= _check_documents(selection)
        results |= _check_time(chain, selection, moment)
        info = self._usable_tcb_info(selection.tcb_info)
        identity = self._usable_identity(selection.qe_identity)
        results |= _check_match(subject, chain, selection.tcb_info)
        results |= _check_module(subject, info)
        results |= _check_enclave(certification, identity, subject.tee)
        evaluation, advisories = _evaluate(subject, certification, chain, info, identity, results)
        results |= _check_levels(subject, evaluation, results)
        status = evaluation.status if evaluation else None
        if not all(document and document.authentic for document in _list_documents(selection)):
            status, advisories = None, ()  # anybody may have written them
        outcome = conclude(results, _excuse(selection, moment, evaluation))
        if outcome != "accepted" and (outcome, status) != ("rejected", REVOKED):
            status = None
        ordered = {check: results[check] for check in QUOTE_CHECKS}
        return Judgement(outcome, status, ordered, advisories, selection)

    def _usable_tcb_info(self, document: DocumentFact | None) -> TcbInfo | None:
        if document is None or document.results["S3"][0] != "pass":
            return None
        return self._read_tcb_info(document)

    def _usable_identity(self, document: DocumentFact | None) -> EnclaveIdentity | None:
        if document is None or document.results["S5"][0] != "pass":
            return None
        return self._read_identity(document)


def _list_documents(selection: Selection) -> tuple[DocumentFact | None, DocumentFact | None]:
    return selection.tcb_info, selection.qe_identity


def _list_signers(selection: Selection) -> list[SignerFact]:
    return [d.signer for d in _list_documents(selection) if d is not None and d.signer is not None]


def _check_revocation(chain: ChainFact, selection: Selection, moment: int) -> Results:
    if chain.ca_serial is None or chain.pck_serial is None:
        return dict.fromkeys(("R1", "R2", "R3", "R4", "S2"), skipped("P1"))
    root_crl, pck_crl = selection.root_crl, selection.pck_crl
    signers = {signer.serial for signer in _list_signers(selection)}
    return {
        "R1": _check_crl(root_crl, chain.root_key, "a CRL of the root CA"),
        "R2": _check_crl(pck_crl, chain.ca_key, f"a CRL of {chain.ca_name}"),
        "R3": _check_serials(root_crl, {chain.ca_serial}, "R1", moment),
        "R4": _check_serials(pck_crl, {chain.pck_serial}, "R2", moment),
        "S2": _check_serials(root_crl, signers, "R1", moment),
    }


def _check_crl(crl: CrlFact | None, issuer_key: bytes | None, what: str) -> Outcome:
    if crl is None:
        return missing(what)
    if not crl.complete:
        return judge(False, "CRLNumber and AuthorityKeyIdentifier", "not both")
    signed = crl.issuer_key is not None and crl.issuer_key == issuer_key
    return judge(signed, f"signed by {crl.issuer_name}", "valid" if signed else "invalid")


def _check_serials(crl: CrlFact | None, serials: set[str], lacking: str, moment: int) -> Outcome:
    """A list issued after the moment may name what was not revoked yet: T2 prevents the check."""
    if crl is None:
        return skipped(lacking)
    listed = sorted(serials & crl.revoked)
    if listed and moment < crl.this_update:
        return skipped(f"T2: listed from {format_time(crl.this_update)} on")
    shown = ", ".join(sorted(serials))
    return judge(not listed, f"{shown} not listed", f"{', '.join(listed) or 'not'} listed")


def _check_documents(selection: Selection) -> Results:
    info, identity = selection.tcb_info, selection.qe_identity
    return {
        "S1": _worse(
            info.results["S1"] if info else missing("TCB info"),
            identity.results["S1"] if identity else missing("QE identity"),
        ),
        "S3": info.results["S3"] if info else missing("TCB info for this FMSPC and TEE"),
        "S4": info.results["S4"] if info else missing("TCB info for this FMSPC and TEE"),
        "S5": identity.results["S5"] if identity else missing("QE identity for this TEE"),
        "S6": identity.results["S6"] if identity else missing("QE identity for this TEE"),
    }


def _worse(first: Outcome, second: Outcome) -> Outcome:
    return first if first[0] in ("fail", "error") else second


def _check_time(chain: ChainFact, selection: Selection, moment: int) -> Results:
    info, identity = selection.tcb_info, selection.qe_identity
    signing = [signer.not_after for signer in _list_signers(selection)]
    evaluation = [d.outline.evaluation_number if d else None for d in (info, identity)]
    return {
        "T1": skipped("P1") if chain.not_after is None else _check_end(chain.not_after, moment),
        "T2": _check_crl_time(selection, moment),
        "T3": _check_end(min(signing), moment) if signing else skipped("S1"),
        "T4": _check_expiry(info, moment, "TCB info") if info else skipped("S3"),
        "T5": _check_expiry(identity, moment, "QE identity") if identity else skipped("S5"),
        "T6": _check_start(chain, selection, moment),
        "T7": skipped("S3, S5")
        if None in evaluation
        else judge(evaluation[0] == evaluation[1], evaluation[0], evaluation[1]),
    }


def _check_expiry(document: DocumentFact, moment: int, what: str) -> Outcome:
    end = document.outline.expires_at
    if end is None:
        return judge(False, f"{what} in force", "no end of validity")
    return _check_end(end, moment)


def _check_end(end: int, moment: int) -> Outcome:
    return judge(moment < end + SECOND, f"until {format_time(end)}", format_time(moment))


def _check_crl_time(selection: Selection, moment: int) -> Outcome:
    crls = (selection.root_crl, selection.pck_crl)
    known = [crl for crl in crls if crl]
    if len(known) < 2:
        return skipped("R1" if crls[0] is None else "R2")
    start = max(crl.this_update for crl in known)
    ends = [crl.next_update for crl in known if crl.next_update is not None]
    if len(ends) < len(known):
        return judge(False, "CRLs with nextUpdate", "no nextUpdate")
    expected = f"{format_time(start)} to {format_time(min(ends))}"
    return judge(start <= moment < min(ends) + SECOND, expected, format_time(moment))


def _check_start(chain: ChainFact, selection: Selection, moment: int) -> Outcome:
    starts = [chain.not_before, *(signer.not_before for signer in _list_signers(selection))]
    starts += [document.outline.issued_at for document in _list_documents(selection) if document]
    latest = max((start for start in starts if start is not None), default=None)
    if latest is None:
        return skipped("P1")
    return judge(latest <= moment, f"from {format_time(latest)}", format_time(moment))


def _check_match(subject: Subject, chain: ChainFact, document: DocumentFact | None) -> Results:
    if document is None:
        return dict.fromkeys(("M1", "M2", "M3"), skipped("S3"))
    outline = document.outline
    first = judge(outline.id.lower() == subject.tee, subject.tee, outline.id)
    if chain.fmspc is None:
        return {"M1": first, "M2": skipped("P6"), "M3": skipped("P6")}
    return {
        "M1": first,
        "M2": judge(outline.fmspc == chain.fmspc, chain.fmspc, outline.fmspc or b""),
        "M3": judge(outline.pce_id == chain.pce_id, chain.pce_id, outline.pce_id or b""),
    }


def _check_module(subject: Subject, info: TcbInfo | None) -> Results:
    """D1-D3. QVL ignores the attribute mask and wants zero (QuoteVerifier.cpp)."""
    names = ("D1", "D2", "D3")
    if subject.tee_tcb_svn is None:
        return dict.fromkeys(names, NOT_APPLICABLE)
    if info is None or info.module is None:
        return dict.fromkeys(names, skipped("S3"))
    version = subject.tee_tcb_svn[1]
    module: TdxModule | None = info.module
    first = NOT_APPLICABLE
    if version > 0:
        module = select_module(info, version)
        first = judge(module is not None, f"TDX_{version:02X}", "present" if module else "absent")
    if module is None:
        return {"D1": first, "D2": skipped("D1"), "D3": skipped("D1")}
    signer, attributes = subject.mrsigner_seam, subject.seam_attributes
    zero = bytes(len(module.attributes))
    wanted = module.attributes if attributes == zero else zero
    return {
        "D1": first,
        "D2": judge(signer == module.mrsigner, module.mrsigner, signer),
        "D3": judge(attributes == wanted, wanted, attributes),
    }


def _check_enclave(
    certification: CertificationFact, identity: EnclaveIdentity | None, tee: str
) -> Results:
    if identity is None:
        return dict.fromkeys(("E1", "E2", "E3", "E4", "E5", "E6"), skipped("S5"))
    wanted = "TD_QE" if tee == "tdx" else "QE"
    misc_select = certification.qe_misc_select.to_bytes(4, "little")
    masked_misc = _mask(misc_select, identity.misc_select_mask)
    masked_attributes = _mask(certification.qe_attributes, identity.attributes_mask)
    status, level = evaluate_qe(identity, certification.qe_isv_svn)
    shown = f"{certification.qe_isv_svn}: {status}"
    return {
        "E1": judge(identity.outline.id == wanted, wanted, identity.outline.id),
        "E2": judge(masked_misc == identity.misc_select, identity.misc_select, masked_misc),
        "E3": judge(
            masked_attributes == identity.attributes, identity.attributes, masked_attributes
        ),
        "E4": judge(
            certification.qe_mrsigner == identity.mrsigner,
            identity.mrsigner,
            certification.qe_mrsigner,
        ),
        "E5": judge(
            certification.qe_isv_prodid == identity.isv_prodid,
            identity.isv_prodid,
            certification.qe_isv_prodid,
        ),
        "E6": judge(level is not None and status != REVOKED, "a level that is not revoked", shown),
    }


def _mask(value: bytes, mask: bytes) -> bytes:
    return bytes(have & keep for have, keep in zip(value, mask, strict=True))


def _evaluate(
    subject: Subject,
    certification: CertificationFact,
    chain: ChainFact,
    info: TcbInfo | None,
    identity: EnclaveIdentity | None,
    results: Results,
) -> tuple[TcbEvaluation | None, tuple[str, ...]]:
    """The converged status with the advisories of platform, module and quoting enclave."""
    matched = all(results[check][0] == "pass" for check in ("M1", "M2", "M3"))
    modules = all(results[check][0] in ("pass", "not_applicable") for check in ("D1", "D2", "D3"))
    if info is None or identity is None or not (matched and modules):
        return None, ()
    assert chain.tcb_components is not None  # beside the FMSPC, which matched
    assert chain.pce_svn is not None
    platform = Platform(chain.tcb_components, chain.pce_svn)
    tdx = None
    if subject.tee_tcb_svn is not None:
        tdx = TdxTcb(subject.tee_tcb_svn, subject.tee_tcb_svn_2)
    qe_status, qe_level = evaluate_qe(identity, certification.qe_isv_svn)
    evaluation = evaluate_tcb(info, platform, tdx, qe_status)
    levels = (evaluation.level, evaluation.module_level, qe_level)
    advisories = {name for level in levels if level for name in level.advisory_ids}
    return evaluation, tuple(sorted(advisories))


def _check_levels(subject: Subject, evaluation: TcbEvaluation | None, results: Results) -> Results:
    selected, other = ("V1", "V2") if subject.tee == "sgx" else ("V2", "V1")
    if evaluation is None:
        needed = ("S3", "S5", "P6", "M1", "M2", "M3", "D1", "D2", "D3")
        lacking = next((check for check in needed if _stops(results, check)), "S3")
        return {selected: skipped(lacking), other: NOT_APPLICABLE, "V3": skipped(lacking)}
    reached = evaluation.level is not None and (
        evaluation.module_level is not None
        or subject.tee_tcb_svn is None
        or subject.tee_tcb_svn[1] == 0
    )
    return {
        selected: judge(reached, "a TCB level that the platform reaches", evaluation.note),
        other: NOT_APPLICABLE,
        "V3": judge(not evaluation.terminal, "not Revoked", evaluation.status),
    }


def _stops(results: Results, check: str) -> bool:
    return results[check][0] in ("fail", "error", "skipped")


_BY_TCB_INFO = frozenset(("M1", "M2", "M3", "D1", "D2", "D3", "V1", "V2"))
_BY_IDENTITY = frozenset(("E1", "E2", "E3", "E4", "E5", "E6"))


def _excuse(selection: Selection, moment: int, evaluation: TcbEvaluation | None) -> frozenset[str]:
    """Checks whose failure other collateral may mend, because the document they fail by is not in
    force.

    A newer TCB info or identity may contradict an expired one, but for a revocation, which stays.
    The one in force at the moment need not say what one issued after it says; and where the signer
    is not known, perhaps nobody said it at all.
    """
    excused: set[str] = set()
    standing = False  # does a document say against the quote what no other may take back?
    words = (evaluation.platform_status, evaluation.qe_status) if evaluation else (None, None)
    by_document = zip(_list_documents(selection), (_BY_TCB_INFO, _BY_IDENTITY), words, strict=True)
    for document, checks, word in by_document:
        if document is None:
            continue
        issued, expires = document.outline.issued_at, document.outline.expires_at
        early = issued is not None and moment < issued
        said = not early and document.results["S1"][0] != "error"
        in_force = said and expires is not None and moment < expires + SECOND
        if not in_force:
            excused |= checks
        standing |= (said and word == REVOKED) or (in_force and word == NOT_SUPPORTED)
    return frozenset(excused if standing else {*excused, "V3"})


def conclude(results: Results, excused: Collection[str] = ()) -> str:
    """The outcome that the checks of the vendor's verifier give.

    A failure of `excused` checks leaves the outcome undetermined, as those of coverage do.
    """
    told = {c: o[0] for c, o in results.items() if c not in STRICT}
    failed = {check for check, result in told.items() if result == "fail"}
    if failed - COVERAGE - frozenset(excused):
        return "rejected"
    lacking = any(result in ("error", "skipped") for result in told.values())
    return "undetermined" if failed or lacking else "accepted"


@lru_cache(maxsize=4096)  # many subjects share a few moments
def format_time(moment: int) -> str:
    """RFC 3339 with whole seconds, UTC; a time outside 1970 to 9999 becomes their edge."""
    seconds = min(max(moment // SECOND, 0), LAST_SECOND)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
