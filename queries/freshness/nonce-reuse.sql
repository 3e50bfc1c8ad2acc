-- ---
-- id = "nonce-reuse"
-- title = "One challenge for several sessions"
-- version = 5
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = false
-- question = "Which nonces were issued twice, or accepted in several sessions over different evidence?"
-- why = "A challenge works once. A verifier that repeats them has a broken or cloned random generator, or a constant in the place of one, and accepts what was made for somebody else."
-- inputs = ["nonce", "observation", "quote"]
-- scope = ["nonce"]
-- discriminator = []
-- grain = "one row per nonce"
-- nulls = "where no session is logged, the enclave stands for it; events and challenges with neither say nothing; no word from the verifier counts as accepted"
-- false_positives = ["a retry of the same session", "evidence of several devices for one nonce in one session", "collectors that ship a line twice"]
-- blind_spots = ["a verifier whose nonces differ and can be foreseen", "the same evidence shown again under its nonce: see replayed-quote"]
-- attack = ["verifier clone or snapshot", "static challenge"]
-- spec = ["RFC 9334, section 10.2", "detector D04"]
-- created = 2026-11-23
-- updated = 2026-11-29
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [details]
-- issued = "number of challenges with it in the nonce log, copies aside"
-- sessions = "sessions (else enclaves) that it was issued for or that answered it"
-- enclaves = "enclaves that it was issued for or that answered it"
-- answers = "number of different signed reports that were accepted with it"
-- sightings = "number of events that carry it"
-- [sides]
-- fact = "nonce"
-- "issued, times" = "issued"
-- "used in" = "sessions"
-- [[not_evaluable]]
-- reason = "accepted event without a nonce"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation
-- WHERE event_type = 'enclave_attestation' AND nonce IS NULL"""
-- ---
-- What occurs once has, as a rule, a beginning that occurs once. A copied line agrees in everything.
WITH reissued AS (
    SELECT nonce
    FROM nonce
    WHERE substr(nonce, 1, 12) IN (
        SELECT substr(nonce, 1, 12) FROM nonce GROUP BY substr(nonce, 1, 12) HAVING count(*) > 1
    )
    GROUP BY nonce
    HAVING min(coalesce(session_id, enclave_id)) <> max(coalesce(session_id, enclave_id))
),
shared AS (
    SELECT nonce
    FROM observation
    WHERE coalesce(claimed_ok, TRUE)
        AND substr(nonce, 1, 12) IN (
            SELECT substr(nonce, 1, 12)
            FROM observation
            WHERE coalesce(claimed_ok, TRUE)
            GROUP BY substr(nonce, 1, 12)
            HAVING min(quote_no) <> max(quote_no)
        )
    GROUP BY nonce
    HAVING min(quote_no) <> max(quote_no)
),
-- The same report in two sessions is a replay, or was signed twice.
answered AS (
    SELECT o.nonce, count(DISTINCT q.signed_id) AS answers
    FROM shared AS s
    JOIN observation AS o ON o.nonce = s.nonce AND coalesce(o.claimed_ok, TRUE)
    JOIN quote AS q ON q.quote_no = o.quote_no AND q.proven
    GROUP BY o.nonce
    HAVING min(coalesce(o.session_id, o.enclave_id)) <> max(coalesce(o.session_id, o.enclave_id))
        AND min(q.signed_id) <> max(q.signed_id)
),
reused AS (
    SELECT nonce FROM reissued
    UNION
    SELECT nonce FROM answered
),
answer AS (
    SELECT
        nonce, coalesce(session_id, enclave_id) AS session_id, enclave_id,
        observation_id, observation_no, received_at
    FROM observation
    WHERE nonce IN (SELECT nonce FROM reused)
),
challenge AS (
    SELECT DISTINCT
        nonce, coalesce(session_id, enclave_id) AS session_id, enclave_id, timestamp, issuer
    FROM nonce
    WHERE nonce IN (SELECT nonce FROM reused)
),
party AS (
    SELECT c.nonce, c.session_id, c.enclave_id, c.timestamp AS at_time
    FROM challenge AS c
    UNION ALL
    SELECT a.nonce, a.session_id, a.enclave_id, a.received_at AS at_time
    FROM answer AS a
),
parties AS (
    SELECT
        nonce,
        min(at_time) AS first_seen,
        max(at_time) AS last_seen,
        count(DISTINCT session_id) AS session_count,
        list_sort(list(DISTINCT session_id) FILTER (WHERE session_id IS NOT NULL)) AS sessions,
        list_sort(list(DISTINCT enclave_id) FILTER (WHERE enclave_id IS NOT NULL)) AS enclaves
    FROM party
    GROUP BY nonce
),
issue AS (
    SELECT nonce, count(*) AS issued FROM challenge GROUP BY nonce
),
seen AS (
    SELECT
        nonce, count(*) AS sightings,
        string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
            AS observation_ids
    FROM answer
    GROUP BY nonce
)
SELECT
    'nonce' AS subject_type,
    p.nonce AS subject_id,
    p.first_seen,
    p.last_seen,
    coalesce(s.observation_ids, []) AS observation_ids,
    'high' AS severity,
    'One nonce served ' || CAST(p.session_count AS VARCHAR) || ' sessions: issued '
    || CAST(coalesce(i.issued, 0) AS VARCHAR) || ' time(s), accepted over '
    || CAST(coalesce(n.answers, 0) AS VARCHAR) || ' different reports' AS summary,
    CAST(to_json({
        'issued': coalesce(i.issued, 0),
        'sessions': p.sessions,
        'enclaves': p.enclaves,
        'answers': coalesce(n.answers, 0),
        'sightings': coalesce(s.sightings, 0)
    }) AS VARCHAR) AS details
FROM parties AS p
LEFT JOIN issue AS i ON i.nonce = p.nonce
LEFT JOIN answered AS n ON n.nonce = p.nonce
LEFT JOIN seen AS s ON s.nonce = p.nonce
ORDER BY subject_type, subject_id
