"""A case as one self-verifying directory: BagIt (RFC 8493), made to be handed over.

    bagit.txt, bag-info.txt, manifest-sha256.txt, tagmanifest-sha256.txt
    verify_bundle.py     verifies all of it with nothing but Python's standard library
    head.txt             the ledger's head, a checkpoint (`forensics.case.checkpoints`)
    data/case/           the case itself: ledger, tables, settings; opens with this tool
    data/evidence/       quotes, collateral, CRLs, certificates and quarantined records as bytes,
                         each named by its SHA-256 (of which only the start was kept: .truncated;
                         a document: its .body and its .signature)
    data/views/          findings, detections, verdicts and sources as JSON lines
    data/sources/        the original files, as far as they are at hand (`report.originals`)
    data/detectors/      the text of every detector of this version

A redacted bundle has neither case nor evidence, which name platforms everywhere: it has all stored
views, with identifiers replaced (`forensics.report.redaction`), the detectors and the head.

The directory appears whole under its name or not at all. Unlike in a case, files are not forced to
the disk one by one: `verify_bundle.py` names what a power cut in the seconds after has damaged, and
the bundle can be made again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forensics import __version__
from forensics.case.case import Case
from forensics.case.connection import connect
from forensics.case.contract import COLUMNS
from forensics.case.custody import verify_custody
from forensics.case.folder import FINDINGS_NAME, LEDGER_NAME, SETTINGS_NAME
from forensics.case.ledger import TOOL_NAME, number_entries, number_notes
from forensics.case.lock import reading
from forensics.case.proofs import describe_head, write_head
from forensics.detect.catalog import load_catalog
from forensics.errors import CustodyError, UsageError
from forensics.report.drafts import create_folder
from forensics.report.originals import Originals, copy_originals
from forensics.report.records import write_view
from forensics.report.redaction import Redactor

if TYPE_CHECKING:
    import duckdb

VIEWS = ("finding", "detection", "verdict", "source")
# Not `custody_problem`, which is about files, nor `check_result`, which is computed when asked for.
REDACTED_VIEWS = tuple(n for n in COLUMNS if n not in ("custody_problem", "check_result"))

_BAGIT = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
_BATCH_ROWS = 1 << 10

# Evidence by table: (columns, folder, suffix of each column's file).
_EVIDENCE = {
    "document": ("hex(document_id), body, signature", "documents", (".body", ".signature")),
    "crl": ("hex(crl_id), data", "crls", (".der",)),
    "certificate": ("hex(certificate_id), data", "certificates", (".der",)),
}


@dataclass(frozen=True, slots=True)
class BundleSummary:
    """What was written: files and bytes of the payload, and the originals that were asked for."""

    files: int
    size: int
    originals: Originals | None


def export_bundle(
    case: Case,
    target: Path,
    at: datetime,
    redaction_key: bytes | None = None,
    sources: Sequence[Path] = (),
) -> BundleSummary:
    """Write the bundle to a new directory; with a redaction key, without platform identifiers.

    The original sources are looked for under `sources`. Raises `UsageError` (`path-exists`,
    `path-busy`, `inside-case`, `unwritable-path`, `unreadable-path`, `bad-redaction-key`,
    `redacted-sources`) and `CustodyError` (`custody-broken`) for a case that contradicts its
    ledger.
    """
    if redaction_key is not None and sources:
        raise UsageError("redacted-sources", "original files name platforms: not with --redact")
    with create_folder(target, "a bundle", read_only=True) as draft, reading(case.path):
        return _fill(case, draft, at, redaction_key, sources)


def _fill(
    case: Case,
    root: Path,
    at: datetime,
    redaction_key: bytes | None,
    sources: Sequence[Path],
) -> BundleSummary:
    failures = [problem for problem in verify_custody(case) if problem.level == "failure"]
    if failures:
        message = f"{failures[0].path}: {failures[0].message}"
        raise CustodyError("custody-broken", f"{message}; see `custody verify`")
    connection = connect(case)
    redactor = None if redaction_key is None else Redactor(redaction_key, connection)
    if redactor is None:
        _copy_case(case, root / "data" / "case")
        _write_evidence(case, connection, root / "data" / "evidence")
    originals = copy_originals(case.ledger, sources, root / "data") if sources else None
    for view in VIEWS if redactor is None else REDACTED_VIEWS:
        write_view(connection, view, root / "data" / "views" / f"{view}.jsonl", redactor)
    for detector in load_catalog().values():
        _write(root / "data" / "detectors" / detector.path, detector.text.encode())
    payload = sorted(path for path in (root / "data").rglob("*") if path.is_file())
    summary = BundleSummary(len(payload), sum(path.stat().st_size for path in payload), originals)
    _write_tags(root, payload, _describe(case, summary, at, redactor), write_head(case.ledger))
    return summary


def _copy_case(case: Case, root: Path) -> None:
    """What the ledger names, and the ledger; not what a crash left behind."""
    ledger = case.ledger
    names = [SETTINGS_NAME, *(file.path for file in ledger.live_files())]
    for numbered in (number_entries(ledger.folder), number_notes(ledger.folder)):
        kept = (path.name for number, path in numbered.items() if number <= len(ledger.entries))
        names += [f"{LEDGER_NAME}/{name}" for name in kept]
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(case.path / name, root / name)
    (root / FINDINGS_NAME).mkdir()


def _write_evidence(case: Case, connection: duckdb.DuckDBPyConnection, root: Path) -> None:
    from forensics.case.rebuild import rebuild_quotes  # loads pyarrow

    for quote_id, data in rebuild_quotes(case):
        _write(_place(root / "quotes", quote_id.hex(), ".bin"), data)
    for table, (columns, folder, suffixes) in _EVIDENCE.items():
        for identity, *parts in _fetch(connection, f'SELECT {columns} FROM stored."{table}"'):
            for part, suffix in zip(parts, suffixes, strict=True):
                _write(_place(root / folder, identity.lower(), suffix), part)
    for sha256, data in _fetch(connection, "SELECT hex(sha256), data FROM stored.quarantine"):
        whole = hashlib.sha256(data).hexdigest() == sha256.lower()
        suffix = ".bin" if whole else ".truncated"
        _write(_place(root / "quarantine", sha256.lower(), suffix), data)


def _fetch(connection: duckdb.DuckDBPyConnection, sql: str) -> Iterator[tuple[Any, ...]]:
    cursor = connection.execute(sql)
    while rows := cursor.fetchmany(_BATCH_ROWS):
        yield from rows


def _place(folder: Path, identity: str, suffix: str) -> Path:
    """Spread over 256 folders: a case may hold millions of quotes."""
    return folder / identity[:2] / f"{identity}{suffix}"


def _describe(
    case: Case, summary: BundleSummary, at: datetime, redactor: Redactor | None
) -> dict[str, str]:
    """What `bag-info.txt` says."""
    ledger = case.ledger
    newest = ledger.entries[-1]
    name = case.settings.name if redactor is None else redactor.speak(case.settings.name)
    facts = {
        "Bag-Software-Agent": f"{TOOL_NAME} {__version__}",
        "Bagging-Date": at.date().isoformat(),
        "External-Identifier": describe_head(ledger).origin,
        "External-Description": json.dumps(name)[1:-1],
        "Payload-Oxum": f"{summary.size}.{summary.files}",
        "Ledger-Entries": str(newest.entry),
        "Ledger-Head-SHA256": ledger.head,
        "Ledger-Head-Time": newest.time,
    }
    if summary.originals is not None:
        missing = len(summary.originals.missing)
        held = summary.originals.sources - missing
        facts["Original-Sources"] = f"{held} of {summary.originals.sources}, {missing} missing"
    if redactor is not None:
        facts["Redacted"] = f"HMAC-SHA-256 under the key {redactor.key_id}"
    return facts


def _write_tags(root: Path, payload: list[Path], facts: dict[str, str], head: str) -> None:
    verifier = resources.files("forensics.report").joinpath("verify_bundle.py").read_bytes()
    tags = {
        "bagit.txt": _BAGIT.encode(),
        "bag-info.txt": "".join(f"{name}: {value}\n" for name, value in facts.items()).encode(),
        "head.txt": head.encode(),
        "verify_bundle.py": verifier,
        "manifest-sha256.txt": _list_digests(root, payload),
    }
    for name, data in tags.items():
        _write(root / name, data)
    listed = sorted(root / name for name in tags)
    _write(root / "tagmanifest-sha256.txt", _list_digests(root, listed))


def _list_digests(root: Path, paths: list[Path]) -> bytes:
    lines = []
    for path in paths:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        lines.append(f"{digest}  {path.relative_to(root).as_posix()}\n")
    return "".join(lines).encode()


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
