"""Reserved fields of quotes in the view `quote`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from forensics.case.case import create_case, open_case
from forensics.formats.structures import SGX_REPORT
from forensics.simulate.quotes import emit_header, qe_body, sgx_body
from forensics.sources import ingest_paths
from tests.case.conftest import AT, build_quote


@pytest.mark.parametrize(
    ("header", "body", "qe", "named"),
    [
        ({}, {}, {}, None),
        ({"header_reserved": b"\0\0\0\1"}, {}, {}, "header_reserved"),
        ({}, {"reserved1": b"\1" + bytes(11)}, {}, "reserved1"),
        ({}, {"reserved2": bytes(31) + b"\1"}, {}, "reserved2"),
        ({}, {"reserved3": bytes(31) + b"\1"}, {}, "reserved3"),
        ({}, {"reserved4": bytes(41) + b"\1"}, {"reserved4": b"\1" * 42}, "reserved4 qe_reserved4"),
    ],
)
def test_those_that_are_not_zero_are_named(
    tmp_path: Path,
    header: dict[str, bytes],
    body: dict[str, bytes],
    qe: dict[str, bytes],
    named: str | None,
) -> None:
    signed = emit_header(4, **header) + SGX_REPORT.emit(sgx_body(**body))
    report = SGX_REPORT.emit(qe_body(**qe))
    quote = build_quote(version=4, signed=signed, qe_report=report, outer_certification_type=6)
    event = {"event_type": "enclave_attestation", "timestamp": AT.isoformat(), "quote": quote.hex()}
    (tmp_path / "log.jsonl").write_text(json.dumps(event))
    case = create_case(tmp_path / "case", name="reserved", at=AT, anchors=[])
    with case.writer(action="ingest", at=AT, who="test") as writer:
        ingest_paths(writer, [tmp_path / "log.jsonl"])
    found = open_case(tmp_path / "case").sql("SELECT version, reserved_nonzero FROM quote")
    assert found.fetchall() == [(4, named)]
