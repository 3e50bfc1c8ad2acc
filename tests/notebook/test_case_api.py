"""The Python API on the audited sample: answers, frames, HTML, and the documented examples."""

from __future__ import annotations

import doctest
import importlib
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

import forensics
from forensics.errors import UsageError
from forensics.notebook.case import Case
from forensics.notebook.html import render_table, render_tables, to_text
from forensics.notebook.records import Records

DOCUMENTED = ("forensics.notebook.case", "forensics.notebook.records")


@pytest.fixture(scope="module")
def case(audited: Path) -> Case:
    return forensics.open_case(audited)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_the_documented_examples_hold(
    audited: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "demo-case").symlink_to(audited)
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    known = {"case": forensics.open_case("demo-case")}
    failed, tried = doctest.testmod(module, optionflags=doctest.ELLIPSIS, extraglobs=known)
    assert (failed, tried > 0) == (0, True)


def test_the_public_names_are_these_classes(case: Case) -> None:
    assert type(case) is forensics.Case
    assert (Path(forensics.__file__).parent / "py.typed").is_file()


def test_create_case_gives_the_same_kind(tmp_path: Path, case: Case) -> None:
    anchors = [anchor.der for anchor in case.settings.anchors]
    at = datetime(2026, 1, 1, tzinfo=UTC)
    made = forensics.create_case(tmp_path / "new", name="new", at=at, anchors=anchors)
    assert repr(made) == "<Case new: 0 observations of 0 quotes, 0 findings>"
    assert len(made.verdicts()) == len(made.findings()) == len(made.timeline()) == 0
    assert len(made.verdicts(as_of=at)) == 0
    assert "new" in made._repr_html_()


def test_a_relation_goes_to_every_frame(case: Case) -> None:
    relation = case.sql("SELECT tee, count(*) AS n FROM quote GROUP BY 1 ORDER BY 1")
    rows = relation.fetchall()
    assert relation.pl().rows() == rows
    assert [tuple(row.values()) for row in relation.to_arrow_table().to_pylist()] == rows
    pytest.importorskip("pandas", reason="the extra `notebook` is not installed")
    assert list(relation.df().itertuples(index=False, name=None)) == rows


def test_records_go_to_every_frame_and_keep_their_order(case: Case) -> None:
    found = case.findings()
    ids = [row["finding_id"] for row in found]
    assert found.pl()["finding_id"].to_list() == found.arrow()["finding_id"].to_pylist() == ids
    assert found[-1]["finding_id"] == ids[-1]
    with pytest.raises(IndexError):
        found[len(found)]
    pytest.importorskip("pandas", reason="the extra `notebook` is not installed")
    assert found.df()["finding_id"].tolist() == ids


def test_the_three_verdicts_are_those_of_the_view(case: Case) -> None:
    counted = case.sql(
        "SELECT moment, outcome, count(*) FROM verdict GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    frame = case.verdicts().pl()
    ours = sorted(
        (moment, outcome, len(frame.filter(**{moment: outcome})))
        for moment in ("hindsight", "receipt")
        for outcome in frame[moment].unique()
    )
    assert ours == counted


def test_another_moment_is_judged_and_nothing_is_stored(case: Case) -> None:
    stored = case.verdicts().pl()
    again = case.verdicts(as_of="2026-01-08T00:00:00Z").pl()
    assert again.equals(stored)
    assert case.verdicts(as_of="2026-01-08t01:00:00+01:00").pl().equals(stored)
    before = case.verdicts(as_of=datetime(2020, 1, 1, tzinfo=UTC)).pl()
    assert before["receipt"].equals(stored["receipt"])
    assert "accepted" in set(stored["hindsight"])
    assert not before["hindsight"].equals(stored["hindsight"])
    assert case.verdicts().pl().equals(stored)


@pytest.mark.parametrize(
    "moment",
    [
        "yesterday",
        "2026-01-01T00:00:00",
        datetime(2026, 1, 1),  # noqa: DTZ001
        "0001-01-01T00:00:00+01:00",
    ],
)
def test_a_moment_needs_its_zone(case: Case, moment: datetime | str) -> None:
    with pytest.raises(UsageError) as error:
        case.verdicts(as_of=moment)
    assert error.value.code == "bad-time"


def test_a_quote_is_its_bytes_and_can_be_compared(case: Case) -> None:
    finding = case.findings().where(detector="disguised-replay")[0]
    quotes = [case.quote(observation) for observation in finding["observation_ids"]]
    original, other = min(quotes, key=lambda q: q.quote_id), max(quotes, key=lambda q: q.quote_id)
    assert bytes(original) == case.quote_bytes(bytes.fromhex(original.quote_id))
    difference = original.diff(other)
    assert difference.conclusion.startswith("one signing event in other bytes")
    assert all(row["unsigned"] for row in difference.fields)
    assert "unsigned>" in repr(difference)
    assert original.sightings.columns[0] == "observation_id"
    page = original._repr_html_() + difference._repr_html_()
    for word in ("quote signature (K5)", "Intel SGX PCK Certificate", "n - s", "accepted"):
        assert word in page


def test_a_window_of_the_timeline(case: Case) -> None:
    rows = list(case.timeline(since="2026-01-06T00:00:00Z", until="2026-01-07T00:00:00Z"))
    assert rows
    assert {row["seen_at"].date().isoformat() for row in rows} == {"2026-01-06"}


def test_what_evidence_says_stays_text() -> None:
    script = "<script>alert(1)</script>"
    hostile = pa.table({script: [f'{script}" onload="x', "a\x1b[2J\u202e"]})
    page = Records(script, hostile)._repr_html_()
    assert "<script" not in page
    assert 'onload="' not in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "&lt;script&gt;" in page
    assert to_text([b"\1", None, True, 2]) == "01, , true, 2"


def test_long_tables_are_cut_and_say_so() -> None:
    many = Records("many", pa.table({"n": list(range(250))}))
    assert "150 more rows" in many._repr_html_()
    assert many._repr_html_().count("<tr>") == 101
    assert "<style" not in many._repr_html_(), "Jupyter would remove it"
    assert len(list(many)) == 250
    assert "many: 250 rows" in repr(many)
    assert "more rows" not in render_table("few", ["n"], [{"n": 1}], 1)
    assert "empty" not in render_tables([("empty", ["n"], [])])


def test_the_sample_is_not_changed_by_looking(audited: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(audited, tmp_path / "own"))
    before = {path: path.stat().st_mtime_ns for path in own.rglob("*") if path.is_file()}
    case = forensics.open_case(own)
    case._repr_html_()
    case.verdicts(as_of="2027-01-01T00:00:00Z")
    assert {path: path.stat().st_mtime_ns for path in own.rglob("*") if path.is_file()} == before
