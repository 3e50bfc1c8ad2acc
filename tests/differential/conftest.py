"""The workshop of the attack cases, and the line that says how the comparison went."""

from __future__ import annotations

from typing import Any

import pytest
from differential.comparison import SUMMARIES
from verify.conftest import Kit


@pytest.fixture(scope="session")
def kit() -> Kit:
    """Builds evidence only: it is judged by `differential.verifiers`."""
    return Kit(None, None)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for name, summary in SUMMARIES.items():
        terminalreporter.write_line(f"differential, {name}: {summary}")
