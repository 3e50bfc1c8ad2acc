"""The fleet over time, and the numbers that its verdicts rest on: shapes, words and tables."""

from __future__ import annotations

from typing import Any

import pytest

from forensics.report.charts import Shape, draw_bars, draw_steps, place
from forensics.report.coverage import read_coverage
from forensics.report.fleet import chart_evaluations, chart_fleet
from tests.report.conftest import SPAN, Scene, at, read_dots

ENCLAVE = {"tee": "sgx", "fmspc": "f1"}
SILENCE = {"detector": "silent-enclave", "state": "new", "severity": "high", "subject_id": "e"}


@pytest.fixture
def busy(scene: Scene) -> Scene:
    """Each kind of event in another number."""
    for second in (5, 6, 7, 8, 505):
        scene.sight(second, ENCLAVE)
    for second in (15, 16, 17):
        scene.sight(second, ENCLAVE, "rejected")
    for second in (25, 26):
        scene.sight(second, ENCLAVE, None)
    scene.sight(35, None, None)
    for second in (10_000, -1):
        scene.sight(second, ENCLAVE)  # outside of the span
    for second in (45, 46, 9_999):
        scene.add("launch", timestamp=at(second))
    for second in (55, 56):
        scene.add("release", timestamp=at(second))
    return scene


def test_events_are_bars_by_what_they_are(busy: Scene) -> None:
    chart = chart_fleet(busy.read(), SPAN, [])

    lanes = {lane.label: lane.shapes for lane in chart.lanes}
    attested = {"accepted": {0: 4, 50: 1}, "rejected": {1: 3}, "undetermined": {2: 2}}
    told = attested | {"no quote": {3: 1}}
    assert lanes["Attestations, by receipt verdict"] == draw_bars(told, 64)
    assert lanes["Launches"] == draw_bars({"launch": {4: 2, 999: 1}}, 30)
    assert lanes["Secrets released"] == draw_bars({"secret": {5: 2}}, 30)
    assert [tone for tone, _ in chart.legend[:4]] == list(told)
    assert chart.summary == (
        "From 2026-01-05 00:00:00Z to 2026-01-05 02:46:40Z: sightings 5 accepted, 3 rejected, "
        "2 undetermined, 1 no quote; 3 launches, 2 released secrets, 0 silences."
    )
    assert [tuple(row) for row in chart.tables[0].rows] == [
        (at(0), 4, 3, 2, 1, 2, 2),
        (at(500), 1, 0, 0, 0, 0, 0),
        (at(9_750), 0, 0, 0, 0, 1, 0),
    ]


def test_a_silence_is_drawn_from_its_beginning_to_its_end(scene: Scene) -> None:
    begun = SILENCE | {"last_seen": at(900), "subject_type": "enclave"}
    scene.add("finding", finding_id="b", first_seen=at(500), **begun)
    scene.add("finding", finding_id="a", first_seen=at(100), **begun | {"detector": "log-gap"})
    scene.add("finding", finding_id="closed", first_seen=at(100), **begun | {"state": "closed"})
    scene.add("finding", finding_id="other", first_seen=at(1), **begun | {"detector": "x"})
    scene.add("finding", finding_id="timeless", **begun)
    connection = scene.read()
    chart = chart_fleet(connection, SPAN, [])

    (silences,) = [lane.shapes for lane in chart.lanes if lane.label == "Silences"]
    assert silences == [
        Shape("fill", "silence", "M100 2.0h800v5.0h-800z", "log-gap e a"),
        Shape("fill", "silence", "M500 9.0h400v5.0h-400z", "silent-enclave e b"),
    ]
    assert "2 silences" in chart.summary
    table = chart.tables[1]
    assert table.total == 2
    assert [row[0] for row in table.rows] == ["a", "b"]
    rest = connection.execute(f"SELECT finding_id FROM ({table.rest})").fetchall()
    assert [name for (name,) in rest] == ["a", "b"], "the query is for what the table shows"


def test_open_findings_stand_where_they_begin_the_gravest_on_top(scene: Scene) -> None:
    for second, severity in ((105, "critical"), (205, "info"), (305, "high")):
        told = {"first_seen": at(second), "severity": severity, "state": "new"}
        scene.add("finding", finding_id=f"f{second}", detector="d", summary="s", **told)
        scene.add("finding", finding_id=f"c{second}", **told | {"state": "resolved"})
    chart = chart_fleet(scene.read(), SPAN, [])

    (lane,) = [lane for lane in chart.lanes if lane.label.startswith("Findings")]
    assert [(shape.tone, shape.title) for shape in lane.shapes] == [
        ("critical", "critical: s (f105)"),
        ("high", "high: s (f305)"),
        ("info", "info: s (f205)"),
    ]
    heights = {name: height for height, name in lane.ticks}
    assert heights["critical"] < heights["high"] < heights["info"]
    label = lane.label
    assert read_dots(chart, "critical") == {label: [(10, heights["critical"])]}
    assert read_dots(chart, "info") == {label: [(20, heights["info"])]}


def test_collateral_is_drawn_where_it_is_in_force_within_the_span(scene: Scene) -> None:
    for series, start, end in (("a", -900, 499), ("a", 1_000, 1_999), ("b", -900, -100)):
        scene.add(
            "collateral", kind="qe_identity", id=series, authentic=True,
            issued_at=at(start), expires_at=at(end),
        )  # fmt: skip
    connection = scene.read()
    chart = chart_fleet(connection, SPAN, read_coverage(connection))

    assert [(lane.label, lane.shapes) for lane in chart.lanes[-2:]] == [
        (
            "qe_identity a",
            [Shape("fill", "covered", "M0 4.0h500v8.0h-500zM1000 4.0h1000v8.0h-1000z")],
        ),
        ("qe_identity b", []),
    ]


def issue(scene: Scene, second: int, number: int | None, **more: Any) -> None:
    told = {"kind": "tcb_info", "id": "SGX", "fmspc": "f1", "authentic": True} | more
    scene.add("collateral", issued_at=at(second), tcb_evaluation_data_number=number, **told)


def test_the_line_is_the_newest_number_and_dots_are_the_used_ones(scene: Scene) -> None:
    for second, number in ((1_000, 18), (3_000, 17), (2_000, 19), (4_000, 19)):
        issue(scene, second, number)
    issue(scene, 0, 99, authentic=False)
    issue(scene, 0, 99, kind="qe_identity")
    issue(scene, 0, None)
    issue(scene, 0, 5, id="TDX", fmspc="f2")
    for second, number in ((1_005, 18), (1_006, 18), (2_005, 18), (2_005, 19), (-5, 17)):
        scene.sight(second, ENCLAVE)
        scene.rows["verdict"][-1]["tcb_evaluation_data_number"] = number
    scene.sight(5, ENCLAVE)

    chart = chart_evaluations(scene.read(), SPAN)

    sgx, tdx = chart.lanes
    assert (sgx.label, tdx.label) == ("SGX f1", "TDX f2")
    assert sgx.ticks == [(58.0, "17"), (32.0, "18"), (6.0, "19")]
    steps = [(place(SPAN, at(1_000)), 32.0), (place(SPAN, at(2_000)), 6.0)]
    assert sgx.shapes[0] == Shape("line", "known", draw_steps(steps))
    assert read_dots(chart, "used") == {"SGX f1": [(100, 32.0), (200, 32.0), (200, 6.0)]}
    assert chart.summary.startswith("2 series of TCB info.")
    assert [tuple(row) for row in chart.tables[0].rows] == [
        ("SGX f1", 17, at(3_000), 0),
        ("SGX f1", 18, at(1_000), 3),
        ("SGX f1", 19, at(2_000), 1),
        ("TDX f2", 5, at(0), 0),
    ]
