"""Findings as security events: OCSF 1.5, ECS 8, RFC 5424 syslog and the source system's own event.

Sources: ocsf.io schema 1.5.0 (Detection Finding 2004, Compliance Finding 2003); Elastic Common
Schema 8.17; RFC 5424, section 6.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from forensics import __version__
from forensics.case.ledger import TOOL_NAME
from forensics.detect.detector import Detector
from forensics.report.outgoing import Outgoing
from forensics.report.plain import to_line, to_milliseconds
from forensics.report.text import to_plain

OCSF_VERSION: Final = "1.5.0"
ECS_VERSION: Final = "8.17.0"

_OCSF_SEVERITY: Final = {"info": 1, "low": 2, "medium": 3, "high": 4, "critical": 5}
_OCSF_CAPTION: Final = ("Unknown", "Informational", "Low", "Medium", "High", "Critical")
_CREATE, _UPDATE, _CLOSE = 1, 2, 3
_NEW, _IN_PROGRESS, _SUPPRESSED, _RESOLVED = 1, 2, 3, 4
_OCSF_STATE: Final = {  # state -> (activity_id, status_id)
    "new": (_CREATE, _NEW),
    "recurring": (_UPDATE, _IN_PROGRESS),
    "reopened": (_UPDATE, _NEW),
    "unobserved": (_UPDATE, _IN_PROGRESS),
    "suppressed": (_UPDATE, _SUPPRESSED),
    "resolved": (_CLOSE, _RESOLVED),
    "closed": (_CLOSE, _RESOLVED),
}
_RULE: Final = 1  # analytic.type_id
_DETECTION, _COMPLIANCE = 2004, 2003
_PASS, _WARNING, _FAIL = 1, 2, 3

_ECS_SEVERITY: Final = {"info": 21, "low": 47, "medium": 60, "high": 73, "critical": 99}

_SYSLOG_SEVERITY: Final = {"critical": 2, "high": 3, "medium": 4, "low": 5, "info": 6}
_LOG_AUDIT: Final = 13  # facility
_ENTERPRISE: Final = 32473  # the number that RFC 5612 reserves for examples
_LONGEST_PARAM: Final = 64  # characters; a fingerprint has as many
_LONGEST_SYSLOG: Final = 2048  # bytes that every receiver should take (RFC 5424, 6.1)

# Folders of detectors whose findings are drift: what runs is not what was approved, or is older.
_DRIFT_FOLDERS: Final = {"approval", "rollback", "platform"}


def to_ocsf(item: Outgoing) -> dict[str, Any]:
    """A Detection Finding; times in milliseconds."""
    finding = item.finding
    activity, status = _OCSF_STATE[finding.state]
    record = _ocsf_base(_DETECTION, activity, _OCSF_SEVERITY[finding.severity], item.created)
    record |= {
        "status_id": status,
        "is_alert": item.is_open,
        "message": finding.summary,
        "start_time": _milliseconds(finding.first_seen),
        "end_time": _milliseconds(finding.last_seen),
        "finding_info": _drop_nulls(
            {
                "uid": finding.fingerprint,
                "title": finding.title,
                "desc": item.question or None,
                "analytic": _analytic(finding.detector, finding.title, finding.detector_version),
                "created_time": to_milliseconds(item.created),
                "first_seen_time": _milliseconds(finding.first_seen),
                "last_seen_time": _milliseconds(finding.last_seen),
                "modified_time": _milliseconds(finding.state_since),
            }
        ),
        "evidences": [{"name": "attestation evidence", "data": _evidence(item)}],
        "resources": [{"uid": finding.subject_id, "type": finding.subject_type}],
        "unmapped": _drop_nulls(
            {"state": finding.state, "cause": finding.cause, "suppression": finding.suppression}
        ),
    }
    return _drop_nulls(record)


def to_ocsf_compliance(row: Mapping[str, Any], detector: Detector | None) -> dict[str, Any]:
    """A Compliance Finding about one detector as a control, from its row of `detection`.

    `row` also has `open_findings` and the worst `severity` among them. What could not be judged is
    a warning, never a pass.
    """
    name = row["detector"]
    blind = row["outcome"] != "evaluated" or row["unjudged"] or row["waiting"]
    status = _FAIL if row["open_findings"] else _WARNING if blind else _PASS
    said = {_FAIL: "Fail", _WARNING: "Warning", _PASS: "Pass"}[status]
    title = detector.title if detector else name
    standards = detector.standards if detector else ()
    severity = _OCSF_SEVERITY[row["severity"] or "info"]
    record = _ocsf_base(_COMPLIANCE, _CREATE, severity, row["as_of"])
    record |= {
        "status_id": _RESOLVED if status == _PASS else _NEW,
        "message": f"{title}: {said}, {row['open_findings']} open, {row['unjudged']} unjudged",
        "finding_info": {
            "uid": f"control:{name}",
            "title": title,
            "analytic": _analytic(name, title, row["detector_version"]),
        },
        "compliance": {
            "control": name,
            "standards": list(standards) or [TOOL_NAME],
            "status": said,
            "status_id": status,
        },
    }
    if detector:
        record["finding_info"]["desc"] = detector.question
    return record


def _ocsf_base(class_uid: int, activity: int, severity: int, at: datetime) -> dict[str, Any]:
    return {
        "category_uid": 2,
        "class_uid": class_uid,
        "activity_id": activity,
        "type_uid": class_uid * 100 + activity,
        "severity_id": severity,
        "severity": _OCSF_CAPTION[severity],
        "time": to_milliseconds(at),
        "metadata": {
            "version": OCSF_VERSION,
            "product": {"name": TOOL_NAME, "vendor_name": TOOL_NAME, "version": __version__},
        },
    }


def _analytic(name: str, title: str, version: int) -> dict[str, Any]:
    return {"type_id": _RULE, "type": "Rule", "uid": name, "name": title, "version": str(version)}


def _evidence(item: Outgoing) -> dict[str, Any]:
    data = {
        "details": item.details,
        "observation_ids": list(item.finding.observation_ids),
        "sighting": dict(item.seen),
        "quote": dict(item.quote),
    }
    plain: dict[str, Any] = to_plain({name: value for name, value in data.items() if value})
    return plain


def to_ecs(item: Outgoing) -> dict[str, Any]:
    """A document of the Elastic Common Schema; facts of attestation are below `tee`."""
    finding = item.finding
    about = finding.last_seen or finding.first_seen or item.created
    hashes = [str(item.seen["quote_id"])] if "quote_id" in item.seen else []
    record = {
        "@timestamp": to_plain(about),
        "ecs": {"version": ECS_VERSION},
        "message": finding.summary,
        "event": {
            "kind": "alert" if item.is_open else "event",
            "category": ["intrusion_detection"],
            "type": ["info"],
            "id": finding.fingerprint,
            "code": finding.detector,
            "module": TOOL_NAME,
            "dataset": f"{TOOL_NAME}.finding",
            "severity": _ECS_SEVERITY[finding.severity],
            "risk_score": float(_ECS_SEVERITY[finding.severity]),
            "reason": item.question or None,
            "start": to_plain(finding.first_seen),
            "end": to_plain(finding.last_seen),
            "created": to_plain(item.created),
        },
        "rule": {
            "id": finding.detector,
            "name": finding.title,
            "description": item.why or None,
            "version": str(finding.detector_version),
            "ruleset": TOOL_NAME,
        },
        "observer": {"product": TOOL_NAME, "type": "forensics", "version": __version__},
        "container": {"id": item.name("container_id")},
        "host": {"name": item.name("node_id")},
        "related": {"hash": hashes},
        "tee": {
            "finding": {
                "state": finding.state,
                "cause": finding.cause,
                "severity": finding.severity,
                "subject_type": finding.subject_type,
                "subject_id": finding.subject_id,
                "observation_ids": list(finding.observation_ids),
            },
            "enclave_id": item.name("enclave_id"),
            "workload_id": item.name("workload_id"),
            "details": finding.details,
            **item.quote,
        },
    }
    return _drop_nulls(record)


def to_syslog(item: Outgoing) -> str:
    """One RFC 5424 message: facts as structured data, the summary as the message."""
    finding = item.finding
    priority = _LOG_AUDIT * 8 + _SYSLOG_SEVERITY[finding.severity]
    stamp = to_plain(item.created)
    known = {
        "fingerprint": finding.fingerprint,
        "severity": finding.severity,
        "state": finding.state,
        "cause": finding.cause,
        "subject_type": finding.subject_type,
        "subject_id": finding.subject_id,
        "enclave_id": item.name("enclave_id"),
        "workload_id": item.name("workload_id"),
        "node_id": item.name("node_id"),
    }
    data = "".join(f' {name}="{_escape_param(value)}"' for name, value in known.items() if value)
    host = _header_word(item.name("node_id"), 255)
    message_id = _header_word(finding.detector, 32)
    head = f"<{priority}>1 {stamp} {host} {TOOL_NAME} - {message_id} "
    line = f"{head}[finding@{_ENTERPRISE}{data}] \ufeff{_one_line(finding.summary)}"
    return line.encode("utf-8", "backslashreplace")[:_LONGEST_SYSLOG].decode("utf-8", "ignore")


def _header_word(text: str | None, size: int) -> str:
    """Printable US-ASCII without blanks, as the header wants it; `-` for nothing."""
    word = "".join(c if "!" <= c <= "~" else "?" for c in text or "")
    return word[:size] or "-"


def _escape_param(value: str) -> str:
    """A value of structured data (RFC 5424, 6.3.3), bounded, so that the brackets always close."""
    short = _one_line(value)[:_LONGEST_PARAM]
    return short.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def to_event(item: Outgoing) -> dict[str, Any]:
    """The event that the source system would have written, had it known: `policy_allowed` false.

    Drift is `CRITICAL` whatever its severity here, so that a rule on the source's events fires.
    Claims are as the source logged them, else as the quote has them.
    """
    finding = item.finding
    drift = item.folder in _DRIFT_FOLDERS
    seen, quote = item.seen, item.quote
    record = {
        "timestamp": to_plain(finding.last_seen or item.created),
        "event_type": "enclave_attestation",
        "event_id": f"{TOOL_NAME}:{finding.finding_id}",
        "enclave_id": item.name("enclave_id"),
        "workload_id": item.name("workload_id"),
        "node_id": item.name("node_id"),
        "container_id": item.name("container_id"),
        "mrenclave": seen.get("claimed_mrenclave") or quote.get("mrenclave"),
        "mrsigner": seen.get("claimed_mrsigner") or quote.get("mrsigner"),
        "isv_prodid": seen.get("claimed_isv_prodid", quote.get("isv_prodid")),
        "isv_svn": seen.get("claimed_isv_svn", quote.get("isv_svn")),
        "quote_status": seen.get("claimed_quote_status"),
        "pck_cert_status": seen.get("claimed_pck_cert_status"),
        "tcb_level": seen.get("claimed_tcb_level"),
        "policy_allowed": False,
        "policy_mode": seen.get("claimed_policy_mode"),
        "sgx_extensions": seen.get("sgx_extensions"),
        "backend_verifier": f"{TOOL_NAME}/v{__version__}",
        "siem_forwarded": True,
        "severity": "CRITICAL" if drift else finding.severity.upper(),
        "drift": drift,
        "detector": finding.detector,
        "fingerprint": finding.fingerprint,
        "state": finding.state,
        "reason": finding.summary,
    }
    return _drop_nulls(record)


def to_event_line(item: Outgoing) -> str:
    return to_line(to_event(item))


def to_ocsf_line(item: Outgoing) -> str:
    return to_line(to_ocsf(item))


def to_ecs_line(item: Outgoing) -> str:
    return to_line(to_ecs(item))


def _milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else to_milliseconds(moment)


def _drop_nulls(record: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is null or an object of nothing, at every depth of our own structure."""
    kept = {
        name: _drop_nulls(value) if isinstance(value, dict) else value
        for name, value in record.items()
    }
    return {name: value for name, value in kept.items() if value is not None and value != {}}
