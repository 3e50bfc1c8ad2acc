"""Each chart is valid Vega-Lite and draws what the views say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import forensics

pytest.importorskip("altair", reason="the extra `notebook` is not installed")

from forensics.notebook import charts

DRAWN = [name for name in dir(charts) if name.startswith("draw_")]


@pytest.fixture(scope="module")
def draw(audited: Path) -> Callable[[str], tuple[dict[str, Any], list[dict[str, Any]]]]:
    case = forensics.open_case(audited)

    def build(name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        specification = getattr(charts, name)(case).to_dict()  # validates against the schema
        (values,) = specification["datasets"].values()
        return specification, values

    return build


@pytest.mark.parametrize("name", DRAWN)
def test_each_chart_is_valid_and_bounded(draw, name: str) -> None:
    specification, values = draw(name)
    assert specification["$schema"].startswith("https://vega.github.io/schema/vega-lite/")
    assert 0 < len(values) <= charts.MOST_MARKS


@pytest.mark.parametrize("name", DRAWN)
def test_a_case_without_evidence_gives_an_empty_chart(audited: Path, tmp_path: Path, name) -> None:
    from datetime import UTC, datetime

    anchors = [anchor.der for anchor in forensics.open_case(audited).settings.anchors]
    at = datetime(2026, 1, 1, tzinfo=UTC)
    empty = forensics.create_case(tmp_path / "empty", name="empty", at=at, anchors=anchors)
    getattr(charts, name)(empty).to_dict()


def test_the_charts_show_the_incidents(draw, audited: Path) -> None:
    case = forensics.open_case(audited)
    silent = [row["enclave"] for row in draw("draw_silences")[1] if row["silent"]]
    assert case.findings().where(detector="silent-enclave")[0]["subject_id"] in silent
    (lie,) = [
        row
        for row in draw("draw_verdicts")[1]
        if (row["claimed"], row["receipt"]) == ("OK", "rejected")
    ]
    assert lie["n"] == len(case.verdicts().where(claimed="OK", receipt="rejected"))
    replayed = {row["signing"] for row in draw("draw_replays")[1]}
    found = {row["subject_id"][:12] for row in case.findings().where(detector="replayed-quote")}
    assert found <= replayed
    ledger = [r["isv_svn"] for r in draw("draw_versions")[1] if r["workload"] == "ledger"]
    assert ledger != sorted(ledger), "the rollback is a step down"


def test_charts_can_be_images(audited: Path) -> None:
    pytest.importorskip("vl_convert", reason="the extra `notebook` is not installed")
    import altair as alt

    try:
        charts.use_images()
        shown = charts.draw_silences(forensics.open_case(audited))._repr_mimebundle_()
        bundle = shown[0] if isinstance(shown, tuple) else shown
        assert bundle["image/png"].startswith(b"\x89PNG")
        assert "text/html" not in bundle
    finally:
        alt.renderers.enable("default")
