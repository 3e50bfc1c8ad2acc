-- ---
-- id = "policy-contradiction"
-- title = "Allowed by the policy that forbids it"
-- version = 5
-- fingerprint_version = 1
-- status = "stable"
-- severity = "critical"
-- sig = false
-- question = "Where did a verifier allow what the policy and the reference values of that time exclude?"
-- why = "The policy decision is what opened the door. When it contradicts the policy, the verifier ran another one, was bypassed, or lied."
-- inputs = ["observation", "policy", "quote", "reference_value", "verdict", "workload"]
-- scope = ["observation_id"]
-- discriminator = ["reason"]
-- grain = "one row per instance and reason"
-- nulls = "allowed events that lack what the comparison needs are counted as not evaluable; an event without a mode has the policy's; a logged level that is none of Intel's names is not compared"
-- clocks = "the verifier's against the approver's, which nothing ties together: an approval is from a day to a day, and a sighting within the clocks' reach of its ends is told without a margin"
-- false_positives = ["a policy exception that the manifest does not record", "a manifest newer than the verifier's policy"]
-- blind_spots = ["evidence whose policy decision was not logged"]
-- attack = ["policy bypass", "compromised verifier"]
-- spec = ["RFC 9334, section 8.5 (appraisal policies)", "detector D39"]
-- created = 2026-11-23
-- updated = 2026-11-29
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [details]
-- reason = "unapproved_measurement or status_not_accepted"
-- statuses = "TCB statuses that were allowed and are not accepted: recomputed at receipt, and as logged"
-- measurements = "measurements that were allowed and are not approved"
-- judged_on = "quote: its own bytes; claims: the verifier's words, where no quote was kept"
-- sightings = "number of sightings"
-- [[not_evaluable]]
-- reason = "allowed, but the case has no reference values"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation
-- WHERE claimed_policy_allowed AND NOT EXISTS (SELECT 1 FROM reference_value)"""
-- [[not_evaluable]]
-- reason = "allowed without a quote and without readable mrenclave or mrsigner claims"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation
-- WHERE claimed_policy_allowed
--     AND quote_id IS NULL
--     AND (
--         coalesce(claimed_mrenclave, claimed_mrsigner) IS NULL
--         OR coalesce(list_contains(malformed_claims, 'mrenclave'), FALSE)
--         OR coalesce(list_contains(malformed_claims, 'mrsigner'), FALSE)
--     )"""
-- [[not_evaluable]]
-- reason = "allowed under STRICT, but no status is known, or no policy says whether it is accepted"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- LEFT JOIN policy AS p ON TRUE
-- LEFT JOIN verdict AS v ON v.observation_no = o.observation_no AND v.moment = 'receipt'
-- WHERE o.claimed_policy_allowed
--     AND upper(coalesce(o.claimed_policy_mode, p.mode)) = 'STRICT'
--     AND (
--         coalesce(v.status, o.claimed_tcb_level) IS NULL
--         OR (
--             p.accept IS NULL
--             AND lower(coalesce(v.status, o.claimed_tcb_level)) NOT IN (
--                 'uptodate', 'outofdate', 'outofdateconfigurationneeded', 'revoked'
--             )
--         )
--     )"""
-- ---
WITH named_workload AS (
    SELECT workload_id FROM workload WHERE workload_id IS NOT NULL
    UNION
    SELECT workload_id FROM reference_value WHERE workload_id IS NOT NULL
),
allowed AS (
    SELECT
        o.observation_id, o.observation_no, o.received_at, o.workload_id,
        CASE
            WHEN o.enclave_id IS NOT NULL THEN 'enclave'
            WHEN o.container_id IS NOT NULL THEN 'container'
            WHEN o.quote_id IS NOT NULL THEN 'quote'
            ELSE 'observation'
        END AS subject_type,
        coalesce(o.enclave_id, o.container_id, o.quote_id, o.observation_id) AS subject_id,
        n.workload_id IS NOT NULL AS workload_named,
        q.quote_id IS NULL AS by_claims,
        CASE
            WHEN q.quote_id IS NOT NULL THEN q.mrenclave
            WHEN NOT coalesce(list_contains(o.malformed_claims, 'mrenclave'), FALSE)
                THEN o.claimed_mrenclave
        END AS mrenclave,
        CASE
            WHEN q.quote_id IS NOT NULL THEN q.mrsigner
            WHEN NOT coalesce(list_contains(o.malformed_claims, 'mrsigner'), FALSE)
                THEN o.claimed_mrsigner
        END AS mrsigner,
        CASE WHEN q.quote_id IS NULL THEN o.claimed_isv_prodid ELSE q.isv_prodid END AS isv_prodid,
        CASE WHEN q.quote_id IS NULL THEN o.claimed_isv_svn ELSE q.isv_svn END AS isv_svn,
        q.mrtd, q.rtmr0, q.rtmr1, q.rtmr2, q.rtmr3, q.measurement AS snp_measurement, q.host_data,
        v.status AS receipt_status,
        o.claimed_tcb_level,
        replace(replace(replace(lower(o.claimed_tcb_level), '_', ''), '-', ''), ' ', '')
            AS claimed_level,
        upper(coalesce(o.claimed_policy_mode, p.mode)) = 'STRICT' AS strict,
        ' ' || replace(replace(lower(array_to_string(p.accept, ' ')), '_', ''), '-', '') || ' '
            AS accepted_statuses
    FROM observation AS o
    LEFT JOIN quote AS q ON q.quote_no = o.quote_no
    LEFT JOIN verdict AS v
        ON v.observation_no = o.observation_no AND v.moment = 'receipt'
    LEFT JOIN named_workload AS n ON n.workload_id = o.workload_id
    LEFT JOIN policy AS p ON TRUE
    WHERE o.claimed_policy_allowed
),
-- Approved: a reference value valid at that moment fits. Evidence of a workload that no manifest
-- names is judged against all.
approved AS (
    SELECT DISTINCT a.observation_no
    FROM allowed AS a
    JOIN reference_value AS r ON (r.workload_id = a.workload_id OR NOT a.workload_named)
        AND (
            r.mrenclave IS NOT NULL OR r.mrsigner IS NOT NULL OR r.mrtd IS NOT NULL
            OR r.measurement IS NOT NULL
        )
        AND (
            r.mrenclave IS NULL OR r.mrenclave = a.mrenclave
            OR (a.by_claims AND a.mrenclave IS NULL)
        )
        AND (
            r.mrsigner IS NULL OR r.mrsigner = a.mrsigner
            OR (a.by_claims AND a.mrsigner IS NULL)
        )
        AND (
            r.isv_prodid IS NULL OR r.isv_prodid = a.isv_prodid
            OR (a.by_claims AND a.isv_prodid IS NULL)
        )
        AND coalesce(a.isv_svn >= r.min_isv_svn, r.min_isv_svn IS NULL OR a.by_claims)
        AND (r.mrtd IS NULL OR r.mrtd = a.mrtd)
        AND (r.rtmr0 IS NULL OR r.rtmr0 = a.rtmr0)
        AND (r.rtmr1 IS NULL OR r.rtmr1 = a.rtmr1)
        AND (r.rtmr2 IS NULL OR r.rtmr2 = a.rtmr2)
        AND (r.rtmr3 IS NULL OR r.rtmr3 = a.rtmr3)
        AND (r.measurement IS NULL OR r.measurement = a.snp_measurement)
        AND (r.host_data IS NULL OR r.host_data = a.host_data)
        AND coalesce(a.received_at >= r.valid_from, TRUE)
        AND coalesce(a.received_at < r.valid_to, TRUE)
),
-- Where no policy lists what it accepts, no STRICT one accepts a platform that is out of date.
contradiction AS (
    SELECT
        a.subject_type, a.subject_id, a.observation_id, a.observation_no, a.received_at,
        'unapproved_measurement' AS reason,
        CAST(NULL AS VARCHAR) AS status,
        coalesce(a.mrenclave, a.mrtd, a.snp_measurement, a.mrsigner) AS measurement,
        CASE WHEN a.by_claims THEN 'claims' ELSE 'quote' END AS judged_on
    FROM allowed AS a
    LEFT JOIN approved AS y ON y.observation_no = a.observation_no
    WHERE y.observation_no IS NULL
        AND (NOT a.by_claims OR coalesce(a.mrenclave, a.mrsigner) IS NOT NULL)
        AND EXISTS (SELECT 1 FROM reference_value)
    UNION ALL
    SELECT
        subject_type, subject_id, observation_id, observation_no, received_at,
        'status_not_accepted' AS reason,
        receipt_status AS status,
        CAST(NULL AS VARCHAR) AS measurement,
        'quote' AS judged_on
    FROM allowed
    WHERE strict
        AND CASE
            WHEN accepted_statuses IS NULL
            THEN lower(receipt_status)
                IN ('outofdate', 'outofdateconfigurationneeded', 'revoked')
            ELSE strpos(accepted_statuses, ' ' || lower(receipt_status) || ' ') = 0
        END
    UNION ALL
    SELECT
        subject_type, subject_id, observation_id, observation_no, received_at,
        'status_not_accepted' AS reason,
        claimed_tcb_level AS status,
        CAST(NULL AS VARCHAR) AS measurement,
        'claims' AS judged_on
    FROM allowed
    WHERE strict
        AND CASE
            WHEN accepted_statuses IS NULL
            THEN claimed_level
                IN ('outofdate', 'outofdateconfigurationneeded', 'revoked')
            ELSE strpos(accepted_statuses, ' ' || claimed_level || ' ') = 0
                AND claimed_level IN (
                    'uptodate', 'swhardeningneeded', 'configurationneeded',
                    'configurationandswhardeningneeded', 'outofdate',
                    'outofdateconfigurationneeded', 'revoked', 'tdrelaunchadvised',
                    'tdrelaunchadvisedconfigurationneeded'
                )
        END
),
-- One sighting may contradict on both the recomputed and the logged status: list it once.
sighting AS (
    SELECT DISTINCT
        subject_type, subject_id, reason, observation_id, observation_no, received_at
    FROM contradiction
),
told AS (
    SELECT
        subject_type, subject_id, reason,
        min(received_at) AS first_seen,
        max(received_at) AS last_seen,
        count(*) AS sightings,
        string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
            AS observation_ids
    FROM sighting
    GROUP BY subject_type, subject_id, reason
),
cause AS (
    SELECT
        subject_type, subject_id, reason,
        list_sort(list(DISTINCT status) FILTER (WHERE status IS NOT NULL)) AS statuses,
        list_sort(list(DISTINCT measurement) FILTER (WHERE measurement IS NOT NULL))
            AS measurements,
        list_sort(list(DISTINCT judged_on)) AS judged_on
    FROM contradiction
    GROUP BY subject_type, subject_id, reason
)
SELECT
    t.subject_type,
    t.subject_id,
    t.first_seen,
    t.last_seen,
    t.observation_ids,
    'critical' AS severity,
    CASE t.reason
        WHEN 'unapproved_measurement' THEN 'The policy allowed a measurement that is not approved'
        ELSE 'A STRICT policy allowed a TCB status that it does not accept: '
            || coalesce(array_to_string(c.statuses, ', '), '')
    END
    || ' (' || CAST(t.sightings AS VARCHAR) || ' sighting(s))' AS summary,
    CAST(to_json({
        'reason': t.reason,
        'statuses': c.statuses,
        'measurements': c.measurements,
        'judged_on': c.judged_on,
        'sightings': t.sightings
    }) AS VARCHAR) AS details
FROM told AS t
JOIN cause AS c
    ON c.subject_type = t.subject_type
    AND c.subject_id = t.subject_id
    AND c.reason = t.reason
ORDER BY subject_type, subject_id, details
