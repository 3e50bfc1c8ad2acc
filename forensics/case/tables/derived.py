"""Derived tables: judgements and bindings, which `verify` makes anew.

Times are microseconds since the epoch, UTC, as those of facts are.
"""

from __future__ import annotations

from forensics.case.tables.schema import Column, Table

_JUDGEMENT = (
    Column("subject_no", "i64", "the subject judged", "delta"),
    Column("starts", "i64", "first moment at which this holds", "delta"),
    Column("ends", "i64", "first moment at which it no longer holds", "delta"),
    Column("outcome", "text", "accepted, rejected or undetermined"),
    Column("status", "text", "Intel's TCB status"),
    Column("failed_checks", "text[]", "checks of Intel's verifier that failed"),
    Column("undetermined_checks", "text[]", "checks of Intel's verifier without an input"),
    Column("strict_failures", "text[]", "strict checks of ours that failed"),
    Column("advisory_ids", "text[]", "security advisories"),
    Column("tcb_info_id", "text", "TCB info used, hex"),
    Column("qe_identity_id", "text", "enclave identity used, hex"),
    Column("pck_crl_id", "text", "PCK CRL used, hex"),
    Column("root_crl_id", "text", "root CA CRL used, hex"),
    Column("tcb_evaluation_data_number", "i64", "of the TCB info"),
    Column("qe_evaluation_data_number", "i64", "of the enclave identity"),
    Column("collateral_issued_at", "i64", "latest issue date of the collateral"),
    Column("collateral_expires_at", "i64", "earliest expiry of the collateral"),
    Column("other_collateral_accepts", "bool", "rejected, but other collateral then valid accepts"),
    Column("chosen_collateral", "text[]", "what of it `verify --collateral` chose; null: nothing"),
)

RECEIPT = Table(
    "receipt",
    "derived",
    "Judgements at the moments at which evidence was received: per subject and stretch of time.",
    _JUDGEMENT,
)

HINDSIGHT = Table(
    "hindsight",
    "derived",
    "Judgements at the moment of the last `verify --as-of`, one per subject.",
    _JUDGEMENT,
)

JUDGED_CHECK = Table(
    "judged_check",
    "derived",
    "One row per judgement; never stored, filled when `check_result` is asked for.",
    (
        Column("moment", "text", "receipt or hindsight"),
        Column("subject_no", "i64", "the subject judged"),
        Column("starts", "i64", "the judgement's first moment"),
        Column("shown", "text", "that moment as the time checks show it"),
        Column("outcomes", "i64[]", "numbers of what its checks gave, in their order"),
    ),
)

JUDGED_OUTCOME = Table(
    "judged_outcome",
    "derived",
    "What a check gave, one row for many judgements; never stored, filled with `judged_check`.",
    (
        Column("outcome_no", "i64", "its number"),
        Column("check_id", "text", "the check"),
        Column("result", "text", "pass, fail, error, skipped or not_applicable"),
        Column("expected", "text", "what was expected"),
        Column("observed", "text", "what was observed at the judgement's first moment"),
    ),
)

CUSTODY_PROBLEM = Table(
    "custody_problem",
    "derived",
    "One row per difference between the case and its ledger, computed when asked for.",
    (
        Column("level", "text", "failure, or note: worth a look, contradicts nothing"),
        Column("path", "text", "relative to the case"),
        Column("code", "text", "stable code, e.g. file-changed"),
        Column("message", "text", "one line"),
    ),
)

BINDING = Table(
    "binding",
    "derived",
    "One row per quote observation that a REPORT_DATA rule applies to.",
    (
        Column("observation_no", "i64", "the sighting", "delta"),
        Column("workload_id", "text", "workload whose rule was applied"),
        Column("rule", "text", "the rule in words"),
        Column("result", "text", "match, mismatch or not_evaluable"),
        Column("missing", "text", "inputs that were not there"),
        Column("expected_report_data", "bytes", "what the rule gives; null on a match", "plain"),
        Column("initial_state_from", "text", "event or launch; null: the rule reads no state"),
    ),
)

RULED_BY = ("observation", "quote", "statement", "launch", "workload", "reference_value")
"""The tables of evidence that bindings are made from."""

DERIVED_TABLES = (RECEIPT, HINDSIGHT, BINDING)
