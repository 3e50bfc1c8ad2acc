"""One detection: the chosen detectors over a case's views, against the run before."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from forensics.detect.catalog import Catalog
from forensics.detect.detector import Detector
from forensics.detect.findings import Finding, renew
from forensics.detect.run import DetectorRun, check_overrides, run_detector
from forensics.detect.store import load_findings
from forensics.errors import UsageError

if TYPE_CHECKING:
    from forensics.detect.incremental import Past


@dataclass(frozen=True, slots=True)
class Detection:
    """`findings` are all of the case, ranked and with their states; `runs` say how it went."""

    findings: tuple[Finding, ...]
    runs: tuple[DetectorRun, ...]

    @property
    def not_evaluable(self) -> tuple[DetectorRun, ...]:
        """The runs that could not judge everything, or anything."""
        return tuple(run for run in self.runs if run.gaps)


def detect(
    connection: duckdb.DuckDBPyConnection,
    catalog: Catalog,
    *,
    as_of: datetime.datetime,
    chosen: Sequence[str] = (),
    overrides: Mapping[str, str] | None = None,
    past: Past | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Detection:
    """Run detectors (all but drafts and deprecated ones, or those chosen by id) and renew findings.

    The connection has the views of a case, `finding` included. `as_of` is the case's cut-off, the
    end of what can be missed. With a `past` only what it does not cover is judged again, to the
    same findings. `progress` is called with detectors done and in total. Raises `UsageError`
    (`no-such-detector`, `unknown-parameter`, `bad-parameter`) and `DetectorError`.
    """
    detectors = select(catalog, chosen)
    given = dict(overrides or {})
    check_overrides(detectors, given)
    previous = load_findings(connection)
    active = defaultdict(list)
    for finding in previous:
        if finding.state != "resolved":
            active[finding.detector].append(finding)
    runs = []
    for done, detector in enumerate(detectors, start=1):
        if past is None:
            run = run_detector(connection, detector, as_of=as_of, overrides=given)
        else:
            run = past.run(connection, detector, active[detector.id], as_of=as_of, overrides=given)
        runs.append(run)
        if progress:
            progress(done, len(detectors))
    findings = [finding for run in runs for finding in run.findings]
    judged = {run.detector.id for run in runs if run.evaluated}
    return Detection(tuple(renew(findings, previous, judged)), tuple(runs))


def select(catalog: Catalog, chosen: Sequence[str] = ()) -> list[Detector]:
    """The detectors of those ids, in the catalogue's order; by default every stable one."""
    unknown = sorted(set(chosen) - set(catalog))
    if unknown:
        raise UsageError("no-such-detector", f"there is no detector {unknown[0]!r}")
    if chosen:
        return [detector for name, detector in catalog.items() if name in chosen]
    return [detector for detector in catalog.values() if detector.status == "stable"]
