"""The lock of the catalogue: which SQL and header each version of a detector stands for.

`python -m forensics.detect.lock` renews `queries/detectors.lock.json` of a source tree, and
refuses when a query changed without a step of its version. A test holds the file to the catalogue.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from forensics.detect.catalog import Catalog, load_catalog, own_queries
from forensics.errors import DetectorError, ForensicsError

LOCK_NAME: Final = "detectors.lock.json"

Lock = Mapping[str, Mapping[str, Any]]


def make_lock(catalog: Catalog) -> Lock:
    """Id -> version, fingerprint version, SHA-256 of the query and of the header."""
    return {
        name: {
            "version": detector.version,
            "fingerprint_version": detector.fingerprint_version,
            "sql_sha256": detector.sql_sha256,
            "header_sha256": detector.header_sha256,
        }
        for name, detector in catalog.items()
    }


def renew_lock(old: Lock, catalog: Catalog) -> Lock:
    """The lock of a changed catalogue.

    Raises `DetectorError` (`detector-version`) for a query that changed under an old version, for
    a version that went back, and for an id that vanished: ids are permanent, a detector that is
    no longer wanted becomes `deprecated`.
    """
    new = make_lock(catalog)
    for name, before in old.items():
        after = new.get(name)
        if after is None:
            raise DetectorError("detector-version", f"{name} is gone; deprecate it instead")
        changed = after["sql_sha256"] != before["sql_sha256"]
        if after["version"] < before["version"] + changed:
            raise DetectorError("detector-version", f"{name} changed; step its version")
    return new


def write_text(lock: Lock) -> str:
    return json.dumps(lock, indent=2, sort_keys=True) + "\n"


def main() -> int:
    path = Path(str(own_queries())) / LOCK_NAME
    try:
        old = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(write_text(renew_lock(old, load_catalog())))
    except ForensicsError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
