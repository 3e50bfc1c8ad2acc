-- ---
-- id = "unknown-nonce"
-- title = "Evidence for a challenge that nobody issued, or that was issued to somebody else"
-- version = 7
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = false
-- question = "Which evidence answers a nonce that is not in the nonce log, or that was issued for another session or enclave?"
-- why = "Freshness rests on the verifier choosing the nonce. A nonce from elsewhere lets the attester, or whoever relays for it, choose the moment."
-- inputs = ["extent", "loose_end", "nonce", "observation", "traffic"]
-- requires = ["nonce"]
-- waits_for = ["nonce"]
-- scope = ["nonce"]
-- apart = ["extent", "loose_end", "traffic"]
-- again = "SELECT observation_no FROM unknown"
-- discriminator = ["kind"]
-- grain = "one row per instance and kind"
-- nulls = "an event without a nonce is counted; where either side names no session or no enclave, that is not compared; a refusal is low, no word from the verifier counts as accepted"
-- false_positives = ["a hole in the nonce log: an hour in which the log knows no nonce of several instances is counted as a hole, not reported", "a verifier that takes its nonces from another service (passport model)", "collectors that cut or recode nonces"]
-- blind_spots = ["before the first and after the last row of the nonce log", "an attacker who can write the nonce log", "an attacker who answers as several instances in an hour without any other evidence: counted, not reported"]
-- attack = ["nonce substitution", "relay"]
-- spec = ["RFC 9334, section 10.2", "detector D05"]
-- created = 2026-11-23
-- updated = 2026-12-01
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [params.answer_time]
-- type = "INTERVAL"
-- default = "5m"
-- meaning = "evidence this long after the last row of the nonce log, or later, is outside it"
-- [params.gap_size]
-- type = "BIGINT"
-- default = "3"
-- meaning = "in an hour in which at least this many instances answered and the log knows none of their nonces, the log has a hole: an outage is everybody's"
-- [details]
-- kind = "not_issued: no log has it; other_session, other_enclave: issued, but not for this one"
-- nonces = "number of different nonces"
-- issued_for = "sessions or enclaves that they were issued for"
-- accepted = "number of sightings that the verifier called good"
-- sightings = "number of sightings"
-- [sides]
-- fact = "nonce"
-- "the nonce log says" = "kind"
-- "accepted, times" = "accepted"
-- [[not_evaluable]]
-- reason = "attestation event without a nonce"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation
-- WHERE event_type = 'enclave_attestation' AND nonce IS NULL"""
-- [[not_evaluable]]
-- reason = "unknown nonce outside the time that the nonce log covers, or in a hole of it"
-- anew = true
-- count = """
-- SELECT count(*) AS unjudged
-- FROM stray AS s
-- CROSS JOIN log AS l
-- LEFT JOIN hole AS h ON h.hour_no = s.hour_no
-- WHERE s.happened_at IS NULL
--     OR l.first_at IS NULL
--     OR s.happened_at < l.first_at
--     OR s.happened_at >= l.last_at + $answer_time
--     OR h.hour_no IS NOT NULL"""
-- ---
WITH log AS (
    SELECT first_at, last_at FROM extent WHERE kind = 'nonce'
),
-- Answers to what no log has; in an hour that has no others, and of several, the log has a hole.
stray AS (
    SELECT
        observation_no, subject_id, happened_at, floor(epoch(happened_at) / 3600) AS hour_no
    FROM loose_end
    WHERE kind = 'answer'
),
hole AS (
    SELECT s.hour_no
    FROM stray AS s
    JOIN traffic AS t ON t.hour_no = s.hour_no
    GROUP BY s.hour_no, t.answers
    HAVING count(*) = t.answers AND count(DISTINCT s.subject_id) >= $gap_size
),
unknown AS (
    SELECT s.observation_no
    FROM stray AS s
    CROSS JOIN log AS l
    LEFT JOIN hole AS h ON h.hour_no = s.hour_no
    WHERE s.happened_at >= l.first_at
        AND s.happened_at < l.last_at + $answer_time
        AND h.hour_no IS NULL
),
-- Whatever answers a nonce in the session and from the enclave that it was issued for is well.
other AS (
    SELECT o.observation_no
    FROM observation AS o
    LEFT JOIN nonce AS n
        ON n.nonce = o.nonce AND n.session_id = o.session_id AND n.enclave_id = o.enclave_id
    WHERE o.nonce IS NOT NULL AND n.nonce IS NULL
        AND (o.event_type = 'enclave_attestation' OR o.quote_no IS NOT NULL)
),
strange AS (
    SELECT
        o.observation_id, o.observation_no, o.received_at, o.nonce, o.claimed_ok,
        o.session_id, o.enclave_id, o.container_id
    FROM observation AS o
    WHERE o.observation_no IN (SELECT observation_no FROM other)
),
answered AS (
    SELECT n.nonce, n.session_id, n.enclave_id
    FROM nonce AS n
    WHERE n.nonce IN (SELECT nonce FROM strange)
),
-- What each nonce was issued for; NULL when a row of it does not say.
issued AS (
    SELECT
        nonce,
        CASE WHEN count(session_id) = count(*) THEN max(session_id) END AS session_id,
        CASE WHEN count(enclave_id) = count(*) THEN max(enclave_id) END AS enclave_id
    FROM answered
    GROUP BY nonce
),
-- A nonce that was issued twice has several.
issued_session AS (
    SELECT DISTINCT nonce, session_id FROM answered WHERE session_id IS NOT NULL
),
issued_enclave AS (
    SELECT DISTINCT nonce, enclave_id FROM answered WHERE enclave_id IS NOT NULL
),
placed AS (
    SELECT
        o.observation_id, o.observation_no, o.received_at, o.nonce, o.claimed_ok,
        CASE
            WHEN o.enclave_id IS NOT NULL THEN 'enclave'
            WHEN o.container_id IS NOT NULL THEN 'container'
            ELSE 'observation'
        END AS subject_type,
        coalesce(o.enclave_id, o.container_id, o.observation_id) AS subject_id,
        CASE
            WHEN i.nonce IS NULL THEN 'not_issued'
            WHEN i.session_id IS NOT NULL AND o.session_id IS NOT NULL AND s.nonce IS NULL
                THEN 'other_session'
            WHEN i.enclave_id IS NOT NULL AND o.enclave_id IS NOT NULL AND e.nonce IS NULL
                THEN 'other_enclave'
        END AS kind,
        i.session_id AS issued_session,
        i.enclave_id AS issued_enclave
    FROM strange AS o
    LEFT JOIN issued AS i ON i.nonce = o.nonce
    LEFT JOIN issued_session AS s ON s.nonce = o.nonce AND s.session_id = o.session_id
    LEFT JOIN issued_enclave AS e ON e.nonce = o.nonce AND e.enclave_id = o.enclave_id
),
offence AS (
    SELECT
        p.subject_type, p.subject_id, p.kind, p.observation_id, p.observation_no, p.received_at,
        p.nonce, p.claimed_ok,
        CASE p.kind
            WHEN 'other_session' THEN p.issued_session WHEN 'other_enclave' THEN p.issued_enclave
        END AS issued_for
    FROM placed AS p
    LEFT JOIN unknown AS u ON u.observation_no = p.observation_no
    WHERE p.kind <> 'not_issued' OR u.observation_no IS NOT NULL
)
SELECT
    subject_type,
    subject_id,
    min(received_at) AS first_seen,
    max(received_at) AS last_seen,
    string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
        AS observation_ids,
    CASE WHEN bool_and(NOT coalesce(claimed_ok, TRUE)) THEN 'low' ELSE 'high' END AS severity,
    CAST(count(DISTINCT nonce) AS VARCHAR)
    || CASE kind
        WHEN 'not_issued' THEN ' nonce(s) were answered that no verifier issued'
        WHEN 'other_session' THEN ' nonce(s) were answered in another session than issued for'
        ELSE ' nonce(s) were answered by another enclave than issued for'
    END
    || ' (' || CAST(count(*) AS VARCHAR) || ' sighting(s))' AS summary,
    CAST(to_json({
        'kind': kind,
        'nonces': count(DISTINCT nonce),
        'issued_for': list_sort(list(DISTINCT issued_for) FILTER (WHERE issued_for IS NOT NULL)),
        'accepted': CAST(sum(CASE WHEN claimed_ok THEN 1 ELSE 0 END) AS BIGINT),
        'sightings': count(*)
    }) AS VARCHAR) AS details
FROM offence
GROUP BY subject_type, subject_id, kind
ORDER BY subject_type, subject_id, details
