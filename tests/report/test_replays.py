"""Pairs of original and replay: what is counted, what is drawn, what the table lists."""

from __future__ import annotations

from typing import Any

import pytest

from forensics.report import replays
from forensics.report.charts import Shape, draw_arcs, draw_dots
from forensics.report.replays import chart_replays
from tests.report.conftest import SPAN, Scene

QUOTE = {"tee": "sgx"}


def tell(scene: Scene, name: str, *sightings: str, **more: Any) -> None:
    told = {"detector": "replayed-quote", "state": "new", "subject_type": "signing_event"}
    scene.add("finding", finding_id=name, observation_ids=list(sightings), **told | more)


def test_pairs_are_counted_and_drawn_from_original_to_replay(scene: Scene) -> None:
    original = scene.sight(100, QUOTE, enclave_id="e1", node_id="n1")
    same = scene.rows["observation"][0]["quote_id"]
    late = scene.sight(900, None, quote_id=same, claimed_ok=True, enclave_id="e2", node_id="n2")
    other = scene.sight(500, QUOTE, claimed_ok=False)
    named = scene.sight(700, None, quote_id=same)
    tell(scene, "f1", original, other, late)
    tell(scene, "f2", original, late)  # the same pair, told again
    tell(scene, "f3", original, named, detector="disguised-replay")
    tell(scene, "f4", original)
    tell(scene, "f5", other, late, state="closed")
    tell(scene, "f6", other, late, subject_type="enclave")

    connection = scene.read()
    chart = chart_replays(connection, SPAN)

    assert chart is not None
    assert chart.summary == (
        "3 pairs of original and replay: 2 came back in other bytes, 1 were accepted by the "
        "verifier."
    )
    disguised = [(100.0, 500.0), (100.0, 700.0)]
    assert chart.lanes[0].shapes == [
        Shape("line", "replay", draw_arcs([(100.0, 900.0)], 116)),
        Shape("dot", "replay", draw_dots([(100, 116), (900, 116)])),
        Shape("line", "disguised", draw_arcs(disguised, 116)),
        Shape("dot", "disguised", draw_dots((x, 116) for pair in disguised for x in pair)),
    ]
    (table,) = chart.tables
    names = ("finding", "enclave", "host", "enclave then", "host then", "other bytes", "accepted")
    shown = [table.columns.index(name) for name in names]
    assert [[row[place] for place in shown] for row in table.rows] == [
        ["f1", "e1", "n1", None, None, True, False],
        ["f3", "e1", "n1", None, None, True, None],
        ["f1", "e1", "n1", "e2", "n2", False, True],
    ]
    assert table.total == 3
    rest = connection.execute(f"SELECT finding_id FROM ({table.rest}) ORDER BY 1").fetchall()
    assert [name for (name,) in rest] == ["f1", "f2", "f3"]


def test_it_says_how_many_are_drawn_and_counts_all(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replays, "_DRAWN", 2)
    timeless = scene.sight(None, QUOTE, claimed_ok=True)
    first, second, third = (scene.sight(at, QUOTE, claimed_ok=True) for at in (10, 20, 30))
    tell(scene, "f1", first, timeless)
    tell(scene, "f2", first, third)
    chart = chart_replays(scene.read(), SPAN)
    assert chart is not None
    assert chart.summary.endswith(
        "2 pairs of original and replay: 2 came back in other bytes, 2 were accepted by the "
        "verifier. Drawn are 1: at most 2, of those that have both times."
    )

    tell(scene, "f3", timeless, third)
    tell(scene, "f4", second, third)
    chart = chart_replays(scene.read(), SPAN)
    assert chart is not None
    assert chart.summary.startswith("4 pairs of original and replay: 4 came back")
    assert "Drawn are 2: at most 2" in chart.summary
    assert chart.lanes[0].shapes[0].path == draw_arcs([(10.0, 30.0), (20.0, 30.0)], 116)
    assert chart.tables[0].left_out == 2


def test_nothing_came_back(scene: Scene) -> None:
    tell(scene, "f1", scene.sight(100, QUOTE), scene.sight(200, QUOTE), state="resolved")
    assert chart_replays(scene.read(), SPAN) is None
