"""Suppressions: findings that somebody has answered for, until a day.

A TOML file of entries, each with the person who answers for it, the reason, and the day on which
it ends. A suppressed finding is still computed, stored and counted.

    [[suppression]]
    id = "SUP-7"
    detector = "silent-enclave"      # one detector ...
    subject_id = "enc-91f243b1"      # ... about one subject (and subject_type, if you like)
    # fingerprint = "…"              # ... or exactly one finding, all 64 digits
    reason = "test pool without an attestation route until OPS-1"
    owner = "alice@example.org"
    expires = 2026-03-01             # the end of that day, UTC; or a time with its zone
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

from forensics.errors import UsageError

if TYPE_CHECKING:
    from forensics.detect.findings import Finding

LARGEST_FILE: Final = 1 << 20  # bytes
LONGEST: Final = timedelta(days=366)  # a suppression without an end is a blind spot
SOON: Final = timedelta(days=7)

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_MATCHES = ("fingerprint", "detector", "subject_type", "subject_id")
_NECESSARY = ("id", "reason", "owner", "expires")


@dataclass(frozen=True, slots=True)
class Suppression:
    """One entry; `expires` is the first moment at which it no longer holds."""

    id: str
    reason: str
    owner: str
    expires: datetime
    match: Mapping[str, str]

    def covers(self, finding: Finding) -> bool:
        return all(getattr(finding, name) == value for name, value in self.match.items())


@dataclass(frozen=True, slots=True)
class Review:
    """What there is to say about the entries of a file, by id."""

    active: tuple[str, ...]
    expired: tuple[str, ...]
    expiring: tuple[str, ...]
    unused: tuple[str, ...]


def parse_suppressions(data: bytes, at: datetime) -> tuple[Suppression, ...]:
    """The entries of a file, as of the run at `at`.

    Raises `UsageError` (`bad-suppressions`) for anything that is not exactly as it should be: an
    entry that was misread would hide what it was not meant to.
    """
    if len(data) > LARGEST_FILE:
        raise _bad(f"larger than {LARGEST_FILE} bytes")
    try:
        values = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise _bad(f"not TOML: {error}") from None
    entries = values.pop("suppression", [])
    if values or not isinstance(entries, list):
        raise _bad(f"only [[suppression]] may be in it, not {sorted(values) or 'a table'}")
    parsed = tuple(_parse(number, entry, at) for number, entry in enumerate(entries, 1))
    if len({entry.id for entry in parsed}) < len(parsed):
        raise _bad("two entries have the same id")
    return parsed


def suppress(finding: Finding, suppressions: Iterable[Suppression]) -> Suppression | None:
    """The first entry that covers the finding. Expired ones are to be left out before."""
    return next((entry for entry in suppressions if entry.covers(finding)), None)


def select_active(entries: Iterable[Suppression], at: datetime) -> tuple[Suppression, ...]:
    return tuple(entry for entry in entries if at < entry.expires)


def review(entries: Sequence[Suppression], findings: Iterable[Finding], at: datetime) -> Review:
    """Which entries hold, have ended, will end within a week, and cover nothing."""
    active = select_active(entries, at)
    used = {finding.suppression for finding in findings}
    return Review(
        active=tuple(entry.id for entry in active),
        expired=tuple(entry.id for entry in entries if at >= entry.expires),
        expiring=tuple(entry.id for entry in active if entry.expires - at <= SOON),
        unused=tuple(entry.id for entry in active if entry.id not in used),
    )


def _parse(number: int, entry: Any, at: datetime) -> Suppression:
    where = f"entry {number}"
    if not isinstance(entry, dict):
        raise _bad(f"{where} is not a table")
    unknown = sorted(set(entry) - {*_NECESSARY, *_MATCHES})
    if unknown:
        raise _bad(f"{where}: unknown key {unknown[0]!r:.60}")
    for name in ("id", "reason", "owner"):
        _check_text(where, name, entry.get(name))
    match = {name: entry[name] for name in _MATCHES if name in entry}
    for name, value in match.items():
        _check_text(where, name, value)
    _check_match(where, match)
    expires = _read_expiry(where, entry.get("expires"))
    if expires - at > LONGEST:
        raise _bad(f"{where}: expires more than {LONGEST.days} days from now")
    return Suppression(entry["id"], entry["reason"], entry["owner"], expires, match)


def _check_text(where: str, name: str, value: object) -> None:
    if not isinstance(value, str) or not value.strip():
        raise _bad(f"{where}: {name} is missing or no text")


def _check_match(where: str, match: Mapping[str, str]) -> None:
    if "fingerprint" in match:
        if len(match) > 1 or not _FINGERPRINT.fullmatch(match["fingerprint"]):
            raise _bad(f"{where}: a fingerprint has 64 hex digits and stands alone")
    elif not {"detector", "subject_id"} <= match.keys():
        raise _bad(f"{where}: it needs a fingerprint, or a detector and a subject_id")


def _read_expiry(where: str, value: object) -> datetime:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise _bad(f"{where}: expires needs its time zone")
        return value.astimezone(UTC)
    if isinstance(value, date):
        try:
            return datetime.combine(value, time(), UTC) + timedelta(days=1)
        except OverflowError:
            raise _bad(f"{where}: expires is too far away") from None
    raise _bad(f"{where}: expires is missing, or neither a date nor a time")


def _bad(problem: str) -> UsageError:
    return UsageError("bad-suppressions", f"suppressions: {problem}")
