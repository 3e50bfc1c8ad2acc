"""How a command ends: its exit codes, what each says, and which comes first."""

from __future__ import annotations

import signal

from forensics.errors import CustodyError, ForensicsError

STOPPED = ForensicsError.exit_code
CUSTODY_BROKEN = CustodyError.exit_code
DETECTOR_FAILED = 2
FOUND = 1
INCOMPLETE = 3
CLEAN = 0

NOBODY_READS = 128 + signal.SIGPIPE
"""What a shell reports for programs that a closed pipe ends: it says nothing about the case."""

EXIT_CODES = (
    (STOPPED, "wrong usage, unusable input, an interruption or an internal error"),
    (CUSTODY_BROKEN, "custody or integrity failure: the case contradicts its ledger"),
    (
        DETECTOR_FAILED,
        "a detector failed: the others were judged, and what it found before stays open",
    ),
    (
        FOUND,
        "findings at or above `--fail-on` (default `high`); with `--fail-on-new` only new and "
        "reopened ones count, in `diff` only those that the first case has not",
    ),
    (
        INCOMPLETE,
        "done but incomplete: no evidence, nothing that could be judged, silence "
        "(`--max-silence`), records in quarantine, a failed `--on-finding`, original files that "
        "were not found, or, under `--strict`, a detector that could not judge everything",
    ),
    (CLEAN, "done and clean"),
)
"""Code and meaning; the first that applies counts."""
