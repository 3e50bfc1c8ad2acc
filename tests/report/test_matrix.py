"""Three verdicts side by side: each combination counted, judged and listed; and one row each."""

from __future__ import annotations

import pytest

from forensics.report.matrix import read_matrix
from forensics.report.three_verdicts import read_three_verdicts
from tests.report.conftest import Scene, at

QUOTE = {"tee": "sgx"}


def judge_in_hindsight(scene: Scene, observation: str, outcome: str) -> None:
    scene.add("verdict", observation_id=observation, moment="hindsight", outcome=outcome)


@pytest.mark.parametrize(
    ("claimed", "receipt", "hindsight", "worth"),
    [
        (True, "rejected", "accepted", "the verifier lied or was broken"),
        (False, "accepted", "rejected", "refused although it verifies"),
        (True, "accepted", "rejected", "exposure that nobody could have seen then"),
        (None, "accepted", "rejected", "exposure that nobody could have seen then"),
        (False, "rejected", "accepted", "only collateral of a later time accepts it"),
        (None, "rejected", "accepted", "only collateral of a later time accepts it"),
        (True, "undetermined", "accepted", "the case lacks collateral, or a time, to decide"),
        (True, "accepted", "undetermined", "the case lacks collateral, or a time, to decide"),
        (True, "accepted", "accepted", ""),
        (False, "rejected", "rejected", ""),
    ],
)
def test_a_combination_says_why_it_is_worth_a_look(
    scene: Scene, claimed: bool | None, receipt: str, hindsight: str, worth: str
) -> None:
    judge_in_hindsight(scene, scene.sight(5, QUOTE, receipt, claimed_ok=claimed), hindsight)
    (cell,) = read_matrix(scene.read()).cells
    word = {True: "good", False: "not good", None: "no word"}[claimed]
    assert (cell.claimed, cell.receipt, cell.hindsight) == (word, receipt, hindsight)
    assert cell.worth == worth


def test_each_combination_is_counted_and_its_query_lists_it(scene: Scene) -> None:
    for second in (30, 10, 20, None):
        judge_in_hindsight(scene, scene.sight(second, QUOTE, claimed_ok=True), "rejected")
    scene.sight(5, QUOTE, claimed_ok=True)  # no hindsight
    judge_in_hindsight(scene, scene.sight(5, QUOTE, "rejected", claimed_ok=True), "accepted")
    judge_in_hindsight(scene, scene.sight(5, QUOTE, claimed_ok=True), "accepted")
    scene.sight(5, QUOTE, claimed_ok=False)
    scene.sight(6, None, None, claimed_ok=True)
    scene.sight(7, None, None)

    connection = scene.read()
    matrix = read_matrix(connection)

    counts = {(cell.claimed, cell.receipt, cell.hindsight): cell.number for cell in matrix.cells}
    assert counts == {
        ("good", "accepted", "rejected"): 4,
        ("good", "accepted", "undetermined"): 1,
        ("good", "rejected", "accepted"): 1,
        ("good", "accepted", "accepted"): 1,
        ("not good", "accepted", "undetermined"): 1,
        ("good", "no quote", "no quote"): 1,
        ("no word", "no quote", "no quote"): 1,
    }
    assert matrix.receipts == ("accepted", "rejected", "no quote")
    assert matrix.hindsights == ("accepted", "rejected", "undetermined", "no quote")
    assert matrix.has("not good", "accepted")
    assert not matrix.has("not good", "rejected")
    exposed = matrix.find("good", "accepted", "rejected")
    assert exposed is not None
    assert [row[0] for row in exposed.sightings.rows] == ["o3", "o1", "o2", "o0"]
    for cell in matrix.cells:
        listed = connection.execute(f"SELECT observation_id FROM ({cell.sightings.rest})")
        ids = sorted(row[0] for row in listed.fetchall())
        assert ids == sorted(row[0] for row in cell.sightings.rows)


def test_of_many_sightings_the_first_are_listed(scene: Scene) -> None:
    for second in range(25, 0, -1):
        scene.sight(second, QUOTE)
    (cell,) = read_matrix(scene.read()).cells
    assert (cell.number, cell.sightings.left_out) == (25, 5)
    assert [row[1] for row in cell.sightings.rows] == [at(second) for second in range(1, 21)]


def test_the_verdicts_of_a_sighting_are_one_row(scene: Scene) -> None:
    first = scene.sight(20, QUOTE, "rejected", "Revoked", claimed_quote_status="OK")
    judge_in_hindsight(scene, first, "accepted")
    scene.sight(10, QUOTE, None)
    scene.sight(None, QUOTE)
    scene.sight(5, None, None)

    rows = read_three_verdicts(scene.read()).to_pylist()

    names = ("observation_id", "claimed", "receipt", "receipt_status", "hindsight")
    assert [tuple(row[name] for name in names) for row in rows] == [
        ("o2", None, "accepted", "UpToDate", None),
        ("o1", None, None, None, None),
        ("o0", "OK", "rejected", "Revoked", "accepted"),
    ]
