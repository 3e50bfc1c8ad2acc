"""SEV-SNP through the real commands: audit, show, diff, explain with openssl, trust anchors."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from forensics.case.case import open_case
from forensics.formats.evidence import parse_evidence
from forensics.formats.snp import SnpReport
from forensics.simulate import simulate
from forensics.simulate.amd import flip_report

Run = Callable[..., Any]
AS_OF = "2026-01-06T00:00:00Z"


@pytest.fixture
def audited_guest(tmp_path: Path, run: Run) -> Path:
    """The evidence of the incident's guest alone, audited under its own root."""
    simulate(tmp_path / "sim", days=1, platforms=1, incidents=["snp-field-drift"])
    case = tmp_path / "case"
    result = run(
        *("audit", case, tmp_path / "sim" / "evidence", "--as-of", AS_OF, "--no-intel-root"),
        *("--root-ca", tmp_path / "sim" / "root_ca.pem"),
    )
    assert result.code == 0, result.err  # medium is below --fail-on
    return case


def ask(run: Run, case: Path, sql: str) -> Any:
    return run("sql", case, sql, "--format", "json").records


def test_a_guest_on_weaker_ground(audited_guest: Path, run: Run, tmp_path: Path) -> None:
    case = audited_guest
    findings = run("findings", case, "--severity", "medium", "--format", "json").records
    assert [f["detector"] for f in findings] == ["snp-field-drift"] * 3  # SMT, the ABI, the VMPL
    verdicts = ask(
        run,
        case,
        "SELECT DISTINCT outcome, status FROM verdict JOIN quote USING (quote_id) "
        "WHERE tee = 'snp'",
    )
    assert verdicts == [{"outcome": "accepted", "status": None}]
    [row, *_] = ask(run, case, "SELECT quote_id, chip_id FROM quote WHERE tee = 'snp'")

    page = run("quote", "show", case, row["quote_id"], "--format", "json").records[0]
    fields = {field["field"]: field for field in page["fields"]}
    assert fields["chip_id"]["value"] == row["chip_id"]
    assert fields["snp_unsigned"]["unsigned"]
    assert {r["what"]: r["value"] for r in page["platform"]}["product"] == "milan"

    report = parse_evidence(open_case(case).quote_bytes(bytes.fromhex(row["quote_id"])))
    assert isinstance(report, SnpReport)
    disguised = replace(flip_report(report), slack=b"\1" * 368, trailing=b"x")
    other = tmp_path / "disguised.bin"
    other.write_bytes(disguised.to_bytes())
    loose = run("quote", "show", case, other, "--as-of", AS_OF, "--format", "json").records[0]
    assert [v["outcome"] for v in loose["verdicts"]] == ["accepted"]
    alone = run("quote", "show", other, "--as-of", AS_OF, "--format", "json").records[0]
    assert [v["undetermined_checks"] for v in alone["verdicts"]] == [["N2"]]
    difference = run("quote", "diff", case, row["quote_id"], other, "--format", "json").records[0]
    assert difference["conclusion"].startswith("one signing event in other bytes")
    assert {f["field"] for f in difference["fields"]} == {
        *("snp_signature_s", "snp_unsigned", "trailing")
    }
    assert all(f["unsigned"] for f in difference["fields"])


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_anybody_can_repeat_the_proof(audited_guest: Path, run: Run, tmp_path: Path) -> None:
    [sighting, *_] = ask(
        run,
        audited_guest,
        "SELECT observation_id FROM observation JOIN quote USING (quote_id) WHERE tee = 'snp'",
    )
    proof = tmp_path / "proof"
    result = run("explain", audited_guest, sighting["observation_id"], "--write", proof)
    assert result.code == 0, result.err

    done = subprocess.run(
        ["sh", proof / "repeat.sh"], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.count("as expected") == 4  # N4; N2: the ARK's key, the chain; N8
    assert "DIFFERENT" not in done.stdout
    [signed] = proof.rglob("report_signed.bin")
    signed.write_bytes(bytes(672))
    again = subprocess.run(
        ["sh", proof / "repeat.sh"], capture_output=True, text=True, check=False, timeout=60
    )
    assert again.returncode == 1
    assert again.stdout.count("DIFFERENT") == 1


def test_no_vendors_root_means_amds_as_well(tmp_path: Path, run: Run) -> None:
    simulate(tmp_path / "sim", days=1, platforms=1, incidents=[])
    root = tmp_path / "sim" / "root_ca.pem"
    assert run("init", tmp_path / "all").code == 0
    assert run("init", tmp_path / "own", "--no-intel-root", "--root-ca", root).code == 0

    assert (tmp_path / "all" / "case.toml").read_text().count("[[trust_anchor]]") == 4
    assert (tmp_path / "own" / "case.toml").read_text().count("[[trust_anchor]]") == 1
