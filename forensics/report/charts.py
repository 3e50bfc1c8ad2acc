"""Charts over time as geometry: lanes of paths over one common span, for a page to draw.

A lane is `WIDTH` units wide, whatever the span, and as many units high as pixels. A page stretches
it in width, so that zooming only means showing a part of the width. Many rows make one path: a
chart of a million sightings is no larger than one of a thousand.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from forensics.report.sightings import Span, moment_of
from forensics.report.tables import Table

WIDTH = 10_000
BINS = 1_000
STEP = WIDTH // BINS
MOST_TICKS = 7

# The bin of a column of seconds; parameters `start` and `length` are the span's.
BIN_SQL = f"floor(({{}} - $start) / $length * {BINS})::BIGINT"


@dataclass(frozen=True)
class Shape:
    """`kind` is fill, line or dot; `tone` names a colour; `path` is SVG path data of ours."""

    kind: str
    tone: str
    path: str
    title: str = ""


@dataclass(frozen=True)
class Lane:
    """`ticks` are (height from the top, label)."""

    label: str
    height: int
    shapes: Sequence[Shape]
    ticks: Sequence[tuple[float, str]] = ()


@dataclass(frozen=True)
class Chart:
    """`summary` says in words what the picture shows; `tables` say the same in numbers."""

    anchor: str
    title: str
    summary: str
    lanes: Sequence[Lane]
    legend: Sequence[tuple[str, str]]
    tables: Sequence[Table]


def bind(span: Span) -> dict[str, float]:
    """The parameters of `BIN_SQL`."""
    return {"start": span.start, "length": span.length}


def place(span: Span, moment: datetime) -> float:
    """Where a moment lies in the width; one outside the span is put at its edge."""
    share = (moment.timestamp() - span.start) / span.length
    return round(min(max(share, 0.0), 1.0) * WIDTH, 2)


def start_of(span: Span, number: int) -> datetime:
    """When a bin begins."""
    return moment_of(round(span.start + span.length * number / BINS))


def draw_bars(layers: Mapping[str, Mapping[int, int]], height: int) -> list[Shape]:
    """Stacked bars: for each tone, its counts by bin. The highest bar has the lane's height."""
    totals: dict[int, int] = {}
    for counts in layers.values():
        for number, count in counts.items():
            totals[number] = totals.get(number, 0) + count
    unit = height / max(totals.values(), default=1)
    used: dict[int, float] = {}
    shapes = []
    for tone, counts in layers.items():
        parts = []
        for number, count in sorted(counts.items()):
            size = max(count * unit, 1.5)  # one among thousands has to be seen
            top = max(height - used.get(number, 0.0) - size, 0.0)
            used[number] = used.get(number, 0.0) + size
            parts.append(f"M{number * STEP} {top:.1f}h{STEP}v{size:.1f}h-{STEP}z")
        if parts:
            shapes.append(Shape("fill", tone, "".join(parts)))
    return shapes


def draw_dots(points: Iterable[tuple[float, float]]) -> str:
    """Lines without length: with round ends they are dots, however the width is stretched."""
    return "".join(f"M{_short(x)} {y:.1f}h0" for x, y in points)


def draw_stretches(stretches: Iterable[tuple[float, float]], top: float, height: float) -> str:
    """Boxes from x to x; one without a length still has a width."""
    return "".join(
        f"M{_short(left)} {top:.1f}h{_short(max(right - left, 4))}v{height:.1f}"
        f"h-{_short(max(right - left, 4))}z"
        for left, right in stretches
    )


def draw_steps(points: Sequence[tuple[float, float]]) -> str:
    """A line that changes its height only where a point is, and runs on to the end."""
    if not points:
        return ""
    (x, y), *rest = points
    moves = "".join(f"H{_short(right)}V{level:.1f}" for right, level in rest)
    return f"M{_short(x)} {y:.1f}{moves}H{WIDTH}"


def draw_arcs(pairs: Iterable[tuple[float, float]], height: int) -> str:
    """From one moment to another, the higher the longer."""
    pairs = list(pairs)
    longest = max((abs(right - left) for left, right in pairs), default=1.0) or 1.0
    parts = []
    for left, right in pairs:
        rise = max((abs(right - left) / longest) ** 0.5 * height * 2, height / 2)
        peak = height - min(rise, height * 1.9)
        middle = _short((left + right) / 2)
        parts.append(f"M{_short(left)} {height}Q{middle} {peak:.1f} {_short(right)} {height}")
    return "".join(parts)


def rank_levels(levels: Iterable[Hashable], height: int) -> dict[Hashable, float]:
    """Heights for ordered levels, the last of them at the top of the lane."""
    ordered = list(levels)
    gap = (height - 12) / max(len(ordered) - 1, 1)
    if len(ordered) == 1:
        return {ordered[0]: height / 2}
    return {level: height - 6 - gap * place for place, level in enumerate(ordered)}


def label_levels(
    heights: Mapping[Hashable, float], names: Sequence[str]
) -> list[tuple[float, str]]:
    """Labels for at most a few of the levels, always the lowest and the highest."""
    labels = list(zip(heights.values(), names, strict=True))
    if len(labels) <= MOST_TICKS:
        return labels
    stride = -(-len(labels) // MOST_TICKS)
    return [*labels[:-1:stride], labels[-1]]


def _short(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")
