"""The two sides of a finding are keys that its detector documents."""

from __future__ import annotations

import pytest

from forensics.detect.catalog import load_catalog
from forensics.report.sides import PAIRS

CATALOG = load_catalog()
BY_SIGHTINGS = {"disguised-replay", "replayed-quote"}  # the first sighting against the last


def test_every_detector_has_two_sides():
    assert set(PAIRS) == set(CATALOG) - BY_SIGHTINGS


@pytest.mark.parametrize("detector", sorted(PAIRS))
def test_both_sides_are_details_of_the_detector(detector: str):
    known = {key for key, _ in CATALOG[detector].details} | {"subject_id"}
    assert {PAIRS[detector].one_key, PAIRS[detector].other_key} <= known
