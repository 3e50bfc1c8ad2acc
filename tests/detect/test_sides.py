"""Every detector says which two facts its findings set against each other."""

from __future__ import annotations

from forensics.detect.catalog import load_catalog
from forensics.detect.detector import parse_detector
from forensics.detect.sides import SUBJECT, Side, Sides
from tests.detect.test_detector import GOOD

BY_SIGHTINGS = {"disguised-replay", "replayed-quote"}  # the first sighting against the last


def test_every_detector_has_two_sides() -> None:
    without = {name for name, detector in load_catalog().items() if detector.sides is None}
    assert without == BY_SIGHTINGS


def test_they_are_a_fact_and_two_words_with_their_keys() -> None:
    sides = "[sides]\n-- \"the log says\" = 'kind'\n-- fact = 'f'\n-- seen = 'subject_id'\n-- "
    detector = parse_detector(GOOD.replace("[details]", sides + "[details]"), "tests", "quiet-test")
    assert detector.sides == Sides("f", Side("the log says", "kind"), Side("seen", SUBJECT))
    assert detector.sides.keys == {"kind"}
