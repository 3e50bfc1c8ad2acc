"""The SQL behind the documented views of `forensics.case.contract`.

Stored tables live in the schema `stored`; the views in `main` show them as people and detectors
read them: hex text, UTC timestamps, parts joined. Only the columns that a query names are computed.
"""

from __future__ import annotations

from forensics.case import extras
from forensics.case.claims import CLAIMED_OK, CLAIMED_STATUS
from forensics.case.contract import REFERENCE_PAGE
from forensics.case.expressions import (
    IS_EVIDENCE,
    PEER_ADDRESS,
    RECEIVED,
    RECEIVED_OR_NO_TIME,
    instant,
    observation_id,
    to_hex,
)
from forensics.case.latencies import LATENCIES, WAYS
from forensics.case.loose_ends import LOOSE_END_SQL
from forensics.case.quote_views import show_quotes
from forensics.case.source_extents import SOURCE_EXTENT_SQL
from forensics.case.stretches import STRETCH_SQL
from forensics.case.tables import (
    DETECTION,
    FINDING,
    NOTIFICATION,
    RUN,
    TRIAGE,
    Table,
)
from forensics.verify.checks import TIME_CHECKS

_OBSERVATION = f"""
SELECT {observation_id("o")} AS observation_id,
       o.observation_no,
       {to_hex("q.quote_id")} AS quote_id,
       o.quote_no,
       {to_hex("o.source_id")} AS source_id,
       o.source_line,
       o.event_type, o.event_id, o.session_id,
       o.timestamp,
       {RECEIVED} AS received_at,
       o.nonce_issued_at, o.quote_generated_at, o.verified_at, o.collateral_fetched_at,
       {to_hex("o.nonce")} AS nonce,
       o.enclave_id, o.workload_id, o.node_id, o.container_id, o.peer,
       {PEER_ADDRESS} AS peer_address,
       {to_hex("o.initial_state")} AS initial_state,
       {to_hex("o.runtime_data")} AS runtime_data,
       sha256(o.runtime_data) AS runtime_data_id,
       o.claimed_mrenclave, o.claimed_mrsigner, o.claimed_isv_prodid, o.claimed_isv_svn,
       coalesce(o.claimed_report_data,
                CASE WHEN o.report_data_claimed_as_quoted THEN {to_hex("q.report_data")} END)
           AS claimed_report_data,
       o.claimed_quote_status, o.claimed_pck_cert_status, o.claimed_tcb_level,
       o.claimed_policy_allowed, o.claimed_policy_mode,
       {CLAIMED_OK} AS claimed_ok,
       {CLAIMED_STATUS} AS claimed_status,
       o.sgx_extensions, o.backend_verifier, o.siem_forwarded,
       o.malformed_claims,
       {", ".join(f"{sql} AS {column}" for column, (sql, _) in extras.SHOWN.items())},
       o.extra
FROM stored.observation AS o
LEFT JOIN stored.quote AS q ON q.quote_no = o.quote_no
"""

_KEY_RECOVERY = f"""
SELECT sha256(attestation_key) AS attestation_key_id,
       {to_hex("signature_r")} AS signature_r,
       {to_hex("first_quote_id")} AS first_quote_id,
       {to_hex("second_quote_id")} AS second_quote_id,
       confirmed
FROM stored.fact_key_recovery
"""

# Every proven quote and report with its subject. A report is proven again when a certificate comes.
FILED_SQL = """
SELECT quote_no, signature_ok, subject_no, NULL::BLOB AS endorsement_id FROM stored.fact_quote
UNION ALL
SELECT quote_no, signature_ok, subject_no, endorsement_id FROM stored.fact_report
"""

# Judgements are step functions of time, one per subject; evidence without a time has no receipt.
JUDGED_SQL = f"""
SELECT o.observation_no, o.source_id, o.source_line, o.quote_no, 'receipt' AS moment,
       o.at AS as_of, f.subject_no, j.* EXCLUDE (subject_no)
FROM (
    SELECT *, {RECEIVED} AS at, {RECEIVED_OR_NO_TIME} AS received_us FROM stored.observation AS o
) AS o
JOIN stored.filed AS f ON f.quote_no = o.quote_no
LEFT JOIN stored.receipt AS j
       ON j.subject_no = f.subject_no
      AND o.received_us >= j.starts AND o.received_us < j.ends
UNION ALL
SELECT o.observation_no, o.source_id, o.source_line, o.quote_no, 'hindsight',
       {instant("j.starts")}, f.subject_no, j.* EXCLUDE (subject_no)
FROM stored.observation AS o
JOIN stored.filed AS f ON f.quote_no = o.quote_no
JOIN stored.hindsight AS j ON j.subject_no = f.subject_no
"""

_VERDICT = f"""
SELECT {observation_id("j")} AS observation_id,
       j.observation_no,
       {to_hex("q.quote_id")} AS quote_id,
       j.moment,
       j.as_of,
       coalesce(j.outcome, 'undetermined') AS outcome,
       j.status,
       coalesce(j.failed_checks, []) AS failed_checks,
       coalesce(j.undetermined_checks, []) AS undetermined_checks,
       coalesce(j.strict_failures, []) AS strict_failures,
       coalesce(j.advisory_ids, []) AS advisory_ids,
       j.tcb_info_id, j.qe_identity_id, j.pck_crl_id, j.root_crl_id,
       j.tcb_evaluation_data_number, j.qe_evaluation_data_number,
       {instant("j.collateral_issued_at")} AS collateral_issued_at,
       {instant("j.collateral_expires_at")} AS collateral_expires_at,
       j.other_collateral_accepts,
       j.chosen_collateral
FROM stored.judged AS j
JOIN stored.quote AS q ON q.quote_no = j.quote_no
"""

# A judgement holds for a stretch of time; what a time check has observed is the sighting's moment.
_OBSERVED = f"""
CASE WHEN c.check_id IN ({", ".join(f"'{check}'" for check in TIME_CHECKS)})
      AND starts_with(c.observed, c.shown)
     THEN strftime(make_timestamp(epoch_us(j.as_of)), '%Y-%m-%dT%H:%M:%SZ')
          || substr(c.observed, length(c.shown) + 1)
     ELSE c.observed END
"""

_CHECK_RESULT = f"""
SELECT {observation_id("j")} AS observation_id,
       {to_hex("q.quote_id")} AS quote_id,
       j.moment, c.check_id, c.result, c.expected, {_OBSERVED} AS observed
FROM stored.judged AS j
JOIN stored.quote AS q ON q.quote_no = j.quote_no
JOIN (
    SELECT k.moment, k.subject_no, k.starts, k.shown,
           o.check_id, o.result, o.expected, o.observed
    FROM (
        SELECT moment, subject_no, starts, shown, unnest(outcomes) AS outcome_no
        FROM stored.judged_check
    ) AS k
    JOIN stored.judged_outcome AS o ON o.outcome_no = k.outcome_no
) AS c ON c.moment = j.moment AND c.subject_no = j.subject_no AND c.starts = j.starts
"""

_BINDING = f"""
SELECT {observation_id("o")} AS observation_id,
       o.observation_no,
       {to_hex("q.quote_id")} AS quote_id,
       b.workload_id, b.rule, b.result, b.missing,
       CASE b.result WHEN 'match' THEN {to_hex("q.report_data")}
                     ELSE {to_hex("b.expected_report_data")} END AS expected_report_data,
       b.initial_state_from
FROM stored.binding AS b
JOIN stored.observation AS o ON o.observation_no = b.observation_no
JOIN stored.quote AS q ON q.quote_no = o.quote_no
"""

_SOURCE = f"""
SELECT {to_hex("source_id")} AS source_id, path, kind, size, ingested_at, ledger_entry,
       records, "rows", quarantined
FROM stored.source
"""

_QUARANTINE = f"""
SELECT {to_hex("source_id")} AS source_id, source_line, byte_offset, reason, message,
       {to_hex("sha256")} AS sha256, data
FROM stored.quarantine
"""

_LAUNCH = f"""
SELECT {to_hex("source_id")} AS source_id, source_line, timestamp,
       enclave_id, workload_id, node_id, container_id,
       runtime, image, image_digest, {to_hex("initial_state")} AS initial_state,
       expects_attestation, extra
FROM stored.launch
WHERE event_type = '{{event_type}}'
"""

_NONCE = f"""
SELECT {to_hex("source_id")} AS source_id, source_line, timestamp, {to_hex("nonce")} AS nonce,
       issuer, enclave_id, session_id, expires_at, extra
FROM stored.nonce
"""

_RELEASE = f"""
SELECT {to_hex("source_id")} AS source_id, source_line, timestamp, session_id, enclave_id,
       secret_id, extra
FROM stored.release
"""

_APPROVED = (
    *("workload_id", "mrenclave", "mrsigner", "isv_prodid", "min_isv_svn", "mrtd"),
    *("rtmr0", "rtmr1", "rtmr2", "rtmr3", "measurement", "host_data"),
)

# Approvals add up, but of one approval the newest word counts: so its window can be closed. It is
# known since the first manifest whose window covers that of the newest.
_REFERENCE_VALUE = f"""
WITH entry AS (
    SELECT r.*, s.ledger_entry, s.ingested_at,
           min(s.ingested_at) OVER (PARTITION BY r.workload_id) AS workload_recorded_at,
           md5(CAST([{", ".join(f"CAST(r.{name} AS VARCHAR)" for name in _APPROVED)}] AS VARCHAR))
               AS approved,
           coalesce(r.valid_from, CAST('-infinity' AS TIMESTAMPTZ)) AS starts,
           coalesce(r.valid_to, CAST('infinity' AS TIMESTAMPTZ)) AS ends
    FROM stored.reference_value AS r
    LEFT JOIN stored.source AS s ON s.source_id = r.source_id
),
newest AS (
    SELECT * FROM entry
    QUALIFY ledger_entry IS NOT DISTINCT FROM max(ledger_entry) OVER (PARTITION BY approved)
)
SELECT {to_hex("r.source_id")} AS source_id, r.source_line, r.workload_id,
       {to_hex("r.mrenclave")} AS mrenclave, {to_hex("r.mrsigner")} AS mrsigner,
       r.isv_prodid, r.min_isv_svn, {to_hex("r.mrtd")} AS mrtd,
       {to_hex("r.rtmr0")} AS rtmr0, {to_hex("r.rtmr1")} AS rtmr1,
       {to_hex("r.rtmr2")} AS rtmr2, {to_hex("r.rtmr3")} AS rtmr3,
       {to_hex("r.measurement")} AS measurement, {to_hex("r.host_data")} AS host_data,
       r.valid_from, r.valid_to,
       TRY_CAST(r.extra ->> '$.approved_at' AS TIMESTAMPTZ) AS approved_at,
       (
           SELECT min(e.ingested_at) FROM entry AS e
           WHERE e.approved = r.approved AND e.starts <= r.starts AND e.ends >= r.ends
       ) AS recorded_at,
       r.workload_recorded_at
FROM newest AS r
"""

_LISTED_PLATFORM = f"""
SELECT {to_hex("p.source_id")} AS source_id, p.source_line, {to_hex("p.ppid")} AS ppid, p.node_id,
       p.valid_from, p.valid_to, s.ingested_at AS recorded_at
FROM stored.listed_platform AS p
LEFT JOIN stored.source AS s ON s.source_id = p.source_id
"""

_RULE = """
CASE WHEN w.report_data_recipe IS NOT NULL THEN w.report_data_recipe
     WHEN w.report_data_parts IS NOT NULL
     THEN concat(coalesce(w.report_data_digest, 'none'), '(',
                 array_to_string(w.report_data_parts, ' ‖ '), ')')
END
"""

_WORKLOAD = f"""
SELECT w.workload_id, {_RULE} AS report_data_rule, w.runtime, w.attest_within_ms,
       w.evidence, w.one_per_platform
FROM stored.workload AS w
LEFT JOIN stored.source AS s ON s.source_id = w.source_id
QUALIFY row_number() OVER (
    PARTITION BY w.workload_id
    ORDER BY s.ledger_entry DESC, s.path DESC, w.source_line DESC NULLS LAST
) = 1
"""

_POLICY = """
SELECT p.mode, p.max_quote_age_ms, p.max_collateral_age_ms, p.accept
FROM stored.policy AS p
LEFT JOIN stored.source AS s ON s.source_id = p.source_id
ORDER BY s.ledger_entry DESC, s.path DESC, p.source_line DESC NULLS LAST
LIMIT 1
"""


def _first_acquired(item: str) -> str:
    return (
        "(SELECT min(s.ingested_at) FROM stored.acquisition AS a "
        f"JOIN stored.source AS s ON s.source_id = a.source_id WHERE a.item_id = {item})"
    )


_COLLATERAL = f"""
SELECT {to_hex("d.document_id")} AS collateral_id, d.kind, f.id,
       {to_hex("f.fmspc")} AS fmspc, {to_hex("f.pce_id")} AS pce_id, f.version,
       f.evaluation_number AS tcb_evaluation_data_number,
       {instant("f.issued_at")} AS issued_at, {instant("f.expires_at")} AS expires_at,
       f.authentic, {_first_acquired("d.document_id")} AS first_acquired_at,
       decode(d.body) AS body,
       list_sort((
           SELECT list(DISTINCT sha256(g.root_key)) FROM stored.fact_signer AS g
           WHERE g.key = f.signer_key AND g.trusted
       )) AS root_ids
FROM stored.document AS d
LEFT JOIN stored.fact_document AS f ON f.document_id = d.document_id
"""

_TCB_COMPONENT = f"""
SELECT {to_hex("c.fmspc")} AS fmspc, c.family, c.position, bool_or(c.named) AS named,
       max(c.category) AS category, max(c.type) AS type
FROM stored.fact_component AS c
JOIN stored.fact_document AS f ON f.document_id = c.document_id AND f.authentic
GROUP BY c.fmspc, c.family, c.position
"""

_CRL = f"""
SELECT {to_hex("c.crl_id")} AS crl_id, f.issuer_name AS issuer,
       {instant("f.this_update")} AS this_update, {instant("f.next_update")} AS next_update,
       f.number AS crl_number, len(f.revoked) AS revoked, f.revoked AS revoked_serials,
       f.authentic AND f.trusted AS authentic,
       {_first_acquired("c.crl_id")} AS first_acquired_at,
       sha256(f.issuer_key) AS issuer_key_id
FROM stored.crl AS c
LEFT JOIN stored.fact_crl AS f ON f.crl_id = c.crl_id
"""

_ACQUISITION = f"""
SELECT {to_hex("a.item_id")} AS item_id, a.kind, {to_hex("a.source_id")} AS source_id,
       a.source_line, s.path, s.ingested_at AS acquired_at, s.ledger_entry
FROM stored.acquisition AS a
LEFT JOIN stored.source AS s ON s.source_id = a.source_id
"""

_CERTIFICATE = f"""
SELECT {to_hex("certificate_id")} AS certificate_id, {to_hex("tbs_id")} AS tbs_id,
       subject, issuer, serial,
       {instant("not_before")} AS not_before, {instant("not_after")} AS not_after
FROM stored.fact_certificate
"""


def _hour(moment: str) -> str:
    return f"CAST(floor(epoch({moment}) / 3600) AS BIGINT)"


_TRAFFIC = f"""
SELECT hour_no, CAST(sum(answers) AS BIGINT) AS answers, CAST(sum(releases) AS BIGINT) AS releases
FROM (
    SELECT {_hour(RECEIVED)} AS hour_no, count(*) AS answers, 0 AS releases
    FROM stored.observation AS o
    WHERE o.nonce IS NOT NULL AND {RECEIVED} IS NOT NULL AND {IS_EVIDENCE}
    GROUP BY ALL
    UNION ALL
    SELECT {_hour("timestamp")}, 0, count(*)
    FROM stored.release
    WHERE timestamp IS NOT NULL AND coalesce(session_id, enclave_id) IS NOT NULL
    GROUP BY ALL
) AS counted
GROUP BY hour_no
"""

_EVENTS = {
    "launch": _LAUNCH.format(event_type="enclave_launch"),
    "stop": _LAUNCH.format(event_type="enclave_stop"),
    "nonce": _NONCE,
    "release": _RELEASE,
}
# A view that reads another view would read a temporary table of that name, if there is one.
_EXTENT = f"""
SELECT 'observation' AS kind, min({RECEIVED}) AS first_at, max({RECEIVED}) AS last_at
FROM stored.observation AS o
WHERE o.event_type IS NOT NULL
UNION ALL
SELECT 'sighting', min({RECEIVED}), max({RECEIVED}) FROM stored.observation AS o
""" + "".join(
    f"UNION ALL SELECT '{view}', min(timestamp), max(timestamp) FROM ({sql}) AS event\n"
    for view, sql in _EVENTS.items()
)


def _as_stored(table: Table) -> str:
    return f"SELECT {', '.join(table.names)} FROM stored.{table.name}"


VIEW_SQL = {
    "observation": _OBSERVATION,
    "quote": show_quotes("stored.quote"),
    "key_recovery": _KEY_RECOVERY,
    "verdict": _VERDICT,
    "check_result": _CHECK_RESULT,
    "binding": _BINDING,
    "reshown": "FROM stored.reshown",  # where others read it, and no temporary table is before it
    "latency": LATENCIES.anew,
    "way": WAYS.anew,
    "loose_end": LOOSE_END_SQL,
    "stretch": STRETCH_SQL,
    "source_extent": SOURCE_EXTENT_SQL,
    "traffic": _TRAFFIC,
    "source": _SOURCE,
    "quarantine": _QUARANTINE,
    **_EVENTS,
    "extent": _EXTENT,
    "reference_value": _REFERENCE_VALUE,
    "listed_platform": _LISTED_PLATFORM,
    "workload": _WORKLOAD,
    "policy": _POLICY,
    "collateral": _COLLATERAL,
    "tcb_component": _TCB_COMPONENT,
    "crl": _CRL,
    "acquisition": _ACQUISITION,
    "certificate": _CERTIFICATE,
    "custody_problem": "SELECT level, path, code, message FROM stored.custody_problem",
    **{table.name: _as_stored(table) for table in (DETECTION, TRIAGE, NOTIFICATION, RUN)},
    "finding": f"SELECT *, concat('{REFERENCE_PAGE}#', detector) AS reference "
    f"FROM ({_as_stored(FINDING)}) AS kept",
}
