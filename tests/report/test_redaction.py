"""Redaction of text that somebody wrote about a platform."""

from __future__ import annotations

import hmac

import duckdb
import pytest

from forensics.case.contract import LIST, TEXT, VIEWS
from forensics.errors import UsageError
from forensics.report.redaction import HASHED, KEPT, SPOKEN, WITHHELD, Redactor

KEY = bytes(range(32))
LONG = "-".join(f"part{number}" for number in range(24))


@pytest.fixture
def redactor() -> Redactor:
    """For a case that knows a few sessions and one PPID."""
    connection = duckdb.connect(":memory:")
    known = {
        "session_id": ["s-1", "1", "a b", "x.y/z"],
        "ppid": ["ab" * 16],
        "node_id": ["node-07", "Rack-B-Host", LONG, "🦊🦊"],
        "peer": ["10.0.0.17"],
    }
    for view in VIEWS:
        columns = []
        for column in view.columns:
            kind = "VARCHAR[]" if column.type == LIST else "VARCHAR"
            values = ", ".join(f"'{value}'" for value in known.get(column.name, []))
            columns.append(f'unnest([{values}]::{kind}[]) AS "{column.name}"')
        connection.execute(f'CREATE VIEW "{view.name}" AS SELECT {", ".join(columns)}')
    return Redactor(KEY, connection)


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("seen in s-1.", "s-1"),
        ("s-1, again", "s-1"),
        ("platform " + "ab" * 16 + ": 2 times", "ab" * 16),
        ("sessions a b and x.y/z", "a b"),
        ('session "1"', '"1"'),
    ],
)
def test_identifiers_in_text_are_replaced(redactor: Redactor, text: str, hidden: str):
    shown = redactor.apply("summary", text)
    assert hidden not in shown
    assert "redacted-" in shown


@pytest.mark.parametrize("text", ["2026-01-01T00:00:00Z", "s-12 and s-1-2", "abab", "0x1", "21"])
def test_what_only_contains_one_stays(redactor: Redactor, text: str):
    assert redactor.apply("summary", text) == text


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("vm-on-node-07.rack", "node-07"),
        ("host_node-07", "node-07"),
        ("AB" * 16, "ab" * 16),
        ("00" * 24 + "ab" * 16 + "00" * 24, "ab" * 16),
        ("peer=10.0.0.17:443", "10.0.0.17"),
        (f"vm-on-{LONG}.rack", "part3"),
        ("vm-on-rack-b-host", "rack-b-host"),
        ("vm-on-🦊🦊", "🦊"),
    ],
)
def test_longer_names_and_other_spellings_do_not_hide_one(
    redactor: Redactor, text: str, hidden: str
):
    for column in ("summary", "enclave_id", "nonce", "observed"):
        shown = redactor.apply(column, text)
        assert hidden not in shown.lower()
        assert "redacted-" in shown


def test_one_platform_has_one_name_however_it_is_spelt(redactor: Redactor):
    shown = redactor.apply("ppid", "ab" * 16)
    assert redactor.apply("ppid", "AB" * 16) == shown
    assert redactor.apply("summary", f"platform {'AB' * 16}") == f"platform {shown}"
    digest = hmac.new(KEY, b"ab" * 16, "sha256").hexdigest()
    assert shown == "redacted-" + digest[:24]


def test_a_host_has_one_name_in_capitals_too(redactor: Redactor):
    shown = redactor.apply("node_id", "Rack-B-Host")
    assert redactor.apply("summary", "on RACK-B-HOST") == f"on {shown}"


def test_details_stay_json_and_their_numbers_numbers(redactor: Redactor):
    details = '{"sessions": ["s-1", "s-2"], "count": 1, "of": {"' + "ab" * 16 + '": 2}}'
    shown = redactor.apply("details", details)
    hidden = redactor.replace("s-1")
    ppid = redactor.replace("ab" * 16)
    assert shown == f'{{"sessions": ["{hidden}", "s-2"], "count": 1, "of": {{"{ppid}": 2}}}}'


def test_columns_are_replaced_withheld_or_left(redactor: Redactor):
    assert redactor.apply("ppid", "cd" * 16).startswith("redacted-")
    assert redactor.apply("ppid", None) is None
    assert redactor.apply("qe_id", "00" * 16) == "00" * 16
    assert redactor.apply("extra", '{"any": "thing"}') is None
    assert redactor.apply("mrenclave", "s-1") == "s-1"
    assert redactor.apply("revoked_serials", ["0a" * 20])[0].startswith("redacted-")
    assert redactor.apply("a column of tomorrow", "s-1") is None
    assert redactor.apply("a column of tomorrow", 7) == 7


@pytest.mark.parametrize("key", [b"", bytes(range(15)), bytes(32)])
def test_a_key_that_can_be_guessed_is_refused(key: bytes):
    with pytest.raises(UsageError) as error:
        Redactor(key, duckdb.connect(":memory:"))
    assert error.value.code == "bad-redaction-key"


def test_every_text_column_is_of_one_kind():
    """A new column is left out of redacted exports until somebody has thought about it."""
    texts = {c.name for view in VIEWS for c in view.columns if c.type in (TEXT, LIST, "BLOB")}
    kinds = (HASHED, WITHHELD, SPOKEN, KEPT)
    assert texts - frozenset().union(*kinds) == set()
    assert sum(map(len, kinds)) == len(frozenset().union(*kinds))
