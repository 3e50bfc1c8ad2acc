-- ---
-- id = "doppelganger-quote"
-- title = "A good quote of code that nobody approved"
-- version = 4
-- fingerprint_version = 1
-- status = "stable"
-- severity = "critical"
-- sig = false
-- question = "Which accepted evidence shows a measurement, signer or version outside the reference values of its time?"
-- why = "A valid quote on a healthy platform proves which code runs, not that it is yours. Whoever accepts it without reference values trusts a look-alike."
-- inputs = ["observation", "quote", "reference_value", "verdict", "workload"]
-- requires = ["reference_value"]
-- scope = ["observation_id"]
-- discriminator = ["workload_id"]
-- grain = "one row per measurement and workload"
-- nulls = "without a time every validity window counts; a claim that was not logged contradicts nothing; a malformed claim is judged by the others, and it and missing ones are counted as not evaluable"
-- clocks = "the verifier's against the approver's, which nothing ties together: an approval is from a day to a day, and a sighting within the clocks' reach of its ends is told without a margin"
-- false_positives = ["a build whose approval was recorded late", "a manifest that leaves a workload out"]
-- blind_spots = ["an approved measurement in the wrong hands", "what a reference value does not name is not compared"]
-- attack = ["look-alike enclave", "unapproved build"]
-- spec = ["RFC 9334, section 8.3 (reference values)", "detector D41"]
-- created = 2026-11-23
-- updated = 2026-11-29
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [details]
-- workload_id = "workload as logged; null when none was"
-- judged_on = "quote: its own bytes; claims: the verifier's words, where no quote was kept"
-- reasons = "outside_validity, svn_below_minimum, unknown_measurement (of a known signer), unknown_signer"
-- mrsigner = "SGX signer"
-- isv_svns = "ISVSVNs seen"
-- enclaves = "enclave ids that presented it"
-- sightings = "number of sightings"
-- [[not_evaluable]]
-- reason = "verdict OK without a quote, and mrenclave or mrsigner claims that cannot be read"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation
-- WHERE claimed_ok
--     AND quote_id IS NULL
--     AND (
--         coalesce(claimed_mrenclave, claimed_mrsigner) IS NULL
--         OR coalesce(list_contains(malformed_claims, 'mrenclave'), FALSE)
--         OR coalesce(list_contains(malformed_claims, 'mrsigner'), FALSE)
--     )"""
-- ---
WITH named_workload AS (
    SELECT workload_id FROM workload WHERE workload_id IS NOT NULL
    UNION
    SELECT workload_id FROM reference_value WHERE workload_id IS NOT NULL
),
known_signer AS (
    SELECT DISTINCT mrsigner FROM reference_value WHERE mrsigner IS NOT NULL
),
-- A digest of impossible form says nothing; what stands beside it may.
readable AS (
    SELECT
        observation_no,
        CASE
            WHEN NOT coalesce(list_contains(malformed_claims, 'mrenclave'), FALSE)
                THEN claimed_mrenclave
        END AS mrenclave,
        CASE
            WHEN NOT coalesce(list_contains(malformed_claims, 'mrsigner'), FALSE)
                THEN claimed_mrsigner
        END AS mrsigner
    FROM observation
    WHERE quote_id IS NULL
),
-- What each accepted piece of evidence says that it is.
statement AS (
    SELECT
        o.observation_id, o.observation_no, o.received_at, o.enclave_id, o.workload_id,
        n.workload_id IS NOT NULL AS workload_named,
        q.quote_id IS NULL AS by_claims,
        CASE WHEN q.quote_id IS NULL THEN c.mrenclave ELSE q.mrenclave END AS mrenclave,
        CASE WHEN q.quote_id IS NULL THEN c.mrsigner ELSE q.mrsigner END AS mrsigner,
        CASE WHEN q.quote_id IS NULL THEN o.claimed_isv_prodid ELSE q.isv_prodid END AS isv_prodid,
        CASE WHEN q.quote_id IS NULL THEN o.claimed_isv_svn ELSE q.isv_svn END AS isv_svn,
        q.mrtd, q.rtmr0, q.rtmr1, q.rtmr2, q.rtmr3, q.measurement AS snp_measurement, q.host_data
    FROM observation AS o
    LEFT JOIN quote AS q ON q.quote_no = o.quote_no
    LEFT JOIN readable AS c ON c.observation_no = o.observation_no
    LEFT JOIN verdict AS v
        ON v.observation_no = o.observation_no AND v.moment = 'receipt'
    LEFT JOIN named_workload AS n ON n.workload_id = o.workload_id
    WHERE (coalesce(o.claimed_ok, FALSE) OR coalesce(v.outcome = 'accepted', FALSE))
        AND (q.quote_id IS NOT NULL OR coalesce(c.mrenclave, c.mrsigner) IS NOT NULL)
),
-- The reference values that a statement fits, and in what it falls short of them. Evidence of a
-- workload that no manifest names is judged against all.
fit AS (
    SELECT
        s.observation_no,
        coalesce(
            s.isv_svn >= r.min_isv_svn, r.min_isv_svn IS NULL OR s.by_claims
        ) AS svn_fits,
        coalesce(s.received_at >= r.valid_from, TRUE)
        AND coalesce(s.received_at < r.valid_to, TRUE) AS in_time
    FROM statement AS s
    JOIN reference_value AS r ON (r.workload_id = s.workload_id OR NOT s.workload_named)
        AND (
            r.mrenclave IS NOT NULL OR r.mrsigner IS NOT NULL OR r.mrtd IS NOT NULL
            OR r.measurement IS NOT NULL
        )
        AND (
            r.mrenclave IS NULL OR r.mrenclave = s.mrenclave
            OR (s.by_claims AND s.mrenclave IS NULL)
        )
        AND (
            r.mrsigner IS NULL OR r.mrsigner = s.mrsigner
            OR (s.by_claims AND s.mrsigner IS NULL)
        )
        AND (
            r.isv_prodid IS NULL OR r.isv_prodid = s.isv_prodid
            OR (s.by_claims AND s.isv_prodid IS NULL)
        )
        AND (r.mrtd IS NULL OR r.mrtd = s.mrtd)
        AND (r.rtmr0 IS NULL OR r.rtmr0 = s.rtmr0)
        AND (r.rtmr1 IS NULL OR r.rtmr1 = s.rtmr1)
        AND (r.rtmr2 IS NULL OR r.rtmr2 = s.rtmr2)
        AND (r.rtmr3 IS NULL OR r.rtmr3 = s.rtmr3)
        AND (r.measurement IS NULL OR r.measurement = s.snp_measurement)
        AND (r.host_data IS NULL OR r.host_data = s.host_data)
),
best AS (
    SELECT
        observation_no,
        bool_or(svn_fits AND in_time) AS approved,
        bool_or(in_time) AS fits_in_time
    FROM fit
    GROUP BY observation_no
),
unapproved AS (
    SELECT
        s.observation_id, s.observation_no, s.received_at, s.enclave_id, s.workload_id,
        s.mrsigner, s.isv_svn,
        coalesce(s.mrenclave, s.mrtd, s.snp_measurement, s.mrsigner) AS measurement,
        CASE
            WHEN coalesce(s.mrenclave, s.mrtd, s.snp_measurement) IS NULL THEN 'signer'
            ELSE 'measurement'
        END AS subject_type,
        CASE WHEN s.by_claims THEN 'claims' ELSE 'quote' END AS judged_on,
        CASE
            WHEN b.fits_in_time THEN 'svn_below_minimum'
            WHEN b.observation_no IS NOT NULL THEN 'outside_validity'
            WHEN s.mrsigner IS NULL OR k.mrsigner IS NOT NULL THEN 'unknown_measurement'
            ELSE 'unknown_signer'
        END AS reason
    FROM statement AS s
    LEFT JOIN best AS b ON b.observation_no = s.observation_no
    LEFT JOIN known_signer AS k ON k.mrsigner = s.mrsigner
    WHERE NOT coalesce(b.approved, FALSE)
)
SELECT
    subject_type,
    measurement AS subject_id,
    min(received_at) AS first_seen,
    max(received_at) AS last_seen,
    string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
        AS observation_ids,
    'critical' AS severity,
    'Accepted, but not approved' || coalesce(' for workload ' || workload_id, '') || ': '
    || array_to_string(list_sort(list(DISTINCT reason)), ', ') || ' ('
    || CAST(count(*) AS VARCHAR) || ' sighting(s), judged on '
    || array_to_string(list_sort(list(DISTINCT judged_on)), ' and ') || ')' AS summary,
    CAST(to_json({
        'workload_id': workload_id,
        'judged_on': list_sort(list(DISTINCT judged_on)),
        'reasons': list_sort(list(DISTINCT reason)),
        'mrsigner': min(mrsigner),
        'isv_svns': list_sort(list(DISTINCT isv_svn) FILTER (WHERE isv_svn IS NOT NULL)),
        'enclaves': list_sort(list(DISTINCT enclave_id) FILTER (WHERE enclave_id IS NOT NULL)),
        'sightings': count(*)
    }) AS VARCHAR) AS details
FROM unapproved
GROUP BY subject_type, measurement, workload_id
ORDER BY subject_type, subject_id, details
