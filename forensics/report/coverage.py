"""What the collateral archive covers: per FMSPC, identity and CA, with the gaps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from forensics.verify.archive import LAST_SECOND, SECOND

if TYPE_CHECKING:
    import duckdb

Interval = tuple[datetime, datetime]

FULL, PART, NONE = "█", "▒", "·"


@dataclass(frozen=True)
class Coverage:
    """One series of documents. `intervals` are when some authentic version was in force.

    `authority`: SHA-256 of the key that speaks, of a CRL its issuer's, else the root's; two roots
    may use the same names. Empty where nobody known signed.

    `unproven`: versions that `verify` has not seen yet; what they are about is not known.
    """

    kind: str
    key: str
    authority: str
    versions: int
    unauthentic: int
    unproven: int
    intervals: tuple[Interval, ...] = field(repr=False)

    @property
    def short_authority(self) -> str:
        """Enough of it to tell a few apart."""
        return self.authority[:12]

    @property
    def gaps(self) -> list[Interval]:
        """Times between the first issue and the last expiry that no version covers."""
        pairs = zip(self.intervals, self.intervals[1:], strict=False)
        return [(left[1], right[0]) for left, right in pairs]

    def draw(self, start: datetime, end: datetime, width: int) -> str:
        """A strip of `width` cells over `[start, end)`: in force all, some or none of the time."""
        step = max((end - start) / width, timedelta(microseconds=1))
        return "".join(
            self._draw_cell(start + n * step, start + (n + 1) * step) for n in range(width)
        )

    def _draw_cell(self, start: datetime, end: datetime) -> str:
        covered = sum(
            (
                max(min(stop, end) - max(begin, start), timedelta())
                for begin, stop in self.intervals
            ),
            timedelta(),
        )
        if not covered:
            return NONE
        return FULL if covered >= end - start else PART


def read_coverage(connection: duckdb.DuckDBPyConnection) -> list[Coverage]:
    """TCB infos by TEE and FMSPC, enclave identities by id, CRLs by issuer; each by authority.

    Only authentic documents cover anything; `verify` decides which are.
    """
    rows = connection.execute(
        """
        SELECT 'tcb_info' AS kind, id || ' ' || fmspc AS key, unnest(coalesce(root_ids, [''])),
               epoch_us(issued_at), epoch_us(expires_at), authentic
        FROM collateral WHERE kind = 'tcb_info'
        UNION ALL
        SELECT 'qe_identity', id, unnest(coalesce(root_ids, [''])),
               epoch_us(issued_at), epoch_us(expires_at), authentic
        FROM collateral WHERE kind = 'qe_identity'
        UNION ALL
        SELECT 'crl', issuer, coalesce(issuer_key_id, ''),
               epoch_us(this_update), epoch_us(next_update), authentic
        FROM crl
        ORDER BY ALL
        """
    ).fetchall()
    series: dict[tuple[str, str, str], list[tuple[int | None, int | None, bool | None]]] = {}
    for kind, key, authority, start, end, authentic in rows:
        series.setdefault((kind, key or "unknown", authority), []).append((start, end, authentic))
    return [
        Coverage(
            kind=kind,
            key=key,
            authority=authority,
            versions=len(entries),
            unauthentic=sum(authentic is False for _, _, authentic in entries),
            unproven=sum(authentic is None for _, _, authentic in entries),
            intervals=_merge(
                (_moment(start), _moment(end + SECOND))
                for start, end, authentic in entries
                if authentic and start is not None and end is not None and start <= end
            ),
        )
        for (kind, key, authority), entries in sorted(series.items())
    ]


def find_span(coverages: Iterable[Coverage]) -> Interval | None:
    """From the first issue to the last expiry of any of them."""
    intervals = [interval for coverage in coverages for interval in coverage.intervals]
    if not intervals:
        return None
    return min(start for start, _ in intervals), max(end for _, end in intervals)


def _merge(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """Half-open intervals, overlapping and touching ones made one."""
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return tuple(merged)


def _moment(microseconds: int) -> datetime:
    """The year 9999 means no end (RFC 5280 4.1.2.5), here too."""
    return datetime.fromtimestamp(min(microseconds // SECOND, LAST_SECOND), UTC)
