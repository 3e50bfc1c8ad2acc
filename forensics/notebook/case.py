"""`Case` for people: the questions one asks first, each answered by one method.

The examples below run in the tests, on the case that the first command of the README makes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from forensics.case import case as store
from forensics.case.signing import PublicKey, Signer
from forensics.case.text import read_moment
from forensics.formats.times import to_microseconds
from forensics.notebook.html import render_tables
from forensics.notebook.records import Records

if TYPE_CHECKING:
    from forensics.notebook.quote import QuoteView

_FINDINGS_SHOWN = ("severity", "state", "detector", "summary", "subject_id", "finding_id")


class Case(store.Case):
    """An open case.

    >>> import forensics
    >>> case = forensics.open_case("demo-case")
    >>> case
    <Case demo-case: ... observations of ... quotes, ... findings>

    `sql` gives a DuckDB relation over the documented views:

    >>> case.sql("SELECT DISTINCT outcome FROM verdict ORDER BY 1").pl()["outcome"].to_list()
    ['accepted', 'rejected', 'undetermined']
    """

    def findings(self) -> Records:
        """What the last `detect` found, most severe first.

        >>> found = case.findings()
        >>> found[0]["severity"]
        'critical'
        >>> found.where(detector="silent-enclave")[0]["subject_type"]
        'enclave'
        """
        from forensics.detect.detector import SEVERITIES

        return self._ask(
            "findings",
            f"SELECT * FROM finding ORDER BY list_position({list(SEVERITIES)}, severity), "
            "first_seen NULLS FIRST, detector, finding_id",
            shown=_FINDINGS_SHOWN,
        )

    def verdicts(self, as_of: datetime | str | None = None) -> Records:
        """The three verdicts, side by side, one row for each sighting of a quote.

        *claimed* is what the verifier logged, *receipt* what it should have said then, *hindsight*
        what we say as of a moment: that of the last `verify`, or `as_of`. Judging at another moment
        verifies no signature again, and stores nothing. Raises `UsageError` (`bad-time`).

        >>> row = case.verdicts().where(receipt="rejected")[0]
        >>> row["claimed"], row["receipt_failed"]
        ('OK', ['R4'])
        >>> later = case.verdicts(as_of="2030-01-01T00:00:00Z")
        >>> sorted(set(later.pl()["hindsight"]))  # the archive ends before; a revocation stays
        ['rejected', 'undetermined']
        """
        from forensics.case.connection import connect
        from forensics.case.judgements import judge_hindsight
        from forensics.report.three_verdicts import COLUMNS, read_three_verdicts

        connection = connect(self)
        if as_of is not None:
            judge_hindsight(connection, to_microseconds(read_moment(as_of)))
        return Records("verdicts", read_three_verdicts(connection), COLUMNS)

    def quote(self, identifier: str) -> QuoteView:
        """A quote on one page, by the start of its id or of that of a sighting.

        Raises `UsageError` (`no-match`, `ambiguous`, `bad-id`, `no-quote`).

        >>> rogue = case.findings().where(detector="trusted-rogue")[0]
        >>> quote = case.quote(rogue["observation_ids"][0])
        >>> quote
        <Quote ...: SGX, version 3, accepted>
        >>> quote.fields.where(field="attributes")[0]["says"]
        'INIT MODE64BIT; XFRM x87 SSE AVX ...'
        """
        from forensics.case.connection import connect
        from forensics.notebook.quote import QuoteView
        from forensics.report.quote_page import describe_stored

        return QuoteView(describe_stored(self, connect(self), identifier))

    def timeline(
        self,
        *,
        enclave: str | None = None,
        workload: str | None = None,
        node: str | None = None,
        container: str | None = None,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
    ) -> Records:
        """Launches, challenges, evidence with verdicts, secrets and findings, by time.

        Raises `UsageError` (`bad-time`).

        >>> rollback = case.findings().where(detector="svn-rollback")[0]
        >>> story = case.timeline(enclave=rollback["subject_id"])
        >>> [row["what"] for row in story][:4]
        ['launch', 'nonce', 'enclave_attestation', 'release']
        """
        from forensics.case.connection import connect
        from forensics.report.timeline import COLUMNS, Window, read_timeline

        window = Window(
            enclave_id=enclave,
            workload_id=workload,
            node_id=node,
            container_id=container,
            since=None if since is None else read_moment(since),
            until=None if until is None else read_moment(until),
        )
        return Records("timeline", read_timeline(connect(self), window), COLUMNS)

    def _ask(self, title: str, sql: str, *, shown: Sequence[str] = ()) -> Records:
        from forensics.case.query import run_query

        return Records(title, run_query(self, sql), shown)

    def _count(self) -> dict[str, int]:
        parts = ", ".join(f"(SELECT count(*) FROM {view}) AS {view}" for view in _COUNTED)
        return {
            str(name): int(count) for name, count in self._ask("", f"SELECT {parts}")[0].items()
        }

    def __repr__(self) -> str:
        counts = self._count()
        return (
            f"<Case {self.path.name}: {counts['observation']} observations of "
            f"{counts['quote']} quotes, {counts['finding']} findings>"
        )

    def _repr_html_(self) -> str:
        counts = self._count()
        facts = {
            "name": self.settings.name,
            "path": str(self.path),
            "ledger entries": len(self.ledger.entries),
            **{_COUNTED[view]: count for view, count in counts.items()},
        }
        anchors = [
            {"what": "trusts the root", "value": anchor.certificate_id}
            for anchor in self.settings.anchors
        ]
        rows = [{"what": what, "value": value} for what, value in facts.items()]
        found = self.findings()
        return render_tables(
            [
                (f"case {self.path.name}", ("what", "value"), [*rows, *anchors]),
                ("findings", _FINDINGS_SHOWN, list(found)),
            ]
        )


_COUNTED = {
    "source": "sources",
    "observation": "observations",
    "quote": "distinct quotes",
    "launch": "launches",
    "quarantine": "quarantined records",
    "finding": "findings",
}


def open_case(path: Path | str, signer: Signer | None = None) -> Case:
    """Open a case; `signer` is for commits to one that signs its ledger.

    Raises `UsageError` (`no-case`) or `CustodyError` (a damaged `case.toml`).
    """
    opened = store.open_case(path, signer)
    return Case(opened.path, opened.settings, signer)


def create_case(
    path: Path | str,
    *,
    name: str,
    at: datetime,
    anchors: Sequence[bytes],
    who: str = "",
    signer: Signer | None = None,
    signing_keys: Sequence[PublicKey] = (),
) -> Case:
    """Make a case in a new or empty directory; see `forensics.case.case.create_case`."""
    made = store.create_case(
        path,
        name=name,
        at=at,
        anchors=anchors,
        who=who,
        signer=signer,
        signing_keys=signing_keys,
    )
    return Case(made.path, made.settings, signer)
