"""What a forger who knows the format does: a changed ledger entry with a seal that fits."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from forensics.case.ledger import Entry, encode_entry, seal_entry


def rewrite_entry(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """`change` gets the entry as JSON has it."""
    values = json.loads(path.read_bytes())
    change(values)
    values["notes"].pop("seal", None)
    path.write_bytes(seal_entry(msgspec.convert(values, Entry))[1])


def unseal_entry(path: Path) -> None:
    """The entry as an earlier version would have written it."""
    values = json.loads(path.read_bytes())
    values["notes"].pop("seal")
    path.write_bytes(encode_entry(msgspec.convert(values, Entry)))
