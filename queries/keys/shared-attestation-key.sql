-- ---
-- id = "shared-attestation-key"
-- title = "One attestation key on several platforms"
-- version = 2
-- fingerprint_version = 1
-- status = "stable"
-- severity = "critical"
-- sig = true
-- question = "Which attestation keys signed for more than one platform?"
-- why = "An attestation key never leaves its quoting enclave. Where one key speaks for two platforms it was copied out, or the platforms are not what they say."
-- inputs = ["observation", "quote"]
-- scope = ["attestation_key_id"]
-- suspects = "SELECT attestation_key_id FROM shared"
-- discriminator = []
-- grain = "one row per attestation key"
-- nulls = "a hidden (all-zero) QE_ID and a missing PPID tell nothing apart"
-- false_positives = ["several platforms: none; several PCK certificates of one platform share its PPID, and hidden QE_IDs are not compared", "QE_IDs alone (medium): a real cloud fills that field with something else at times"]
-- blind_spots = ["a copied key that is always shown with the PCK chain of the platform that it came from"]
-- attack = ["attestation key extraction and reuse (WireTap, TEE.fail)", "quoting enclave clone"]
-- spec = ["spec/dcap-verification.md, section 8.4", "detector D15"]
-- created = 2026-11-23
-- updated = 2026-11-29
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [details]
-- ppids = "platforms (PPID) that the key signed for"
-- qe_ids = "QE_IDs that it signed with"
-- fmspcs = "platform families"
-- quotes = "number of distinct quotes"
-- sightings = "number of sightings"
-- [sides]
-- fact = "attestation key"
-- "one key, of" = "qe_ids"
-- "signed on platforms" = "ppids"
-- [[not_evaluable]]
-- reason = "quote proven, but under no trust anchor of the case, or not verified"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE coalesce(q.proven, TRUE) AND NOT coalesce(q.trusted, FALSE)"""
-- ---
WITH shared AS (
    SELECT attestation_key_id
    FROM quote
    WHERE trusted
    GROUP BY attestation_key_id
    HAVING min(ppid) <> max(ppid) OR min(qe_id) <> max(qe_id) OR min(fmspc) <> max(fmspc)
),
sighting AS (
    SELECT
        q.attestation_key_id, q.quote_id, q.ppid, q.qe_id, q.fmspc,
        o.observation_id, o.observation_no, o.received_at,
        row_number() OVER (
            PARTITION BY q.attestation_key_id, q.ppid, q.qe_id, q.fmspc
            ORDER BY o.received_at, o.observation_no
        ) AS from_first,
        row_number() OVER (
            PARTITION BY q.attestation_key_id, q.ppid, q.qe_id, q.fmspc
            ORDER BY o.received_at DESC, o.observation_no DESC
        ) AS from_last
    FROM shared AS s
    JOIN quote AS q ON q.attestation_key_id = s.attestation_key_id AND q.trusted
    JOIN observation AS o ON o.quote_no = q.quote_no
),
tally AS (
    SELECT
        attestation_key_id,
        count(DISTINCT ppid) AS platforms,
        count(DISTINCT fmspc) AS families,
        list_sort(list(DISTINCT ppid) FILTER (WHERE ppid IS NOT NULL)) AS ppids,
        list_sort(list(DISTINCT qe_id) FILTER (WHERE qe_id IS NOT NULL)) AS qe_ids,
        list_sort(list(DISTINCT fmspc) FILTER (WHERE fmspc IS NOT NULL)) AS fmspcs,
        count(DISTINCT quote_id) AS quotes,
        count(*) AS sightings
    FROM sighting
    GROUP BY attestation_key_id
),
-- The first and the last sighting of each platform tell the story.
told AS (
    SELECT
        attestation_key_id,
        min(received_at) AS first_seen,
        max(received_at) AS last_seen,
        string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
            AS observation_ids
    FROM sighting
    WHERE from_first = 1 OR from_last = 1
    GROUP BY attestation_key_id
)
SELECT
    'attestation_key' AS subject_type,
    t.attestation_key_id AS subject_id,
    t.first_seen,
    t.last_seen,
    t.observation_ids,
    CASE WHEN c.platforms > 1 OR c.families > 1 THEN 'critical' ELSE 'medium' END AS severity,
    'One attestation key signed for '
    || CASE
        WHEN c.platforms > 1 THEN CAST(c.platforms AS VARCHAR) || ' platforms'
        WHEN c.families > 1 THEN CAST(c.families AS VARCHAR) || ' platform families'
        ELSE 'one platform under several QE_IDs'
    END
    || ' (' || CAST(c.sightings AS VARCHAR) || ' sighting(s))' AS summary,
    CAST(to_json({
        'ppids': c.ppids,
        'qe_ids': c.qe_ids,
        'fmspcs': c.fmspcs,
        'quotes': c.quotes,
        'sightings': c.sightings
    }) AS VARCHAR) AS details
FROM told AS t
JOIN tally AS c ON c.attestation_key_id = t.attestation_key_id
ORDER BY subject_type, subject_id
