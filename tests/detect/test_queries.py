"""Every detector against its cases in `cases/<id>.toml`: real DuckDB, rows as the views have them.

`forensics.detect.cases` says what a case may hold. `alone`: the case rests on views being empty,
so a neighbour would change it.

Each case is also told in two instalments: its rows (of sightings, of events, of views that are
apart) are dealt into what a first run knew and what is new to a second one (late arrivals are the
rule, since the deal ignores their times), and going on must give what a full run gives.
"""

from __future__ import annotations

import copy
import json
import random
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from forensics.case.contract import QUOTE, VIEWS
from forensics.case.landmarks import (
    ENDS,
    OF_RECEIPT,
    OF_SIGHTING,
    declare_landmarks,
    note_reshown,
)
from forensics.case.news import EVENTS
from forensics.detect.cases import CUT_OFF, FOLLOWING, Bench, Rows, compare, load_cases
from forensics.detect.catalog import load_catalog
from forensics.detect.detector import Blindness, Detector
from forensics.detect.lint import lint_detector
from forensics.detect.narrowed import run_narrowed
from forensics.detect.near import Near
from forensics.detect.parameters import AS_OF
from forensics.detect.run import DetectorRun, run_detector
from forensics.detect.store import describe_run

CASES = Path(__file__).with_name("cases")
CATALOG = load_catalog()


def read_cases(detector: str) -> list[dict[str, Any]]:
    return load_cases((CASES / f"{detector}.toml").read_text(), detector)


ALL_CASES = [
    pytest.param(detector, case, id=f"{detector}: {case['name']}")
    for detector in CATALOG
    if (CASES / f"{detector}.toml").exists()
    for case in read_cases(detector)
]


BENCH = Bench()


@pytest.mark.parametrize(("detector", "case"), ALL_CASES)
def test_case(detector: str, case: dict[str, Any]) -> None:
    """As expected, and the same in another order and beside a neighbour."""
    rows = case["rows"]
    result = BENCH.run(CATALOG[detector], case, rows)
    assert compare(result, case) == []
    shuffled = copy.deepcopy(rows)
    for found in shuffled.values():
        random.Random(7).shuffle(found)
    # A neighbour's rows may be what a case is about lacking.
    if not case.get("alone") and result.evaluated:
        for view, found in load_neighbour().items():
            shuffled[view] += found
    beside = BENCH.run(CATALOG[detector], case, shuffled)
    assert beside.findings == result.findings
    assert beside.unjudged == result.unjudged


def load_neighbour() -> Rows:
    """A clean fleet of one, of every view: no detector has anything to say about it."""
    return tomllib.loads((CASES.parent / "neighbour.toml").read_text())


@pytest.mark.parametrize("detector", CATALOG)
def test_the_neighbour_alone_is_clean(detector: str) -> None:
    result = BENCH.run(CATALOG[detector], {}, load_neighbour())
    assert result.findings == ()
    assert result.gaps == ()


@pytest.mark.parametrize("detector", CATALOG)
def test_an_empty_case_is_silent(detector: str) -> None:
    result = BENCH.run(CATALOG[detector], {}, {})
    assert result.findings == ()
    assert result.evaluated == (not CATALOG[detector].requires)


@pytest.mark.parametrize("detector", CATALOG)
def test_header_and_query_agree(detector: str) -> None:
    assert lint_detector(CATALOG[detector]) == []


@pytest.mark.parametrize("detector", CATALOG)
def test_the_kinds_of_case_are_there(detector: str) -> None:
    """It fires, a case that changes one thing is silent, and something is NULL."""
    cases = read_cases(detector)
    assert any(case["expect"] for case in cases)
    assert any(
        not case["expect"]
        and len(case.get("changes", {})) + len(case.get("unset", [])) + len(case.get("drop", []))
        == 1
        for case in cases
    ), "no near-miss that differs in one thing"
    assert any("NULL" in case["name"] for case in cases)


def test_every_case_file_has_its_detector() -> None:
    assert {path.stem for path in CASES.glob("*.toml")} == set(CATALOG)


# All that fire, and of those that are silent every third: it may have fired the time before.
SCOPED = [
    param
    for number, param in enumerate(ALL_CASES)
    for name, case in [param.values]
    if CATALOG[name].scope and (case["expect"] or number % 3 == 0)  # type: ignore[index,call-overload]
]

GROWN = sorted(
    {v for detector in CATALOG.values() for v in (*detector.apart, *detector.dated)}
    - FOLLOWING.keys()
)
"""Views that are read whole, and that may have more rows than before."""


def deal(connection: duckdb.DuckDBPyConnection, chance: random.Random) -> None:
    """Number quotes and sightings, and say of each row whether it is new."""
    # No quote comes without a sighting, whatever a case leaves out. (One without any is left as it
    # is: the bench takes away only what it was given.)
    connection.execute(
        "INSERT INTO observation (observation_id, quote_id) "
        "SELECT concat('of ', quote_id), quote_id "
        "FROM quote WHERE quote_id NOT IN "
        "(SELECT quote_id FROM observation WHERE quote_id IS NOT NULL) "
        "AND (SELECT count(*) FROM observation) > 0"
    )
    connection.execute(
        "UPDATE observation SET observation_no = -rowid WHERE observation_no IS NULL"
    )
    # As in any quote: one signing event has one r, and one signed region one REPORT_DATA.
    connection.execute("UPDATE quote SET signature_r = signing_id WHERE signature_r IS NULL")
    connection.execute("UPDATE quote SET report_data = signed_id WHERE report_data IS NULL")
    for view in ("observation", "quote"):
        connection.execute(
            f"UPDATE {view} SET quote_no = n.no FROM (SELECT quote_id, row_number() OVER () AS no "
            f"FROM (SELECT DISTINCT quote_id FROM quote)) AS n WHERE n.quote_id = {view}.quote_id"
        )
    for view in ("verdict", "binding"):
        connection.execute(
            f"UPDATE {view} SET observation_no = o.observation_no FROM observation AS o "
            f"WHERE o.observation_id = {view}.observation_id"
        )
    rows = connection.execute("SELECT observation_no FROM observation ORDER BY ALL").fetchall()
    fresh = [row[0] for row in rows if chance.random() < 0.5]
    connection.execute("CREATE TEMP TABLE fresh_observation (observation_no BIGINT)")
    connection.execute(
        "CREATE TEMP TABLE changed_observation (aspect VARCHAR, observation_no BIGINT)"
    )
    for number in fresh:
        connection.execute("INSERT INTO fresh_observation VALUES (?)", [number])
    for view in (*EVENTS, *GROWN):
        rows = connection.execute(f"SELECT rowid FROM {view} ORDER BY rowid").fetchall()
        late = [row for (row,) in rows if chance.random() < 0.5]
        for name, negation in (("fresh", ""), ("known", "NOT ")):
            connection.execute(
                f"CREATE TEMP TABLE {name}_{view} AS SELECT * FROM {view} "
                f"WHERE rowid {negation}IN (SELECT unnest(?::BIGINT[]))",
                [late],
            )


# What is new with every quote, or follows from its bytes alone.
OWN = {"quote_id", "quote_no", "signed_id", "signing_id", "signature_r", "signature_s"} | {
    *("report_data", "size", "trailing_size", "trailing_nonzero", "slack_size")
}


def mark_land(connection: duckdb.DuckDBPyConnection) -> None:
    """Landmarks, with kinds of quotes by all that they show: cases do not tell the ids of that."""
    shown = [f'q."{name}"' for name in QUOTE.names if name not in OWN]
    for when, which in (
        ("now", "TRUE"),
        ("before", "o.observation_no NOT IN (FROM fresh_observation)"),
    ):
        connection.execute(
            f"CREATE TEMP TABLE landmark_{when} AS SELECT {ENDS} FROM observation AS o "
            "LEFT JOIN quote AS q ON q.quote_no = o.quote_no LEFT JOIN verdict AS v "
            "ON v.observation_no = o.observation_no AND v.moment = 'receipt' "
            "WHERE o.observation_no NOT IN "
            f"(SELECT observation_no FROM reshown WHERE trusted_showing > 1) AND {which} "
            f"GROUP BY {', '.join([*OF_SIGHTING.values(), *OF_RECEIPT.values(), *shown])}"
        )
    note_reshown(connection)
    declare_landmarks(connection)


def run_first(
    connection: duckdb.DuckDBPyConnection, detector: Detector, case: dict[str, Any], at: datetime
) -> DetectorRun:
    """The run before: on the known rows alone."""
    known = "SELECT observation_no FROM fresh_observation"
    for view in ("observation", "verdict", "binding"):
        connection.execute(
            f"CREATE TEMP TABLE {view} AS SELECT * FROM memory.main.{view} "
            f"WHERE observation_no IS NULL OR observation_no NOT IN ({known})"
        )
    connection.execute(
        "CREATE TEMP TABLE quote AS SELECT * FROM memory.main.quote WHERE quote_id IN "
        "(SELECT quote_id FROM observation) "
        "OR quote_id NOT IN (SELECT quote_id FROM memory.main.observation "
        "WHERE quote_id IS NOT NULL)"
    )
    dealt = (*EVENTS, *(v for v in (*detector.apart, *detector.dated) if v in GROWN))
    for view in dealt:
        connection.execute(f"CREATE TEMP TABLE {view} AS FROM known_{view}")
    for view, query in FOLLOWING.items():
        connection.execute(f"CREATE TEMP TABLE {view} AS {query}")
    for view in FOLLOWING.keys() & {*detector.dated}:
        connection.execute(f"CREATE TEMP TABLE known_{view} AS FROM {view}")
    run = run_detector(connection, detector, as_of=at, overrides=case.get("params", {}))
    for view in ("observation", "quote", "verdict", "binding", *FOLLOWING, *dealt):
        connection.execute(f"DROP TABLE temp.{view}")
    return run


def record_run(run: DetectorRun, at: datetime) -> dict[str, Any]:
    """The row of the view `detection` from which another run goes on."""
    basis = {"as_of": at.isoformat(), "totals": run.totals}
    return describe_run(run) | {"basis": json.dumps(basis)}


def test_an_input_of_which_only_rows_count_is_narrowed_too() -> None:
    """Screened or not: a query may ask for no column of a view, only how many rows there are."""
    counted = Blindness("counted", "SELECT count(*) AS unjudged FROM verdict", widens=False)
    for name in ("claim-mismatch", "tcb-rollback"):
        detector = CATALOG[name]
        inputs = tuple(sorted({*detector.inputs, "verdict"}))
        detector = replace(detector, inputs=inputs, not_evaluable=(counted,))
        case = read_cases(name)[0]
        BENCH.fill(case["rows"])
        with BENCH.connection.cursor() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            deal(connection, random.Random(1))
            mark_land(connection)
            before = run_first(connection, detector, case, CUT_OFF)
            full = run_detector(connection, detector, as_of=CUT_OFF)
            record = record_run(before, CUT_OFF)
            near = Near(connection, [detector], before.findings)
            run = run_narrowed(connection, detector, record, before.findings, full.params, near)
        assert isinstance(run, DetectorRun)
        assert (run.findings, run.gaps) == (full.findings, full.gaps)


MET = """
SELECT
    'session' AS subject_type, o.session_id AS subject_id, min(o.received_at) AS first_seen,
    max(o.received_at) AS last_seen,
    string_split(string_agg(o.observation_id, ' ' ORDER BY o.observation_no), ' ')
        AS observation_ids,
    'low' AS severity, 'met' AS summary, CAST(to_json({'kind': 'met'}) AS VARCHAR) AS details
FROM observation AS o
JOIN (SELECT DISTINCT session_id FROM nonce) AS n ON n.session_id = o.session_id
GROUP BY o.session_id
ORDER BY subject_id
"""


@pytest.mark.parametrize("scope", [("session_id",), ("nonce", "session_id")])
def test_challenges_may_be_held_against_sightings_by_another_key(scope: tuple[str, ...]) -> None:
    counted = Blindness("counted", "SELECT count(*) AS unjudged FROM nonce", widens=False)
    detector = replace(
        CATALOG["unknown-nonce"], scope=scope, sql=MET, params=(), widens=False,
        not_evaluable=(counted,), apart=(), again=None,
    )  # fmt: skip
    rows: Rows = {view.name: [] for view in VIEWS}
    for number in range(6):
        at = {"received_at": CUT_OFF - timedelta(hours=9 - number), "observation_no": number}
        rows["observation"].append(
            {"observation_id": f"o{number}", "session_id": f"s{number % 2}", "nonce": "ab"} | at
        )
    rows["nonce"] = [{"session_id": "s1", "nonce": "cd", "source_id": "l"}]
    outcome = hold(detector, {}, rows, New(5), beside=[CATALOG["late-nonce"]])
    assert [finding.observation_ids for finding in outcome.findings] == [("o1", "o3", "o5")]


def moves_on(detector: Detector) -> bool:
    """Whether it may go on to a later cut-off."""
    own = any(parameter.name == AS_OF for parameter in detector.params)
    return own and detector.suspects is not None


@pytest.mark.parametrize(("name", "case"), SCOPED)
def test_going_on_gives_what_a_full_run_gives(name: str, case: dict[str, Any]) -> None:
    rows = {view.name: list(case["rows"][view.name]) for view in VIEWS}
    if not case.get("alone"):
        for view, found in load_neighbour().items():
            rows[view] += found
    hold(CATALOG[name], case, rows, random.Random(f"{name} {case['name']}"))


def hold(
    detector: Detector,
    case: dict[str, Any],
    rows: Rows,
    chance: random.Random,
    beside: Sequence[Detector] = (),
) -> DetectorRun:
    """Deal the rows, go on from what is known to what is new, and ask a full run.

    `beside` are other detectors for which what is near is fetched as well.
    """
    outcome, full = go_on(detector, case, rows, chance, beside)
    if isinstance(outcome, str):
        gaps = [blindness.widens for blindness in detector.not_evaluable]
        assert any((detector.widens, detector.widens_when, detector.totals, *gaps))
    else:
        assert outcome.findings == full.findings
        assert outcome.gaps == full.gaps
    return full


def go_on(
    detector: Detector,
    case: dict[str, Any],
    rows: Rows,
    chance: random.Random,
    beside: Sequence[Detector] = (),
) -> tuple[DetectorRun | str, DetectorRun]:
    """What comes of going on, and of a full run."""
    as_of = case.get("as_of", CUT_OFF)
    earlier = as_of - timedelta(seconds=20) if moves_on(detector) else as_of
    BENCH.fill(rows)
    with BENCH.connection.cursor() as connection:  # with temporary tables of its own
        connection.execute("SET TimeZone = 'UTC'")
        deal(connection, chance)
        mark_land(connection)
        before = run_first(connection, detector, case, earlier)
        if not before.evaluated:
            pytest.skip("nothing to go on from")
        full = run_detector(connection, detector, as_of=as_of, overrides=case.get("params", {}))
        record = record_run(before, earlier)
        near = Near(connection, [detector, *beside], before.findings)
        outcome = run_narrowed(connection, detector, record, before.findings, full.params, near)
    return outcome, full


class New(random.Random):
    """Deals everything as known but for the rows of these numbers; sightings come first."""

    def __init__(self, *numbers: int) -> None:
        super().__init__(0)
        self._numbers = numbers
        self._dealt = 0

    def random(self) -> float:
        self._dealt += 1
        return 0.1 if self._dealt - 1 in self._numbers else 0.9


def test_a_token_between_landmarks_waits_for_the_quote_that_it_names() -> None:
    """Padded quotes, whose tokens may name others; the one that one of them names comes last."""
    name = "token-evidence-mismatch"
    case = next(c for c in read_cases(name) if c["name"] == "of another quote of the case")
    [sighting], quote = case["rows"]["observation"], case["rows"]["quote"][0]
    rows: Rows = {view.name: [] for view in VIEWS}
    for number in range(9):
        quote_id = f"{number:064x}"
        shown = {"quote_id": quote_id, "signing_id": f"s{number}", "trailing_size": 4}
        rows["quote"].append(quote | shown)
        sight = {"observation_id": f"o{number}", "observation_no": number, "quote_id": quote_id}
        late = {"received_at": sighting["received_at"] + timedelta(minutes=number)}
        token = {"token_quote_hash": f"{8:064x}" if number == 4 else quote_id}
        rows["observation"].append(sighting | sight | late | token)
    outcome = hold(CATALOG[name], case, rows, New(8))
    assert [finding.observation_ids for finding in outcome.findings] == [("o4",)]


def test_whoever_attested_in_the_first_time_of_a_launch_log_counts_between_landmarks_too() -> None:
    """One that was launched did, between a first time before the log began and a later last; so
    the log knew those days, and whoever it does not know was not launched.
    """
    name = "unexpected-attestation"
    attests = {"event_type": "enclave_attestation", "node_id": "n1"}
    start = CUT_OFF - timedelta(days=9)
    seen = [("known", -2), ("known", 1), ("known", 3), ("known", 99)]
    seen += [("shadow", 2), ("shadow", 4), ("shadow", 30), ("known", 120)]
    rows: Rows = {view.name: [] for view in VIEWS}
    rows["launch"] = [
        {"container_id": "known", "node_id": "n1", "timestamp": start, "source_id": "l"}
    ]
    for number, (container, hours) in enumerate(seen):
        sight = {"observation_id": f"o{number}", "observation_no": number}
        at = {"container_id": container, "received_at": start + timedelta(hours=hours)}
        rows["observation"].append(attests | sight | at)
    outcome = hold(CATALOG[name], {"alone": True}, rows, New(7))
    assert [finding.observation_ids for finding in outcome.findings] == [("o4", "o5", "o6")]


def test_what_is_slow_since_more_is_known_of_what_is_usual_is_found_between_landmarks() -> None:
    """With the tenth answer of the platform it is known what is usual, and one long ago was not."""
    name = "relay-suspected"
    case = read_cases(name)[0]
    [sighting, *_], [quote, *_] = case["rows"]["observation"], case["rows"]["quote"]
    rows: Rows = {view.name: [] for view in VIEWS}
    for number in range(10):
        sight = {"observation_id": f"o{number}", "observation_no": number}
        sight |= {"quote_id": f"q{number}", "enclave_id": "old" if number < 9 else "new"}
        issued = sighting["nonce_issued_at"] + timedelta(minutes=number)
        took = timedelta(seconds=5) if number == 4 else timedelta(milliseconds=100)
        rows["quote"].append(quote | {"quote_id": f"q{number}", "signature_r": f"r{number}"})
        rows["observation"].append(
            sighting | sight | {"nonce_issued_at": issued, "received_at": issued + took}
        )
    outcome = hold(CATALOG[name], {}, rows, New(9))
    assert [finding.observation_ids for finding in outcome.findings] == [("o4",)]


@pytest.mark.parametrize(
    ("news", "offences", "unjudged"),
    [
        ([(9, 9), (10, 10)], [], 0),
        ([(10, 5), (11, 12)], [("o8", "n0")], 0),
        ([(4, 9), (10, 10)], [], 1),
    ],
)
def test_news_are_held_against_what_a_writer_had_counted_before(
    news: list[tuple[int, int]], offences: list[tuple[str, ...]], unjudged: int
) -> None:
    """Its last and its highest before the news are of the same kind as those of the news."""
    name = "impossible-time"
    [sighting, *_] = next(
        c["rows"]["observation"] for c in read_cases(name) if c["name"] == "in the writer's order"
    )
    told = [(f"o{number}", number, number) for number in range(9)]
    told += [(f"n{place}", *when) for place, when in enumerate(news)]
    rows: Rows = {view.name: [] for view in VIEWS}
    for number, (sight, count, minutes) in enumerate(told):
        at = sighting["received_at"] + timedelta(minutes=minutes)
        counted = {"sequence_no": count, "event_id": sight, "received_at": at}
        rows["observation"].append(
            sighting | {"observation_id": sight, "observation_no": number} | counted
        )
    outcome = hold(CATALOG[name], {}, rows, New(9, 10))
    assert [finding.observation_ids for finding in outcome.findings] == offences
    assert outcome.unjudged == unjudged


def test_where_a_log_turns_out_to_be_an_extract_everything_is_looked_up_again() -> None:
    name = "not-forwarded"
    case = next(c for c in read_cases(name) if c["name"].startswith("an extract has less"))
    outcomes = [
        go_on(CATALOG[name], case, copy.deepcopy(case["rows"]), random.Random(seed))[0]
        for seed in range(30)
    ]
    reasons = {outcome for outcome in outcomes if isinstance(outcome, str)}
    assert reasons == {"what it weighs against all history tipped"}
    assert any(isinstance(outcome, DetectorRun) for outcome in outcomes)


def count_events(*hours: int, numbers: Sequence[int] = ()) -> Rows:
    """A writer's events, one of each number, by its clock so many hours after a beginning."""
    rows: Rows = {view.name: [] for view in VIEWS}
    for place, (hour, number) in enumerate(zip(hours, numbers or range(len(hours)), strict=True)):
        at = {"received_at": CUT_OFF - timedelta(hours=99 - hour), "observation_no": place}
        sight = {"observation_id": f"o{place}", "enclave_id": "e", "backend_verifier": "v"}
        rows["observation"].append(sight | at | {"sequence_no": number})
    return rows


def test_what_a_broken_order_is_held_against_is_at_hand_while_it_stands() -> None:
    """It lies between landmarks: neither the first, nor the last, nor the highest of its kind. So
    nobody has to read the writer's history again.
    """
    rows = count_events(0, 5, 10, 1, *range(20, 60))
    outcome, full = go_on(CATALOG["impossible-time"], {}, rows, New(43))
    assert isinstance(outcome, DetectorRun)
    assert outcome.findings == full.findings
    [finding] = full.findings
    assert finding.observation_ids == ("o2", "o3")
    assert json.loads(finding.details)["margin_ms"] == 9 * 3_600_000
    assert json.loads(finding.details)["clock_sightings"] == 43
    assert outcome.observations_read == 5  # first and last, what is new, and these two


def test_a_count_that_started_again_long_ago_orders_nothing_whatever_is_at_hand() -> None:
    again = count_events(*range(40), 12, numbers=[*range(20), *range(20), 1])
    outcome, full = go_on(CATALOG["impossible-time"], {}, again, New(40))
    assert isinstance(outcome, DetectorRun)
    assert outcome.findings == full.findings == ()
    assert outcome.unjudged == full.unjudged == 1
    assert (outcome.observations_read or 0) < 10
    assert outcome.totals == full.totals


def test_an_event_out_of_order_has_its_writer_read_again() -> None:
    """Once: for what it is held against, and for what is held against it."""
    for news in (1, 30):  # earlier than what it counted before, later than what it counted after
        rows = count_events(*range(20), news, numbers=[*range(0, 40, 2), 5])
        outcome, full = go_on(CATALOG["impossible-time"], {}, rows, New(20))
        assert isinstance(outcome, DetectorRun)
        assert outcome.findings == full.findings
        assert len(full.findings) == 1
        assert outcome.observations_read == 21
