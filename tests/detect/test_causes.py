"""Why a finding came or went: the world, what we know of it, or the tool."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from forensics.case.case import Case, create_case
from forensics.case.query import open_locked
from forensics.case.settings import load_intel_root
from forensics.detect.catalog import Catalog, load_catalog
from forensics.detect.detection import Detection, detect
from forensics.detect.store import load_detections, save_detection
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

    silenced = replace(CATALOG["not-forwarded"], sql=hide(CATALOG["not-forwarded"].sql))
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
