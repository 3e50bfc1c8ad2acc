"""Views of what operators declared."""

from __future__ import annotations

from forensics.case.contract.schema import (
    BOOLEAN,
    INTEGER,
    LIST,
    PLACE,
    TEXT,
    TIME,
    View,
    list_columns,
)

REFERENCE_VALUE = View(
    "reference_value",
    "One row per approved measurement and window; of one approval, as the newest manifest has it.",
    (
        *PLACE,
        *list_columns(
            ("workload_id", TEXT, "workload that it approves"),
            ("mrenclave", TEXT, "SGX"),
            ("mrsigner", TEXT, "SGX"),
            ("isv_prodid", INTEGER, "SGX"),
            ("min_isv_svn", INTEGER, "SGX: lowest accepted ISVSVN"),
            ("mrtd", TEXT, "TDX"),
            ("rtmr0", TEXT, "TDX"),
            ("rtmr1", TEXT, "TDX"),
            ("rtmr2", TEXT, "TDX"),
            ("rtmr3", TEXT, "TDX"),
            ("measurement", TEXT, "SNP"),
            ("host_data", TEXT, "SNP"),
            ("valid_from", TIME, "inclusive; null = always"),
            ("valid_to", TIME, "exclusive; null = for ever"),
            ("approved_at", TIME, "when it was approved, if the entry says so"),
            ("recorded_at", TIME, "when this tool first read it, with this window or a wider one"),
            ("workload_recorded_at", TIME, "when this tool first read approvals of the workload"),
        ),
    ),
)

LISTED_PLATFORM = View(
    "listed_platform",
    "One row per platform that a manifest lists as one's own.",
    (
        *PLACE,
        *list_columns(
            ("ppid", TEXT, "the platform"),
            ("node_id", TEXT, "the host that it is; null = any"),
            ("valid_from", TIME, "inclusive; null = always"),
            ("valid_to", TIME, "exclusive; null = for ever"),
            ("recorded_at", TIME, "when this tool first read it"),
        ),
    ),
)

WORKLOAD = View(
    "workload",
    "One row per workload of the newest manifest that names it.",
    list_columns(
        ("workload_id", TEXT, "id"),
        ("report_data_rule", TEXT, "the REPORT_DATA rule in words; null when there is none"),
        ("runtime", TEXT, "runtime that is expected to attest"),
        ("attest_within_ms", INTEGER, "milliseconds a launch has to attest; null: not said"),
        ("evidence", LIST, "evidence that must come with the quote, e.g. gpu; null: none"),
        ("one_per_platform", BOOLEAN, "its instances must not share a platform"),
    ),
)

POLICY = View(
    "policy",
    "The policy of the newest manifest that has one: one row or none.",
    list_columns(
        ("mode", TEXT, "e.g. STRICT"),
        ("max_quote_age_ms", INTEGER, "oldest acceptable quote"),
        ("max_collateral_age_ms", INTEGER, "oldest acceptable collateral"),
        ("accept", LIST, "accepted TCB statuses"),
    ),
)
