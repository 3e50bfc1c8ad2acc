"""Charts of versions: a dot for each version and moment, a ring for what fell."""

from __future__ import annotations

from typing import Any

import pytest

from forensics.detect.catalog import load_catalog
from forensics.report.levels import chart_platforms, chart_versions
from tests.report.conftest import BENCH, SPAN, Scene, at, read_dots

TCB_ROLLBACK = load_catalog()["tcb-rollback"]
ENCLAVE = {"tee": "sgx", "mrsigner": "ab" * 32, "isv_prodid": 1, "platform_id": "p", "fmspc": "f"}
TD = {"tee": "tdx", "platform_id": "p", "ppid": "p", "fmspc": "f"}
CHIP = {"tee": "snp", "platform_id": "c" * 128, "chip_id": "c" * 128}
TAIL = "00" * 13


def module(front: str, **more: Any) -> dict[str, Any]:
    return TD | {"tee_tcb_svn": front + TAIL} | more


def pck(front: str, pce_svn: int = 13, **more: Any) -> dict[str, Any]:
    return TD | {"tcb_components": front + TAIL, "pce_svn": pce_svn} | more


def chip(committed_tcb: str, **more: Any) -> dict[str, Any]:
    return CHIP | {"committed_tcb": committed_tcb} | more


def name_components(scene: Scene, family: str, *places: int, fmspc: str = "f") -> None:
    for place in range(16):
        named = place in places
        scene.add("tcb_component", fmspc=fmspc, family=family, position=place, named=named)


def ring(scene: Scene, chart: Any = chart_versions) -> list[int]:
    """The bins of all rings."""
    found = read_dots(chart(scene.read(), SPAN), "fallen")
    return [place for dots in found.values() for place, _ in dots]


def test_versions_stand_in_a_lane_for_each_product_by_verdict(scene: Scene) -> None:
    scene.sight(5, ENCLAVE | {"isv_svn": 9}, workload_id="pay")
    scene.sight(5, ENCLAVE | {"isv_svn": 9}, workload_id="pay")
    scene.sight(105, ENCLAVE | {"isv_svn": 10}, workload_id="pay", status="OutOfDate")
    scene.sight(205, ENCLAVE | {"isv_svn": 9}, "rejected", "Revoked", workload_id="pay")
    scene.sight(300, ENCLAVE | {"isv_svn": 2, "isv_prodid": 2}, None, workload_id="pay")
    scene.sight(400, None, workload_id="pay")
    scene.sight(9_999, module("05000d"))
    scene.sight(10_000, module("05000d"))  # after the span
    scene.sight(None, module("05000d"))
    scene.sight(500, chip("03"))

    chart = chart_versions(scene.read(), SPAN)

    first, second = "pay sgx abababababab product 1", "pay sgx abababababab product 2"
    assert read_dots(chart, "accepted") == {first: [(0, 66.0)], "no workload tdx": [(999, 36.0)]}
    assert read_dots(chart, "weak") == {first: [(10, 6.0)]}
    assert read_dots(chart, "rejected") == {first: [(20, 66.0)]}
    assert read_dots(chart, "undetermined") == {second: [(30, 36.0)]}
    assert read_dots(chart, "fallen") == {first: [(20, 66.0)]}
    assert [lane.label for lane in chart.lanes] == [first, "no workload tdx", second]
    assert [lane.ticks for lane in chart.lanes] == [
        [(66.0, "9"), (6.0, "10")], [(36.0, "level 1")], [(36.0, "2")],
    ]  # fmt: skip
    assert chart.summary.startswith(
        "3 × product of a workload, of which 1 showed more than one security version. ISVSVN"
    )
    assert "SEV-SNP is left out" in chart.summary
    product = "abababababab product"
    assert [tuple(row) for row in chart.tables[0].rows] == [
        ("pay", "sgx", f"{product} 1", "9", at(5), at(205), 3),
        ("pay", "sgx", f"{product} 1", "10", at(105), at(105), 1),
        ("no workload", "tdx", "", "05000d" + TAIL, at(9_999), at(10_000), 3),
        ("pay", "sgx", f"{product} 2", "2", at(300), at(300), 1),
    ]


def test_the_lanes_with_the_most_changes_are_drawn(scene: Scene) -> None:
    for number in range(14):
        scene.sight(number, ENCLAVE | {"isv_svn": 1}, workload_id=f"w{number:02}")
    scene.sight(50, ENCLAVE | {"isv_svn": 2}, workload_id="w12")
    scene.sight(50, ENCLAVE | {"isv_svn": 1}, workload_id="w13")

    chart = chart_versions(scene.read(), SPAN)

    assert [lane.label[:3] for lane in chart.lanes] == [
        "w12",
        "w13",
        *(f"w{n:02}" for n in range(10)),
    ]
    assert "14 × product" in chart.summary
    assert (
        "Drawn are 12: those with the most changes, then with the most sightings." in chart.summary
    )
    assert len(chart.tables[0].rows) == 15


@pytest.mark.parametrize(
    ("earlier", "later", "fell"),
    [
        ("05000d", "04000d", True),
        ("05000d", "05000c", True),
        ("10000d", "0f000d", True),
        ("05000d", "05000d", False),
        ("05000d", "06000d", False),
        ("05000d", "04000e", False),  # the detector tells of byte 0 alone
        ("05000d", "04010d", False),  # TDX 1.0 at SVN 5, then 1.5 at SVN 4
        ("04010d", "05000d", True),
        ("04010d", "05000e", False),
    ],
)
def test_a_module_fell_where_a_component_is_lower_and_none_is_higher(
    scene: Scene, earlier: str, later: str, fell: bool
) -> None:
    name_components(scene, "tdx", 0, 1, 2)
    scene.sight(205, module(later), workload_id="w")
    scene.sight(105, module(earlier), workload_id="w")

    assert ring(scene) == ([20] if fell else [])
    found = BENCH.run(TCB_ROLLBACK, {}, scene.rows).findings
    assert found or not fell, "a ring where tcb-rollback finds nothing"


def test_levels_of_a_module_rise_by_its_major_version(scene: Scene) -> None:
    scene.sight(5, module("05000d"))
    scene.sight(105, module("04010d"))

    (dots,) = read_dots(chart_versions(scene.read(), SPAN), "accepted").values()
    assert dots == [(0, 66.0), (10, 6.0)]


def test_a_component_that_tcb_info_does_not_name_cannot_fall(scene: Scene) -> None:
    scene.sight(5, module("05000d"))
    scene.sight(105, module("05000c"))
    assert ring(scene) == [10], "where no TCB info names any, all are compared"
    name_components(scene, "tdx", 2, fmspc="another")
    name_components(scene, "sgx", 0)
    assert ring(scene) == [10]
    name_components(scene, "tdx", 0, 1)
    assert ring(scene) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"platform_id": "other"}, {}),
        ({"platform_id": None}, {}),
        ({"trusted": False}, {}),
        ({"trusted": None}, {}),
        ({}, {"workload_id": "other"}),
        ({}, {"received_at": at(205)}),
        ({}, {"received_at": None}),
    ],
)
def test_no_level_falls_below_that_of_another_or_of_a_forgery(
    scene: Scene, change: dict[str, Any], told: dict[str, Any]
) -> None:
    """One of another platform or workload, not trusted, or at the same time."""
    scene.sight(105, module("05000d", **change), **{"workload_id": "w"} | told)
    scene.sight(205, module("04000d"), workload_id="w")
    assert ring(scene) == []


def test_a_fall_in_one_workload_is_none_in_another(scene: Scene) -> None:
    for second, front, workload in ((5, "05", "w"), (105, "04", "w"), (205, "04", "v")):
        scene.sight(second, module(f"{front}000d"), workload_id=workload)
    assert ring(scene) == [10]


def test_a_forged_level_does_not_fall(scene: Scene) -> None:
    scene.sight(105, module("05000d"))
    scene.sight(205, module("04000d", trusted=False), "rejected")
    assert ring(scene) == []


def test_what_was_seen_before_the_span_counts(scene: Scene) -> None:
    scene.sight(-500, module("05000d"))
    for second in (-400, 205, 10_001):
        scene.sight(second, module("04000d"))
    assert ring(scene) == [20]


@pytest.mark.parametrize(
    ("shown", "fallen"),
    [
        ("a4 b5 a4", []),  # it ran before, and keeps what it was launched with
        ("b5 a4", [1]),
        ("a4 a5 a4", [2]),
        ("a5 a4 a5 a4", [1, 3]),
        ("a5 a4 a6 a4", [1, 3]),
        ("a4 b5 b4 a4", [2]),
        ("-4 b5 -4", [2]),  # nobody knows whether it is the same
    ],
)
def test_a_td_keeps_the_module_of_its_launch(scene: Scene, shown: str, fallen: list[int]) -> None:
    for place, (name, svn) in enumerate(shown.split()):
        enclave = None if name == "-" else name
        scene.sight(place * 10 + 5, module(f"0{svn}000d"), enclave_id=enclave)
    assert ring(scene) == fallen


def test_an_enclave_below_its_workload_is_ringed_while_it_runs_on(scene: Scene) -> None:
    """As svn-rollback recognises laggards; without a workload each enclave is on its own."""
    for workload, fallen in (("w", [3]), (None, [])):
        scene.rows.clear()
        for place, (enclave, svn, platform) in enumerate(
            (("a", 4, "p"), ("b", 5, "o"), ("b", 5, "p"), ("a", 4, "p"))
        ):
            quote = ENCLAVE | {"isv_svn": svn, "platform_id": platform}
            scene.sight(place * 10 + 5, quote, enclave_id=enclave, workload_id=workload)
        assert ring(scene) == fallen


def test_platforms_stand_with_their_components_and_pce(scene: Scene) -> None:
    scene.sight(5, pck("020300", platform_id="a" * 32))
    scene.sight(105, pck("020400", 14, platform_id="a" * 32), status="OutOfDateConfigurationNeeded")
    scene.sight(205, pck("020400", 14, platform_id=None))
    chart = chart_platforms(scene.read(), SPAN)

    label = "aaaaaaaaaaaa… f tdx"
    assert read_dots(chart, "accepted") == {label: [(0, 66.0)]}
    assert read_dots(chart, "weak") == {label: [(10, 6.0)]}
    assert chart.summary.startswith("1 × platform, of which 1 showed more than one TCB.")
    assert [tuple(row) for row in chart.tables[0].rows] == [
        ("a" * 32, "f", "tdx", "020300" + TAIL, "00013", at(5), at(5), 1),
        ("a" * 32, "f", "tdx", "020400" + TAIL, "00014", at(105), at(105), 1),
    ]


@pytest.mark.parametrize(
    ("earlier", "later", "fell"),
    [
        (pck("020300"), pck("020200"), True),
        (pck("020300"), pck("020300", 12), True),
        (pck("020300"), pck("020200", 14), False),
        (pck("020300"), pck("020400", 12), False),
        (pck("020300"), pck("010400"), False),
        (pck("020300"), pck("020400"), False),
        (pck("020304"), pck("020303"), False),  # no TCB info names byte 2
        (chip("0301000000000ad1"), chip("03010000000009d1"), True),
        (chip("0301000000000ad1"), chip("03010000000009d2"), False),
        (chip("03", reported_tcb="03"), chip("03", reported_tcb="02"), False),  # as its host asks
    ],
)
def test_a_platform_fell_where_a_component_is_lower_and_none_is_higher(
    scene: Scene, earlier: dict[str, Any], later: dict[str, Any], fell: bool
) -> None:
    name_components(scene, "sgx", 0, 1)
    scene.sight(5, earlier)
    scene.sight(105, later)

    assert ring(scene, chart_platforms) == ([10] if fell else [])
    found = BENCH.run(TCB_ROLLBACK, {}, scene.rows).findings
    assert found or not fell, "a ring where tcb-rollback finds nothing"


def test_a_chip_stands_with_its_committed_tcb(scene: Scene) -> None:
    scene.sight(5, chip("0301000000000ad1"))
    chart = chart_platforms(scene.read(), SPAN)

    assert read_dots(chart, "accepted") == {"cccccccccccc… snp": [(0, 36.0)]}
    assert [row[:5] for row in chart.tables[0].rows] == [
        ("c" * 128, "", "snp", "0301000000000ad1", "")
    ]
