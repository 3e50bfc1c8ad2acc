-- ---
-- id = "not-forwarded"
-- title = "Evidence that the SIEM never got"
-- version = 1
-- fingerprint_version = 1
-- status = "stable"
-- severity = "medium"
-- sig = false
-- question = "Which attestation events were kept from the SIEM, by the verifier's own word or by their absence from the SIEM's log?"
-- why = "What is not forwarded is not watched. An attacker who controls the forwarding needs no other disguise."
-- inputs = ["observation", "source"]
-- waits_for = ["observation"]
-- in_full = "the SIEM's own log, which may bring any event, is a source like any other"
-- discriminator = ["kind"]
-- grain = "one row per instance and kind"
-- nulls = "an event that does not say whether it was forwarded says nothing; without an event id it cannot be looked up in the SIEM's log, and is counted"
-- false_positives = ["a SIEM outage: many instances at once", "a SIEM export that covers less time than the case"]
-- blind_spots = ["the SIEM's own log is compared only when the parameter siem_source says which sources it is"]
-- attack = ["log suppression"]
-- spec = ["detector catalogue, not-forwarded"]
-- created = 2026-11-23
-- updated = 2026-11-23
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [params.siem_source]
-- type = "VARCHAR"
-- default = ""
-- meaning = "text in the path of the sources that are the SIEM's own log; empty: there is none"
-- [details]
-- kind = "not_forwarded: siem_forwarded is false; not_in_siem: the SIEM's log has no such event"
-- verifiers = "verifiers that logged the events"
-- sightings = "number of events"
-- [[not_evaluable]]
-- reason = "event without an event id cannot be looked up in the SIEM's log"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN source AS s ON s.source_id = o.source_id
-- WHERE $siem_source <> ''
--     AND o.event_type = 'enclave_attestation'
--     AND o.event_id IS NULL
--     AND strpos(s.path, $siem_source) = 0"""
-- ---
WITH placed AS (
    SELECT
        o.observation_id, o.observation_no, o.received_at, o.event_type, o.event_id,
        o.backend_verifier, o.siem_forwarded,
        CASE
            WHEN o.enclave_id IS NOT NULL THEN 'enclave'
            WHEN o.container_id IS NOT NULL THEN 'container'
            ELSE 'observation'
        END AS subject_type,
        coalesce(o.enclave_id, o.container_id, o.observation_id) AS subject_id,
        $siem_source <> '' AND coalesce(strpos(s.path, $siem_source) > 0, FALSE) AS in_siem
    FROM observation AS o
    LEFT JOIN source AS s ON s.source_id = o.source_id
),
siem_event AS (
    SELECT DISTINCT event_id FROM placed WHERE in_siem AND event_id IS NOT NULL
),
-- A log that is not in the case cannot miss anything.
siem_log AS (
    SELECT count(*) AS events FROM siem_event
),
suppressed AS (
    SELECT
        subject_type, subject_id, observation_id, observation_no, received_at, backend_verifier,
        'not_forwarded' AS kind
    FROM placed
    WHERE NOT siem_forwarded
    UNION ALL
    SELECT
        p.subject_type, p.subject_id, p.observation_id, p.observation_no, p.received_at,
        p.backend_verifier, 'not_in_siem' AS kind
    FROM placed AS p
    CROSS JOIN siem_log AS l
    LEFT JOIN siem_event AS e ON e.event_id = p.event_id
    WHERE l.events > 0
        AND NOT p.in_siem
        AND p.event_type = 'enclave_attestation'
        AND p.event_id IS NOT NULL
        AND e.event_id IS NULL
)
SELECT
    subject_type,
    subject_id,
    min(received_at) AS first_seen,
    max(received_at) AS last_seen,
    string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
        AS observation_ids,
    'medium' AS severity,
    CAST(count(*) AS VARCHAR)
    || CASE kind
        WHEN 'not_forwarded' THEN ' event(s) were not forwarded to the SIEM'
        ELSE ' event(s) are missing from the SIEM''s own log'
    END AS summary,
    CAST(to_json({
        'kind': kind,
        'verifiers': list_sort(
            list(DISTINCT backend_verifier) FILTER (WHERE backend_verifier IS NOT NULL)
        ),
        'sightings': count(*)
    }) AS VARCHAR) AS details
FROM suppressed
GROUP BY subject_type, subject_id, kind
ORDER BY subject_type, subject_id, details
