"""Judging again only what new evidence touches, with the findings that a full run would give.

A detector may run incrementally when nothing else than evidence has changed since its last run:
neither its query and parameters, nor the inputs that it reads whole (manifests, collateral), nor
what was proven. Otherwise, and where it declares no scope, it runs in full, and says why.

Where nothing at all has changed of what it reads, it says what it said before and reads nothing,
whether it declares a scope or not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from forensics.case.landmarks import keep_reshown, note_reshown, renew_landmarks
from forensics.case.ledger import TOOL_VERSION
from forensics.case.news import (
    Horizon,
    declare_news,
    describe,
    digest_known,
    digest_views,
    has_evidence_since,
    knows_verdicts,
    look,
    read_horizon,
    rebuilt_facts,
)
from forensics.case.summaries import SUMMARIES
from forensics.detect.detector import Detector
from forensics.detect.findings import Finding, as_found, was_given
from forensics.detect.narrowed import run_narrowed
from forensics.detect.near import Near
from forensics.detect.parameters import AS_OF, Value, bind
from forensics.detect.reading import read_columns
from forensics.detect.run import DetectorRun, make_gaps
from forensics.detect.scope import NARROWED, name_aspects

if TYPE_CHECKING:
    import duckdb

    from forensics.case.case import Case

# A source is about the evidence that came with it, and about nothing that was there before. Nor is
# a certificate: no quote is trusted before its own is known, and what one says never changes.
_NEVER_OLD = {"source", "certificate"}
# Rules are applied to evidence when it is verified: other manifests, other bindings.
_BEHIND_BINDINGS = ("reference_value", "workload")


@dataclass(frozen=True)
class Past:
    """What the run before knew, and how the case stands now.

    `records` are the rows of the view `detection` by id. `since` is how far the newest run saw,
    None when no run left anything to go on from; `obstacle` says why, else what stands in the way
    of all detectors. `verdicts`: whether changes of verdicts since can be told, and
    `changed_aspects`: in which aspects there were any. `digests` are of the views that are read
    whole, `known_digests` of the rows that some of them had then. `still`: no source came since.
    """

    now: Horizon
    since: Horizon | None
    obstacle: str | None
    verdicts: bool
    changed_aspects: Set[str]
    records: Mapping[str, Mapping[str, Any]]
    digests: Mapping[str, str]
    known_digests: Mapping[str, str]
    still: bool = False

    def carry(
        self,
        detector: Detector,
        previous: Sequence[Finding],
        *,
        as_of: datetime,
        overrides: Mapping[str, str],
    ) -> DetectorRun | None:
        """What the run before said, where nothing has changed of all that the detector reads.

        `previous` are the detector's own active findings.
        """
        params = bind(detector.params, as_of, overrides)
        record = self.records.get(detector.id)
        given = [finding for finding in previous if was_given(finding)]
        if record is None or record["findings"] != len(given):  # triage moved one of another run
            return None
        if not self._still_holds(detector, params, record, as_of):
            return None
        return DetectorRun(
            detector,
            params,
            evaluated=_judged(record),
            findings=tuple(map(as_found, given)),
            gaps=make_gaps(dict(json.loads(record["gaps"]))),
            full_because=None,
            observations_read=0,
            totals=_read_basis(record)[1].get("totals"),
        )

    def _still_holds(
        self,
        detector: Detector,
        params: Mapping[str, Value],
        record: Mapping[str, Any],
        as_of: datetime,
    ) -> bool:
        if self.obstacle or not record["basis"] or record["waiting"]:
            return False
        basis = _read_basis(record)[1]
        if _tells_time(detector) and as_of != datetime.fromisoformat(basis["as_of"]):
            return False
        grown = (*detector.apart, *detector.dated)
        unread = self.still and self.changed_aspects.isdisjoint(name_aspects(detector))
        return (
            (unread or NARROWED.isdisjoint(detector.inputs))
            and all(basis["views"].get(view) == self.digests[view] for view in grown)
            and _find_change(detector, self, params, record) is None
        )

    def surround(
        self,
        connection: duckdb.DuckDBPyConnection,
        detectors: Iterable[Detector],
        previous: Mapping[str, Sequence[Finding]],
    ) -> Near | None:
        """What these detectors may go on from; None where none of them can.

        `previous` are the active findings by detector.
        """
        scoped = [detector for detector in detectors if detector.scope]
        if self.obstacle or not scoped:
            return None
        findings = [finding for d in scoped for finding in previous.get(d.id, ())]
        return Near(connection, scoped, findings, enough=self.now.observation_no // 2)

    def go_on(
        self,
        connection: duckdb.DuckDBPyConnection,
        detector: Detector,
        previous: Sequence[Finding],
        near: Near | None,
        *,
        as_of: datetime,
        overrides: Mapping[str, str],
    ) -> DetectorRun | str:
        """A run over what is touched, or why everything has to be read.

        `previous` are the detector's own active findings, `near` is what `surround` gave.
        """
        params = bind(detector.params, as_of, overrides)
        reason = why_in_full(detector, self, params)
        if reason is not None:
            return reason
        assert near is not None
        if not all(map(near.has_rows, detector.requires)):
            return "an input that it requires has no rows"
        return run_narrowed(
            connection,
            detector,
            self.records[detector.id],
            previous,
            params,
            near,
            changed_aspects=self.changed_aspects,
        )

    def describe(self, run: DetectorRun, as_of: datetime) -> str:
        """What the next run must know of one that judged up to `as_of`, as JSON."""
        detector = run.detector
        views = {view: self.digests[view] for view in _whole_inputs(detector)}
        return describe(
            self.now,
            as_of=as_of.isoformat(),
            views=views,
            header=detector.header_sha256,
            tool=TOOL_VERSION,
            totals=run.totals,
        )


def recall(
    case: Case,
    connection: duckdb.DuckDBPyConnection,
    records: Iterable[Mapping[str, Any]],
    detectors: Iterable[Detector],
    *,
    full: bool = False,
) -> Past:
    """Look at the case, and declare as temporary relations what is new in it.

    `full`: go on from nothing, because somebody asked for that.
    """
    known = {record["detector"]: record for record in records}
    horizons = [h for record in known.values() if (h := _read_basis(record)[0])]
    since = max(horizons, key=lambda h: h.entry, default=None)
    obstacle = "asked for" if full else _find_obstacle(case, since)
    changed_aspects: Set[str] = frozenset()
    note_reshown(connection)
    keep_reshown(connection)
    if since and not obstacle:
        changed_aspects = declare_news(connection, since)
    else:
        renew_landmarks(connection)
        for summary in SUMMARIES:
            summary.renew(connection)
    detectors = list(detectors)
    views = sorted({view for detector in detectors for view in _whole_inputs(detector)})
    dated = sorted({view for detector in detectors for view in detector.dated})
    return Past(
        now=look(case, connection),
        since=since,
        obstacle=obstacle,
        verdicts=since is not None and knows_verdicts(connection, since),
        changed_aspects=changed_aspects,
        records=known,
        digests=digest_views(connection, views),
        known_digests={} if obstacle else digest_known(connection, dated),
        still=since is not None and not has_evidence_since(connection, since),
    )


def _find_obstacle(case: Case, since: Horizon | None) -> str | None:
    if since is None:
        return "no run before it to go on from"
    if not since.proven:
        return "not all evidence was verified in the run before"
    return "facts were rebuilt" if rebuilt_facts(case, since) else None


def why_in_full(detector: Detector, past: Past, params: Mapping[str, Value]) -> str | None:
    """What keeps a detector from judging only what is new; None when nothing does."""
    record = past.records.get(detector.id)
    if past.obstacle:
        return past.obstacle
    if not detector.scope:
        return detector.in_full or "it declares no scope"
    if record is None or not _judged(record):
        return "it did not judge in the run before"
    return _find_change(detector, past, params, record)


def _judged(record: Mapping[str, Any]) -> bool:
    return bool(record["outcome"] == "evaluated" and record["basis"])


def _find_change(
    detector: Detector, past: Past, params: Mapping[str, Value], record: Mapping[str, Any]
) -> str | None:
    """What is not as it was in the detector's last run, evidence aside."""
    horizon, basis = _read_basis(record)
    if record["sql_sha256"] != detector.sql_sha256:
        return "its query changed"
    if basis.get("header") != detector.header_sha256:
        return "its header changed"
    if _plain(json.loads(record["params"])) != _plain(json.loads(_write(detector, params))):
        return "its parameters changed"
    if basis.get("tool") != TOOL_VERSION:
        return "the version of the tool changed"
    if horizon != past.since:
        return "it did not run when the others did"
    if "verdict" in detector.inputs and not past.verdicts:
        return "the verdicts that it saw are not known"
    for view in _whole_inputs(detector):
        digests = past.known_digests if view in detector.dated else past.digests
        if view not in detector.apart and basis["views"].get(view) != digests[view]:
            return f"its input {view} changed"
    if AS_OF in params and not _may_move(detector, basis["as_of"], params[AS_OF]):
        return "its cut-off changed"
    return None


def _tells_time(detector: Detector) -> bool:
    """Whether what it says depends on the cut-off or on the moment of hindsight itself."""
    read = AS_OF in read_columns(detector).get("verdict", ())
    return read or AS_OF in {parameter.name for parameter in detector.params}


def _whole_inputs(detector: Detector) -> list[str]:
    """The inputs that even an incremental run reads whole."""
    more = _BEHIND_BINDINGS if "binding" in detector.inputs else ()
    kept = _NEVER_OLD - {*detector.apart, *detector.dated}
    return sorted({*detector.inputs, *more} - NARROWED - kept)


def _may_move(detector: Detector, before: str, now: Value) -> bool:
    """Whether the cut-off may be another than before: later, where a screen is asked again."""
    assert isinstance(now, datetime)
    then = datetime.fromisoformat(before)
    return now == then or (detector.suspects is not None and now > then)


def _read_basis(record: Mapping[str, Any]) -> tuple[Horizon | None, dict[str, Any]]:
    basis = json.loads(record["basis"] or "{}")
    return read_horizon(basis), basis


def _write(detector: Detector, params: Mapping[str, Value]) -> str:
    return DetectorRun(detector, params, True, (), ()).params_json


def _plain(params: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in params.items() if name != AS_OF}
