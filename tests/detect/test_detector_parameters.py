"""Named parameters: text to typed values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from forensics.detect.parameters import Parameter, bind, read_value, write_value
from forensics.errors import UsageError

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("INTERVAL", "250ms", timedelta(milliseconds=250)),
        ("INTERVAL", "0s", timedelta()),
        ("INTERVAL", "90s", timedelta(seconds=90)),
        ("INTERVAL", "5m", timedelta(minutes=5)),
        ("INTERVAL", "12h", timedelta(hours=12)),
        ("INTERVAL", "30d", timedelta(days=30)),
        ("BIGINT", "-7", -7),
        ("DOUBLE", "0.5", 0.5),
        ("BOOLEAN", "true", True),
        ("BOOLEAN", "false", False),
        ("VARCHAR", "'; DROP TABLE quote; --", "'; DROP TABLE quote; --"),
        ("VARCHAR[]", "a, b,,c", ["a", "b", "c"]),
        ("TIMESTAMPTZ", "2026-01-01T00:00:00Z", AS_OF),
    ],
)
def test_values(kind: str, text: str, value: object) -> None:
    assert read_value("x", kind, text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("INTERVAL", "1 hour"),
        ("INTERVAL", "-1s"),
        ("INTERVAL", ""),
        ("INTERVAL", "999999999999s"),
        ("INTERVAL", "999999999d9"),
        ("BIGINT", "1e3"),
        ("BIGINT", "9" * 30),
        ("BIGINT", "١"),
        ("DOUBLE", "nan"),
        ("DOUBLE", "x"),
        ("BOOLEAN", "yes"),
        ("TIMESTAMPTZ", "2026-01-01T00:00:00"),
        ("TIMESTAMPTZ", "now"),
    ],
)
def test_what_is_no_value(kind: str, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_value("x", kind, text)
    assert caught.value.code == "bad-parameter"


def test_binding_takes_the_override_else_the_default_else_the_cut_off() -> None:
    parameters = (
        Parameter("a", "BIGINT", "1", "a"),
        Parameter("b", "BIGINT", "2", "b"),
        Parameter("as_of", "TIMESTAMPTZ", None, "cut-off"),
    )
    values = bind(parameters, AS_OF, {"b": "3", "other": "4"})
    assert values == {"a": 1, "b": 3, "as_of": AS_OF}


@pytest.mark.parametrize("text", ["0s", "1500ms", "60s", "2592001s", "100000001ms"])
def test_a_duration_is_written_as_it_can_be_read_again(text: str) -> None:
    assert write_value(read_value("x", "INTERVAL", text)) == text


def test_values_are_written_as_json_has_them() -> None:
    assert write_value(timedelta(minutes=1)) == "60s"
    assert write_value(AS_OF) == "2026-01-01T00:00:00+00:00"
    assert write_value(["a"]) == ["a"]
