-- ---
-- id = "relay-suspected"
-- title = "An answer that took longer than its platform takes"
-- version = 8
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = true
-- question = "Which answers came much later than that platform usually answers that verifier, and by another way?"
-- why = "A relay takes the challenge to a genuine enclave elsewhere and brings the answer back: detours take time, and the answer comes from another address. Latency alone never proves it."
-- inputs = ["observation", "quote", "reshown"]
-- requires = ["quote"]
-- scope = ["ppid", "chip_id", "attestation_key_id", "nonce"]
-- discriminator = ["session_key"]
-- grain = "one row per instance and session: the answer that says most"
-- nulls = "an event that does not say when its challenge was issued, or when it came, is counted; events without a peer can only be slow (low); without PPID the attestation key stands for the platform; no word from the verifier counts as accepted"
-- false_positives = ["cold start, garbage collection, a slow quote generation service: the other guests of the platform are slow as well (low)", "failover to another region: everybody's peer changes"]
-- blind_spots = ["a relay that is always there: then it is the usual way", "a relay within the platform's own network", "fewer than min_answers answers of a platform to a verifier: counted where they came from several peers"]
-- attack = ["relay (cuckoo attack)"]
-- spec = ["Parno, Bootstrapping trust in a trusted platform, 2008", "detector D10"]
-- created = 2026-11-23
-- updated = 2026-11-30
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [params.min_answers]
-- type = "BIGINT"
-- default = "10"
-- meaning = "with fewer answers of a platform to a verifier nobody knows what is usual"
-- [params.deviations]
-- type = "DOUBLE"
-- default = "6"
-- meaning = "robust standard deviations above the median that are too slow"
-- [params.min_excess]
-- type = "INTERVAL"
-- default = "500ms"
-- meaning = "and at least this much above it"
-- [params.neighbour_window]
-- type = "INTERVAL"
-- default = "5m"
-- meaning = "slow answers of other enclaves this close in time speak for the platform"
-- [details]
-- session_key = "session, else observation"
-- took_ms = "from nonce_issued_at to received_at: the constant skew of the two clocks is in it, and in the usual time as well"
-- usual_ms = "median of the platform's answers to that verifier"
-- deviation_ms = "their median deviation from it"
-- margin_ms = "by how much it was slower than what would still have passed"
-- answers = "number of answers that the median is of"
-- peer = "where it came from"
-- usual_peers = "where the enclave's other answers came from: those ways that a twentieth of its answers took, or more"
-- two_peers = "the same nonce was answered from another peer as well"
-- slow_neighbours = "other enclaves of the platform with a slow answer within neighbour_window"
-- [[not_evaluable]]
-- reason = "answer without a time, or that does not say when its challenge was issued"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE q.trusted AND o.event_type = 'enclave_attestation'
--     AND (o.received_at IS NULL OR o.nonce_issued_at IS NULL)"""
-- [[not_evaluable]]
-- reason = "platform that answered a verifier from several peers, but too seldom to know what is usual"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM (
--     SELECT f.platform_id, f.backend_verifier
--     FROM (
--         -- Many beginnings of signatures are as many quotes at least.
--         SELECT coalesce(q.ppid, q.chip_id, q.attestation_key_id) AS platform_id, o.backend_verifier
--         FROM observation AS o
--         JOIN quote AS q ON q.quote_no = o.quote_no
--         WHERE q.trusted AND o.received_at IS NOT NULL AND o.nonce_issued_at IS NOT NULL
--             AND coalesce(o.claimed_ok, TRUE)
--         GROUP BY coalesce(q.ppid, q.chip_id, q.attestation_key_id), o.backend_verifier
--         HAVING count(DISTINCT substr(q.signature_r, 1, 2)) < $min_answers
--             AND min(o.peer) <> max(o.peer)
--     ) AS f
--     JOIN quote AS q
--         ON coalesce(q.ppid, q.chip_id, q.attestation_key_id) IS NOT DISTINCT FROM f.platform_id
--     JOIN observation AS o
--         ON o.quote_no = q.quote_no AND o.backend_verifier IS NOT DISTINCT FROM f.backend_verifier
--     WHERE q.trusted AND o.received_at IS NOT NULL AND o.nonce_issued_at IS NOT NULL
--         AND coalesce(o.claimed_ok, TRUE)
--     GROUP BY f.platform_id, f.backend_verifier
--     HAVING count(DISTINCT q.signature_r) < $min_answers
-- ) AS rare"""
-- ---
-- A platform as one verifier sees it. No answer can be slow where the slowest took hardly longer
-- than the fastest. Evidence shown again has no time of its own.
WITH pair AS (
    SELECT
        min(o.observation_no) AS pair_no, count(*) AS answers,
        coalesce(q.ppid, q.chip_id, q.attestation_key_id) AS platform_id,
        coalesce(o.backend_verifier, '') AS verifier
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    LEFT JOIN reshown AS a ON a.observation_no = o.observation_no AND a.trusted_showing > 1
    WHERE q.trusted
        AND a.observation_no IS NULL
        AND o.received_at IS NOT NULL AND o.nonce_issued_at IS NOT NULL
        AND coalesce(o.claimed_ok, TRUE)
        AND coalesce(q.ppid, q.chip_id, q.attestation_key_id) IS NOT NULL
    GROUP BY
        coalesce(q.ppid, q.chip_id, q.attestation_key_id), coalesce(o.backend_verifier, '')
    HAVING count(*) >= $min_answers
        AND max(epoch(o.received_at) - epoch(o.nonce_issued_at))
        >= min(epoch(o.received_at) - epoch(o.nonce_issued_at)) + epoch($min_excess)
),
-- Few pairs are suspect: the quotes of their platforms first.
shown AS (
    SELECT quote_no, coalesce(ppid, chip_id, attestation_key_id) AS platform_id
    FROM quote
    WHERE trusted
        AND coalesce(ppid, chip_id, attestation_key_id) IN (SELECT platform_id FROM pair)
),
answer AS (
    SELECT
        p.pair_no, p.answers, o.observation_no,
        epoch(o.received_at) - epoch(o.nonce_issued_at) AS took
    FROM pair AS p
    JOIN shown AS q ON q.platform_id = p.platform_id
    JOIN observation AS o
        ON o.quote_no = q.quote_no AND coalesce(o.backend_verifier, '') = p.verifier
    LEFT JOIN reshown AS a ON a.observation_no = o.observation_no AND a.trusted_showing > 1
    WHERE a.observation_no IS NULL
        AND o.received_at IS NOT NULL AND o.nonce_issued_at IS NOT NULL
        AND coalesce(o.claimed_ok, TRUE)
),
-- Medians by place in the order.
ranked AS (
    SELECT
        pair_no, answers, took,
        row_number() OVER (PARTITION BY pair_no ORDER BY took, observation_no) AS place
    FROM answer
),
centre AS (
    SELECT pair_no, max(took) AS median
    FROM ranked
    WHERE place = floor((answers + 1) / 2)
    GROUP BY pair_no
),
spread AS (
    SELECT
        r.pair_no, c.median, r.answers, abs(r.took - c.median) AS deviation,
        row_number() OVER (
            PARTITION BY r.pair_no ORDER BY abs(r.took - c.median), r.observation_no
        ) AS place
    FROM answer AS r
    JOIN centre AS c ON c.pair_no = r.pair_no
),
usual AS (
    SELECT
        pair_no, median, answers, deviation,
        median + greatest(epoch($min_excess), $deviations * 1.4826 * deviation) AS limit_seconds
    FROM spread
    WHERE place = floor((answers + 1) / 2)
),
slow AS (
    SELECT
        o.observation_id, o.observation_no, o.received_at, o.enclave_id, o.peer, o.nonce,
        coalesce(o.session_id, o.observation_id) AS session_key,
        CASE
            WHEN coalesce(q.ppid, q.chip_id) IS NULL THEN 'attestation_key' ELSE 'platform'
        END AS platform_type,
        p.platform_id, r.took, u.median, u.deviation, u.answers, u.limit_seconds
    FROM answer AS r
    JOIN usual AS u ON u.pair_no = r.pair_no AND r.took >= u.limit_seconds
    JOIN pair AS p ON p.pair_no = r.pair_no
    JOIN observation AS o ON o.observation_no = r.observation_no
    JOIN quote AS q ON q.quote_no = o.quote_no
),
-- Where each enclave's answers came from.
company AS (
    SELECT observation_no, quote_no, enclave_id, peer
    FROM observation
    WHERE enclave_id IN (SELECT enclave_id FROM slow)
        AND peer IS NOT NULL AND received_at IS NOT NULL AND nonce_issued_at IS NOT NULL
        AND coalesce(claimed_ok, TRUE)
),
way AS (
    SELECT
        q.platform_id, o.enclave_id, o.peer, count(*) AS answers,
        sum(count(*)) OVER (PARTITION BY q.platform_id, o.enclave_id) AS all_answers
    FROM company AS o
    JOIN shown AS q ON q.quote_no = o.quote_no
    LEFT JOIN reshown AS a ON a.observation_no = o.observation_no AND a.trusted_showing > 1
    WHERE a.observation_no IS NULL
    GROUP BY q.platform_id, o.enclave_id, o.peer
),
-- The others' ways that are usual; no more than twenty can be.
usual_way AS (
    SELECT s.observation_no, list_sort(list(w.peer)) AS peers
    FROM slow AS s
    JOIN way AS w
        ON w.platform_id = s.platform_id
        AND w.enclave_id = s.enclave_id
        AND w.answers * 20 >= w.all_answers
        AND (w.answers > 1 OR w.peer IS DISTINCT FROM s.peer)
    GROUP BY s.observation_no
),
forwarded AS (
    SELECT nonce, min(peer) AS one_peer, max(peer) AS other_peer
    FROM observation
    WHERE nonce IN (SELECT nonce FROM slow)
    GROUP BY nonce
),
-- How long each enclave was slow: stretches of time in which some slow answer of it was near.
stepped AS (
    SELECT
        platform_id, enclave_id, received_at,
        CASE
            WHEN received_at < lag(received_at) OVER enclave + 2 * $neighbour_window THEN 0 ELSE 1
        END AS begins
    FROM slow
    WHERE enclave_id IS NOT NULL
    WINDOW enclave AS (PARTITION BY platform_id, enclave_id ORDER BY received_at)
),
stretch AS (
    SELECT
        platform_id, enclave_id,
        min(received_at) - $neighbour_window AS since,
        max(received_at) + $neighbour_window AS until
    FROM (
        SELECT
            platform_id, enclave_id, received_at,
            sum(begins) OVER (
                PARTITION BY platform_id, enclave_id
                ORDER BY received_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ) AS stretch_no
        FROM stepped
    ) AS numbered
    GROUP BY platform_id, enclave_id, stretch_no
),
-- Whose stretches each slow answer lies in: one of each enclave, its own among them.
neighbour AS (
    SELECT observation_no, slow_enclaves - 1 AS neighbours
    FROM (
        SELECT
            observation_no,
            sum(change) OVER (
                PARTITION BY platform_id ORDER BY moment, step
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ) AS slow_enclaves
        FROM (
            SELECT
                platform_id, until AS moment, 1 AS step, -1 AS change,
                CAST(NULL AS BIGINT) AS observation_no
            FROM stretch
            UNION ALL
            SELECT platform_id, received_at, 2, 0, observation_no
            FROM slow
            WHERE enclave_id IS NOT NULL
            UNION ALL
            SELECT platform_id, since, 3, 1, NULL FROM stretch
        ) AS timeline
    ) AS counted
    WHERE observation_no IS NOT NULL
),
judged AS (
    SELECT
        CASE WHEN s.enclave_id IS NULL THEN s.platform_type ELSE 'enclave' END AS subject_type,
        coalesce(s.enclave_id, s.platform_id) AS subject_id,
        s.observation_id, s.observation_no, s.received_at, s.peer, s.session_key,
        s.took, s.median, s.deviation, s.answers, s.limit_seconds,
        u.peers AS usual_peers,
        coalesce(w.answers = 1 AND w.all_answers > 1, FALSE) AS other_way,
        coalesce(f.one_peer <> s.peer OR f.other_peer <> s.peer, FALSE) AS two_peers,
        CAST(coalesce(n.neighbours, 0) AS BIGINT) AS slow_neighbours
    FROM slow AS s
    LEFT JOIN way AS w
        ON w.platform_id = s.platform_id AND w.enclave_id = s.enclave_id AND w.peer = s.peer
    LEFT JOIN usual_way AS u ON u.observation_no = s.observation_no
    LEFT JOIN forwarded AS f ON f.nonce = s.nonce
    LEFT JOIN neighbour AS n ON n.observation_no = s.observation_no
),
-- A session may have several slow answers: it is told by the one that says most.
weighed AS (
    SELECT
        subject_type, subject_id, observation_no, peer, session_key, took, median, deviation,
        answers, limit_seconds, usual_peers, other_way, two_peers, slow_neighbours,
        CASE WHEN two_peers OR (other_way AND slow_neighbours = 0) THEN 'high' ELSE 'low' END
            AS severity
    FROM judged
),
told AS (
    SELECT
        subject_type, subject_id, peer, session_key, took, median, deviation,
        answers, limit_seconds, usual_peers, other_way, two_peers, slow_neighbours, severity,
        row_number() OVER (
            PARTITION BY subject_type, subject_id, session_key
            ORDER BY severity, took DESC, observation_no
        ) AS place
    FROM weighed
),
session AS (
    SELECT
        subject_type, subject_id, session_key,
        min(received_at) AS first_seen,
        max(received_at) AS last_seen,
        string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
            AS observation_ids
    FROM judged
    GROUP BY subject_type, subject_id, session_key
)
SELECT
    t.subject_type,
    t.subject_id,
    s.first_seen,
    s.last_seen,
    s.observation_ids,
    t.severity,
    'Possible relay: the answer took ' || CAST(CAST(took * 1000 AS BIGINT) AS VARCHAR)
    || ' ms where ' || CAST(CAST(median * 1000 AS BIGINT) AS VARCHAR) || ' ms are usual'
    || CASE
        WHEN two_peers THEN ', and its nonce was answered from two peers'
        WHEN other_way THEN ', and came from another peer'
        ELSE '; nothing else speaks for it'
    END
    || CASE WHEN slow_neighbours > 0 THEN '; its neighbours were slow too' ELSE '' END AS summary,
    CAST(to_json({
        'session_key': t.session_key,
        'took_ms': CAST(took * 1000 AS BIGINT),
        'usual_ms': CAST(median * 1000 AS BIGINT),
        'deviation_ms': CAST(deviation * 1000 AS BIGINT),
        'margin_ms': CAST((took - limit_seconds) * 1000 AS BIGINT),
        'answers': answers,
        'peer': peer,
        'usual_peers': usual_peers,
        'two_peers': two_peers,
        'slow_neighbours': slow_neighbours
    }) AS VARCHAR) AS details
FROM told AS t
JOIN session AS s
    ON s.subject_type = t.subject_type
    AND s.subject_id = t.subject_id
    AND s.session_key = t.session_key
WHERE t.place = 1
ORDER BY subject_type, subject_id, details
