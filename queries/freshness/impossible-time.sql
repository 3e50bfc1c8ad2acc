-- ---
-- id = "impossible-time"
-- title = "Evidence that was there before it could be"
-- version = 9
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = false
-- question = "Which evidence contradicts the order of time: received before its challenge, its making or its certificate existed, or out of the writer's own order?"
-- why = "A quote answers a nonce under a certificate, so it is younger than both. Where the record says otherwise, somebody wrote the record, or a clock is worthless."
-- inputs = ["certificate", "nonce", "observation", "quote"]
-- scope = ["nonce"]
-- suspects = """
-- SELECT n.backend_verifier
-- FROM counted AS n
-- JOIN (
--     SELECT backend_verifier, max(sequence_no) AS last_no, max(received_at) AS last_at
--     FROM counted
--     WHERE observation_no NOT IN (SELECT observation_no FROM fresh_observation)
--     GROUP BY backend_verifier
-- ) AS k ON k.backend_verifier = n.backend_verifier
-- WHERE n.observation_no IN (SELECT observation_no FROM fresh_observation)
--     AND (n.sequence_no <= k.last_no OR n.received_at + $clock_tolerance < k.last_at)"""
-- discriminator = ["kind"]
-- grain = "one row per instance and kind"
-- nulls = "times that were not logged contradict nothing; evidence that has other times but no time of receipt is counted; where fewer than ten sightings share the clocks, their skew is not known"
-- false_positives = ["clocks that disagree: where a tenth of at least ten sightings under the same clocks are impossible as well, the finding is low and says so", "a clock that was stepped", "certificates reissued with a later notBefore and pasted into old quotes by a cache"]
-- blind_spots = ["back-dating that keeps every order", "contradictions smaller than clock_tolerance"]
-- attack = ["back-dated evidence", "edited log"]
-- spec = ["RFC 9334, section 10 (freshness)", "RFC 5280, section 4.1.2.5 (validity)", "detector D52"]
-- created = 2026-11-23
-- updated = 2026-12-01
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [totals.timed]
-- kind = "key"
-- host = "key"
-- verifier = "key"
-- sightings = "sum"
-- [params.clock_tolerance]
-- type = "INTERVAL"
-- default = "1m"
-- meaning = "contradictions up to this may be two clocks"
-- [details]
-- kind = "before_nonce, before_making, before_certificate, verified_first (before it was received), against_sequence (later by the writer's count, earlier by its clock)"
-- margin_ms = "by how much, at most"
-- clocks = "whose clocks disagree"
-- clock_sightings = "sightings under the same clocks that have both times"
-- clock_impossible = "how many of them are impossible as well"
-- skew_ms = "by how much the clocks disagree as a rule: the smallest margin where a tenth of ten and more sightings are impossible, else 0; null: too few to tell"
-- skew_explains = "the margin is at most twice the known skew; null: not known"
-- accepted = "sightings that the verifier called good"
-- sightings = "number of sightings"
-- [sides]
-- fact = "order of time"
-- "by the clocks of" = "clocks"
-- "impossible by, ms" = "margin_ms"
-- [[not_evaluable]]
-- reason = "evidence with other times, but without a time of receipt"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM evidence
-- WHERE received_at IS NULL AND coalesce(nonce_issued_at, quote_generated_at) IS NOT NULL"""
-- [[not_evaluable]]
-- reason = "writer that gave one number to several events: its count starts again, and orders nothing"
-- anew = true
-- count = "SELECT count(*) AS unjudged FROM restarted"
-- ---
WITH evidence AS NOT MATERIALIZED (
    SELECT
        observation_no, nonce, nonce_issued_at, quote_generated_at, received_at, verified_at,
        node_id, backend_verifier
    FROM observation
    WHERE event_type = 'enclave_attestation' OR quote_no IS NOT NULL
),
made AS (
    SELECT tbs_id, min(not_before) AS not_before
    FROM certificate
    GROUP BY tbs_id
),
certified AS (
    SELECT o.observation_no, o.backend_verifier, o.received_at, m.not_before
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no AND q.trusted
    JOIN made AS m ON m.tbs_id = q.pck_id
),
-- How many sightings of each verifier, or of each with each host, have both times; and how many
-- numbers each gave to several events.
timed AS (
    SELECT kind, host, verifier, count(*) AS sightings
    FROM (
        SELECT
            'before_nonce' AS kind, '' AS host, coalesce(backend_verifier, 'verifier') AS verifier
        FROM evidence
        WHERE nonce_issued_at IS NOT NULL AND received_at IS NOT NULL
        UNION ALL
        SELECT 'before_nonce', '', coalesce(backend_verifier, 'verifier')
        FROM evidence
        WHERE nonce_issued_at IS NULL AND received_at IS NOT NULL
            AND nonce IN (SELECT nonce FROM nonce WHERE timestamp IS NOT NULL)
        UNION ALL
        SELECT 'before_making', coalesce(node_id, 'host'), coalesce(backend_verifier, 'verifier')
        FROM evidence
        WHERE quote_generated_at IS NOT NULL AND received_at IS NOT NULL
        UNION ALL
        SELECT 'verified_first', '', coalesce(backend_verifier, 'verifier')
        FROM evidence
        WHERE received_at IS NOT NULL AND verified_at IS NOT NULL
        UNION ALL
        SELECT 'before_certificate', '', coalesce(backend_verifier, 'verifier')
        FROM certified
        WHERE not_before IS NOT NULL AND received_at IS NOT NULL
        UNION ALL
        SELECT 'against_sequence', '', backend_verifier
        FROM observation
        WHERE sequence_no IS NOT NULL AND backend_verifier IS NOT NULL
            AND received_at IS NOT NULL
        UNION ALL
        SELECT 'several_events', '', backend_verifier
        FROM observation
        WHERE sequence_no IS NOT NULL AND backend_verifier IS NOT NULL
        GROUP BY backend_verifier, sequence_no
        HAVING min(coalesce(event_id, CAST(received_at AS VARCHAR)))
            <> max(coalesce(event_id, CAST(received_at AS VARCHAR)))
    ) AS claim
    GROUP BY kind, host, verifier
),
-- A count that starts again orders nothing.
restarted AS (
    SELECT verifier AS backend_verifier FROM timed WHERE kind = 'several_events'
),
counted AS (
    SELECT
        o.observation_no, o.backend_verifier, o.sequence_no, o.received_at,
        max(o.received_at) OVER (
            PARTITION BY o.backend_verifier
            ORDER BY o.sequence_no, o.received_at, o.observation_no
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS reached_at
    FROM observation AS o
    LEFT JOIN restarted AS r ON r.backend_verifier = o.backend_verifier
    WHERE o.sequence_no IS NOT NULL
        AND o.backend_verifier IS NOT NULL
        AND r.backend_verifier IS NULL
),
-- A challenge may have been issued more than once.
challenge AS (
    SELECT nonce, min(timestamp) AS first_at, max(timestamp) AS last_at
    FROM nonce
    WHERE nonce IS NOT NULL
    GROUP BY nonce
),
-- Challenges that came later than an answer to them, of which there are few.
early AS (
    SELECT o.observation_no
    FROM evidence AS o
    JOIN challenge AS c ON c.nonce = o.nonce AND o.received_at + $clock_tolerance < c.last_at
    UNION
    SELECT observation_no
    FROM evidence
    WHERE received_at + $clock_tolerance < nonce_issued_at
),
asked AS (
    SELECT
        o.observation_no, o.received_at, greatest(o.nonce_issued_at, c.first_at) AS asked_at
    FROM observation AS o
    LEFT JOIN challenge AS c ON c.nonce = o.nonce
    WHERE o.observation_no IN (SELECT observation_no FROM early)
),
-- What had to be there first, and when it was: everything here should lie before received_at.
broken AS (
    SELECT observation_no, kind, earliest, epoch(earliest) - epoch(happened_at) AS margin
    FROM (
        SELECT
            observation_no, 'before_nonce' AS kind, asked_at AS earliest,
            received_at AS happened_at
        FROM asked
        UNION ALL
        SELECT observation_no, 'before_making', quote_generated_at, received_at FROM evidence
        UNION ALL
        SELECT observation_no, 'verified_first', received_at, verified_at FROM evidence
        UNION ALL
        SELECT observation_no, 'before_certificate', not_before, received_at FROM certified
        UNION ALL
        SELECT observation_no, 'against_sequence', reached_at, received_at FROM counted
    ) AS claim
    WHERE happened_at + $clock_tolerance < earliest
),
-- Few sightings are impossible.
sighting AS (
    SELECT
        observation_id, observation_no, received_at, enclave_id, container_id, node_id,
        backend_verifier, claimed_ok
    FROM observation
    WHERE observation_no IN (SELECT DISTINCT observation_no FROM broken)
),
impossible AS (
    SELECT
        b.observation_no, b.kind, b.margin, o.backend_verifier,
        CASE b.kind WHEN 'before_making' THEN coalesce(o.node_id, 'host') ELSE '' END AS host,
        coalesce(o.backend_verifier, 'verifier') AS verifier
    FROM broken AS b
    JOIN sighting AS o ON o.observation_no = b.observation_no
),
usual AS (
    SELECT
        i.kind, i.host, i.verifier, i.smallest, i.impossible,
        -- The first of a count has none before it.
        t.sightings - CASE i.kind WHEN 'against_sequence' THEN 1 ELSE 0 END AS sightings
    FROM (
        SELECT kind, host, verifier, min(margin) AS smallest, count(*) AS impossible
        FROM impossible
        GROUP BY kind, host, verifier
    ) AS i
    JOIN timed AS t ON t.kind = i.kind AND t.host = i.host AND t.verifier = i.verifier
),
weighed AS (
    SELECT
        x.observation_no, x.kind, x.margin, u.sightings, u.impossible,
        CASE x.kind WHEN 'before_making' THEN x.host || ' and ' ELSE '' END
        || x.verifier
        || CASE x.kind WHEN 'before_certificate' THEN ' and certificate authority' ELSE '' END
            AS clocks,
        CASE
            WHEN u.sightings < 10 THEN CAST(NULL AS DOUBLE)
            WHEN u.impossible * 10 >= u.sightings THEN u.smallest
            ELSE CAST(0 AS DOUBLE)
        END AS known_skew
    FROM impossible AS x
    JOIN usual AS u ON u.kind = x.kind AND u.host = x.host AND u.verifier = x.verifier
),
placed AS (
    SELECT
        CASE
            WHEN o.enclave_id IS NOT NULL THEN 'enclave'
            WHEN o.container_id IS NOT NULL THEN 'container'
            ELSE 'observation'
        END AS subject_type,
        coalesce(o.enclave_id, o.container_id, o.observation_id) AS subject_id,
        w.kind, w.clocks, w.margin, w.sightings, w.impossible, w.known_skew,
        o.observation_id, o.observation_no, o.received_at, o.claimed_ok
    FROM weighed AS w
    JOIN sighting AS o ON o.observation_no = w.observation_no
),
-- What a writer counted before, and its clock puts after: of one time the first by its count.
reached AS (
    SELECT backend_verifier, received_at, observation_no
    FROM (
        SELECT
            backend_verifier, received_at, min(observation_no) AS observation_no,
            row_number() OVER (
                PARTITION BY backend_verifier, received_at ORDER BY sequence_no
            ) AS place
        FROM observation
        WHERE sequence_no IS NOT NULL
            AND backend_verifier IN (
                SELECT backend_verifier FROM impossible WHERE kind = 'against_sequence'
            )
        GROUP BY backend_verifier, received_at, sequence_no
    ) AS numbered
    WHERE place = 1
),
held_against AS (
    SELECT DISTINCT p.subject_type, p.subject_id, p.kind, r.observation_no
    FROM placed AS p
    JOIN broken AS b ON b.observation_no = p.observation_no AND b.kind = p.kind
    JOIN sighting AS o ON o.observation_no = p.observation_no
    JOIN reached AS r ON r.backend_verifier = o.backend_verifier AND r.received_at = b.earliest
    WHERE p.kind = 'against_sequence'
),
contrary AS (
    SELECT
        h.subject_type, h.subject_id, h.kind,
        string_agg(o.observation_id, ' ' ORDER BY o.received_at, o.observation_no) AS observations
    FROM held_against AS h
    JOIN observation AS o ON o.observation_no = h.observation_no
    GROUP BY h.subject_type, h.subject_id, h.kind
),
told AS (
    SELECT
        subject_type, subject_id, kind,
        min(received_at) AS first_seen,
        max(received_at) AS last_seen,
        string_agg(observation_id, ' ' ORDER BY received_at, observation_no) AS observations,
        max(margin) AS margin,
        list_sort(list(DISTINCT clocks)) AS clocks,
        max(sightings) AS clock_sightings,
        max(impossible) AS clock_impossible,
        max(known_skew) AS known_skew,
        bool_and(known_skew > 0 AND margin <= 2 * known_skew) AS explained,
        CAST(sum(CASE WHEN claimed_ok THEN 1 ELSE 0 END) AS BIGINT) AS accepted,
        count(*) AS seen
    FROM placed
    GROUP BY subject_type, subject_id, kind
)
SELECT
    t.subject_type,
    t.subject_id,
    first_seen,
    last_seen,
    string_split(coalesce(c.observations || ' ', '') || t.observations, ' ') AS observation_ids,
    CASE WHEN coalesce(explained, FALSE) THEN 'low' ELSE 'high' END AS severity,
    CASE t.kind
        WHEN 'before_nonce' THEN 'Received before its challenge was issued, by '
        WHEN 'before_making' THEN 'Received before it was made, by '
        WHEN 'before_certificate' THEN 'Received before its PCK certificate existed, by '
        WHEN 'verified_first' THEN 'Verified before it was received, by '
        ELSE 'Later in the writer''s count, earlier by its clock, by '
    END
    || CAST(CAST(margin AS BIGINT) AS VARCHAR) || ' s'
    || CASE
        WHEN explained THEN ' (the clocks disagree as a rule)'
        WHEN explained IS NULL THEN ' (skew of the clocks unknown)'
        ELSE ''
    END
    || ', ' || CAST(seen AS VARCHAR) || ' sighting(s)' AS summary,
    CAST(to_json({
        'kind': t.kind,
        'margin_ms': CAST(margin * 1000 AS BIGINT),
        'clocks': clocks,
        'clock_sightings': clock_sightings,
        'clock_impossible': clock_impossible,
        'skew_ms': CAST(known_skew * 1000 AS BIGINT),
        'skew_explains': explained,
        'accepted': accepted,
        'sightings': seen
    }) AS VARCHAR) AS details
FROM told AS t
LEFT JOIN contrary AS c
    ON c.subject_type = t.subject_type AND c.subject_id = t.subject_id AND c.kind = t.kind
ORDER BY subject_type, subject_id, details
