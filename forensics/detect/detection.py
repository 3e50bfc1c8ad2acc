"""One detection: the chosen detectors over a case's views, against the run before."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import duckdb

from forensics.case.news import EVENTS
from forensics.detect.catalog import Catalog
from forensics.detect.causes import Explainer, newest_entry
from forensics.detect.detector import Detector
from forensics.detect.doubts import find_doubtful
from forensics.detect.feeds import Feed, find_cut_off, find_known_entry, read_feeds
from forensics.detect.findings import OPEN, Finding
from forensics.detect.inputs import loaded
from forensics.detect.parameters import AS_OF
from forensics.detect.run import (
    DetectorRun,
    check_overrides,
    fail,
    find_missing,
    run_detector,
    watch,
)
from forensics.detect.states import Round, find_missed, renew
from forensics.detect.store import load_detections, load_findings
from forensics.detect.suppressions import Suppression, select_active
from forensics.detect.triage import load_words
from forensics.errors import DatabaseLost, DetectorError, UsageError

if TYPE_CHECKING:
    from forensics.detect.incremental import Past


@dataclass(frozen=True, slots=True)
class Detection:
    """`findings` are all of the case, ranked and with their states; `runs` say how it went."""

    findings: tuple[Finding, ...]
    runs: tuple[DetectorRun, ...]
    at: datetime.datetime | None = None
    """The time of the run: what came into its state now has it as `state_since`."""
    feeds: tuple[Feed, ...] = ()
    evidence_entry: int = 0
    """The newest ledger entry with evidence that the run saw."""
    known_entry: int = 0
    """The newest that a run saw before more evidence came: its feeds were waited for."""
    has_evidence: bool = True
    """Whether any of it could be read: files that are all in quarantine are nothing to judge."""
    custody_broken: bool = False
    """Whether the view `custody_problem`, where somebody filled it, has a contradiction."""

    def narrow(self, detectors: Collection[str]) -> Detection:
        """The same with the findings of these detectors alone."""
        return replace(self, findings=tuple(f for f in self.findings if f.detector in detectors))

    @property
    def not_evaluable(self) -> tuple[DetectorRun, ...]:
        """The runs that could not judge everything, or anything."""
        return tuple(run for run in self.runs if run.gaps)

    @property
    def failures(self) -> Mapping[str, str]:
        """What ended the run of those detectors that failed, by id."""
        return {run.detector.id: run.failure for run in self.runs if run.failure is not None}

    @property
    def open_findings(self) -> tuple[Finding, ...]:
        """Those that somebody has to look at."""
        return tuple(finding for finding in self.findings if finding.state in OPEN)

    @property
    def incomplete(self) -> bool:
        """Whether something could not be judged, or not yet."""
        return any(run.gaps or run.waiting for run in self.runs)

    @property
    def blind(self) -> bool:
        """Whether there was nothing to look at, or no detector could."""
        return not self.has_evidence or not any(run.evaluated for run in self.runs)


def detect(
    connection: duckdb.DuckDBPyConnection,
    catalog: Catalog,
    *,
    as_of: datetime.datetime,
    at: datetime.datetime | None = None,
    patience: datetime.timedelta | None = None,
    suppressions: Sequence[Suppression] = (),
    chosen: Sequence[str] = (),
    overrides: Mapping[str, str] | None = None,
    past: Past | None = None,
    lost: Mapping[str, DatabaseLost] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Detection:
    """Run detectors (all but drafts and deprecated ones, or those chosen by id) and renew findings.

    The connection has the views of a case, `finding` included. `as_of` is the case's cut-off, the
    end of what can be missed; `at` is the time of the run, by default the same. Rules about
    absence wait up to `patience` for feeds (`forensics.detect.feeds`), by default not at all. With
    a `past` only what it does not cover is judged again, to the same findings. `progress` is called
    with detectors done and in total. A query that fails ends its own run alone. Raises `UsageError`
    (`no-such-detector`, `unknown-parameter`, `bad-parameter`, `no-scratch-space`); `DatabaseLost`,
    after which the caller detects again on another connection: the detectors in `lost` by id are
    not run, but have failed.
    """
    detectors = select(catalog, chosen)
    given = dict(overrides or {})
    check_overrides(detectors, given)
    previous, before = load_findings(connection), load_detections(connection)
    feeds, newest = read_feeds(connection), newest_entry(connection)
    known = find_known_entry(before, newest)
    cut_offs = {
        d.id: as_of if patience is None else find_cut_off(d, feeds, as_of, patience, known)
        for d in detectors
    }
    active = _group_active(previous)
    done = {
        d.id: fail(d, given, cut_offs[d.id], lost[d.id].message)
        for d in detectors
        if lost and d.id in lost
    }
    left = [detector for detector in detectors if detector.id not in done]
    carried = _carry(past, left, active, cut_offs, as_of, given)
    reasons: dict[str, str] = {}  # why a detector has to read everything

    def judge_each(chosen: Sequence[Detector], judge: _Judge) -> None:
        for detector in chosen:
            with watch(connection, detector):
                outcome = _run(judge, detector, as_of, cut_offs[detector.id])
            match outcome:
                case str(reason):
                    reasons[detector.id] = reason
                case run:
                    done[detector.id] = run
                    if progress:
                        progress(len(done), len(detectors))

    judge_each([d for d in left if d.id in carried], lambda d, _cut_off: carried[d.id])
    left = [detector for detector in left if detector.id not in carried]
    judge_each(left, _make_judge(connection, left, active, before, past, given))
    left = [detector for detector in left if detector.id not in done]
    with loaded(connection, left):
        judge_each(left, _make_full_judge(connection, reasons, given))
    runs = [done[detector.id] for detector in detectors]
    findings = [finding for run in runs for finding in run.findings]
    state = Round(
        at=at or as_of,
        judged={run.detector.id: run.unjudged for run in runs if run.evaluated},
        blind=_find_blind(runs, previous, everything=not chosen),
        doubtful=_doubt(connection, runs, find_missed(findings, previous), carried),
        waiting=frozenset(finding.fingerprint for run in runs for finding in run.waiting),
        suppressions=select_active(suppressions, at or as_of),
        words=load_words(connection),
        explain=Explainer(connection, runs, before),
    )
    renewed = tuple(renew(findings, previous, state))
    standing = _has_evidence(connection), _is_custody_broken(connection)
    return Detection(renewed, tuple(runs), state.at, feeds, newest, known, *standing)


def _has_evidence(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether there is a sighting or an event; custody reports a damaged file."""
    try:
        return any(
            connection.execute(f'SELECT 1 FROM memory.main."{view}" LIMIT 1').fetchall()
            for view in ("observation", *EVENTS)
        )
    except duckdb.Error:
        return True


def _is_custody_broken(connection: duckdb.DuckDBPyConnection) -> bool:
    query = "SELECT 1 FROM memory.main.custody_problem WHERE level = 'failure' LIMIT 1"
    return bool(connection.execute(query).fetchall())


def _group_active(findings: Sequence[Finding]) -> Mapping[str, Sequence[Finding]]:
    """The findings that are not resolved, by detector."""
    active: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        if finding.state != "resolved":
            active[finding.detector].append(finding)
    return active


def _carry(
    past: Past | None,
    detectors: Sequence[Detector],
    active: Mapping[str, Sequence[Finding]],
    cut_offs: Mapping[str, datetime.datetime],
    as_of: datetime.datetime,
    overrides: Mapping[str, str],
) -> dict[str, DetectorRun]:
    """The runs that need not be made, by id: what each detector reads is as it was."""
    if past is None:
        return {}
    carried = {}
    for detector in detectors:
        if cut_offs[detector.id] < as_of and _has_cut_off(detector):
            continue  # it is judged at two moments
        known = active[detector.id]
        if run := past.carry(detector, known, as_of=as_of, overrides=overrides):
            carried[detector.id] = run
    return carried


_Judge = Callable[[Detector, datetime.datetime], DetectorRun | str]


def _make_judge(
    connection: duckdb.DuckDBPyConnection,
    detectors: Sequence[Detector],
    active: Mapping[str, Sequence[Finding]],
    before: Sequence[Mapping[str, Any]],
    past: Past | None,
    overrides: Mapping[str, str],
) -> _Judge:
    """How a detector goes on from the past up to a cut-off, or why it cannot.

    What waited is no finding yet, and nothing that a run could go on from: the detector then reads
    all. One that had nothing to judge in the run before, and still has nothing, reads nothing.
    """
    if past is None:
        return lambda _detector, _cut_off: "asked for"
    waited = {row["detector"] for row in before if row["waiting"]}
    blind = {row["detector"] for row in before if row["outcome"] != "evaluated"}
    near = past.surround(connection, detectors, active)

    def judge(detector: Detector, cut_off: datetime.datetime) -> DetectorRun | str:
        if detector.id in waited and not _has_cut_off(detector):
            return "some of it waited"
        known = active[detector.id]
        try:
            run = past.go_on(connection, detector, known, near, as_of=cut_off, overrides=overrides)
        except DetectorError:
            return "its query failed over what is new"
        if isinstance(run, str) and detector.id in blind and find_missing(connection, detector):
            nothing = run_detector(connection, detector, as_of=cut_off, overrides=overrides)
            return replace(nothing, full_because=run)
        return run

    return judge


def _make_full_judge(
    connection: duckdb.DuckDBPyConnection, reasons: Mapping[str, str], overrides: Mapping[str, str]
) -> _Judge:
    """How a detector reads everything, for these reasons."""

    def judge(detector: Detector, cut_off: datetime.datetime) -> DetectorRun:
        try:
            run = run_detector(connection, detector, as_of=cut_off, overrides=overrides)
        except DetectorError as error:  # the others are judged all the same
            run = fail(detector, overrides, cut_off, error.message)
        return replace(run, full_because=reasons[detector.id])

    return judge


def _run(
    judge: _Judge, detector: Detector, as_of: datetime.datetime, cut_off: datetime.datetime
) -> DetectorRun | str:
    """A detector up to its cut-off; what it would add up to `as_of` is waiting. Or why it cannot.

    A detector without a cut-off of its own sees everything: of what it finds, that whose first
    sighting lies between the two is waiting. (Beyond `as_of` are only clocks that run ahead.)
    """
    if cut_off < as_of and not _has_cut_off(detector):
        run = judge(detector, as_of)
        if isinstance(run, str):
            return run
        late = tuple(f for f in run.findings if f.first_seen and cut_off < f.first_seen <= as_of)
        rest = tuple(f for f in run.findings if f not in late)
        return replace(run, findings=rest, cut_off=cut_off, waiting=late)
    run = judge(detector, cut_off)
    if isinstance(run, str):
        return run
    if cut_off == as_of:
        return replace(run, cut_off=cut_off)
    known = {finding.fingerprint for finding in run.findings}
    ahead = judge(detector, as_of)
    if isinstance(ahead, str):
        return ahead
    waiting = tuple(f for f in ahead.findings if f.fingerprint not in known)
    return replace(run, cut_off=cut_off, waiting=waiting)


def _has_cut_off(detector: Detector) -> bool:
    return AS_OF in {parameter.name for parameter in detector.params}


def _doubt(
    connection: duckdb.DuckDBPyConnection,
    runs: Sequence[DetectorRun],
    missed: Sequence[Finding],
    carried: Collection[str],
) -> frozenset[str]:
    """Fingerprints of missed findings that may be about what was not judged: nothing has changed of
    those whose detector's run was carried on.
    """
    unchanged = frozenset(finding.fingerprint for finding in missed if finding.detector in carried)
    asked = [finding for finding in missed if finding.fingerprint not in unchanged]
    return unchanged | find_doubtful(connection, runs, asked)


def _find_blind(
    runs: Sequence[DetectorRun], previous: Sequence[Finding], *, everything: bool
) -> frozenset[str]:
    """Detectors that could not look; in a run of all, also those that are no longer there."""
    blind = {run.detector.id for run in runs if not run.evaluated}
    if everything:
        blind |= {finding.detector for finding in previous} - {run.detector.id for run in runs}
    return frozenset(blind)


def select(catalog: Catalog, chosen: Sequence[str] = ()) -> list[Detector]:
    """The detectors of those ids, in the catalogue's order; by default every stable one."""
    unknown = sorted(set(chosen) - set(catalog))
    if unknown:
        raise UsageError("no-such-detector", f"there is no detector {unknown[0]!r}")
    if chosen:
        return [detector for name, detector in catalog.items() if name in chosen]
    return [detector for detector in catalog.values() if detector.status == "stable"]
