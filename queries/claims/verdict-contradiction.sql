-- ---
-- id = "verdict-contradiction"
-- title = "The verifier said OK to a quote that fails"
-- version = 3
-- fingerprint_version = 1
-- status = "stable"
-- severity = "critical"
-- sig = false
-- question = "Which quotes did a verifier call good although, with the collateral of that moment, they fail?"
-- why = "Either the verifier was broken or bypassed, or it lied. Everything that it let in needs another look."
-- inputs = ["observation", "quote", "verdict"]
-- requires = ["verdict"]
-- scope = ["observation_id"]
-- discriminator = ["kind"]
-- grain = "one row per instance and kind"
-- nulls = "an undetermined verdict contradicts nothing and is counted, and so is an OK that came without a quote"
-- false_positives = ["a verifier with collateral that the case does not have", "a trust anchor missing from the case: then every quote of that fleet fails P2"]
-- blind_spots = ["verdicts logged without the quote that they are about"]
-- attack = ["compromised or bypassed verifier"]
-- spec = ["RFC 9334, section 8.4 (attestation results)", "detector D33"]
-- created = 2026-11-23
-- updated = 2026-11-29
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [details]
-- kind = "contradiction: no archived collateral of that moment accepts it; unresolved_collateral: some does"
-- failed_checks = "checks that failed in any of the sightings"
-- statuses = "TCB statuses recomputed"
-- claimed = "quote_status as logged"
-- verifiers = "verifiers that said OK"
-- sightings = "number of sightings"
-- [sides]
-- fact = "verdict"
-- "the verifier's words" = "claimed"
-- "checks that fail" = "failed_checks"
-- [[not_evaluable]]
-- reason = "claimed OK, but no collateral covers the moment"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- LEFT JOIN verdict AS v
--     ON v.observation_no = o.observation_no
--     AND v.moment = 'receipt'
--     AND v.outcome <> 'undetermined'
-- WHERE o.claimed_ok AND o.quote_id IS NOT NULL AND v.observation_no IS NULL"""
-- [[not_evaluable]]
-- reason = "claimed OK, but the quote was not kept"
-- count = "SELECT count(*) AS unjudged FROM observation WHERE claimed_ok AND quote_id IS NULL"
-- ---
-- Few are called good and rejected: they are found by number, and then read.
WITH contradicted AS (
    SELECT o.observation_no
    FROM observation AS o
    JOIN verdict AS v ON v.observation_no = o.observation_no AND v.moment = 'receipt'
    WHERE o.claimed_ok AND v.outcome = 'rejected'
),
contradiction AS (
    SELECT
        o.observation_id, o.observation_no, o.received_at, o.backend_verifier,
        coalesce(o.claimed_quote_status, 'policy allowed') AS claimed,
        CASE
            WHEN o.enclave_id IS NOT NULL THEN 'enclave'
            WHEN o.container_id IS NOT NULL THEN 'container'
            ELSE 'quote'
        END AS subject_type,
        coalesce(o.enclave_id, o.container_id, o.quote_id) AS subject_id,
        v.status,
        coalesce(v.failed_checks, CAST([] AS VARCHAR[])) AS failed_checks,
        CASE
            WHEN v.other_collateral_accepts THEN 'unresolved_collateral' ELSE 'contradiction'
        END AS kind
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    JOIN verdict AS v ON v.observation_no = o.observation_no AND v.moment = 'receipt'
    WHERE o.observation_no IN (SELECT DISTINCT observation_no FROM contradicted)
),
told AS (
    SELECT
        subject_type, subject_id, kind,
        min(received_at) AS first_seen,
        max(received_at) AS last_seen,
        count(*) AS sightings,
        list_sort(list_distinct(flatten(list(failed_checks)))) AS failed_checks,
        list_sort(list(DISTINCT status) FILTER (WHERE status IS NOT NULL)) AS statuses,
        list_sort(list(DISTINCT claimed)) AS claimed,
        list_sort(list(DISTINCT backend_verifier) FILTER (WHERE backend_verifier IS NOT NULL))
            AS verifiers,
        string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
            AS observation_ids
    FROM contradiction
    GROUP BY subject_type, subject_id, kind
)
SELECT
    subject_type,
    subject_id,
    first_seen,
    last_seen,
    observation_ids,
    CASE kind WHEN 'contradiction' THEN 'critical' ELSE 'medium' END AS severity,
    'The verifier said OK to a quote that fails '
    || coalesce(nullif(array_to_string(failed_checks, ', '), ''), 'verification')
    || coalesce(' (' || array_to_string(statuses, ', ') || ')', '')
    || CASE kind WHEN 'contradiction' THEN '' ELSE '; unresolved collateral' END
    || ', ' || CAST(sightings AS VARCHAR) || ' time(s)' AS summary,
    CAST(to_json({
        'kind': kind,
        'failed_checks': failed_checks,
        'statuses': statuses,
        'claimed': claimed,
        'verifiers': verifiers,
        'sightings': sightings
    }) AS VARCHAR) AS details
FROM told
ORDER BY subject_type, subject_id, details
