-- ---
-- id = "signature-nonce-collision"
-- title = "One ECDSA nonce under two keys: a cloned random generator"
-- version = 3
-- fingerprint_version = 1
-- status = "stable"
-- severity = "critical"
-- sig = true
-- question = "Which values r occur in signatures of more than one attestation key?"
-- why = "r is a hash-like image of a secret random number. Two keys that draw the same one run on one cloned or broken generator; whoever learns one of the keys can compute the other."
-- inputs = ["key_recovery", "observation", "quote"]
-- scope = ["signature_r"]
-- discriminator = []
-- grain = "one row per r"
-- nulls = "quotes without a proof of their own signature are not compared"
-- false_positives = ["none: by chance it does not happen within the life of the universe"]
-- blind_spots = ["a cloned generator that is reseeded before each signature", "signatures over QE reports by PCK keys are not compared"]
-- attack = ["virtual machine or quoting enclave clone", "weak random generator"]
-- spec = ["FIPS 186-5, section 6.3", "detector D13"]
-- created = 2026-11-23
-- updated = 2026-11-29
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [details]
-- attestation_keys = "the keys"
-- platforms = "their platforms (PPID)"
-- quotes = "number of distinct quotes"
-- recoverable = "one of the keys is already known to be computable (signature-nonce-reuse), and so are the others"
-- [sides]
-- fact = "r of a signature"
-- "shared by keys" = "attestation_keys"
-- "of platforms" = "platforms"
-- ---
WITH collision AS (
    SELECT signature_r
    FROM quote
    WHERE proven
        -- What occurs once has, as a rule, a beginning that occurs once.
        AND substr(signature_r, 1, 12) IN (
            SELECT substr(signature_r, 1, 12)
            FROM quote
            WHERE proven
            GROUP BY substr(signature_r, 1, 12)
            HAVING count(*) > 1
        )
    GROUP BY signature_r
    HAVING min(attestation_key_id) <> max(attestation_key_id)
),
recovered AS (
    SELECT DISTINCT attestation_key_id FROM key_recovery WHERE confirmed
),
sighting AS (
    SELECT
        q.signature_r, q.attestation_key_id, q.ppid, q.quote_id,
        r.attestation_key_id IS NOT NULL AS recovered,
        o.observation_id, o.observation_no, o.received_at
    FROM collision AS c
    JOIN quote AS q ON q.signature_r = c.signature_r AND q.proven
    JOIN observation AS o ON o.quote_no = q.quote_no
    LEFT JOIN recovered AS r ON r.attestation_key_id = q.attestation_key_id
)
SELECT
    'signature_nonce' AS subject_type,
    signature_r AS subject_id,
    min(received_at) AS first_seen,
    max(received_at) AS last_seen,
    string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
        AS observation_ids,
    'critical' AS severity,
    CAST(count(DISTINCT attestation_key_id) AS VARCHAR)
    || ' attestation keys signed with the same r'
    || CASE
        WHEN bool_or(recovered) THEN '; one of them can be computed, and so the others'
        ELSE ''
    END AS summary,
    CAST(to_json({
        'attestation_keys': list_sort(list(DISTINCT attestation_key_id)),
        'platforms': list_sort(list(DISTINCT ppid) FILTER (WHERE ppid IS NOT NULL)),
        'quotes': count(DISTINCT quote_id),
        'recoverable': bool_or(recovered)
    }) AS VARCHAR) AS details
FROM sighting
GROUP BY signature_r
ORDER BY subject_type, subject_id
