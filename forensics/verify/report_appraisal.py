"""The appraisal of SEV-SNP reports: checks N1-N10, from facts and a moment.

The counterpart of `forensics.verify.appraisal` for evidence that has no TCB info and no quoting
enclave: AMD publishes no status for a TCB, so a judgement here has none. What is lacking is the VEK
certificate, or a certificate above it: then N2 to N8 are undetermined, and so is the outcome.
"""

from __future__ import annotations

from forensics.formats.snp import SnpReport
from forensics.formats.structures import (
    SNP_DEBUG_BIT,
    SNP_HOST_VMPL,
    SNP_MIGRATE_BIT,
    SNP_SIGNATURE_ECDSA_P384,
    bit,
    masks_chip_key,
    signing_key,
)
from forensics.formats.vek import generation_of, split_tcb
from forensics.verify.appraisal import Judgement, conclude, format_time
from forensics.verify.archive import NO_TIME, SECOND, Selection
from forensics.verify.checks import (
    NOT_APPLICABLE,
    REPORT_CHECKS,
    Outcome,
    judge,
    lack_time,
    missing,
    skipped,
)
from forensics.verify.facts import CrlFact, EndorsementFact, Results

_VEK = "the VCEK or VLEK certificate of this chip and reported TCB"
_FIRST_WITH_CPUID = 3


def judge_report(
    report: SnpReport,
    endorsement: EndorsementFact | None,
    signature_ok: bool | None,
    selection: Selection,
    moment: int,
) -> Judgement:
    """`signature_ok`: N4 under the key of `endorsement`; `moment` in microseconds, UTC.

    Only the root CRL of `selection` is used: AMD's list of revoked ASKs, where the case has one.
    """
    results: Results = {
        **check_report(report),
        **_check_endorsement(report, endorsement, signature_ok),
    }
    if moment == NO_TIME:
        results = lack_time(REPORT_CHECKS, results)
    else:
        results["N8"] = _check_end(endorsement, selection.root_crl, moment)
        results["T6"] = _check_start(endorsement, moment)
    ordered = {check: results[check] for check in REPORT_CHECKS}
    return Judgement(conclude(results), None, ordered, (), selection)


def check_report(report: SnpReport) -> Results:
    """N1, N9, N10 and A1: what a report shows without its certificate."""
    body = report.body
    policy = report.octets("policy")
    migratable = bit(policy, SNP_MIGRATE_BIT)
    by_host = body["vmpl"] == SNP_HOST_VMPL
    debug = bit(policy, SNP_DEBUG_BIT)
    weak = [
        name
        for name, found in (("MIGRATE_MA set", migratable), ("asked by the host", by_host))
        if found
    ]
    return {
        "N1": _check_form(report),
        "N9": _check_order(report),
        "N10": judge(not weak, "MIGRATE_MA clear, a VMPL", ", ".join(weak) or "kept"),
        "A1": judge(not debug, "DEBUG clear", "set" if debug else "clear"),
    }


def _check_form(report: SnpReport) -> Outcome:
    problems = []
    key_info = report.octets("key_info")
    algorithm = report.body["signature_algo"]
    if algorithm != SNP_SIGNATURE_ECDSA_P384:
        problems.append(f"signature algorithm {int(algorithm)}")
    if signing_key(key_info) not in ("vcek", "vlek"):
        problems.append(f"signing key {signing_key(key_info)}")
    if masks_chip_key(key_info):
        problems.append("MASK_CHIP_KEY set: not signed")
    return judge(not problems, "a signed report of a known form", ", ".join(problems) or "kept")


def _check_order(report: SnpReport) -> Outcome:
    """N9. Without the generation, bytes are compared: no byte holds two components."""
    reported, committed, current, launch = (
        report.octets(name)
        for name in ("reported_tcb", "committed_tcb", "current_tcb", "launch_tcb")
    )
    pairs = (
        ("reported over committed", reported, committed),
        ("committed over current", committed, current),
        ("launch over current", launch, current),
    )
    wrong = [
        name for name, low, high in pairs if any(a > b for a, b in zip(low, high, strict=True))
    ]
    expected = "reported \u2264 committed \u2264 current, launch \u2264 current"
    return judge(not wrong, expected, ", ".join(wrong) or "kept")


def _check_endorsement(
    report: SnpReport, endorsement: EndorsementFact | None, signature_ok: bool | None
) -> Results:
    """N2-N7. What `Endorsers` finds has been read, and its key tried."""
    if endorsement is None:
        names = ("N3", "N4", "N5", "N6", "N7")
        return {"N2": missing(_VEK), **dict.fromkeys(names, skipped("N2"))}
    product, tcb = endorsement.product, endorsement.vek_tcb
    assert product is not None
    assert tcb is not None
    assert signature_ok is not None
    named = signing_key(report.octets("key_info"))
    theirs, ours = split_tcb(tcb, product), split_tcb(report.octets("reported_tcb"), product)
    return {
        "N2": endorsement.results["N2"],
        "N3": judge(named == endorsement.kind, endorsement.kind, named),
        "N4": judge(signature_ok, "signed by the VEK", "valid" if signature_ok else "invalid"),
        "N5": judge(theirs == ours, _show_tcb(theirs), _show_tcb(ours)),
        "N6": _check_chip(report.octets("chip_id"), endorsement.hardware_id),
        "N7": _check_generation(report, product),
    }


def _check_chip(chip_id: bytes, hardware_id: bytes | None) -> Outcome:
    """A VLEK is for no single chip, and a host may mask the chip id with zeros."""
    if hardware_id is None or not any(chip_id):
        return NOT_APPLICABLE
    return judge(chip_id == hardware_id, hardware_id, chip_id)


def _check_generation(report: SnpReport, product: str) -> Outcome:
    if report.version < _FIRST_WITH_CPUID:
        return NOT_APPLICABLE
    cpuid = report.octets("cpuid")
    observed = f"{generation_of(cpuid) or 'unknown'} (CPUID {cpuid.hex()})"
    return judge(generation_of(cpuid) == product, product, observed)


def _check_end(endorsement: EndorsementFact | None, crl: CrlFact | None, moment: int) -> Outcome:
    """N8. AMD's CRL counts from its issue on; what it lists stays revoked when it has expired."""
    if endorsement is None:
        return skipped("N2")
    end = endorsement.not_after
    assert end is not None
    expected = f"until {format_time(end)}, CA not revoked"
    observed = format_time(moment)
    listed = crl.revoked if crl and crl.authentic and crl.this_update <= moment else None
    if listed is not None and endorsement.ca_serial in listed:
        return judge(False, expected, f"{observed}, CA revoked")
    observed += ", no CRL" if listed is None else ""
    return judge(moment < end + SECOND, expected, observed)


def _check_start(endorsement: EndorsementFact | None, moment: int) -> Outcome:
    """T6. AMD's key service dates a certificate by the request: a later one is no forgery."""
    if endorsement is None:
        return skipped("N2")
    start = endorsement.not_before
    assert start is not None
    return judge(start <= moment, f"from {format_time(start)}", format_time(moment))


def _show_tcb(components: dict[str, int]) -> str:
    return " ".join(f"{name} {value}" for name, value in components.items())
