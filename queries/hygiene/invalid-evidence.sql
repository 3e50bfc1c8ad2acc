-- ---
-- id = "invalid-evidence"
-- title = "A quote whose own signatures do not hold"
-- version = 3
-- fingerprint_version = 1
-- status = "stable"
-- severity = "medium"
-- sig = false
-- question = "Who presented quotes that are not signed by the key that they name?"
-- why = "Such bytes prove nothing about any platform; other detectors leave them out. That somebody presented them is worth knowing: a broken client, or an attempt."
-- inputs = ["observation", "quote"]
-- requires = ["quote"]
-- scope = ["observation_id"]
-- discriminator = []
-- grain = "one row per instance, else per source"
-- nulls = "a quote that was not verified yet is counted as not evaluable"
-- false_positives = ["evidence damaged on its way, by text conversion for example"]
-- blind_spots = ["a chain that ends in no trust anchor is the verdict's business, not a broken signature"]
-- attack = ["forged evidence"]
-- spec = ["Intel SGX DCAP ECDSA quote format, quote signature data"]
-- created = 2026-11-23
-- updated = 2026-11-29
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [details]
-- quotes = "number of distinct quotes"
-- accepted = "number of sightings that the verifier called good: see verdict-contradiction"
-- sightings = "number of sightings"
-- [sides]
-- fact = "signature"
-- "quotes that it fails for" = "quotes"
-- "accepted, times" = "accepted"
-- [[not_evaluable]]
-- reason = "not verified yet"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM quote
-- WHERE proven IS NULL AND certification_type = 5"""
-- [[not_evaluable]]
-- reason = "certified in a way that cannot be checked offline (certification data without a PCK chain)"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM quote
-- WHERE NOT coalesce(proven, FALSE) AND coalesce(certification_type <> 5, TRUE)
--     AND coalesce(tee <> 'snp', TRUE)"""
-- [[not_evaluable]]
-- reason = "SNP report for which the case has no VCEK or VLEK certificate"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM quote
-- WHERE proven IS NULL AND tee = 'snp'"""
-- ---
WITH invalid AS (
    SELECT
        o.observation_id, o.observation_no, o.received_at, o.claimed_ok, o.quote_id,
        CASE
            WHEN o.enclave_id IS NOT NULL THEN 'enclave'
            WHEN o.container_id IS NOT NULL THEN 'container'
            WHEN o.source_id IS NOT NULL THEN 'source'
            ELSE 'quote'
        END AS subject_type,
        coalesce(o.enclave_id, o.container_id, o.source_id, o.quote_id) AS subject_id
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    WHERE NOT q.proven AND (q.certification_type = 5 OR q.tee = 'snp')
)
SELECT
    subject_type,
    subject_id,
    min(received_at) AS first_seen,
    max(received_at) AS last_seen,
    string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
        AS observation_ids,
    'medium' AS severity,
    'Quotes whose own signatures do not hold: ' || CAST(count(DISTINCT quote_id) AS VARCHAR)
    || ' quote(s) in ' || CAST(count(*) AS VARCHAR) || ' sighting(s)' AS summary,
    CAST(to_json({
        'quotes': count(DISTINCT quote_id),
        'accepted': CAST(sum(CASE WHEN claimed_ok THEN 1 ELSE 0 END) AS BIGINT),
        'sightings': count(*)
    }) AS VARCHAR) AS details
FROM invalid
GROUP BY subject_type, subject_id
ORDER BY subject_type, subject_id
