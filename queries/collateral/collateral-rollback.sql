-- ---
-- id = "collateral-rollback"
-- title = "Collateral that goes back"
-- version = 5
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = false
-- question = "Which verifier used an older TCB evaluation than it had used before, and where did issued collateral itself go back?"
-- why = "Old collateral calls vulnerable firmware up to date and does not know later revocations. It is still signed, so only its order gives it away."
-- inputs = ["collateral", "crl", "observation", "quote"]
-- scope = ["claimed_evaluation_number"]
-- suspects = "SELECT number AS claimed_evaluation_number FROM back"
-- apart = ["collateral", "crl"]
-- discriminator = ["kind", "series", "used"]
-- grain = "one row per verifier, platform family and number that it went back to; one per series of documents that went back"
-- nulls = "a number without a verifier's name or without a time has no order and is counted; a verdict logged without the number cannot be judged and is counted"
-- clocks = "one each: a verifier's uses are in the order of its own clock, issues in that of their issuer's dates; the two are never compared"
-- false_positives = ["caches behind one name that alternate for longer than cache_lifetime", "documents (low): Intel serves an early and a standard set side by side, and a case may hold both", "revocation lists (low): an authority may drop certificates that have expired"]
-- blind_spots = ["verifiers that do not log the TCB evaluation number", "a rollback within one evaluation number"]
-- attack = ["collateral rollback"]
-- spec = ["Intel PCS: tcbEvaluationDataNumber only grows with TCB recoveries", "RFC 5280, section 5.1.2.4 (thisUpdate)", "detector D28"]
-- created = 2026-11-23
-- updated = 2026-12-01
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [params.cache_lifetime]
-- type = "INTERVAL"
-- default = "1d"
-- meaning = "caches behind one verifier may disagree for this long after a newer number was first used"
-- [details]
-- kind = "verifier: it used an older number than before; document: a later issue has a lower number; revocation: a later list has fewer entries"
-- series = "TEE and FMSPC, enclave identity or issuer"
-- used = "the number gone back to: evaluation number, or entries of the list"
-- highest = "the highest before"
-- highest_at = "when that was first used or issued"
-- seconds_after = "how long after it the last use of the older one came, by the verifier's own clock"
-- sightings = "number of sightings, or of documents"
-- accepted = "sightings that the verifier called good; null for documents"
-- [sides]
-- fact = "number"
-- "highest before" = "highest"
-- "gone back to" = "used"
-- [[not_evaluable]]
-- reason = "evaluation number logged without a verifier's name or a time"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation
-- WHERE claimed_evaluation_number IS NOT NULL
--     AND (backend_verifier IS NULL OR received_at IS NULL)"""
-- [[not_evaluable]]
-- reason = "verdict logged without the evaluation number that the verifier used"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation
-- WHERE claimed_ok IS NOT NULL AND claimed_evaluation_number IS NULL"""
-- ---
WITH used AS (
    SELECT
        o.observation_id, o.observation_no, o.received_at, o.backend_verifier, o.claimed_ok,
        o.claimed_evaluation_number AS number,
        coalesce(upper(q.tee) || ' ' || q.fmspc, 'unknown platforms') AS series
    FROM observation AS o
    LEFT JOIN quote AS q ON q.quote_no = o.quote_no
    WHERE o.claimed_evaluation_number IS NOT NULL
        AND o.backend_verifier IS NOT NULL
        AND o.received_at IS NOT NULL
),
step AS (
    SELECT backend_verifier, series, number, min(received_at) AS first_at
    FROM used
    GROUP BY backend_verifier, series, number
),
-- The highest number that the verifier had used for longer than caches may disagree.
back AS (
    SELECT
        u.observation_id, u.observation_no, u.received_at, u.backend_verifier, u.claimed_ok,
        u.number, u.series,
        max(s.number) AS highest,
        arg_max(s.first_at, s.number) AS highest_at
    FROM used AS u
    JOIN step AS s
        ON s.backend_verifier = u.backend_verifier
        AND s.series = u.series
        AND s.number > u.number
        AND u.received_at > s.first_at + $cache_lifetime
    GROUP BY
        u.observation_id, u.observation_no, u.received_at, u.backend_verifier, u.claimed_ok,
        u.number, u.series
),
issue AS (
    SELECT
        'document' AS kind, collateral_id AS item_id, issued_at,
        CASE kind WHEN 'tcb_info' THEN id || ' ' || fmspc ELSE id END AS series,
        coalesce(array_to_string(root_ids, ' '), '') AS authority,
        tcb_evaluation_data_number AS number
    FROM collateral
    WHERE authentic AND issued_at IS NOT NULL AND tcb_evaluation_data_number IS NOT NULL
    UNION ALL
    SELECT 'revocation' AS kind, crl_id AS item_id, this_update AS issued_at, issuer AS series,
        coalesce(issuer_key_id, '') AS authority, revoked AS number
    FROM crl
    WHERE authentic AND this_update IS NOT NULL AND revoked IS NOT NULL
),
followed AS (
    SELECT
        kind, item_id, issued_at, series, authority, number,
        max(number) OVER earlier AS highest
    FROM issue
    WINDOW earlier AS (
        PARTITION BY kind, series, authority ORDER BY issued_at
        RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )
),
reissue AS (
    SELECT f.kind, f.series, f.number, f.issued_at, max(f.highest) AS highest,
        min(i.issued_at) AS highest_at
    FROM followed AS f
    JOIN issue AS i
        ON i.kind = f.kind AND i.series = f.series AND i.authority = f.authority
        AND i.number = f.highest
    WHERE f.number < f.highest AND i.issued_at < f.issued_at
    GROUP BY f.kind, f.series, f.number, f.issued_at
),
told AS (
    SELECT
        'verifier' AS subject_type, backend_verifier AS subject_id, 'verifier' AS kind, series,
        number AS used,
        max(highest) AS highest,
        arg_max(highest_at, highest) AS highest_at,
        min(received_at) AS first_seen,
        max(received_at) AS last_seen,
        string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
            AS observation_ids,
        count(*) AS sightings,
        CAST(sum(CASE WHEN claimed_ok THEN 1 ELSE 0 END) AS BIGINT) AS accepted
    FROM back
    GROUP BY backend_verifier, series, number
    UNION ALL
    SELECT
        'collateral' AS subject_type, series AS subject_id, kind, series, number AS used,
        max(highest) AS highest,
        arg_max(highest_at, highest) AS highest_at,
        min(issued_at) AS first_seen,
        max(issued_at) AS last_seen,
        CAST([] AS VARCHAR[]) AS observation_ids,
        count(*) AS sightings,
        CAST(NULL AS BIGINT) AS accepted
    FROM reissue
    GROUP BY series, kind, number
)
SELECT
    subject_type,
    subject_id,
    first_seen,
    last_seen,
    observation_ids,
    -- What merely lies in the archive was used by nobody, and Intel serves two sets side by side.
    CASE WHEN kind <> 'verifier' THEN 'low' WHEN accepted > 0 THEN 'high' ELSE 'medium' END
        AS severity,
    CASE kind
        WHEN 'verifier' THEN 'The verifier went back to TCB evaluation ' || CAST(used AS VARCHAR)
            || ' after it had used ' || CAST(highest AS VARCHAR)
        WHEN 'document' THEN 'A later issue has TCB evaluation ' || CAST(used AS VARCHAR)
            || ', an earlier one ' || CAST(highest AS VARCHAR)
        ELSE 'A later revocation list has ' || CAST(used AS VARCHAR)
            || ' entries, an earlier one ' || CAST(highest AS VARCHAR)
    END
    || ' (' || series || ')' AS summary,
    CAST(to_json({
        'kind': kind,
        'series': series,
        'used': used,
        'highest': highest,
        'highest_at': highest_at,
        'seconds_after': CAST(epoch(last_seen) - epoch(highest_at) AS BIGINT),
        'sightings': sightings,
        'accepted': accepted
    }) AS VARCHAR) AS details
FROM told
ORDER BY subject_type, subject_id, details
