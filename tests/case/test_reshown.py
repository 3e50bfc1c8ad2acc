"""The view `reshown` against counting by hand, and against what the tests of detectors fill in."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from forensics.case.case import open_case
from forensics.case.query import open_locked
from forensics.detect.cases import FOLLOWING

NEVER = "9999"


def test_what_was_shown_more_than_once_is_put_in_order(audited: Path) -> None:
    connection = open_locked(open_case(audited), check_results=False)
    events = defaultdict(list)
    for signing_id, at, number, trusted in connection.execute(
        "SELECT q.signing_id, CAST(o.received_at AS VARCHAR), o.observation_no, q.trusted "
        "FROM observation AS o JOIN quote AS q ON q.quote_id = o.quote_id WHERE q.proven"
    ).fetchall():
        events[signing_id].append((at or NEVER, number, trusted))
    expected = []
    for signing_id, seen in events.items():
        trusted_before = 0
        for showing, (at, number, trusted) in enumerate(sorted(seen), start=1):
            counts = trusted and at != NEVER
            trusted_before += counts
            if len(seen) > 1:
                expected.append((number, signing_id, showing, trusted_before if counts else None))
    assert expected
    names = "observation_no, signing_id, showing, trusted_showing"
    found = connection.execute(f"SELECT {names} FROM reshown ORDER BY ALL").fetchall()
    assert found == sorted(expected, key=lambda row: row[0])
    told = FOLLOWING["reshown"]
    filled = connection.execute(f"SELECT {names} FROM ({told}) ORDER BY ALL").fetchall()
    assert filled == found


def test_an_observation_is_in_it_by_both_its_names(audited: Path) -> None:
    connection = open_locked(open_case(audited), check_results=False)
    [(astray,)] = connection.execute(
        "SELECT count(*) FROM reshown AS r LEFT JOIN observation AS o "
        "ON o.observation_no = r.observation_no AND o.observation_id = r.observation_id "
        "WHERE o.observation_id IS NULL"
    ).fetchall()
    assert astray == 0
