"""RFC 3339 timestamps -> integer microseconds since the epoch, UTC.

Log times are attacker-controlled text. Only the RFC's own shape is read (a zone is required), and
only years that a log of this evidence can have: 1970 to 2199.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache

from forensics.errors import EvidenceError
from forensics.formats.times import to_microseconds

# [1970-01-01, 2200-01-01)
LATEST = 7_258_118_400_000_000

_SECOND = 1_000_000
_SHAPE = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,24})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def read_time(value: object) -> int:
    """Microseconds since the epoch; digits beyond the microsecond are cut off.

    A leap second (`:60`) is the first second of the next minute. Raises `EvidenceError`
    (`bad-timestamp`, `timestamp-out-of-range`).
    """
    if type(value) is not str or not _SHAPE.fullmatch(value):
        raise EvidenceError("bad-timestamp", f"not an RFC 3339 timestamp: {value!r:.60}")
    return _read_moment(value)


@lru_cache(maxsize=16)  # a log gives the same moment for several things
def _read_moment(value: str) -> int:
    try:
        moment = to_microseconds(datetime.fromisoformat(value))
    except ValueError:
        moment = _read_unusual(value)
    if not 0 <= moment < LATEST:
        message = f"not between the years 1970 and 2199: {value:.60}"
        raise EvidenceError("timestamp-out-of-range", message)
    return moment


def _read_unusual(value: str) -> int:
    """Lower-case letters and leap seconds, which `fromisoformat` does not know."""
    text = value.upper()
    leap = text[17:19] == "60"
    try:
        moment = to_microseconds(
            datetime.fromisoformat(text[:17] + "59" + text[19:] if leap else text)
        )
    except (ValueError, OverflowError):
        raise EvidenceError("bad-timestamp", f"no such moment: {value!r:.60}") from None
    return moment + _SECOND if leap else moment
