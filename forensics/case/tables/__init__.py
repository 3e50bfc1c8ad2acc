"""Every stored table, declared once: name, columns, meaning, and how it grows.

`schema` says what a declaration is; `evidence`, `facts`, `derived` and `findings` hold them.

The Arrow schema (writing), the DuckDB declaration (a table without files still exists, empty) and
the reference page derive from these declarations. Digests and keys are stored as raw bytes; the
views of `forensics.case.views` show them as lower-case hex.

`evidence` tables are append-only. `fact` tables hold what was proven once of distinct inputs,
`derived` ones what is rebuilt whole by `verify`; both can be deleted and come out the same.
`journal` tables are append-only: what analysts and programs did about findings.
"""

from __future__ import annotations

from forensics.case.tables.derived import (
    BINDING,
    CUSTODY_PROBLEM,
    DERIVED_TABLES,
    HINDSIGHT,
    JUDGED_CHECK,
    JUDGED_OUTCOME,
    RECEIPT,
    RULED_BY,
)
from forensics.case.tables.evidence import (
    CERTIFICATION,
    CERTIFICATION_DATA,
    EVIDENCE_TABLES,
    NONCE,
    OBSERVATION,
    QUOTE,
    SGX_REPORT_COLUMNS,
    SNP_REPORT_COLUMNS,
    STATEMENT,
    TD_REPORT_COLUMNS,
    TIMESTAMP_TOKEN,
)
from forensics.case.tables.facts import (
    FACT_CERTIFICATE,
    FACT_CERTIFICATION,
    FACT_CHAIN,
    FACT_COMPONENT,
    FACT_CRL,
    FACT_DOCUMENT,
    FACT_ENDORSEMENT,
    FACT_KEY_RECOVERY,
    FACT_QUOTE,
    FACT_REPORT,
    FACT_SIGNER,
    FACT_TABLES,
    SUBJECT,
)
from forensics.case.tables.findings import (
    DETECTION,
    FINDING,
    FINDING_TABLES,
    JOURNAL_TABLES,
    LANDMARK,
    LATENCY,
    LOOSE_END,
    NOTIFICATION,
    RUN,
    SOURCE_EXTENT,
    STRETCH,
    TRIAGE,
    VERDICT_STATE,
    WAY,
)
from forensics.case.tables.schema import (
    DUCKDB_TYPES,
    Column,
    Table,
)

__all__ = [
    "BINDING",
    "CERTIFICATION",
    "CERTIFICATION_DATA",
    "CUSTODY_PROBLEM",
    "DETECTION",
    "DUCKDB_TYPES",
    "EVIDENCE_TABLES",
    "FACT_CERTIFICATE",
    "FACT_CERTIFICATION",
    "FACT_CHAIN",
    "FACT_COMPONENT",
    "FACT_CRL",
    "FACT_DOCUMENT",
    "FACT_ENDORSEMENT",
    "FACT_KEY_RECOVERY",
    "FACT_QUOTE",
    "FACT_REPORT",
    "FACT_SIGNER",
    "FINDING",
    "HINDSIGHT",
    "JUDGED_CHECK",
    "JUDGED_OUTCOME",
    "LANDMARK",
    "LATENCY",
    "LOOSE_END",
    "NONCE",
    "NOTIFICATION",
    "OBSERVATION",
    "QUOTE",
    "RECEIPT",
    "RULED_BY",
    "RUN",
    "SGX_REPORT_COLUMNS",
    "SNP_REPORT_COLUMNS",
    "SOURCE_EXTENT",
    "STATEMENT",
    "STRETCH",
    "SUBJECT",
    "TABLES",
    "TD_REPORT_COLUMNS",
    "TIMESTAMP_TOKEN",
    "TRIAGE",
    "VERDICT_STATE",
    "WAY",
    "Column",
    "Table",
]

TABLES = (
    *EVIDENCE_TABLES,
    *FACT_TABLES,
    *DERIVED_TABLES,
    *FINDING_TABLES,
    *JOURNAL_TABLES,
)
