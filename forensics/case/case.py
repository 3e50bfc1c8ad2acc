"""A case: one directory with evidence tables, facts, findings and the ledger that binds them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from forensics.case.disk import create_file
from forensics.case.folder import (
    ANCHORS_NOTE,
    FINDINGS_NAME,
    KEYS_NOTE,
    LEDGER_NAME,
    SETTINGS_NAME,
    CaseFolder,
    refuse_inside_case,
)
from forensics.case.ledger import SETTINGS_NOTE, Entry, Ledger
from forensics.case.lock import LOCK_NAME, hold_lock, reading
from forensics.case.settings import (
    Settings,
    format_settings,
    make_settings,
    read_settings,
)
from forensics.case.signing import PublicKey, Signer, choose_signer
from forensics.case.staging import TABLES
from forensics.case.text import clean_text, format_time
from forensics.errors import UsageError

if TYPE_CHECKING:
    import duckdb


class Case(CaseFolder):
    """An open case. Cheap to open: nothing but `case.toml` is read before it is asked for."""

    def sql(self, query: str) -> duckdb.DuckDBPyRelation:
        """The result of one SELECT over the documented views, to take as `.pl()`, `.df()`, ….

        Runs on a connection that can read this case and nothing else. Raises `UsageError`
        (`bad-sql`).
        """
        from forensics.case.query import query_case

        return query_case(self, query)

    def quote_bytes(self, quote_id: bytes) -> bytes:
        """The original bytes of a stored quote, by SHA-256 (32 bytes); see `rebuild_quote`."""
        from forensics.case.rebuild import rebuild_quote  # loads pyarrow

        with reading(self.path):
            return rebuild_quote(self, quote_id)


def create_case(
    path: Path | str,
    *,
    name: str,
    at: datetime,
    anchors: Sequence[bytes],
    who: str = "",
    signer: Signer | None = None,
    signing_keys: Sequence[PublicKey] = (),
) -> Case:
    """Make a case in a new or empty directory. `anchors` are root certificates, DER.

    With a `signer` every commit is signed, by it or by one of `signing_keys`.

    Raises `UsageError`: `case-exists`, `not-empty`, `inside-case`, `bad-path`, `bad-anchor`,
    `naive-time`, and what `choose_signer` and `hold_lock` raise.
    """
    keys = [signer.public_key, *signing_keys] if signer else list(signing_keys)
    settings = make_settings(name, at, anchors, keys)
    path = Path(path).absolute()
    refuse_inside_case(path, "a case")
    choose_signer(settings.signing_keys, signer, path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        _refuse_occupied(path)
        with hold_lock(path):  # or two at once would remove each other's first entry
            _refuse_occupied(path)
            for folder in (TABLES, LEDGER_NAME, FINDINGS_NAME):
                (path / folder).mkdir(exist_ok=True)
            _begin_ledger(Ledger(path / LEDGER_NAME), settings, at, who, signer)
            # Last, because the directory is a case from here on.
            create_file(path / SETTINGS_NAME, format_settings(settings).encode())
    except OSError as error:
        message = f"cannot make a case at {clean_text(str(path))}: {error.strerror}"
        raise UsageError("bad-path", message) from None
    return Case(path, settings, signer)


def open_case(path: Path | str, signer: Signer | None = None) -> Case:
    """Open a case; `signer` is for commits to one that signs its ledger.

    Raises `UsageError` (`no-case`) or `CustodyError` (see `read_settings`).
    """
    path = Path(path).absolute()
    try:
        settings = read_settings(path / SETTINGS_NAME)
    except OSError as error:
        message = f"no case at {clean_text(str(path))}: {SETTINGS_NAME}: {error.strerror}"
        raise UsageError("no-case", message) from None
    return Case(path, settings, signer)


def _refuse_occupied(path: Path) -> None:
    """A directory may hold nothing but the first steps of a creation that was cut off."""
    if (path / SETTINGS_NAME).exists():
        raise UsageError("case-exists", f"{clean_text(str(path))} is a case already")
    own = {TABLES, LEDGER_NAME, FINDINGS_NAME, LOCK_NAME}
    drafts = {item.name for item in path.glob(f".{SETTINGS_NAME}.*.draft")}
    strangers = {item.name for item in path.iterdir()} - own - drafts
    if strangers or any(path.glob("*/*.parquet")) or len(list(path.glob("ledger/*.json"))) > 1:
        raise UsageError("not-empty", f"{clean_text(str(path))} holds other files")


def _begin_ledger(
    ledger: Ledger, settings: Settings, at: datetime, who: str, signer: Signer | None
) -> None:
    first = ledger.folder / "00000001.json"
    case = ledger.folder.parent
    drafts = [*case.glob(f".{SETTINGS_NAME}.*.draft"), *ledger.folder.glob(".*.draft")]
    for draft in (first, first.with_suffix(".note"), *drafts):
        draft.unlink(missing_ok=True)
    notes = {
        "name": clean_text(settings.name),
        SETTINGS_NOTE: hashlib.sha256(format_settings(settings).encode()).hexdigest(),
        ANCHORS_NOTE: ",".join(anchor.certificate_id for anchor in settings.anchors),
    }
    if settings.signing_keys:
        notes[KEYS_NOTE] = ",".join(key.text for key in settings.signing_keys)
    ledger.append(
        Entry(
            entry=1,
            previous=ledger.head,
            time=format_time(at),
            who=clean_text(who),
            action="init",
            sources=[],
            files=[],
            removed=[],
            notes=notes,
        ),
        signer,
    )
