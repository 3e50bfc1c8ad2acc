-- ---
-- id = "policy-contradiction"
-- title = "Allowed by the policy that forbids it"
-- version = 9
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
-- nulls = "allowed events that lack what the comparison needs are counted as not evaluable, and so are claims that a reference value may approve, where none does by what was logged; an event without a mode has the policy's; a logged level that is none of Intel's names is not compared"
-- clocks = "the verifier's against the approver's, which nothing ties together: an approval is from a day to a day, and a sighting within the clocks' reach of its ends is told without a margin"
-- false_positives = ["a policy exception that the manifest does not record", "a manifest newer than the verifier's policy"]
-- blind_spots = ["evidence whose policy decision was not logged"]
-- attack = ["policy bypass", "compromised verifier"]
-- spec = ["RFC 9334, section 8.5 (appraisal policies)", "detector D39"]
-- created = 2026-11-23
-- updated = 2026-12-01
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [details]
-- reason = "unapproved_measurement or status_not_accepted"
-- statuses = "TCB statuses that were allowed and are not accepted: recomputed at receipt, and logged, in whatever spelling"
-- measurements = "measurements that were allowed and are not approved"
-- judged_on = "quote: its own bytes; claims: the verifier's words, where no quote was kept"
-- sightings = "number of sightings"
-- [sides]
-- fact = "measurement"
-- "the policy's verdict" = "reason"
-- "allowed all the same" = "measurements"
-- [[not_evaluable]]
-- reason = "allowed, but the case has no reference values"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation
-- WHERE claimed_policy_allowed AND NOT EXISTS (SELECT 1 FROM reference_value)"""
-- [[not_evaluable]]
-- reason = "allowed without a quote, and neither the mrenclave nor the mrsigner claim can be read"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM claim
-- WHERE coalesce(mrenclave, mrsigner) IS NULL"""
-- [[not_evaluable]]
-- reason = "allowed without a quote, and what a reference value asks is missing in the claims or malformed"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM (
--     SELECT c.observation_no
--     FROM claim AS c
--     JOIN claimed AS b
--         ON b.workload_id IS NOT DISTINCT FROM c.workload_id
--         AND b.mrenclave IS NOT DISTINCT FROM c.mrenclave
--         AND b.mrsigner IS NOT DISTINCT FROM c.mrsigner
--         AND b.isv_prodid IS NOT DISTINCT FROM c.isv_prodid
--         AND b.isv_svn IS NOT DISTINCT FROM c.isv_svn
--     JOIN claimed_approval AS y
--         ON y.build_no = b.build_no
--         AND coalesce(c.received_at >= y.valid_from, TRUE)
--         AND coalesce(c.received_at < y.valid_to, TRUE)
--     GROUP BY c.observation_no
--     HAVING NOT bool_or(y.certain)
-- ) AS hanging"""
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
--         coalesce(v.status, o.claimed_status) IS NULL
--         OR (
--             p.accept IS NULL
--             AND lower(coalesce(v.status, o.claimed_status)) NOT IN (
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
-- A claim of impossible form says nothing; what stands beside it may.
claim AS (
    SELECT
        observation_no, received_at, workload_id,
        CASE
            WHEN NOT coalesce(list_contains(malformed_claims, 'mrenclave'), FALSE)
                THEN claimed_mrenclave
        END AS mrenclave,
        CASE
            WHEN NOT coalesce(list_contains(malformed_claims, 'mrsigner'), FALSE)
                THEN claimed_mrsigner
        END AS mrsigner,
        CASE
            WHEN NOT coalesce(list_contains(malformed_claims, 'isv_prodid'), FALSE)
                THEN claimed_isv_prodid
        END AS isv_prodid,
        CASE
            WHEN NOT coalesce(list_contains(malformed_claims, 'isv_svn'), FALSE)
                THEN claimed_isv_svn
        END AS isv_svn
    FROM observation
    WHERE claimed_policy_allowed AND quote_no IS NULL
),
-- Sightings are many, builds are few; each has the number of one of its sightings.
quoted AS (
    SELECT
        min(o.observation_no) AS build_no, o.workload_id, q.mrenclave, q.mrsigner, q.isv_prodid,
        q.isv_svn, q.mrtd, q.rtmr0, q.rtmr1, q.rtmr2, q.rtmr3, q.measurement, q.host_data,
        min(o.received_at) AS first_at, max(o.received_at) AS last_at
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    WHERE o.claimed_policy_allowed
    GROUP BY
        o.workload_id, q.mrenclave, q.mrsigner, q.isv_prodid, q.isv_svn, q.mrtd, q.rtmr0, q.rtmr1,
        q.rtmr2, q.rtmr3, q.measurement, q.host_data
),
claimed AS (
    SELECT
        min(observation_no) AS build_no, workload_id, mrenclave, mrsigner, isv_prodid, isv_svn,
        min(received_at) AS first_at, max(received_at) AS last_at
    FROM claim
    WHERE coalesce(mrenclave, mrsigner) IS NOT NULL
    GROUP BY workload_id, mrenclave, mrsigner, isv_prodid, isv_svn
),
-- Evidence of a workload that no manifest names is judged against all.
quoted_approval AS (
    SELECT b.build_no, r.valid_from, r.valid_to
    FROM quoted AS b
    LEFT JOIN named_workload AS n ON n.workload_id = b.workload_id
    JOIN reference_value AS r ON (r.workload_id = b.workload_id OR n.workload_id IS NULL)
        AND (
            r.mrenclave IS NOT NULL OR r.mrsigner IS NOT NULL OR r.mrtd IS NOT NULL
            OR r.measurement IS NOT NULL
        )
        AND (r.mrenclave IS NULL OR r.mrenclave = b.mrenclave)
        AND (r.mrsigner IS NULL OR r.mrsigner = b.mrsigner)
        AND (r.isv_prodid IS NULL OR r.isv_prodid = b.isv_prodid)
        AND coalesce(b.isv_svn >= r.min_isv_svn, r.min_isv_svn IS NULL)
        AND (r.mrtd IS NULL OR r.mrtd = b.mrtd)
        AND (r.rtmr0 IS NULL OR r.rtmr0 = b.rtmr0)
        AND (r.rtmr1 IS NULL OR r.rtmr1 = b.rtmr1)
        AND (r.rtmr2 IS NULL OR r.rtmr2 = b.rtmr2)
        AND (r.rtmr3 IS NULL OR r.rtmr3 = b.rtmr3)
        AND (r.measurement IS NULL OR r.measurement = b.measurement)
        AND (r.host_data IS NULL OR r.host_data = b.host_data)
),
-- Claims fit as far as they go; it is certain only where all that the value names was claimed.
claimed_approval AS (
    SELECT
        b.build_no,
        (r.mrenclave IS NULL OR b.mrenclave IS NOT NULL)
        AND (r.mrsigner IS NULL OR b.mrsigner IS NOT NULL)
        AND (r.isv_prodid IS NULL OR b.isv_prodid IS NOT NULL)
        AND (r.min_isv_svn IS NULL OR b.isv_svn IS NOT NULL) AS certain,
        r.valid_from, r.valid_to
    FROM claimed AS b
    LEFT JOIN named_workload AS n ON n.workload_id = b.workload_id
    JOIN reference_value AS r ON (r.workload_id = b.workload_id OR n.workload_id IS NULL)
        AND (r.mrenclave IS NOT NULL OR r.mrsigner IS NOT NULL)
        AND coalesce(
            r.mrtd, r.rtmr0, r.rtmr1, r.rtmr2, r.rtmr3, r.measurement, r.host_data
        ) IS NULL
        AND coalesce(r.mrenclave = b.mrenclave, TRUE)
        AND coalesce(r.mrsigner = b.mrsigner, TRUE)
        AND coalesce(r.isv_prodid = b.isv_prodid, TRUE)
        AND coalesce(b.isv_svn >= r.min_isv_svn, TRUE)
),
approval AS (
    SELECT build_no, valid_from, valid_to
    FROM quoted_approval
    UNION ALL
    SELECT build_no, valid_from, valid_to
    FROM claimed_approval
),
build AS (
    SELECT
        build_no, FALSE AS by_claims, coalesce(mrenclave, mrtd, measurement, mrsigner) AS shown,
        first_at, last_at
    FROM quoted
    UNION ALL
    SELECT
        build_no, TRUE AS by_claims, coalesce(mrenclave, mrsigner) AS shown, first_at, last_at
    FROM claimed
),
-- No one reference value is valid from the first time that the build was allowed to the last.
doubtful AS (
    SELECT b.build_no, b.by_claims, b.shown
    FROM build AS b
    LEFT JOIN approval AS y
        ON y.build_no = b.build_no
        AND coalesce(b.first_at >= y.valid_from, TRUE)
        AND coalesce(b.last_at < y.valid_to, TRUE)
    WHERE y.build_no IS NULL AND EXISTS (SELECT 1 FROM reference_value)
),
suspect AS (
    SELECT o.observation_no, o.received_at, d.build_no, d.by_claims, d.shown
    FROM doubtful AS d
    JOIN quoted AS b ON b.build_no = d.build_no
    JOIN quote AS q
        ON q.mrenclave IS NOT DISTINCT FROM b.mrenclave
        AND q.mrsigner IS NOT DISTINCT FROM b.mrsigner
        AND q.isv_prodid IS NOT DISTINCT FROM b.isv_prodid
        AND q.isv_svn IS NOT DISTINCT FROM b.isv_svn
        AND q.mrtd IS NOT DISTINCT FROM b.mrtd
        AND q.rtmr0 IS NOT DISTINCT FROM b.rtmr0
        AND q.rtmr1 IS NOT DISTINCT FROM b.rtmr1
        AND q.rtmr2 IS NOT DISTINCT FROM b.rtmr2
        AND q.rtmr3 IS NOT DISTINCT FROM b.rtmr3
        AND q.measurement IS NOT DISTINCT FROM b.measurement
        AND q.host_data IS NOT DISTINCT FROM b.host_data
    JOIN observation AS o
        ON o.quote_no = q.quote_no AND o.workload_id IS NOT DISTINCT FROM b.workload_id
    WHERE o.claimed_policy_allowed
    UNION ALL
    SELECT c.observation_no, c.received_at, d.build_no, d.by_claims, d.shown
    FROM doubtful AS d
    JOIN claimed AS b ON b.build_no = d.build_no
    JOIN claim AS c
        ON c.workload_id IS NOT DISTINCT FROM b.workload_id
        AND c.mrenclave IS NOT DISTINCT FROM b.mrenclave
        AND c.mrsigner IS NOT DISTINCT FROM b.mrsigner
        AND c.isv_prodid IS NOT DISTINCT FROM b.isv_prodid
        AND c.isv_svn IS NOT DISTINCT FROM b.isv_svn
),
unapproved AS (
    SELECT s.observation_no, s.by_claims, s.shown AS measurement
    FROM suspect AS s
    LEFT JOIN approval AS y
        ON y.build_no = s.build_no
        AND coalesce(s.received_at >= y.valid_from, TRUE)
        AND coalesce(s.received_at < y.valid_to, TRUE)
    WHERE y.build_no IS NULL
),
-- Where no policy lists what it accepts, no STRICT one accepts a platform that is out of date.
policy_text AS (
    SELECT
        p.mode,
        ' ' || replace(replace(lower(array_to_string(p.accept, ' ')), '_', ''), '-', '') || ' '
            AS accepted
    FROM (SELECT 1 AS one) AS always
    LEFT JOIN policy AS p ON TRUE
),
refused AS (
    SELECT s.status, p.mode
    FROM (
        SELECT status FROM verdict WHERE moment = 'receipt'
        UNION
        SELECT claimed_status AS status FROM observation
    ) AS s
    JOIN policy_text AS p
        ON CASE
            WHEN p.accepted IS NULL
            THEN lower(s.status) IN ('outofdate', 'outofdateconfigurationneeded', 'revoked')
            ELSE strpos(p.accepted, ' ' || lower(s.status) || ' ') = 0
        END
),
offence AS (
    SELECT
        observation_no,
        'unapproved_measurement' AS reason,
        CAST(NULL AS VARCHAR) AS status,
        measurement,
        CASE WHEN by_claims THEN 'claims' ELSE 'quote' END AS judged_on
    FROM unapproved
    UNION ALL
    SELECT
        o.observation_no,
        'status_not_accepted' AS reason,
        v.status,
        CAST(NULL AS VARCHAR) AS measurement,
        'quote' AS judged_on
    FROM observation AS o
    JOIN verdict AS v ON v.observation_no = o.observation_no AND v.moment = 'receipt'
    JOIN refused AS r ON r.status = v.status
    WHERE o.claimed_policy_allowed AND upper(coalesce(o.claimed_policy_mode, r.mode)) = 'STRICT'
    UNION ALL
    SELECT
        o.observation_no,
        'status_not_accepted' AS reason,
        o.claimed_status AS status,
        CAST(NULL AS VARCHAR) AS measurement,
        'claims' AS judged_on
    FROM observation AS o
    JOIN refused AS r ON r.status = o.claimed_status
    WHERE o.claimed_policy_allowed AND upper(coalesce(o.claimed_policy_mode, r.mode)) = 'STRICT'
),
contradiction AS (
    SELECT
        CASE
            WHEN o.enclave_id IS NOT NULL THEN 'enclave'
            WHEN o.container_id IS NOT NULL THEN 'container'
            WHEN o.quote_id IS NOT NULL THEN 'quote'
            ELSE 'observation'
        END AS subject_type,
        coalesce(o.enclave_id, o.container_id, o.quote_id, o.observation_id) AS subject_id,
        o.observation_id, o.observation_no, o.received_at,
        x.reason, x.status, x.measurement, x.judged_on
    FROM offence AS x
    JOIN observation AS o ON o.observation_no = x.observation_no
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
