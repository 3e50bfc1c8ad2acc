"""The columns of the views that SQL users, notebooks and detectors rely on.

Contract: names and types never change; columns may be added. The SQL behind each view is in
`forensics.case.views`; a test holds the two together. Digests, keys, measurements and ids are
lower-case hex text; times are `TIMESTAMP WITH TIME ZONE` in UTC.
"""

from __future__ import annotations

from forensics.case.contract.archive import (
    ACQUISITION,
    CERTIFICATE,
    COLLATERAL,
    CRL,
    TCB_COMPONENT,
)
from forensics.case.contract.events import LAUNCH, NONCE, QUARANTINE, RELEASE, SOURCE, STOP
from forensics.case.contract.history import (
    EXTENT,
    LATENCY,
    LOOSE_END,
    SOURCE_EXTENT,
    STRETCH,
    TRAFFIC,
    WAY,
)
from forensics.case.contract.manifests import LISTED_PLATFORM, POLICY, REFERENCE_VALUE, WORKLOAD
from forensics.case.contract.results import (
    CUSTODY_PROBLEM,
    DETECTION,
    FINDING,
    NOTIFICATION,
    RUN,
    TRIAGE,
)
from forensics.case.contract.schema import LIST, TEXT
from forensics.case.contract.sightings import (
    BINDING,
    CHECK_RESULT,
    KEY_RECOVERY,
    OBSERVATION,
    QUOTE,
    RESHOWN,
    VERDICT,
)

__all__ = [
    "COLUMNS",
    "FINDING",
    "LIST",
    "OBSERVATION",
    "QUOTE",
    "REFERENCE_PAGE",
    "TEXT",
    "VIEWS",
]

REFERENCE_PAGE = "docs/reference/detectors.md"
"""One section per detector, made from the headers."""

VIEWS = (
    OBSERVATION,
    QUOTE,
    KEY_RECOVERY,
    VERDICT,
    CHECK_RESULT,
    BINDING,
    RESHOWN,
    LATENCY,
    WAY,
    LOOSE_END,
    STRETCH,
    SOURCE_EXTENT,
    TRAFFIC,
    EXTENT,
    SOURCE,
    QUARANTINE,
    LAUNCH,
    STOP,
    NONCE,
    RELEASE,
    REFERENCE_VALUE,
    LISTED_PLATFORM,
    WORKLOAD,
    POLICY,
    COLLATERAL,
    TCB_COMPONENT,
    CRL,
    ACQUISITION,
    CERTIFICATE,
    CUSTODY_PROBLEM,
    FINDING,
    DETECTION,
    TRIAGE,
    NOTIFICATION,
    RUN,
)

COLUMNS = {view.name: view.names for view in VIEWS}
