-- ---
-- id = "known-exposure"
-- title = "Platforms that are open to a known attack"
-- version = 2
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = true
-- question = "Which platform families attested in a state from which keys are known to have been extracted, and what depended on them?"
-- why = "An exposed platform has done nothing wrong. But whoever ran it could have taken its keys, and quotes that are forged with them verify: this is where to look first, and what to rotate."
-- inputs = ["observation", "quote", "release", "verdict"]
-- requires = ["quote"]
-- in_full = "it counts the sightings and secrets of whole platform families"
-- discriminator = ["exposure", "status"]
-- grain = "one row per platform family, exposure and status, at receipt or in hindsight"
-- nulls = "a family that is not known, a certificate without an SGX type and a verdict without a status say nothing; platforms without PPID count as one"
-- false_positives = ["what the level needs was configured (SWHardeningNeeded, ConfigurationNeeded): Intel cannot see it, low", "machines that nobody but a trusted operator can touch: memory_interposer needs hands on the memory bus"]
-- blind_spots = ["attacks for which there is no advisory and no family to tell them by", "advisories of levels that Intel has since re-graded: see hindsight-exposure"]
-- attack = ["attestation key extraction (Foreshadow, SGAxe, CrossTalk, AEPIC)", "memory bus interposer (WireTap, Battering RAM, TEE.fail)"]
-- spec = ["Intel PCS, TCB info v3, advisoryIDs", "spec/dcap-verification.md, section 6", "detector D22"]
-- created = 2026-11-23
-- updated = 2026-11-29
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [details]
-- exposure = "key_extraction: an advisory of the level is one of those known to have given away attestation keys; advisory: other advisories of the level; memory_interposer: memory encryption of the scalable kind, which repeats its ciphertext"
-- fmspc = "the family"
-- status = "TCB status, at receipt or in hindsight: both count, since an advisory may come late and collateral may run out; null for memory_interposer"
-- advisory_ids = "advisories of the level; null for memory_interposer"
-- attacks = "what the advisories stand for, where it is known to extract keys"
-- platforms = "number of platforms"
-- secrets = "secrets released in sessions of those sightings"
-- accepted = "number of sightings that the verifier called good"
-- sightings = "number of sightings"
-- [[not_evaluable]]
-- reason = "no TCB status, neither at receipt nor in hindsight: the level is not known"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM (
--     SELECT o.observation_id
--     FROM observation AS o
--     JOIN quote AS q ON q.quote_no = o.quote_no
--     LEFT JOIN verdict AS v ON v.observation_no = o.observation_no
--     WHERE q.trusted
--     GROUP BY o.observation_id
--     HAVING count(v.status) = 0 AND bool_or(coalesce(v.outcome, 'undetermined') = 'undetermined')
-- ) AS unknown_level"""
-- [[not_evaluable]]
-- reason = "quote proven, but under no trust anchor of the case, or not verified"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE coalesce(q.proven, TRUE) AND NOT coalesce(q.trusted, FALSE)"""
-- ---
-- Attacks that gave away attestation or sealing keys, by the advisory that Intel filed them under.
WITH extraction AS (
    SELECT 'INTEL-SA-00161' AS advisory, 'L1 terminal fault (Foreshadow)' AS attack
    UNION ALL SELECT 'INTEL-SA-00233', 'microarchitectural data sampling'
    UNION ALL SELECT 'INTEL-SA-00289', 'voltage faults (Plundervolt)'
    UNION ALL SELECT 'INTEL-SA-00320', 'special register buffers (CrossTalk)'
    UNION ALL SELECT 'INTEL-SA-00329', 'L1D eviction sampling (CacheOut, SGAxe)'
    UNION ALL SELECT 'INTEL-SA-00657', 'stale APIC data (AEPIC leak)'
),
sighting AS (
    SELECT
        q.fmspc, coalesce(q.ppid, '') AS platform_id, q.sgx_type,
        o.observation_id, o.observation_no, o.received_at, o.session_id,
        coalesce(o.claimed_ok, FALSE) AS claimed_ok,
        v.status, v.advisory_ids,
        nullif(array_to_string(list_sort(v.advisory_ids), ' '), '') AS advisories
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    LEFT JOIN verdict AS v ON v.observation_no = o.observation_no
    WHERE q.trusted AND q.fmspc IS NOT NULL
),
-- Few levels occur in any fleet: the attacks are looked up once for each.
level AS (
    SELECT s.advisories, string_agg(e.attack, ', ' ORDER BY e.advisory) AS attacks
    FROM (SELECT DISTINCT advisories FROM sighting WHERE advisories IS NOT NULL) AS s
    LEFT JOIN extraction AS e ON strpos(' ' || s.advisories || ' ', ' ' || e.advisory || ' ') > 0
    GROUP BY s.advisories
),
exposed AS (
    SELECT DISTINCT
        s.fmspc, s.platform_id, s.observation_id, s.observation_no, s.received_at, s.session_id,
        s.claimed_ok, s.status, s.advisory_ids, l.attacks,
        CASE WHEN l.attacks IS NULL THEN 'advisory' ELSE 'key_extraction' END AS exposure
    FROM sighting AS s
    JOIN level AS l ON l.advisories = s.advisories
    WHERE s.status IS NOT NULL
    UNION ALL
    SELECT DISTINCT
        fmspc, platform_id, observation_id, observation_no, received_at, session_id, claimed_ok,
        CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR[]), CAST(NULL AS VARCHAR), 'memory_interposer'
    FROM sighting
    WHERE sgx_type > 0
),
-- The first and the last sighting of each platform bound the time of exposure.
placed AS (
    SELECT
        fmspc, exposure, status, platform_id, observation_id, observation_no, received_at,
        claimed_ok, advisory_ids, attacks,
        row_number() OVER (
            PARTITION BY fmspc, exposure, status, platform_id ORDER BY received_at, observation_no
        ) AS from_first,
        row_number() OVER (
            PARTITION BY fmspc, exposure, status, platform_id
            ORDER BY received_at DESC, observation_no DESC
        ) AS from_last
    FROM exposed
),
tally AS (
    SELECT
        fmspc, exposure, coalesce(status, '') AS status,
        min(received_at) AS first_seen,
        max(received_at) AS last_seen,
        list_sort(list_distinct(flatten(
            list(DISTINCT advisory_ids) FILTER (WHERE advisory_ids IS NOT NULL)
        ))) AS advisory_ids,
        list_sort(list(DISTINCT attacks) FILTER (WHERE attacks IS NOT NULL)) AS attacks,
        count(DISTINCT platform_id) AS platforms,
        count(DISTINCT CASE WHEN claimed_ok THEN observation_id END) AS accepted,
        count(DISTINCT observation_id) AS sightings
    FROM placed
    GROUP BY fmspc, exposure, coalesce(status, '')
),
told AS (
    SELECT
        fmspc, exposure, coalesce(status, '') AS status,
        string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
            AS observation_ids
    FROM (
        SELECT DISTINCT fmspc, exposure, status, observation_id, observation_no, received_at
        FROM placed
        WHERE from_first = 1 OR from_last = 1
    ) AS ends
    GROUP BY fmspc, exposure, coalesce(status, '')
),
secret AS (
    SELECT s.fmspc, s.exposure, s.status, count(*) AS secrets
    FROM (
        SELECT DISTINCT fmspc, exposure, coalesce(status, '') AS status, session_id
        FROM exposed
        WHERE session_id IS NOT NULL
    ) AS s
    JOIN release AS r ON r.session_id = s.session_id
    GROUP BY s.fmspc, s.exposure, s.status
)
SELECT
    'platform_family' AS subject_type,
    t.fmspc AS subject_id,
    t.first_seen,
    t.last_seen,
    d.observation_ids,
    CASE
        WHEN t.exposure = 'memory_interposer' THEN 'info'
        WHEN strpos(t.status, 'OutOfDate') = 0 AND t.status <> 'Revoked' THEN 'low'
        WHEN t.exposure = 'key_extraction' THEN 'high'
        ELSE 'medium'
    END AS severity,
    CAST(t.platforms AS VARCHAR) || ' platform(s), '
    || CASE t.exposure
        WHEN 'memory_interposer' THEN 'open to interposers on the memory bus'
        WHEN 'key_extraction' THEN t.status || ', keys can be extracted by '
            || array_to_string(t.attacks, '; ')
        ELSE t.status || ', with published advisories'
    END
    || CASE
        WHEN s.secrets > 0 THEN '; ' || CAST(s.secrets AS VARCHAR) || ' secret(s) released' ELSE ''
    END AS summary,
    CAST(to_json({
        'exposure': t.exposure,
        'fmspc': t.fmspc,
        'status': nullif(t.status, ''),
        'advisory_ids': t.advisory_ids,
        'attacks': t.attacks,
        'platforms': t.platforms,
        'secrets': coalesce(s.secrets, 0),
        'accepted': t.accepted,
        'sightings': t.sightings
    }) AS VARCHAR) AS details
FROM tally AS t
JOIN told AS d ON d.fmspc = t.fmspc AND d.exposure = t.exposure AND d.status = t.status
LEFT JOIN secret AS s ON s.fmspc = t.fmspc AND s.exposure = t.exposure AND s.status = t.status
ORDER BY subject_type, subject_id, details
