"""Whatever fails, and whenever the process dies: a case is as before or as after.

Every write, fsync, link, rename, unlink, mkdir and creating open below the case, or below what an
export writes, is made to fail, as
a full disk (ENOSPC), a broken one (EIO) and with short writes, under the real commands. Each either
succeeds or says so in one clear line and exits 2; then the case is as before or as after, custody
holds, and the same command again succeeds.

Here some of the faults are tried; all of them in every way, and twenty times as many kills, take
half an hour: `QUOTE_FORENSICS_ALL_FAULTS=1 python -m pytest tests/robustness/test_crashes.py`.
"""

from __future__ import annotations

import os

import pytest

ALL = bool(os.environ.get("QUOTE_FORENSICS_ALL_FAULTS"))
# Strides have no common factor with the four ways of failing, so that these take turns.
STRIDES = {
    "init": 1,
    "ingest": 23,
    "verify": 7,
    "detect": 17,
    "compact": 21,
    "bundle": 33,
    "views": 5,
    "findings": 1,
}
KILLS = {
    "init": 6,
    "ingest": 8,
    "verify": 6,
    "detect": 4,
    "compact": 6,
    "bundle": 6,
    "views": 4,
    "findings": 4,
}


@pytest.mark.parametrize("action", STRIDES)
def test_a_failing_disk_leaves_the_case_as_before_or_as_after(run_driver, action: str):
    result = run_driver(action, "faults", 0 if ALL else STRIDES[action])
    assert result["wrong"] == []
    assert result["tried"] >= 4
    assert result["operations"] >= (4 if action == "findings" else 20)  # of one file
    assert result["failed"] >= 2  # else nothing was made to fail


@pytest.mark.parametrize("action", KILLS)
def test_a_killed_process_leaves_the_case_as_before_or_as_after(run_driver, action: str):
    result = run_driver(action, "kills", KILLS[action] * (20 if ALL else 1))
    assert result["wrong"] == []
    assert result["tried"] >= 4
