-- ---
-- id = "nonce-reuse"
-- title = "One challenge for several sessions"
-- version = 6
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = false
-- question = "Which nonces were issued twice, or accepted over different evidence: in several sessions, or, where none is logged, long after one another?"
-- why = "A challenge works once. A verifier that repeats them has a broken or cloned random generator, or a constant in the place of one, and accepts what was made for somebody else."
-- inputs = ["nonce", "observation", "quote"]
-- scope = ["nonce"]
-- discriminator = []
-- grain = "one row per nonce"
-- nulls = "where no session is logged, the enclave stands for it, and reports that are more than retry_window apart answered the challenge anew, whoever sent them; challenges with neither say nothing, nor do reports with a session beside one without; reports without session and time are counted; no word from the verifier counts as accepted"
-- clocks = "the verifiers': where no session is logged, they would have to be seconds_apart less retry_window apart to make a retry of a challenge that was used again, or the other way round"
-- false_positives = ["a retry of the same session; where none is logged, retries that go on for longer than retry_window", "evidence of several devices for one nonce in one session", "collectors that ship a line twice"]
-- blind_spots = ["a verifier whose nonces differ and can be foreseen", "the same evidence shown again under its nonce: see replayed-quote"]
-- attack = ["verifier clone or snapshot", "static challenge"]
-- spec = ["RFC 9334, section 10.2", "detector D04"]
-- created = 2026-11-23
-- updated = 2026-12-01
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [params.retry_window]
-- type = "INTERVAL"
-- default = "60s"
-- meaning = "where no session is logged, another report accepted up to this much later may answer the same challenge again"
-- [details]
-- issued = "number of challenges with it in the nonce log, copies aside"
-- sessions = "sessions (else enclaves) that it was issued for or that answered it"
-- enclaves = "enclaves that it was issued for or that answered it"
-- answers = "number of different signed reports that were accepted with it"
-- seconds_apart = "where no session is logged: from the first acceptance of its first report to that of its last; null: a session is logged, or one report"
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
-- [[not_evaluable]]
-- reason = "different reports accepted with one nonce, where neither session nor time tells a retry"
-- count = """
-- SELECT count(*) AS unjudged FROM weighed WHERE NOT several AND NOT late AND untimed"""
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
report AS (
    SELECT
        o.nonce, q.signed_id,
        min(coalesce(o.session_id, o.enclave_id)) AS first_party,
        max(coalesce(o.session_id, o.enclave_id)) AS last_party,
        min(CASE WHEN o.session_id IS NULL THEN o.received_at END) AS first_at,
        bool_or(o.session_id IS NULL AND o.received_at IS NULL) AS untimed
    FROM shared AS s
    JOIN observation AS o ON o.nonce = s.nonce AND coalesce(o.claimed_ok, TRUE)
    JOIN quote AS q ON q.quote_no = o.quote_no AND q.proven
    GROUP BY o.nonce, q.signed_id
),
-- A session may answer its challenge twice. Where none is logged, time tells a retry from a
-- challenge that is used again.
weighed AS (
    SELECT
        nonce,
        coalesce(min(first_party) <> max(last_party), FALSE) AS several,
        coalesce(max(first_at) > min(first_at) + $retry_window, FALSE) AS late,
        bool_or(untimed) AS untimed
    FROM report
    GROUP BY nonce
    HAVING min(signed_id) <> max(signed_id)
),
reused AS (
    SELECT nonce FROM reissued
    UNION
    SELECT nonce FROM weighed WHERE several OR late
),
accepted AS (
    SELECT
        o.nonce, q.signed_id,
        min(CASE WHEN o.session_id IS NULL THEN o.received_at END) AS first_at
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no AND q.proven
    WHERE coalesce(o.claimed_ok, TRUE) AND o.nonce IN (SELECT nonce FROM reused)
    GROUP BY o.nonce, q.signed_id
),
answered AS (
    SELECT
        nonce, count(*) AS answers,
        CASE
            WHEN count(first_at) > 1
                THEN CAST(epoch(max(first_at)) - epoch(min(first_at)) AS BIGINT)
        END AS seconds_apart
    FROM accepted
    GROUP BY nonce
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
    CASE
        WHEN p.session_count > 1
            THEN 'One nonce served ' || CAST(p.session_count AS VARCHAR) || ' sessions'
        ELSE 'One nonce was answered anew up to ' || CAST(n.seconds_apart AS VARCHAR) || ' s later'
    END
    || ': issued ' || CAST(coalesce(i.issued, 0) AS VARCHAR) || ' time(s), accepted over '
    || CAST(coalesce(n.answers, 0) AS VARCHAR) || ' different report(s)' AS summary,
    CAST(to_json({
        'issued': coalesce(i.issued, 0),
        'sessions': p.sessions,
        'enclaves': p.enclaves,
        'answers': coalesce(n.answers, 0),
        'seconds_apart': n.seconds_apart,
        'sightings': coalesce(s.sightings, 0)
    }) AS VARCHAR) AS details
FROM parties AS p
LEFT JOIN issue AS i ON i.nonce = p.nonce
LEFT JOIN answered AS n ON n.nonce = p.nonce
LEFT JOIN seen AS s ON s.nonce = p.nonce
ORDER BY subject_type, subject_id
