"""Feeds of events, how far each has come, and rules about absence that wait for them.

A feed is what one log file becomes over the days: the files whose paths differ only in a date, a
number of rotation or compression, per view. Its watermark is the newest event time in it. A rule
that concludes something from what is missing may do so up to the watermark of the feeds that would
bring it; what comes after that is waiting. Nobody can hold an alarm back by cutting a feed off:
after `patience` a rule goes on without a feed.

Only a feed that an earlier run knew is waited for, and only once more evidence has come since: that
is a case which is fed day by day. Whoever detects for the first time, or again over the same
evidence, has given all there is up to the cut-off, and nothing waits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb

from forensics.detect.detector import FEED_VIEWS, Detector

_DATE = re.compile(
    r"(?<![0-9A-Za-z])20\d{2}[-_.]?\d{2}[-_.]?\d{2}"
    r"(?:[T_.-]?\d{2}[:_.-]?\d{2}(?:[:_.-]?\d{2})?Z?)?(?![0-9])"
)
_ROTATION = re.compile(r"\.\d+(?=$|\.)")
_COMPRESSION = re.compile(r"\.(?:gz|zst)(?:![^!/]*)?$")  # one compressed file, and what is in it


@dataclass(frozen=True, slots=True)
class Feed:
    """`name` is a path with `*` for dates; `newest` the newest event time, null when none has.

    `since` is the ledger entry that brought its first file.
    """

    view: str
    name: str
    files: int
    events: int
    newest: datetime | None
    since: int


def name_feed(path: str) -> str:
    """The feed of a file: its path without dates, numbers of rotation and compression."""
    return _ROTATION.sub("", _DATE.sub("*", _COMPRESSION.sub("", path)))


def read_feeds(connection: duckdb.DuckDBPyConnection) -> tuple[Feed, ...]:
    """All feeds of event logs, by view and name; none where a file of the case is damaged.

    Custody says what is wrong with the file. Nothing then waits for a feed, which raises an alarm
    about absence rather than delays it.
    """
    try:
        rows = _read_rows(connection)
    except duckdb.Error:
        return ()
    feeds: dict[tuple[str, str], Feed] = {}
    for row in rows:
        key = (row["view"], name_feed(row["path"]))
        feed = feeds.get(key, Feed(*key, 0, 0, None, row["since"]))
        times = [at for at in (feed.newest, row["newest"]) if at is not None]
        feeds[key] = Feed(
            *key,
            feed.files + 1,
            feed.events + row["events"],
            max(times, default=None),
            min(feed.since, row["since"]),
        )
    return tuple(feeds[key] for key in sorted(feeds))


def _read_rows(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    parts = " UNION ALL ".join(
        f"SELECT '{view}' AS view, source_id, count(*) AS events, max({time}) AS newest "
        f"FROM {view} GROUP BY source_id"
        for view, time in FEED_VIEWS.items()
    )
    rows: list[dict[str, Any]] = (
        connection.sql(
            f"""
            SELECT e.view, s.path, e.events, e.newest, s.ledger_entry AS since
            FROM ({parts}) AS e
            JOIN source AS s ON s.source_id = e.source_id AND s.kind = 'events'
            ORDER BY e.view, s.path
            """
        )
        .to_arrow_table()
        .to_pylist()
    )
    return rows


def find_known_entry(before: Sequence[Mapping[str, Any]], newest_entry: int) -> int:
    """The newest ledger entry with evidence that a run saw before more evidence came; 0: none did.

    `before` are the rows of the view `detection`, `newest_entry` is the newest with evidence now.
    """
    seen = max((row["evidence_entry"] or 0 for row in before), default=0)
    if newest_entry > seen:
        return seen
    return max((row["known_entry"] or 0 for row in before), default=0)


def find_cut_off(
    detector: Detector,
    feeds: Sequence[Feed],
    as_of: datetime,
    patience: timedelta,
    known_entry: int,
) -> datetime:
    """Up to when the detector may judge: `as_of`, or the watermark of the feeds it waits for.

    Only feeds that were there at the ledger entry `known_entry` are waited for.
    """
    return min(
        (_find_watermark(view, feeds, as_of, patience, known_entry) for view in detector.waits_for),
        default=as_of,
    )


def _find_watermark(
    view: str, feeds: Iterable[Feed], as_of: datetime, patience: timedelta, known_entry: int
) -> datetime:
    """How far the slowest living feed of the view has come.

    Where all that were known have ended, another living one stands in for them; otherwise they are
    waited for until patience ends.
    """
    end = as_of - patience
    own = [feed for feed in feeds if feed.view == view]
    known = [feed for feed in own if feed.since <= known_entry]
    living = [feed for feed in own if feed.newest is not None and feed.newest >= end]
    awaited = [feed.newest for feed in known if feed in living and feed.newest is not None]
    if awaited:
        return min(*awaited, as_of)
    return end if known and not living else as_of
