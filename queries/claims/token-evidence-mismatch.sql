-- ---
-- id = "token-evidence-mismatch"
-- title = "A verifier's token about other evidence than the quote beside it"
-- version = 5
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = false
-- question = "Which attestation tokens state another quote, measurement, signer or REPORT_DATA than the evidence that was logged with them, or that they name?"
-- why = "Relying parties see the token, not the quote. A token of other evidence was swapped, forged or used again, and every check of the quote says nothing about it."
-- inputs = ["observation", "quote"]
-- requires = ["observation"]
-- scope = ["quote_id", "token_quote_hash"]
-- suspects = """
-- SELECT quote_id, CAST(NULL AS VARCHAR) AS token_quote_hash FROM astray
-- UNION ALL
-- SELECT CAST(NULL AS VARCHAR), quote_id FROM shown WHERE (SELECT count(*) FROM astray) > 0"""
-- discriminator = ["kind"]
-- grain = "one row per instance, else token, and kind"
-- nulls = "claims that the token does not make, or in a form that is no hex of the right length, are not compared, and a token that makes no other is counted; a token without any quote beside it is held against the quote of the case that its hash names, else counted; so is a quote without a token, and a hash beside a quote that was logged with bytes after its end: a verifier may have hashed it without them"
-- false_positives = ["a quote hash over a wrapped form (runtime data, an encoding of the quote): where the token's REPORT_DATA agrees with the quote it is low"]
-- blind_spots = ["a false hash beside a quote with bytes after its end: counted", "the signature of the token is not verified", "tokens under names that the view does not know", "a token that makes no claim about its evidence"]
-- attack = ["swapped token", "forged token", "token reuse"]
-- spec = ["RFC 9334, section 8.4 (attestation results)", "Microsoft Azure Attestation, SGX claims", "detector D57"]
-- created = 2026-11-23
-- updated = 2026-12-01
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [details]
-- kind = "claims: a claim contradicts the quote beside it; named: there is none beside it, and a claim contradicts the quote of the case that the hash names; swapped: the hash is that of another quote of the case; hash: the hash is of no quote of the case"
-- claims = "claims that disagree: measurement, mrsigner, report_data, quote_hash"
-- other_quotes = "quotes of the case that the tokens are about instead"
-- tokens = "number of different tokens"
-- accepted = "number of sightings that the verifier called good"
-- sightings = "number of sightings"
-- [sides]
-- fact = "token"
-- "claims that disagree" = "claims"
-- "about the quote" = "other_quotes"
-- [[not_evaluable]]
-- reason = "token without a quote beside it"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- LEFT JOIN quote AS q ON q.quote_id = o.token_quote_hash
-- WHERE o.quote_id IS NULL
--     AND coalesce(
--         o.token_quote_hash, o.token_measurement, o.token_mrsigner, o.token_report_data
--     ) IS NOT NULL
--     AND q.quote_id IS NULL"""
-- [[not_evaluable]]
-- reason = "hash in a token, beside a quote with bytes after its end: it may be of the quote without them"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- LEFT JOIN quote AS x ON x.quote_id = o.token_quote_hash
-- WHERE length(o.token_quote_hash) = 64 AND q.trailing_size > 0 AND x.quote_id IS NULL"""
-- [[not_evaluable]]
-- reason = "token that claims nothing about its evidence that can be compared"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- WHERE o.quote_id IS NOT NULL
--     AND coalesce(
--         o.token_id, o.token_quote_hash, o.token_measurement, o.token_mrsigner,
--         o.token_report_data
--     ) IS NOT NULL
--     AND coalesce(length(o.token_quote_hash), 0) <> 64
--     AND coalesce(length(o.token_measurement), 0) NOT IN (64, 96)
--     AND coalesce(length(o.token_mrsigner), 0) <> 64
--     AND coalesce(length(o.token_report_data), 0) <> 128"""
-- [[not_evaluable]]
-- reason = "attestation event with a quote and without a token"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- WHERE o.event_type = 'enclave_attestation'
--     AND o.quote_id IS NOT NULL
--     AND coalesce(
--         o.token_id, o.token_quote_hash, o.token_measurement, o.token_mrsigner,
--         o.token_report_data
--     ) IS NULL"""
-- ---
WITH token AS (
    SELECT
        o.observation_id, o.observation_no, o.received_at, o.claimed_ok, o.token_id, o.quote_id, o.quote_no,
        CASE
            WHEN o.enclave_id IS NOT NULL THEN 'enclave'
            WHEN o.container_id IS NOT NULL THEN 'container'
            ELSE 'observation'
        END AS subject_type,
        coalesce(o.enclave_id, o.container_id, o.observation_id) AS subject_id,
        CASE WHEN length(o.token_quote_hash) = 64 THEN o.token_quote_hash END AS quote_hash,
        CASE WHEN length(o.token_measurement) IN (64, 96) THEN o.token_measurement END
            AS measurement,
        CASE WHEN length(o.token_mrsigner) = 64 THEN o.token_mrsigner END AS mrsigner,
        CASE WHEN length(o.token_report_data) = 128 THEN o.token_report_data END AS report_data
    FROM observation AS o
    WHERE coalesce(
        o.token_quote_hash, o.token_measurement, o.token_mrsigner, o.token_report_data
    ) IS NOT NULL
),
shown AS (
    SELECT quote_id, signing_id, mrenclave, mrtd, measurement, mrsigner, report_data FROM quote
),
-- Few tokens are about another quote than the one beside them.
astray AS (
    SELECT token_quote_hash AS quote_id
    FROM observation
    WHERE token_quote_hash IS NOT NULL AND coalesce(token_quote_hash <> quote_id, TRUE)
),
named AS (
    SELECT quote_id, signing_id, mrenclave, mrtd, measurement, mrsigner, report_data
    FROM shown
    WHERE quote_id IN (SELECT quote_id FROM astray)
),
-- Hashes name the quote whole; a sender's padding is not part of what a verifier hashed.
compared AS (
    SELECT
        t.observation_id, t.observation_no, t.received_at, t.claimed_ok, t.token_id,
        t.subject_type, t.subject_id, t.quote_id, t.quote_hash,
        coalesce(t.quote_hash <> t.quote_id AND q.trailing_size = 0, FALSE) AS hash_differs,
        coalesce(t.measurement <> coalesce(q.mrenclave, q.mrtd, q.measurement), FALSE)
            AS measurement_differs,
        coalesce(t.mrsigner <> q.mrsigner, FALSE) AS signer_differs,
        coalesce(t.report_data <> q.report_data, FALSE) AS report_data_differs,
        coalesce(t.report_data = q.report_data, FALSE) AS report_data_agrees,
        x.quote_id AS other_quote, TRUE AS beside
    FROM token AS t
    JOIN quote AS q ON q.quote_no = t.quote_no
    LEFT JOIN named AS x ON x.quote_id = t.quote_hash AND x.signing_id <> q.signing_id
    WHERE t.quote_id IS NOT NULL
    UNION ALL
    -- Relying parties log the token alone: its hash says which quote it is about.
    SELECT
        t.observation_id, t.observation_no, t.received_at, t.claimed_ok, t.token_id,
        t.subject_type, t.subject_id, t.quote_id, t.quote_hash,
        FALSE AS hash_differs,
        coalesce(t.measurement <> coalesce(q.mrenclave, q.mrtd, q.measurement), FALSE)
            AS measurement_differs,
        coalesce(t.mrsigner <> q.mrsigner, FALSE) AS signer_differs,
        coalesce(t.report_data <> q.report_data, FALSE) AS report_data_differs,
        coalesce(t.report_data = q.report_data, FALSE) AS report_data_agrees,
        CAST(NULL AS VARCHAR) AS other_quote, FALSE AS beside
    FROM token AS t
    JOIN named AS q ON q.quote_id = t.quote_hash
    WHERE t.quote_id IS NULL
),
offence AS (
    SELECT
        subject_type, subject_id, observation_id, observation_no, received_at, claimed_ok,
        token_id, other_quote, hash_differs, measurement_differs, signer_differs,
        report_data_differs, report_data_agrees,
        CASE
            WHEN NOT beside THEN 'named'
            WHEN other_quote IS NOT NULL THEN 'swapped'
            WHEN measurement_differs OR signer_differs OR report_data_differs THEN 'claims'
            ELSE 'hash'
        END AS kind
    FROM compared
    WHERE measurement_differs OR signer_differs OR report_data_differs OR hash_differs
        OR other_quote IS NOT NULL
),
told AS (
    SELECT
        subject_type, subject_id, kind,
        min(received_at) AS first_seen,
        max(received_at) AS last_seen,
        string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
            AS observation_ids,
        bool_and(report_data_agrees) AS wrapped,
        CASE WHEN bool_or(measurement_differs) THEN 'measurement ' ELSE '' END
        || CASE WHEN bool_or(signer_differs) THEN 'mrsigner ' ELSE '' END
        || CASE WHEN bool_or(hash_differs OR other_quote IS NOT NULL) THEN 'quote_hash ' ELSE '' END
        || CASE WHEN bool_or(report_data_differs) THEN 'report_data ' ELSE '' END AS claims,
        list_sort(list(DISTINCT other_quote) FILTER (WHERE other_quote IS NOT NULL))
            AS other_quotes,
        count(DISTINCT token_id) AS tokens,
        CAST(sum(CASE WHEN claimed_ok THEN 1 ELSE 0 END) AS BIGINT) AS accepted,
        count(*) AS sightings
    FROM offence
    GROUP BY subject_type, subject_id, kind
)
SELECT
    subject_type,
    subject_id,
    first_seen,
    last_seen,
    observation_ids,
    CASE WHEN kind = 'hash' AND wrapped THEN 'low' ELSE 'high' END AS severity,
    CASE kind
        WHEN 'swapped' THEN 'The token is about another quote of the case'
        WHEN 'claims' THEN 'The token contradicts the quote beside it'
        WHEN 'named' THEN 'The token contradicts the quote that its hash names'
        ELSE 'The token names a quote that is not the one beside it'
    END
    || ': ' || array_to_string(
        list_sort(string_split(substr(claims, 1, length(claims) - 1), ' ')), ', '
    )
    || ' (' || CAST(sightings AS VARCHAR) || ' sighting(s))' AS summary,
    CAST(to_json({
        'kind': kind,
        'claims': list_sort(string_split(substr(claims, 1, length(claims) - 1), ' ')),
        'other_quotes': other_quotes,
        'tokens': tokens,
        'accepted': accepted,
        'sightings': sightings
    }) AS VARCHAR) AS details
FROM told
ORDER BY subject_type, subject_id, details
