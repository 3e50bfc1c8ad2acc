-- ---
-- id = "malformed-claim"
-- title = "A logged claim that cannot be what it claims to be"
-- version = 1
-- fingerprint_version = 1
-- status = "stable"
-- severity = "low"
-- sig = false
-- question = "Which verifiers log identity claims of impossible form?"
-- why = "A digest of 31 bytes was cut, padded or typed by hand on its way into the log. Nothing that rests on it can be compared."
-- inputs = ["observation"]
-- scope = ["observation_id"]
-- discriminator = []
-- grain = "one row per verifier, else per source"
-- nulls = "an absent claim is not malformed"
-- false_positives = ["a log pipeline that shortens long fields"]
-- blind_spots = ["a well-formed claim that is wrong: see claim-mismatch"]
-- attack = ["falsified verifier log"]
-- spec = ["Intel SGX DCAP ECDSA quote format: MRENCLAVE and MRSIGNER have 32 bytes"]
-- created = 2026-11-23
-- updated = 2026-11-23
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [details]
-- claims = "names of the malformed claims"
-- enclaves = "enclave ids concerned"
-- sightings = "number of events"
-- [sides]
-- fact = "claim"
-- "of impossible form" = "claims"
-- "logged all the same, times" = "sightings"
-- ---
WITH malformed AS (
    SELECT
        observation_id, observation_no, received_at, enclave_id, malformed_claims,
        CASE WHEN backend_verifier IS NULL THEN 'source' ELSE 'verifier' END AS subject_type,
        coalesce(backend_verifier, source_id, observation_id) AS subject_id
    FROM observation
    WHERE len(malformed_claims) > 0
)
SELECT
    subject_type,
    subject_id,
    min(received_at) AS first_seen,
    max(received_at) AS last_seen,
    string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
        AS observation_ids,
    'low' AS severity,
    'Malformed claims ('
    || array_to_string(list_sort(list_distinct(flatten(list(malformed_claims)))), ', ')
    || ') in ' || CAST(count(*) AS VARCHAR) || ' event(s)' AS summary,
    CAST(to_json({
        'claims': list_sort(list_distinct(flatten(list(malformed_claims)))),
        'enclaves': list_sort(list(DISTINCT enclave_id) FILTER (WHERE enclave_id IS NOT NULL)),
        'sightings': count(*)
    }) AS VARCHAR) AS details
FROM malformed
GROUP BY subject_type, subject_id
ORDER BY subject_type, subject_id
