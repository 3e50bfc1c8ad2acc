"""Malformed collateral, signed by the right key, beside a case's good collateral.

It is quarantined, or listed with the check that it fails; no verdict that rests on other documents
changes.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from forensics.simulate.collateral import sign_document
from forensics.simulate.pki import build_crl, make_pki

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "sample_data"
NEWEST = SAMPLE / "evidence" / "collateral" / "2026-01-06T1200-18"
PKI = make_pki(2026)  # the seed of the sample
NOW = "2026-01-08T00:00:00Z"
AT = datetime(2026, 1, 7, tzinfo=UTC)

Change = Callable[[dict[str, Any]], None]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "forensics", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


SGX, TDX, QE = "tcb_info_sgx_b0c06f000000", "tcb_info_tdx_b0c06f000000", "qe_identity_sgx"


def read_body(name: str = SGX) -> dict[str, Any]:
    envelope = json.loads((NEWEST / f"{name}.json").read_bytes())
    return envelope["enclaveIdentity" if name == QE else "tcbInfo"]


def shorten_components(body: dict[str, Any]) -> None:
    del body["tcbLevels"][0]["tcb"]["sgxtcbcomponents"][3:]


def shorten_all_components(body: dict[str, Any]) -> None:
    for level in body["tcbLevels"]:
        del level["tcb"]["sgxtcbcomponents"][5:]


def drop_levels(body: dict[str, Any]) -> None:
    del body["tcbLevels"]


def repeat_level(body: dict[str, Any]) -> None:
    body["tcbLevels"].append(body["tcbLevels"][0])


def invent_status(body: dict[str, Any]) -> None:
    body["tcbLevels"][0]["tcbStatus"] = "Splendid"


def invent_version(body: dict[str, Any]) -> None:
    body["version"] = 4


def overflow_number(body: dict[str, Any]) -> None:
    body["tcbLevels"][0]["tcb"]["pcesvn"] = 1 << 70


def change_type(body: dict[str, Any]) -> None:
    body["tcbLevels"] = {"svn": [[], {}]}


def drop_end(body: dict[str, Any]) -> None:
    del body["nextUpdate"]


def list_no_level(body: dict[str, Any]) -> None:
    body["tcbLevels"].append(None)


def shorten_tdx_components(body: dict[str, Any]) -> None:
    del body["tcbLevels"][0]["tcb"]["tdxtcbcomponents"][15]


def drop_module(body: dict[str, Any]) -> None:
    del body["tdxModule"]


def empty_modules(body: dict[str, Any]) -> None:
    body["tdxModuleIdentities"] = []


def shorten_module_signer(body: dict[str, Any]) -> None:
    body["tdxModuleIdentities"][0]["mrsigner"] = "00"


def shorten_mask(body: dict[str, Any]) -> None:
    body["attributesMask"] = "FF"


def misspell_signer(body: dict[str, Any]) -> None:
    body["mrsigner"] = "z" * 64


OF_BOTH: tuple[Change, ...] = (
    *(drop_levels, list_no_level, invent_status, invent_version, drop_end, change_type),
)
OF_TCB_INFOS: tuple[Change, ...] = (
    *(*OF_BOTH, shorten_components, shorten_all_components, repeat_level, overflow_number),
)
OF_TDX: tuple[Change, ...] = (
    *(shorten_tdx_components, drop_module, empty_modules, shorten_module_signer),
)
# They fail check S3, or S5, and are never chosen to judge by.
MALFORMED: dict[str, tuple[Change, ...]] = {
    SGX: OF_TCB_INFOS,
    TDX: (*OF_TCB_INFOS, *OF_TDX),
    QE: (*OF_BOTH, shorten_mask, misspell_signer),
}
COUNT = sum(map(len, MALFORMED.values()))


def sign(body: dict[str, Any]) -> bytes:
    return sign_document(body, PKI.tcb_signing.key).envelope()


def write_all(folder: Path, serials: list[int]) -> None:
    """`serials`: of the PCK certificates that the foreign CRLs revoke."""
    folder.mkdir()
    for name, changes in MALFORMED.items():
        for change in changes:
            body = read_body(name)
            # Newer than all good ones: were it well-formed, it would be judged by.
            body |= {"issueDate": "2026-01-06T13:00:00Z", "tcbEvaluationDataNumber": 99}
            change(body)
            (folder / f"{name}-{change.__name__}.json").write_bytes(sign(body))
    for name, data in list_unreadable().items():
        (folder / name).write_bytes(data)
    for name, data in list_foreign_crls(serials).items():
        (folder / name).write_bytes(data)


def list_unreadable() -> dict[str, bytes]:
    good = sign(read_body())
    crl = make_crl([])
    return {
        "key-twice.json": good.replace(b'"version":3', b'"version":3,"version":3'),
        "deep-key-twice.json": good.replace(
            b'"tcbStatus":', b'"tcbStatus":"Revoked","tcbStatus":', 1
        ),
        "surrogate.json": good.replace(b'"id":"SGX"', b'"id":"\\ud800"'),
        "latin.json": good.replace(b'"id":"SGX"', b'"id":"\xe9"'),
        "deep.json": good.replace(
            b'"version":', b'"x":' + b"[" * 999 + b"]" * 999 + b',"version":'
        ),
        "cut.der": crl[:-3],
        "odd.hex": crl.hex().encode()[:-1],
    }


def list_foreign_crls(serials: list[int]) -> dict[str, bytes]:
    """In the name of the platform CA, with all its platforms; Intel's CA issues none like these."""
    return {
        "crl-of-the-other-ca.der": make_crl(serials, signing_key=PKI.processor_ca.key),
        "crl-by-the-tcb-signer.der": make_crl(serials, signing_key=PKI.tcb_signing.key),
        "crl-without-number.der": make_crl(serials, number=None),
        "crl-without-authority.der": make_crl(serials, authority_key=False),
    }


def make_crl(serials: list[int], **changes: Any) -> bytes:
    until = datetime(2026, 3, 1, tzinfo=UTC)
    return build_crl(PKI.platform_ca, this_update=AT, next_update=until, revoked=serials, **changes)


def read_pck_serials(case: Path) -> list[int]:
    rows = query(case, "SELECT serial FROM certificate WHERE subject = 'Intel SGX PCK Certificate'")
    assert rows
    return [int(row["serial"], 16) for row in rows]


VERDICTS = "FROM verdict ORDER BY ALL"
CHECKS = "FROM check_result ORDER BY ALL"


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """A case before and after the bad collateral came, and what was said of it."""
    folder = tmp_path_factory.mktemp("collateral")
    good, both = folder / "good", folder / "both"
    arguments = [SAMPLE / "evidence", "--root-ca", SAMPLE / "root_ca.pem"]
    first = run("audit", good, *arguments, "--as-of", NOW, "--now", NOW)
    assert first.returncode == 1, first.stderr
    shutil.copytree(good, both)
    write_all(folder / "bad", read_pck_serials(good))
    second = run("audit", both, folder / "bad", "--as-of", NOW, "--now", NOW)
    assert second.returncode == 1, second.stderr
    return good, both, second.stderr


def query(case: Path, sql: str) -> list[dict[str, Any]]:
    result = run("sql", case, sql, "--format", "json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_no_verdict_changes(cases: tuple[Path, Path, str]):
    good, both, _ = cases
    assert query(good, VERDICTS) == query(both, VERDICTS)
    assert query(good, CHECKS) == query(both, CHECKS)


def test_what_came_first_does_not_matter(cases: tuple[Path, Path, str]):
    good, both, _ = cases
    case = good.parent / "other-way-round"
    run("init", case, "--root-ca", SAMPLE / "root_ca.pem", "--now", NOW)
    for source in (good.parent / "bad", SAMPLE / "evidence"):
        run("ingest", case, source, "--now", NOW)
        assert run("verify", case, "--as-of", NOW, "--now", NOW).returncode == 0
    assert query(case, VERDICTS) == query(both, VERDICTS)


def test_each_is_quarantined_or_fails_its_check(cases: tuple[Path, Path, str]):
    _, both, said = cases
    assert "Traceback" not in said
    sources = query(
        both,
        "SELECT regexp_extract(path, '[^/]*$') AS name, rows, quarantined FROM source "
        "WHERE path LIKE '%/bad/%' ORDER BY 1",
    )
    assert len(sources) == COUNT + len(list_unreadable()) + len(list_foreign_crls([]))
    assert all((source["rows"] > 0) != (source["quarantined"] > 0) for source in sources)
    assert {s["name"] for s in sources if s["quarantined"]} == set(list_unreadable())
    listed = query(
        both,
        "SELECT collateral_id FROM collateral "
        "WHERE tcb_evaluation_data_number = 99 AND NOT authentic",
    )
    assert len(listed) == COUNT
