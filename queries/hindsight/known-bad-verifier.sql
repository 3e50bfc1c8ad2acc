-- ---
-- id = "known-bad-verifier"
-- title = "Verdicts of a verifier build that is known to be broken"
-- version = 2
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = false
-- question = "Which verdicts came from a verifier with a known hole, and which of them would a sound verifier not have given?"
-- why = "An advisory about a verifier says that its past verdicts are worth nothing. The kept evidence says which of them were wrong."
-- inputs = ["observation", "verdict"]
-- scope = ["backend_verifier"]
-- suspects = "SELECT backend_verifier FROM bad"
-- discriminator = ["advisory"]
-- grain = "one row per verifier build and advisory"
-- nulls = "a verifier without a readable version is told by bad_builds alone; verdicts without a quote, or without collateral of the time, could not be judged again and make the finding medium"
-- false_positives = ["a build with the fix ported back", "a name that another product uses as well"]
-- blind_spots = ["advisories that the list in this query does not have: add them, or name the builds in bad_builds", "what the advisory's hole lets through that our own verification does not look at"]
-- attack = ["exploited verifier"]
-- spec = ["CVE-2026-22696", "detector D37"]
-- created = 2026-11-23
-- updated = 2026-11-30
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [params.bad_builds]
-- type = "VARCHAR[]"
-- default = ""
-- meaning = "backend_verifier texts, exactly as logged, that are known to be bad as well"
-- [details]
-- advisory = "id of the advisory; bad_builds: named by the parameter"
-- hole = "what the build did not do"
-- fixed_in = "first version without it; null: none"
-- rejected = "verdicts OK that verification today rejects: these are listed"
-- unjudged = "verdicts OK that could not be judged again; listed when none was rejected"
-- cleared = "verdicts OK that hold"
-- [sides]
-- fact = "verifier"
-- "its build does not do" = "hole"
-- "OK said to what fails, times" = "rejected"
-- ---
WITH advisory AS (
    SELECT 'dcap-qvl' AS product, '0.3.9' AS fixed_in, 'CVE-2026-22696' AS advisory,
        'the QE identity is not verified' AS hole
    UNION ALL
    SELECT 'dcap_qvl' AS product, '0.3.9' AS fixed_in, 'CVE-2026-22696' AS advisory,
        'the QE identity is not verified' AS hole
    UNION ALL
    SELECT '@phala/dcap-qvl' AS product, '0.3.9' AS fixed_in, 'CVE-2026-22696' AS advisory,
        'the QE identity is not verified' AS hole
    UNION ALL
    SELECT '@phala/dcap-qvl-node' AS product, CAST(NULL AS VARCHAR) AS fixed_in,
        'CVE-2026-22696' AS advisory, 'the QE identity is not verified' AS hole
    UNION ALL
    SELECT '@phala/dcap-qvl-web' AS product, CAST(NULL AS VARCHAR) AS fixed_in,
        'CVE-2026-22696' AS advisory, 'the QE identity is not verified' AS hole
),
build AS (
    SELECT DISTINCT backend_verifier FROM observation WHERE backend_verifier IS NOT NULL
),
-- "product/1.2.3", "product@v1.2.3", "product 1.2.3-rc1": what follows the name is the version.
named AS (
    SELECT
        b.backend_verifier, a.advisory, a.hole, a.fixed_in,
        CASE
            WHEN substring(lower(b.backend_verifier), length(a.product) + 2, 1) = 'v'
                THEN substring(b.backend_verifier, length(a.product) + 3)
            ELSE substring(b.backend_verifier, length(a.product) + 2)
        END AS version
    FROM build AS b
    JOIN advisory AS a
        ON substring(lower(b.backend_verifier), 1, length(a.product)) = a.product
        AND substring(b.backend_verifier, length(a.product) + 1, 1) IN ('/', '@', ' ', ':')
),
cut AS (
    SELECT
        backend_verifier, advisory, hole, fixed_in,
        string_split(string_split(string_split(version, '-')[1], '+')[1], '.') AS has,
        string_split(fixed_in, '.') AS needs
    FROM named
),
-- Numbers of one width compare as text.
bad AS (
    SELECT backend_verifier, advisory, hole, fixed_in
    FROM cut
    WHERE fixed_in IS NULL
        OR lpad(has[1], 9, '0') || lpad(coalesce(has[2], ''), 9, '0')
            || lpad(coalesce(has[3], ''), 9, '0')
        < lpad(needs[1], 9, '0') || lpad(needs[2], 9, '0') || lpad(needs[3], 9, '0')
    UNION
    SELECT backend_verifier, 'bad_builds' AS advisory, 'named by the parameter' AS hole,
        CAST(NULL AS VARCHAR) AS fixed_in
    FROM build
    WHERE list_contains($bad_builds, backend_verifier)
),
judged AS (
    SELECT
        b.backend_verifier, b.advisory, b.hole, b.fixed_in,
        o.observation_id, o.observation_no, o.received_at,
        CASE coalesce(v.outcome, 'undetermined')
            WHEN 'rejected' THEN 1 WHEN 'undetermined' THEN 2 ELSE 3
        END AS class
    FROM bad AS b
    JOIN observation AS o ON o.backend_verifier = b.backend_verifier AND o.claimed_ok
    LEFT JOIN verdict AS v ON v.observation_no = o.observation_no AND v.moment = 'receipt'
),
ranked AS (
    SELECT
        backend_verifier, advisory, hole, fixed_in, observation_id, observation_no, received_at,
        class,
        min(class) OVER (PARTITION BY backend_verifier, advisory) AS worst
    FROM judged
),
told AS (
    SELECT
        backend_verifier, advisory, worst,
        min(hole) AS hole,
        min(fixed_in) AS fixed_in,
        min(CASE WHEN class = worst THEN received_at END) AS first_seen,
        max(CASE WHEN class = worst THEN received_at END) AS last_seen,
        CASE WHEN worst < 3 THEN string_split(string_agg(
            CASE WHEN class = worst AND worst < 3 THEN observation_id END, ' '
            ORDER BY received_at, observation_no
        ), ' ') ELSE CAST([] AS VARCHAR[]) END AS observation_ids,
        CAST(sum(CASE class WHEN 1 THEN 1 ELSE 0 END) AS BIGINT) AS rejected,
        CAST(sum(CASE class WHEN 2 THEN 1 ELSE 0 END) AS BIGINT) AS unjudged,
        CAST(sum(CASE class WHEN 3 THEN 1 ELSE 0 END) AS BIGINT) AS cleared
    FROM ranked
    GROUP BY backend_verifier, advisory, worst
)
SELECT
    'verifier' AS subject_type,
    backend_verifier AS subject_id,
    first_seen,
    last_seen,
    observation_ids,
    CASE worst WHEN 1 THEN 'high' WHEN 2 THEN 'medium' ELSE 'info' END AS severity,
    backend_verifier || ' (' || advisory || ': ' || hole || '): '
    || CAST(rejected AS VARCHAR) || ' OK(s) that fail, ' || CAST(unjudged AS VARCHAR)
    || ' that could not be judged again, ' || CAST(cleared AS VARCHAR) || ' cleared' AS summary,
    CAST(to_json({
        'advisory': advisory,
        'hole': hole,
        'fixed_in': fixed_in,
        'rejected': rejected,
        'unjudged': unjudged,
        'cleared': cleared
    }) AS VARCHAR) AS details
FROM told
ORDER BY subject_type, subject_id, details
