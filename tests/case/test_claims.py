"""What the words of verifiers are taken for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from forensics.case.case import create_case, open_case
from forensics.sources import ingest_paths
from tests.case.conftest import AT

# Of TCB info, the QVL, QvE and Intel's verification service; and of whoever writes as he likes.
SPELLINGS = {
    "UpToDate": ["UpToDate", "UP_TO_DATE", "up-to-date"],
    "SWHardeningNeeded": [
        *("SWHardeningNeeded", "SW_HARDENING_NEEDED", "TCB_SW_HARDENING_NEEDED"),
        *("STATUS_TCB_SW_HARDENING_NEEDED", "SGX_QL_QV_RESULT_SW_HARDENING_NEEDED"),
    ],
    "ConfigurationNeeded": [
        *("ConfigurationNeeded", "CONFIGURATION_NEEDED", "STATUS_TCB_CONFIGURATION_NEEDED"),
        "SGX_QL_QV_RESULT_CONFIG_NEEDED",
    ],
    "ConfigurationAndSWHardeningNeeded": [
        *("CONFIGURATION_AND_SW_HARDENING_NEEDED", "ConfigurationAndSWHardeningNeeded"),
        "SGX_QL_QV_RESULT_CONFIG_AND_SW_HARDENING_NEEDED",
    ],
    "OutOfDate": [
        *("OutOfDate", "TCB_OUT_OF_DATE", "STATUS_TCB_OUT_OF_DATE"),
        *("SGX_QL_QV_RESULT_OUT_OF_DATE", "out of date", "OutOfDate\n", "\tOut\r\nOf Date"),
        *("SGX_QL_QV_RESULT_OUT_OF_DATE (0xa002)", "OUT_OF_DATE: 40962", "OutOfDate=0xA002"),
    ],
    "OutOfDateConfigurationNeeded": [
        *("OutOfDateConfigurationNeeded", "TCB_OUT_OF_DATE_AND_CONFIGURATION_NEEDED"),
        *("SGX_QL_QV_RESULT_OUT_OF_DATE_CONFIG_NEEDED", "TCB_OUT_OF_DATE_CONFIGURATION_NEEDED"),
    ],
    "Revoked": ["Revoked", "REVOKED", "TCB_REVOKED", "SGX_QL_QV_RESULT_REVOKED"],
    "TDRelaunchAdvised": ["SGX_QL_QV_RESULT_TD_RELAUNCH_ADVISED", "TCB_TD_RELAUNCH_ADVISED"],
    "TDRelaunchAdvisedConfigurationNeeded": [
        *("TDRelaunchAdvisedConfigurationNeeded", "TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED"),
        "SGX_QL_QV_RESULT_TD_RELAUNCH_ADVISED_CONFIG_NEEDED",
    ],
}
GOOD = (
    *("OK", "SGX_QL_QV_RESULT_OK", "STATUS_OK", "Success", "affirming"),
    *("ok\n", "\tOK ", "SGX_QL_QV_RESULT_OK (0x0)", "ok (0)"),
)
LIMITED = ("warning", "expired")
BAD = (
    *("INVALID_SIGNATURE", "GROUP_REVOKED", "NOT_OUT_OF_DATE", "not ok", "SignatureInvalid"),
    *("STATUS_QE_IDENTITY_OUT", "SGX_QL_TCBINFO_NOT_FOUND", "contraindicated", "Failure", "denied"),
    *("PCK certificate expired", "unverified", "ERROR", "attestation failed"),
    *("ERR_17", "bad quote", "NOK", "no", "KO", "false", "collateral unavailable", "compromised"),
    *("UNSUCCESSFUL", "distrusted", "UNTRUSTWORTHY", "Non-Trusted", "unacceptable", "disaffirmed"),
    *("non-compliant", "quote not verified", "signature not ok", "ERROR (0x0)"),
    *("not revoked, but expired", "no error, signature invalid", "certificate not found"),
)
UNKNOWN = (
    *("17", "0", "", "TCB", "verified (with advisories)", "unknown", "none"),
    *("NoError", "NO_ERROR", "No failure", "NOT_REVOKED", "NON_REVOKED", "unrevoked"),
    *("passed_no_failures", "0 errors", "not expired", "ok: bad"),
)


def read_claims(tmp_path: Path, claims: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """(claimed_status, claimed_ok) of events that say this."""
    common = {"event_type": "enclave_attestation", "timestamp": AT.isoformat()}
    log = tmp_path / "log.jsonl"
    log.write_text("".join(json.dumps(common | claim) + "\n" for claim in claims))
    case = create_case(tmp_path / "case", name="claims", at=AT, anchors=[])
    with case.writer(action="ingest", at=AT, who="test") as writer:
        ingest_paths(writer, [log])
    query = "SELECT claimed_status, claimed_ok FROM observation ORDER BY observation_no"
    return open_case(tmp_path / "case").sql(query).fetchall()


@pytest.mark.parametrize("column", ["tcb_level", "quote_status"])
def test_every_spelling_of_a_status_is_read(tmp_path: Path, column: str) -> None:
    pairs = [(status, word) for status, words in SPELLINGS.items() for word in words]
    found = read_claims(tmp_path, [{column: word} for _, word in pairs])
    assert [row[0] for row in found] == [status for status, _ in pairs]


def test_the_level_outranks_the_quotes_status(tmp_path: Path) -> None:
    claims = [{"tcb_level": "OutOfDate", "quote_status": "UpToDate"}]
    claims += [{"tcb_level": "17", "quote_status": "REVOKED"}]
    assert [row[0] for row in read_claims(tmp_path, claims)] == ["OutOfDate", "Revoked"]


def test_what_is_no_status_is_none(tmp_path: Path) -> None:
    claims = [
        {"quote_status": word, "tcb_level": word} for word in (*GOOD, *LIMITED, *BAD, *UNKNOWN)
    ]
    found = read_claims(tmp_path, [*claims, {}])
    assert [row[0] for row in found] == [None] * len(found)


def test_a_weak_status_is_good_where_the_policy_allowed_it(tmp_path: Path) -> None:
    weak = [
        words[-1] for status, words in SPELLINGS.items() if status not in ("UpToDate", "Revoked")
    ]
    for allowed in (True, False, None):
        more = {} if allowed is None else {"policy_allowed": allowed}
        folder = tmp_path / str(allowed)
        folder.mkdir()
        found = read_claims(folder, [{"quote_status": word, **more} for word in weak])
        assert [row[1] for row in found] == [allowed is True] * len(weak)


def test_good_and_bad_words(tmp_path: Path) -> None:
    bad = [*BAD, "TCB_REVOKED"]
    claims = [{"quote_status": word, "policy_allowed": True} for word in (*GOOD, "UpToDate", *bad)]
    found = read_claims(tmp_path, claims)
    assert [row[1] for row in found] == [True] * (len(GOOD) + 1) + [False] * len(bad)


def test_of_a_word_that_is_not_known_the_policy_tells(tmp_path: Path) -> None:
    for allowed in (True, False, None):
        more = {} if allowed is None else {"policy_allowed": allowed}
        folder = tmp_path / str(allowed)
        folder.mkdir()
        words = (*UNKNOWN, *LIMITED)
        found = read_claims(folder, [{"quote_status": word, **more} for word in words])
        limited = [allowed is True] * len(LIMITED)
        assert [row[1] for row in found] == [allowed] * len(UNKNOWN) + limited
