-- ---
-- id = "report-data-mismatch"
-- title = "REPORT_DATA is not what was promised"
-- version = 4
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = false
-- question = "Which quotes, accepted or not, hold other REPORT_DATA than their workload's rule gives or than the verifier logged?"
-- why = "A mismatch is a substituted key or nonce, a replayed quote, or a verifier that logs what it did not see; on a quote that was refused it shows the attempt."
-- inputs = ["binding", "observation", "quote"]
-- scope = ["observation_id"]
-- discriminator = ["kind", "workload_id"]
-- grain = "one row per instance, kind and workload rule"
-- nulls = "a rule whose inputs were not logged is counted as not evaluable; an absent claim contradicts nothing"
-- false_positives = ["a wrong rule in the manifest: then every attestation of the workload is affected", "a runtime that calls something else the initial state than the verifier does: then every launch is affected"]
-- blind_spots = ["workloads without a REPORT_DATA rule", "an enclave that binds a state of an earlier launch of its own, where no container tells the launches apart", "a malformed claim is left to malformed-claim"]
-- attack = ["key or nonce substitution", "falsified verifier log"]
-- spec = ["RFC 9334, section 10 (freshness)", "detector D07"]
-- created = 2026-11-23
-- updated = 2026-12-01
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [details]
-- kind = "rule: the recomputed rule gives other bytes; claim: the verifier logged other bytes"
-- workload_id = "the workload whose rule was applied; null for claims"
-- rule = "the rule in words; null for claims"
-- expected_report_data = "what rule or claim says for the first of them"
-- quoted_report_data = "what that quote holds"
-- by_launch = "number of sightings held against the initial state that the launch logged: the event tells none, or one that the quote binds"
-- sightings = "number of sightings"
-- [sides]
-- fact = "REPORT_DATA"
-- "the workload's rule gives" = "expected_report_data"
-- "the quote holds" = "quoted_report_data"
-- [[not_evaluable]]
-- reason = "inputs of the REPORT_DATA rule were not logged"
-- count = "SELECT count(*) AS unjudged FROM binding WHERE result = 'not_evaluable'"
-- ---
WITH mismatch AS (
    SELECT
        b.observation_no, 'rule' AS kind, b.workload_id, b.rule, b.expected_report_data,
        b.initial_state_from, q.report_data
    FROM binding AS b
    JOIN observation AS o ON o.observation_no = b.observation_no
    JOIN quote AS q ON q.quote_no = o.quote_no
    WHERE b.result = 'mismatch'
    UNION ALL
    SELECT
        o.observation_no, 'claim' AS kind,
        CAST(NULL AS VARCHAR) AS workload_id,
        CAST(NULL AS VARCHAR) AS rule,
        o.claimed_report_data AS expected_report_data,
        CAST(NULL AS VARCHAR) AS initial_state_from,
        q.report_data
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    WHERE o.claimed_report_data <> q.report_data
        AND NOT coalesce(list_contains(o.malformed_claims, 'report_data'), FALSE)
),
sighting AS (
    SELECT
        o.observation_id, o.observation_no, o.received_at,
        CASE
            WHEN o.enclave_id IS NOT NULL THEN 'enclave'
            WHEN o.container_id IS NOT NULL THEN 'container'
            ELSE 'quote'
        END AS subject_type,
        coalesce(o.enclave_id, o.container_id, o.quote_id) AS subject_id,
        m.kind, m.workload_id, m.rule, m.expected_report_data, m.initial_state_from, m.report_data,
        row_number() OVER (ORDER BY o.received_at, o.observation_no, m.kind) AS place
    FROM mismatch AS m
    JOIN observation AS o ON o.observation_no = m.observation_no
)
SELECT
    subject_type,
    subject_id,
    min(received_at) AS first_seen,
    max(received_at) AS last_seen,
    string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
        AS observation_ids,
    'high' AS severity,
    CASE kind
        WHEN 'rule' THEN 'REPORT_DATA is not ' || coalesce(min(rule), 'what the rule gives')
            || coalesce(' of workload ' || workload_id, '')
            || CASE
                WHEN bool_and(coalesce(initial_state_from = 'launch', FALSE))
                    THEN ' for the state that it was launched in'
                ELSE ''
            END
        ELSE 'The verifier logged other REPORT_DATA than the quote holds'
    END
    || ' (' || CAST(count(*) AS VARCHAR) || ' sighting(s))' AS summary,
    CAST(to_json({
        'kind': kind,
        'workload_id': workload_id,
        'rule': min(rule),
        'expected_report_data': min_by(expected_report_data, place),
        'quoted_report_data': min_by(report_data, place),
        'by_launch': CAST(
            sum(CASE WHEN initial_state_from = 'launch' THEN 1 ELSE 0 END) AS BIGINT
        ),
        'sightings': count(*)
    }) AS VARCHAR) AS details
FROM sighting
GROUP BY subject_type, subject_id, kind, workload_id
ORDER BY subject_type, subject_id, details
