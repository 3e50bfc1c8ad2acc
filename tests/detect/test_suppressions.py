"""The file of suppressions: what it must say, what it covers, and what is reported about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from forensics.detect.catalog import load_catalog
from forensics.detect.findings import Finding, make_finding
from forensics.detect.suppressions import (
    LARGEST_FILE,
    parse_suppressions,
    review,
    select_active,
    suppress,
)
from forensics.errors import UsageError

AT = datetime(2026, 2, 1, 2, tzinfo=UTC)
GOOD = """\
[[suppression]]
id = "SUP-7"
detector = "debug-enclave"
subject_id = "enc-1"
reason = "test pool"
owner = "alice@example.org"
expires = 2026-03-01
"""
ONE_FINDING = GOOD.replace(
    'detector = "debug-enclave"\nsubject_id = "enc-1"', f'fingerprint = "{"ab" * 32}"'
)


def find(subject: str, suppression: str | None = None) -> Finding:
    row = {
        "subject_type": "enclave",
        "subject_id": subject,
        "first_seen": AT,
        "last_seen": AT,
        "observation_ids": [],
        "severity": "critical",
        "summary": "",
        "details": "{}",
    }
    found = make_finding(load_catalog()["debug-enclave"], row)
    return found if suppression is None else Finding(
        **{name: getattr(found, name) for name in Finding.__slots__} | {"suppression": suppression}
    )  # fmt: skip


def read(text: str = GOOD, at: datetime = AT):
    return parse_suppressions(text.encode(), at)


def test_an_entry_covers_what_it_names_and_nothing_else() -> None:
    entries = read()
    assert suppress(find("enc-1"), entries) == entries[0]
    assert suppress(find("enc-2"), entries) is None
    narrower = read(GOOD.replace("subject_id", 'subject_type = "quote"\nsubject_id'))
    assert suppress(find("enc-1"), narrower) is None


def test_an_entry_may_name_one_fingerprint() -> None:
    line = f'fingerprint = "{find("enc-1").fingerprint}"'
    text = GOOD.replace('detector = "debug-enclave"\nsubject_id = "enc-1"', line)
    assert suppress(find("enc-1"), read(text)) is not None
    assert suppress(find("enc-2"), read(text)) is None


def test_a_day_of_expiry_holds_to_its_end() -> None:
    end = datetime(2026, 3, 2, tzinfo=UTC)
    assert read()[0].expires == end
    assert select_active(read(), end - timedelta(microseconds=1)) == read()
    assert select_active(read(), end) == ()
    exact = read(GOOD.replace("2026-03-01", "2026-03-01T12:00:00+02:00"))
    assert exact[0].expires == datetime(2026, 3, 1, 10, tzinfo=UTC)


def test_expired_expiring_and_unused_entries_are_told() -> None:
    text = "".join(
        GOOD.replace("SUP-7", name).replace("2026-03-01", day)
        for name, day in (("OLD", "2026-01-31"), ("SOON", "2026-02-05"), ("LONG", "2026-04-01"))
    )
    told = review(read(text), [find("enc-1", "SOON")], AT)
    assert (told.active, told.expired) == (("SOON", "LONG"), ("OLD",))
    assert (told.expiring, told.unused) == (("SOON",), ("LONG",))


def test_an_entry_expires_soon_a_week_before_and_has_expired_at_its_end() -> None:
    end = read()[0].expires
    moment = timedelta(microseconds=1)
    week = end - timedelta(days=7)
    assert [review(read(), [], at).expiring for at in (week - moment, week)] == [(), ("SUP-7",)]
    assert [review(read(), [], at).expired for at in (end - moment, end)] == [(), ("SUP-7",)]


def test_an_empty_file_suppresses_nothing() -> None:
    assert read("") == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (GOOD.replace("expires = 2026-03-01\n", ""), "entry 1: expires is missing"),
        (GOOD.replace("2026-03-01", '"never"'), "neither a date nor a time"),
        (GOOD.replace("2026-03-01", "2026-03-01T12:00:00"), "needs its time zone"),
        (GOOD.replace("2026-03-01", "2027-03-01"), "more than 366 days from now"),
        (GOOD.replace("2026-03-01", "9999-12-31"), "too far away"),
        (GOOD.replace('reason = "test pool"\n', ""), "reason is missing or no text"),
        (GOOD.replace("test pool", " "), "reason is missing or no text"),
        (GOOD.replace('owner = "alice@example.org"', "owner = 7"), "owner is missing or no text"),
        (GOOD.replace('id = "SUP-7"\n', ""), "id is missing or no text"),
        (GOOD.replace('subject_id = "enc-1"\n', ""), "it needs a fingerprint, or"),
        (
            GOOD.replace('subject_id = "enc-1"', "subject_id = 7"),
            "subject_id is missing or no text",
        ),
        (GOOD.replace('detector = "debug-enclave"\n', ""), "it needs a fingerprint, or"),
        (GOOD.replace('subject_id = "enc-1"', f"fingerprint = '{'a' * 64}'"), "stands alone"),
        (ONE_FINDING.replace("ab", "xy"), "has 64 hex digits"),
        (ONE_FINDING.replace("abab", "ab"), "has 64 hex digits"),
        (GOOD + "severity = 'low'\n", "entry 1: unknown key 'severity'"),
        (GOOD + GOOD, "two entries have the same id"),
        (GOOD + "[[suppression]]\n", "entry 2: id is missing"),
        ("suppress = []\n", "not ['suppress']"),
        ("suppression = 7\n", "not a table"),
        ("suppression = [7]\n", "entry 1 is not a table"),
        ("[[suppression", "not TOML: "),
        (f"suppression = {'[' * 100_000}", "not TOML: "),
        (GOOD + "#" * (LARGEST_FILE + 1 - len(GOOD)), "larger than 1048576 bytes"),
    ],
)
def test_what_is_not_exactly_right_is_refused(text: str, problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(text)
    assert caught.value.code == "bad-suppressions"
    assert caught.value.message.startswith("suppressions: ")
    assert problem in caught.value.message


def test_what_is_just_right_is_taken() -> None:
    assert read(ONE_FINDING)[0].match == {"fingerprint": "ab" * 32}
    assert read(GOOD + "#" * (LARGEST_FILE - len(GOOD))) == read()
    year = AT + timedelta(days=366)
    assert read(GOOD.replace("2026-03-01", year.isoformat()))[0].expires == year


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        parse_suppressions(b"\xff", AT)
    assert caught.value.code == "bad-suppressions"
