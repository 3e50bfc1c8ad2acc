-- ---
-- id = "doppelganger-quote"
-- title = "A good quote of code that nobody approved"
-- version = 7
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
-- nulls = "without a time every validity window counts; a missing or malformed claim contradicts nothing and meets nothing: evidence that a reference value may approve, and none does by what was logged, is counted as not evaluable"
-- clocks = "the verifier's against the approver's, which nothing ties together: an approval is from a day to a day, and a sighting within the clocks' reach of its ends is told without a margin"
-- false_positives = ["a build whose approval was recorded late", "a manifest that leaves a workload out"]
-- blind_spots = ["an approved measurement in the wrong hands", "what a reference value does not name is not compared"]
-- attack = ["look-alike enclave", "unapproved build"]
-- spec = ["RFC 9334, section 8.3 (reference values)", "detector D41"]
-- created = 2026-11-23
-- updated = 2026-12-01
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [details]
-- workload_id = "workload as logged; null when none was"
-- judged_on = "quote: its own bytes; claims: the verifier's words, where no quote was kept"
-- reasons = "outside_validity, svn_below_minimum, unknown_measurement (of a known signer), unknown_signer"
-- mrsigner = "SGX signer"
-- isv_svns = "ISVSVNs seen"
-- enclaves = "enclave ids that presented it"
-- sightings = "number of sightings"
-- [sides]
-- fact = "measurement"
-- "the reference values say" = "reasons"
-- "accepted all the same" = "subject_id"
-- [[not_evaluable]]
-- reason = "verdict OK without a quote, and neither the mrenclave nor the mrsigner claim can be read"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM claim
-- WHERE coalesce(mrenclave, mrsigner) IS NULL"""
-- [[not_evaluable]]
-- reason = "verdict OK without a quote, and what a reference value asks is missing in the claims or malformed"
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
--     JOIN claimed_fit AS f
--         ON f.build_no = b.build_no
--         AND f.svn_fits
--         AND coalesce(c.received_at >= f.valid_from, TRUE)
--         AND coalesce(c.received_at < f.valid_to, TRUE)
--     GROUP BY c.observation_no
--     HAVING NOT bool_or(f.certain)
-- ) AS hanging"""
-- [[not_evaluable]]
-- reason = "quote without a word from its verifier, and without a verdict of its own: whether it was accepted is not known"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- LEFT JOIN verdict AS v ON v.observation_no = o.observation_no AND v.moment = 'receipt'
-- WHERE o.claimed_ok IS NULL AND coalesce(q.proven, TRUE)
--     AND coalesce(v.outcome, 'undetermined') = 'undetermined'"""
-- ---
WITH named_workload AS (
    SELECT workload_id FROM workload WHERE workload_id IS NOT NULL
    UNION
    SELECT workload_id FROM reference_value WHERE workload_id IS NOT NULL
),
known_signer AS (
    SELECT DISTINCT mrsigner FROM reference_value WHERE mrsigner IS NOT NULL
),
-- A claim of impossible form says nothing; what stands beside it may.
claim AS (
    SELECT
        o.observation_no, o.received_at, o.workload_id,
        CASE
            WHEN NOT coalesce(list_contains(o.malformed_claims, 'mrenclave'), FALSE)
                THEN o.claimed_mrenclave
        END AS mrenclave,
        CASE
            WHEN NOT coalesce(list_contains(o.malformed_claims, 'mrsigner'), FALSE)
                THEN o.claimed_mrsigner
        END AS mrsigner,
        CASE
            WHEN NOT coalesce(list_contains(o.malformed_claims, 'isv_prodid'), FALSE)
                THEN o.claimed_isv_prodid
        END AS isv_prodid,
        CASE
            WHEN NOT coalesce(list_contains(o.malformed_claims, 'isv_svn'), FALSE)
                THEN o.claimed_isv_svn
        END AS isv_svn
    FROM observation AS o
    LEFT JOIN verdict AS v
        ON v.observation_no = o.observation_no AND v.moment = 'receipt' AND v.outcome = 'accepted'
    WHERE o.quote_id IS NULL AND (coalesce(o.claimed_ok, FALSE) OR v.observation_no IS NOT NULL)
),
-- What accepted evidence says that it is. Sightings are many, builds are few; each has the number
-- of one of its sightings.
quoted AS (
    SELECT
        min(o.observation_no) AS build_no, o.workload_id, q.mrenclave, q.mrsigner, q.isv_prodid,
        q.isv_svn, q.mrtd, q.rtmr0, q.rtmr1, q.rtmr2, q.rtmr3, q.measurement, q.host_data,
        min(o.received_at) AS first_at, max(o.received_at) AS last_at
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    LEFT JOIN verdict AS v
        ON v.observation_no = o.observation_no AND v.moment = 'receipt' AND v.outcome = 'accepted'
    WHERE coalesce(o.claimed_ok, FALSE) OR v.observation_no IS NOT NULL
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
-- The reference values that a build fits, but perhaps for its SVN or the time. Evidence of a
-- workload that no manifest names is judged against all.
quoted_fit AS (
    SELECT
        b.build_no, coalesce(b.isv_svn >= r.min_isv_svn, r.min_isv_svn IS NULL) AS svn_fits,
        r.valid_from, r.valid_to
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
        AND (r.mrtd IS NULL OR r.mrtd = b.mrtd)
        AND (r.rtmr0 IS NULL OR r.rtmr0 = b.rtmr0)
        AND (r.rtmr1 IS NULL OR r.rtmr1 = b.rtmr1)
        AND (r.rtmr2 IS NULL OR r.rtmr2 = b.rtmr2)
        AND (r.rtmr3 IS NULL OR r.rtmr3 = b.rtmr3)
        AND (r.measurement IS NULL OR r.measurement = b.measurement)
        AND (r.host_data IS NULL OR r.host_data = b.host_data)
),
-- Claims fit as far as they go; it is certain only where all that the value names was claimed.
claimed_fit AS (
    SELECT
        b.build_no, coalesce(b.isv_svn >= r.min_isv_svn, TRUE) AS svn_fits,
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
),
fit AS (
    SELECT build_no, svn_fits, valid_from, valid_to
    FROM quoted_fit
    UNION ALL
    SELECT build_no, svn_fits, valid_from, valid_to
    FROM claimed_fit
),
build AS (
    SELECT
        build_no, FALSE AS by_claims, workload_id, mrsigner, isv_svn,
        coalesce(mrenclave, mrtd, measurement) AS code, first_at, last_at
    FROM quoted
    UNION ALL
    SELECT
        build_no, TRUE AS by_claims, workload_id, mrsigner, isv_svn, mrenclave AS code,
        first_at, last_at
    FROM claimed
),
-- No one reference value approves it from the first time that it was accepted to the last.
doubtful AS (
    SELECT
        b.build_no, b.by_claims, b.workload_id, b.mrsigner, b.isv_svn,
        coalesce(b.code, b.mrsigner) AS measurement,
        CASE WHEN b.code IS NULL THEN 'signer' ELSE 'measurement' END AS subject_type
    FROM build AS b
    LEFT JOIN fit AS f
        ON f.build_no = b.build_no
        AND f.svn_fits
        AND coalesce(b.first_at >= f.valid_from, TRUE)
        AND coalesce(b.last_at < f.valid_to, TRUE)
    WHERE f.build_no IS NULL
),
suspect AS (
    SELECT o.observation_no, o.received_at, b.build_no
    FROM (
        SELECT
            build_no, workload_id, mrenclave, mrsigner, isv_prodid, isv_svn, mrtd, rtmr0, rtmr1,
            rtmr2, rtmr3, measurement, host_data
        FROM quoted
        WHERE build_no IN (SELECT build_no FROM doubtful)
    ) AS b
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
    LEFT JOIN verdict AS v
        ON v.observation_no = o.observation_no AND v.moment = 'receipt' AND v.outcome = 'accepted'
    WHERE coalesce(o.claimed_ok, FALSE) OR v.observation_no IS NOT NULL
    UNION ALL
    SELECT c.observation_no, c.received_at, b.build_no
    FROM (
        SELECT build_no, workload_id, mrenclave, mrsigner, isv_prodid, isv_svn
        FROM claimed
        WHERE build_no IN (SELECT build_no FROM doubtful)
    ) AS b
    JOIN claim AS c
        ON c.workload_id IS NOT DISTINCT FROM b.workload_id
        AND c.mrenclave IS NOT DISTINCT FROM b.mrenclave
        AND c.mrsigner IS NOT DISTINCT FROM b.mrsigner
        AND c.isv_prodid IS NOT DISTINCT FROM b.isv_prodid
        AND c.isv_svn IS NOT DISTINCT FROM b.isv_svn
),
best AS (
    SELECT
        s.observation_no, s.build_no, count(f.build_no) > 0 AS fits,
        bool_or(
            coalesce(f.svn_fits, FALSE)
            AND coalesce(s.received_at >= f.valid_from, TRUE)
            AND coalesce(s.received_at < f.valid_to, TRUE)
        ) AS approved,
        bool_or(
            f.build_no IS NOT NULL
            AND coalesce(s.received_at >= f.valid_from, TRUE)
            AND coalesce(s.received_at < f.valid_to, TRUE)
        ) AS fits_in_time
    FROM suspect AS s
    LEFT JOIN fit AS f ON f.build_no = s.build_no
    GROUP BY s.observation_no, s.build_no
),
unapproved AS (
    SELECT
        o.observation_id, o.observation_no, o.received_at, o.enclave_id, d.workload_id,
        d.mrsigner, d.isv_svn, d.measurement, d.subject_type,
        CASE WHEN d.by_claims THEN 'claims' ELSE 'quote' END AS judged_on,
        CASE
            WHEN b.fits_in_time THEN 'svn_below_minimum'
            WHEN b.fits THEN 'outside_validity'
            WHEN d.mrsigner IS NULL OR k.mrsigner IS NOT NULL THEN 'unknown_measurement'
            ELSE 'unknown_signer'
        END AS reason
    FROM best AS b
    JOIN doubtful AS d ON d.build_no = b.build_no
    JOIN observation AS o ON o.observation_no = b.observation_no
    LEFT JOIN known_signer AS k ON k.mrsigner = d.mrsigner
    WHERE NOT b.approved
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
