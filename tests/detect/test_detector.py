"""Reading a detector's file."""

from __future__ import annotations

import pytest

from forensics.detect.catalog import load_catalog
from forensics.detect.detector import parse_detector
from forensics.errors import DetectorError

GOOD = """\
-- ---
-- id = "quiet-test"
-- title = "A test"
-- version = 1
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = false
-- question = "Is it quiet?"
-- why = "So that a header can be read."
-- inputs = ["observation"]
-- grain = "one row per event"
-- nulls = "silent"
-- false_positives = ["none"]
-- blind_spots = ["all"]
-- attack = ["none"]
-- spec = ["none"]
-- created = 2026-01-01
-- updated = 2026-01-02
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen",
--     "observation_ids", "severity", "summary", "details"]
-- [params.patience]
-- type = "INTERVAL"
-- default = "30s"
-- meaning = "how long"
-- [details]
-- kind = "what"
-- [[not_evaluable]]
-- reason = "no time"
-- count = "SELECT count(*) AS unjudged FROM observation WHERE received_at IS NULL"
-- ---
SELECT 1
"""


PARAMETER = '[params.patience]\n-- type = "INTERVAL"\n-- default = "30s"'


def test_a_good_header() -> None:
    detector = parse_detector(GOOD, "tests", "quiet-test")
    assert detector.id == "quiet-test"
    assert detector.path == "tests/quiet-test.sql"
    assert detector.requires == ()
    assert detector.params[0].default == "30s"
    assert detector.details == (("kind", "what"),)
    assert detector.not_evaluable[0].reason == "no time"
    assert detector.sql == "SELECT 1"


def test_line_ends_do_not_matter() -> None:
    assert parse_detector(GOOD.replace("\n", "\r\n"), "tests", "quiet-test") == parse_detector(
        GOOD, "tests", "quiet-test"
    )


@pytest.mark.parametrize("detector", load_catalog().values(), ids=lambda d: d.id)
def test_the_text_of_a_detector_reads_back(detector: object) -> None:
    again = parse_detector(detector.text, detector.folder, detector.id)  # type: ignore[attr-defined]
    assert again == detector


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("-- ---\n-- id", "-- id", "first line"),
        ("-- ---\nSELECT", "SELECT", "not a comment"),
        ('-- id = "quiet-test"', "-- id = quiet", "not TOML"),
        ('-- id = "quiet-test"\n', "", "id is missing"),
        ('id = "quiet-test"', 'id = "Quiet_test"', "kebab-case"),
        ('id = "quiet-test"', 'id = "other-test"', "file name"),
        ("version = 1\n", "version = 0\n", "number from 1"),
        ("version = 1\n", "version = true\n", "number from 1"),
        ('severity = "high"', 'severity = "grave"', "not one of"),
        ('status = "stable"', 'status = "done"', "not one of"),
        ("sig = false", 'sig = "no"', "neither true nor false"),
        ('inputs = ["observation"]', "inputs = []", "inputs is empty"),
        ('inputs = ["observation"]', "inputs = [1]", "list of texts"),
        ("created = 2026-01-01", 'created = "today"', "not a date"),
        ("updated = 2026-01-02", "updated = 2025-12-31", "updated lies before"),
        ('title = "A test"', 'title = ""', "title is not a text"),
        ('columns = ["subject_type", ', "columns = [", "columns must be"),
        ('type = "INTERVAL"', 'type = "BLOB"', "not one of"),
        ('default = "30s"', 'default = "30 parsecs"', "not a valid INTERVAL"),
        ('default = "30s"', "default = 30", "default is not a text"),
        ("[params.patience]", "[params.as_of]", "as_of is a TIMESTAMPTZ"),
        (PARAMETER, '[params.as_of]\n-- type = "TIMESTAMPTZ"\n-- default = "30s"', "without a def"),
        (PARAMETER, '[params.as_of]\n-- type = "INTERVAL"', "as_of is a TIMESTAMPTZ"),
        ('meaning = "how long"', 'meaning = "how long"\n-- unit = "s"', "unknown keys"),
        ('grain = "one row', 'colour = "red"\n-- grain = "one row', "unknown keys"),
        ('grain = "one row', 'discriminator = ["x"]\n-- grain = "one row', "not in [details]"),
        ('grain = "one row', 'sums = ["x"]\n-- grain = "one row', "not in [details]"),
        ('grain = "one row', 'sums = ["kind"]\n-- grain = "one row', "over a scope"),
        (
            'grain = "one row',
            'dated = ["observation"]\n-- grain = "one row',
            "what again or suspects says",
        ),
        ('grain = "one row', 'again = "SELECT 1"\n-- grain = "one row', "apart or dated"),
        ('grain = "one row', 'dated = ["crl"]\n-- grain = "one row', "not in inputs"),
        ("[details]", "[sides]\n-- fact = 'f'\n-- one = 'kind'\n-- [details]", "two sides"),
        ("[details]", "[sides]\n-- one = 'kind'\n-- other = 'kind'\n-- [details]", "two sides"),
        (
            "[details]",
            "[sides]\n-- fact = 'f'\n-- one = 'kind'\n-- other = 'x'\n-- [details]",
            "sides ['x'] is not in [details]",
        ),
        ("[details]", '[totals.x]\n-- n = "mean"\n-- [details]', "its columns are"),
        ("[details]", "[totals.x]\n-- [details]", "its columns are"),
        ("[details]", '[totals.x]\n-- n = "sum"\n-- [details]', "over what keys connect"),
        (
            "[details]",
            '[totals.x]\n-- n = "sum"\n-- k = "key"\n-- [details]',
            "its keys come first",
        ),
        ("[details]", "[totals.'x; DROP']\n-- n = 'sum'\n-- [details]", "have names of a-z"),
        ("[details]", "[totals.x]\n-- 'n m' = 'sum'\n-- [details]", "have names of a-z"),
        ("[details]", "[totals.x]\n-- [totals.y]\n-- [details]", "more than one"),
        ('grain = "one row', 'requires = ["quote"]\n-- grain = "one row', "not in inputs"),
        ("SELECT 1\n", "", "no query"),
        ("[[not_evaluable]]", "[not_evaluable]", "list of tables"),
    ],
)
def test_what_a_header_must_not_be(old: str, new: str, problem: str) -> None:
    assert old in GOOD
    with pytest.raises(DetectorError) as caught:
        parse_detector(GOOD.replace(old, new, 1), "tests", "quiet-test")
    assert caught.value.code == "detector-header"
    assert problem in caught.value.message
    assert caught.value.message.startswith("tests/quiet-test.sql")
