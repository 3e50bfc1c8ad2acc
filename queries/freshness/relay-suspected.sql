-- ---
-- id = "relay-suspected"
-- title = "An answer that took longer than its platform takes"
-- version = 11
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = true
-- question = "Which answers came much later than that platform usually answers that verifier, and by another way?"
-- why = "A relay takes the challenge to a genuine enclave elsewhere and brings the answer back: detours take time, and the answer comes from another address. Latency alone never proves it."
-- inputs = ["observation", "quote", "reshown", "latency", "way"]
-- requires = ["quote"]
-- scope = ["nonce"]
-- suspects = "SELECT nonce FROM slow"
-- widens_when = """
-- SELECT p.platform_id
-- FROM slow_pair AS p
-- LEFT JOIN (
--     SELECT platform_id, verifier, count(*) AS at_hand FROM slow GROUP BY platform_id, verifier
-- ) AS f ON f.platform_id = p.platform_id AND f.verifier = p.verifier
-- WHERE coalesce(f.at_hand, 0) < p.slow_answers"""
-- apart = ["latency", "way"]
-- discriminator = ["session_key"]
-- grain = "one row per instance and session: the answer that says most"
-- nulls = "an event that does not say when its challenge was issued, or when it came, is counted; events without a peer can only be slow (low); without PPID the attestation key stands for the platform; no word from the verifier counts as accepted"
-- false_positives = ["cold start, garbage collection, a slow quote generation service: the other guests of the platform are slow as well (low)", "failover to another region: everybody's peer changes"]
-- blind_spots = ["a relay that is always there: then it is the usual way", "a relay within the platform's own network", "fewer than min_answers answers of a platform to a verifier: counted where they came from several peers"]
-- attack = ["relay (cuckoo attack)"]
-- spec = ["Parno, Bootstrapping trust in a trusted platform, 2008", "detector D10"]
-- created = 2026-11-23
-- updated = 2026-12-01
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
-- peer = "the address that it came from"
-- usual_peers = "where the enclave's other answers came from: those ways that a twentieth of its answers took, or more"
-- two_peers = "the same nonce was answered from another peer as well"
-- slow_neighbours = "other enclaves of the platform with a slow answer within neighbour_window"
-- [sides]
-- fact = "answer"
-- "usual, ms" = "usual_ms"
-- "took, ms" = "took_ms"
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
-- anew = true
-- count = """
-- SELECT count(*) AS unjudged
-- FROM (
--     SELECT platform_id, backend_verifier
--     FROM latency
--     GROUP BY platform_id, backend_verifier
--     HAVING sum(answers) < $min_answers AND min(one_peer) <> max(other_peer)
-- ) AS rare"""
-- ---
-- A platform as one verifier sees it. No answer can be slow where the slowest took hardly longer
-- than the fastest.
WITH pair AS (
    SELECT
        platform_id, coalesce(backend_verifier, '') AS verifier,
        CAST(sum(answers) AS BIGINT) AS answers
    FROM latency
    GROUP BY platform_id, coalesce(backend_verifier, '')
    HAVING sum(answers) >= $min_answers
        AND max(took_ms) >= min(took_ms) + 1000 * epoch($min_excess)
),
pace AS (
    SELECT p.platform_id, p.verifier, p.answers, l.took_ms, l.answers AS alike
    FROM pair AS p
    JOIN latency AS l
        ON l.platform_id = p.platform_id AND coalesce(l.backend_verifier, '') = p.verifier
),
-- Medians by place in the order.
centre AS (
    SELECT platform_id, verifier, min(took_ms) AS median
    FROM (
        SELECT
            platform_id, verifier, answers, took_ms,
            sum(alike) OVER (PARTITION BY platform_id, verifier ORDER BY took_ms) AS so_far
        FROM pace
    ) AS ranked
    WHERE so_far >= floor((answers + 1) / 2)
    GROUP BY platform_id, verifier
),
usual AS (
    SELECT
        platform_id, verifier, answers, median, min(deviation) AS deviation,
        median + greatest(1000 * epoch($min_excess), $deviations * 1.4826 * min(deviation))
            AS limit_ms
    FROM (
        SELECT
            p.platform_id, p.verifier, p.answers, c.median,
            abs(p.took_ms - c.median) AS deviation,
            sum(p.alike) OVER (
                PARTITION BY p.platform_id, p.verifier ORDER BY abs(p.took_ms - c.median)
            ) AS so_far
        FROM pace AS p
        JOIN centre AS c ON c.platform_id = p.platform_id AND c.verifier = p.verifier
    ) AS spread
    WHERE so_far >= floor((answers + 1) / 2)
    GROUP BY platform_id, verifier, answers, median
),
-- Few have a slow answer: the quotes of their platforms first.
slow_pair AS (
    SELECT
        u.platform_id, u.verifier, u.answers, u.median, u.deviation, u.limit_ms,
        sum(p.alike) AS slow_answers
    FROM usual AS u
    JOIN pace AS p
        ON p.platform_id = u.platform_id AND p.verifier = u.verifier AND p.took_ms >= u.limit_ms
    GROUP BY u.platform_id, u.verifier, u.answers, u.median, u.deviation, u.limit_ms
),
shown AS (
    SELECT
        quote_no, coalesce(ppid, chip_id, attestation_key_id) AS platform_id,
        CASE WHEN coalesce(ppid, chip_id) IS NULL THEN 'attestation_key' ELSE 'platform' END
            AS platform_type
    FROM quote
    WHERE trusted
        AND coalesce(ppid, chip_id, attestation_key_id) IN (SELECT platform_id FROM slow_pair)
),
-- Evidence shown again has no time of its own.
slow AS (
    SELECT
        o.observation_id, o.observation_no, o.received_at, o.enclave_id, o.peer_address AS peer, o.nonce,
        coalesce(o.session_id, o.observation_id) AS session_key,
        q.platform_type, p.platform_id, p.verifier, p.median, p.deviation, p.answers, p.limit_ms,
        CAST(floor(1000 * (epoch(o.received_at) - epoch(o.nonce_issued_at)) + 0.5) AS BIGINT) AS took_ms
    FROM slow_pair AS p
    JOIN shown AS q ON q.platform_id = p.platform_id
    JOIN observation AS o
        ON o.quote_no = q.quote_no
        AND coalesce(o.backend_verifier, '') = p.verifier
        AND floor(1000 * (epoch(o.received_at) - epoch(o.nonce_issued_at)) + 0.5) >= p.limit_ms
    LEFT JOIN reshown AS a ON a.observation_no = o.observation_no AND a.trusted_showing > 1
    WHERE a.observation_no IS NULL AND coalesce(o.claimed_ok, TRUE)
),
-- Where each enclave's answers came from.
taken AS (
    SELECT
        platform_id, enclave_id, peer, answers,
        sum(answers) OVER (PARTITION BY platform_id, enclave_id) AS all_answers
    FROM way
    WHERE enclave_id IN (SELECT enclave_id FROM slow)
),
-- The others' ways that are usual; no more than twenty can be.
usual_way AS (
    SELECT s.observation_no, list_sort(list(w.peer)) AS peers
    FROM slow AS s
    JOIN taken AS w
        ON w.platform_id = s.platform_id
        AND w.enclave_id = s.enclave_id
        AND w.answers * 20 >= w.all_answers
        AND (w.answers > 1 OR w.peer IS DISTINCT FROM s.peer)
    GROUP BY s.observation_no
),
forwarded AS (
    SELECT nonce, min(peer_address) AS one_peer, max(peer_address) AS other_peer
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
        s.took_ms, s.median, s.deviation, s.answers, s.limit_ms,
        u.peers AS usual_peers,
        coalesce(w.answers = 1 AND w.all_answers > 1, FALSE) AS other_way,
        coalesce(f.one_peer <> s.peer OR f.other_peer <> s.peer, FALSE) AS two_peers,
        CAST(coalesce(n.neighbours, 0) AS BIGINT) AS slow_neighbours
    FROM slow AS s
    LEFT JOIN taken AS w
        ON w.platform_id = s.platform_id AND w.enclave_id = s.enclave_id AND w.peer = s.peer
    LEFT JOIN usual_way AS u ON u.observation_no = s.observation_no
    LEFT JOIN forwarded AS f ON f.nonce = s.nonce
    LEFT JOIN neighbour AS n ON n.observation_no = s.observation_no
),
-- A session may have several slow answers: it is told by the one that says most.
weighed AS (
    SELECT
        subject_type, subject_id, observation_no, peer, session_key, took_ms, median, deviation,
        answers, limit_ms, usual_peers, other_way, two_peers, slow_neighbours,
        CASE WHEN two_peers OR (other_way AND slow_neighbours = 0) THEN 'high' ELSE 'low' END
            AS severity
    FROM judged
),
told AS (
    SELECT
        subject_type, subject_id, peer, session_key, took_ms, median, deviation,
        answers, limit_ms, usual_peers, other_way, two_peers, slow_neighbours, severity,
        row_number() OVER (
            PARTITION BY subject_type, subject_id, session_key
            ORDER BY severity, took_ms DESC, observation_no
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
    'Possible relay: the answer took ' || CAST(took_ms AS VARCHAR)
    || ' ms where ' || CAST(median AS VARCHAR) || ' ms are usual'
    || CASE
        WHEN two_peers THEN ', and its nonce was answered from two peers'
        WHEN other_way THEN ', and came from another peer'
        ELSE '; nothing else speaks for it'
    END
    || CASE WHEN slow_neighbours > 0 THEN '; its neighbours were slow too' ELSE '' END AS summary,
    CAST(to_json({
        'session_key': t.session_key,
        'took_ms': took_ms,
        'usual_ms': median,
        'deviation_ms': deviation,
        'margin_ms': CAST(took_ms - limit_ms AS BIGINT),
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
