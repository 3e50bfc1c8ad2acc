"""Simulated quotes before an independent verifier: dcap-qvl 0.7 agrees, or is known not to.

`known` names the differences of policy (dcap-qvl refuses what Intel's library leaves to the
relying party) and of rule, as vectors/mutations.md measures them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import dcap_qvl
import pytest

from forensics.errors import EvidenceError
from forensics.formats.collateral import TCB_STATUSES
from forensics.simulate import collateral as col
from forensics.simulate import quotes
from forensics.simulate.keys import P256_ORDER

SEPT = bytes.fromhex("0000001000000000")


def their_verdict(evidence: Any) -> tuple[str | None, tuple[str, ...]]:
    """Status and advisories of dcap-qvl; None where it refuses."""
    bundle = dcap_qvl.QuoteCollateralV3.from_json(evidence.collateral.to_json().decode())
    seconds = int(evidence.moment.timestamp())
    root = evidence.kit.pki.root.der
    try:
        report = dcap_qvl.verify_with_root_ca(evidence.quote.to_bytes(), bundle, root, seconds)
    except ValueError:
        return None, ()
    return str(report.status), tuple(sorted(report.advisory_ids))


def our_verdict(evidence: Any) -> tuple[str | None, tuple[str, ...]]:
    judgement = evidence.judge()
    if judgement.outcome != "accepted":
        return None, ()
    return judgement.status, judgement.advisory_ids


@dataclass(frozen=True)
class Case:
    name: str
    forge: Callable[[Any], Any]
    known: str = ""

    def __str__(self) -> str:
        return self.name


def platform(tee: str, status: str) -> Case:
    def forge(kit: Any) -> Any:
        level = kit.level(tee, status, advisories=("INTEL-SA-00001",))
        return kit.evidence(getattr(kit, tee)(), kit.collateral(tee, levels=(level,)))

    return Case(f"{tee}-{status}", forge)


def converging(tee: str, status: str, of_module: str, qe: str) -> Case:
    def forge(kit: Any) -> Any:
        collateral = kit.collateral(
            tee,
            levels=(kit.level(tee, status),),
            modules=(col.TdxModule(1, (col.SvnLevel(4, of_module, advisories=("M",)),)),),
            qe_levels=(col.SvnLevel(8, qe, advisories=("Q",)),),
        )
        return kit.evidence(getattr(kit, tee)(), collateral)

    return Case(f"{tee}-{status}-{of_module}-{qe}", forge)


def steps(tee: str, *svns: int) -> Case:
    """Levels at several PCE SVNs; the platform is at 13."""

    def forge(kit: Any) -> Any:
        found = tuple(
            kit.level(tee, status, pce_svn=svn)
            for svn, status in zip(
                svns, ("UpToDate", "SWHardeningNeeded", "OutOfDate"), strict=True
            )
        )
        return kit.evidence(getattr(kit, tee)(), kit.collateral(tee, levels=found))

    return Case(f"{tee}-levels-{'-'.join(map(str, svns))}", forge)


def bent(name: str, **changes: Any) -> Case:
    return Case(name, lambda kit: kit.evidence().bend_quote(**changes))


def relaunch(kit: Any) -> Any:
    body = {
        "tee_tcb_svn": bytes((2, 1, 3)).ljust(16, b"\0"),
        "tee_tcb_svn_2": bytes((4, 1, 3)).ljust(16, b"\0"),
    }
    return kit.evidence(kit.tdx(5, td15=True, body=body))


def crl_at_expiry(kit: Any) -> Any:
    crl = kit.crl(kit.pki.platform_ca, days=4)
    return kit.evidence().bend_collateral(pck_crl=crl)


def crl_of_the_future(kit: Any) -> Any:
    crl = kit.crl(kit.pki.platform_ca, start=kit.NOW + timedelta(seconds=1))
    return kit.evidence().bend_collateral(pck_crl=crl)


OTHERS = ("UpToDate", "OutOfDate", "Revoked")
POLICY = "dcap-qvl refuses by policy what Intel leaves to the relying party"

CASES = [
    *(platform(tee, status) for tee in ("sgx", "tdx") for status in TCB_STATUSES),
    *(converging("sgx", s, "UpToDate", qe) for s in TCB_STATUSES for qe in OTHERS),
    *(converging("tdx", s, m, qe) for s in TCB_STATUSES for m in OTHERS for qe in OTHERS),
    *(steps(tee, *svns) for tee in ("sgx", "tdx") for svns in ((13, 12, 5), (14, 13, 5))),
    *(steps(tee, *svns) for tee in ("sgx", "tdx") for svns in ((15, 14, 13), (16, 15, 14))),
    steps("sgx", 5, 13, 14),
    Case("tdx-relaunch", relaunch),
    bent("trailing", trailing=b"more"),
    bent("slack", slack=b"x"),
    bent("auth-data", qe_auth_data=bytes(32)),
    bent("r-n", signature=P256_ORDER.to_bytes(32) + bytes(31) + b"\x01"),
    Case("flip-quote", lambda kit: kit.evidence(quotes.flip_quote_signature(kit.sgx()))),
    Case("flip-qe", lambda kit: kit.evidence(quotes.flip_qe_signature(kit.sgx()))),
    Case("flip-leaf", lambda kit: kit.evidence(quotes.flip_chain_signature(kit.sgx()))),
    Case("crlf", lambda kit: kit.evidence(quotes.rewrap_chain(kit.sgx()))),
    Case("fmspc", lambda kit: kit.evidence(collateral=kit.collateral(fmspc=bytes(6)))),
    Case("other-tee", lambda kit: kit.evidence(kit.tdx(), kit.collateral("sgx"))),
    Case(
        "revoked-pck",
        lambda kit: kit.evidence(collateral=kit.collateral(revoked_pcks=(kit.pck().spec.serial,))),
    ),
    Case(
        "revoked-ca",
        lambda kit: kit.evidence(
            collateral=kit.collateral(revoked_by_root=(kit.pki.platform_ca.spec.serial,))
        ),
    ),
    Case(
        "revoked-signer",
        lambda kit: kit.evidence(
            collateral=kit.collateral(revoked_by_root=(kit.pki.tcb_signing.spec.serial,))
        ),
    ),
    Case("expired", lambda kit: kit.evidence(moment=kit.ISSUED + timedelta(days=31))),
    Case("debug-qe", lambda kit: _with_qe(kit, attributes=b"\x17".ljust(16, b"\0"))),
    Case("foreign-qe", lambda kit: _with_qe(kit, mrsigner=bytes(32))),
    Case("qe-below-all", lambda kit: _with_qe(kit, isv_svn=1)),
    Case("unknown-module", lambda kit: _td(kit, tee_tcb_svn=bytes((6, 9, 3)).ljust(16, b"\0"))),
    Case("seam-signer", lambda kit: _td(kit, mrsigner_seam=b"\x01" * 48)),
    Case("debug-enclave", lambda kit: _enclave(kit, b"\x07"), POLICY),
    Case("debug-td", lambda kit: _td(kit, td_attributes=b"\x01" + SEPT[1:]), POLICY),
    Case("sept-ve", lambda kit: _td(kit, td_attributes=bytes(8)), POLICY),
    Case("sgx-in-v4", lambda kit: kit.evidence(kit.sgx(4)), "dcap-qvl knows SGX in v3 only"),
    Case("sgx-in-v5", lambda kit: kit.evidence(kit.sgx(5)), "dcap-qvl knows SGX in v3 only"),
    Case(
        "auth-data-of-33",
        lambda kit: kit.evidence(kit.sgx(certification=kit.certify(auth_data=bytes(33)))),
        "dcap-qvl wants 32 bytes",
    ),
    Case(
        "pce-id",
        lambda kit: kit.evidence(collateral=kit.collateral(tcb_overrides={"pceId": "0001"})),
        "dcap-qvl does not compare it",
    ),
    Case(
        "issued-later",
        lambda kit: kit.evidence(
            collateral=kit.collateral(tcb_overrides={"issueDate": "2026-01-06T00:00:00Z"})
        ),
        "Intel does not look at issueDate",
    ),
    Case("crl-at-expiry", crl_at_expiry, "Intel: the moment of nextUpdate is in force"),
    Case("crl-of-the-future", crl_of_the_future, "dcap-qvl does not look at thisUpdate"),
    Case(
        "outer-type",
        lambda kit: kit.evidence(kit.tdx()).bend_quote(outer_certification_type=5),
        "dcap-qvl does not look at it",
    ),
    Case(
        "outer-slack",
        lambda kit: kit.evidence(kit.tdx()).bend_quote(outer_slack=b"x"),
        "dcap-qvl does not look at it",
    ),
]


def _with_qe(kit: Any, **fields: Any) -> Any:
    return kit.evidence(kit.sgx(certification=kit.certify(qe=fields)))


def _td(kit: Any, **fields: Any) -> Any:
    return kit.evidence(kit.tdx(body=fields))


def _enclave(kit: Any, flags: bytes) -> Any:
    return kit.evidence(kit.sgx(body={"attributes": flags.ljust(16, b"\0")}))


@pytest.mark.parametrize("case", [case for case in CASES if not case.known], ids=str)
def test_agreement(kit: Any, case: Case) -> None:
    evidence = case.forge(kit)

    assert our_verdict(evidence) == their_verdict(evidence)


@pytest.mark.parametrize("case", [case for case in CASES if case.known], ids=str)
def test_known_difference(kit: Any, case: Case) -> None:
    """When this fails, dcap-qvl has changed: see whether Intel has too."""
    evidence = case.forge(kit)

    assert our_verdict(evidence)[0] != their_verdict(evidence)[0]


@pytest.mark.parametrize("seed", range(80))
@pytest.mark.parametrize("tee", ["sgx", "tdx"])
def test_random_levels_select_alike(kit: Any, tee: str, seed: int) -> None:
    """Levels around the platform's own SVNs, in any order, some of them out of reach."""
    chance = random.Random(seed)
    module = chance.choice((0, 1, 1, 10))

    def near(svns: bytes) -> bytes:
        """One or two components moved by one, most often down."""
        moved = bytearray(svns)
        for position in chance.sample(range(16), chance.choice((0, 1, 1, 2))):
            moved[position] = max(0, moved[position] + chance.choice((-2, -1, -1, 1)))
        return bytes(moved)

    launched = bytes((5, module, 3)).ljust(16, b"\0")
    made = [
        kit.level(
            tee,
            chance.choice(TCB_STATUSES[:6]),
            components=near(kit.COMPONENTS),
            pce_svn=chance.choice((12, 13, 13, 14)),
            tdx=near(launched) if tee == "tdx" else None,
            advisories=(f"INTEL-SA-{number:05}",),
        )
        for number in range(6)
    ]
    levels = {(one.components, one.pce_svn, one.tdx): one for one in made}
    modules = [
        col.TdxModule(
            number, (col.SvnLevel(chance.choice((4, 5, 6))), col.SvnLevel(2, "OutOfDate"))
        )
        for number in (1, 10)
    ]
    collateral = kit.collateral(tee, levels=tuple(levels.values()), modules=tuple(modules))
    quote = kit.sgx() if tee == "sgx" else kit.tdx(body={"tee_tcb_svn": launched})
    evidence = kit.evidence(quote, collateral)

    assert our_verdict(evidence) == their_verdict(evidence)


@pytest.mark.parametrize(
    ("tee", "version", "td15"),
    [("sgx", 3, False), ("tdx", 4, False), ("tdx", 5, False), ("tdx", 5, True)],
)
def test_no_byte_that_a_signature_covers_is_free(
    kit: Any, tee: str, version: int, td15: bool
) -> None:
    """Every 29th byte before the certificates, one bit flipped: refused by both."""
    arguments = {"td15": td15} if tee == "tdx" else {}
    quote = getattr(kit, tee)(version, **arguments)
    data = quote.to_bytes()
    covered = data.index(quote.certification_data)
    lengths = {len(quote.signed) + n for n in range(4)}

    for position in sorted(set(range(0, covered, 29)) - lengths):
        changed = data[:position] + bytes((data[position] ^ 1,)) + data[position + 1 :]
        evidence = kit.evidence(quote, raw=changed)
        assert _refused(evidence), position
        assert their_verdict(replace(evidence, quote=_Raw(changed)))[0] is None, position


@dataclass(frozen=True)
class _Raw:
    data: bytes

    def to_bytes(self) -> bytes:
        return self.data


def _refused(evidence: Any) -> bool:
    try:
        return evidence.judge().outcome != "accepted"
    except EvidenceError:
        return True
