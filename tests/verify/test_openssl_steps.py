"""The steps for openssl: those of T1, T2 and T3 hold to the second where the checks do."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from verify.test_times import EDGE, ENDS, SECOND, STARTS, Edge, without_end

from forensics.formats.certificates import parse_certificate
from forensics.formats.pem import split_pem
from forensics.report.openssl import (
    Step,
    crl_form_step,
    make_script,
    report_steps,
    revocation_step,
    signer_time_step,
    time_steps,
)
from forensics.verify.documents import find_signers

EDGES = [edge for edge in (*STARTS, *ENDS) if edge.check in ("T1", "T2", "T3", "T6")]


def steps_of(evidence: Any, moment: datetime) -> list[Step]:
    """Those of T1, T2 of both CRLs, and T3."""
    at, parts = int(moment.timestamp()), evidence.collateral
    pems = split_pem(parts.tcb_info_issuer_chain)
    signers = find_signers([parse_certificate(der) for _, der in pems], evidence.anchors)
    crls = {"root_ca": parts.root_ca_crl, "pck_ca": parts.pck_crl}
    return [
        *time_steps(evidence.quote, at, crls),
        *(signer_time_step("tcb_info", at, signer) for signer in signers[:1]),
    ]


def differing(steps: list[Step], place: Path) -> set[str]:
    """The checks whose step prints something other than a pass does."""
    place.mkdir()
    for step in steps:
        for name, data in step.files.items():
            (place / name).write_bytes(data)
    (place / "repeat.sh").write_text(make_script(steps))
    done = subprocess.run(["sh", place / "repeat.sh"], capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    failed = {
        told.partition(":")[0]
        for told, outcome in pairwise(lines)
        if outcome.startswith("  DIFFERENT")
    }
    assert done.returncode == bool(failed)
    return failed


@pytest.mark.parametrize("edge", EDGES, ids=str)
@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_openssl_tells_the_edges_that_the_checks_tell(
    kit: Any, tmp_path: Path, edge: Edge, offset: int
) -> None:
    """T2 says nothing about a certificate that begins later or ends earlier."""
    evidence, moment = edge.build(kit, EDGE), EDGE + offset * SECOND
    steps = steps_of(evidence, moment)
    told = {check for check in ("T1", "T2", "T3") if check in evidence.judge(moment).failed_checks}

    assert {step.check_id for step in steps} == {"T1", "T2", "T3"}
    assert differing(steps, tmp_path / "proof") == told


def test_a_crl_without_an_end_is_not_in_force(kit: Any, tmp_path: Path) -> None:
    crl = without_end(kit.crl(kit.pki.platform_ca), kit.pki.platform_ca.key)
    evidence = kit.evidence().bend_collateral(pck_crl=crl)

    assert differing(steps_of(evidence, kit.NOW), tmp_path / "proof") == {"T2"}


def test_what_openssl_cannot_read_is_no_pass(kit: Any, tmp_path: Path) -> None:
    [first, *_] = time_steps(kit.sgx(), int(kit.NOW.timestamp()), {})
    crl = kit.crl(kit.pki.platform_ca)
    for name, step, file in (
        ("time", first, "pck_ca.pem"),
        ("serial", revocation_step("R4", "pck_ca", crl, "1f"), "pck_ca.crl"),
        ("form", crl_form_step("R2", "pck_ca", crl), "pck_ca.crl"),
    ):
        broken = replace(step, files=step.files | {file: b""})
        assert differing([step], tmp_path / name) == set()
        assert differing([broken], tmp_path / f"{name}-broken") == {step.check_id}


@pytest.mark.parametrize("serial", ["1f", "a1f", "2"])
def test_openssl_tells_what_a_crl_lists(kit: Any, tmp_path: Path, serial: str) -> None:
    crl = kit.crl(kit.pki.platform_ca, revoked=(0x1F, 0xB2))
    step = revocation_step("R4", "pck_ca", crl, serial)

    assert differing([step], tmp_path / "proof") == ({"R4"} if serial == "1f" else set())


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_the_vek_chain_is_told_alike(kit: Any, tmp_path: Path, offset: int) -> None:
    """N8, here of certificates of another kind: their ends are all that the step reads."""
    evidence = kit.sgx_evidence(kit.pck(validity=(EDGE, EDGE)))
    read = [parse_certificate(der) for _, der in split_pem(evidence.quote.certification_data)]
    at = int(EDGE.timestamp()) + offset
    report = type("Report", (), {"signed": b"", "signature": bytes(96)})
    steps = [s for s in report_steps(report, None, read, at) if s.check_id == "N8"]

    assert differing(steps, tmp_path / "proof") == ({"N8"} if offset > 0 else set())


@pytest.mark.parametrize(
    ("lacking", "passes"),
    [({}, True), ({"number": None}, False), ({"authority_key": False}, False)],
    ids=str,
)
def test_openssl_tells_a_crl_without_the_extensions_that_it_needs(
    kit: Any, tmp_path: Path, lacking: dict[str, Any], passes: bool
) -> None:
    """Its signature holds, and R2 fails."""
    crl = kit.crl(kit.pki.platform_ca, **lacking)
    failed = kit.evidence().bend_collateral(pck_crl=crl).judge(kit.NOW).failed_checks

    assert ("R2" not in failed) == passes
    assert differing([crl_form_step("R2", "pck_ca", crl)], tmp_path / "proof") == (
        set() if passes else {"R2"}
    )
