-- ---
-- id = "unexpected-attestation"
-- title = "Evidence of an instance that nobody launched"
-- version = 5
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = false
-- question = "Which containers, else enclaves, attested although no runtime had started them?"
-- why = "What runs on one's own hosts was started by one's own runtime. An instance that attests and has no launch is a shadow: somebody else started it, or took its name."
-- inputs = ["launch", "observation"]
-- requires = ["launch", "observation"]
-- waits_for = ["launch"]
-- scope = ["container_id", "enclave_id"]
-- suspects = """
-- SELECT
--     CASE subject_type WHEN 'container' THEN instance END AS container_id,
--     CASE subject_type WHEN 'enclave' THEN instance END AS enclave_id
-- FROM candidate
-- UNION ALL
-- SELECT
--     CASE subject_type WHEN 'container' THEN instance END,
--     CASE subject_type WHEN 'enclave' THEN instance END
-- FROM attested
-- CROSS JOIN early AS e
-- CROSS JOIN early_unknown AS u
-- WHERE spans AND e.launched < u.unknown AND e.possible >= u.names"""
-- discriminator = []
-- grain = "one row per container, else enclave"
-- nulls = "an event without container and enclave, or without a time, is counted; events of hosts whose runtime logs nothing, and of no host where no launch names one, are counted; no word from the verifier counts as accepted, refusals alone are low"
-- false_positives = ["a hole in the launch log: an hour in which several instances without a launch first appear, and in which no runtime logs any launch, is counted as a hole, not reported; an outage that begins or ends within an hour in which launches are logged, or that is one host's, is not told from instances that somebody hides", "instances that were there before the launch log began: those first seen within warm_up of its first row are counted, unless at least as many seen then were launched"]
-- blind_spots = ["whoever writes the runtime's log", "a hidden instance under the name of a launched one: see two-places-at-once", "instances that go on after their stop event"]
-- attack = ["shadow instance", "launch outside the orchestrator"]
-- spec = ["RFC 9334, section 4 (roles)", "detector D44"]
-- created = 2026-11-23
-- updated = 2026-12-01
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [params.clock_tolerance]
-- type = "INTERVAL"
-- default = "1m"
-- meaning = "a launch logged this much after the evidence, or more, came too late, whatever the clocks of runtime and verifier"
-- [params.warm_up]
-- type = "INTERVAL"
-- default = "1d"
-- meaning = "an instance first seen within this time of the first launch may be older than the launch log, where fewer launched ones attested in that time than unknown ones"
-- [params.gap_size]
-- type = "BIGINT"
-- default = "3"
-- meaning = "an hour in which at least this many instances without a launch first appear, and in which no launch is logged, is a hole in the launch log: an outage is everybody's, who hides an instance hides one"
-- [details]
-- enclave_id = "as logged by the verifier"
-- node_id = "host, as logged by the verifier"
-- workload_id = "as logged by the verifier"
-- margin_ms = "a launch that came too late: how long after the first evidence, by the clocks of runtime and verifier: they would have to be that far apart; null: there is none"
-- skew_ms = "how far the host's clock, which stamped the launch, was ahead of the verifier's, the way not taken off: quote_generated_at less received_at; null: not logged, or no launch"
-- skew_explains = "by the host's own clock all of the evidence was made after the launch; null: not known"
-- accepted = "number of sightings that the verifier called good"
-- sightings = "number of sightings"
-- [sides]
-- fact = "instance"
-- "launched, ms later" = "margin_ms"
-- "attested as" = "enclave_id"
-- [[not_evaluable]]
-- reason = "attestation event without container and enclave, or without a time"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation
-- WHERE event_type = 'enclave_attestation'
--     AND (received_at IS NULL OR coalesce(container_id, enclave_id) IS NULL)"""
-- [[not_evaluable]]
-- reason = "instance without a launch where the launch log does not reach: of a host that logs none, from before its time, or in a hole of it"
-- anew = true
-- count = """
-- WITH begun AS (
--     SELECT min(timestamp) AS first_at FROM launch
-- ),
-- covered AS (
--     SELECT DISTINCT node_id FROM launch WHERE node_id IS NOT NULL
-- ),
-- known AS (
--     SELECT 'container' AS subject_type, container_id AS instance
--     FROM launch
--     WHERE container_id IS NOT NULL
--     UNION
--     SELECT 'enclave' AS subject_type, enclave_id AS instance
--     FROM launch
--     WHERE enclave_id IS NOT NULL
-- ),
-- plain AS (
--     SELECT DISTINCT enclave_id
--     FROM launch
--     WHERE enclave_id IS NOT NULL AND container_id IS NULL
-- ),
-- bare AS (
--     SELECT
--         coalesce(o.container_id, o.enclave_id) AS instance,
--         min(o.received_at) AS first_seen,
--         max(CASE WHEN o.node_id IS NULL OR c.node_id IS NOT NULL THEN 1 ELSE 0 END) AS is_covered
--     FROM observation AS o
--     LEFT JOIN known AS k
--         ON k.subject_type = CASE WHEN o.container_id IS NULL THEN 'enclave' ELSE 'container' END
--         AND k.instance = coalesce(o.container_id, o.enclave_id)
--     LEFT JOIN plain AS p ON p.enclave_id = o.enclave_id
--     LEFT JOIN covered AS c ON c.node_id = o.node_id
--     WHERE o.event_type = 'enclave_attestation'
--         AND o.received_at IS NOT NULL
--         AND coalesce(o.container_id, o.enclave_id) IS NOT NULL
--         AND k.instance IS NULL AND p.enclave_id IS NULL
--     GROUP BY coalesce(o.container_id, o.enclave_id)
-- ),
-- early AS (
--     SELECT count(DISTINCT coalesce(o.container_id, o.enclave_id)) AS launched
--     FROM observation AS o
--     JOIN known AS k
--         ON k.subject_type = CASE WHEN o.container_id IS NULL THEN 'enclave' ELSE 'container' END
--         AND k.instance = coalesce(o.container_id, o.enclave_id)
--     CROSS JOIN begun AS g
--     WHERE o.event_type = 'enclave_attestation'
--         AND o.received_at >= g.first_at AND o.received_at < g.first_at + $warm_up
-- ),
-- early_unknown AS (
--     SELECT count(*) AS unknown
--     FROM bare AS b
--     CROSS JOIN begun AS g
--     WHERE b.first_seen < g.first_at + $warm_up
-- ),
-- busy AS (
--     SELECT DISTINCT floor(epoch(timestamp) / 3600) AS hour_no
--     FROM launch
--     WHERE timestamp IS NOT NULL
-- ),
-- hole AS (
--     SELECT floor(epoch(b.first_seen) / 3600) AS hour_no
--     FROM bare AS b
--     LEFT JOIN busy AS y ON y.hour_no = floor(epoch(b.first_seen) / 3600)
--     WHERE y.hour_no IS NULL
--     GROUP BY floor(epoch(b.first_seen) / 3600)
--     HAVING count(*) >= $gap_size
-- )
-- SELECT count(*) AS unjudged
-- FROM bare AS b
-- CROSS JOIN begun AS g
-- CROSS JOIN early AS e
-- CROSS JOIN early_unknown AS u
-- LEFT JOIN hole AS h ON h.hour_no = floor(epoch(b.first_seen) / 3600)
-- WHERE b.is_covered = 0
--     OR g.first_at IS NULL
--     OR b.first_seen < g.first_at
--     OR (b.first_seen < g.first_at + $warm_up AND e.launched < u.unknown)
--     OR h.hour_no IS NOT NULL"""
-- ---
WITH begun AS (
    SELECT min(timestamp) AS first_at, min(timestamp) + $warm_up AS warm_at FROM launch
),
covered AS (
    SELECT DISTINCT node_id FROM launch WHERE node_id IS NOT NULL
),
-- A launch counts for its container and, for evidence that names no container, for its enclave.
-- One without a time is known, whenever it was.
started AS (
    SELECT
        'container' AS subject_type, container_id AS instance, min(timestamp) AS launched_at,
        count(*) - count(timestamp) AS untimed
    FROM launch
    WHERE container_id IS NOT NULL
    GROUP BY container_id
    UNION ALL
    SELECT
        'enclave' AS subject_type, enclave_id AS instance, min(timestamp) AS launched_at,
        count(*) - count(timestamp) AS untimed
    FROM launch
    WHERE enclave_id IS NOT NULL
    GROUP BY enclave_id
),
-- And for its enclave, whatever the evidence names, where it names no container itself.
plain AS (
    SELECT DISTINCT enclave_id FROM launch WHERE enclave_id IS NOT NULL AND container_id IS NULL
),
sighting AS (
    SELECT
        coalesce(o.container_id, o.enclave_id) AS instance,
        CASE WHEN o.container_id IS NULL THEN 'enclave' ELSE 'container' END AS subject_type,
        o.observation_id, o.observation_no, o.received_at, o.enclave_id, o.node_id, o.workload_id,
        o.claimed_ok, s.launched_at, s.untimed,
        epoch(s.launched_at) - epoch(o.received_at) AS margin,
        CASE
            WHEN s.launched_at IS NOT NULL
                THEN epoch(o.quote_generated_at) - epoch(o.received_at)
        END AS skew,
        o.node_id IS NULL OR c.node_id IS NOT NULL AS is_covered
    FROM observation AS o
    LEFT JOIN started AS s
        ON s.subject_type = CASE WHEN o.container_id IS NULL THEN 'enclave' ELSE 'container' END
        AND s.instance = coalesce(o.container_id, o.enclave_id)
    LEFT JOIN plain AS p ON p.enclave_id = o.enclave_id
    LEFT JOIN covered AS c ON c.node_id = o.node_id
    WHERE o.event_type = 'enclave_attestation'
        AND o.received_at IS NOT NULL
        AND coalesce(o.container_id, o.enclave_id) IS NOT NULL
        AND p.enclave_id IS NULL
        AND (
            s.instance IS NULL
            OR (s.untimed = 0 AND s.launched_at >= o.received_at + $clock_tolerance)
        )
),
told AS (
    SELECT
        subject_type, instance,
        min(received_at) AS first_seen,
        max(received_at) AS last_seen,
        string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
            AS observation_ids,
        min(enclave_id) AS enclave_id,
        min(node_id) AS node_id,
        min(workload_id) AS workload_id,
        min(launched_at) AS launched_at,
        max(margin) AS margin, max(skew) AS skew,
        CASE WHEN count(skew) > 0 THEN bool_and(coalesce(margin <= skew, FALSE)) END AS explained,
        bool_or(is_covered) AS is_covered,
        bool_and(NOT coalesce(claimed_ok, TRUE)) AS refused,
        CAST(sum(CASE WHEN claimed_ok THEN 1 ELSE 0 END) AS BIGINT) AS accepted,
        count(*) AS sightings
    FROM sighting
    GROUP BY subject_type, instance
),
-- A launch log that is as old as the case knows most of what is seen in its first time. What was
-- seen before that and after it may have been seen in it too.
attested AS (
    SELECT
        s.subject_type, s.instance,
        bool_or(e.part = 'early') AS is_early,
        bool_or(e.part = 'before') AND bool_or(e.part = 'after') AS spans
    FROM (
        SELECT DISTINCT
            o.container_id, o.enclave_id,
            CASE
                WHEN o.received_at < g.first_at THEN 'before'
                WHEN o.received_at < g.warm_at THEN 'early'
                ELSE 'after'
            END AS part
        FROM observation AS o
        CROSS JOIN begun AS g
        WHERE o.event_type = 'enclave_attestation' AND o.received_at IS NOT NULL
    ) AS e
    JOIN started AS s
        ON s.subject_type = CASE WHEN e.container_id IS NULL THEN 'enclave' ELSE 'container' END
        AND s.instance = coalesce(e.container_id, e.enclave_id)
    GROUP BY s.subject_type, s.instance
),
early AS (
    SELECT
        count(DISTINCT CASE WHEN is_early THEN instance END) AS launched,
        count(DISTINCT CASE WHEN is_early OR spans THEN instance END) AS possible
    FROM attested
),
early_unknown AS (
    SELECT count(*) AS unknown, count(DISTINCT t.instance) AS names
    FROM told AS t
    CROSS JOIN begun AS g
    WHERE t.launched_at IS NULL AND t.first_seen < g.warm_at
),
-- An hour in which any launch is logged has a launch log, however many are unknown to it.
busy AS (
    SELECT DISTINCT floor(epoch(timestamp) / 3600) AS hour_no
    FROM launch
    WHERE timestamp IS NOT NULL
),
hole AS (
    SELECT floor(epoch(t.first_seen) / 3600) AS hour_no
    FROM told AS t
    LEFT JOIN busy AS y ON y.hour_no = floor(epoch(t.first_seen) / 3600)
    WHERE t.launched_at IS NULL AND y.hour_no IS NULL
    GROUP BY floor(epoch(t.first_seen) / 3600)
    HAVING count(*) >= $gap_size
),
candidate AS (
    SELECT
        t.subject_type, t.instance,
        t.first_seen >= g.warm_at OR e.launched >= u.unknown AS is_told
    FROM told AS t
    CROSS JOIN begun AS g
    CROSS JOIN early AS e
    CROSS JOIN early_unknown AS u
    LEFT JOIN hole AS h
        ON h.hour_no = floor(epoch(t.first_seen) / 3600) AND t.launched_at IS NULL
    WHERE t.is_covered
        AND t.first_seen >= g.first_at
        AND (t.first_seen >= g.warm_at OR e.possible >= u.unknown)
        AND h.hour_no IS NULL
)
SELECT
    t.subject_type,
    t.instance AS subject_id,
    t.first_seen,
    t.last_seen,
    t.observation_ids,
    CASE WHEN t.refused THEN 'low' ELSE 'high' END AS severity,
    CASE
        WHEN t.launched_at IS NULL THEN 'Attested, and was never launched'
        ELSE 'Attested ' || CAST(CAST(t.margin AS BIGINT) AS VARCHAR)
            || ' s before it was launched'
            || CASE WHEN t.explained THEN ', by the host''s own clock after it' ELSE '' END
    END
    || coalesce(' (workload ' || t.workload_id || ')', '')
    || ', ' || CAST(t.sightings AS VARCHAR) || ' sighting(s)' AS summary,
    CAST(to_json({
        'enclave_id': t.enclave_id,
        'node_id': t.node_id,
        'workload_id': t.workload_id,
        'margin_ms': CAST(t.margin * 1000 AS BIGINT),
        'skew_ms': CAST(t.skew * 1000 AS BIGINT),
        'skew_explains': t.explained,
        'accepted': t.accepted,
        'sightings': t.sightings
    }) AS VARCHAR) AS details
FROM told AS t
JOIN candidate AS c ON c.subject_type = t.subject_type AND c.instance = t.instance AND c.is_told
ORDER BY subject_type, subject_id
