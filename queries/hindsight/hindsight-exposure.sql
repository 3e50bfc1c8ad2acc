-- ---
-- id = "hindsight-exposure"
-- title = "Good at the time, bad by what is known now"
-- version = 5
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = true
-- question = "Which platforms were rightly accepted then, and would not be with everything that is known at the moment of hindsight?"
-- why = "Between the day that a weakness existed and the day that collateral said so, everything that the platform was given was exposed. Nobody could have seen it; now one can."
-- inputs = ["observation", "policy", "quote", "release", "verdict"]
-- requires = ["verdict"]
-- scope = ["session_id"]
-- discriminator = ["kind", "status"]
-- grain = "one row per platform, kind and status in hindsight"
-- nulls = "a hindsight that is undetermined (no collateral in force at that moment) is counted, and so is a receipt that is, where hindsight is bad; a platform without PPID is told by its attestation key"
-- false_positives = ["a TCB level that Intel graded down without an attack that concerns you: advisory_ids say which", "a hindsight at a moment when the platform had long been updated: the finding is about the quotes of before"]
-- blind_spots = ["a verifier's fault is verdict-contradiction's business: only verdicts that were right count here", "approvals that were withdrawn"]
-- attack = ["vulnerability before its disclosure", "key extraction before its revocation"]
-- spec = ["Intel SGX DCAP: TCB recovery", "detector D35"]
-- created = 2026-11-23
-- updated = 2026-12-01
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [params.accept]
-- type = "VARCHAR[]"
-- default = "UpToDate, SWHardeningNeeded, ConfigurationNeeded, ConfigurationAndSWHardeningNeeded, TDRelaunchAdvised, TDRelaunchAdvisedConfigurationNeeded"
-- meaning = "TCB statuses that are good enough, where the manifest's policy does not say"
-- [details]
-- kind = "rejected: fails in hindsight; status: verifies, with a status that is no longer good enough"
-- status = "TCB status in hindsight; null when none applies"
-- receipt_statuses = "TCB statuses at receipt"
-- failed_checks = "checks that fail in hindsight"
-- advisory_ids = "Intel's advisories for the level, in hindsight"
-- receipt_evaluation = "highest TCB evaluation number used at receipt"
-- hindsight_evaluation = "TCB evaluation number used in hindsight"
-- judged_as_of = "the moment of hindsight"
-- enclaves = "enclave ids on the platform"
-- secrets = "secrets released in sessions of that evidence"
-- sightings = "number of sightings"
-- [sides]
-- fact = "TCB status"
-- "at receipt" = "receipt_statuses"
-- "in hindsight" = "status"
-- [[not_evaluable]]
-- reason = "accepted at receipt, but no collateral in force at the moment of hindsight"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM verdict AS r
-- JOIN verdict AS h ON h.observation_no = r.observation_no AND h.moment = 'hindsight'
-- WHERE r.moment = 'receipt' AND r.outcome = 'accepted' AND h.outcome = 'undetermined'"""
-- [[not_evaluable]]
-- reason = "bad in hindsight, but no collateral in force at receipt: whether it was good then is not known"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM fallen AS f
-- JOIN observation AS o ON o.observation_no = f.observation_no
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- LEFT JOIN verdict AS r ON r.observation_no = f.observation_no AND r.moment = 'receipt'
-- WHERE q.trusted AND coalesce(r.outcome, 'undetermined') = 'undetermined'"""
-- ---
-- Of few statuses: good enough or not, under some policy.
WITH weighed AS (
    SELECT
        s.status,
        bool_or(list_contains(coalesce(p.accept, $accept), s.status)) AS good,
        bool_or(NOT list_contains(coalesce(p.accept, $accept), s.status)) AS weak
    FROM (SELECT DISTINCT status FROM verdict WHERE status IS NOT NULL) AS s
    LEFT JOIN policy AS p ON TRUE
    GROUP BY s.status
),
-- Few are bad by what is known now: only their receipts are looked up.
fallen AS (
    SELECT h.observation_no, h.outcome
    FROM verdict AS h
    LEFT JOIN weighed AS n ON n.status = h.status
    WHERE h.moment = 'hindsight'
        AND (h.outcome = 'rejected' OR (h.outcome = 'accepted' AND n.weak))
),
changed AS (
    SELECT f.observation_no
    FROM fallen AS f
    JOIN verdict AS r ON r.observation_no = f.observation_no AND r.moment = 'receipt'
    LEFT JOIN weighed AS t ON t.status = r.status
    WHERE r.outcome = 'accepted' AND (f.outcome = 'rejected' OR t.good)
),
policed AS (
    SELECT
        o.observation_id, o.observation_no, o.received_at, o.session_id, o.enclave_id,
        CASE WHEN q.ppid IS NULL THEN 'attestation_key' ELSE 'platform' END AS subject_type,
        coalesce(q.ppid, q.attestation_key_id) AS subject_id,
        r.status AS receipt_status,
        r.tcb_evaluation_data_number AS receipt_number,
        h.outcome, h.status, h.failed_checks, h.advisory_ids, h.as_of,
        h.tcb_evaluation_data_number AS hindsight_number,
        list_contains(coalesce(p.accept, $accept), r.status) AS good_then,
        list_contains(coalesce(p.accept, $accept), h.status) AS good_now
    FROM changed AS c
    JOIN observation AS o ON o.observation_no = c.observation_no
    JOIN quote AS q ON q.quote_no = o.quote_no
    JOIN verdict AS r ON r.observation_no = c.observation_no AND r.moment = 'receipt'
    JOIN verdict AS h ON h.observation_no = c.observation_no AND h.moment = 'hindsight'
    LEFT JOIN policy AS p ON TRUE
    WHERE q.trusted
),
exposed AS (
    SELECT
        observation_id, observation_no, received_at, session_id, enclave_id, subject_type,
        subject_id, receipt_status, receipt_number, status, failed_checks, advisory_ids, as_of,
        hindsight_number,
        CASE outcome WHEN 'rejected' THEN 'rejected' ELSE 'status' END AS kind
    FROM policed
    WHERE outcome = 'rejected' OR (outcome = 'accepted' AND good_then AND NOT good_now)
),
released AS (
    SELECT session_id, count(DISTINCT coalesce(secret_id, '')) AS secrets
    FROM release
    WHERE session_id IN (SELECT session_id FROM exposed)
    GROUP BY session_id
),
session AS (
    SELECT e.subject_type, e.subject_id, e.kind, e.status, r.session_id,
        max(r.secrets) AS secrets
    FROM exposed AS e
    JOIN released AS r ON r.session_id = e.session_id
    GROUP BY e.subject_type, e.subject_id, e.kind, e.status, r.session_id
),
given AS (
    SELECT subject_type, subject_id, kind, coalesce(status, '') AS status_key,
        CAST(sum(secrets) AS BIGINT) AS secrets
    FROM session
    GROUP BY subject_type, subject_id, kind, coalesce(status, '')
),
told AS (
    SELECT
        subject_type, subject_id, kind, status,
        min(received_at) AS first_seen,
        max(received_at) AS last_seen,
        string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
            AS observation_ids,
        list_sort(list(DISTINCT receipt_status) FILTER (WHERE receipt_status IS NOT NULL))
            AS receipt_statuses,
        list_sort(list_distinct(flatten(list(coalesce(failed_checks, CAST([] AS VARCHAR[]))))))
            AS failed_checks,
        list_sort(list_distinct(flatten(list(coalesce(advisory_ids, CAST([] AS VARCHAR[]))))))
            AS advisory_ids,
        max(receipt_number) AS receipt_evaluation,
        max(hindsight_number) AS hindsight_evaluation,
        max(as_of) AS judged_as_of,
        list_sort(list(DISTINCT enclave_id) FILTER (WHERE enclave_id IS NOT NULL)) AS enclaves,
        count(*) AS sightings
    FROM exposed
    GROUP BY subject_type, subject_id, kind, status
)
SELECT
    t.subject_type,
    t.subject_id,
    t.first_seen,
    t.last_seen,
    t.observation_ids,
    CASE WHEN t.kind = 'rejected' OR g.secrets > 0 THEN 'high' ELSE 'medium' END AS severity,
    'Accepted then (' || coalesce(array_to_string(t.receipt_statuses, ', '), 'no status')
    || '), in hindsight '
    || CASE t.kind
        WHEN 'rejected' THEN coalesce(t.status, 'rejected') || coalesce(
            ' (fails ' || nullif(array_to_string(t.failed_checks, ', '), '') || ')', ''
        )
        ELSE coalesce(t.status, 'without status')
    END
    || ': ' || CAST(t.sightings AS VARCHAR) || ' sighting(s), '
    || CAST(coalesce(g.secrets, 0) AS VARCHAR) || ' secret(s) released' AS summary,
    CAST(to_json({
        'kind': t.kind,
        'status': t.status,
        'receipt_statuses': t.receipt_statuses,
        'failed_checks': t.failed_checks,
        'advisory_ids': t.advisory_ids,
        'receipt_evaluation': t.receipt_evaluation,
        'hindsight_evaluation': t.hindsight_evaluation,
        'judged_as_of': t.judged_as_of,
        'enclaves': t.enclaves,
        'secrets': coalesce(g.secrets, 0),
        'sightings': t.sightings
    }) AS VARCHAR) AS details
FROM told AS t
LEFT JOIN given AS g
    ON g.subject_type = t.subject_type
    AND g.subject_id = t.subject_id
    AND g.kind = t.kind
    AND g.status_key = coalesce(t.status, '')
ORDER BY subject_type, subject_id, details
