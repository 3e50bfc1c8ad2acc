"""The file of suppressions: what it must say, what it covers, and what is said about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from forensics.detect.catalog import load_catalog
from forensics.detect.findings import Finding, make_finding
from forensics.detect.suppressions import parse_suppressions, review, select_active, suppress
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


def test_an_empty_file_suppresses_nothing() -> None:
    assert read("") == ()


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("expires = 2026-03-01\n", ""),
        GOOD.replace("2026-03-01", '"never"'),
        GOOD.replace("2026-03-01", "2026-03-01T12:00:00"),
        GOOD.replace("2026-03-01", "2027-03-01"),
        GOOD.replace("2026-03-01", "9999-12-31"),
        GOOD.replace('reason = "test pool"\n', ""),
        GOOD.replace("test pool", " "),
        GOOD.replace('owner = "alice@example.org"', "owner = 7"),
        GOOD.replace('id = "SUP-7"\n', ""),
        GOOD.replace('subject_id = "enc-1"\n', ""),
        GOOD.replace('detector = "debug-enclave"\n', ""),
        GOOD.replace('subject_id = "enc-1"', 'fingerprint = "abc"'),
        GOOD + "severity = 'low'\n",
        GOOD + GOOD,
        "suppress = []\n",
        "suppression = 7\n",
        "suppression = [7]\n",
        "[[suppression",
        GOOD + "#" * (1 << 20),
    ],
)
def test_what_is_not_exactly_right_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(text)
    assert caught.value.code == "bad-suppressions"


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        parse_suppressions(b"\xff", AT)
    assert caught.value.code == "bad-suppressions"
