"""The directory of a case: its settings, its ledger, and the files that the ledger names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from forensics.case.ledger import FileEntry, Ledger
from forensics.case.lock import DEFAULT_WAIT
from forensics.case.settings import Settings
from forensics.case.signing import Signer, choose_signer
from forensics.case.writer import Writer
from forensics.errors import UsageError

SETTINGS_NAME = "case.toml"
LEDGER_NAME = "ledger"
FINDINGS_NAME = "findings"

ANCHORS_NOTE = "trust_anchors"  # in the first entry: SHA-256 of each anchor, comma-separated
KEYS_NOTE = "signing_keys"  # in the first entry of a signed case: each public key, so separated


def refuse_inside_case(target: Path, what: str) -> None:
    """Nothing that is not part of a case belongs in one: `custody verify` would report it as added,
    and it could take the place of a file of the case. Raises `UsageError` (`inside-case`).
    """
    for folder in target.absolute().resolve().parents:
        if (folder / SETTINGS_NAME).exists() and (folder / LEDGER_NAME).is_dir():
            raise UsageError("inside-case", f"{what} does not belong inside the case {folder}")


class CaseFolder:
    """What everything that reads or changes a case needs of it; cheap to make."""

    def __init__(self, path: Path, settings: Settings, signer: Signer | None = None) -> None:
        self.path = path
        self.settings = settings
        self._signer = signer
        self._ledger = Ledger(path / LEDGER_NAME)

    @property
    def ledger(self) -> Ledger:
        """The ledger as it stands now. Raises `CustodyError` where the chain is broken."""
        return self._ledger.refresh()

    @property
    def findings_folder(self) -> Path:
        return self.path / FINDINGS_NAME

    def files(self, table: str) -> list[Path]:
        """Absolute paths of a table's live Parquet files, in ledger order; empty when none."""
        return [self.locate(file) for file in self.ledger.files(table)]

    def locate(self, file: FileEntry) -> Path:
        """Absolute path of a file that the ledger names."""
        return self.path / file.path

    def writer(
        self,
        *,
        action: str,
        at: datetime,
        who: str,
        notes: Mapping[str, str] | None = None,
        wait: float = DEFAULT_WAIT,
    ) -> Writer:
        """A context manager for one commit; see `Writer`. `wait` is in seconds.

        Raises `UsageError` when the case's key and the signer at hand do not agree
        (`choose_signer`).
        """
        return Writer(
            self.path,
            self._ledger,
            action=action,
            at=at,
            who=who,
            notes=notes,
            signer=choose_signer(self.settings.signing_keys, self._signer, self.path),
            wait=wait,
        )
