"""Every format of findings against its published schema or a program that reads it."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from prometheus_client.parser import text_string_to_metric_families
from py_ocsf_models.events.findings.compliance_finding import ComplianceFinding
from py_ocsf_models.events.findings.detection_finding import DetectionFinding
from pydantic import BaseModel
from sarif_pydantic import Sarif

from forensics.case.contract import FINDING
from forensics.cli.export_findings import FindingFormat
from forensics.detect.catalog import load_catalog
from forensics.detect.findings import make_finding
from forensics.report import formats
from forensics.report.exchange import write_csv
from forensics.report.metrics import METRICS, PREFIX, write_metrics
from forensics.report.outgoing import Outgoing
from forensics.report.siem import to_event, to_ocsf, to_syslog

ROOT = Path(__file__).parents[2]
HOSTILE = "=cmd|' /C calc'!A0]\"\\\x1b[2J\n<script>ÿ\ud800‖"

# RFC 5424, section 6: the grammar of a message.
SYSLOG = re.compile(
    r"<(?P<priority>[1-9]?\d|1[0-8]\d|19[01])>1 "
    r"(?P<time>-|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)) "
    r"(?P<host>[!-~]{1,255}) (?P<app>[!-~]{1,48}) (?P<process>[!-~]{1,128}) "
    r"(?P<id>[!-~]{1,32}) "
    r"\[(?P<sd>[^ =\]\"]{1,32})"
    r'(?P<params>(?: [^ =\]"]{1,32}="(?:[^"\\\]]|\\["\\\]])*")*)\]'
    r"(?: (?P<message>.*))?"
)
SYSLOG_PARAM = re.compile(r' ([^ =\]"]{1,32})="((?:[^"\\\]]|\\["\\\]])*)"')

# Elastic Common Schema 8.17: the fields that are used here, with their types there.
ECS_FIELDS = {
    "@timestamp": "date",
    "ecs.version": "keyword",
    "message": "match_only_text",
    "event.kind": "keyword",
    "event.category": "keyword[]",
    "event.type": "keyword[]",
    "event.id": "keyword",
    "event.code": "keyword",
    "event.module": "keyword",
    "event.dataset": "keyword",
    "event.severity": "long",
    "event.risk_score": "float",
    "event.reason": "keyword",
    "event.start": "date",
    "event.end": "date",
    "event.created": "date",
    "rule.id": "keyword",
    "rule.name": "keyword",
    "rule.description": "keyword",
    "rule.version": "keyword",
    "rule.ruleset": "keyword",
    "observer.product": "keyword",
    "observer.type": "keyword",
    "observer.version": "keyword",
    "container.id": "keyword",
    "host.name": "keyword",
    "related.hash": "keyword[]",
}
ECS_ALLOWED = {  # of the fields with a closed list of values
    "event.kind": {"alert", "event", "state", "metric", "asset", "enrichment", "pipeline_error"},
    "event.category": {"intrusion_detection", "configuration", "threat"},
    "event.type": {"info", "indicator", "allowed", "denied"},
}
ECS_TYPES: dict[str, Callable[[Any], bool]] = {
    "date": lambda v: datetime.fromisoformat(v).tzinfo is not None,
    "keyword": lambda v: isinstance(v, str),
    "match_only_text": lambda v: isinstance(v, str),
    "long": lambda v: isinstance(v, int),
    "float": lambda v: isinstance(v, float),
    "keyword[]": lambda v: isinstance(v, list) and all(isinstance(item, str) for item in v),
}


@pytest.fixture
def export(run, audited: Path) -> Callable[..., str]:
    def call(form: str, *arguments: object) -> str:
        result = run("export", "findings", audited, "--format", form, *arguments)
        assert result.code == 0, result.err
        return str(result.out)

    return call


def lines(text: str) -> list[dict[str, Any]]:
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def hostile(**changes: Any) -> Outgoing:
    """A finding whose every text is an attacker's."""
    row = {
        "subject_type": "enclave",
        "subject_id": HOSTILE,
        "first_seen": None,
        "last_seen": datetime(2026, 1, 5, tzinfo=UTC),
        "observation_ids": ["a"],
        "severity": "critical",
        "summary": HOSTILE * 40,
        "details": json.dumps({"enclave_id": HOSTILE * 9}),
    }
    found = make_finding(load_catalog()["debug-enclave"], row | changes)
    seen = {"node_id": HOSTILE, "workload_id": "‖" * 500}
    return Outgoing(found, "why?", "so", "approval", seen)


def test_the_command_has_all_formats_and_no_others() -> None:
    assert [form.value for form in FindingFormat] == list(formats.FORMATS)


def test_json_lines_are_the_view(export, run, audited: Path) -> None:
    assert lines(export("jsonl")) == run("findings", audited, "--format", "json").records


def test_filters(export) -> None:
    high = lines(export("jsonl", "--severity", "critical"))
    assert {row["severity"] for row in high} == {"critical"}
    assert export("jsonl", "--state", "resolved") == ""
    assert len(lines(export("jsonl", "--changed"))) == len(lines(export("jsonl")))


# CSV, Parquet


def test_csv_is_read_back(export) -> None:
    text = export("csv")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert list(rows[0]) == list(FINDING.names)
    assert len(rows) == len(lines(export("jsonl")))
    assert json.loads(rows[0]["details"])


@pytest.mark.parametrize("start", ["=", "+", "-", "@", " =", "＝"])
def test_no_cell_is_a_formula(start: str) -> None:
    item = hostile(subject_id=f"{start}1+1", summary=f"{start}HYPERLINK(1)")
    [_, row] = csv.reader(io.StringIO(write_csv([item]), newline=""))
    assert f"'{start}1+1" in row
    assert not any(cell.startswith(start) for cell in row)


@pytest.mark.parametrize("start", ["\t", "\r", "\n"])
def test_what_a_spreadsheet_skips_is_written_out(start: str) -> None:
    [_, row] = csv.reader(io.StringIO(write_csv([hostile(subject_id=f"{start}=1+1")]), newline=""))
    assert repr(f"{start}=1+1")[1:-1] in row


def test_parquet_is_read_by_another_engine(run, audited: Path, tmp_path: Path, export) -> None:
    out = tmp_path / "findings.parquet"
    arguments = ("export", "findings", audited, "--format", "parquet", "--out", out)
    assert run(*arguments).code == 0
    described = duckdb.sql(f"DESCRIBE FROM '{out}'").fetchall()
    assert [(name, kind) for name, kind, *_ in described] == [
        (column.name, column.type) for column in FINDING.columns
    ]
    ids = [row[0] for row in duckdb.sql(f"SELECT finding_id FROM '{out}'").fetchall()]
    assert ids == [row["finding_id"] for row in lines(export("jsonl"))]


# OCSF


def check_ocsf(record: dict[str, Any], model: type[BaseModel], newer: set[str]) -> None:
    """Valid for the published model, and nothing in it that the model does not know."""
    parsed = model.model_validate(record).model_dump()
    assert set(record) - newer <= set(parsed)
    for name in ("metadata", "finding_info", "compliance"):
        if name in record:
            assert set(record[name]) - newer <= set(parsed[name]), name
    assert record["type_uid"] == record["class_uid"] * 100 + record["activity_id"]
    assert record["category_uid"] == 2
    moment = datetime.fromtimestamp(record["time"] / 1000, UTC)  # milliseconds
    assert 2020 < moment.year < 2100


def test_ocsf_detection_findings(export) -> None:
    records = lines(export("ocsf"))
    assert len(records) > 5
    for record in records:
        check_ocsf(record, DetectionFinding, {"is_alert"})  # the model is of OCSF 1.3
        assert record["class_uid"] == 2004
        assert (record["activity_id"], record["status_id"]) == (1, 1)
        assert record["is_alert"] is True
        assert record["evidences"][0]["data"]
    assert {record["severity_id"] for record in records} >= {4, 5}


@pytest.mark.parametrize(
    ("state", "activity", "status", "alert"),
    [
        ("new", 1, 1, True),
        ("recurring", 2, 2, True),
        ("reopened", 2, 1, True),
        ("unobserved", 2, 2, True),
        ("suppressed", 2, 3, False),
        ("resolved", 3, 4, False),
        ("closed", 3, 4, False),
    ],
)
def test_ocsf_of_every_state(state: str, activity: int, status: int, alert: bool) -> None:
    item = hostile()
    record = to_ocsf(replace(item, finding=replace(item.finding, state=state)))  # type: ignore[arg-type]
    check_ocsf(record, DetectionFinding, {"is_alert"})
    assert (record["activity_id"], record["status_id"], record["is_alert"]) == (
        activity, status, alert
    )  # fmt: skip


def test_ocsf_compliance_findings_are_controls(export) -> None:
    records = {r["compliance"]["control"]: r for r in lines(export("ocsf-compliance"))}
    assert set(records) == {d.id for d in load_catalog().values() if d.status == "stable"}
    for record in records.values():
        check_ocsf(record, ComplianceFinding, {"status"})
        assert record["class_uid"] == 2003
        assert record["compliance"]["standards"]
    assert records["silent-enclave"]["compliance"]["status_id"] == 3
    assert records["tcb-rollback"]["compliance"]["status_id"] == 2  # one quote without a time
    assert records["debug-enclave"]["compliance"]["status_id"] == 1


# ECS


def flatten(record: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for name, value in record.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def test_ecs_documents(export) -> None:
    for record in lines(export("ecs")):
        flat = flatten({name: value for name, value in record.items() if name != "tee"})
        for name, value in flat.items():
            assert ECS_TYPES[ECS_FIELDS[name]](value), (name, value)
            values = value if isinstance(value, list) else [value]
            assert set(values) <= ECS_ALLOWED.get(name, set(values)), name
        assert {"@timestamp", "ecs.version", "message", "event.kind"} <= set(flat)


# Timesketch


def test_timesketch_lines(export) -> None:
    """What its reader of JSON lines demands of each, and what it would compute itself."""
    records = lines(export("timesketch"))
    for record in records:
        assert {"message", "datetime", "timestamp_desc"} <= set(record)
        moment = datetime.fromisoformat(record["datetime"])
        assert moment.tzinfo is not None
        assert record["timestamp"] == round(moment.timestamp() * 1_000_000)
        assert all(isinstance(tag, str) for tag in record["tag"])
        assert not any(isinstance(v, str) and len(v) > 32766 for v in record.values())
    assert {"Finding first seen", "Finding opened"} <= {r["timestamp_desc"] for r in records}


# SARIF


def test_sarif(export) -> None:
    text = export("sarif")
    document = json.loads(text)
    parsed = Sarif.model_validate(document)
    assert parsed.version == "2.1.0"
    [found] = document["runs"]
    rules = [rule["id"] for rule in found["tool"]["driver"]["rules"]]
    assert len(rules) == len(set(rules))
    for result in found["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in {"none", "note", "warning", "error"}
        assert result["baselineState"] in {"new", "unchanged", "updated", "absent"}
        assert result["message"]["text"]
        assert re.fullmatch(r"[0-9a-f]{64}", result["partialFingerprints"]["quoteForensics/v1"])
    assert len(found["results"]) == len(lines(export("jsonl")))


# Syslog


def parse_syslog(line: str) -> tuple[dict[str, str], dict[str, str]]:
    found = SYSLOG.fullmatch(line)
    assert found, line
    params = dict(SYSLOG_PARAM.findall(found["params"]))
    unescaped = {name: re.sub(r"\\(.)", r"\1", value) for name, value in params.items()}
    return found.groupdict(), unescaped


def test_syslog_messages(export) -> None:
    text = export("syslog")
    assert text.splitlines()
    for line in text.splitlines():
        message, params = parse_syslog(line)
        assert int(message["priority"]) // 8 == 13  # log audit
        assert message["app"] == "quote-forensics"
        assert message["sd"] == "finding@32473"
        assert message["message"].startswith("\ufeff")
        assert re.fullmatch(r"[0-9a-f]{64}", params["fingerprint"])


def test_a_hostile_finding_is_one_bounded_syslog_message() -> None:
    line = to_syslog(hostile())
    assert len(line.encode()) <= 2048
    assert not any(ord(c) < 32 for c in line)
    message, params = parse_syslog(line)
    assert (message["id"], params["severity"]) == ("debug-enclave", "critical")
    assert params["subject_id"].startswith("=cmd|' /C calc'!A0]\"\\")


# The source system's own event


def test_events_have_the_form_of_the_source_and_fire_its_rule(export) -> None:
    sample_types = {
        **dict.fromkeys(
            ("timestamp", "event_type", "enclave_id", "mrenclave", "mrsigner", "quote_status"), str
        ),
        **dict.fromkeys(("pck_cert_status", "tcb_level", "policy_mode", "backend_verifier"), str),
        **dict.fromkeys(("isv_prodid", "isv_svn"), int),
        **dict.fromkeys(("policy_allowed", "siem_forwarded"), bool),
        "sgx_extensions": list,
    }
    records = lines(export("event"))
    for record in records:
        assert record["event_type"] == "enclave_attestation"
        assert record["policy_allowed"] is False
        for name, kind in sample_types.items():
            assert isinstance(record.get(name, kind()), kind), name
    fired = {r["detector"] for r in records if r["drift"] and r["severity"] == "CRITICAL"}
    assert {"svn-rollback", "doppelganger-quote"} <= fired
    rollback = next(r for r in records if r["detector"] == "svn-rollback")
    assert {"enclave_id", "mrenclave", "mrsigner", "isv_svn", "quote_status"} <= set(rollback)


def test_drift_is_critical_whatever_its_severity() -> None:
    low = hostile(severity="low")
    assert to_event(low)["severity"] == "CRITICAL"
    assert to_event(replace(low, folder="hygiene"))["severity"] == "LOW"


def test_events_are_read_by_our_own_ingest(export, run, tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text(export("event"))
    run("init", tmp_path / "case")
    assert run("ingest", tmp_path / "case", tmp_path / "events.jsonl").code == 0
    [row] = run(
        "sql", tmp_path / "case",
        "SELECT count(*) AS events, count(*) FILTER (NOT claimed_policy_allowed) AS denied, "
        "sum(len(malformed_claims)) AS malformed FROM observation", "--format", "json",
    ).records  # fmt: skip
    assert row["events"] == row["denied"] == len(lines(export("event")))
    assert not row["malformed"]


# Metrics


def families(text: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    assert text.endswith("\n")
    return {
        family.name: [(sample.labels, sample.value) for sample in family.samples]
        for family in text_string_to_metric_families(text)
    }


def test_metrics_are_read_by_the_prometheus_client(export) -> None:
    found = families(export("prometheus"))
    assert set(found) <= {f"{PREFIX}_{name}" for name in METRICS}
    assert found[f"{PREFIX}_last_run_exit_code"] == [({}, 1.0)]
    new = [s for s in found[f"{PREFIX}_findings"] if s[0]["detector"] == "replayed-quote"]
    assert new == [({"detector": "replayed-quote", "severity": "critical", "state": "new"}, 3.0)]
    views = {labels["view"] for labels, _ in found[f"{PREFIX}_feed_watermark_timestamp_seconds"]}
    assert views == {"launch", "nonce", "observation", "release", "stop"}


def test_no_sample_has_a_timestamp(export) -> None:
    """The textfile collector refuses a file with timestamps."""
    for line in export("prometheus").splitlines():
        assert line.startswith("#") or len(re.sub(r"\{.*\}", "", line).split()) == 2


def test_metrics_of_a_run_that_did_not_end() -> None:
    record = {
        "tool": {"version": 'a"\\\nb'},
        "started_at": "2026-01-05T00:00:00Z",
        "exit_code": None,
        "timings": {"total": 1.5},
    }
    found = families(write_metrics(record))
    assert found[f"{PREFIX}_last_run_exit_code"] == [({}, 255.0)]
    assert f"{PREFIX}_last_complete_run_timestamp_seconds" not in found
    assert found[f"{PREFIX}_build_info"] == [({"version": 'a"\\\nb'}, 1.0)]


# audit --output


def test_an_audit_writes_feeds_of_news_and_whole_snapshots(run, tmp_path: Path) -> None:
    log = tmp_path / "e.jsonl"
    log.write_text(
        '{"event_type":"enclave_attestation","timestamp":"2026-01-05T10:00:00Z","event_id":"e",'
        '"mrenclave":"abc"}\n'
    )
    outputs = {form: tmp_path / f"out.{form}" for form in ("ocsf", "jsonl", "prometheus")}
    options = [o for form, path in outputs.items() for o in ("--output", f"{form}={path}")]
    arguments = ("audit", tmp_path / "case", log, *options)
    assert run(*arguments).code == 0
    assert len(lines(outputs["ocsf"].read_text())) == 1
    assert run(*arguments).code == 0
    assert outputs["ocsf"].read_text() == ""  # nobody is told twice
    assert len(lines(outputs["jsonl"].read_text())) == 1
    steps = families(outputs["prometheus"].read_text())[f"{PREFIX}_run_step_duration_seconds"]
    assert {"custody", "ingest", "verify", "detect", "total"} == {s[0]["step"] for s in steps}


def test_a_failed_audit_still_writes_its_metrics(run, own_audited: Path, tmp_path: Path) -> None:
    table = max((own_audited / "tables" / "observation").rglob("*.parquet"))
    table.write_bytes(b"")
    out, ocsf = tmp_path / "qf.prom", tmp_path / "ocsf"
    outputs = ("--output", f"prometheus={out}", "--output", f"ocsf={ocsf}")
    assert run("audit", own_audited, *outputs).code == 4
    assert families(out.read_text())[f"{PREFIX}_last_run_exit_code"] == [({}, 4.0)]
    assert not ocsf.exists()


@pytest.mark.parametrize("text", ["ocsf", "ocsf=", "xml=f", "=f"])
def test_what_is_no_output(run, audited: Path, text: str) -> None:
    result = run("audit", audited, "--output", text)
    assert (result.code, "[bad-output]" in result.err) == (2, True)


def test_an_output_that_cannot_be_written(run, audited: Path, tmp_path: Path) -> None:
    out = tmp_path / "missing" / "f"
    result = run("export", "findings", audited, "--format", "csv", "--out", out)
    assert (result.code, "[unwritable-path]" in result.err) == (2, True)
