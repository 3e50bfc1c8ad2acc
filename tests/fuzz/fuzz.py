"""Coverage-guided fuzzing of one target with atheris (`pip install atheris`, Linux).

    python tests/fuzz/fuzz.py TARGET [libFuzzer options]
    python tests/fuzz/fuzz.py file -max_total_time=3600

Begins from `corpus/` and `found/`. An input that breaks the target is written to the current folder
as `crash-…`: mend what it shows, and keep the input in `found/TARGET/`. `-print_final_stats=1`,
`-max_len=…`, `-jobs=…` and all else that libFuzzer takes may follow.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

HERE = Path(__file__).parent
MAX_SIZE = 12 << 10
OPTIONS = ("-timeout=10", "-rss_limit_mb=2048", f"-max_len={MAX_SIZE}", "-verbosity=0")

with atheris.instrument_imports(include=["forensics", "targets"], enable_loader_override=False):
    sys.path.insert(0, str(HERE))
    from targets import TARGETS, try_target


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"{__doc__}\nTargets: {', '.join(TARGETS)}")
    name = sys.argv[1]
    seeds = [str(path) for path in (HERE / "corpus" / name, HERE / "found" / name) if path.is_dir()]
    with tempfile.TemporaryDirectory() as grown:  # what fuzzing adds stays out of the repository
        atheris.Setup(
            [sys.argv[0], *OPTIONS, *sys.argv[2:], grown, *seeds],
            lambda data: try_target(name, bytes(data)),
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()
