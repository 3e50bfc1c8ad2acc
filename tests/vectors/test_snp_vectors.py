"""Real SEV-SNP reports of three CPU generations, with the certificates that AMD issued for them.

The manifest's verdict is that of a check with plain `cryptography`; no other verifier was at hand.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from vectors.real_sets import VECTORS, needs_vectors, read_sets

from forensics.case.case import create_case
from forensics.case.connection import connect
from forensics.case.settings import load_vendor_roots
from forensics.case.verification import verify_case
from forensics.formats.evidence import parse_evidence
from forensics.formats.snp import SnpReport
from forensics.sources import ingest_paths

AT = datetime(2026, 6, 1, tzinfo=UTC)
CERTIFICATES = ("vcek.der", "vlek.der", "ask.der", "ark.der")

pytestmark = needs_vectors


sets = partial(read_sets, "snp")


each_set = pytest.mark.parametrize("name", list(sets()))


@each_set
def test_fields_and_bytes(name: str) -> None:
    entry = sets()[name]
    data = (VECTORS / name / "report.bin").read_bytes()
    report = parse_evidence(data)

    assert isinstance(report, SnpReport)
    assert report.to_bytes() == data
    assert (report.version, report.slack, report.trailing) == (entry["quote_version"], b"", b"")
    body = report.body
    for field in ("measurement", "chip_id"):
        assert bytes(body[field]).hex() == entry[field]  # type: ignore[arg-type]
    assert (body["vmpl"], body["guest_svn"]) == (entry["vmpl"], entry["guest_svn"])
    assert int.from_bytes(bytes(body["policy"]), "little") == int(entry["policy"], 16)  # type: ignore[arg-type]


def audit(folder: Path, name: str, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """One set through a case of its own, judged at its own moment; the row of its verdict."""
    entry = sets()[name]
    evidence = folder / "evidence"
    evidence.mkdir()
    shutil.copyfile(VECTORS / name / "report.bin", evidence / "report.bin")
    for file in CERTIFICATES:
        if (VECTORS / name / file).exists() and file not in without:
            shutil.copyfile(VECTORS / name / file, evidence / file)
    case = create_case(folder / "case", name="v", at=AT, anchors=load_vendor_roots())
    with case.writer(action="ingest", at=AT, who="test") as writer:
        ingest_paths(writer, [evidence])
    as_of = datetime.fromisoformat(entry.get("verify_at") or "2026-06-01T00:00:00+00:00")
    verify_case(case, as_of=as_of, at=AT, who="test", threads=1)
    connection = connect(case)
    rows = connection.sql(
        "SELECT v.*, q.debug, q.trusted, q.vek_kind, q.vek_product, q.signing_key, q.platform_id "
        "FROM verdict AS v JOIN quote AS q USING (quote_id) WHERE moment = 'hindsight'"
    )
    [row] = rows.to_arrow_table().to_pylist()
    assert connection.execute("SELECT count(*) FROM quarantine").fetchall() == [(0,)]
    return row


@each_set
def test_verdicts(tmp_path: Path, name: str) -> None:
    entry = sets()[name]
    row = audit(tmp_path, name)

    if not entry["complete"]:
        assert (row["outcome"], row["undetermined_checks"]) == ("undetermined", ["N2"])
        return
    assert entry["oracle"]["own_check_python_cryptography"]["ok"]
    assert (row["outcome"], row["status"], row["failed_checks"]) == ("accepted", None, [])
    assert row["strict_failures"] == (["A1"] if entry["debug"] else [])
    assert row["debug"] == entry["debug"]
    assert row["trusted"]
    assert row["vek_kind"] == row["signing_key"] == entry["signer"]["cn"][-4:].lower()
    assert entry["signer"]["issuer"].lower().endswith(row["vek_product"])
    masked = set(entry["chip_id"]) == {"0"}
    assert row["platform_id"] == (None if masked else entry["chip_id"])


@pytest.mark.parametrize("name", [n for n, entry in sets().items() if entry["complete"]])
def test_the_built_in_ark_is_enough(tmp_path: Path, name: str) -> None:
    assert audit(tmp_path, name, without=("ark.der",))["outcome"] == "accepted"


@pytest.mark.parametrize("name", [n for n, entry in sets().items() if entry["complete"]])
@pytest.mark.parametrize("lacking", [("vcek.der", "vlek.der"), ("ask.der",)])
def test_what_is_lacking_is_never_a_pass(
    tmp_path: Path, name: str, lacking: tuple[str, ...]
) -> None:
    row = audit(tmp_path, name, without=lacking)

    assert (row["outcome"], row["undetermined_checks"]) == ("undetermined", ["N2"])
