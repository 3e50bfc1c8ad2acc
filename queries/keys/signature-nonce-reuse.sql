-- ---
-- id = "signature-nonce-reuse"
-- title = "One ECDSA nonce under two messages: the attestation key can be computed"
-- version = 1
-- fingerprint_version = 1
-- status = "stable"
-- severity = "critical"
-- sig = true
-- question = "Which attestation keys signed different content with the same r?"
-- why = "Two signatures with one nonce give the private key by arithmetic. Every quote under that key, past and future, is then anybody's."
-- inputs = ["observation", "quote"]
-- discriminator = ["signature_r"]
-- grain = "one row per attestation key and r"
-- nulls = "quotes without a proof of their own signature are not compared"
-- false_positives = ["none: two proven signatures of one key with one r over different content are the proof"]
-- blind_spots = ["a nonce that leaked otherwise, by observing memory for example, leaves no equal r"]
-- attack = ["ECDSA nonce reuse", "attestation key extraction"]
-- spec = ["FIPS 186-5, section 6.3", "detector D12"]
-- created = 2026-11-23
-- updated = 2026-11-23
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [details]
-- signature_r = "the r that repeats"
-- messages = "number of different signed regions"
-- signed_ids = "the signed regions"
-- quotes = "number of distinct quotes"
-- ---
WITH reused AS (
    SELECT attestation_key_id, signature_r
    FROM quote
    WHERE proven
    GROUP BY attestation_key_id, signature_r
    HAVING count(DISTINCT signed_id) > 1
),
sighting AS (
    SELECT
        q.attestation_key_id, q.signature_r, q.signed_id, q.quote_id,
        o.observation_id, o.observation_no, o.received_at
    FROM reused AS r
    JOIN quote AS q
        ON q.attestation_key_id = r.attestation_key_id
        AND q.signature_r = r.signature_r
        AND q.proven
    JOIN observation AS o ON o.quote_id = q.quote_id
)
SELECT
    'attestation_key' AS subject_type,
    attestation_key_id AS subject_id,
    min(received_at) AS first_seen,
    max(received_at) AS last_seen,
    string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
        AS observation_ids,
    'critical' AS severity,
    'One attestation key signed ' || CAST(count(DISTINCT signed_id) AS VARCHAR)
    || ' different reports with the same r: its private key can be computed' AS summary,
    CAST(to_json({
        'signature_r': signature_r,
        'messages': count(DISTINCT signed_id),
        'signed_ids': list_sort(list(DISTINCT signed_id)),
        'quotes': count(DISTINCT quote_id)
    }) AS VARCHAR) AS details
FROM sighting
GROUP BY attestation_key_id, signature_r
ORDER BY subject_type, subject_id, details
