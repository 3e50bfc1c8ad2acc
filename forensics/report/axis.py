"""Marks on a time axis, on round times in UTC. The page's own script does the same on zoom."""

from __future__ import annotations

from forensics.report.sightings import Span, moment_of

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
STEPS = (
    *(1, 5, 15, 30, _MINUTE, 5 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE),
    *(_HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR, _DAY, 2 * _DAY, 7 * _DAY, 14 * _DAY),
    *(30 * _DAY, 91 * _DAY, 182 * _DAY, 365 * _DAY, 730 * _DAY, 3_650 * _DAY, 36_500 * _DAY),
)
MOST_MARKS = 8


def mark_axis(span: Span) -> list[tuple[float, str]]:
    """(place in percent of the width, label)."""
    step = next((s for s in STEPS if span.length / s <= MOST_MARKS), STEPS[-1])
    first = -(-int(span.start) // step) * step
    marks = []
    for seconds in range(first, int(span.end) + 1, step):
        share = (seconds - span.start) / span.length
        if 0 <= share <= 1:
            marks.append((round(share * 100, 2), _label(seconds, step)))
    return marks


def _label(seconds: int, step: int) -> str:
    form = "%Y-%m-%d" if step >= _DAY else "%m-%d %H:%M" if step >= _MINUTE else "%H:%M:%S"
    return moment_of(seconds).strftime(form)
