"""`verify --as-of` and `verify --collateral`, as somebody types them for the first time."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from forensics import open_case
from forensics.simulate.certificates import Identity
from forensics.simulate.pki import build_crl, make_pki

SAMPLE = Path(__file__).parents[2] / "sample_data"
END_OF_SAMPLE = "2026-01-08T00:00:00Z"


def select(run: Any, case: Path, sql: str) -> list[dict[str, Any]]:
    result = run("sql", case, sql, "--format", "json")
    assert result.code == 0, result.err
    return result.records


@pytest.mark.parametrize("text", ["2026-01-08", "2026-01-08T12:00:00", "20260108T120000"])
def test_a_time_without_a_zone_is_refused_with_one_that_is_read(
    run: Any, own_audited: Path, text: str
) -> None:
    refused = run("verify", own_audited, "--as-of", text)
    assert refused.code == 2
    told = re.search(r"e\.g\. (\S+)", refused.err)
    assert told is not None
    assert run("verify", own_audited, "--as-of", told[1]).code == 0


@pytest.mark.parametrize("text", ["2026-01-08t00:00:00z", "2026-01-08T00:00:00.000000999Z"])
def test_times_are_those_of_the_rfc(run: Any, own_audited: Path, text: str) -> None:
    result = run("verify", own_audited, "--as-of", text)
    assert result.code == 0
    assert f"hindsight as of {END_OF_SAMPLE};" in result.err


@pytest.mark.parametrize("text", ["", "now", "2026-13-01T00:00:00Z", "1e9", "2026-01-08T25:00:00Z"])
def test_what_is_no_time_is_refused(run: Any, audited: Path, text: str) -> None:
    result = run("verify", audited, "--as-of", text)
    assert result.code == 2
    assert "[bad-time]" in result.err


@pytest.mark.parametrize("edge", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_any_time_can_be_asked_for(run: Any, own_audited: Path, edge: str) -> None:
    before = "SELECT * FROM verdict WHERE moment = 'receipt' ORDER BY ALL"
    receipts = select(run, own_audited, before)
    assert run("verify", own_audited, "--as-of", edge).code == 0
    told = select(run, own_audited, "SELECT DISTINCT outcome FROM verdict WHERE moment='hindsight'")
    assert {row["outcome"] for row in told} <= {"rejected", "undetermined"}
    assert select(run, own_audited, before) == receipts


def identifier_of(run: Any, case: Path, column: str, view: str) -> str:
    return str(select(run, case, f"SELECT {column} FROM {view} ORDER BY 1 LIMIT 1")[0][column])


@pytest.mark.parametrize(
    ("column", "view"), [("certificate_id", "certificate"), ("quote_id", "quote")]
)
def test_nothing_is_judged_with_what_is_no_collateral(
    run: Any, audited: Path, column: str, view: str
) -> None:
    identifier = identifier_of(run, audited, column, view)
    result = run("verify", audited, "--as-of", END_OF_SAMPLE, "--collateral", identifier)
    assert result.code == 2
    assert "[no-match]" in result.err


@pytest.mark.parametrize("text", ["", "abc", "zzzz", "0" * 65, "' OR 1=1 --", "../../etc"])
def test_what_is_no_id_is_refused(run: Any, audited: Path, text: str) -> None:
    result = run("verify", audited, "--as-of", END_OF_SAMPLE, "--collateral", text)
    assert result.code == 2
    assert "[bad-id]" in result.err


def test_a_chosen_crl_is_used_for_all_that_it_is_about(run: Any, own_audited: Path) -> None:
    """The oldest list of a CA: newer ones count for nothing, and it is named in the verdicts."""
    older = select(
        run,
        own_audited,
        "SELECT crl_id FROM crl WHERE issuer = 'Intel SGX PCK Platform CA' "
        "ORDER BY this_update, crl_id LIMIT 1",
    )[0]["crl_id"]
    about = "SELECT DISTINCT pck_crl_id FROM verdict WHERE moment = 'hindsight' AND pck_crl_id IN "
    about += "(SELECT crl_id FROM crl WHERE issuer = 'Intel SGX PCK Platform CA')"
    assert select(run, own_audited, about) != [{"pck_crl_id": older}]

    chosen = ("--as-of", END_OF_SAMPLE, "--collateral", older)
    result = run("verify", own_audited, *chosen)
    assert result.code == 0
    assert select(run, own_audited, about) == [{"pck_crl_id": older}]
    count = f"SELECT count(*) AS n FROM verdict WHERE moment='hindsight' AND pck_crl_id='{older}'"
    [row] = select(run, own_audited, count)
    assert row["n"] > 0
    told = f"with {older} alone for what it is about: {row['n']} verdict(s) rest on it"
    assert told in result.err


def test_a_case_without_evidence_has_nothing_to_judge(run: Any, tmp_path: Path) -> None:
    case = tmp_path / "case"
    run("init", case)
    assert run("verify", case, "--as-of", END_OF_SAMPLE).code == 0
    assert run("verify", case, "--collateral", "ffff").code == 2
    assert run("explain", case, "ffff").code == 2
    assert run("collateral", case, "--format", "json").records == []
    assert select(run, case, "FROM check_result") == []


def binding_files(case: Path) -> list[str]:
    return [file.path for file in open_case(case).ledger.files("binding")]


EVENT = {
    "timestamp": "2026-01-07T00:00:00Z",
    "event_type": "enclave_attestation",
    "workload_id": "payments",
}
MANIFEST = """
[[workload]]
id = "payments"
allow = [{ mrenclave = "%s" }]
report_data = { digest = "none", parts = ["nonce"] }
""" % ("00" * 32)


@pytest.mark.parametrize(
    ("name", "content", "anew"),
    [
        ("root.pem", make_pki(99).root.pem, False),
        ("event.jsonl", json.dumps(EVENT).encode(), True),
        ("manifest.toml", MANIFEST.encode(), True),
    ],
)
def test_rules_are_applied_again_when_what_they_rest_on_is_new(
    run: Any, own_audited: Path, tmp_path: Path, name: str, content: bytes, anew: bool
) -> None:
    """New collateral renews the verdicts and leaves the bindings."""
    before, shown = (
        binding_files(own_audited),
        "SELECT result, count(*) AS n FROM binding GROUP BY 1",
    )
    told = select(run, own_audited, shown)
    (tmp_path / name).write_bytes(content)
    assert run("ingest", own_audited, tmp_path / name).code == 0
    assert run("verify", own_audited, "--as-of", END_OF_SAMPLE).code == 0

    assert (binding_files(own_audited) != before) == anew
    changed = sorted(map(str, select(run, own_audited, shown))) != sorted(map(str, told))
    assert changed == (name == "manifest.toml")


def test_rules_are_applied_again_by_another_version(
    run: Any, own_audited: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = binding_files(own_audited)
    monkeypatch.setattr("forensics.case.verification.TOOL_VERSION", "99.0")
    assert run("verify", own_audited, "--as-of", END_OF_SAMPLE).code == 0

    assert binding_files(own_audited) != before


def test_a_signing_certificate_counts_whenever_it_came(
    run: Any, own_audited: Path, tmp_path: Path
) -> None:
    """Intel certifies its signing key anew: which certificate a case met first decides nothing."""
    signing = make_pki(2026).tcb_signing  # of the sample's seed
    begin, end = signing.spec.validity
    renewed = Identity.issue(
        replace(signing.spec, serial=signing.spec.serial + 1, validity=(begin, end.replace(2049)))
    )
    later = tmp_path / "later.pem"
    later.write_bytes(renewed.pem)
    at_once = tmp_path / "at-once"
    anchor = SAMPLE / "root_ca.pem"

    run("ingest", own_audited, later)
    run("verify", own_audited, "--as-of", END_OF_SAMPLE)
    run("init", at_once, "--root-ca", anchor)
    run("ingest", at_once, later, SAMPLE / "evidence")
    run("verify", at_once, "--as-of", END_OF_SAMPLE)

    sql = (
        "SELECT observation_id, moment, result, expected, observed FROM check_result "
        "WHERE check_id = 'T3' ORDER BY ALL"
    )
    told = select(run, own_audited, sql)
    assert told == select(run, at_once, sql)
    assert "2049" in told[0]["expected"]


def test_a_list_of_somebody_who_calls_himself_intel_revokes_nothing(
    run: Any, own_audited: Path, tmp_path: Path
) -> None:
    """Signed by a CA of his own, with Intel's name, whose certificate is in the evidence."""
    (row,) = select(run, own_audited, "SELECT pck_serial FROM quote ORDER BY ALL LIMIT 1")
    foreign = make_pki(99)
    day = datetime(2026, 1, 1, tzinfo=UTC)
    crl = build_crl(
        foreign.platform_ca,
        this_update=day,
        next_update=day + timedelta(days=90),
        revoked=(int(row["pck_serial"], 16),),
    )
    folder = tmp_path / "forged"
    folder.mkdir()
    (folder / "crl.der").write_bytes(crl)
    (folder / "ca.pem").write_bytes(foreign.platform_ca.pem)
    (folder / "root.pem").write_bytes(foreign.root.pem)
    assert run("ingest", own_audited, folder).code == 0
    run("verify", own_audited, "--as-of", END_OF_SAMPLE)

    crl_id = hashlib.sha256(crl).hexdigest()
    (told,) = select(run, own_audited, f"SELECT authentic FROM crl WHERE crl_id = '{crl_id}'")
    assert told["authentic"] is False
    found = run("detect", own_audited, "--detector", "revoked-in-hindsight", "--format", "json")
    assert crl_id not in found.out
