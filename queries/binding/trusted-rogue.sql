-- ---
-- id = "trusted-rogue"
-- title = "Everything verifies, but for another launch"
-- version = 3
-- fingerprint_version = 1
-- status = "stable"
-- severity = "critical"
-- sig = false
-- question = "Which quotes pass every check although their REPORT_DATA does not bind the launch that they were shown for?"
-- why = "Signatures and TCB say that some enclave is genuine. Only REPORT_DATA says that it is this one, answering this challenge."
-- inputs = ["binding", "observation", "quote", "verdict"]
-- requires = ["binding"]
-- scope = ["observation_id"]
-- discriminator = ["workload_id"]
-- grain = "one row per instance and workload rule"
-- nulls = "a rule whose inputs were not logged is counted as not evaluable"
-- false_positives = ["a wrong rule in the manifest: then every attestation of the workload is affected", "a runtime that calls something else the initial state than the verifier does: then every launch is affected"]
-- blind_spots = ["workloads without a REPORT_DATA rule", "quotes for which no collateral was archived", "an enclave that binds a state of an earlier launch of its own, where no container tells the launches apart"]
-- attack = ["key or nonce substitution", "verifier that never compared REPORT_DATA"]
-- spec = ["RFC 9334, section 10 (freshness)", "detector D07"]
-- created = 2026-11-23
-- updated = 2026-12-01
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [details]
-- workload_id = "the workload whose rule was applied"
-- rule = "the rule in words"
-- expected_report_data = "what the rule gives for the first of them"
-- quoted_report_data = "what that quote holds"
-- accepted = "number of sightings that the verifier called good as well"
-- by_launch = "number of sightings held against the initial state that the launch logged: the event tells none, or one that the quote binds"
-- sightings = "number of sightings"
-- [sides]
-- fact = "REPORT_DATA"
-- "the workload's rule gives" = "expected_report_data"
-- "the quote holds" = "quoted_report_data"
-- [[not_evaluable]]
-- reason = "inputs of the REPORT_DATA rule were not logged"
-- count = "SELECT count(*) AS unjudged FROM binding WHERE result = 'not_evaluable'"
-- [[not_evaluable]]
-- reason = "REPORT_DATA does not match, and no collateral covers the moment"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM binding AS b
-- LEFT JOIN verdict AS v ON v.observation_no = b.observation_no AND v.moment = 'receipt'
-- WHERE b.result = 'mismatch' AND coalesce(v.outcome, 'undetermined') = 'undetermined'"""
-- ---
WITH rogue AS (
    SELECT
        o.observation_id, o.observation_no, o.received_at, o.claimed_ok,
        CASE
            WHEN o.enclave_id IS NOT NULL THEN 'enclave'
            WHEN o.container_id IS NOT NULL THEN 'container'
            ELSE 'quote'
        END AS subject_type,
        coalesce(o.enclave_id, o.container_id, o.quote_id) AS subject_id,
        b.workload_id, b.rule, b.expected_report_data, b.initial_state_from, q.report_data,
        row_number() OVER (ORDER BY o.received_at, o.observation_no) AS place
    FROM binding AS b
    JOIN observation AS o ON o.observation_no = b.observation_no
    JOIN quote AS q ON q.quote_no = o.quote_no
    JOIN verdict AS v ON v.observation_no = o.observation_no AND v.moment = 'receipt'
    WHERE b.result = 'mismatch' AND v.outcome = 'accepted'
)
SELECT
    subject_type,
    subject_id,
    min(received_at) AS first_seen,
    max(received_at) AS last_seen,
    string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
        AS observation_ids,
    'critical' AS severity,
    'The quote verifies, but REPORT_DATA is not ' || coalesce(min(rule), 'what the rule gives')
    || coalesce(' of workload ' || workload_id, '')
    || CASE
        WHEN bool_and(coalesce(initial_state_from = 'launch', FALSE))
            THEN ' for the state that it was launched in'
        ELSE ''
    END
    || ' (' || CAST(count(*) AS VARCHAR) || ' sighting(s))' AS summary,
    CAST(to_json({
        'workload_id': workload_id,
        'rule': min(rule),
        'expected_report_data': min_by(expected_report_data, place),
        'quoted_report_data': min_by(report_data, place),
        'accepted': CAST(sum(CASE WHEN claimed_ok THEN 1 ELSE 0 END) AS BIGINT),
        'by_launch': CAST(
            sum(CASE WHEN initial_state_from = 'launch' THEN 1 ELSE 0 END) AS BIGINT
        ),
        'sightings': count(*)
    }) AS VARCHAR) AS details
FROM rogue
GROUP BY subject_type, subject_id, workload_id
ORDER BY subject_type, subject_id, details
