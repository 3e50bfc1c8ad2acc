-- ---
-- id = "late-nonce"
-- title = "Evidence accepted after its challenge had expired"
-- version = 8
-- fingerprint_version = 1
-- status = "stable"
-- severity = "medium"
-- sig = false
-- question = "Which answers were accepted later than the verifier had set itself?"
-- why = "An expiry bounds the time in which somebody can relay a challenge or work on an answer. A verifier that does not keep to it has no such bound."
-- inputs = ["nonce", "observation"]
-- requires = ["nonce"]
-- scope = ["nonce"]
-- discriminator = []
-- grain = "one row per instance"
-- nulls = "a challenge without an expiry is counted, and so is one that was issued to many; an event without a time cannot be late and is counted; no word from the verifier counts as accepted; a verifier or issuer that is not named has a clock of its own"
-- false_positives = ["clocks that disagree: what the skew of the two clocks can explain is info", "a verifier that queues evidence and stamps it late"]
-- blind_spots = ["expiry that the log does not state", "an answer in another session than the nonce was issued for: see unknown-nonce", "evidence received before its nonce was issued: see impossible-time"]
-- attack = ["relay", "delayed evidence"]
-- spec = ["RFC 9334, section 10.2", "detector D06"]
-- created = 2026-11-23
-- updated = 2026-12-01
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [totals.pace]
-- verifier = "key"
-- issuer = "key"
-- answers = "sum"
-- shortest = "min"
-- [params.clock_tolerance]
-- type = "INTERVAL"
-- default = "2s"
-- meaning = "answers this much after the expiry, or more, are late"
-- [params.skew_sample]
-- type = "BIGINT"
-- default = "10"
-- meaning = "with fewer answers between a verifier and an issuer the skew of their clocks is unknown"
-- [params.max_issues]
-- type = "BIGINT"
-- default = "16"
-- meaning = "of a nonce that was issued to more sessions and enclaves nobody knows which challenge was answered: see nonce-reuse"
-- [details]
-- margin_ms = "how long after expiry the last one came: received_at on the verifier's clock, expires_at on the issuer's"
-- skew_ms = "how far the verifier's clock can be ahead of the issuer's: the shortest time that any of its answers took; null: too few answers to know"
-- skew_explains = "that skew would explain all of them; null: skew unknown"
-- verifiers = "verifiers that accepted them"
-- nonces = "number of nonces"
-- sightings = "number of late answers"
-- [sides]
-- fact = "nonce"
-- "expired, ms before the answer" = "margin_ms"
-- "accepted by" = "verifiers"
-- [[not_evaluable]]
-- reason = "answer to a challenge without an expiry, or without a time of its own"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM (
--     SELECT o.observation_no
--     FROM observation AS o
--     JOIN nonce AS c ON c.nonce = o.nonce
--     WHERE c.expires_at IS NULL
--         AND (o.event_type = 'enclave_attestation' OR o.quote_no IS NOT NULL)
--     UNION
--     SELECT o.observation_no
--     FROM observation AS o
--     JOIN nonce AS c ON c.nonce = o.nonce
--     WHERE o.received_at IS NULL
--         AND (o.event_type = 'enclave_attestation' OR o.quote_no IS NOT NULL)
-- ) AS untimed"""
-- [[not_evaluable]]
-- reason = "answer to a nonce that was issued too often to know which challenge it answers"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation
-- WHERE nonce IN (SELECT nonce FROM often)
--     AND (event_type = 'enclave_attestation' OR quote_no IS NOT NULL)"""
-- ---
-- Most nonces occur once: only what may repeat is grouped, and told apart by its first characters.
WITH repeated AS (
    SELECT substr(nonce, 1, 12) AS beginning
    FROM nonce
    WHERE nonce IS NOT NULL
    GROUP BY substr(nonce, 1, 12)
    HAVING count(*) > 1
),
often AS (
    SELECT nonce
    FROM (
        SELECT DISTINCT nonce, session_id, enclave_id, issuer
        FROM nonce
        WHERE substr(nonce, 1, 12) IN (SELECT beginning FROM repeated)
    ) AS issue
    GROUP BY nonce
    HAVING count(*) > $max_issues
),
challenge AS NOT MATERIALIZED (
    SELECT
        nonce, session_id, enclave_id, coalesce(issuer, '') AS issuer,
        timestamp AS issued_at, expires_at AS first_expiry, expires_at AS last_expiry
    FROM nonce
    WHERE nonce IS NOT NULL AND substr(nonce, 1, 12) NOT IN (SELECT beginning FROM repeated)
    UNION ALL
    SELECT
        nonce, session_id, enclave_id, coalesce(issuer, ''),
        min(timestamp), min(expires_at), max(expires_at)
    FROM nonce
    WHERE substr(nonce, 1, 12) IN (SELECT beginning FROM repeated)
        AND nonce NOT IN (SELECT nonce FROM often)
    GROUP BY nonce, session_id, enclave_id, coalesce(issuer, '')
),
-- No answer takes less than no time: the shortest one bounds how far the clocks are apart.
pace AS (
    SELECT
        coalesce(o.backend_verifier, '') AS verifier, c.issuer,
        count(*) AS answers,
        min(epoch(o.received_at) - epoch(c.issued_at)) AS shortest
    FROM observation AS o
    JOIN challenge AS c
        ON c.nonce = o.nonce
        AND coalesce(c.session_id = o.session_id, TRUE)
        AND coalesce(c.enclave_id = o.enclave_id, TRUE)
    WHERE o.received_at IS NOT NULL
        AND (o.event_type = 'enclave_attestation' OR o.quote_no IS NOT NULL)
    GROUP BY coalesce(o.backend_verifier, ''), c.issuer
),
skew AS (
    SELECT verifier, issuer, shortest AS seconds FROM pace WHERE answers >= $skew_sample
),
-- Few answers are late: only their challenges are looked at.
overdue AS (
    SELECT DISTINCT o.nonce
    FROM observation AS o
    JOIN challenge AS c
        ON c.nonce = o.nonce
        AND epoch(o.received_at) - epoch(c.first_expiry) >= epoch($clock_tolerance)
    WHERE coalesce(o.claimed_ok, TRUE)
        AND (o.event_type = 'enclave_attestation' OR o.quote_no IS NOT NULL)
),
answer AS (
    SELECT
        o.observation_no, coalesce(o.backend_verifier, '') AS verifier, c.issuer,
        epoch(o.received_at) - epoch(c.last_expiry) AS margin
    FROM observation AS o
    JOIN challenge AS c
        ON c.nonce = o.nonce
        AND coalesce(c.session_id = o.session_id, TRUE)
        AND coalesce(c.enclave_id = o.enclave_id, TRUE)
    WHERE o.nonce IN (SELECT nonce FROM overdue)
        AND c.nonce IN (SELECT nonce FROM overdue)
        AND o.received_at IS NOT NULL AND coalesce(o.claimed_ok, TRUE)
        AND (o.event_type = 'enclave_attestation' OR o.quote_no IS NOT NULL)
),
-- A nonce that was issued more than once is late when it is late for every issue.
late AS (
    SELECT
        a.observation_no, a.verifier,
        min(a.margin) AS margin,
        max(k.seconds) AS skew,
        bool_and(a.margin <= k.seconds) AS explained
    FROM answer AS a
    LEFT JOIN skew AS k ON k.verifier = a.verifier AND k.issuer = a.issuer
    GROUP BY a.observation_no, a.verifier
    HAVING min(a.margin) >= epoch($clock_tolerance) AND count(a.margin) = count(*)
),
told AS (
    SELECT
        CASE
            WHEN o.enclave_id IS NOT NULL THEN 'enclave'
            WHEN o.container_id IS NOT NULL THEN 'container'
            ELSE 'observation'
        END AS subject_type,
        coalesce(o.enclave_id, o.container_id, o.observation_id) AS subject_id,
        o.observation_id, o.observation_no, o.received_at, o.nonce,
        l.verifier, l.margin, l.skew, l.explained
    FROM late AS l
    JOIN observation AS o ON o.observation_no = l.observation_no
)
SELECT
    subject_type,
    subject_id,
    min(received_at) AS first_seen,
    max(received_at) AS last_seen,
    string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
        AS observation_ids,
    CASE WHEN bool_and(coalesce(explained, FALSE)) THEN 'info' ELSE 'medium' END AS severity,
    CAST(count(*) AS VARCHAR) || ' answer(s) were accepted up to '
    || CAST(CAST(max(margin) AS BIGINT) AS VARCHAR) || ' s after the challenge had expired'
    || CASE
        WHEN bool_and(coalesce(explained, FALSE)) THEN '; the clocks may be that far apart'
        ELSE ''
    END AS summary,
    CAST(to_json({
        'margin_ms': CAST(max(margin) * 1000 AS BIGINT),
        'skew_ms': CAST(max(skew) * 1000 AS BIGINT),
        'skew_explains': bool_and(explained),
        'verifiers': list_sort(list(DISTINCT verifier) FILTER (WHERE verifier <> '')),
        'nonces': count(DISTINCT nonce),
        'sightings': count(*)
    }) AS VARCHAR) AS details
FROM told
GROUP BY subject_type, subject_id
ORDER BY subject_type, subject_id
