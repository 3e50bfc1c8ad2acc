"""Charts as geometry: what is drawn where, and how little of it for how much."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from forensics.report.axis import MOST_MARKS, mark_axis
from forensics.report.charts import (
    BINS,
    MOST_TICKS,
    STEP,
    WIDTH,
    draw_arcs,
    draw_bars,
    draw_dots,
    draw_steps,
    draw_stretches,
    label_levels,
    place,
    rank_levels,
    start_of,
)
from forensics.report.sightings import Span

START = datetime(2026, 1, 5, tzinfo=UTC)
SPAN = Span(START.timestamp(), START.timestamp() + 10_000)


def test_places_run_over_the_width_and_stop_at_its_edges():
    assert place(SPAN, START) == 0
    assert place(SPAN, START + timedelta(seconds=5_000)) == WIDTH / 2
    assert place(SPAN, START - timedelta(days=9)) == 0
    assert place(SPAN, START + timedelta(days=9)) == WIDTH
    assert start_of(SPAN, BINS // 2) == START + timedelta(seconds=5_000)


def test_bars_stand_on_each_other_and_the_highest_fills_the_lane():
    low, high = draw_bars({"accepted": {3: 30}, "rejected": {3: 10}}, 64)
    assert low.path == f"M{3 * STEP} 16.0h{STEP}v48.0h-{STEP}z"
    assert high.path == f"M{3 * STEP} 0.0h{STEP}v16.0h-{STEP}z"


def test_one_among_thousands_can_be_seen():
    (_, rejected) = draw_bars({"accepted": {3: 100_000}, "rejected": {3: 1}}, 64)
    assert "v1.5h" in rejected.path


def test_bars_of_nothing_are_none():
    assert draw_bars({}, 64) == []
    assert draw_bars({"accepted": {}}, 64) == []


def test_a_full_lane_stays_small():
    shapes = draw_bars({"accepted": dict.fromkeys(range(BINS), 1_000_000)}, 64)
    assert sum(len(shape.path) for shape in shapes) < 30_000


def test_dots_stretches_steps_and_arcs_are_paths():
    assert draw_dots([(1.5, 2), (100, 3.25)]) == "M1.5 2.0h0M100 3.2h0"
    assert draw_stretches([(10, 30)], 2, 5) == "M10 2.0h20v5.0h-20z"
    assert draw_stretches([(10, 10)], 2, 5) == "M10 2.0h4v5.0h-4z"
    assert draw_steps([(0, 60), (500, 6)]) == f"M0 60.0H500V6.0H{WIDTH}"
    assert draw_steps([]) == ""
    assert re.fullmatch(r"(M[\d. ]+Q[\d. -]+){2}", draw_arcs([(0, 10), (20, 9_000)], 100))
    assert draw_arcs([(5, 5)], 100).startswith("M5 100Q5 ")


def test_levels_rise_and_only_a_few_are_labelled():
    heights = rank_levels([7, 8, 9], 72)
    assert heights[7] > heights[8] > heights[9]
    assert rank_levels([7], 72) == {7: 36}
    assert rank_levels([], 72) == {}
    many = rank_levels(range(100), 72)
    labels = label_levels(many, [str(number) for number in many])
    assert len(labels) <= MOST_TICKS + 1
    assert (labels[0][1], labels[-1][1]) == ("0", "99")


@pytest.mark.parametrize(
    ("seconds", "labels"),
    [
        (30, ["00:00:00", "00:00:05"]),
        (3 * 3_600, ["01-05 00:00", "01-05 00:30"]),
        (6 * 86_400, ["2026-01-05", "2026-01-06"]),
        (90 * 365 * 86_400, None),
    ],
)
def test_marks_are_on_round_times_and_few(seconds: int, labels: list[str] | None):
    marks = mark_axis(Span(START.timestamp(), START.timestamp() + seconds))
    assert 1 <= len(marks) <= MOST_MARKS + 1
    assert all(0 <= share <= 100 for share, _ in marks)
    if labels is not None:
        assert [name for _, name in marks][:2] == labels
        assert marks[0][0] == 0
