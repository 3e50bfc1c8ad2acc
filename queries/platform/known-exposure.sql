-- ---
-- id = "known-exposure"
-- title = "Platforms that are open to a known attack"
-- version = 7
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = true
-- question = "Which platform families attested in a state from which keys are known to have been extracted, and what depended on them?"
-- why = "An exposed platform has done nothing wrong. But whoever ran it could have taken its keys, and quotes that are forged with them verify: this is where to look first, and what to rotate."
-- inputs = ["observation", "quote", "release", "verdict"]
-- requires = ["quote"]
-- scope = ["session_id"]
-- sums = ["secrets", "accepted", "sightings"]
-- discriminator = ["exposure", "status"]
-- grain = "one row per platform family, exposure and status, at receipt or in hindsight"
-- nulls = "a family that is not known, a certificate without an SGX type and a verdict without a status say nothing; platforms without PPID count as one"
-- false_positives = ["what the level needs was configured (SWHardeningNeeded, ConfigurationNeeded): Intel cannot see it, low", "machines that nobody but a trusted operator can touch: memory_interposer needs hands on the memory bus"]
-- blind_spots = ["attacks for which there is no advisory and no family to tell them by", "advisories of levels that Intel has since re-graded: see hindsight-exposure"]
-- attack = ["attestation key extraction (Foreshadow, SGAxe, CrossTalk, AEPIC)", "memory bus interposer (WireTap, Battering RAM, TEE.fail)"]
-- spec = ["Intel PCS, TCB info v3, advisoryIDs", "spec/dcap-verification.md, section 6", "detector D22"]
-- created = 2026-11-23
-- updated = 2026-12-01
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
-- [sides]
-- fact = "platform"
-- "known to be open to" = "exposure"
-- "accepted, times" = "accepted"
-- [[not_evaluable]]
-- reason = "no TCB status, neither at receipt nor in hindsight: the level is not known"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM (
--     SELECT u.observation_no
--     FROM (
--         SELECT o.observation_no
--         FROM observation AS o
--         JOIN quote AS q ON q.quote_no = o.quote_no
--         LEFT JOIN verdict AS s ON s.observation_no = o.observation_no AND s.status IS NOT NULL
--         WHERE q.trusted AND s.observation_no IS NULL
--     ) AS u
--     LEFT JOIN verdict AS v ON v.observation_no = u.observation_no
--     GROUP BY u.observation_no
--     HAVING bool_or(coalesce(v.outcome, 'undetermined') = 'undetermined')
-- ) AS unknown_level"""
-- [[not_evaluable]]
-- reason = "a TCB status at receipt, and none in hindsight: advisories that came since are not known"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- JOIN verdict AS r
--     ON r.observation_no = o.observation_no AND r.moment = 'receipt' AND r.status IS NOT NULL
-- LEFT JOIN verdict AS h ON h.observation_no = o.observation_no AND h.moment = 'hindsight'
-- WHERE q.trusted AND q.fmspc IS NOT NULL AND coalesce(h.outcome, 'undetermined') = 'undetermined'"""
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
        r.status AS receipt_status, r.advisory_ids AS receipt_ids,
        h.status AS hindsight_status, h.advisory_ids AS hindsight_ids,
        o.observation_no, o.received_at, o.claimed_ok
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    LEFT JOIN verdict AS r ON r.observation_no = o.observation_no AND r.moment = 'receipt'
    LEFT JOIN verdict AS h ON h.observation_no = o.observation_no AND h.moment = 'hindsight'
    WHERE q.trusted AND q.fmspc IS NOT NULL
),
-- Sightings of one platform with the same levels, at receipt and in hindsight, are told together.
alike AS (
    SELECT
        fmspc, platform_id, sgx_type,
        receipt_status, receipt_ids, hindsight_status, hindsight_ids,
        min(received_at) AS first_seen,
        max(received_at) AS last_seen,
        count(*) AS sightings,
        sum(CASE WHEN claimed_ok THEN 1 ELSE 0 END) AS accepted,
        min_by(observation_no, {
            'at': coalesce(received_at, CAST('infinity' AS TIMESTAMPTZ)), 'no': observation_no
        }) AS earliest_no,
        max_by(observation_no, {
            'at': coalesce(received_at, CAST('-infinity' AS TIMESTAMPTZ)), 'no': observation_no
        }) AS latest_no
    FROM sighting
    GROUP BY
        fmspc, platform_id, sgx_type, receipt_status, receipt_ids, hindsight_status, hindsight_ids
),
numbered AS (
    SELECT
        fmspc, platform_id, sgx_type, receipt_status, receipt_ids, hindsight_status, hindsight_ids,
        first_seen, last_seen, sightings, accepted, earliest_no, latest_no,
        row_number() OVER (ORDER BY earliest_no) AS group_no
    FROM alike
),
-- Few levels occur in any fleet: the attacks are looked up once for each.
level AS (
    SELECT
        n.advisory_ids, string_agg(e.attack, ', ' ORDER BY e.advisory) AS attacks
    FROM (
        SELECT receipt_ids AS advisory_ids FROM numbered
        UNION
        SELECT hindsight_ids FROM numbered
    ) AS n
    LEFT JOIN extraction AS e ON list_contains(n.advisory_ids, e.advisory)
    WHERE len(n.advisory_ids) > 0
    GROUP BY n.advisory_ids
),
-- Both moments may say the same of a group: it counts once.
exposed AS (
    SELECT
        n.group_no, n.status, n.advisory_ids, l.attacks,
        CASE WHEN l.attacks IS NULL THEN 'advisory' ELSE 'key_extraction' END AS exposure
    FROM (
        SELECT group_no, receipt_status AS status, receipt_ids AS advisory_ids FROM numbered
        UNION
        SELECT group_no, hindsight_status, hindsight_ids FROM numbered
    ) AS n
    JOIN level AS l ON l.advisory_ids = n.advisory_ids
    WHERE n.status IS NOT NULL
    UNION ALL
    SELECT group_no, NULL, NULL, NULL, 'memory_interposer'
    FROM numbered
    WHERE sgx_type > 0
),
member AS (
    SELECT DISTINCT
        n.fmspc, e.exposure, coalesce(e.status, '') AS status, n.platform_id, n.group_no,
        n.first_seen, n.last_seen, n.sightings, n.accepted, n.earliest_no, n.latest_no
    FROM exposed AS e
    JOIN numbered AS n ON n.group_no = e.group_no
),
tally AS (
    SELECT
        fmspc, exposure, status,
        min(first_seen) AS first_seen,
        max(last_seen) AS last_seen,
        count(DISTINCT platform_id) AS platforms,
        CAST(sum(accepted) AS BIGINT) AS accepted,
        CAST(sum(sightings) AS BIGINT) AS sightings
    FROM member
    GROUP BY fmspc, exposure, status
),
cause AS (
    SELECT
        n.fmspc, e.exposure, coalesce(e.status, '') AS status,
        list_sort(list_distinct(flatten(
            list(e.advisory_ids) FILTER (WHERE e.advisory_ids IS NOT NULL)
        ))) AS advisory_ids,
        list_sort(list(DISTINCT e.attacks) FILTER (WHERE e.attacks IS NOT NULL)) AS attacks
    FROM exposed AS e
    JOIN numbered AS n ON n.group_no = e.group_no
    GROUP BY n.fmspc, e.exposure, coalesce(e.status, '')
),
-- The first and the last sighting of each platform bound the time of exposure.
edge AS (
    SELECT fmspc, exposure, status, platform_id, earliest_no AS observation_no FROM member
    UNION
    SELECT fmspc, exposure, status, platform_id, latest_no FROM member
),
outermost AS (
    SELECT observation_id, observation_no, received_at
    FROM observation
    WHERE observation_no IN (SELECT DISTINCT observation_no FROM edge)
),
bound AS (
    SELECT
        m.fmspc, m.exposure, m.status, m.platform_id, o.observation_id, o.observation_no,
        o.received_at,
        row_number() OVER (
            PARTITION BY m.fmspc, m.exposure, m.status, m.platform_id
            ORDER BY o.received_at, o.observation_no
        ) AS from_first,
        row_number() OVER (
            PARTITION BY m.fmspc, m.exposure, m.status, m.platform_id
            ORDER BY o.received_at DESC, o.observation_no DESC
        ) AS from_last
    FROM edge AS m
    JOIN outermost AS o ON o.observation_no = m.observation_no
),
told AS (
    SELECT
        fmspc, exposure, status,
        string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
            AS observation_ids
    FROM bound
    WHERE from_first = 1 OR from_last = 1
    GROUP BY fmspc, exposure, status
),
secret AS (
    SELECT s.fmspc, s.exposure, s.status, count(*) AS secrets
    FROM (
        SELECT DISTINCT m.fmspc, m.exposure, m.status, i.session_id
        FROM (
            SELECT observation_no, quote_no, session_id
            FROM observation
            WHERE session_id IN (SELECT session_id FROM release)
        ) AS i
        JOIN quote AS q ON q.quote_no = i.quote_no AND q.trusted
        LEFT JOIN verdict AS r ON r.observation_no = i.observation_no AND r.moment = 'receipt'
        LEFT JOIN verdict AS h ON h.observation_no = i.observation_no AND h.moment = 'hindsight'
        JOIN numbered AS n
            ON n.fmspc = q.fmspc
            AND n.platform_id = coalesce(q.ppid, '')
            AND n.sgx_type IS NOT DISTINCT FROM q.sgx_type
            AND n.receipt_status IS NOT DISTINCT FROM r.status
            AND n.receipt_ids IS NOT DISTINCT FROM r.advisory_ids
            AND n.hindsight_status IS NOT DISTINCT FROM h.status
            AND n.hindsight_ids IS NOT DISTINCT FROM h.advisory_ids
        JOIN member AS m ON m.group_no = n.group_no
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
            || array_to_string(c.attacks, '; ')
        ELSE t.status || ', with published advisories'
    END AS summary,
    CAST(to_json({
        'exposure': t.exposure,
        'fmspc': t.fmspc,
        'status': nullif(t.status, ''),
        'advisory_ids': c.advisory_ids,
        'attacks': c.attacks,
        'platforms': t.platforms,
        'secrets': coalesce(s.secrets, 0),
        'accepted': t.accepted,
        'sightings': t.sightings
    }) AS VARCHAR) AS details
FROM tally AS t
JOIN cause AS c ON c.fmspc = t.fmspc AND c.exposure = t.exposure AND c.status = t.status
JOIN told AS d ON d.fmspc = t.fmspc AND d.exposure = t.exposure AND d.status = t.status
LEFT JOIN secret AS s ON s.fmspc = t.fmspc AND s.exposure = t.exposure AND s.status = t.status
ORDER BY subject_type, subject_id, details
