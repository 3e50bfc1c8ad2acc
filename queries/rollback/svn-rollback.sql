-- ---
-- id = "svn-rollback"
-- title = "An older security version accepted after a newer one"
-- version = 5
-- fingerprint_version = 1
-- status = "stable"
-- severity = "critical"
-- sig = true
-- question = "Was an older build of an enclave launched, and accepted, after a newer one had been rolled out?"
-- why = "A lower ISVSVN is still genuine and still verifies; it brings back the holes that the newer one closed, and may unseal what was sealed for it."
-- inputs = ["launch", "observation", "quote", "release", "reshown", "verdict"]
-- requires = ["quote"]
-- scope = ["workload_id", "enclave_id", "session_id", "signature_r"]
-- discriminator = ["scope_type", "scope_id", "mrsigner", "isv_prodid", "isv_svn", "drop_no"]
-- grain = "one row per instance, product and drop"
-- nulls = "sightings without a time, or without workload and enclave, are counted as not evaluable; without an enclave id the container stands for the instance; without both, instances cannot be told apart: one finding for the workload, and no laggard among them; where the verifier said nothing the receipt verdict says what was accepted"
-- false_positives = ["a roll-out that was withdrawn on purpose", "a canary phase longer than the roll-out window"]
-- blind_spots = ["the higher SVN was never collected", "TDX has no ISVSVN: see superseded measurements"]
-- attack = ["version rollback"]
-- spec = ["Intel SDM volume 3D, SGX key derivation by ISVSVN", "detector D23"]
-- created = 2026-11-23
-- updated = 2026-11-29
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [params.rollout_window]
-- type = "INTERVAL"
-- default = "1h"
-- meaning = "old and new may run side by side for this long after the new one was first seen"
-- [details]
-- scope_type = "workload or enclave: within what the versions were compared"
-- scope_id = "which one"
-- mrsigner = "the enclave's signer"
-- isv_prodid = "the signer's product"
-- isv_svn = "the lower version that was accepted"
-- drop_no = "the instance's first, second, ... drop to this version"
-- highest_isv_svn = "the highest version that had been out for longer than the window"
-- highest_since = "when that version was first seen"
-- kind = "rolled_back: it ran a higher one itself; launched_old: it came after the higher one; laggard: it ran the lower one all along; unidentified: neither enclave nor container id"
-- sightings = "number of accepted sightings of the lower version"
-- replayed = "every one of them repeats evidence seen before: see replayed-quote"
-- secrets = "number of secrets released to it meanwhile"
-- [[not_evaluable]]
-- reason = "quote without a time, or without workload and enclave"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE q.trusted
--     AND q.isv_svn IS NOT NULL
--     AND (o.received_at IS NULL OR coalesce(o.workload_id, o.enclave_id) IS NULL)"""
-- [[not_evaluable]]
-- reason = "quote proven, but under no trust anchor of the case, or not verified"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE q.isv_svn IS NOT NULL
--     AND coalesce(q.proven, TRUE)
--     AND NOT coalesce(q.trusted, FALSE)"""
-- ---
WITH sighting AS (
    SELECT
        o.observation_id, o.observation_no, o.received_at, o.session_id, o.enclave_id, o.container_id,
        coalesce(o.enclave_id, o.container_id) AS instance_id,
        CASE WHEN o.workload_id IS NOT NULL THEN 'workload' ELSE 'enclave' END AS scope_type,
        coalesce(o.workload_id, o.enclave_id) AS scope_id,
        q.tee, q.mrsigner, q.isv_prodid, q.isv_svn,
        coalesce(o.claimed_ok, v.outcome = 'accepted', FALSE) AS accepted,
        a.observation_no IS NOT NULL AS replayed
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    LEFT JOIN reshown AS a ON a.observation_no = o.observation_no AND a.trusted_showing > 1
    LEFT JOIN verdict AS v
        ON v.observation_no = o.observation_no AND v.moment = 'receipt'
    WHERE q.trusted
        AND q.isv_svn IS NOT NULL
        AND o.received_at IS NOT NULL
        AND coalesce(o.workload_id, o.enclave_id) IS NOT NULL
),
-- Each version of a product in a scope, with the sighting that first showed it.
version AS (
    SELECT
        scope_type, scope_id, tee, mrsigner, isv_prodid, isv_svn,
        min(received_at) AS first_at,
        min_by(observation_id, {'at': received_at, 'no': observation_no}) AS first_observation
    FROM sighting
    GROUP BY scope_type, scope_id, tee, mrsigner, isv_prodid, isv_svn
),
lower AS (
    SELECT
        s.observation_no,
        max(h.isv_svn) AS highest_isv_svn,
        min(h.first_at) AS higher_since
    FROM sighting AS s
    JOIN version AS h
        ON h.scope_type = s.scope_type
        AND h.scope_id = s.scope_id
        AND h.tee = s.tee
        AND h.mrsigner = s.mrsigner
        AND h.isv_prodid = s.isv_prodid
        AND h.isv_svn > s.isv_svn
        AND h.first_at + $rollout_window < s.received_at
    WHERE s.accepted
    GROUP BY s.observation_no
),
-- All sightings of the instances that showed a lower version.
own AS (
    SELECT
        s.observation_id, s.observation_no, s.received_at, s.session_id, s.enclave_id,
        s.instance_id, s.scope_type, s.scope_id, s.tee, s.mrsigner, s.isv_prodid, s.isv_svn,
        s.accepted, s.replayed
    FROM sighting AS s
    JOIN (
        SELECT DISTINCT s.scope_type, s.scope_id, s.tee, s.mrsigner, s.isv_prodid, s.instance_id
        FROM sighting AS s
        JOIN lower AS w ON w.observation_no = s.observation_no
    ) AS i
        ON i.scope_type = s.scope_type
        AND i.scope_id = s.scope_id
        AND i.tee = s.tee
        AND i.mrsigner = s.mrsigner
        AND i.isv_prodid = s.isv_prodid
        AND i.instance_id IS NOT DISTINCT FROM s.instance_id
),
-- What the instance itself had shown before each sighting.
history AS (
    SELECT
        observation_no,
        max(isv_svn) OVER (
            PARTITION BY scope_type, scope_id, tee, mrsigner, isv_prodid, instance_id
            ORDER BY received_at, observation_no
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS own_highest,
        min(received_at) OVER (
            PARTITION BY scope_type, scope_id, tee, mrsigner, isv_prodid, instance_id
        ) AS own_first_at
    FROM own
),
started AS (
    SELECT s.observation_no, l.timestamp AS launched_at
    FROM sighting AS s
    JOIN lower AS w ON w.observation_no = s.observation_no
    JOIN launch AS l ON l.enclave_id = s.enclave_id AND l.timestamp <= s.received_at
    UNION ALL
    SELECT s.observation_no, l.timestamp AS launched_at
    FROM sighting AS s
    JOIN lower AS w ON w.observation_no = s.observation_no
    JOIN launch AS l ON l.container_id = s.container_id AND l.timestamp <= s.received_at
    WHERE s.enclave_id IS NULL
),
launched AS (
    SELECT observation_no, max(launched_at) AS launched_at FROM started GROUP BY observation_no
),
-- The accepted sightings of each instance in order; a drop begins where the one before was
-- another version or no drop yet.
sequence AS (
    SELECT
        s.observation_id, s.observation_no, s.received_at, s.session_id, s.enclave_id, s.instance_id,
        s.scope_type, s.scope_id, s.tee, s.mrsigner, s.isv_prodid, s.isv_svn, s.replayed,
        w.highest_isv_svn, w.higher_since,
        lead(s.received_at) OVER instance AS next_at,
        w.observation_no IS NOT NULL AS is_lower,
        s.instance_id IS NOT NULL AND w.observation_no IS NOT NULL AND (
            coalesce(lag(s.isv_svn) OVER instance <> s.isv_svn, TRUE)
            OR lag(w.observation_no) OVER instance IS NULL
        ) AS begins
    FROM own AS s
    LEFT JOIN lower AS w ON w.observation_no = s.observation_no
    WHERE s.accepted
    WINDOW instance AS (
        PARTITION BY s.scope_type, s.scope_id, s.tee, s.mrsigner, s.isv_prodid, s.instance_id
        ORDER BY s.received_at, s.observation_no
    )
),
numbered AS (
    SELECT
        q.observation_id, q.observation_no, q.received_at, q.session_id, q.enclave_id, q.instance_id,
        q.next_at,
        q.scope_type, q.scope_id, q.tee, q.mrsigner, q.isv_prodid, q.isv_svn, q.replayed,
        q.highest_isv_svn, q.is_lower,
        CASE
            WHEN q.instance_id IS NULL THEN 'unidentified'
            WHEN h.own_highest > q.isv_svn THEN 'rolled_back'
            WHEN h.own_first_at >= q.higher_since THEN 'launched_old'
            WHEN l.launched_at >= q.higher_since THEN 'launched_old'
            ELSE 'laggard'
        END AS kind,
        sum(CASE WHEN q.begins THEN 1 ELSE 0 END) OVER (
            PARTITION BY
                q.scope_type, q.scope_id, q.tee, q.mrsigner, q.isv_prodid, q.instance_id, q.isv_svn
            ORDER BY q.received_at, q.observation_no
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS drop_no
    FROM sequence AS q
    JOIN history AS h ON h.observation_no = q.observation_no
    LEFT JOIN launched AS l ON l.observation_no = q.observation_no
),
drops AS (
    SELECT
        observation_id, observation_no, received_at, session_id, enclave_id, instance_id, next_at,
        scope_type, scope_id, tee, mrsigner, isv_prodid, isv_svn, replayed, highest_isv_svn,
        kind, drop_no
    FROM numbered
    WHERE is_lower
),
-- Released in the session of a lower sighting, or to the instance before it was seen again.
secret AS (
    SELECT d.observation_no, r.source_id, r.source_line
    FROM drops AS d
    JOIN release AS r ON r.session_id = d.session_id
    WHERE r.timestamp >= d.received_at
    UNION
    SELECT d.observation_no, r.source_id, r.source_line
    FROM drops AS d
    JOIN release AS r ON r.enclave_id = d.enclave_id
    WHERE r.timestamp >= d.received_at AND (d.next_at IS NULL OR r.timestamp < d.next_at)
),
secrets AS (
    SELECT observation_no, count(*) AS secrets FROM secret GROUP BY observation_no
),
told AS (
    SELECT
        d.scope_type, d.scope_id, d.tee, d.mrsigner, d.isv_prodid, d.isv_svn, d.instance_id,
        d.drop_no,
        min(d.enclave_id) AS enclave_id,
        min(d.received_at) AS first_seen,
        max(d.received_at) AS last_seen,
        count(*) AS sightings,
        bool_and(d.replayed) AS replayed,
        max(d.highest_isv_svn) AS highest_isv_svn,
        -- The gravest reading of any of its sightings names the drop.
        min(CASE d.kind
            WHEN 'rolled_back' THEN 1 WHEN 'launched_old' THEN 2
            WHEN 'unidentified' THEN 3 ELSE 4
        END) AS gravity,
        CAST(sum(coalesce(s.secrets, 0)) AS BIGINT) AS secrets,
        min_by(d.observation_id, d.observation_no) AS first_observation,
        string_agg(d.observation_id, ' ' ORDER BY d.received_at, d.observation_no) AS observations
    FROM drops AS d
    LEFT JOIN secrets AS s ON s.observation_no = d.observation_no
    GROUP BY
        d.scope_type, d.scope_id, d.tee, d.mrsigner, d.isv_prodid, d.isv_svn, d.instance_id,
        d.drop_no
),
-- What the instance itself had last shown above the lower version, when it had.
own_higher AS (
    SELECT first_lower, observation_id
    FROM (
        SELECT
            t.first_observation AS first_lower, s.observation_id,
            row_number() OVER (
                PARTITION BY t.first_observation ORDER BY s.received_at DESC, s.observation_no DESC
            ) AS place
        FROM told AS t
        JOIN own AS s
            ON s.scope_type = t.scope_type
            AND s.scope_id = t.scope_id
            AND s.tee = t.tee
            AND s.mrsigner = t.mrsigner
            AND s.isv_prodid = t.isv_prodid
            AND s.instance_id = t.instance_id
            AND s.isv_svn > t.isv_svn
            AND s.received_at <= t.first_seen
    ) AS ordered
    WHERE place = 1
)
SELECT
    CASE
        WHEN t.enclave_id IS NOT NULL THEN 'enclave'
        WHEN t.instance_id IS NOT NULL THEN 'container'
        ELSE t.scope_type
    END AS subject_type,
    coalesce(t.instance_id, t.scope_id) AS subject_id,
    t.first_seen,
    t.last_seen,
    string_split(
        h.first_observation
        || CASE
            WHEN o.observation_id <> h.first_observation THEN ' ' || o.observation_id ELSE ''
        END
        || ' ' || t.observations, ' '
    ) AS observation_ids,
    CASE
        WHEN t.gravity <= 3 AND t.secrets > 0 THEN 'critical'
        WHEN t.gravity <= 3 THEN 'high'
        ELSE 'low'
    END AS severity,
    CASE t.gravity
        WHEN 1 THEN 'ISVSVN fell to ' WHEN 2 THEN 'An old build was launched: ISVSVN '
        WHEN 3 THEN 'ISVSVN of some unidentified instance is ' ELSE 'Laggard: ISVSVN is still '
    END
    || CAST(t.isv_svn AS VARCHAR) || ' although ' || CAST(t.highest_isv_svn AS VARCHAR)
    || ' was out for ' || CAST(CAST(epoch(t.first_seen) - epoch(h.first_at) AS BIGINT) AS VARCHAR)
    || ' s'
    || CASE
        WHEN t.secrets > 0 THEN '; ' || CAST(t.secrets AS VARCHAR) || ' secret(s) released' ELSE ''
    END
    || CASE WHEN t.replayed THEN '; all of it repeated evidence' ELSE '' END AS summary,
    CAST(to_json({
        'scope_type': t.scope_type,
        'scope_id': t.scope_id,
        'mrsigner': t.mrsigner,
        'isv_prodid': t.isv_prodid,
        'isv_svn': t.isv_svn,
        'drop_no': CAST(t.drop_no AS BIGINT),
        'highest_isv_svn': t.highest_isv_svn,
        'highest_since': h.first_at,
        'kind': CASE t.gravity
            WHEN 1 THEN 'rolled_back' WHEN 2 THEN 'launched_old'
            WHEN 3 THEN 'unidentified' ELSE 'laggard'
        END,
        'sightings': t.sightings,
        'replayed': t.replayed,
        'secrets': t.secrets
    }) AS VARCHAR) AS details
FROM told AS t
JOIN version AS h
    ON h.scope_type = t.scope_type
    AND h.scope_id = t.scope_id
    AND h.tee = t.tee
    AND h.mrsigner = t.mrsigner
    AND h.isv_prodid = t.isv_prodid
    AND h.isv_svn = t.highest_isv_svn
LEFT JOIN own_higher AS o ON o.first_lower = t.first_observation
ORDER BY subject_type, subject_id, details
