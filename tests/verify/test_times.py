"""The edges of time, as Intel's library has them: equality is in force, a second later is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from forensics.formats.der import iterate_elements, read_exactly
from forensics.simulate import collateral as col
from forensics.simulate import keys, pki
from forensics.simulate.certificates import Identity, chain_pem
from forensics.simulate.sgx_extension import encode_length
from forensics.verify.appraisal import format_time

EDGE = datetime(2026, 1, 10, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)


START = datetime(2018, 5, 21, tzinfo=UTC)
END = datetime(2033, 5, 21, tzinfo=UTC)


def _pck_chain(kit: Any, start: datetime, end: datetime) -> Any:
    return kit.sgx_evidence(kit.pck(validity=(start, end)))


def _ca(kit: Any, start: datetime, end: datetime) -> Any:
    return kit.sgx_evidence(ca=kit.ca(validity=(start, end)))


def _root(kit: Any, start: datetime, end: datetime) -> Any:
    return kit.sgx_evidence(root=kit.root(validity=(start, end)))


def _signer(kit: Any, start: datetime, end: datetime) -> Any:
    spec = kit.respec(kit.pki.tcb_signing, validity=(start, end))
    chain = chain_pem(Identity.issue(spec).der, kit.pki.root.der)
    return kit.evidence().bend_collateral(
        tcb_info_issuer_chain=chain, qe_identity_issuer_chain=chain
    )


def _tcb_info(kit: Any, start: datetime, end: datetime) -> Any:
    return kit.evidence(collateral=kit.collateral(tcb_overrides=_dates(start, end)))


def _qe_identity(kit: Any, start: datetime, end: datetime) -> Any:
    return kit.evidence(collateral=kit.collateral(qe_overrides=_dates(start, end)))


def _dates(start: datetime, end: datetime) -> dict[str, str]:
    return {"issueDate": col.format_time(start), "nextUpdate": col.format_time(end)}


def _pck_crl(kit: Any, start: datetime, end: datetime) -> Any:
    crl = pki.build_crl(kit.pki.platform_ca, this_update=start, next_update=end)
    return kit.evidence().bend_collateral(pck_crl=crl)


def _root_crl(kit: Any, start: datetime, end: datetime) -> Any:
    crl = pki.build_crl(kit.pki.root, this_update=start, next_update=end)
    return kit.evidence().bend_collateral(root_ca_crl=crl)


def without_end(crl: bytes, key: keys.PrivateKey) -> bytes:
    """The same list without nextUpdate, which is optional (RFC 5280 5.1.2.5), signed again."""
    (_, tbs), (_, algorithm), _ = iterate_elements(read_exactly(crl, 0x30))
    elements = list(iterate_elements(tbs))
    assert elements[4][0] == 0x17  # UTCTime, as elements[3]
    del elements[4]
    body = element(0x30, b"".join(element(tag, contents) for tag, contents in elements))
    signature = keys.signature_to_der(keys.sign(key, body))
    return element(0x30, body + element(0x30, algorithm) + element(3, b"\0" + signature))


def element(tag: int, contents: bytes) -> bytes:
    return bytes((tag,)) + encode_length(len(contents)) + contents


@dataclass(frozen=True)
class Edge:
    """What fails beyond it, and the outcome there; all else is in force on both sides."""

    check: str
    forge: Callable[[Any, datetime, datetime], Any]
    outcome: str
    starts: bool

    def __str__(self) -> str:
        return f"{self.check}{self.forge.__name__}"

    def build(self, kit: Any, moment: datetime) -> Any:
        """Evidence of which one thing begins, or ends, at the moment."""
        return self.forge(kit, *((moment, END) if self.starts else (START, moment)))


ENDS = (
    Edge("T1", _pck_chain, "rejected", starts=False),
    Edge("T1", _ca, "rejected", starts=False),
    Edge("T1", _root, "rejected", starts=False),
    Edge("T2", _pck_crl, "undetermined", starts=False),
    Edge("T2", _root_crl, "undetermined", starts=False),
    Edge("T3", _signer, "undetermined", starts=False),
    Edge("T4", _tcb_info, "undetermined", starts=False),
    Edge("T5", _qe_identity, "undetermined", starts=False),
)
STARTS = (  # QVL looks at the beginning of CRLs only; T6 is ours, and strict
    Edge("T6", _pck_chain, "accepted", starts=True),
    Edge("T6", _ca, "accepted", starts=True),
    Edge("T6", _root, "accepted", starts=True),
    Edge("T2", _pck_crl, "undetermined", starts=True),
    Edge("T2", _root_crl, "undetermined", starts=True),
    Edge("T6", _signer, "accepted", starts=True),
    Edge("T6", _tcb_info, "accepted", starts=True),
    Edge("T6", _qe_identity, "accepted", starts=True),
)


@pytest.mark.parametrize("end", ENDS, ids=str)
def test_the_moment_of_expiry_is_in_force(kit: Any, end: Edge) -> None:
    evidence = end.build(kit, EDGE)

    for moment in (EDGE - SECOND, EDGE, EDGE + SECOND - TICK):
        assert evidence.judge(moment).outcome == "accepted"


@pytest.mark.parametrize("end", ENDS, ids=str)
def test_a_second_after_expiry_is_not(kit: Any, end: Edge) -> None:
    judgement = end.build(kit, EDGE).judge(EDGE + SECOND)

    assert judgement.failed_checks == [end.check]
    assert judgement.outcome == end.outcome
    assert judgement.status is None


@pytest.mark.parametrize("start", STARTS, ids=str)
def test_everything_begins_at_its_moment(kit: Any, start: Edge) -> None:
    evidence = start.build(kit, EDGE)
    before, at = evidence.judge(EDGE - TICK), evidence.judge(EDGE)

    assert [*before.failed_checks, *before.strict_failures] == [start.check]
    assert before.outcome == start.outcome
    assert (at.outcome, at.failed_checks, at.strict_failures) == ("accepted", [], [])


def test_what_a_crl_lists_counts_from_its_moment_on(kit: Any) -> None:
    """Before it, T2 prevents only the check of what is listed."""
    crl = kit.crl(kit.pki.platform_ca, start=EDGE, revoked=(kit.pck().spec.serial,))
    evidence = kit.evidence().bend_collateral(pck_crl=crl)
    before, at = evidence.judge(EDGE - TICK), evidence.judge(EDGE)

    told = {check: before.results[check][0] for check in ("R3", "R4", "S2", "T2")}
    assert told == {"R3": "pass", "R4": "skipped", "S2": "pass", "T2": "fail"}
    assert (before.outcome, at.outcome) == ("undetermined", "rejected")
    assert at.failed_checks == ["R4"]


def test_what_a_document_says_counts_from_its_moment_on(kit: Any) -> None:
    """Before it, another was in force that may not have revoked the platform."""
    dates = {"tcb_overrides": _dates(EDGE, END)}
    evidence = kit.evidence(
        collateral=kit.collateral(levels=(kit.level(status="Revoked"),), **dates)
    )
    before, at = evidence.judge(EDGE - TICK), evidence.judge(EDGE)

    assert (before.outcome, before.failed_checks) == ("undetermined", ["V3"])
    assert (at.outcome, at.status, at.failed_checks) == ("rejected", "Revoked", ["V3"])


def test_what_a_document_says_counts_until_its_end(kit: Any) -> None:
    dates = {"tcb_overrides": _dates(START, EDGE)}
    evidence = kit.evidence(collateral=kit.collateral(levels=(kit.level(pce_svn=14),), **dates))
    last, after = evidence.judge(EDGE + SECOND - TICK), evidence.judge(EDGE + SECOND)

    assert (last.outcome, last.failed_checks) == ("rejected", ["V1", "V3"])
    assert (after.outcome, after.failed_checks) == ("undetermined", ["T4", "V1", "V3"])


def test_both_crls_are_in_force_while_each_is(kit: Any) -> None:
    evidence = _pck_crl(kit, START, EDGE)
    expected = "2026-01-01T00:00:00Z to 2026-01-10T12:00:00Z"

    assert evidence.judge(EDGE).results["T2"] == ("pass", expected, "2026-01-10T12:00:00Z")


def test_a_crl_of_the_future_that_lists_others_prevents_no_check(kit: Any) -> None:
    evidence = _pck_crl(kit, EDGE, END)

    assert evidence.judge(EDGE - TICK).results["R4"][0] == "pass"


@pytest.mark.parametrize("which", ["pck_crl", "root_ca_crl"])
def test_a_crl_without_an_end_covers_no_moment(kit: Any, which: str) -> None:
    issuer = kit.pki.platform_ca if which == "pck_crl" else kit.pki.root
    endless = without_end(kit.crl(issuer), issuer.key)
    judgement = kit.evidence().bend_collateral(**{which: endless}).judge()

    assert judgement.failed_checks == ["T2"]
    assert judgement.results["T2"][1:] == ("CRLs with nextUpdate", "no nextUpdate")


def test_expired_collateral_hides_what_only_newer_could_mend(kit: Any) -> None:
    """A platform below every level of an expired TCB info: a later one might list it."""
    collateral = kit.collateral(levels=(kit.level(pce_svn=14),))
    evidence = kit.evidence(collateral=collateral)

    assert evidence.judge().outcome == "rejected"
    assert evidence.judge(kit.ISSUED + timedelta(days=31)).outcome == "undetermined"


EXPIRED = {"nextUpdate": "2026-01-02T00:00:00Z"}


@pytest.mark.parametrize("expired", ["tcb_overrides", "qe_overrides"])
@pytest.mark.parametrize("by", ["platform", "quoting enclave"])
def test_expired_collateral_does_not_hide_a_revocation(kit: Any, expired: str, by: str) -> None:
    """Later documents may list a platform; they do not take a revocation back."""
    plan = {
        "platform": {"levels": (kit.level(status="Revoked"),)},
        "quoting enclave": {"qe_levels": (col.SvnLevel(8, "Revoked"),)},
    }[by]
    judgement = kit.evidence(collateral=kit.collateral(**plan, **{expired: EXPIRED})).judge()

    assert (judgement.outcome, judgement.status) == ("rejected", "Revoked")


def test_one_expired_document_does_not_hide_what_the_other_says(kit: Any) -> None:
    levels = (kit.level(pce_svn=14),)
    below = kit.evidence(collateral=kit.collateral(levels=levels, qe_overrides=EXPIRED))
    qe_levels = (col.SvnLevel(9),)
    foreign = kit.evidence(collateral=kit.collateral(qe_levels=qe_levels, tcb_overrides=EXPIRED))

    assert below.judge().outcome == "rejected"
    assert foreign.judge().outcome == "rejected"


def test_expired_collateral_does_not_hide_a_forged_signature(kit: Any) -> None:
    evidence = kit.evidence().bend_quote(signature=bytes(31) + b"\x01" + bytes(31) + b"\x01")

    assert evidence.judge(kit.ISSUED + timedelta(days=31)).outcome == "rejected"


def test_a_verdict_is_a_step_function_of_the_boundaries(kit: Any) -> None:
    """What lets receipts be joined instead of judged one by one."""
    issued = kit.ISSUED + timedelta(days=10)
    newer = kit.sign(
        col.tcb_info("sgx", fmspc=kit.FMSPC, issued=issued, levels=(kit.level(status="OutOfDate"),))
    )
    trial = kit.evidence(more_documents=(newer,)).trial
    own = {trial.chain.not_before, trial.chain.not_after + 1_000_000}
    edges = sorted({*trial.archive.context(trial.chain, "sgx").boundaries, *own})
    verdicts = []

    for start, end in pairwise([edges[0] - 10**12, *edges, edges[-1] + 10**12]):
        judged = [trial.at(at) for at in (start, (start + end) // 2, end - 1)]
        results = [{c: r for c, (r, _, _) in j.results.items()} for j in judged]
        assert results[0] == results[1] == results[2]
        verdicts.append((judged[0].outcome, judged[0].status))
    assert ("accepted", "UpToDate") in verdicts
    assert ("accepted", "OutOfDate") in verdicts
    assert verdicts[-1] == ("rejected", None)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (999_999, "1970-01-01T00:00:00Z"),
        (-1, "1970-01-01T00:00:00Z"),
        (1 << 62, "9999-12-31T23:59:59Z"),
        (-(1 << 62), "1970-01-01T00:00:00Z"),
    ],
)
def test_times_are_shown_whatever_they_are(moment: int, text: str) -> None:
    assert format_time(moment) == text


@pytest.mark.parametrize("moment", [-(1 << 62), 1 << 62])
def test_any_moment_can_be_judged(kit: Any, moment: int) -> None:
    assert kit.evidence().trial.at(moment).outcome in ("rejected", "undetermined")
