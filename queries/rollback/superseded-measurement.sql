-- ---
-- id = "superseded-measurement"
-- title = "An older measurement comes back after a newer one had taken over"
-- version = 6
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = true
-- question = "Where was a build that its successor had replaced seen again, although no security version says which is older?"
-- why = "TDX and SNP have no ISVSVN, and many SGX builds never raise theirs: the measurement is all that tells builds apart. An old one is still genuine, still approved at times, and brings its holes back."
-- inputs = ["observation", "quote", "reference_value", "reshown"]
-- requires = ["quote"]
-- in_full = "which build is the newer one is told by the whole history of its workload"
-- discriminator = ["scope_type", "scope_id", "product", "measurement"]
-- grain = "one row per instance, product and older measurement"
-- nulls = "sightings without a time, or without workload and enclave, are counted; without an enclave id an instance has no past of its own; no word from the verifier counts as accepted"
-- false_positives = ["a roll-out that was withdrawn on purpose: approve the older build anew, a later valid_from makes it the newer one", "variants of one build that take turns"]
-- blind_spots = ["instances that go on with the older build hide another one that is launched with it", "RTMRs count only where the manifest names them: run-time extensions would look like builds", "builds that differ in ISVSVN: see svn-rollback"]
-- attack = ["version rollback"]
-- spec = ["Intel TDX module, TDINFO", "detector D24"]
-- created = 2026-11-23
-- updated = 2026-11-29
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [params.rollout_window]
-- type = "INTERVAL"
-- default = "1h"
-- meaning = "old and new may run side by side for this long after the new one was first seen"
-- [params.quiet_time]
-- type = "INTERVAL"
-- default = "1d"
-- meaning = "a replaced measurement that nobody showed for longer than this had gone"
-- [details]
-- scope_type = "workload or enclave: within what the measurements were compared"
-- scope_id = "which one"
-- product = "tdx, or sgx with signer, product and ISVSVN"
-- measurement = "the older one: MRENCLAVE, or MRTD and the RTMRs that the manifest names"
-- newer = "measurements that had replaced it"
-- newer_since = "when the first of them had been seen first"
-- margin_ms = "by how much the first offending sighting came after rollout_window, by the clocks of the verifiers"
-- skew_ms = "how much of the time between the two the verifiers' clocks and the ways to them are, by the clocks of the hosts, which say when both quotes were made; else 0 where one verifier stamped both; null: not known"
-- skew_explains = "by the hosts' own clocks it was made within rollout_window of the first of the newer one; null: not known"
-- kind = "rolled_back: the instance itself had shown a newer one; resurrected: nobody had shown the older one for the quiet time"
-- order = "approval: by valid_from of the reference values; first_seen: by the first sighting"
-- approved = "a reference value for it was valid at the first offending sighting; null: the case has none for this scope"
-- replayed = "every one of the sightings repeats evidence seen before: see replayed-quote"
-- sightings = "number of offending sightings"
-- [[not_evaluable]]
-- reason = "quote without a time, or without workload and enclave"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE q.trusted
--     AND coalesce(q.mrenclave, q.mrtd, q.measurement) IS NOT NULL
--     AND (o.received_at IS NULL OR coalesce(o.workload_id, o.enclave_id) IS NULL)"""
-- [[not_evaluable]]
-- reason = "quote proven, but under no trust anchor of the case, or not verified"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE coalesce(q.proven, TRUE) AND NOT coalesce(q.trusted, FALSE)"""
-- ---
WITH named AS (
    SELECT
        workload_id,
        bool_or(rtmr0 IS NOT NULL) AS has_rtmr0,
        bool_or(rtmr1 IS NOT NULL) AS has_rtmr1,
        bool_or(rtmr2 IS NOT NULL) AS has_rtmr2,
        bool_or(rtmr3 IS NOT NULL) AS has_rtmr3
    FROM reference_value
    WHERE mrtd IS NOT NULL
    GROUP BY workload_id
),
sighting AS (
    SELECT
        o.observation_id, o.observation_no, o.received_at, o.enclave_id,
        o.quote_generated_at AS made_at, o.backend_verifier AS verifier,
        CASE WHEN o.workload_id IS NOT NULL THEN 'workload' ELSE 'enclave' END AS scope_type,
        coalesce(o.workload_id, o.enclave_id) AS scope_id,
        q.mrenclave, q.mrtd, q.measurement AS snp_measurement, q.rtmr0, q.rtmr1, q.rtmr2, q.rtmr3,
        CASE
            WHEN q.mrenclave IS NULL THEN q.tee
            ELSE q.tee || ':' || coalesce(q.mrsigner, '') || ':'
                || coalesce(CAST(q.isv_prodid AS VARCHAR), '') || ':'
                || coalesce(CAST(q.isv_svn AS VARCHAR), '')
        END AS product,
        coalesce(
            q.mrenclave,
            q.mrtd
            || CASE WHEN n.has_rtmr0 THEN ':' || coalesce(q.rtmr0, '') ELSE '' END
            || CASE WHEN n.has_rtmr1 THEN ':' || coalesce(q.rtmr1, '') ELSE '' END
            || CASE WHEN n.has_rtmr2 THEN ':' || coalesce(q.rtmr2, '') ELSE '' END
            || CASE WHEN n.has_rtmr3 THEN ':' || coalesce(q.rtmr3, '') ELSE '' END,
            q.measurement
        ) AS measurement
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    LEFT JOIN named AS n ON n.workload_id = o.workload_id
    WHERE q.trusted
        AND o.received_at IS NOT NULL
        AND coalesce(o.claimed_ok, TRUE)
        AND coalesce(o.workload_id, o.enclave_id) IS NOT NULL
        AND coalesce(q.mrenclave, q.mrtd, q.measurement) IS NOT NULL
),
changed AS (
    SELECT scope_type, scope_id, product
    FROM sighting
    GROUP BY scope_type, scope_id, product
    HAVING min(measurement) <> max(measurement)
),
seen AS (
    SELECT
        s.observation_id, s.observation_no, s.received_at, s.enclave_id, s.made_at, s.verifier,
        s.scope_type, s.scope_id, s.product, s.measurement, s.mrenclave, s.mrtd,
        s.snp_measurement, s.rtmr0, s.rtmr1, s.rtmr2, s.rtmr3,
        lag(s.received_at) OVER (
            PARTITION BY s.scope_type, s.scope_id, s.product, s.measurement
            ORDER BY s.received_at, s.observation_no
        ) AS seen_before_at
    FROM sighting AS s
    JOIN changed AS c
        ON c.scope_type = s.scope_type AND c.scope_id = s.scope_id AND c.product = s.product
),
build AS (
    SELECT
        scope_type, scope_id, product, measurement,
        min(received_at) AS first_at,
        max(mrenclave) AS mrenclave, max(mrtd) AS mrtd,
        max(snp_measurement) AS snp_measurement, max(rtmr0) AS rtmr0,
        max(rtmr1) AS rtmr1, max(rtmr2) AS rtmr2, max(rtmr3) AS rtmr3
    FROM seen
    GROUP BY scope_type, scope_id, product, measurement
),
approval AS (
    SELECT
        b.scope_type, b.scope_id, b.product, b.measurement, r.valid_from, r.valid_to
    FROM build AS b
    JOIN reference_value AS r
        ON (b.scope_type = 'enclave' OR r.workload_id = b.scope_id)
        AND (
            r.mrenclave = b.mrenclave OR r.mrtd = b.mrtd OR r.measurement = b.snp_measurement
        )
        AND (r.rtmr0 IS NULL OR r.rtmr0 = b.rtmr0)
        AND (r.rtmr1 IS NULL OR r.rtmr1 = b.rtmr1)
        AND (r.rtmr2 IS NULL OR r.rtmr2 = b.rtmr2)
        AND (r.rtmr3 IS NULL OR r.rtmr3 = b.rtmr3)
),
dated AS (
    SELECT
        b.scope_type, b.scope_id, b.product, b.measurement, b.first_at,
        max(a.valid_from) AS approved_from,
        count(a.measurement) > 0 AS is_listed
    FROM build AS b
    LEFT JOIN approval AS a
        ON a.scope_type = b.scope_type AND a.scope_id = b.scope_id
        AND a.product = b.product AND a.measurement = b.measurement
    GROUP BY b.scope_type, b.scope_id, b.product, b.measurement, b.first_at
),
-- Which is the newer one: by approval where both have different dates, else by first sighting.
succession AS (
    SELECT
        older.scope_type, older.scope_id, older.product, older.measurement, older.is_listed,
        newer.measurement AS newer_measurement, newer.first_at AS newer_at,
        coalesce(older.approved_from <> newer.approved_from, FALSE) AS by_approval
    FROM dated AS older
    JOIN dated AS newer
        ON newer.scope_type = older.scope_type
        AND newer.scope_id = older.scope_id
        AND newer.product = older.product
        AND newer.measurement <> older.measurement
        AND CASE
            WHEN older.approved_from <> newer.approved_from
            THEN older.approved_from < newer.approved_from
            ELSE older.first_at < newer.first_at
        END
),
own AS (
    SELECT scope_type, scope_id, product, enclave_id, measurement, min(received_at) AS first_at
    FROM seen
    WHERE enclave_id IS NOT NULL
    GROUP BY scope_type, scope_id, product, enclave_id, measurement
),
offence AS (
    SELECT
        s.scope_type, s.scope_id, s.product, s.measurement, s.enclave_id, s.observation_id,
        s.observation_no, s.received_at, s.made_at, s.verifier, u.newer_measurement, u.newer_at,
        u.by_approval, u.is_listed,
        CASE WHEN w.first_at IS NOT NULL THEN 'rolled_back' ELSE 'resurrected' END AS kind
    FROM seen AS s
    JOIN succession AS u
        ON u.scope_type = s.scope_type AND u.scope_id = s.scope_id
        AND u.product = s.product AND u.measurement = s.measurement
        AND u.newer_at + $rollout_window < s.received_at
    LEFT JOIN own AS w
        ON w.scope_type = s.scope_type AND w.scope_id = s.scope_id AND w.product = s.product
        AND w.enclave_id = s.enclave_id AND w.measurement = u.newer_measurement
        AND w.first_at < s.received_at
    WHERE w.first_at IS NOT NULL
        OR coalesce(s.seen_before_at + $quiet_time < s.received_at, TRUE)
),
-- Evidence shown again is a replay: it says nothing about what runs now.
told AS (
    SELECT DISTINCT
        o.scope_type, o.scope_id, o.product, o.measurement, o.enclave_id, o.observation_id,
        o.observation_no, o.received_at, o.made_at, o.verifier,
        a.observation_no IS NOT NULL AS replayed
    FROM offence AS o
    LEFT JOIN reshown AS a ON a.observation_no = o.observation_no AND a.trusted_showing > 1
),
cause AS (
    SELECT
        scope_type, scope_id, product, measurement, enclave_id,
        list_sort(list(DISTINCT newer_measurement)) AS newer,
        min(newer_at) AS newer_since,
        max(CASE kind WHEN 'rolled_back' THEN 'rolled_back' ELSE 'resurrected' END) AS kind,
        bool_or(by_approval) AS by_approval,
        bool_or(is_listed) AS is_listed
    FROM offence
    GROUP BY scope_type, scope_id, product, measurement, enclave_id
),
tally AS (
    SELECT
        scope_type, scope_id, product, measurement, enclave_id,
        min(received_at) AS first_seen,
        max(received_at) AS last_seen,
        count(*) AS sightings,
        CASE WHEN count(made_at) = count(*) THEN min(made_at) END AS first_made,
        CASE
            WHEN count(verifier) = count(*) AND min(verifier) = max(verifier) THEN min(verifier)
        END AS verifier,
        bool_and(replayed) AS replayed,
        string_agg(observation_id, ' ' ORDER BY received_at, observation_no) AS observations
    FROM told
    GROUP BY scope_type, scope_id, product, measurement, enclave_id
),
-- The first of the newer ones, and what its host and its verifier said of the time.
successor AS (
    SELECT
        n.scope_type, n.scope_id, n.product, n.newer_since,
        CASE WHEN count(s.made_at) = count(*) THEN min(s.made_at) END AS first_made,
        CASE
            WHEN count(s.verifier) = count(*) AND min(s.verifier) = max(s.verifier)
                THEN min(s.verifier)
        END AS verifier
    FROM (SELECT DISTINCT scope_type, scope_id, product, newer_since FROM cause) AS n
    JOIN seen AS s
        ON s.scope_type = n.scope_type AND s.scope_id = n.scope_id AND s.product = n.product
        AND s.received_at = n.newer_since
    GROUP BY n.scope_type, n.scope_id, n.product, n.newer_since
),
timed AS (
    SELECT
        t.scope_type, t.scope_id, t.product, t.measurement, t.enclave_id,
        epoch(t.first_seen) - epoch(c.newer_since + $rollout_window) AS margin,
        coalesce(
            epoch(t.first_seen) - epoch(c.newer_since)
            - (epoch(t.first_made) - epoch(s.first_made)),
            CASE WHEN t.verifier = s.verifier THEN 0 END
        ) AS skew
    FROM tally AS t
    JOIN cause AS c
        ON c.scope_type = t.scope_type AND c.scope_id = t.scope_id AND c.product = t.product
        AND c.measurement = t.measurement
        AND coalesce(c.enclave_id, '') = coalesce(t.enclave_id, '')
    JOIN successor AS s
        ON s.scope_type = c.scope_type AND s.scope_id = c.scope_id AND s.product = c.product
        AND s.newer_since = c.newer_since
),
valid AS (
    SELECT
        t.scope_type, t.scope_id, t.product, t.measurement, t.enclave_id,
        count(a.measurement) > 0 AS approved
    FROM tally AS t
    LEFT JOIN approval AS a
        ON a.scope_type = t.scope_type AND a.scope_id = t.scope_id
        AND a.product = t.product AND a.measurement = t.measurement
        AND coalesce(t.first_seen >= a.valid_from, TRUE)
        AND coalesce(t.first_seen < a.valid_to, TRUE)
    GROUP BY t.scope_type, t.scope_id, t.product, t.measurement, t.enclave_id
),
-- The last sighting of a newer one before it, the instance's own where it has one.
witness AS (
    SELECT scope_type, scope_id, product, measurement, enclave_id, observation_id
    FROM (
        SELECT
            t.scope_type, t.scope_id, t.product, t.measurement, t.enclave_id, s.observation_id,
            row_number() OVER (
                PARTITION BY t.scope_type, t.scope_id, t.product, t.measurement, t.enclave_id
                ORDER BY
                    CASE WHEN s.enclave_id = t.enclave_id THEN 0 ELSE 1 END,
                    s.received_at DESC, s.observation_no DESC
            ) AS place
        FROM tally AS t
        JOIN succession AS u
            ON u.scope_type = t.scope_type AND u.scope_id = t.scope_id
            AND u.product = t.product AND u.measurement = t.measurement
        JOIN seen AS s
            ON s.scope_type = t.scope_type AND s.scope_id = t.scope_id
            AND s.product = t.product AND s.measurement = u.newer_measurement
            AND s.received_at < t.first_seen
    ) AS ranked
    WHERE place = 1
)
SELECT
    CASE WHEN t.enclave_id IS NULL THEN t.scope_type ELSE 'enclave' END AS subject_type,
    coalesce(t.enclave_id, t.scope_id) AS subject_id,
    t.first_seen,
    t.last_seen,
    string_split(w.observation_id || ' ' || t.observations, ' ') AS observation_ids,
    CASE WHEN c.kind = 'rolled_back' OR NOT v.approved THEN 'high' ELSE 'medium' END AS severity,
    CASE c.kind
        WHEN 'rolled_back' THEN 'The instance went back to a measurement that was replaced '
        ELSE 'A measurement came back that was replaced '
    END
    || CAST(CAST(epoch(t.first_seen) - epoch(c.newer_since) AS BIGINT) AS VARCHAR) || ' s before ('
    || CAST(t.sightings AS VARCHAR) || ' sighting(s)'
    || CASE WHEN t.replayed THEN ', all of it repeated evidence)' ELSE ')' END
    || CASE WHEN m.margin <= m.skew THEN ', by the hosts'' own clocks while it was rolled out' ELSE '' END
        AS summary,
    CAST(to_json({
        'scope_type': t.scope_type,
        'scope_id': t.scope_id,
        'product': t.product,
        'measurement': t.measurement,
        'newer': c.newer,
        'newer_since': c.newer_since,
        'margin_ms': CAST(m.margin * 1000 AS BIGINT),
        'skew_ms': CAST(m.skew * 1000 AS BIGINT),
        'skew_explains': m.margin <= m.skew,
        'kind': c.kind,
        'order': CASE WHEN c.by_approval THEN 'approval' ELSE 'first_seen' END,
        'approved': CASE WHEN c.is_listed THEN v.approved END,
        'replayed': t.replayed,
        'sightings': t.sightings
    }) AS VARCHAR) AS details
FROM tally AS t
JOIN cause AS c
    ON c.scope_type = t.scope_type AND c.scope_id = t.scope_id AND c.product = t.product
    AND c.measurement = t.measurement
    AND coalesce(c.enclave_id, '') = coalesce(t.enclave_id, '')
JOIN timed AS m
    ON m.scope_type = t.scope_type AND m.scope_id = t.scope_id AND m.product = t.product
    AND m.measurement = t.measurement
    AND coalesce(m.enclave_id, '') = coalesce(t.enclave_id, '')
JOIN valid AS v
    ON v.scope_type = t.scope_type AND v.scope_id = t.scope_id AND v.product = t.product
    AND v.measurement = t.measurement
    AND coalesce(v.enclave_id, '') = coalesce(t.enclave_id, '')
JOIN witness AS w
    ON w.scope_type = t.scope_type AND w.scope_id = t.scope_id AND w.product = t.product
    AND w.measurement = t.measurement
    AND coalesce(w.enclave_id, '') = coalesce(t.enclave_id, '')
ORDER BY subject_type, subject_id, details
