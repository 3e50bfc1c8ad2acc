"""`timeline`: everything by time, and its filters."""

from __future__ import annotations

from pathlib import Path


def test_the_timeline_is_in_order_and_holds_every_kind(run, audited: Path):
    rows = run("timeline", audited, "--format", "json").records
    times = [row["seen_at"] for row in rows if row["seen_at"]]
    assert times == sorted(times)
    kinds = {row["what"] for row in rows}
    assert {"launch", "stop", "nonce", "release", "enclave_attestation", "finding"} <= kinds


def test_filters_narrow_it(run, audited: Path):
    (finding,) = run("findings", audited, "--detector", "svn-rollback", "-f", "json").records
    enclave = finding["subject_id"]
    rows = run("timeline", audited, "--enclave", enclave, "--format", "json").records
    assert rows
    assert {row["enclave_id"] for row in rows} == {enclave}
    assert any(finding["finding_id"] == row["id"] for row in rows)


def test_a_finding_is_one_row_where_it_was_first_seen(run, audited: Path):
    found = run("findings", audited, "--format", "json").records
    rows = [row for row in run("timeline", audited, "--format", "json").records
            if row["what"] == "finding"]  # fmt: skip
    assert sorted(row["id"] for row in rows) == sorted(f["finding_id"] for f in found)
    (rollback,) = (row for row in rows if "svn-rollback" in row["summary"])
    (finding,) = (f for f in found if f["detector"] == "svn-rollback")
    assert rollback["enclave_id"] == finding["subject_id"]
    # Wanted for what it is compared with, it is placed there.
    query = "SELECT enclave_id FROM observation WHERE observation_id = '{}'"
    before = query.format(finding["observation_ids"][0])
    (other,) = run("sql", audited, before, "--format", "json").records
    rows = run("timeline", audited, "--enclave", other["enclave_id"], "--format", "json").records
    assert [row["id"] for row in rows].count(finding["finding_id"]) == 1


def test_windows_are_half_open(run, audited: Path):
    rows = run("timeline", audited, "--format", "json").records
    start, end = rows[40]["seen_at"], rows[60]["seen_at"]
    inside = run("timeline", audited, "--since", start, "--until", end, "--format", "json").records
    assert inside == [row for row in rows if row["seen_at"] and start <= row["seen_at"] < end]


def test_secrets_and_challenges_are_where_their_session_was(run, audited: Path):
    rows = run("timeline", audited, "--node", "node-bc9549", "--format", "json").records
    assert {"launch", "nonce", "release", "enclave_attestation"} <= {row["what"] for row in rows}
    assert {row["node_id"] for row in rows} == {"node-bc9549"}
    rows = run("timeline", audited, "--workload", "ledger", "--format", "json").records
    assert any(row["summary"].startswith("ledger/master-key") for row in rows)


def test_a_finding_without_sightings_is_in_the_line_of_its_enclave(run, audited: Path):
    (finding,) = run("findings", audited, "--detector", "silent-enclave", "-f", "json").records
    rows = run("timeline", audited, "--enclave", finding["subject_id"], "-f", "json").records
    assert finding["finding_id"] in {row["id"] for row in rows}


def test_hostile_filters_are_values(run, audited: Path):
    result = run("timeline", audited, "--enclave", "x' OR 1=1 --", "--format", "json")
    assert (result.code, result.records) == (0, [])
