"""What the shell offers on Tab: ids of detectors, and ids of findings in the case named before."""

from __future__ import annotations

from pathlib import Path

import typer

from forensics.errors import ForensicsError


def complete_detector(incomplete: str) -> list[tuple[str, str]]:
    """(id, title) of the detectors that come with the tool."""
    from forensics.detect.catalog import load_catalog

    return [
        (detector.id, detector.title)
        for detector in load_catalog().values()
        if detector.id.startswith(incomplete)
    ]


def complete_finding(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """(id, detector) of the findings in the case; nothing where there is no case to read."""
    from forensics.case.case import open_case
    from forensics.case.connection import connect
    from forensics.detect.findings import rank
    from forensics.detect.store import load_findings

    case = context.params.get("case")
    if not case:
        return []
    try:
        findings = rank(load_findings(connect(open_case(Path(str(case))))))
    except ForensicsError:
        return []  # a shell wants words, not errors
    return [
        (finding.finding_id, f"{finding.severity}: {finding.detector}")
        for finding in findings
        if finding.finding_id.startswith(incomplete)
    ]
