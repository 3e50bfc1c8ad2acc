-- ---
-- id = "impossible-rate"
-- title = "One attestation key at work faster, or in more places, than its platform can"
-- version = 7
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = true
-- question = "Which attestation keys signed more than a quoting enclave can, or on two hosts by turns?"
-- why = "A key that was extracted is used where it is convenient: in bulk, and beside the honest host that still uses it. A quoting enclave signs at some tens to hundreds a second, on one host."
-- inputs = ["observation", "quote", "reshown"]
-- requires = ["quote"]
-- scope = ["attestation_key_id"]
-- suspects = "SELECT attestation_key_id FROM busy UNION SELECT attestation_key_id FROM roaming"
-- around = "rate_window"
-- discriminator = ["kind"]
-- grain = "one row per attestation key and kind"
-- nulls = "sightings without a time are counted; events without a host name show no second host"
-- false_positives = ["a verifier or collector that was away and stamps what had queued up in one go: then many keys burst at once (low)", "a host that was renamed, which is one change and no turns"]
-- blind_spots = ["a forger who keeps to a low rate and to the name of the honest host", "a copied key that is used only after the honest host has stopped"]
-- attack = ["use of an extracted attestation key (WireTap, TEE.fail)"]
-- spec = ["detector D17"]
-- created = 2026-11-23
-- updated = 2026-12-01
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [params.max_quotes]
-- type = "BIGINT"
-- default = "200"
-- meaning = "a quoting enclave makes no more than this many quotes in rate_window; measure your own"
-- [params.rate_window]
-- type = "INTERVAL"
-- default = "1s"
-- meaning = "time in which they are counted"
-- [params.queue_keys]
-- type = "BIGINT"
-- default = "5"
-- meaning = "with at least this many keys bursting on one day a queue was flushed"
-- [params.travel_time]
-- type = "INTERVAL"
-- default = "1m"
-- meaning = "nothing moves from one host to another faster than this"
-- [params.min_turns]
-- type = "BIGINT"
-- default = "3"
-- meaning = "changes of the host within travel_time that make turns"
-- [details]
-- kind = "burst: too many quotes in rate_window; by_turns: hosts alternate within travel_time"
-- peak = "most different quotes within one rate_window; null for by_turns"
-- bursting_keys = "keys that burst on the same day (UTC); null for by_turns"
-- nodes = "hosts as logged"
-- turns = "how often the host changed within travel_time; null for burst"
-- shortest_ms = "shortest time between two hosts, by the clocks of the verifiers that received the quotes; null for burst"
-- margin_ms = "how much less than travel_time that is; null for burst, whose times are those of a queue where one was flushed (bursting_keys)"
-- skew_explains = "by the hosts' own clocks, which say when the quotes were made, the host changed less often than min_turns; false where one verifier stamped all, and nothing says when they were made; null: not known, or burst"
-- ppids = "platforms that certified the key"
-- sightings = "number of sightings told"
-- [sides]
-- fact = "one key"
-- "on hosts" = "nodes"
-- "quotes within one window" = "peak"
-- [[not_evaluable]]
-- reason = "quote without a time: it has no place in the order"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE q.trusted AND o.received_at IS NULL"""
-- [[not_evaluable]]
-- reason = "quote proven, but under no trust anchor of the case, or not verified"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE coalesce(q.proven, TRUE) AND NOT coalesce(q.trusted, FALSE)"""
-- ---
WITH sighting AS (
    SELECT q.attestation_key_id, o.node_id, o.observation_no, o.quote_no, o.received_at
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    WHERE q.trusted
        AND o.received_at IS NOT NULL
        AND coalesce(q.vek_kind <> 'vlek', TRUE)  -- a VLEK signs for many hosts by design
),
-- A burst fills at least half of one of two neighbouring windows: few keys ever do.
busy AS (
    SELECT DISTINCT attestation_key_id
    FROM (
        SELECT attestation_key_id
        FROM sighting
        GROUP BY attestation_key_id, floor(epoch(received_at) / epoch($rate_window))
        HAVING count(*) * 2 >= $max_quotes
    ) AS windows
),
roaming AS (
    SELECT attestation_key_id
    FROM sighting
    GROUP BY attestation_key_id
    HAVING min(node_id) <> max(node_id)
),
-- Evidence shown again took no signature, and another log of its delivery may name the host.
fresh AS (
    SELECT
        attestation_key_id, ppid, node_id, observation_id, observation_no, received_at, made_at,
        verifier, is_busy, is_roaming, showing
    FROM (
        SELECT
            s.attestation_key_id, q.ppid, s.node_id, o.observation_id, s.observation_no,
            s.received_at, o.quote_generated_at AS made_at, o.backend_verifier AS verifier,
            b.attestation_key_id IS NOT NULL AS is_busy,
            r.attestation_key_id IS NOT NULL AS is_roaming,
            coalesce(a.trusted_showing, 1) AS trusted_showing,
            row_number() OVER (
                PARTITION BY s.attestation_key_id, q.signature_r
                ORDER BY s.received_at, s.observation_no
            ) AS showing
        FROM sighting AS s
        JOIN observation AS o ON o.observation_no = s.observation_no
        JOIN quote AS q ON q.quote_no = s.quote_no
        LEFT JOIN busy AS b ON b.attestation_key_id = s.attestation_key_id
        LEFT JOIN roaming AS r ON r.attestation_key_id = s.attestation_key_id
        LEFT JOIN reshown AS a ON a.observation_no = s.observation_no
        WHERE b.attestation_key_id IS NOT NULL OR r.attestation_key_id IS NOT NULL
    ) AS shown
    WHERE trusted_showing = 1
),
signed AS (
    SELECT
        attestation_key_id, ppid, node_id, observation_id, observation_no, received_at,
        row_number() OVER (
            PARTITION BY attestation_key_id ORDER BY received_at, observation_no
        ) AS place
    FROM fresh
    WHERE is_busy AND showing = 1
),
-- More than max_quotes in less than rate_window: so many places on, and not yet so late.
burst AS (
    SELECT
        a.attestation_key_id, a.place AS from_place, z.place AS to_place, a.received_at
    FROM signed AS a
    JOIN signed AS z
        ON z.attestation_key_id = a.attestation_key_id
        AND z.place = a.place + $max_quotes
        AND z.received_at < a.received_at + $rate_window
),
bursting AS (
    SELECT
        floor(epoch(received_at) / 86400) AS day_no,
        count(DISTINCT attestation_key_id) AS bursting_keys
    FROM burst
    GROUP BY floor(epoch(received_at) / 86400)
),
burst_extent AS (
    SELECT
        b.attestation_key_id, min(b.from_place) AS from_place, max(b.to_place) AS to_place,
        max(d.bursting_keys) AS bursting_keys
    FROM burst AS b
    JOIN bursting AS d ON d.day_no = floor(epoch(b.received_at) / 86400)
    GROUP BY b.attestation_key_id
),
peak AS (
    SELECT attestation_key_id, max(quotes) AS quotes
    FROM (
        SELECT f.attestation_key_id, count(*) AS quotes
        FROM burst_extent AS e
        JOIN signed AS f
            ON f.attestation_key_id = e.attestation_key_id
            AND f.place >= e.from_place AND f.place <= e.to_place
        GROUP BY f.attestation_key_id, floor(epoch(f.received_at) / epoch($rate_window))
    ) AS windows
    GROUP BY attestation_key_id
),
turn AS (
    SELECT
        attestation_key_id, ppid, node_id, observation_id, observation_no, received_at, made_at,
        verifier,
        lag(node_id) OVER made_order AS made_node_before,
        lag(made_at) OVER made_order AS made_before,
        lag(node_id) OVER key_order AS node_before,
        lag(received_at) OVER key_order AS before_at,
        lead(node_id) OVER key_order AS node_after,
        lead(received_at) OVER key_order AS after_at
    FROM fresh
    WHERE is_roaming AND node_id IS NOT NULL
    WINDOW
        key_order AS (PARTITION BY attestation_key_id ORDER BY received_at, observation_no),
        made_order AS (PARTITION BY attestation_key_id ORDER BY made_at, observation_no)
),
turns AS (
    SELECT
        attestation_key_id, count(*) AS turns,
        min(epoch(received_at) - epoch(before_at)) AS shortest
    FROM turn
    WHERE node_before <> node_id AND received_at < before_at + $travel_time
    GROUP BY attestation_key_id
    HAVING count(*) >= $min_turns
),
-- The same question by the hosts' own clocks, and whether there is another clock at all.
clock AS (
    SELECT
        t.attestation_key_id,
        CASE
            WHEN count(t.made_at) = count(*)
                THEN sum(
                    CASE
                        WHEN t.made_node_before <> t.node_id
                            AND t.made_at < t.made_before + $travel_time
                            THEN 1
                        ELSE 0
                    END
                ) < $min_turns
            WHEN count(t.verifier) = count(*) AND min(t.verifier) = max(t.verifier) THEN FALSE
        END AS explained
    FROM turn AS t
    JOIN turns AS n ON n.attestation_key_id = t.attestation_key_id
    GROUP BY t.attestation_key_id
),
told AS (
    SELECT
        f.attestation_key_id, 'burst' AS kind, f.ppid, f.node_id, f.observation_id,
        f.observation_no, f.received_at
    FROM burst_extent AS e
    JOIN signed AS f
        ON f.attestation_key_id = e.attestation_key_id
        AND f.place >= e.from_place AND f.place <= e.to_place
    UNION ALL
    SELECT
        t.attestation_key_id, 'by_turns' AS kind, t.ppid, t.node_id, t.observation_id,
        t.observation_no, t.received_at
    FROM turn AS t
    JOIN turns AS n ON n.attestation_key_id = t.attestation_key_id
    WHERE (t.node_before <> t.node_id AND t.received_at < t.before_at + $travel_time)
        OR (t.node_after <> t.node_id AND t.after_at < t.received_at + $travel_time)
),
tally AS (
    SELECT
        attestation_key_id, kind,
        min(received_at) AS first_seen,
        max(received_at) AS last_seen,
        list_sort(list(DISTINCT node_id) FILTER (WHERE node_id IS NOT NULL)) AS nodes,
        list_sort(list(DISTINCT ppid) FILTER (WHERE ppid IS NOT NULL)) AS ppids,
        count(*) AS sightings,
        string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
            AS observation_ids
    FROM told
    GROUP BY attestation_key_id, kind
)
SELECT
    'attestation_key' AS subject_type,
    t.attestation_key_id AS subject_id,
    t.first_seen,
    t.last_seen,
    t.observation_ids,
    CASE WHEN t.kind = 'burst' AND e.bursting_keys >= $queue_keys THEN 'low' ELSE 'high' END
        AS severity,
    CASE t.kind
        WHEN 'burst' THEN 'One attestation key signed ' || CAST(t.sightings AS VARCHAR)
            || ' quotes in ' || CAST(
                CAST(epoch(t.last_seen) - epoch(t.first_seen) AS BIGINT) AS VARCHAR
            ) || ' s'
        ELSE 'One attestation key at work on several hosts by turns: ' || CAST(n.turns AS VARCHAR)
            || ' change(s), down to ' || CAST(CAST(n.shortest AS BIGINT) AS VARCHAR) || ' s'
            || CASE WHEN c.explained THEN ', by the hosts'' own clocks fewer' ELSE '' END
    END AS summary,
    CAST(to_json({
        'kind': t.kind,
        'peak': CASE WHEN t.kind = 'burst' THEN p.quotes END,
        'bursting_keys': CASE WHEN t.kind = 'burst' THEN e.bursting_keys END,
        'nodes': t.nodes,
        'turns': CASE WHEN t.kind = 'by_turns' THEN n.turns END,
        'shortest_ms': CASE WHEN t.kind = 'by_turns' THEN CAST(n.shortest * 1000 AS BIGINT) END,
        'margin_ms': CASE
            WHEN t.kind = 'by_turns'
                THEN CAST((epoch($travel_time) - n.shortest) * 1000 AS BIGINT)
        END,
        'skew_explains': CASE WHEN t.kind = 'by_turns' THEN c.explained END,
        'ppids': t.ppids,
        'sightings': t.sightings
    }) AS VARCHAR) AS details
FROM tally AS t
LEFT JOIN burst_extent AS e ON e.attestation_key_id = t.attestation_key_id
LEFT JOIN peak AS p ON p.attestation_key_id = t.attestation_key_id
LEFT JOIN turns AS n ON n.attestation_key_id = t.attestation_key_id
LEFT JOIN clock AS c ON c.attestation_key_id = t.attestation_key_id
ORDER BY subject_type, subject_id, details
