"""Files in a case that no ledger entry names: what a cut-off commit leaves, and what was added.

A commit that was cut off (or is being written now) leaves files of exactly these kinds, which no
reader ever opens and the next writer deletes. Everything else was put there by somebody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Set
from pathlib import Path
from stat import S_ISREG

from forensics.case.disk import digest_file
from forensics.case.ledger import TABLE_FILE, FileEntry
from forensics.case.lock import LOCK_NAME

# Outside the ledger: the suppressions, which people edit (their SHA-256 is in the entry of every
# `detect` that used them), and the newest run's record, which the ledger holds too.
FREE_FILES = frozenset({"findings/suppressions.toml", "findings/run.json"})

_DRAFT = re.compile(r"(?:ledger/|findings/)?\.[a-z0-9]+\.[a-z]+\.[0-9]+\.draft")
_NUMBERED = re.compile(r"([0-9]{8})(?:-[0-9]+\.parquet|\.note)")


def find_strays(
    root: Path,
    there: Iterable[Path],
    named: Set[str],
    superseded: Mapping[str, FileEntry],
    unread: Set[int],
    entries: int,
) -> Iterator[tuple[str, str, bool]]:
    """`(path in the case, one line about it, whether somebody must have added it)`, by path.

    `there` are the files to look at; one that is gone meanwhile is none. `named` is what belongs to
    the case, `superseded` what once did, `unread` the numbers of entries that cannot say what they
    name, `entries` how many entries the ledger has.
    """
    for path in there:
        if not (path.exists() or path.is_symlink()):
            continue
        name = path.relative_to(root).as_posix()
        if name == LOCK_NAME and (not S_ISREG(path.lstat().st_mode) or path.stat().st_size):
            yield name, "is no empty file, as a lock is", True
        if name in named or name in FREE_FILES or (path.is_dir() and not path.is_symlink()):
            continue
        said = _explain(path, name, superseded, unread, entries)
        yield name, said or "no ledger entry names it; it is not part of the case", said is None


def _explain(
    path: Path,
    name: str,
    superseded: Mapping[str, FileEntry],
    unread: Set[int],
    entries: int,
) -> str | None:
    """How this tool can have left the file; null when it cannot have."""
    if not S_ISREG(path.lstat().st_mode):
        return None
    known = superseded.get(name)
    if known is not None:
        same = digest_file(path) == (known.sha256, known.size)
        return "superseded and not deleted yet; the next commit does" if same else None
    if _DRAFT.fullmatch(name):
        return "the draft of a file whose writing was cut off; the next commit deletes it"
    match = _NUMBERED.fullmatch(name.rpartition("/")[2])
    ours = TABLE_FILE.fullmatch(name) or name.startswith("ledger/")
    if match and ours and int(match[1]) in unread:
        return f"belongs to entry {int(match[1])}, which is missing or unreadable"
    if match and ours and int(match[1]) == entries + 1:
        return (
            f"belongs to an entry {entries + 1} that is not there: a commit was cut off or is "
            "being written, or the newest entry was removed; the next commit deletes it"
        )
    return None
