-- ---
-- id = "resigned-report"
-- title = "One report signed anew"
-- version = 4
-- fingerprint_version = 1
-- status = "stable"
-- severity = "medium"
-- sig = true
-- question = "Which reports were signed more than once, so that a new signature brought no new statement?"
-- why = "Two signatures over the same bytes are one statement: whatever REPORT_DATA binds, the second signature binds nothing fresh, and the evidence could not have answered two different challenges."
-- inputs = ["observation", "quote"]
-- scope = ["report_data"]
-- discriminator = []
-- grain = "one row per signed region"
-- nulls = "sightings without a time come last"
-- false_positives = ["a host that has one report quoted twice for one challenge", "services that attest with a constant REPORT_DATA by design, a TLS key for example"]
-- blind_spots = ["two signatures of which one was never collected"]
-- attack = ["evidence without freshness"]
-- spec = ["RFC 9334, section 10", "detector D08"]
-- created = 2026-11-23
-- updated = 2026-12-01
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [details]
-- signatures = "number of distinct signing events over the same signed region"
-- attestation_keys = "attestation keys that signed it"
-- report_data = "the REPORT_DATA that did not change"
-- enclaves = "enclave ids that presented it"
-- [sides]
-- fact = "signature"
-- "one report with" = "report_data"
-- "signed, times" = "signatures"
-- ---
WITH resigned AS (
    SELECT signed_id, count(DISTINCT signing_id) AS signatures
    FROM quote
    WHERE proven
        -- What occurs once has, as a rule, a beginning that occurs once.
        AND substr(signed_id, 1, 12) IN (
            SELECT substr(signed_id, 1, 12)
            FROM quote
            WHERE proven
            GROUP BY substr(signed_id, 1, 12)
            HAVING count(*) > 1
        )
    GROUP BY signed_id
    HAVING count(DISTINCT signing_id) > 1
),
sighting AS (
    SELECT
        q.signed_id, q.attestation_key_id, q.report_data, r.signatures,
        o.observation_id, o.observation_no, o.received_at, o.enclave_id
    FROM resigned AS r
    JOIN quote AS q ON q.signed_id = r.signed_id AND q.proven
    JOIN observation AS o ON o.quote_no = q.quote_no
)
SELECT
    'signed_region' AS subject_type,
    signed_id AS subject_id,
    min(received_at) AS first_seen,
    max(received_at) AS last_seen,
    string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
        AS observation_ids,
    'medium' AS severity,
    'The same report was signed ' || CAST(max(signatures) AS VARCHAR)
    || ' times: no signature after the first brought anything fresh' AS summary,
    CAST(to_json({
        'signatures': max(signatures),
        'attestation_keys': list_sort(list(DISTINCT attestation_key_id)),
        'report_data': min(report_data),
        'enclaves': list_sort(list(DISTINCT enclave_id) FILTER (WHERE enclave_id IS NOT NULL))
    }) AS VARCHAR) AS details
FROM sighting
GROUP BY signed_id
ORDER BY subject_type, subject_id
