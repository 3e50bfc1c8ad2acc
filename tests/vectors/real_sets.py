"""The real vectors, which are not part of this repository: where they lie, and what they are."""

from __future__ import annotations

import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

VECTORS = Path(os.environ.get("QUOTE_VECTORS", "../shared/vectors"))
MANIFEST = VECTORS / "manifest.json"

needs_vectors = pytest.mark.skipif(
    not MANIFEST.is_file(), reason="QUOTE_VECTORS does not lead to the real vectors"
)


@lru_cache(maxsize=2)
def read_sets(*tees: str) -> dict[str, dict[str, Any]]:
    """The manifest's entries for these TEEs, by name; nothing without the vectors."""
    if not MANIFEST.is_file():
        return {}
    return {e["name"]: e for e in json.loads(MANIFEST.read_text()) if e["tee"] in tees}
