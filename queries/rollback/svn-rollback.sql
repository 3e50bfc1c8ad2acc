-- ---
-- id = "svn-rollback"
-- title = "An older security version accepted after a newer one"
-- version = 7
-- fingerprint_version = 1
-- status = "stable"
-- severity = "critical"
-- sig = true
-- question = "Was an older build of an enclave launched, and accepted, after a newer one had been rolled out?"
-- why = "A lower ISVSVN is still genuine and still verifies; it brings back the holes that the newer one closed, and may unseal what was sealed for it."
-- inputs = ["launch", "observation", "quote", "release", "reshown", "verdict"]
-- requires = ["quote"]
-- scope = ["workload_id", "enclave_id", "session_id", "signature_r"]
-- suspects = """
-- SELECT v.workload_id, v.enclave_id
-- FROM suspect AS s
-- JOIN version AS v ON v.line_no = s.line_no"""
-- discriminator = ["scope_type", "scope_id", "mrsigner", "isv_prodid", "isv_svn", "drop_no"]
-- grain = "one row per instance, product and drop"
-- nulls = "sightings without a time, or without workload and enclave, are counted as not evaluable; without an enclave id the container stands for the instance; without both, instances cannot be told apart: one finding for the workload, and no laggard among them; where the verifier said nothing the receipt verdict says what was accepted"
-- false_positives = ["a roll-out that was withdrawn on purpose", "a canary phase longer than the roll-out window"]
-- blind_spots = ["the higher SVN was never collected", "TDX has no ISVSVN: see superseded measurements"]
-- attack = ["version rollback"]
-- spec = ["Intel SDM volume 3D, SGX key derivation by ISVSVN", "detector D23"]
-- created = 2026-11-23
-- updated = 2026-11-30
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
-- [sides]
-- fact = "ISVSVN"
-- "out before" = "highest_isv_svn"
-- "accepted later" = "isv_svn"
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
WITH shown AS (
    SELECT
        min(o.observation_no) AS shown_no, o.workload_id,
        CASE WHEN o.workload_id IS NULL THEN o.enclave_id END AS enclave_id,
        q.tee, q.mrsigner, q.isv_prodid, q.isv_svn,
        min(o.received_at) AS first_at, max(o.received_at) AS last_at
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    WHERE q.trusted
        AND q.isv_svn IS NOT NULL
        AND q.mrsigner IS NOT NULL AND q.isv_prodid IS NOT NULL
        AND o.received_at IS NOT NULL
        AND coalesce(o.workload_id, o.enclave_id) IS NOT NULL
    GROUP BY
        o.workload_id, CASE WHEN o.workload_id IS NULL THEN o.enclave_id END,
        q.tee, q.mrsigner, q.isv_prodid, q.isv_svn
),
-- A line is one product in one scope; it has the number of one of its sightings.
version AS (
    SELECT
        min(shown_no) OVER (
            PARTITION BY workload_id, enclave_id, tee, mrsigner, isv_prodid
        ) AS line_no,
        workload_id, enclave_id, tee, mrsigner, isv_prodid, isv_svn, first_at, last_at
    FROM shown
),
-- Only where a lower version was still seen when a higher one had been rolled out are there
-- sightings to look at.
suspect AS (
    SELECT DISTINCT l.line_no
    FROM version AS l
    JOIN version AS h
        ON h.line_no = l.line_no
        AND h.isv_svn > l.isv_svn
        AND h.first_at + $rollout_window < l.last_at
),
sighting AS (
    SELECT
        l.line_no, l.isv_svn, o.observation_no, o.received_at, o.enclave_id, o.container_id,
        coalesce(o.claimed_ok, v.outcome = 'accepted', FALSE) AS accepted
    FROM (
        SELECT line_no, workload_id, enclave_id, tee, mrsigner, isv_prodid, isv_svn
        FROM version
        WHERE line_no IN (SELECT line_no FROM suspect)
    ) AS l
    JOIN quote AS q
        ON q.tee IS NOT DISTINCT FROM l.tee
        AND q.mrsigner = l.mrsigner
        AND q.isv_prodid = l.isv_prodid
        AND q.isv_svn = l.isv_svn
    JOIN observation AS o
        ON o.quote_no = q.quote_no
        AND o.workload_id IS NOT DISTINCT FROM l.workload_id
        AND (o.workload_id IS NOT NULL OR o.enclave_id = l.enclave_id)
    LEFT JOIN verdict AS v
        ON v.observation_no = o.observation_no AND v.moment = 'receipt'
    WHERE q.trusted AND o.received_at IS NOT NULL
),
lower AS (
    SELECT
        s.observation_no, s.received_at, s.line_no, s.enclave_id, s.container_id,
        coalesce(s.enclave_id, s.container_id) AS instance_id,
        max(h.isv_svn) AS highest_isv_svn,
        min(h.first_at) AS higher_since
    FROM sighting AS s
    JOIN version AS h
        ON h.line_no = s.line_no
        AND h.isv_svn > s.isv_svn
        AND h.first_at + $rollout_window < s.received_at
    WHERE s.accepted
    GROUP BY s.observation_no, s.received_at, s.line_no, s.enclave_id, s.container_id
),
instance AS (
    SELECT line_no, instance_id, min(observation_no) AS instance_no
    FROM lower
    GROUP BY line_no, instance_id
),
-- All sightings of the instances that showed a lower version.
own AS (
    SELECT i.instance_no, s.observation_no, s.received_at, s.isv_svn, s.accepted
    FROM sighting AS s
    JOIN instance AS i
        ON i.line_no = s.line_no
        AND i.instance_id IS NOT DISTINCT FROM coalesce(s.enclave_id, s.container_id)
),
-- What the instance itself had shown before each sighting.
history AS (
    SELECT
        instance_no, observation_no, received_at, isv_svn,
        row_number() OVER (
            PARTITION BY instance_no ORDER BY received_at, observation_no
        ) AS place,
        max(isv_svn) OVER (
            PARTITION BY instance_no
            ORDER BY received_at, observation_no
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS own_highest,
        min(received_at) OVER (PARTITION BY instance_no) AS own_first_at
    FROM own
),
-- Launches and lower sightings of an enclave, else of a container, in one order of time.
life AS (
    SELECT
        'enclave' AS kind, enclave_id AS id, received_at AS happened_at, observation_no,
        CAST(NULL AS TIMESTAMPTZ) AS launched_at
    FROM lower
    WHERE enclave_id IS NOT NULL
    UNION ALL
    SELECT 'container', container_id, received_at, observation_no, NULL
    FROM lower
    WHERE enclave_id IS NULL AND container_id IS NOT NULL
    UNION ALL
    SELECT 'enclave', enclave_id, timestamp, NULL, timestamp
    FROM launch
    WHERE enclave_id IN (SELECT enclave_id FROM lower)
    UNION ALL
    SELECT 'container', container_id, timestamp, NULL, timestamp
    FROM launch
    WHERE container_id IN (SELECT container_id FROM lower WHERE enclave_id IS NULL)
),
launched AS (
    SELECT observation_no, launched_at
    FROM (
        SELECT
            observation_no,
            max(launched_at) OVER (PARTITION BY kind, id ORDER BY happened_at) AS launched_at
        FROM life
    ) AS so_far
    WHERE observation_no IS NOT NULL
),
-- The accepted sightings of each instance in order; a drop begins where the one before was
-- another version or no drop yet.
sequence AS (
    SELECT
        s.instance_no, s.observation_no, s.isv_svn, w.highest_isv_svn, w.higher_since,
        w.received_at, w.enclave_id, w.instance_id, w.line_no,
        lead(s.received_at) OVER life AS next_at,
        w.observation_no IS NOT NULL AS is_lower,
        w.instance_id IS NOT NULL AND (
            coalesce(lag(s.isv_svn) OVER life <> s.isv_svn, TRUE)
            OR lag(w.observation_no) OVER life IS NULL
        ) AS begins
    FROM own AS s
    LEFT JOIN lower AS w ON w.observation_no = s.observation_no
    WHERE s.accepted
    WINDOW life AS (PARTITION BY s.instance_no ORDER BY s.received_at, s.observation_no)
),
drops AS (
    SELECT
        q.observation_no, q.received_at, q.enclave_id, q.instance_id, q.next_at, q.line_no,
        q.instance_no, q.isv_svn, q.highest_isv_svn,
        CASE
            WHEN q.instance_id IS NULL THEN 'unidentified'
            WHEN h.own_highest > q.isv_svn THEN 'rolled_back'
            WHEN h.own_first_at >= q.higher_since THEN 'launched_old'
            WHEN l.launched_at >= q.higher_since THEN 'launched_old'
            ELSE 'laggard'
        END AS kind,
        sum(CASE WHEN q.begins THEN 1 ELSE 0 END) OVER (
            PARTITION BY q.instance_no, q.isv_svn
            ORDER BY q.received_at, q.observation_no
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS drop_no,
        o.observation_id, o.session_id,
        a.observation_no IS NOT NULL AS replayed
    FROM sequence AS q
    JOIN history AS h ON h.observation_no = q.observation_no
    JOIN observation AS o ON o.observation_no = q.observation_no
    LEFT JOIN launched AS l ON l.observation_no = q.observation_no
    LEFT JOIN reshown AS a ON a.observation_no = q.observation_no AND a.trusted_showing > 1
    WHERE q.is_lower
),
-- Released in the session of a drop, after its first sighting there.
entered AS (
    SELECT instance_no, isv_svn, drop_no, session_id, min(received_at) AS first_at
    FROM drops
    WHERE session_id IS NOT NULL
    GROUP BY instance_no, isv_svn, drop_no, session_id
),
followed AS (
    SELECT
        instance_no, isv_svn, drop_no,
        sum(is_release) OVER (PARTITION BY session_id ORDER BY happened_at DESC) AS secrets
    FROM (
        SELECT instance_no, isv_svn, drop_no, session_id, first_at AS happened_at, 0 AS is_release
        FROM entered
        UNION ALL
        SELECT NULL, NULL, NULL, session_id, timestamp, 1
        FROM release
        WHERE session_id IN (SELECT session_id FROM entered) AND timestamp IS NOT NULL
    ) AS session
),
-- Or to the instance, before it was seen again: its last lower sighting before each release.
meanwhile AS (
    SELECT
        instance_no, happened_at, observation_no, session_id,
        row_number() OVER (
            PARTITION BY instance_no ORDER BY happened_at, is_release, observation_no
        ) AS place
    FROM (
        SELECT
            instance_no, received_at AS happened_at, 0 AS is_release, observation_no,
            CAST(NULL AS VARCHAR) AS session_id
        FROM drops
        WHERE enclave_id IS NOT NULL
        UNION ALL
        SELECT d.instance_no, r.timestamp, 1, NULL, r.session_id
        FROM release AS r
        JOIN (SELECT DISTINCT enclave_id, instance_no FROM drops) AS d
            ON d.enclave_id = r.enclave_id
        WHERE r.timestamp IS NOT NULL
    ) AS instance
),
handed AS (
    SELECT
        instance_no, happened_at, observation_no, session_id,
        max(CASE WHEN observation_no IS NOT NULL THEN place END) OVER (
            PARTITION BY instance_no ORDER BY place
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS lower_place
    FROM meanwhile
),
secret AS (
    SELECT instance_no, isv_svn, drop_no, CAST(sum(secrets) AS BIGINT) AS secrets
    FROM (
        SELECT instance_no, isv_svn, drop_no, secrets FROM followed WHERE drop_no IS NOT NULL
        UNION ALL
        SELECT d.instance_no, d.isv_svn, d.drop_no, 1
        FROM handed AS r
        JOIN meanwhile AS m ON m.instance_no = r.instance_no AND m.place = r.lower_place
        JOIN drops AS d ON d.observation_no = m.observation_no
        LEFT JOIN entered AS e
            ON e.instance_no = d.instance_no AND e.isv_svn = d.isv_svn AND e.drop_no = d.drop_no
            AND e.session_id = r.session_id AND e.first_at <= r.happened_at
        WHERE r.observation_no IS NULL
            AND (d.next_at IS NULL OR r.happened_at < d.next_at)
            AND e.session_id IS NULL
    ) AS released
    GROUP BY instance_no, isv_svn, drop_no
),
told AS (
    SELECT
        d.line_no, d.isv_svn, d.instance_id, d.drop_no,
        min(d.instance_no) AS instance_no,
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
        min(d.observation_no) AS first_no,
        string_agg(d.observation_id, ' ' ORDER BY d.received_at, d.observation_no) AS observations
    FROM drops AS d
    GROUP BY d.line_no, d.isv_svn, d.instance_id, d.drop_no
),
-- What the instance itself had last shown above the lower version, when it had. Versions are few.
risen AS (
    SELECT DISTINCT
        t.instance_no, t.isv_svn, s.received_at,
        max(CASE WHEN s.isv_svn > t.isv_svn THEN s.place END) OVER (
            PARTITION BY t.instance_no, t.isv_svn ORDER BY s.received_at
        ) AS place
    FROM (SELECT DISTINCT instance_no, isv_svn FROM told WHERE instance_id IS NOT NULL) AS t
    JOIN history AS s ON s.instance_no = t.instance_no
),
own_higher AS (
    SELECT t.first_no, o.observation_id
    FROM told AS t
    JOIN risen AS r
        ON r.instance_no = t.instance_no
        AND r.isv_svn = t.isv_svn
        AND r.received_at = t.first_seen
    JOIN history AS s ON s.instance_no = r.instance_no AND s.place = r.place
    JOIN observation AS o ON o.observation_no = s.observation_no
),
-- The sighting that first showed the highest version of that time.
highest AS (
    SELECT f.line_no, f.isv_svn, o.observation_id
    FROM (
        SELECT
            s.line_no, s.isv_svn,
            min_by(s.observation_no, {'at': s.received_at, 'no': s.observation_no}) AS first_no
        FROM sighting AS s
        JOIN (SELECT DISTINCT line_no, highest_isv_svn FROM told) AS t
            ON t.line_no = s.line_no AND t.highest_isv_svn = s.isv_svn
        GROUP BY s.line_no, s.isv_svn
    ) AS f
    JOIN observation AS o ON o.observation_no = f.first_no
)
SELECT
    CASE
        WHEN t.enclave_id IS NOT NULL THEN 'enclave'
        WHEN t.instance_id IS NOT NULL THEN 'container'
        WHEN h.workload_id IS NOT NULL THEN 'workload'
        ELSE 'enclave'
    END AS subject_type,
    coalesce(t.instance_id, h.workload_id, h.enclave_id) AS subject_id,
    t.first_seen,
    t.last_seen,
    string_split(
        w.observation_id
        || CASE
            WHEN o.observation_id <> w.observation_id THEN ' ' || o.observation_id ELSE ''
        END
        || ' ' || t.observations, ' '
    ) AS observation_ids,
    CASE
        WHEN t.gravity <= 3 AND s.secrets > 0 THEN 'critical'
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
        WHEN s.secrets > 0 THEN '; ' || CAST(s.secrets AS VARCHAR) || ' secret(s) released' ELSE ''
    END
    || CASE WHEN t.replayed THEN '; all of it repeated evidence' ELSE '' END AS summary,
    CAST(to_json({
        'scope_type': CASE WHEN h.workload_id IS NOT NULL THEN 'workload' ELSE 'enclave' END,
        'scope_id': coalesce(h.workload_id, h.enclave_id),
        'mrsigner': h.mrsigner,
        'isv_prodid': h.isv_prodid,
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
        'secrets': coalesce(s.secrets, 0)
    }) AS VARCHAR) AS details
FROM told AS t
JOIN version AS h ON h.line_no = t.line_no AND h.isv_svn = t.highest_isv_svn
JOIN highest AS w ON w.line_no = t.line_no AND w.isv_svn = t.highest_isv_svn
LEFT JOIN secret AS s
    ON s.instance_no = t.instance_no AND s.isv_svn = t.isv_svn AND s.drop_no = t.drop_no
LEFT JOIN own_higher AS o ON o.first_no = t.first_no
ORDER BY subject_type, subject_id, details
