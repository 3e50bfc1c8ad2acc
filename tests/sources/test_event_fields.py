"""Events: fields -> columns, claims kept as logged, nothing lost."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forensics.case.records import Record
from forensics.case.tables import EVIDENCE_TABLES
from forensics.errors import EvidenceError
from forensics.formats.json_text import find_repeated_keys
from forensics.sources import DEFAULT_LIMITS
from forensics.sources.encodings import decode_binary
from forensics.sources.events import may_repeat_keys
from forensics.sources.fields import EVENT_TYPES, OBSERVATION
from forensics.sources.objects import decode_json, exceeds_depth, read_record
from forensics.sources.reasons import REASONS
from forensics.sources.times import LATEST, read_time

TIME = "2024-06-15T14:32:11Z"
MICROSECONDS = 1_718_461_931_000_000


def read(**fields: object) -> Record:
    return read_record(json.dumps({"timestamp": TIME, **fields}).encode(), 1, DEFAULT_LIMITS)


def row(**fields: object) -> dict[str, object]:
    record = read(event_type="enclave_attestation", **fields)
    assert record.problem is None
    [(table, values)] = record.rows
    assert table == "observation"
    return values


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, True), (False, False), ("true", True), ("False", False), ("TRUE", True)],
)
def test_a_flag_may_be_logged_as_text(value: object, expected: bool) -> None:
    assert row(siem_forwarded=value)["siem_forwarded"] is expected


@pytest.mark.parametrize("value", ["yes", "", 1, 0, [True]])
def test_other_values_are_no_flag(value: object) -> None:
    record = read(event_type="enclave_attestation", policy_allowed=value)
    assert record.problem is not None
    assert record.problem.reason == "wrong-type"
    [(_, values)] = record.rows
    assert values.get("claimed_policy_allowed") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TIME, MICROSECONDS),
        ("2024-06-15T14:32:11.5Z", MICROSECONDS + 500_000),
        ("2024-06-15T14:32:11.1234567Z", MICROSECONDS + 123_456),
        ("2024-06-15T16:32:11+02:00", MICROSECONDS),
        ("2024-06-15t14:32:11z", MICROSECONDS),
        ("2024-06-15 14:32:11Z", MICROSECONDS),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000),
        ("2016-12-31T23:59:60.25z", 1_483_228_800_250_000),
        ("1970-01-01T00:00:00Z", 0),
        ("2199-12-31T23:59:59.999999Z", LATEST - 1),
    ],
)
def test_a_time_is_microseconds_utc(text: str, expected: int) -> None:
    assert read_time(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "2024-06-15", "2024-06-15T14:32:11", "20240615T143211Z", "2024-W24-6T14:32:11Z",
     "2024-06-15T14:32:11,5Z", "2024-06-15T24:00:00Z", "2024-13-01T00:00:00Z",
     "٢٠٢٤-06-15T14:32:11Z", "2024-06-15T14:32:11+25:00", "0000-01-01T00:00:00Z",
     "2024-06-15T14:61:60Z", 1718461931, None, True],
)  # fmt: skip
def test_what_is_not_rfc_3339_is_no_time(text: object) -> None:
    with pytest.raises(EvidenceError) as raised:
        read_time(text)
    assert raised.value.code == "bad-timestamp"


@given(st.datetimes())
def test_every_time_is_read_or_out_of_range(moment: datetime) -> None:
    elapsed = moment - datetime(1970, 1, 1)  # noqa: DTZ001 - both are UTC without saying so
    if 1970 <= moment.year < 2200:
        assert read_time(f"{moment.isoformat()}Z") == elapsed // timedelta(microseconds=1)
        return
    with pytest.raises(EvidenceError) as raised:
        read_time(f"{moment.isoformat()}Z")
    assert raised.value.code == "timestamp-out-of-range"


@given(st.binary())
def test_binary_is_read_from_every_encoding(data: bytes) -> None:
    standard = base64.b64encode(data).decode()
    forms = [data.hex(), data.hex().upper()]
    if standard.rstrip("=").strip("0123456789abcdefABCDEF"):  # else it reads as hex
        url = base64.urlsafe_b64encode(data).decode()
        wrapped = base64.encodebytes(data).decode()
        forms += [standard, standard.rstrip("="), url, url.rstrip("="), wrapped]
    for form in forms:
        assert decode_binary(form) == data


@pytest.mark.parametrize("text", ["!", "a", "AAAAA", "=", "AA=A", "0xzzz", "é", "AAA\x00"])
def test_what_is_no_encoding_is_refused(text: str) -> None:
    if text == "=":
        assert decode_binary(text) == b""
        return
    with pytest.raises(EvidenceError) as raised:
        decode_binary(text)
    assert raised.value.code == "bad-encoding"


def test_claims_in_any_spelling_become_lower_case_hex() -> None:
    digest, data = bytes(range(32)), bytes(range(64))
    for spell in (bytes.hex, lambda raw: raw.hex().upper(), lambda raw: "0x" + raw.hex(),
                  lambda raw: base64.b64encode(raw).decode(),
                  lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("=")):  # fmt: skip
        values = row(mrenclave=spell(digest), mrsigner=spell(digest), report_data=spell(data))
        assert values["claimed_mrenclave"] == values["claimed_mrsigner"] == digest.hex()
        assert values["claimed_report_data"] == data.hex()
        assert "malformed_claims" not in values


@pytest.mark.parametrize("claim", ["9A" * 31, "9a" * 33, "9a" * 31 + "9", "", "not hex", "9a" * 64])
def test_a_malformed_digest_is_kept_as_logged_and_is_no_problem(claim: str) -> None:
    values = row(mrsigner=claim)
    assert values["claimed_mrsigner"] == claim
    assert values["malformed_claims"] == ["mrsigner"]


@pytest.mark.parametrize(
    ("claim", "kept", "malformed", "extra"),
    [
        (0, 0, False, None),
        (65535, 65535, False, None),
        ("4", 4, False, None),
        (65536, 65536, True, None),
        (-1, -1, True, None),
        (1 << 63, None, True, 1 << 63),
        (10**40, None, True, 10**40),
        (4.5, None, True, 4.5),
        (True, None, True, True),
        ("four", None, True, "four"),
        ([4], None, True, [4]),
    ],
)
def test_a_claimed_number(claim: object, kept: object, malformed: bool, extra: object) -> None:
    values = row(isv_svn=claim)
    assert values.get("claimed_isv_svn") == kept
    assert values.get("malformed_claims") == (["isv_svn"] if malformed else None)
    assert values.get("extra") == (None if extra is None else json.dumps(
        {"isv_svn": extra}, separators=(",", ":")))  # fmt: skip


def test_malformed_claims_are_listed_in_a_fixed_order() -> None:
    names = ["report_data", "isv_svn", "isv_prodid", "mrsigner", "mrenclave"]
    first = row(**dict.fromkeys(names, "x"))["malformed_claims"]
    assert first == row(**dict.fromkeys(reversed(names), "x"))["malformed_claims"]
    assert first == ["mrenclave", "mrsigner", "isv_prodid", "isv_svn", "report_data"]


def test_numbers_as_ids_become_text_and_nulls_are_absent() -> None:
    values = row(event_id=7, session_id=1.5, peer=None, nonce=None)
    assert (values["event_id"], values["session_id"]) == ("7", "1.5")
    assert "peer" not in values
    assert "extra" not in values


def test_unknown_fields_and_unknown_types_are_kept() -> None:
    record = read(event_type="vendor_thing", peer="p", z=1, a={"y": [None], "b": 10**30})
    [(table, values)] = record.rows
    assert (table, values["event_type"], values["peer"]) == ("observation", "vendor_thing", "p")
    assert values["extra"] == '{"a":{"b":' + str(10**30) + ',"y":[null]},"z":1}'


def test_an_event_without_a_type_is_an_observation() -> None:
    [(table, values)] = read(enclave_id="e").rows
    assert table == "observation"
    assert "event_type" not in values


@pytest.mark.parametrize(
    ("kind", "fields", "table", "expected"),
    [
        ("enclave_launch", {"runtime": "ironclaw", "initial_state": "00ff", "event_id": "e"},
         "launch", {"event_type": "enclave_launch", "runtime": "ironclaw",
                    "initial_state": b"\x00\xff", "expects_attestation": True,
                    "extra": '{"event_id":"e"}'}),
        ("enclave_launch", {"expects_attestation": False}, "launch",
         {"event_type": "enclave_launch", "expects_attestation": False}),
        ("enclave_stop", {"container_id": 5}, "launch",
         {"event_type": "enclave_stop", "container_id": "5", "expects_attestation": True}),
        ("nonce_issued", {"nonce": "q3U=", "expires_at": TIME, "issuer": "kbs"}, "nonce",
         {"nonce": b"\xabu", "expires_at": MICROSECONDS, "issuer": "kbs"}),
        ("secret_released", {"secret_id": "s", "session_id": "x"}, "release",
         {"secret_id": "s", "session_id": "x"}),
    ],
)  # fmt: skip
def test_each_type_has_its_table(
    kind: str, fields: dict[str, object], table: str, expected: dict[str, object]
) -> None:
    record = read(event_type=kind, **fields)
    assert record.problem is None
    assert record.rows == [(table, {"timestamp": MICROSECONDS, **expected})]


def test_every_field_has_a_column() -> None:
    columns = {table.name: set(table.names) for table in EVIDENCE_TABLES}
    for kind in (OBSERVATION, *EVENT_TYPES.values()):
        names = {column for column, _ in kind.fields.values()} - {"quote"}
        assert names <= columns[kind.table]
        assert ("event_type" in columns[kind.table]) == kind.typed


def test_repeated_keys_are_listed_and_the_last_value_wins() -> None:
    line = b'{"timestamp":"%s","peer":"a","peer":"b"}' % TIME.encode()
    record = read_record(line, 1, DEFAULT_LIMITS)
    [(_, values)] = record.rows
    assert values["peer"] == "b"
    assert values["extra"] == '{"_duplicate_keys":["peer"]}'
    assert record.problem is not None
    assert record.problem.reason == "duplicate-key"


def test_repeated_keys_are_found_however_they_are_written() -> None:
    for line in (b'{"a":1,"a" :2}', b'{"x":{"a":1,"a":2}}', b'{"a":1,"\\u0061":2}',
                 b'{"x":"\\"","a":[],"a":["s"]}'):  # fmt: skip
        event = decode_json(line, DEFAULT_LIMITS)
        assert isinstance(event, dict)
        assert may_repeat_keys(event, line)
        assert find_repeated_keys(line) == ["a"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.sampled_from(["a", *OBSERVATION.fields]), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


@given(
    st.dictionaries(st.sampled_from(["event_type", "b", *OBSERVATION.fields]), JSON),
    st.sampled_from([None, "enclave_attestation", *EVENT_TYPES]),
)
def test_any_event_is_accounted_for(event: dict[str, object], kind: str | None) -> None:
    data = json.dumps({"timestamp": TIME, "event_type": kind} | event).encode()
    record = read_record(data, 1, DEFAULT_LIMITS)
    assert record.rows or record.problem
    if record.problem is not None:
        assert record.problem.reason in REASONS
    if record.rows:
        [(table, values)] = record.rows
        [declared] = [declared for declared in EVIDENCE_TABLES if declared.name == table]
        assert set(values) <= set(declared.names)
        text = values.get("extra")
        assert text is None or isinstance(json.loads(str(text)), dict)


@given(st.binary() | st.binary().map(lambda tail: b'{"timestamp":' + tail))
def test_any_line_is_accounted_for(data: bytes) -> None:
    record = read_record(data, 1, DEFAULT_LIMITS)
    assert record.rows or (record.problem is not None and record.problem.reason in REASONS)


def test_depth_counts_containers() -> None:
    assert not exceeds_depth({"a": [1]}, 2)
    assert exceeds_depth({"a": [1]}, 1)
    assert not exceeds_depth("text", 0)
