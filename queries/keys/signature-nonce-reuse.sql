-- ---
-- id = "signature-nonce-reuse"
-- title = "One ECDSA nonce under two messages: the attestation key can be computed"
-- version = 4
-- fingerprint_version = 1
-- status = "stable"
-- severity = "critical"
-- sig = true
-- question = "Which attestation keys signed different content with the same r?"
-- why = "Two signatures with one nonce give the private key by arithmetic. Every quote under that key, past and future, is then anybody's."
-- inputs = ["key_recovery", "observation", "quote"]
-- scope = ["signature_r"]
-- discriminator = ["signature_r"]
-- grain = "one row per attestation key and r"
-- nulls = "quotes without a proof of their own signature are not compared; confirmed is null until `verify` has solved the pair"
-- false_positives = ["none: two proven signatures of one key with one r over different content are the proof"]
-- blind_spots = ["a nonce that leaked otherwise, by observing memory for example, leaves no equal r"]
-- attack = ["ECDSA nonce reuse", "attestation key extraction"]
-- spec = ["FIPS 186-5, section 6.3", "detector D12"]
-- created = 2026-11-23
-- updated = 2026-11-29
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [details]
-- signature_r = "the r that repeats"
-- messages = "number of different signed regions"
-- signed_ids = "the signed regions"
-- quotes = "number of distinct quotes"
-- confirmed = "true: the private key was computed from two of the signatures and gives the public key; it is neither shown nor kept"
-- solved = "ids of the two quotes that it was computed from; anybody can repeat it"
-- [sides]
-- fact = "r of a signature"
-- "one r" = "signature_r"
-- "over different messages" = "messages"
-- ---
WITH reused AS (
    SELECT attestation_key_id, signature_r
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
    JOIN observation AS o ON o.quote_no = q.quote_no
),
told AS (
    SELECT
        attestation_key_id, signature_r,
        min(received_at) AS first_seen,
        max(received_at) AS last_seen,
        string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
            AS observation_ids,
        count(DISTINCT signed_id) AS messages,
        list_sort(list(DISTINCT signed_id)) AS signed_ids,
        count(DISTINCT quote_id) AS quotes
    FROM sighting
    GROUP BY attestation_key_id, signature_r
)
SELECT
    'attestation_key' AS subject_type,
    t.attestation_key_id AS subject_id,
    t.first_seen,
    t.last_seen,
    t.observation_ids,
    'critical' AS severity,
    'One attestation key signed ' || CAST(t.messages AS VARCHAR)
    || ' different reports with the same r: its private key '
    || CASE
        WHEN k.confirmed THEN 'was computed, and gives the public key'
        WHEN NOT k.confirmed THEN 'should follow, but the computation does not give it'
        ELSE 'can be computed'
    END AS summary,
    CAST(to_json({
        'signature_r': t.signature_r,
        'messages': t.messages,
        'signed_ids': t.signed_ids,
        'quotes': t.quotes,
        'confirmed': k.confirmed,
        'solved': CASE
            WHEN k.first_quote_id IS NOT NULL
            THEN string_split(k.first_quote_id || ' ' || k.second_quote_id, ' ')
        END
    }) AS VARCHAR) AS details
FROM told AS t
LEFT JOIN key_recovery AS k
    ON k.attestation_key_id = t.attestation_key_id AND k.signature_r = t.signature_r
ORDER BY subject_type, subject_id, details
