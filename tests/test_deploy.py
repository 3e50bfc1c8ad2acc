"""What `deploy/` ships, against the programs that will read it."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes_validate import validate
from prometheus_client.parser import text_string_to_metric_families

from forensics.cli.main import app
from forensics.detect.suppressions import parse_suppressions
from forensics.report.metrics import METRICS, PREFIX

DEPLOY = Path(__file__).parents[1] / "deploy"
KUBERNETES = ("1.31", "1.37")  # the first with a stable podFailurePolicy, and a recent one
UNITS = ("quote-forensics.service", "quote-forensics.timer", "quote-forensics-failed.service")


def documents() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / "cronjob.yaml").read_text()))


def options_of(command: list[str]) -> set[str]:
    return {word.partition("=")[0] for word in command if word.startswith("--")}


def audit_options() -> set[str]:
    from typer.main import get_command

    command = get_command(app).commands["audit"]  # type: ignore[attr-defined]
    return {name for parameter in command.params for name in parameter.opts}


def service_lines() -> dict[str, list[str]]:
    text = (DEPLOY / "quote-forensics.service").read_text().replace("\\\n", " ")
    lines: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            lines.setdefault(name, []).append(value)
    return lines


@pytest.fixture
def systemd() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("systemd-analyze is not on this machine")
    return found


def verify_units(systemd: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [systemd, "verify", "--man=no", *(str(folder / name) for name in UNITS)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def copy_units(folder: Path) -> None:
    """The units with a program that is there."""
    for name in UNITS:
        text = (DEPLOY / name).read_text()
        text = text.replace("/opt/quote-forensics/bin/quote-forensics", sys.executable)
        text = text.replace("/usr/bin/logger", sys.executable)
        (folder / name).write_text(text)


def test_systemd_takes_the_units(systemd: str, tmp_path: Path) -> None:
    copy_units(tmp_path)
    done = verify_units(systemd, tmp_path)
    if "Failed to initialize manager" in done.stderr or "Permission denied" in done.stderr:
        pytest.skip(f"systemd-analyze does not work here: {done.stderr.splitlines()[0]}")
    assert (done.returncode, done.stderr) == (0, "")
    service = tmp_path / UNITS[0]
    service.write_text(service.read_text().replace("Type=oneshot", "Type=nightly"))
    assert "nightly" in verify_units(systemd, tmp_path).stderr  # it does look


def test_the_service_is_cut_off_from_everything(systemd: str) -> None:
    path = str(DEPLOY / "quote-forensics.service")
    command = [systemd, "security", "--offline=true", "--threshold=10", "--no-pager", path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"systemd-analyze security does not work here: {done.stderr.strip()[:80]}")
    assert "0.4 SAFE" in done.stdout or "0.3 SAFE" in done.stdout


def test_the_service_needs_no_network_and_no_privilege() -> None:
    lines = service_lines()
    for name, value in {
        "PrivateNetwork": "yes",
        "IPAddressDeny": "any",
        "RestrictAddressFamilies": "none",
        "ProtectSystem": "strict",
        "NoNewPrivileges": "yes",
        "CapabilityBoundingSet": "",
        "DynamicUser": "yes",
        "SuccessExitStatus": "1",
    }.items():
        assert lines[name] == [value], name


def test_scratch_files_are_not_in_memory() -> None:
    [environment] = service_lines()["Environment"]
    assert "TMPDIR=%V" in environment.split()  # /var/tmp; %T would be /tmp


def test_the_guide_looks_at_the_case_with_the_program_of_the_unit() -> None:
    guide = (DEPLOY / "README.md").read_text().replace("\\\n", " ")
    [line] = [line for line in guide.splitlines() if line.startswith("systemd-run")]
    [service] = service_lines()["ExecStart"]
    assert shlex.split(service)[0] in shlex.split(line)


def test_every_command_line_is_one_of_ours() -> None:
    [service] = service_lines()["ExecStart"]
    cron = (DEPLOY / "quote-forensics.cron").read_text().splitlines()[-1]
    job = documents()[0]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
    for words in (shlex.split(service), shlex.split(cron.split("||")[0]), job["args"]):
        assert "audit" in words
        assert options_of(words)
        assert options_of(words) <= audit_options()


def test_the_cron_line_has_a_cron_form() -> None:
    lines = (DEPLOY / "quote-forensics.cron").read_text().splitlines()
    [line] = [line for line in lines if line and not line.startswith(("#", *"ABCPSTZ"))]
    assert re.match(r"30 2 \* \* \* quote-forensics \S", line)
    assert "%" not in line  # cron takes it for the end of the line


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_takes_the_manifests(version: str) -> None:
    assert [document["kind"] for document in documents()] == ["CronJob", "NetworkPolicy"]
    for document in documents():
        validate(document, version, strict=True)


def test_the_schema_of_kubernetes_does_look() -> None:
    job = documents()[0]
    job["spec"]["concurrency"] = "Forbid"
    with pytest.raises(Exception, match="concurrency"):
        validate(job, KUBERNETES[-1], strict=True)


def test_the_job_is_cut_off_and_runs_alone() -> None:
    job, policy = documents()
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    evidence = next(m for m in container["volumeMounts"] if m["name"] == "evidence")
    assert evidence["readOnly"] is True
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert not {"ingress", "egress"} & policy["spec"].keys()  # nothing is allowed


# What Prometheus itself says about the rules: which alerts fire, given this many minutes of
# metrics.
ALERT_TEST = """
rule_files: [{rules}]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - series: quote_forensics_last_run_timestamp_seconds
        values: "0x2000"
      - series: quote_forensics_last_run_exit_code
        values: "1x10 3x10 _x2000"
      - series: >-
          quote_forensics_findings{{detector="silent-enclave", severity="critical", state="new"}}
        values: "0x10 1x10 0x2000"
      - series: >-
          quote_forensics_findings{{detector="malformed-claim", severity="low", state="new"}}
        values: "5x2000"
      - series: quote_forensics_suppressions{{state="expiring"}}
        values: "0x10 1x10 0x2000"
    alert_rule_test:
      - {{eval_time: 5m, alertname: AttestationAuditMissing}}
      - {{eval_time: 5m, alertname: AttestationAuditFailed}}
      - {{eval_time: 5m, alertname: AttestationFinding}}
      - {{eval_time: 5m, alertname: AttestationSuppressionEnds}}
      - eval_time: 27h
        alertname: AttestationAuditMissing
        exp_alerts:
          - exp_labels: {{severity: critical}}
            exp_annotations: {{summary: No audit of attestation evidence has begun for 26 hours.}}
      - eval_time: 15m
        alertname: AttestationAuditFailed
        exp_alerts:
          - exp_labels: {{severity: critical}}
            exp_annotations:
              summary: The last audit failed or was incomplete; see findings/run.json.
      - eval_time: 15m
        alertname: AttestationFinding
        exp_alerts:
          - exp_labels: {{detector: silent-enclave, severity: critical}}
            exp_annotations: {{summary: New finding of silent-enclave.}}
      - eval_time: 15m
        alertname: AttestationSuppressionEnds
        exp_alerts:
          - exp_labels: {{state: expiring, severity: warning}}
            exp_annotations: {{summary: Suppressions are expiring.}}
  - interval: 1m
    input_series: []
    alert_rule_test:
      - eval_time: 5m
        alertname: AttestationAuditMissing
        exp_alerts:
          - exp_labels: {{severity: critical}}
            exp_annotations: {{summary: No audit of attestation evidence has begun for 26 hours.}}
"""


def test_prometheus_takes_the_rules_and_they_fire(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not on this machine")
    test = tmp_path / "test.yaml"
    command = [promtool, "test", "rules", str(test)]
    test.write_text(ALERT_TEST.format(rules=DEPLOY / "alerts.yaml"))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    test.write_text(test.read_text().replace("Suppressions are expiring", "Something else"))
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0


def test_cron_takes_the_line() -> None:
    crontab = shutil.which("crontab")
    if crontab is None:
        pytest.skip("crontab is not on this machine")
    path = str(DEPLOY / "quote-forensics.cron")
    done = subprocess.run([crontab, "-n", path], capture_output=True, text=True, check=False)
    if "invalid option" in done.stderr:
        pytest.skip("this crontab cannot check a file")
    assert done.returncode == 0, done.stderr


def test_the_example_of_suppressions_is_valid() -> None:
    data = (DEPLOY / "suppressions.example.toml").read_bytes()
    [entry] = parse_suppressions(data, datetime(2026, 1, 1, tzinfo=UTC))
    assert entry.id == "SUP-7"


def test_help_texts_of_metrics_are_valid() -> None:
    text = "".join(f"# HELP {PREFIX}_{name} {meaning}\n" for name, meaning in METRICS.items())
    families = {
        family.name: family.documentation for family in text_string_to_metric_families(text)
    }
    assert families == {f"{PREFIX}_{name}": meaning for name, meaning in METRICS.items()}
