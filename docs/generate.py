"""Writes the reference pages and the made parts of other pages from the code.

    python docs/generate.py [ROOT]

ROOT (default: this repository) gets `docs/reference/*.md`; in its `README.md` and in some pages of
its `docs/`, what stands between the markers is renewed. The same code gives the same bytes: a test
makes everything anew elsewhere and compares.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pages import REPOSITORY
from pages.checks import describe_checks
from pages.commands import describe_commands, describe_exit_codes
from pages.demonstration import run_demonstration
from pages.detectors import describe_detectors, summarise_detectors
from pages.disagreements import compare_verifiers
from pages.events import describe_events
from pages.layouts import describe_layouts
from pages.manifests import describe_manifests
from pages.markdown import renew_parts
from pages.reasons import describe_reasons
from pages.tables import describe_tables
from pages.views import describe_views


def write_reference(root: Path) -> None:
    """Write `ROOT/docs/reference/*.md`; renew the made parts of other pages."""
    directory = root / "docs" / "reference"
    directory.mkdir(parents=True, exist_ok=True)
    pages = {
        "views.md": describe_views(),
        "tables.md": describe_tables(),
        "layouts.md": describe_layouts(),
        "checks.md": describe_checks(),
        "detectors.md": describe_detectors(),
        "commands.md": describe_commands(),
        "reasons.md": describe_reasons(),
        "events.md": describe_events(),
    }
    for name, text in pages.items():
        (directory / name).write_text(text, encoding="utf-8")
    renew_parts(root / "docs" / "disagreements.md", compare_verifiers())
    renew_parts(root / "docs" / "manifests.md", describe_manifests())
    readme = root / "README.md"
    parts = {
        "detectors": summarise_detectors(),
        "audit": run_demonstration(readme.read_text(encoding="utf-8")),
        "exit codes": describe_exit_codes(),
    }
    renew_parts(readme, parts)


if __name__ == "__main__":
    write_reference(Path(sys.argv[1]) if len(sys.argv) > 1 else REPOSITORY)
