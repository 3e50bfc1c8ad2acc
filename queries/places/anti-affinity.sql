-- ---
-- id = "anti-affinity"
-- title = "Replicas that share a platform although they must not"
-- version = 6
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = true
-- question = "Which instances of a workload that is declared one_per_platform lived on one platform at the same time?"
-- why = "Replicas are kept apart so that one machine, or whoever holds it, is not the majority. Names of hosts can lie about that; PPIDs of quotes do not."
-- inputs = ["observation", "quote", "reference_value", "reshown", "workload"]
-- requires = ["workload", "quote"]
-- scope = ["ppid", "chip_id"]
-- suspects = "SELECT ppid, ppid AS chip_id FROM together"
-- discriminator = ["workload_id"]
-- grain = "one row per platform and workload"
-- nulls = "a platform without PPID and evidence without an enclave id or a time are counted where the workload is declared; evidence that names no workload is of the one whose reference values it fits, and counted where that is none or several; a workload that is not declared demands nothing"
-- false_positives = ["a replica that is replaced on its own host: old and new overlap for no longer than handover"]
-- blind_spots = ["replicas that attest so seldom that their lives do not overlap in the evidence", "several platforms in one machine"]
-- attack = ["concentration of replicas", "majority by one host"]
-- spec = ["Intel PCK certificate profile, PPID", "detector D54"]
-- created = 2026-11-23
-- updated = 2026-12-01
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
-- skew_ms = "how much of the time together the verifiers' clocks and the ways to them are, by the host's own clock, which says when the quotes were made: the longest time that two of these instances were together, by receipt less by that clock; else 0 where one verifier stamped all of two; null: not known"
-- skew_explains = "by the host's own clock none were together for longer than handover; null: not known"
-- share = "all: no replica was elsewhere (high); majority: more than half (medium); minority (low)"
-- sightings = "first and last sightings of those instances there"
-- [sides]
-- fact = "replicas"
-- "in all" = "replicas"
-- "on one platform" = "enclaves"
-- [[not_evaluable]]
-- reason = "quote of a declared workload without PPID, enclave id or time"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- LEFT JOIN recognized AS r ON r.observation_no = o.observation_no
-- JOIN workload AS w ON w.workload_id = coalesce(r.workload_id, o.workload_id) AND w.one_per_platform
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE q.trusted AND (coalesce(q.ppid, q.chip_id) IS NULL OR o.enclave_id IS NULL OR o.received_at IS NULL)"""
-- [[not_evaluable]]
-- reason = "evidence that names no workload of the manifests, and fits the reference values of none or of several"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM unnamed AS u
-- LEFT JOIN recognized AS r ON r.observation_no = u.observation_no
-- WHERE r.observation_no IS NULL AND EXISTS (SELECT 1 FROM workload WHERE one_per_platform)"""
-- ---
-- Evidence that names no workload of the manifests is of the only one whose reference values it fits.
WITH named AS (
    SELECT workload_id FROM workload WHERE workload_id IS NOT NULL
    UNION
    SELECT workload_id FROM reference_value WHERE workload_id IS NOT NULL
),
unnamed AS (
    SELECT
        o.observation_no, coalesce(q.mrenclave, q.mrtd, q.measurement) AS code, q.mrsigner,
        q.isv_prodid, q.rtmr0, q.rtmr1, q.rtmr2, q.rtmr3, q.host_data
    FROM observation AS o
    LEFT JOIN named AS n ON n.workload_id = o.workload_id
    JOIN quote AS q ON q.quote_no = o.quote_no
    WHERE n.workload_id IS NULL AND q.trusted
),
fit AS (
    SELECT u.observation_no, r.workload_id
    FROM unnamed AS u
    JOIN reference_value AS r
        ON coalesce(r.mrenclave, r.mrtd, r.measurement) = u.code
        AND coalesce(r.mrsigner = u.mrsigner, TRUE)
        AND coalesce(r.isv_prodid = u.isv_prodid, TRUE)
        AND coalesce(r.rtmr0 = u.rtmr0, TRUE) AND coalesce(r.rtmr1 = u.rtmr1, TRUE)
        AND coalesce(r.rtmr2 = u.rtmr2, TRUE) AND coalesce(r.rtmr3 = u.rtmr3, TRUE)
        AND coalesce(r.host_data = u.host_data, TRUE)
    UNION ALL
    SELECT u.observation_no, r.workload_id
    FROM unnamed AS u
    JOIN reference_value AS r
        ON r.mrsigner = u.mrsigner
        AND coalesce(r.mrenclave, r.mrtd, r.measurement) IS NULL
        AND coalesce(r.isv_prodid = u.isv_prodid, TRUE)
),
recognized AS (
    SELECT observation_no, min(workload_id) AS workload_id
    FROM fit
    GROUP BY observation_no
    HAVING min(workload_id) = max(workload_id)
),
-- Evidence shown again says nothing about where its maker is now.
sighting AS (
    SELECT
        w.workload_id, o.enclave_id, coalesce(q.ppid, q.chip_id) AS ppid, o.observation_id,
        o.observation_no, o.received_at, o.quote_generated_at AS made_at,
        o.backend_verifier AS verifier
    FROM observation AS o
    LEFT JOIN recognized AS r ON r.observation_no = o.observation_no
    JOIN workload AS w
        ON w.workload_id = coalesce(r.workload_id, o.workload_id) AND w.one_per_platform
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
-- Of two instances the one that came later tells when they were together: from its own first
-- sighting on, and longest with whichever of those before it stayed longest. That one is looked up
-- among all, among those that say when they were made, and among those of the same verifier with
-- which it can not be told when both were made. Who was there for no longer than handover was with
-- nobody for longer.
met AS (
    SELECT
        workload_id, ppid, enclave_id, verifier, first_at, last_at, first_made, last_made,
        first_observation, last_observation,
        max(last_at) OVER earlier AS earlier_until,
        min(first_at) OVER later AS later_from,
        max(CASE WHEN first_made IS NOT NULL THEN last_at END) OVER earlier AS made_until,
        CASE
            WHEN verifier IS NULL THEN NULL
            WHEN first_made IS NULL THEN max(last_at) OVER earlier_there
            ELSE max(CASE WHEN first_made IS NULL THEN last_at END) OVER earlier_there
        END AS unmade_until
    FROM stay
    WHERE last_at > first_at + $handover
    WINDOW
        earlier AS (
            PARTITION BY workload_id, ppid ORDER BY first_at, enclave_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ),
        later AS (
            PARTITION BY workload_id, ppid ORDER BY first_at, enclave_id
            ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
        ),
        earlier_there AS (
            PARTITION BY workload_id, ppid, verifier ORDER BY first_at, enclave_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        )
),
-- Those that were together with any, before or after. By the host's own clock they are held against
-- each other once more.
mate AS (
    SELECT
        workload_id, ppid, enclave_id, first_at, last_at, first_made, last_made,
        first_observation, last_observation,
        CASE WHEN earlier_until > first_at + $handover THEN least(earlier_until, last_at) END
            AS to_at,
        CASE
            WHEN first_made IS NOT NULL AND made_until > first_at + $handover
                THEN epoch(least(made_until, last_at)) - epoch(first_at)
        END AS overlap_of_made,
        CASE WHEN unmade_until > first_at + $handover THEN 0 END AS one_clock,
        max(last_made) OVER (
            PARTITION BY workload_id, ppid ORDER BY first_made, enclave_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS earlier_made_until
    FROM met
    WHERE earlier_until > first_at + $handover OR last_at > later_from + $handover
),
together AS (
    SELECT
        workload_id, ppid, from_at, to_at, overlap, margin, skew, mates,
        CASE WHEN skew IS NOT NULL THEN mates = made AND margin <= skew END AS explained
    FROM (
        SELECT
            workload_id, ppid,
            min(CASE WHEN to_at IS NOT NULL THEN first_at END) AS from_at, max(to_at) AS to_at,
            max(epoch(to_at) - epoch(first_at)) AS overlap,
            max(epoch(to_at) - epoch(first_at + $handover)) AS margin,
            greatest(
                max(overlap_of_made)
                - max(
                    CASE
                        WHEN earlier_made_until IS NOT NULL
                            THEN epoch(least(earlier_made_until, last_made)) - epoch(first_made)
                    END
                ),
                max(one_clock)
            ) AS skew,
            count(*) AS mates, count(first_made) AS made
        FROM mate
        GROUP BY workload_id, ppid
    ) AS timed
),
-- Instances of a workload that were anywhere while those were together: all, but for those that had
-- gone before, those that came after, and those that were nowhere for all of that time.
life AS (
    SELECT
        s.workload_id, s.enclave_id, s.first_at, s.last_at,
        max(s.last_at) OVER (
            PARTITION BY s.workload_id, s.enclave_id ORDER BY s.first_at, s.ppid
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS gone_at
    FROM stay AS s
    JOIN (SELECT DISTINCT workload_id FROM together) AS t ON t.workload_id = s.workload_id
),
bound AS (
    SELECT
        workload_id, NULL AS ppid, NULL AS is_start, 0 AS came, 1 AS went,
        max(last_at) AS counted_at
    FROM life
    GROUP BY workload_id, enclave_id
    UNION ALL
    SELECT
        workload_id, NULL AS ppid, NULL AS is_start, 1 AS came, 0 AS went,
        min(first_at) AS counted_at
    FROM life
    GROUP BY workload_id, enclave_id
    UNION ALL
    SELECT workload_id, ppid, TRUE AS is_start, 0 AS came, 0 AS went, from_at AS counted_at
    FROM together
    UNION ALL
    SELECT workload_id, ppid, FALSE AS is_start, 0 AS came, 0 AS went, to_at AS counted_at
    FROM together
),
absent AS (
    SELECT
        workload_id, ppid,
        CASE
            WHEN is_start THEN sum(went) OVER (PARTITION BY workload_id ORDER BY counted_at)
            ELSE sum(came) OVER (PARTITION BY workload_id ORDER BY counted_at DESC)
        END AS instances
    FROM bound
    UNION ALL
    SELECT t.workload_id, t.ppid, count(*) AS instances
    FROM together AS t
    JOIN life AS l
        ON l.workload_id = t.workload_id AND l.gone_at <= t.from_at AND l.first_at >= t.to_at
    WHERE l.gone_at < l.first_at
    GROUP BY t.workload_id, t.ppid
),
replica AS (
    SELECT
        a.workload_id, a.ppid, i.instances - CAST(sum(a.instances) AS BIGINT) AS replicas
    FROM absent AS a
    JOIN (
        SELECT workload_id, count(DISTINCT enclave_id) AS instances FROM life GROUP BY workload_id
    ) AS i ON i.workload_id = a.workload_id
    WHERE a.ppid IS NOT NULL
    GROUP BY a.workload_id, a.ppid, i.instances
),
mark AS (
    SELECT workload_id, ppid, enclave_id, first_observation AS observation_id, first_at AS seen_at
    FROM mate
    UNION ALL
    SELECT workload_id, ppid, enclave_id, last_observation AS observation_id, last_at AS seen_at
    FROM mate
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
