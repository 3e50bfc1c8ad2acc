-- ---
-- id = "anti-affinity"
-- title = "Replicas that share a platform although they must not"
-- version = 4
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = true
-- question = "Which instances of a workload that is declared one_per_platform lived on one platform at the same time?"
-- why = "Replicas are kept apart so that one machine, or whoever holds it, is not the majority. Names of hosts can lie about that; PPIDs of quotes do not."
-- inputs = ["observation", "quote", "reshown", "workload"]
-- requires = ["workload", "quote"]
-- scope = ["ppid", "chip_id"]
-- suspects = "SELECT ppid, ppid AS chip_id FROM pair"
-- discriminator = ["workload_id"]
-- grain = "one row per platform and workload"
-- nulls = "a platform without PPID and evidence without an enclave id or a time are counted where the workload is declared; a workload that is not declared demands nothing"
-- false_positives = ["a replica that is replaced on its own host: old and new overlap for no longer than handover"]
-- blind_spots = ["replicas that attest so seldom that their lives do not overlap in the evidence", "several platforms in one machine"]
-- attack = ["concentration of replicas", "majority by one host"]
-- spec = ["Intel PCK certificate profile, PPID", "detector D54"]
-- created = 2026-11-23
-- updated = 2026-11-29
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [params.handover]
-- type = "INTERVAL"
-- default = "1h"
-- meaning = "an instance and its successor may share a platform for no longer than this"
-- [details]
-- workload_id = "the workload"
-- enclaves = "its instances that were together"
-- replicas = "its instances anywhere while those were together"
-- overlap_seconds = "the longest time that two of them were together, by the clocks of the verifiers"
-- margin_ms = "by how much that is over handover"
-- skew_ms = "how much of the time together the verifiers' clocks and the ways to them are, by the host's own clock, which says when the quotes were made; else 0 where one verifier stamped all; null: not known"
-- skew_explains = "by the host's own clock none were together for longer than handover; null: not known"
-- share = "all: no replica was elsewhere (high); majority: more than half (medium); minority (low)"
-- sightings = "first and last sightings of those instances there"
-- [[not_evaluable]]
-- reason = "quote of a declared workload without PPID, enclave id or time"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN workload AS w ON w.workload_id = o.workload_id AND w.one_per_platform
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE q.trusted AND (coalesce(q.ppid, q.chip_id) IS NULL OR o.enclave_id IS NULL OR o.received_at IS NULL)"""
-- ---
-- Evidence shown again says nothing about where its maker is now.
WITH sighting AS (
    SELECT
        o.workload_id, o.enclave_id, coalesce(q.ppid, q.chip_id) AS ppid, o.observation_id,
        o.observation_no, o.received_at, o.quote_generated_at AS made_at,
        o.backend_verifier AS verifier
    FROM observation AS o
    JOIN workload AS w ON w.workload_id = o.workload_id AND w.one_per_platform
    JOIN quote AS q ON q.quote_no = o.quote_no
    LEFT JOIN reshown AS a ON a.observation_no = o.observation_no AND a.trusted_showing > 1
    WHERE q.trusted
        AND a.observation_no IS NULL
        AND coalesce(q.ppid, q.chip_id) IS NOT NULL
        AND o.enclave_id IS NOT NULL AND o.received_at IS NOT NULL
),
stay AS (
    SELECT
        workload_id, ppid, enclave_id,
        min(received_at) AS first_at, max(received_at) AS last_at,
        CASE WHEN count(made_at) = count(*) THEN min(made_at) END AS first_made,
        CASE WHEN count(made_at) = count(*) THEN max(made_at) END AS last_made,
        CASE
            WHEN count(verifier) = count(*) AND min(verifier) = max(verifier) THEN min(verifier)
        END AS verifier,
        min_by(observation_id, observation_no) AS first_observation,
        max_by(observation_id, observation_no) AS last_observation
    FROM sighting
    GROUP BY workload_id, ppid, enclave_id
),
pair AS (
    SELECT
        a.workload_id, a.ppid, a.enclave_id, b.enclave_id AS neighbour_id,
        greatest(a.first_at, b.first_at) AS from_at,
        least(a.last_at, b.last_at) AS to_at,
        epoch(least(a.last_at, b.last_at)) - epoch(greatest(a.first_at, b.first_at)) AS overlap,
        CASE
            WHEN a.first_made IS NOT NULL AND b.first_made IS NOT NULL
                THEN epoch(least(a.last_made, b.last_made))
                    - epoch(greatest(a.first_made, b.first_made))
        END AS overlap_made,
        a.verifier = b.verifier AS one_clock,
        epoch(least(a.last_at, b.last_at))
        - epoch(greatest(a.first_at, b.first_at) + $handover) AS margin
    FROM stay AS a
    JOIN stay AS b
        ON b.workload_id = a.workload_id AND b.ppid = a.ppid AND b.enclave_id <> a.enclave_id
    WHERE least(a.last_at, b.last_at) > greatest(a.first_at, b.first_at) + $handover
),
together AS (
    SELECT
        workload_id, ppid,
        min(from_at) AS from_at, max(to_at) AS to_at,
        max(overlap) AS overlap, max(margin) AS margin, max(skew) AS skew,
        CASE WHEN count(skew) > 0 THEN bool_and(coalesce(margin <= skew, FALSE)) END AS explained,
        count(DISTINCT enclave_id) AS mates
    FROM (
        SELECT
            workload_id, ppid, enclave_id, from_at, to_at, overlap, margin,
            coalesce(overlap - overlap_made, CASE WHEN one_clock THEN 0 END) AS skew
        FROM pair
    ) AS timed
    GROUP BY workload_id, ppid
),
replica AS (
    SELECT t.workload_id, t.ppid, count(DISTINCT s.enclave_id) AS replicas
    FROM together AS t
    JOIN stay AS s
        ON s.workload_id = t.workload_id AND s.first_at < t.to_at AND s.last_at > t.from_at
    GROUP BY t.workload_id, t.ppid
),
mark AS (
    SELECT DISTINCT s.workload_id, s.ppid, s.enclave_id, s.first_observation AS observation_id,
        s.first_at AS seen_at
    FROM pair AS p
    JOIN stay AS s
        ON s.workload_id = p.workload_id AND s.ppid = p.ppid AND s.enclave_id = p.enclave_id
    UNION
    SELECT DISTINCT s.workload_id, s.ppid, s.enclave_id, s.last_observation AS observation_id,
        s.last_at AS seen_at
    FROM pair AS p
    JOIN stay AS s
        ON s.workload_id = p.workload_id AND s.ppid = p.ppid AND s.enclave_id = p.enclave_id
),
told AS (
    SELECT
        workload_id, ppid,
        list_sort(list(DISTINCT enclave_id)) AS enclaves,
        string_split(string_agg(observation_id, ' ' ORDER BY seen_at, observation_id), ' ')
            AS observation_ids,
        count(*) AS sightings
    FROM mark
    GROUP BY workload_id, ppid
)
SELECT
    'platform' AS subject_type,
    t.ppid AS subject_id,
    g.from_at AS first_seen,
    g.to_at AS last_seen,
    t.observation_ids,
    CASE
        WHEN g.mates >= r.replicas THEN 'high' WHEN g.mates * 2 > r.replicas THEN 'medium'
        ELSE 'low'
    END AS severity,
    CAST(g.mates AS VARCHAR) || ' of ' || CAST(r.replicas AS VARCHAR) || ' instances of workload '
    || t.workload_id || ' shared a platform, for up to '
    || CAST(CAST(g.overlap AS BIGINT) AS VARCHAR) || ' s'
    || CASE WHEN g.explained THEN ', by the host''s own clock no longer than they may' ELSE '' END
        AS summary,
    CAST(to_json({
        'workload_id': t.workload_id,
        'enclaves': t.enclaves,
        'replicas': r.replicas,
        'overlap_seconds': CAST(g.overlap AS BIGINT),
        'margin_ms': CAST(g.margin * 1000 AS BIGINT),
        'skew_ms': CAST(g.skew * 1000 AS BIGINT),
        'skew_explains': g.explained,
        'share': CASE
            WHEN g.mates >= r.replicas THEN 'all' WHEN g.mates * 2 > r.replicas THEN 'majority'
            ELSE 'minority'
        END,
        'sightings': t.sightings
    }) AS VARCHAR) AS details
FROM told AS t
JOIN together AS g ON g.workload_id = t.workload_id AND g.ppid = t.ppid
JOIN replica AS r ON r.workload_id = t.workload_id AND r.ppid = t.ppid
ORDER BY subject_type, subject_id, details
