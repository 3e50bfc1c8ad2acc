"""Manifests: three spellings of one shape, read strictly."""

from __future__ import annotations

import json

import pytest

from forensics.case.records import Record
from forensics.case.tables import TABLES
from forensics.errors import EvidenceError
from forensics.sources.manifest import (
    ALLOW_KEYS,
    EXPECTED_KEYS,
    PLATFORM_KEYS,
    POLICY_KEYS,
    RULE_KEYS,
    WORKLOAD_KEYS,
    Keys,
    decode_toml,
    decode_yaml,
    read_manifest,
)
from forensics.sources.members import BOM
from forensics.sources.sniff import Kind, sniff

MR, TD = "ab" * 32, "cd" * 48

TOML = f"""
[[workload]]
id = "payments"
report_data = {{ digest = "sha256", parts = ["initial_state", "nonce"], pad = "right" }}

[workload.expected]
runtime = "ironclaw"
attest_within = "30s"
evidence = ["gpu"]
one_per_platform = true

[[workload.allow]]
mrenclave = "{MR}"
mrsigner = "{MR}"
isv_prodid = 1
min_isv_svn = 4
valid_from = "2024-01-01T00:00:00Z"
valid_to = 2024-09-01T00:00:00Z
ticket = "OPS-1"

[[workload.allow]]
mrtd = "{TD}"
rtmr0 = "{TD}"

[[workload]]
id = "broker"
report_data = {{ recipe = "kbs-rcar-v1" }}

[policy]
mode = "STRICT"
max_quote_age = "5m"
max_collateral_age = "30d"
accept = ["UpToDate", "SWHardeningNeeded"]
"""

YAML = f"""
workload:
  - id: payments
    allow:
      - {{mrenclave: "{MR}", mrsigner: "{MR}", isv_prodid: 1, min_isv_svn: 4, ticket: OPS-1,
          valid_from: 2024-01-01T00:00:00Z, valid_to: "2024-09-01T00:00:00Z"}}
      - mrtd: "{TD}"
        rtmr0: "{TD}"
    report_data: {{digest: sha256, parts: [initial_state, nonce], pad: right}}
    expected: {{runtime: ironclaw, attest_within: 30s, evidence: [gpu], one_per_platform: true}}
  - id: broker
    report_data: {{recipe: kbs-rcar-v1}}
policy: {{mode: STRICT, max_quote_age: 5m, max_collateral_age: 30d,
         accept: [UpToDate, SWHardeningNeeded]}}
"""

ROWS = [
    ("workload", {
        "workload_id": "payments", "report_data_digest": "sha256",
        "report_data_parts": ["initial_state", "nonce"], "report_data_pad": "right",
        "runtime": "ironclaw", "attest_within_ms": 30_000, "evidence": ["gpu"],
        "one_per_platform": True,
    }),
    ("reference_value", {
        "workload_id": "payments", "mrenclave": bytes.fromhex(MR), "mrsigner": bytes.fromhex(MR),
        "isv_prodid": 1, "min_isv_svn": 4, "valid_from": 1_704_067_200_000_000,
        "valid_to": 1_725_148_800_000_000, "extra": '{"ticket":"OPS-1"}',
    }),
    ("reference_value", {
        "workload_id": "payments", "mrtd": bytes.fromhex(TD), "rtmr0": bytes.fromhex(TD),
    }),
    ("workload", {"workload_id": "broker", "report_data_recipe": "kbs-rcar-v1"}),
    ("policy", {
        "mode": "STRICT", "max_quote_age_ms": 300_000, "max_collateral_age_ms": 2_592_000_000,
        "accept": ["UpToDate", "SWHardeningNeeded"],
    }),
]  # fmt: skip


def read(value: object) -> Record:
    return read_manifest(value, b"", None)


@pytest.mark.parametrize(
    ("text", "kind", "decode"), [(TOML, Kind.TOML, decode_toml), (YAML, Kind.YAML, decode_yaml)]
)
def test_every_spelling_gives_the_same_rows(text: str, kind: Kind, decode: object) -> None:
    data = text.encode()
    assert sniff(data, len(data)) is kind
    assert callable(decode)
    record = read(decode(data))
    assert record.problem is None
    assert record.rows == ROWS


@pytest.mark.parametrize(
    ("text", "kind"),
    [("workload = []\n", Kind.TOML), ("[policy]\n", Kind.TOML), ("policy:\n", Kind.YAML)],
)
def test_a_byte_order_mark_does_not_hide_the_first_line(text: str, kind: Kind) -> None:
    data = BOM + text.encode()
    assert sniff(data, len(data)) is kind


def test_json_gives_the_same_rows() -> None:
    value = decode_yaml(YAML.replace("2024-01-01T00:00:00Z", '"2024-01-01T00:00:00Z"').encode())
    record = read(json.loads(json.dumps(value)))
    assert (record.rows, record.problem) == (ROWS, None)


WRONG: dict[str, tuple[dict[str, object], str]] = {
    "typo at the top": ({"polcy": {}}, "manifest: unknown key 'polcy'"),
    "typo in a workload": ({"workload": [{"id": "a", "alow": []}]}, "unknown key 'alow'"),
    "no id": ({"workload": [{}]}, "id is missing"),
    "numeric id": ({"workload": [{"id": 1}]}, "id is not a string"),
    "approves all": ({"workload": [{"id": "a", "allow": [{"min_isv_svn": 1}]}]}, "approve"),
    "short digest": ({"workload": [{"id": "a", "allow": [{"mrenclave": "ab"}]}]}, "32 bytes"),
    "svn as text": (
        {"workload": [{"id": "a", "allow": [{"mrsigner": MR, "min_isv_svn": "4"}]}]},
        "min_isv_svn is not a number",
    ),
    "empty window": (
        {"workload": [{"id": "a", "allow": [
            {"mrsigner": MR, "valid_from": "2024-01-01T00:00:00Z",
             "valid_to": "2024-01-01T00:00:00Z"}]}]},
        "valid_from is not before",
    ),
    "no zone": (
        {"workload": [{"id": "a", "allow": [{"mrsigner": MR, "valid_to": "2024-01-01"}]}]},
        "valid_to",
    ),
    "digest": ({"workload": [{"id": "a", "report_data": {"digest": "md5", "parts": ["nonce"]}}]},
               "digest is not one of"),
    "parts": ({"workload": [{"id": "a", "report_data": {"digest": "sha256", "parts": ["nonse"]}}]},
              "'nonse' is none of"),
    "pad": ({"workload": [{"id": "a", "report_data": {
        "digest": "sha256", "parts": ["nonce"], "pad": "left"}}]}, "pad is not one of right"),
    "recipe and digest": (
        {"workload": [{"id": "a", "report_data": {"recipe": "raw", "digest": "none"}}]},
        "a recipe stands alone",
    ),
    "duration": ({"workload": [{"id": "a", "expected": {"attest_within": 30}}]}, "not a string"),
    "yes": (
        {"workload": [{"id": "a", "expected": {"one_per_platform": "yes"}}]},
        "neither true nor false",
    ),
    "evidence": ({"workload": [{"id": "a", "expected": {"evidence": "gpu"}}]}, "evidence"),
    "duration unit": ({"policy": {"max_quote_age": "5 minutes"}}, "not a duration"),
    "status": ({"policy": {"accept": ["Uptodate"]}}, "'Uptodate' is none of"),
    "nothing": ({}, "no workload, platform or policy"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("table", "keys"),
    [
        ("workload", {**WORKLOAD_KEYS, **RULE_KEYS, **EXPECTED_KEYS}),
        ("reference_value", ALLOW_KEYS),
        ("listed_platform", PLATFORM_KEYS),
        ("policy", POLICY_KEYS),
    ],
)
def test_every_key_becomes_a_column_of_its_own(table: str, keys: Keys) -> None:
    [stored] = [stored for stored in TABLES if stored.name == table]
    columns = [column for column, _ in keys.values()]
    assert len(set(columns)) == len(columns)
    others = {"source_id", "source_line", "workload_id", "extra"}
    assert {*stored.names} - others == {*columns} - others


def test_null_is_what_is_not_given() -> None:
    entry = {"mrenclave": MR, "mrsigner": None, "min_isv_svn": None, "valid_to": None}
    workload = {"id": "w", "allow": [entry], "expected": None, "report_data": None}
    record = read_manifest({"workload": [workload], "policy": None}, b"", None)
    assert record.problem is None
    assert record.rows == [
        ("workload", {"workload_id": "w"}),
        ("reference_value", {"workload_id": "w", "mrenclave": bytes.fromhex(MR)}),
    ]


def test_an_entry_of_nulls_approves_nothing() -> None:
    workload = {"id": "w", "allow": [{"mrenclave": None}]}
    record = read_manifest({"workload": [workload]}, b"", None)
    assert record.problem is not None
    assert record.rows == [("workload", {"workload_id": "w"})]


@pytest.mark.parametrize("name", WRONG)
def test_what_is_not_understood_is_refused_and_said(name: str) -> None:
    value, message = WRONG[name]
    record = read(value)
    assert record.problem is not None
    assert record.problem.reason == "bad-manifest"
    assert message in record.problem.message
    assert not [row for row in record.rows if row[0] != "workload"]


def test_a_wrong_entry_costs_only_itself() -> None:
    record = read({"workload": [{"id": "a", "allow": [{}, {"mrsigner": MR}]}, 7, {"id": "b"}]})
    assert [(table, row["workload_id"]) for table, row in record.rows] == [
        ("workload", "a"),
        ("reference_value", "a"),
        ("workload", "b"),
    ]
    assert record.problem is not None
    assert record.problem.message.count(";") == 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"policy: \xff", "not-utf8"),
        (b"policy: {a: 1, a: 2}", "bad-manifest"),
        (b"policy: &a {b: *a}", "bad-manifest"),
        (b"policy: !!python/name:os.system", "bad-manifest"),
        (b"policy: " + b"[" * 5000, "nesting-too-deep"),
        (b"policy: 2024-99-99", "bad-manifest"),
        (b"policy: [", "bad-manifest"),
        (b"policy: " + b"1" * 5000, "bad-manifest"),
        (b"policy: x" + b" " * (1 << 20), "bad-manifest"),
    ],
)
def test_hostile_yaml_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(EvidenceError) as raised:
        decode_yaml(data)
    assert raised.value.code == code


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"[policy]\nmode = 'a'\nmode = 'b'", "bad-manifest"),
        (b"[policy]\nx = " + b"[" * 5000, "nesting-too-deep"),
        (b"[policy]\nx = " + b"1" * 5000, "bad-manifest"),
        (b"[policy]\nx = '\xff'", "not-utf8"),
        (b"[policy]\n" + b"a." * 100_000 + b"a = 1", "nesting-too-deep"),
        (b"[" + b"'a' . " * 100_000 + b"a]", "nesting-too-deep"),
        (b"[policy]\nx = 1 #" + b" " * (1 << 20), "bad-manifest"),
    ],
)
def test_hostile_toml_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(EvidenceError) as raised:
        decode_toml(data)
    assert raised.value.code == code
