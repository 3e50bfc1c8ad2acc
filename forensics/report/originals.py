"""The original sources of a case, where they are still at hand, into a bundle.

    data/sources/aa/aa…          a source's own bytes, named by their SHA-256
    data/sources.jsonl           one line per source that the ledger names, in its order: where it
                                 is: `file`, `member` (inside of the archive `inside`), or `missing`

Its SHA-256 says what a source is; the path in the ledger is where it was then. A member of an
archive comes with the archive.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forensics.case.ledger import Ledger, SourceEntry
from forensics.errors import EvidenceError
from forensics.sources.entries import Entry, guard_reading
from forensics.sources.walk import check_paths, walk_paths

LIST_NAME = "sources.jsonl"
FOLDER_NAME = "sources"

_CHUNK = 1 << 20
_MEMBER = "!"


@dataclass(frozen=True, slots=True)
class Originals:
    """How many of the sources that the ledger names are here, and which are not."""

    sources: int
    missing: tuple[str, ...]
    """Their paths, as the ledger has them."""


def copy_originals(ledger: Ledger, paths: Sequence[Path], root: Path) -> Originals:
    """Copy the sources found under `paths` below `root`, and list all.

    A file is read when it has the size of a source that is still wanted. Raises `UsageError`
    (`unreadable-path`) and `OSError` where the copy cannot be written.
    """
    check_paths(paths)
    sources = [source for entry in ledger.entries for source in entry.sources]
    wanted = {source.source_id: source.size for source in sources}
    sizes = set(wanted.values())
    held: set[str] = set()
    for folder in walk_paths(paths):
        for entry in folder:
            if entry.stamp is None or entry.stamp()[1] not in sizes:
                continue  # a link, say; or something else
            digest = _copy_if_wanted(entry, wanted.keys() - held, root / FOLDER_NAME)
            held |= {digest} & wanted.keys()
    lines = list(_list_places(sources, held))
    text = "".join(json.dumps(line, sort_keys=True) + "\n" for line in lines)
    (root / LIST_NAME).write_text(text, encoding="utf-8")
    missing = tuple(str(line["path"]) for line in lines if line["held"] == "missing")
    return Originals(len(sources), missing)


def _copy_if_wanted(entry: Entry, wanted: set[str], folder: Path) -> str:
    """The SHA-256 of a file, hex; it is copied when that is wanted.

    What is copied is what was hashed: the file is read once more, and its copy hashed.
    """
    try:
        digest = _read_into(entry, None)
        if digest not in wanted:
            return ""
        place = folder / digest[:2] / digest
        place.parent.mkdir(parents=True, exist_ok=True)
        copied = _read_into(entry, place)
    except EvidenceError:
        return ""
    if copied != digest:
        place.unlink()  # it changed meanwhile
        return ""
    return digest


def _read_into(entry: Entry, place: Path | None) -> str:
    """The SHA-256 of an entry's bytes, hex, which also go to `place`."""
    digest = hashlib.sha256()
    with guard_reading():
        stream = entry.open()
    with stream, nullcontext() if place is None else place.open("wb") as copy:
        while True:
            with guard_reading():
                chunk = stream.read(_CHUNK)
            if not chunk:
                return digest.hexdigest()
            digest.update(chunk)
            if copy is not None:
                copy.write(chunk)


def _list_places(sources: Sequence[SourceEntry], held: set[str]) -> Iterator[dict[str, Any]]:
    """Each source of the ledger with where it is."""
    archives = {source.path: source.source_id for source in sources if source.source_id in held}
    for source in sources:
        line: dict[str, Any] = {
            "source_id": source.source_id,
            "path": source.path,
            "size": source.size,
            "held": "file" if source.source_id in held else "missing",
        }
        if source.source_id not in held:
            inside = _find_archive(source.path, archives)
            if inside is not None:
                line |= {"held": "member", "inside": inside}
        yield line


def _find_archive(path: str, archives: dict[str, str]) -> str | None:
    """The archive that is here and that a member's path begins with."""
    parts = path.split(_MEMBER)
    starts = (_MEMBER.join(parts[:count]) for count in range(len(parts) - 1, 0, -1))
    return next((archives[start] for start in starts if start in archives), None)
