"""A directory of evidence with its root certificate and its ground truth beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from forensics.errors import UsageError
from forensics.simulate.fleet import Fleet, make_fleet
from forensics.simulate.incidents import INCIDENTS, Truth
from forensics.simulate.platforms import CLIENT_FMSPC, SERVER_FMSPC
from forensics.simulate.recorder import format_clock
from forensics.simulate.routine import approvals, live
from forensics.simulate.workloads import emit_manifest

DEFAULT_START = datetime(2026, 1, 5, tzinfo=UTC)
# Between the oldest PCK certificate and the expiry of the TCB signer.
EARLIEST_START = datetime(2025, 8, 1, tzinfo=UTC)
LATEST_START = datetime(2031, 1, 1, tzinfo=UTC)
MAX_DAYS = 366
MAX_PLATFORMS = 64


@dataclass(frozen=True)
class Scenario:
    """What was simulated, and what should be found in it."""

    seed: int
    start: datetime
    days: int
    platforms: int
    incidents: tuple[str, ...]
    truths: tuple[Truth, ...]

    def to_json(self) -> str:
        """`truth.json`."""
        document = {
            "seed": self.seed,
            "start": format_clock(self.start),
            "days": self.days,
            "platforms": self.platforms,
            "incidents": list(self.incidents),
            "findings": [asdict(truth) | {"at": format_clock(truth.at)} for truth in self.truths],
        }
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def simulate(
    directory: Path,
    *,
    seed: int = 1,
    days: int = 3,
    platforms: int = 4,
    start: datetime = DEFAULT_START,
    incidents: Sequence[str] | None = None,
) -> Scenario:
    """Write `directory/evidence`, `directory/root_ca.pem` and `directory/truth.json`.

    `incidents`: their ids, see `INCIDENTS`; None injects all of them, `()` none. The same
    arguments give the same bytes. Raises `UsageError` (`unknown-incident`, `bad-argument`,
    `directory-not-empty`, `unwritable`).
    """
    chosen = tuple(INCIDENTS) if incidents is None else tuple(dict.fromkeys(incidents))
    _check_arguments(days, platforms, start, chosen)
    _check_directory(directory)
    fleet = make_fleet(seed, start, days, platforms)
    live(fleet)
    truths = [truth for name in chosen for truth in INCIDENTS[name].run(fleet)]
    truths.sort(key=lambda truth: (truth.at, truth.incident, truth.detector))
    scenario = Scenario(seed, start, days, platforms, chosen, tuple(truths))
    try:
        for path, content in _files(fleet):
            _write(directory / "evidence" / path, content)
        _write(directory / "root_ca.pem", b"".join((fleet.pki.root.pem, *fleet.more_roots)))
        _write(directory / "truth.json", scenario.to_json().encode())
    except OSError as error:
        message = f"cannot write to {directory}: {error.strerror}"
        raise UsageError("unwritable", message) from None
    return scenario


def _check_arguments(days: int, platforms: int, start: datetime, chosen: Sequence[str]) -> None:
    unknown = [name for name in chosen if name not in INCIDENTS]
    if unknown:
        raise UsageError("unknown-incident", f"no incident is called {', '.join(unknown)}")
    if not 1 <= days <= MAX_DAYS:
        raise UsageError("bad-argument", f"days must be 1 to {MAX_DAYS}")
    if not 1 <= platforms <= MAX_PLATFORMS:
        raise UsageError("bad-argument", f"platforms must be 1 to {MAX_PLATFORMS}")
    if start.tzinfo is None:
        raise UsageError("bad-argument", "start needs a time zone")
    if not EARLIEST_START <= start < LATEST_START:
        span = f"{EARLIEST_START:%Y-%m-%d} to {LATEST_START:%Y-%m-%d}"
        raise UsageError("bad-argument", f"start must be within {span}: certificates expire")


def _check_directory(directory: Path) -> None:
    try:
        free = not directory.exists() or (directory.is_dir() and not any(directory.iterdir()))
    except OSError as error:
        message = f"cannot look into {directory}: {error.strerror}"
        raise UsageError("unwritable", message) from None
    if not free:
        raise UsageError("directory-not-empty", f"{directory} is not an empty directory")


def _files(fleet: Fleet) -> Iterator[tuple[str, bytes]]:
    yield "manifest.toml", emit_manifest(approvals(fleet)).encode()
    yield from fleet.archive.files()
    # The last state once more in the form that verifiers exchange.
    yield (
        "collateral/bundle_sgx.json",
        fleet.archive.bundle("sgx", CLIENT_FMSPC, fleet.end).to_json(),
    )
    yield (
        "collateral/bundle_tdx.json",
        fleet.archive.bundle("tdx", SERVER_FMSPC, fleet.end).to_json(),
    )
    yield from fleet.recorder.files()
    yield from fleet.extra_files.items()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
