"""A new folder that appears whole under its name, or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from forensics.errors import UsageError


@contextmanager
def create_folder(target: Path, *, read_only: bool = False) -> Iterator[Path]:
    """A folder to fill, which becomes `target` at the end of the block; parents are made.

    What a killed process left of an earlier try is thrown away. Raises `UsageError`
    (`path-exists`, `unwritable-path`).
    """
    target = target.absolute()
    draft = target.with_name(f".{target.name}.draft")
    if target.exists() or target.is_symlink():
        raise UsageError("path-exists", f"{target} is there already")
    try:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        yield draft
        if read_only:
            for path in (draft, *draft.rglob("*")):
                path.chmod(0o555 if path.is_dir() else 0o444)
        draft.rename(target)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError("unwritable-path", f"cannot write {target}: {reason}") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
