"""Options that several commands share, and where the clock and the user's name come from."""

from __future__ import annotations

import getpass
import os
import platform
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forensics.case.text import read_moment
from forensics.cli.completion import complete_detector
from forensics.cli.files import SMALL, read_file
from forensics.cli.output import Format
from forensics.errors import UsageError

_LARGEST_KEY = 1 << 16

if TYPE_CHECKING:
    from forensics.case.signing import Signer


class Severity(StrEnum):
    """The words of `forensics.detect.detector.SEVERITIES`; a test holds the two together."""

    critical = "critical"
    high = "high"
    medium = "medium"
    low = "low"
    info = "info"

    def covers(self, other: str) -> bool:
        """Whether `other` is this severity or worse."""
        order = [severity.value for severity in Severity]
        return order.index(other) <= order.index(self.value)


CaseArgument = Annotated[Path, typer.Argument(metavar="CASE", help="The case directory.")]

FormatOption = Annotated[
    Format, typer.Option("--format", "-f", help="How to print records on stdout.")
]

NowOption = Annotated[
    str | None,
    typer.Option("--now", metavar="TIME", help="Time of the run for the ledger. Default: now."),
]

RootOption = Annotated[
    list[Path] | None,
    typer.Option("--root-ca", metavar="FILE", help="Also trust this root certificate (PEM, DER)."),
]

NoIntelRootOption = Annotated[
    bool,
    typer.Option(
        "--no-intel-root", help="Trust no vendor's root by default: neither Intel's nor AMD's."
    ),
]

QueriesOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--queries", metavar="DIR", help="Also read detectors from DIR/<folder>/<id>.sql."
    ),
]

DetectorOption = Annotated[
    list[str] | None,
    typer.Option(
        "--detector",
        metavar="ID",
        help="Only these detectors.",
        autocompletion=complete_detector,
    ),
]

SeverityOption = Annotated[
    Severity | None, typer.Option("--severity", help="Only this severity or worse.")
]

StateOption = Annotated[
    list[str] | None, typer.Option("--state", help="Only these states, e.g. new.")
]

ThreadsOption = Annotated[
    int,
    typer.Option(
        "--threads",
        min=1,
        max=256,
        show_default="one per CPU",
        help="Processes that verify signatures and read large logs.",
    ),
]

FastOption = Annotated[
    bool,
    typer.Option("--fast/--no-fast", help="Use Intel's multi-buffer library where it is there."),
]

SignKeyOption = Annotated[
    Path | None,
    typer.Option(
        "--sign-key",
        metavar="FILE",
        envvar="QUOTE_FORENSICS_SIGN_KEY",
        help="Sign the ledger with this Ed25519 key (PEM; see `custody keygen`).",
    ),
]

RedactOption = Annotated[
    Path | None,
    typer.Option(
        metavar="KEY_FILE",
        help="Replace what names platforms, sessions and hosts by hashes under this key.",
    ),
]

DEFAULT_THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2


def as_of_option(meaning: str) -> Any:
    """`--as-of`, which is another moment in each command: `meaning` says which."""
    return typer.Option("--as-of", metavar="TIME", help=f"{meaning}. RFC 3339; default: now.")


def read_time(text: str | None) -> datetime:
    """An RFC 3339 time with zone, or now. Raises `UsageError` (`bad-time`)."""
    return datetime.now(UTC) if text is None else read_moment(text)


def read_user() -> str:
    """Who runs this, for the ledger: user and host."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = "unknown"
    return f"{user}@{platform.node() or 'unknown'}"


def read_redaction_key(path: Path) -> bytes:
    """Raises `UsageError` (`unreadable-path`)."""
    return read_file(path, _LARGEST_KEY)


def load_signer(path: Path | None) -> Signer | None:
    """The key to sign with. Raises `UsageError` (`unreadable-path`, `bad-sign-key`)."""
    if path is None:
        return None
    from forensics.case.signing import read_signer

    return read_signer(path)


def read_anchors(paths: list[Path] | None, no_intel_root: bool) -> list[bytes]:
    """Trust anchors as DER. Raises `UsageError` (`bad-root-ca`, `unreadable-path`, `no-anchor`)."""
    from forensics.case.settings import load_vendor_roots
    from forensics.errors import EvidenceError
    from forensics.formats.certificates import parse_certificate
    from forensics.formats.pem import split_pem

    anchors = [] if no_intel_root else load_vendor_roots()
    for path in paths or []:
        data = read_file(path, SMALL)
        try:
            blocks = [data] if not data.lstrip().startswith(b"-----") else _split(split_pem(data))
            anchors += [parse_certificate(block).der for block in blocks]
        except EvidenceError as error:
            raise UsageError("bad-root-ca", f"{path}: {error.message}") from None
    if not anchors:
        raise UsageError("no-anchor", "--no-intel-root needs at least one --root-ca")
    return list(dict.fromkeys(anchors))


def _split(blocks: list[tuple[str, bytes]]) -> list[bytes]:
    return [der for label, der in blocks if label == "CERTIFICATE"]
