"""From bytes in a folder to the views `verdict` and `check_result`, through the commands.

The attack cases of the verification reference and the forms of quotes, each in a case of its own.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from verify import test_attacks_on_chains, test_attacks_on_collateral, test_attacks_on_quotes
from verify.conftest import ISSUED, NOW, Evidence, Kit

from forensics.simulate import collateral as col
from forensics.simulate import pki
from forensics.simulate.certificates import chain_pem
from forensics.verify.checks import QUOTE_CHECKS

ATTACKS = (
    *test_attacks_on_quotes.ATTACKS,
    *test_attacks_on_chains.ATTACKS,
    *test_attacks_on_collateral.ATTACKS,
)
# What is handed to a live verifier, the archive does not select: it is about something else.
NOT_SELECTED = {
    "A12-identity-handed": "undetermined; lacks S1 S5 S6",
    "A23-sgx-for-td-handed": "undetermined; lacks S1 S3 S4",
    "A23-td-for-sgx-handed": "undetermined; lacks S1 S3 S4",
    "A24-fmspc-handed": "undetermined; lacks S1 S3 S4",
    "A21-empty": "undetermined; lacks R2",
}
ENVELOPE = "A26"  # ends before there is a document


@pytest.fixture(scope="module")
def kit(bundle_of: Any, try_quote: Any) -> Kit:
    return Kit(bundle_of, try_quote)


def write_evidence(evidence: Evidence, folder: Path, *, timed: bool = True) -> Path:
    """A quote with its sidecar, and every piece of collateral in a file of its own."""
    folder.mkdir(parents=True)
    data = evidence.quote.to_bytes() if evidence.raw is None else evidence.raw
    (folder / "quote.bin").write_bytes(data)
    if timed:
        event = {"received_at": evidence.moment.isoformat()}
        (folder / "quote.json").write_text(json.dumps(event))
    for name in ("tcb_info", "qe_identity"):
        if name not in evidence.without:
            body = getattr(evidence.collateral, name).envelope()
            (folder / f"{name}.json").write_bytes(body)
    for name in (
        *("root_ca_crl", "pck_crl", "pck_crl_issuer_chain"),
        *("tcb_info_issuer_chain", "qe_identity_issuer_chain"),
    ):
        if name not in evidence.without:
            (folder / name).write_bytes(getattr(evidence.collateral, name))
    more = [
        *(document.envelope() for document in evidence.more_documents),
        *evidence.more_crls,
        *evidence.more_certificates,
    ]
    for number, data in enumerate(more):
        (folder / f"more-{number}").write_bytes(data)
    return folder


def judge(run: Any, evidence: Evidence, folder: Path, *, timed: bool = True) -> Path:
    """A case with that evidence, verified at the evidence's moment."""
    source = write_evidence(evidence, folder / "evidence", timed=timed)
    root = folder / "root.pem"
    root.write_bytes(chain_pem(evidence.kit.pki.root.der))
    case = folder / "case"
    at = evidence.moment.isoformat()
    assert run("init", case, "--root-ca", root, "--now", at).code == 0
    assert run("ingest", case, source, "--now", at).code in (0, 3)
    assert run("verify", case, "--as-of", at, "--now", at).code == 0
    return case


def select(run: Any, case: Path, sql: str) -> list[dict[str, Any]]:
    result = run("sql", case, sql, "--format", "json")
    assert result.code == 0, result.err
    return result.records


def describe(row: dict[str, Any]) -> str:
    """As `Kit.describe` puts a judgement."""
    text = " ".join(filter(None, (row["outcome"], row["status"])))
    failed = sorted([*row["failed_checks"], *row["strict_failures"]])
    if failed:
        text += ": " + " ".join(failed)
    if row["undetermined_checks"]:
        text += "; lacks " + " ".join(row["undetermined_checks"])
    return text


def check_consistency(run: Any, case: Path) -> None:
    """Every verdict has every check, and those agree with the verdict's own lists."""
    verdicts = select(run, case, "FROM verdict")
    results = select(run, case, "FROM check_result")
    assert verdicts
    assert len(results) == len(verdicts) * len(QUOTE_CHECKS)
    for verdict in verdicts:
        own = {
            row["check_id"]: row
            for row in results
            if (row["observation_id"], row["moment"])
            == (verdict["observation_id"], verdict["moment"])
        }
        assert set(own) == set(QUOTE_CHECKS)
        told = [c for c in QUOTE_CHECKS if own[c]["result"] == "fail"]
        failed = [*verdict["failed_checks"], *verdict["strict_failures"]]
        assert sorted(told) == sorted(failed)
        lacking = [c for c in QUOTE_CHECKS if own[c]["result"] == "error"]
        assert lacking == verdict["undetermined_checks"]
        for row in own.values():
            assert row["observed"], row
            assert row["expected"] or row["result"] in ("skipped", "not_applicable"), row


def first_of_each_attack() -> list[Any]:
    first: dict[str, Any] = {}
    for name, forge, text in ATTACKS:
        if not name.startswith(ENVELOPE):
            first.setdefault(name[:3], pytest.param(forge, NOT_SELECTED.get(name, text), id=name))
    return list(first.values())


@pytest.mark.parametrize(("forge", "expected"), first_of_each_attack())
def test_attack(run: Any, kit: Kit, tmp_path: Path, forge: Any, expected: str) -> None:
    case = judge(run, forge(kit), tmp_path)

    verdicts = select(run, case, "FROM verdict")
    if expected.startswith("quarantine: "):
        (row,) = select(run, case, "SELECT reason FROM quarantine")
        assert f"quarantine: {row['reason']}" == expected
        assert verdicts == []
    else:
        assert [describe(row) for row in verdicts] == [expected, expected]
        check_consistency(run, case)


FORMS = {
    "sgx-3": lambda kit: kit.evidence(kit.sgx(3)),
    "sgx-4": lambda kit: kit.evidence(kit.sgx(4)),
    "sgx-5": lambda kit: kit.evidence(kit.sgx(5)),
    "tdx-4": lambda kit: kit.evidence(kit.tdx(4)),
    "tdx-5": lambda kit: kit.evidence(kit.tdx(5)),
    "tdx-5-td15": lambda kit: kit.evidence(kit.tdx(5, td15=True)),
    "no-collateral": lambda kit: kit.evidence().bend(
        without=(
            *("tcb_info", "qe_identity", "root_ca_crl", "pck_crl", "pck_crl_issuer_chain"),
            *("tcb_info_issuer_chain", "qe_identity_issuer_chain"),
        )
    ),
    "type-1": lambda kit: _other_certification(kit, 1, 36),
    "type-2": lambda kit: _other_certification(kit, 2, 276),
    "type-3": lambda kit: _other_certification(kit, 3, 404),
    "type-4": lambda kit: kit.evidence(
        kit.sgx(certification=kit.certify(certification_type=4, chain=chain_pem(kit.pck().der)))
    ),
    "broken-chain": lambda kit: kit.evidence(
        kit.sgx(certification=kit.certify(chain=kit.chain(kit.pck())[:-400]))
    ),
}


def _other_certification(kit: Kit, kind: int, size: int) -> Evidence:
    certification = kit.certify(certification_type=kind, chain=bytes(size))
    return kit.evidence(kit.sgx(certification=certification))


@pytest.mark.parametrize("timed", [True, False], ids=["timed", "timeless"])
@pytest.mark.parametrize("form", FORMS)
def test_every_verdict_has_every_check(
    run: Any, kit: Kit, tmp_path: Path, form: str, timed: bool
) -> None:
    evidence = FORMS[form](kit)
    case = judge(run, evidence, tmp_path, timed=timed)
    check_consistency(run, case)
    healthy = form[:3] in ("sgx", "tdx")
    outcomes = {r["moment"]: r["outcome"] for r in select(run, case, "FROM verdict")}
    unhealthy = "undetermined" if form == "no-collateral" else "rejected"
    assert outcomes["hindsight"] == ("accepted" if healthy else unhealthy)
    assert outcomes["receipt"] == (
        outcomes["hindsight"] if timed or not healthy else "undetermined"
    )


def test_what_has_no_time_lacks_just_that(run: Any, kit: Kit, tmp_path: Path) -> None:
    case = judge(run, kit.evidence(), tmp_path, timed=False)

    (row,) = select(run, case, "FROM verdict WHERE moment = 'receipt'")
    assert describe(row) == "undetermined; lacks T1 T2 T3 T4 T5"
    assert row["as_of"] is None
    assert row["tcb_info_id"] is None


def test_a_bad_signature_needs_no_time(run: Any, kit: Kit, tmp_path: Path) -> None:
    """No moment and no collateral could mend it."""
    quote = kit.sgx()
    altered = quote.signed[:-1] + bytes((quote.signed[-1] ^ 1,))
    case = judge(run, kit.evidence(replace(quote, signed=altered)), tmp_path, timed=False)

    (row,) = select(run, case, "FROM verdict WHERE moment = 'receipt'")
    assert (row["outcome"], row["failed_checks"]) == ("rejected", ["K5"])


# --- under one version of the collateral ----------------------------------------------------


def superseded(kit: Kit) -> Evidence:
    """An older TCB info says `UpToDate`, the one in force that the PCK's level is revoked."""
    newer = kit.collateral(
        levels=(kit.level(status="Revoked"),),
        tcb_overrides={"issueDate": col.format_time(ISSUED + timedelta(days=2))},
    )
    older = kit.collateral()
    return kit.evidence(collateral=newer).bend(more_documents=(older.tcb_info,))


def test_checks_are_those_of_the_chosen_collateral(run: Any, kit: Kit, tmp_path: Path) -> None:
    case = judge(run, superseded(kit), tmp_path)
    check_consistency(run, case)
    (older,) = select(
        run, case, "FROM collateral WHERE kind = 'tcb_info' ORDER BY issued_at LIMIT 1"
    )

    at = NOW.isoformat()
    run("verify", case, "--as-of", at, "--now", at, "--collateral", older["collateral_id"])

    rows = {row["moment"]: row for row in select(run, case, "FROM verdict")}
    assert describe(rows["receipt"]) == "rejected Revoked: V3"
    assert describe(rows["hindsight"]) == "accepted UpToDate"
    check_consistency(run, case)
    told = run(
        "explain", case, rows["hindsight"]["observation_id"], "--moment", "hindsight", "-f", "json"
    )
    (record,) = told.records
    assert [check for check in record["checks"] if check["result"] == "fail"] == []
    assert older["collateral_id"] in {entry["id"] for entry in record["collateral"]}


# --- collateral of another time -------------------------------------------------------------


def at_receipt(run: Any, evidence: Evidence, folder: Path, received: datetime) -> dict[str, str]:
    """Receipt at `received`, hindsight at the evidence's moment, in words."""
    case = judge(run, evidence.bend(moment=received), folder)
    at = evidence.moment.isoformat()
    run("verify", case, "--as-of", at, "--now", at)
    check_consistency(run, case)
    return {row["moment"]: describe(row) for row in select(run, case, "FROM verdict")}


BEFORE = ISSUED - timedelta(days=30)


def test_a_later_crl_does_not_revoke_in_the_past(run: Any, kit: Kit, tmp_path: Path) -> None:
    """The archive has only the list of a month later: nothing says that it was revoked then."""
    revoked = kit.evidence(collateral=kit.collateral(revoked_pcks=(kit.pck().spec.serial,)))

    assert at_receipt(run, revoked, tmp_path, BEFORE) == {
        "receipt": "undetermined: T2 T6",
        "hindsight": "rejected: R4",
    }


def test_a_later_tcb_info_does_not_reject_in_the_past(run: Any, kit: Kit, tmp_path: Path) -> None:
    """What accepts is kept comparable with Intel's library, which reads no issue date."""
    levels = (kit.level(status="Revoked"),)
    crls = {
        "root_ca_crl": kit.crl(kit.pki.root, days=60, start=BEFORE),
        "pck_crl": kit.crl(kit.pki.platform_ca, days=60, start=BEFORE),
    }
    revoked = kit.evidence(collateral=kit.collateral(levels=levels)).bend_collateral(**crls)
    healthy = kit.evidence().bend_collateral(**crls)

    assert at_receipt(run, revoked, tmp_path / "revoked", BEFORE) == {
        "receipt": "undetermined: T6 V3",
        "hindsight": "rejected Revoked: V3",
    }
    assert at_receipt(run, healthy, tmp_path / "healthy", BEFORE) == {
        "receipt": "accepted UpToDate: T6",
        "hindsight": "accepted UpToDate",
    }


def test_collateral_may_have_no_end(run: Any, kit: Kit, tmp_path: Path) -> None:
    """RFC 5280 writes that as the year 9999, and no calendar goes further."""
    last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    overrides = {"nextUpdate": col.format_time(last)}
    endless = kit.evidence(collateral=kit.collateral(tcb_overrides=overrides)).bend_collateral(
        pck_crl=pki.build_crl(kit.pki.platform_ca, this_update=ISSUED, next_update=last)
    )
    case = judge(run, endless, tmp_path)

    assert [row["outcome"] for row in select(run, case, "FROM verdict")] == ["accepted"] * 2
    covered = {row["key"]: row["to"] for row in run("collateral", case, "-f", "json").records}
    assert covered["Intel SGX PCK Platform CA"] == col.format_time(last)
    assert run("coverage", case).code == 0
    assert run("summary", case).code == 0
    assert run("report", case, "--html", tmp_path / "report.html").code == 0


# --- the proof with openssl -----------------------------------------------------------------


def forged_tcb_info(kit: Kit) -> Evidence:
    good = kit.collateral().tcb_info
    body = good.body.replace(b'"pcesvn":13', b'"pcesvn":12')
    return kit.evidence().bend_collateral(tcb_info=replace(good, body=body))


def pretty_tcb_info(kit: Kit) -> Evidence:
    """Stored with white space, which the signature does not cover."""
    good = kit.collateral().tcb_info
    body = json.dumps(json.loads(good.body), indent=1).encode()
    return kit.evidence().bend_collateral(tcb_info=replace(good, body=body))


def foreign_crl(kit: Kit) -> Evidence:
    crl = kit.crl(kit.pki.platform_ca, signing_key=kit.other_key)
    return kit.evidence().bend_collateral(pck_crl=crl)


def revoked_signer(kit: Kit) -> Evidence:
    serials = (kit.pki.tcb_signing.spec.serial,)
    return kit.evidence(collateral=kit.collateral(revoked_by_root=serials))


def own_root(kit: Kit) -> Evidence:
    evidence: Evidence = test_attacks_on_chains.foreign_hierarchy(kit)
    return evidence


@pytest.mark.parametrize(
    ("forge", "failing"),
    [
        (lambda kit: kit.evidence(), set()),
        (pretty_tcb_info, set()),
        (forged_tcb_info, {"S4"}),
        (foreign_crl, {"R2"}),
        (revoked_signer, {"S2"}),
        (own_root, {"P2"}),
        (test_attacks_on_chains.tcb_raised, {"P5"}),
    ],
)
def test_openssl_fails_where_a_check_fails(
    run: Any, kit: Kit, tmp_path: Path, forge: Any, failing: set[str]
) -> None:
    """The steps that fail are those of the failing checks, and these have their step."""
    case = judge(run, forge(kit), tmp_path)
    (row,) = select(run, case, "SELECT * FROM verdict WHERE moment = 'receipt'")
    folder = tmp_path / "proof"
    told = run("explain", case, row["observation_id"], "--write", folder, "--format", "json")
    (record,) = told.records
    failed = set()
    for step in record["steps"]:
        done = subprocess.run(
            step["command"],
            shell=True,
            cwd=folder / record["observation_id"],
            capture_output=True,
            text=True,
            check=False,
        )
        if step["expect"] not in done.stdout + done.stderr:
            failed.add(step["check_id"])
    assert failed == failing
    assert failing <= set(row["failed_checks"])
    assert {"K1", "K2", "K5", "P2", "P3", "P4", "P5"} <= {s["check_id"] for s in record["steps"]}
