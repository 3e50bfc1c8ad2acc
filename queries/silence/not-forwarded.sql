-- ---
-- id = "not-forwarded"
-- title = "Evidence that the SIEM never got"
-- version = 3
-- fingerprint_version = 1
-- status = "stable"
-- severity = "medium"
-- sig = false
-- question = "Which attestation events were kept from the SIEM, by the verifier's own word or by their absence from the SIEM's log?"
-- why = "What is not forwarded is not watched. An attacker who controls the forwarding needs no other disguise."
-- inputs = ["observation", "source", "source_extent"]
-- scope = ["event_id"]
-- widens_when = """
-- SELECT s.events
-- FROM share AS s
-- CROSS JOIN known_share AS k
-- WHERE (s.kept < $least_share * s.events) <> (k.kept < $least_share * k.events)"""
-- dated = ["source_extent"]
-- again = """
-- SELECT o.observation_no
-- FROM observation AS o
-- CROSS JOIN siem_log AS l
-- CROSS JOIN (
--     SELECT coalesce(sum(x.events), 0) AS events, min(x.first_at) AS first_at, max(x.last_at) AS last_at
--     FROM known_source_extent AS x
--     JOIN named AS n ON n.source_id = x.source_id AND n.in_siem
-- ) AS k
-- WHERE l.events > 0
--     AND o.event_type = 'enclave_attestation'
--     AND (
--         k.events = 0
--         OR coalesce(o.received_at >= l.first_at AND o.received_at <= l.last_at, TRUE)
--         <> coalesce(o.received_at >= k.first_at AND o.received_at <= k.last_at, TRUE)
--     )"""
-- discriminator = ["kind"]
-- grain = "one row per instance and kind"
-- nulls = "an event that does not say whether it was forwarded says nothing; without an event id it cannot be looked up in the SIEM's log, and is counted, and so is one from outside the time of that log; an event without a time is looked up whatever that log covers"
-- false_positives = ["a SIEM outage: many instances at once", "an export of some of what the SIEM has: with less than least_share of the events of its time it is counted as that, not reported"]
-- blind_spots = ["a SIEM's log whose name and folder do not say so: name it with siem_source", "events before the first and after the last of the SIEM's log", "a case in which every log's folder says siem: then nothing is left to compare", "a forwarder that loses more than least_share leaves: looks like an extract"]
-- attack = ["log suppression"]
-- spec = ["detector catalogue, not-forwarded"]
-- created = 2026-11-23
-- updated = 2026-11-30
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [totals.share]
-- events = "sum"
-- kept = "sum"
-- [params.siem_source]
-- type = "VARCHAR"
-- default = "siem"
-- meaning = "text in the name, or the name of the folder, of the sources that are the SIEM's own log, in upper or lower case; empty: there is none"
-- [params.least_share]
-- type = "DOUBLE"
-- default = "0.5"
-- meaning = "a SIEM's log that has less than this share of the events of its time is an extract; 0: it never is"
-- [details]
-- kind = "not_forwarded: siem_forwarded is false; not_in_siem: the SIEM's log has no such event"
-- verifiers = "verifiers that logged the events"
-- sightings = "number of events"
-- [sides]
-- fact = "event"
-- "logged by" = "verifiers"
-- "and to the SIEM" = "kind"
-- [[not_evaluable]]
-- reason = "event without an event id cannot be looked up in the SIEM's log"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM logged
-- WHERE event_id IS NULL"""
-- [[not_evaluable]]
-- reason = "event outside the time that the SIEM's log covers, or missing from what is an extract of it"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM looked_up AS k
-- CROSS JOIN share AS s
-- WHERE NOT k.there AND (NOT k.covered OR s.kept < $least_share * s.events)"""
-- ---
-- A source's folder and name: what stands above them is where somebody keeps the case.
WITH named AS (
    SELECT
        source_id,
        $siem_source <> '' AND coalesce(strpos(lower(name), lower($siem_source)) > 0, FALSE)
            AS in_siem
    FROM (
        SELECT
            source_id,
            CASE
                WHEN strpos(above, '/') = 0 THEN path
                ELSE substr(path, length(path) - length(name) - strpos(above, '/') + 1)
            END AS name
        FROM (
            SELECT
                source_id, path,
                substr(reverse(path), 1, strpos(reverse(path), '/')) AS name,
                substr(reverse(path), strpos(reverse(path), '/') + 1) AS above
            FROM source
        ) AS split
    ) AS folder
),
-- A log that is not in the case cannot miss anything, nor can it miss what came before or after.
siem_log AS (
    SELECT
        coalesce(sum(x.events), 0) AS events, min(x.first_at) AS first_at, max(x.last_at) AS last_at
    FROM source_extent AS x
    JOIN named AS n ON n.source_id = x.source_id AND n.in_siem
),
placed AS (
    SELECT
        o.observation_id, o.observation_no, o.received_at, o.event_type, o.event_id,
        o.backend_verifier, o.siem_forwarded,
        CASE
            WHEN o.enclave_id IS NOT NULL THEN 'enclave'
            WHEN o.container_id IS NOT NULL THEN 'container'
            ELSE 'observation'
        END AS subject_type,
        coalesce(o.enclave_id, o.container_id, o.observation_id) AS subject_id,
        coalesce(s.in_siem, FALSE) AS in_siem
    FROM observation AS o
    LEFT JOIN named AS s ON s.source_id = o.source_id
),
logged AS (
    SELECT
        p.subject_type, p.subject_id, p.observation_id, p.observation_no, p.received_at,
        p.backend_verifier, p.event_id,
        coalesce(p.received_at >= l.first_at AND p.received_at <= l.last_at, TRUE) AS covered
    FROM placed AS p
    CROSS JOIN siem_log AS l
    WHERE l.events > 0 AND NOT p.in_siem AND p.event_type = 'enclave_attestation'
),
siem_event AS (
    SELECT DISTINCT event_id FROM placed WHERE in_siem AND event_id IS NOT NULL
),
looked_up AS (
    SELECT
        k.subject_type, k.subject_id, k.observation_id, k.observation_no, k.received_at,
        k.backend_verifier, k.event_id, k.covered, e.event_id IS NOT NULL AS there
    FROM logged AS k
    LEFT JOIN siem_event AS e ON e.event_id = k.event_id
    WHERE k.event_id IS NOT NULL
),
-- What was taken out of the SIEM for somebody is not the SIEM's log.
share AS (
    SELECT
        count(DISTINCT event_id) AS events,
        count(DISTINCT CASE WHEN there THEN event_id END) AS kept
    FROM looked_up
    WHERE covered
),
suppressed AS (
    SELECT
        subject_type, subject_id, observation_id, observation_no, received_at, backend_verifier,
        'not_forwarded' AS kind
    FROM placed
    WHERE NOT siem_forwarded
    UNION ALL
    SELECT
        k.subject_type, k.subject_id, k.observation_id, k.observation_no, k.received_at,
        k.backend_verifier, 'not_in_siem' AS kind
    FROM looked_up AS k
    CROSS JOIN share AS s
    WHERE k.covered AND NOT k.there AND s.kept >= $least_share * s.events
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
