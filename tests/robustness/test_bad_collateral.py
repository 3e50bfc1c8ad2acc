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


def read_body() -> dict[str, Any]:
    return json.loads((NEWEST / "tcb_info_sgx_b0c06f000000.json").read_bytes())["tcbInfo"]


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


# They fail check S3, and are never chosen to judge by.
MALFORMED: tuple[Change, ...] = (
    shorten_components,
    shorten_all_components,
    drop_levels,
    repeat_level,
    invent_status,
    invent_version,
    overflow_number,
    change_type,
)


def sign(body: dict[str, Any]) -> bytes:
    document = sign_document(body, PKI.tcb_signing.key)
    return b'{"tcbInfo":%s,"signature":"%s"}' % (
        document.body,
        document.signature.hex().encode(),
    )


def write_all(folder: Path) -> dict[str, Path]:
    folder.mkdir()
    written = {}
    for change in MALFORMED:
        body = read_body()
        # Newer than all good ones: were it well-formed, it would be judged by.
        body |= {"issueDate": "2026-01-06T13:00:00Z", "tcbEvaluationDataNumber": 99}
        change(body)
        written[change.__name__] = folder / f"{change.__name__}.json"
        written[change.__name__].write_bytes(sign(body))
    twice = sign(read_body()).replace(b'"version":3', b'"version":3,"version":3')
    (folder / "key-twice.json").write_bytes(twice)
    # A CRL in the name of the platform CA by the processor CA, with everything revoked.
    crl = build_crl(
        PKI.platform_ca,
        this_update=AT,
        next_update=datetime(2026, 3, 1, tzinfo=UTC),
        revoked=range(1, 50),
        signing_key=PKI.processor_ca.key,
    )
    (folder / "crl-of-the-other-ca.der").write_bytes(crl)
    return written


VERDICTS = (
    "SELECT observation_id, moment, outcome, status, failed_checks, tcb_info_id, qe_identity_id "
    "FROM verdict ORDER BY ALL"
)


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """A case before and after the bad collateral came, and what was said of it."""
    folder = tmp_path_factory.mktemp("collateral")
    good, both = folder / "good", folder / "both"
    arguments = [SAMPLE / "evidence", "--root-ca", SAMPLE / "root_ca.pem"]
    first = run("audit", good, *arguments, "--as-of", NOW, "--now", NOW)
    assert first.returncode == 1, first.stderr
    shutil.copytree(good, both)
    write_all(folder / "bad")
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


def test_each_is_quarantined_or_fails_its_check(cases: tuple[Path, Path, str]):
    _, both, said = cases
    assert "Traceback" not in said
    sources = query(
        both,
        "SELECT regexp_extract(path, '[^/]*$') AS name, rows, quarantined FROM source "
        "WHERE path LIKE '%/bad/%' ORDER BY 1",
    )
    assert len(sources) == len(MALFORMED) + 2
    assert all(source["rows"] + source["quarantined"] >= 1 for source in sources)
    assert {s["name"] for s in sources if s["quarantined"]} >= {"key-twice.json"}
    listed = query(
        both, "SELECT collateral_id FROM collateral WHERE tcb_evaluation_data_number = 99"
    )
    assert len(listed) == len(MALFORMED)
