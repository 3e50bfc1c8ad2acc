"""Why a finding came or went: the world, what we know about it, or the tool."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from forensics.case.case import Case, create_case
from forensics.case.ledger import TOOL_VERSION
from forensics.case.query import open_locked
from forensics.case.settings import load_intel_root
from forensics.detect.catalog import Catalog, load_catalog
from forensics.detect.causes import COLLATERAL_VIEWS, MANIFEST_VIEWS, Explainer
from forensics.detect.detection import Detection, detect
from forensics.detect.findings import Finding, make_finding
from forensics.detect.parameters import bind
from forensics.detect.run import DetectorRun
from forensics.detect.scope import NARROWED
from forensics.detect.store import describe_run, load_detections, save_detection
from forensics.sources import ingest_paths

CATALOG = load_catalog()
FIRST = datetime(2026, 1, 5, 2, tzinfo=UTC)
MRENCLAVE = "ab" * 32


class Nights:
    """A case that is judged night after night by a few detectors."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.case: Case = create_case(
            folder / "case", name="c", at=FIRST, anchors=[load_intel_root()]
        )
        self.number = 0

    @property
    def at(self) -> datetime:
        return FIRST + timedelta(days=self.number)

    def ingest(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)
        with self.case.writer(action="ingest", at=self.at, who="test") as writer:
            ingest_paths(writer, [self.folder / name])

    def events(self, name: str, *events: dict[str, Any]) -> None:
        self.ingest(name, "".join(json.dumps(event) + "\n" for event in events))

    def judge(self, catalog: Catalog, **overrides: str) -> Detection:
        connection = open_locked(self.case, check_results=False)
        previous = load_detections(connection)
        detection = detect(connection, catalog, as_of=self.at, overrides=overrides)
        with self.case.writer(action="detect", at=self.at, who="test") as writer:
            save_detection(
                writer,
                detection.findings,
                detection.runs,
                previous,
                as_of=self.at,
                evidence_entry=detection.evidence_entry,
            )
        self.number += 1
        return detection


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    return Nights(tmp_path)


def only(*names: str) -> Catalog:
    return {name: CATALOG[name] for name in names}


def attestation(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "event_type": "enclave_attestation",
        "event_id": f"e{number}",
        "enclave_id": f"enc-{number}",
        "timestamp": (FIRST - timedelta(hours=1)).isoformat(),
    } | fields


def told(detection: Detection) -> list[tuple[str, str, str | None]]:
    return sorted((f.subject_id, f.state, f.cause) for f in detection.findings)


BAD_CLAIM = {"mrenclave": "abc"}


def test_new_evidence_is_the_world(nights: Nights) -> None:
    catalog = only("malformed-claim")
    nights.events("a.jsonl", attestation(1, **BAD_CLAIM, backend_verifier="v1"))
    [first] = told(nights.judge(catalog))
    assert first[1:] == ("new", "evidence")
    nights.events("b.jsonl", attestation(2, **BAD_CLAIM, backend_verifier="v2"))
    states = [row[1:] for row in told(nights.judge(catalog))]
    assert sorted(states) == [("new", "evidence"), ("recurring", "evidence")]


def test_a_new_or_changed_detector_is_the_tool(nights: Nights) -> None:
    nights.events("a.jsonl", attestation(1, **BAD_CLAIM, siem_forwarded=False))
    nights.judge(only("malformed-claim"))
    both = told(nights.judge(only("malformed-claim", "not-forwarded")))
    assert ("new", "detector") in [row[1:] for row in both]

    grouped = "GROUP BY subject_type, subject_id, kind\n"
    sql = CATALOG["not-forwarded"].sql
    assert sql.count(grouped) == 1
    silent = sql.replace(grouped, f"{grouped}HAVING count(*) < 0\n")
    silenced = replace(CATALOG["not-forwarded"], sql=silent)
    gone = nights.judge({**only("malformed-claim"), "not-forwarded": silenced})
    assert ("resolved", "detector") in [row[1:] for row in told(gone)]
    again = nights.judge(only("malformed-claim", "not-forwarded"))
    assert ("reopened", "detector") in [row[1:] for row in told(again)]


def hide(sql: str) -> str:
    """The same query, finding nothing."""
    return f"SELECT * FROM ({sql}) AS found WHERE subject_id IS NULL"


def test_new_evidence_under_a_changed_detector_is_still_the_world(nights: Nights) -> None:
    nights.events("a.jsonl", attestation(1, **BAD_CLAIM, backend_verifier="v1"))
    detector = CATALOG["malformed-claim"]
    nights.judge({"malformed-claim": replace(detector, sql=hide(detector.sql))})
    nights.events("b.jsonl", attestation(2, **BAD_CLAIM, backend_verifier="v2"))
    causes = {row[2] for row in told(nights.judge(only("malformed-claim")))}
    assert causes == {"detector", "evidence"}


def test_a_changed_parameter_is_the_tool(nights: Nights) -> None:
    catalog = only("silent-enclave")
    launched = FIRST - timedelta(seconds=45)
    nights.events("a.jsonl", {
        "event_type": "enclave_launch", "enclave_id": "enc", "container_id": "c",
        "timestamp": launched.isoformat(),
    })  # fmt: skip
    assert told(nights.judge(catalog, attest_within="2d")) == []
    [row] = told(nights.judge(catalog, attest_within="30s"))
    assert row[1:] == ("new", "detector")


def test_time_that_passed_is_the_world(nights: Nights) -> None:
    catalog = only("silent-enclave")
    nights.events("a.jsonl", {
        "event_type": "enclave_launch", "enclave_id": "enc", "container_id": "c",
        "timestamp": (FIRST - timedelta(seconds=5)).isoformat(),
    })  # fmt: skip
    assert told(nights.judge(catalog)) == []
    [row] = told(nights.judge(catalog))
    assert row == ("enc", "new", "evidence")


def test_late_evidence_ends_a_silence(nights: Nights) -> None:
    catalog = only("silent-enclave")
    launched = FIRST - timedelta(hours=1)
    nights.events("a.jsonl", {
        "event_type": "enclave_launch", "enclave_id": "enc-1", "timestamp": launched.isoformat(),
    })  # fmt: skip
    assert told(nights.judge(catalog)) == [("enc-1", "new", "evidence")]
    heard = launched + timedelta(seconds=3)
    nights.events("late.jsonl", attestation(1, timestamp=heard.isoformat()))
    assert told(nights.judge(catalog)) == [("enc-1", "resolved", "evidence")]


MANIFEST = """\
[[workload]]
id = "payments"
allow = [ {{ mrenclave = "{}" }} ]
"""


def test_a_changed_manifest_judges_history_again(nights: Nights) -> None:
    catalog = only("doppelganger-quote")
    claim = attestation(1, mrenclave=MRENCLAVE, workload_id="payments", quote_status="OK")
    nights.events("a.jsonl", claim)
    nights.ingest("m1.toml", MANIFEST.format("cd" * 32))
    [row] = told(nights.judge(catalog))
    assert row[1:] == ("new", "evidence")
    nights.ingest("m2.toml", MANIFEST.format(MRENCLAVE))
    [row] = told(nights.judge(catalog))
    assert row[1:] == ("resolved", "manifest")


def window(mrenclave: str, **times: datetime) -> str:
    words = "".join(f', {name} = "{at.isoformat()}"' for name, at in times.items())
    return MANIFEST.format(f'{mrenclave}"{words} }}, {{ mrenclave = "{"cd" * 32}')


def test_a_later_manifest_closes_the_window_of_an_approval(nights: Nights) -> None:
    catalog = only("doppelganger-quote")
    claim = attestation(1, mrenclave=MRENCLAVE, workload_id="payments", quote_status="OK")
    nights.events("a.jsonl", claim)
    nights.ingest("m1.toml", window(MRENCLAVE))
    assert told(nights.judge(catalog)) == []
    nights.ingest("m2.toml", window(MRENCLAVE, valid_to=FIRST - timedelta(hours=2)))
    [row] = told(nights.judge(catalog))
    assert row[1:] == ("new", "manifest")
    nights.ingest("m3.toml", MANIFEST.format("cd" * 32))  # what it leaves out stays as it was
    [row] = told(nights.judge(catalog))
    assert row[1:] == ("recurring", "manifest")
    nights.ingest("m4.toml", window(MRENCLAVE, valid_to=FIRST))
    [row] = told(nights.judge(catalog))
    assert row[1:] == ("resolved", "manifest")


def test_an_approval_is_known_since_a_window_that_covers_it(nights: Nights) -> None:
    day = timedelta(days=1)
    later = {"ends_sooner": FIRST - day, "ends_later": FIRST + day}
    nights.ingest("m1.toml", window(MRENCLAVE, valid_to=FIRST))
    recorded = {}
    for name, end in later.items():
        nights.number += 1
        nights.ingest(f"{name}.toml", window(MRENCLAVE, valid_to=end))
        rows = open_locked(nights.case, check_results=False).sql(
            "SELECT valid_to, recorded_at, workload_recorded_at FROM reference_value "
            "WHERE mrenclave = $mrenclave",
            params={"mrenclave": MRENCLAVE},
        )
        [row] = rows.to_arrow_table().to_pylist()
        recorded[name] = tuple(row.values())
    assert recorded == {
        "ends_sooner": (FIRST - day, FIRST, FIRST),
        "ends_later": (FIRST + day, FIRST + 2 * day, FIRST),
    }


# --- what came in between, told from the sources alone ---------------------------------------


SEEN = 3  # the newest ledger entry with evidence that the detector's last run saw
CUT_OFF = FIRST - timedelta(hours=1)


def run_of(name: str, **params: Any) -> DetectorRun:
    detector = CATALOG[name]
    return DetectorRun(detector, bind(detector.params, FIRST, params), True, (), ())


def record(name: str, seen: int | None = SEEN, **known: Any) -> dict[str, Any]:
    """The row of the view `detection` that a run left."""
    return describe_run(run_of(name)) | {"evidence_entry": seen, "cut_off": CUT_OFF} | known


def finding_of(name: str, *sightings: str, first_seen: datetime | None = FIRST) -> Finding:
    row = {
        "subject_type": "enclave",
        "subject_id": "enc",
        "first_seen": first_seen,
        "last_seen": first_seen,
        "observation_ids": list(sightings),
        "severity": "low",
        "summary": "",
        "details": "{}",
    }
    return make_finding(CATALOG[name], row)


def explainer(
    sources: Sequence[tuple[str, int]], runs: Sequence[DetectorRun], before: Sequence[Any]
) -> Explainer:
    """Over sources (kind, ledger entry), each with one sighting of the name `at-<entry>`."""
    connection = duckdb.connect()
    connection.execute("CREATE TABLE source (source_id VARCHAR, kind VARCHAR, ledger_entry INT)")
    connection.execute("CREATE TABLE observation (observation_id VARCHAR, source_id VARCHAR)")
    for kind, entry in sources:
        connection.execute("INSERT INTO source VALUES (?, ?, ?)", [f"s{entry}", kind, entry])
        connection.execute("INSERT INTO observation VALUES (?, ?)", [f"at-{entry}", f"s{entry}"])
    return Explainer(connection, runs, before)


@pytest.mark.parametrize(
    ("name", "kinds", "cause"),
    [
        ("doppelganger-quote", ["manifest"], "manifest"),
        ("doppelganger-quote", ["events", "crl", "manifest"], "manifest"),
        ("doppelganger-quote", ["crl", "events"], "collateral"),
        ("malformed-claim", ["manifest", "crl"], "evidence"),  # it reads neither
        ("unlisted-platform", ["crl"], "evidence"),
        ("claim-mismatch", ["certificates"], "evidence"),
        ("impossible-time", ["certificates"], "collateral"),
        ("stale-collateral", ["collateral"], "collateral"),
        ("stale-collateral", ["tcb_info"], "collateral"),
        ("stale-collateral", ["qe_identity"], "collateral"),
        ("stale-collateral", ["events"], "evidence"),
        ("stale-collateral", [], "time"),
    ],
)
def test_what_is_blamed_is_what_came_and_what_the_detector_reads(
    name: str, kinds: list[str], cause: str
) -> None:
    came = [("manifest", SEEN), *((kind, SEEN + 1 + n) for n, kind in enumerate(kinds))]
    explain = explainer(came, [run_of(name)], [record(name)])
    for found in (True, False):
        assert explain(finding_of(name, "of-before"), found) == cause


def test_every_input_that_is_read_whole_is_of_the_manifest_or_of_collateral() -> None:
    whole = {view for detector in CATALOG.values() for view in detector.inputs} - NARROWED
    follow = {
        *("custody_problem", "key_recovery", "source"),
        *("extent", "latency", "loose_end", "source_extent", "stretch", "traffic", "way"),
    }
    assert whole - MANIFEST_VIEWS - COLLATERAL_VIEWS == follow  # from evidence
    assert MANIFEST_VIEWS.isdisjoint(COLLATERAL_VIEWS)


@pytest.mark.parametrize(
    ("sightings", "found", "cause"),
    [
        (("at-4",), True, "evidence"),
        (("at-3", "at-4"), True, "evidence"),
        (("at-3",), True, "manifest"),
        (("at-4",), False, "manifest"),  # what is gone was seen before
    ],
)
def test_a_sighting_that_came_since_is_new_evidence(
    sightings: tuple[str, ...], found: bool, cause: str
) -> None:
    name = "doppelganger-quote"
    explain = explainer(
        [("events", 3), ("manifest", 4)], [run_of(name)], [record("late-nonce", 1), record(name)]
    )
    assert explain(finding_of(name, *sightings), found) == cause


@pytest.mark.parametrize(
    ("first_seen", "cut_off", "cause"),
    [
        (CUT_OFF + timedelta(seconds=1), CUT_OFF, "evidence"),
        (CUT_OFF, CUT_OFF, "manifest"),
        (None, CUT_OFF, "manifest"),
        (FIRST, None, "manifest"),
    ],
)
def test_what_was_not_sighted_is_new_when_it_began_after_the_cut_off(
    first_seen: datetime | None, cut_off: datetime | None, cause: str
) -> None:
    name = "doppelganger-quote"
    before = [record(name, cut_off=cut_off)]
    explain = explainer([("manifest", 4)], [run_of(name)], before)
    assert explain(finding_of(name, first_seen=first_seen), True) == cause


def test_a_sighting_that_the_others_saw_is_new_to_who_did_not_run_with_them() -> None:
    name = "doppelganger-quote"
    explain = explainer([("events", 3)], [run_of(name)], [record(name, 2), record("late-nonce", 3)])
    assert explain(finding_of(name, "at-3"), True) == "evidence"


def test_to_a_run_that_did_not_keep_what_it_saw_every_sighting_is_new() -> None:
    name = "doppelganger-quote"
    explain = explainer([("events", 2), ("manifest", 3)], [run_of(name)], [record(name, None)])
    assert explain(finding_of(name, "at-2"), True) == "evidence"


def test_the_first_run_of_all_is_blamed_on_nothing() -> None:
    explain = explainer([], [run_of("malformed-claim")], [])
    assert explain(finding_of("malformed-claim", "a"), True) == "evidence"


def test_what_a_detector_that_is_new_finds_in_what_others_saw_is_the_tool() -> None:
    before = [record("late-nonce", 2), record("log-gap", SEEN), record("nonce-reuse", None)]
    explain = explainer([("events", 3), ("events", 4)], [run_of("malformed-claim")], before)
    assert explain(finding_of("malformed-claim", "at-3"), True) == "detector"
    assert explain(finding_of("malformed-claim", "at-4"), True) == "evidence"


def test_the_finding_of_a_detector_that_is_no_longer_there_is_the_tool() -> None:
    explain = explainer([("events", 4)], [], [record("malformed-claim")])
    assert explain(finding_of("malformed-claim", "at-4"), False) == "detector"


@pytest.mark.parametrize(
    ("known", "cause"),
    [
        ({}, "time"),
        ({"basis": None}, "time"),
        ({"basis": "{}"}, "time"),
        ({"basis": json.dumps({"tool": TOOL_VERSION})}, "time"),
        ({"basis": json.dumps({"tool": "0.0"})}, "detector"),
        ({"sql_sha256": "other"}, "detector"),
        ({"params": '{"attest_within": "31s"}'}, "detector"),
        ({"params": '{"attest_within": "30s", "as_of": "2020-01-01T00:00:00+00:00"}'}, "time"),
        ({"params": '{"attest_within": "30s"}'}, "time"),
    ],
)
def test_another_query_parameter_or_tool_is_the_tool(known: dict[str, Any], cause: str) -> None:
    name = "silent-enclave"
    explain = explainer([], [run_of(name)], [record(name, **known)])
    assert explain(finding_of(name, "a"), False) == cause
