"""A detector's run over what new evidence touches, with the findings that a full run would give."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from forensics.detect.detector import Detector
from forensics.detect.findings import Finding, was_given
from forensics.detect.near import Near
from forensics.detect.parameters import Value
from forensics.detect.run import (
    DetectorRun,
    count_gaps,
    judge,
    make_gaps,
    put_totals,
    screen,
    sum_up,
    widens,
)
from forensics.detect.scope import Scope, name_aspects
from forensics.detect.totals import Rows

if TYPE_CHECKING:
    import duckdb

_TOO_MUCH: Final = "new evidence touches most of the history"
_OTHER_VERDICTS: Final = "verdicts changed that its sums are of"
_TIPPED: Final = "what it weighs against all history tipped"
_UNTOLD: Final = "what was outermost of all may be gone"
_OTHER_HISTORY: Final = "what it finds is told with other history"


def run_narrowed(
    connection: duckdb.DuckDBPyConnection,
    detector: Detector,
    record: Mapping[str, Any],
    previous: Sequence[Finding],
    params: Mapping[str, Value],
    near: Near,
    *,
    changed_aspects: Set[str] = frozenset(),
) -> DetectorRun | str:
    """The run over what is touched, or why that will not do.

    `record` is the detector's row of the view `detection`.
    """
    before = dict(json.loads(record["gaps"]))
    if reason := _find_wider(detector, previous, before):
        return reason
    changed = not changed_aspects.isdisjoint(name_aspects(detector))
    given = [finding for finding in previous if was_given(finding)]
    if detector.sums and (reason := _find_unsummed(record, given, changed=changed)):
        return reason
    known = json.loads(record["basis"]).get("totals") if detector.totals else None
    scope = _find_touched(connection, detector, previous, params, near, known)
    if not scope.close():
        return _TOO_MUCH
    judged, totals = _weigh(connection, scope, detector, params, known)
    if judged is None:
        return _UNTOLD
    run = _judge_touched(connection, scope, judged, params, before, changed=changed)
    if isinstance(run, str):
        return run
    run = replace(run, detector=detector, totals=totals)
    if not detector.sums or not (given or run.findings):
        return run
    if not near.fetched:
        return _TOO_MUCH
    run = replace(run, observations_read=scope.size + near.size)
    return _sum_up(connection, run, given, scope, changed=changed)


def _judge_touched(
    connection: duckdb.DuckDBPyConnection,
    scope: Scope,
    detector: Detector,
    params: Mapping[str, Value],
    before: Mapping[str, int],
    *,
    changed: bool,
) -> DetectorRun | str:
    """The run over the scope; `before` are the counts of what the run before could not judge."""
    with scope.narrow(detector):
        if widens(connection, detector, params):
            return _TIPPED if detector.totals else "no key leads to all that it looks at"
        findings = judge(connection, detector, params)
        counts = count_gaps(connection, detector, params)
    if reason := _find_wider(detector, findings, counts):
        return reason
    if changed:
        counts = count_gaps(connection, detector, params)
    elif any(counts.values()) or before:
        with scope.narrow(detector, known_only=True):
            known = count_gaps(connection, detector, params)
        added = {b.reason for b in detector.not_evaluable if not (b.anew or b.widens)}
        counts |= {why: before.get(why, 0) - known[why] + counts[why] for why in added}
    return DetectorRun(
        detector,
        params,
        evaluated=True,
        findings=findings,
        gaps=make_gaps(counts),
        full_because=None,
        observations_read=scope.size,
    )


def _weigh(
    connection: duckdb.DuckDBPyConnection,
    scope: Scope,
    detector: Detector,
    params: Mapping[str, Value],
    before: Rows | None,
) -> tuple[Detector | None, Rows | None]:
    """The detector with its totals over everything in the place of their CTE, and these; no
    detector where they cannot be told. `before` are those of the run before.
    """
    if detector.totals is None or before is None:
        return detector, None
    with scope.narrow(detector, known_only=True):
        known = sum_up(connection, detector, params)
    with scope.narrow(detector):
        now = sum_up(connection, detector, params)
    totals = detector.totals.go_on(before, known, now)
    if totals is None:
        return None, None
    return put_totals(connection, detector, totals, before), totals


def _find_unsummed(
    record: Mapping[str, Any], given: Sequence[Finding], *, changed: bool
) -> str | None:
    """Why the sums of what the run before found, `given`, cannot be gone on from."""
    if record["findings"] and changed:
        return _OTHER_VERDICTS
    return None if record["findings"] == len(given) else "what it found before is not at hand"


def _sum_up(
    connection: duckdb.DuckDBPyConnection,
    run: DetectorRun,
    given: Sequence[Finding],
    scope: Scope,
    *,
    changed: bool,
) -> DetectorRun | str:
    """The run, which was over what is touched, with sums as over everything; or why not."""
    detector = run.detector
    with scope.narrow(detector, outermost=True):
        outermost = judge(connection, detector, run.params)
    if outermost and changed:
        return _OTHER_VERDICTS
    known = {_tell_apart(finding, detector.sums) for finding in given}
    if detector.widens and not known.issuperset(_tell_apart(f, detector.sums) for f in outermost):
        return _OTHER_HISTORY
    with scope.narrow(detector, known_only=True):
        without_news = judge(connection, detector, run.params)
    findings = _add_up(detector.sums, outermost, given, run.findings, without_news)
    return replace(run, findings=findings)


def _tell_apart(finding: Finding, sums: Sequence[str]) -> tuple[str, str]:
    """The finding and all that it tells, but for its sums."""
    details = {key: value for key, value in json.loads(finding.details).items() if key not in sums}
    return finding.fingerprint, json.dumps(details)


def _add_up(
    keys: Sequence[str],
    findings: Sequence[Finding],
    given: Sequence[Finding],
    touched: Sequence[Finding],
    without_news: Sequence[Finding],
) -> tuple[Finding, ...]:
    """The findings with sums as over everything: those of before, less what the sessions (or
    whatever the scope is of) that have news gave then, and what they give now.
    """
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    for sign, parts in ((1, given), (1, touched), (-1, without_news)):
        for part in parts:
            details = json.loads(part.details)
            for key in keys:
                sums[part.fingerprint][key] += sign * details[key]

    def put(finding: Finding) -> Finding:
        details = json.loads(finding.details)
        details |= {key: sums[finding.fingerprint][key] for key in keys}
        text = json.dumps(details, ensure_ascii=False, separators=(",", ":"))
        return replace(finding, details=text)

    return tuple(map(put, findings))


def _find_touched(
    connection: duckdb.DuckDBPyConnection,
    detector: Detector,
    previous: Sequence[Finding],
    params: Mapping[str, Value],
    near: Near,
    totals: Rows | None,
) -> Scope:
    """What has to be judged again, not closed yet. `totals` are those of the run before, if any."""
    scope = Scope(connection, detector, near)
    if detector.suspects:
        scope.put_beside(detector, params)
        screening = detector if totals is None else put_totals(connection, detector, totals)
        with scope.narrow(detector):
            scope.seed_values(screen(connection, screening, params))
    else:
        scope.seed_news()
    # Of what only the counts look at a change is no reason to judge again: they are made anew then.
    scope.seed_changes(name_aspects(replace(detector, not_evaluable=())))
    if detector.again:
        scope.seed_again(detector, params)
    if not detector.sums:  # else what stands is told by the landmarks
        scope.seed_findings(previous)
    return scope


def _find_wider(
    detector: Detector, findings: Sequence[Finding], counts: Mapping[str, int]
) -> str | None:
    """What was met that is told with history outside the scope."""
    if findings and detector.widens and not detector.sums:
        return _OTHER_HISTORY
    if any(counts.get(b.reason) for b in detector.not_evaluable if b.widens):
        return "what it cannot judge is told with other history"
    return None
