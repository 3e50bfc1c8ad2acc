"""A small case as rows of the views: what the charts and tables of a report must agree with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pytest

from forensics.detect.cases import Bench, Rows
from forensics.report.charts import STEP, Chart
from forensics.report.sightings import Span, make_sightings

BENCH = Bench()
START = datetime(2026, 1, 5, tzinfo=UTC)
SPAN = Span(START.timestamp(), START.timestamp() + 10_000)
"""Bins of ten seconds."""

Dots = list[tuple[int, float]]


def at(second: int) -> datetime:
    return START + timedelta(seconds=second)


class Scene:
    """Rows of the views; each sighting is told once, with its quote and its receipt verdict."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.rows: Rows = {}
        self._connection = connection

    def add(self, view: str, **row: Any) -> None:
        self.rows.setdefault(view, []).append(row)

    def sight(
        self,
        second: int | None,
        quote: dict[str, Any] | None = None,
        receipt: str | None = "accepted",
        status: str | None = "UpToDate",
        **told: Any,
    ) -> str:
        """One sighting of a quote of its own; `told` are columns of `observation`."""
        number = len(self.rows.get("observation", ()))
        name = f"o{number}"
        row = {"observation_id": name, "observation_no": number}
        if second is not None:
            row["received_at"] = at(second)
        if quote is not None:
            row["quote_id"] = f"q{number}"
            self.add("quote", **{"quote_id": f"q{number}", "trusted": True} | quote)
        if receipt is not None:
            self.add(
                "verdict", observation_id=name, moment="receipt", outcome=receipt, status=status
            )
        self.add("observation", **row | told)
        return name

    def read(self) -> duckdb.DuckDBPyConnection:
        """The case as far as it was given, with `sighting`."""
        BENCH.fill(self.rows)
        self._connection.execute("DROP TABLE IF EXISTS sighting")
        make_sightings(self._connection)
        return self._connection


@pytest.fixture
def scene() -> Iterator[Scene]:
    with BENCH.connection.cursor() as connection:  # with temporary tables of its own
        connection.execute("SET TimeZone = 'UTC'")
        yield Scene(connection)


def read_dots(chart: Chart, tone: str) -> dict[str, Dots]:
    """(bin, height from the top) of the dots of that tone, by lane; lanes without are left out."""
    found = {
        lane.label: [
            (int(float(x)) // STEP, float(y))
            for shape in lane.shapes
            if (shape.kind, shape.tone) == ("dot", tone)
            for x, y in re.findall(r"M(-?[\d.]+) ([\d.]+)h0", shape.path)
        ]
        for lane in chart.lanes
    }
    return {label: dots for label, dots in found.items() if dots}
