-- ---
-- id = "superseded-measurement"
-- title = "An older measurement comes back after a newer one had taken over"
-- version = 8
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = true
-- question = "Where was a build that its successor had replaced seen again, although no security version says which is older?"
-- why = "TDX and SNP have no ISVSVN, and many SGX builds never raise theirs: the measurement is all that tells builds apart. An old one is still genuine, still approved at times, and brings its holes back."
-- inputs = ["observation", "quote", "reference_value", "reshown"]
-- requires = ["quote"]
-- scope = ["workload_id", "enclave_id"]
-- suspects = """
-- SELECT s.workload_id, s.enclave_id
-- FROM suspect AS p
-- JOIN shown AS s ON s.shown_no = p.shown_no"""
-- discriminator = ["scope_type", "scope_id", "product", "measurement"]
-- grain = "one row per instance, product and older measurement"
-- nulls = "sightings without a time, or without workload and enclave, are counted; without an enclave id an instance has no past of its own; no word from the verifier counts as accepted"
-- false_positives = ["a roll-out that was withdrawn on purpose: approve the older build anew, a later valid_from makes it the newer one", "variants of one build that take turns"]
-- blind_spots = ["instances that go on with the older build hide another one that is launched with it", "RTMRs count only where the manifest names them: run-time extensions would look like builds", "builds that differ in ISVSVN: see svn-rollback"]
-- attack = ["version rollback"]
-- spec = ["Intel TDX module, TDINFO", "detector D24"]
-- created = 2026-11-23
-- updated = 2026-11-30
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
-- [sides]
-- fact = "measurement"
-- "had been replaced by" = "newer"
-- "shown again" = "measurement"
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
shown AS (
    SELECT
        min(o.observation_no) AS shown_no, o.workload_id,
        CASE WHEN o.workload_id IS NULL THEN o.enclave_id END AS enclave_id,
        q.tee, q.mrsigner, q.isv_prodid, q.isv_svn, q.mrenclave, q.mrtd, q.measurement,
        q.rtmr0, q.rtmr1, q.rtmr2, q.rtmr3,
        min(o.received_at) AS first_at, max(o.received_at) AS last_at
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    WHERE q.trusted
        AND o.received_at IS NOT NULL
        AND coalesce(o.claimed_ok, TRUE)
        AND coalesce(o.workload_id, o.enclave_id) IS NOT NULL
        AND coalesce(q.mrenclave, q.mrtd, q.measurement) IS NOT NULL
    GROUP BY
        o.workload_id, CASE WHEN o.workload_id IS NULL THEN o.enclave_id END,
        q.tee, q.mrsigner, q.isv_prodid, q.isv_svn, q.mrenclave, q.mrtd, q.measurement,
        q.rtmr0, q.rtmr1, q.rtmr2, q.rtmr3
),
part AS (
    SELECT
        s.shown_no, s.first_at, s.last_at, s.mrenclave, s.mrtd, s.measurement AS snp_measurement,
        s.rtmr0, s.rtmr1, s.rtmr2, s.rtmr3,
        CASE WHEN s.workload_id IS NOT NULL THEN 'workload' ELSE 'enclave' END AS scope_type,
        coalesce(s.workload_id, s.enclave_id) AS scope_id,
        CASE
            WHEN s.mrenclave IS NULL THEN s.tee
            ELSE s.tee || ':' || coalesce(s.mrsigner, '') || ':'
                || coalesce(CAST(s.isv_prodid AS VARCHAR), '') || ':'
                || coalesce(CAST(s.isv_svn AS VARCHAR), '')
        END AS product,
        coalesce(
            s.mrenclave,
            s.mrtd
            || CASE WHEN n.has_rtmr0 THEN ':' || coalesce(s.rtmr0, '') ELSE '' END
            || CASE WHEN n.has_rtmr1 THEN ':' || coalesce(s.rtmr1, '') ELSE '' END
            || CASE WHEN n.has_rtmr2 THEN ':' || coalesce(s.rtmr2, '') ELSE '' END
            || CASE WHEN n.has_rtmr3 THEN ':' || coalesce(s.rtmr3, '') ELSE '' END,
            s.measurement
        ) AS measurement
    FROM shown AS s
    LEFT JOIN named AS n ON n.workload_id = s.workload_id
),
changed AS (
    SELECT min(shown_no) AS line_no, scope_type, scope_id, product
    FROM part
    GROUP BY scope_type, scope_id, product
    HAVING min(measurement) <> max(measurement)
),
-- A line is one product in one scope, a build one measurement in a line; each has the number of
-- one of its sightings.
build AS (
    SELECT
        min(p.shown_no) AS build_no, c.line_no, p.scope_type, p.scope_id, p.product, p.measurement,
        min(p.first_at) AS first_at, max(p.last_at) AS last_at,
        max(p.mrenclave) AS mrenclave, max(p.mrtd) AS mrtd,
        max(p.snp_measurement) AS snp_measurement, max(p.rtmr0) AS rtmr0,
        max(p.rtmr1) AS rtmr1, max(p.rtmr2) AS rtmr2, max(p.rtmr3) AS rtmr3
    FROM part AS p
    JOIN changed AS c
        ON c.scope_type = p.scope_type AND c.scope_id = p.scope_id AND c.product = p.product
    GROUP BY c.line_no, p.scope_type, p.scope_id, p.product, p.measurement
),
approval AS (
    SELECT b.build_no, r.valid_from, r.valid_to
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
        b.build_no, b.line_no, b.first_at, b.last_at,
        max(a.valid_from) AS approved_from,
        count(a.build_no) > 0 AS is_listed
    FROM build AS b
    LEFT JOIN approval AS a ON a.build_no = b.build_no
    GROUP BY b.build_no, b.line_no, b.first_at, b.last_at
),
-- Which is the newer one: by approval where both have different dates, else by first sighting.
-- One that is in no manifest and was gone within the roll-out of whatever came after it can not
-- have come back: where every start is another build, they are too many to be paired.
succession AS (
    SELECT
        older.line_no, older.build_no, older.last_at, older.is_listed,
        newer.build_no AS newer_no, newer.first_at AS newer_at,
        coalesce(older.approved_from <> newer.approved_from, FALSE) AS by_approval
    FROM (
        SELECT line_no, build_no, first_at, last_at, approved_from, is_listed
        FROM dated
        WHERE first_at + $rollout_window < last_at OR approved_from IS NOT NULL
    ) AS older
    JOIN dated AS newer
        ON newer.line_no = older.line_no
        AND newer.build_no <> older.build_no
        AND CASE
            WHEN older.approved_from <> newer.approved_from
            THEN older.approved_from < newer.approved_from
            ELSE older.first_at < newer.first_at
        END
),
-- Only where an older one was still seen when the newer one had been rolled out are there
-- sightings to look at.
suspect AS (
    SELECT p.shown_no, b.build_no, b.line_no
    FROM part AS p
    JOIN build AS b
        ON b.scope_type = p.scope_type AND b.scope_id = p.scope_id AND b.product = p.product
        AND b.measurement = p.measurement
    JOIN (
        SELECT DISTINCT line_no
        FROM succession
        WHERE newer_at + $rollout_window < last_at
    ) AS v ON v.line_no = b.line_no
),
-- What several scopes show alike is looked for once: a kind is one set of values, whoever shows it.
kind AS (
    SELECT
        min(shown_no) AS kind_no, tee, mrsigner, isv_prodid, isv_svn, mrenclave, mrtd,
        measurement, rtmr0, rtmr1, rtmr2, rtmr3
    FROM shown
    WHERE shown_no IN (SELECT shown_no FROM suspect)
    GROUP BY
        tee, mrsigner, isv_prodid, isv_svn, mrenclave, mrtd, measurement, rtmr0, rtmr1, rtmr2,
        rtmr3
),
-- shown_no is the number that those who showed one kind have above: that of the first sighting.
sighting AS (
    SELECT
        min(o.observation_no) OVER (
            PARTITION BY
                k.kind_no, o.workload_id, CASE WHEN o.workload_id IS NULL THEN o.enclave_id END
        ) AS shown_no,
        o.observation_no, o.received_at, o.enclave_id
    FROM kind AS k
    JOIN quote AS q
        ON q.tee IS NOT DISTINCT FROM k.tee
        AND q.mrsigner IS NOT DISTINCT FROM k.mrsigner
        AND q.isv_prodid IS NOT DISTINCT FROM k.isv_prodid
        AND q.isv_svn IS NOT DISTINCT FROM k.isv_svn
        AND q.mrenclave IS NOT DISTINCT FROM k.mrenclave
        AND q.mrtd IS NOT DISTINCT FROM k.mrtd
        AND q.measurement IS NOT DISTINCT FROM k.measurement
        AND q.rtmr0 IS NOT DISTINCT FROM k.rtmr0
        AND q.rtmr1 IS NOT DISTINCT FROM k.rtmr1
        AND q.rtmr2 IS NOT DISTINCT FROM k.rtmr2
        AND q.rtmr3 IS NOT DISTINCT FROM k.rtmr3
    JOIN observation AS o ON o.quote_no = q.quote_no
    WHERE q.trusted
        AND o.received_at IS NOT NULL
        AND coalesce(o.claimed_ok, TRUE)
        AND coalesce(o.workload_id, o.enclave_id) IN (
            SELECT b.scope_id FROM suspect AS p JOIN build AS b ON b.build_no = p.build_no
        )
),
seen AS (
    SELECT
        s.observation_no, s.received_at, s.enclave_id, p.build_no, p.line_no,
        lag(s.received_at) OVER (
            PARTITION BY p.build_no ORDER BY s.received_at, s.observation_no
        ) AS seen_before_at
    FROM suspect AS p
    JOIN sighting AS s ON s.shown_no = p.shown_no
),
own AS (
    SELECT build_no, enclave_id, min(received_at) AS first_at
    FROM seen
    WHERE enclave_id IS NOT NULL
    GROUP BY build_no, enclave_id
),
offence AS (
    SELECT
        s.build_no, s.line_no, s.enclave_id, s.observation_no, s.received_at,
        u.newer_no, u.newer_at, u.by_approval, u.is_listed,
        CASE WHEN w.first_at IS NOT NULL THEN 'rolled_back' ELSE 'resurrected' END AS kind
    FROM seen AS s
    JOIN succession AS u
        ON u.build_no = s.build_no AND u.newer_at + $rollout_window < s.received_at
    LEFT JOIN own AS w
        ON w.build_no = u.newer_no AND w.enclave_id = s.enclave_id
        AND w.first_at < s.received_at
    WHERE w.first_at IS NOT NULL
        OR coalesce(s.seen_before_at + $quiet_time < s.received_at, TRUE)
),
-- Evidence shown again is a replay: it says nothing about what runs now.
told AS (
    SELECT
        f.build_no, f.enclave_id, f.observation_no, f.received_at, o.observation_id,
        o.made_at, o.verifier, a.observation_no IS NOT NULL AS replayed
    FROM (
        SELECT DISTINCT build_no, enclave_id, observation_no, received_at FROM offence
    ) AS f
    JOIN (
        SELECT
            observation_no, observation_id, quote_generated_at AS made_at,
            backend_verifier AS verifier
        FROM observation
        WHERE observation_no IN (SELECT DISTINCT observation_no FROM offence)
    ) AS o ON o.observation_no = f.observation_no
    LEFT JOIN reshown AS a ON a.observation_no = f.observation_no AND a.trusted_showing > 1
),
-- One row per build and instance: a finding, which has the number of one of its sightings.
cause AS (
    SELECT
        min(f.observation_no) AS finding_no, f.line_no,
        list_sort(list(DISTINCT n.measurement)) AS newer,
        min(f.newer_at) AS newer_since,
        max(CASE f.kind WHEN 'rolled_back' THEN 'rolled_back' ELSE 'resurrected' END) AS kind,
        bool_or(f.by_approval) AS by_approval,
        bool_or(f.is_listed) AS is_listed
    FROM offence AS f
    JOIN build AS n ON n.build_no = f.newer_no
    GROUP BY f.build_no, f.line_no, f.enclave_id
),
tally AS (
    SELECT
        min(observation_no) AS finding_no, build_no, enclave_id,
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
    GROUP BY build_no, enclave_id
),
-- The first of the newer ones, and what its host and its verifier said of the time.
successor AS (
    SELECT
        n.line_no, n.newer_since,
        CASE WHEN count(o.quote_generated_at) = count(*) THEN min(o.quote_generated_at) END
            AS first_made,
        CASE
            WHEN count(o.backend_verifier) = count(*)
                AND min(o.backend_verifier) = max(o.backend_verifier)
                THEN min(o.backend_verifier)
        END AS verifier
    FROM (SELECT DISTINCT line_no, newer_since FROM cause) AS n
    JOIN seen AS s ON s.line_no = n.line_no AND s.received_at = n.newer_since
    JOIN observation AS o ON o.observation_no = s.observation_no
    GROUP BY n.line_no, n.newer_since
),
timed AS (
    SELECT
        t.finding_no,
        epoch(t.first_seen) - epoch(c.newer_since + $rollout_window) AS margin,
        coalesce(
            epoch(t.first_seen) - epoch(c.newer_since)
            - (epoch(t.first_made) - epoch(s.first_made)),
            CASE WHEN t.verifier = s.verifier THEN 0 END
        ) AS skew
    FROM tally AS t
    JOIN cause AS c ON c.finding_no = t.finding_no
    JOIN successor AS s ON s.line_no = c.line_no AND s.newer_since = c.newer_since
),
valid AS (
    SELECT t.finding_no, count(a.build_no) > 0 AS approved
    FROM tally AS t
    LEFT JOIN approval AS a
        ON a.build_no = t.build_no
        AND coalesce(t.first_seen >= a.valid_from, TRUE)
        AND coalesce(t.first_seen < a.valid_to, TRUE)
    GROUP BY t.finding_no
),
-- The sightings of newer ones, and among them the moments at which the findings begin.
history AS (
    SELECT finding_no, build_no, enclave_id, first_seen AS moment, NULL AS seen_no
    FROM tally
    UNION ALL
    SELECT NULL, t.build_no, s.enclave_id, s.received_at, s.observation_no
    FROM (SELECT DISTINCT build_no FROM tally) AS t
    JOIN succession AS u ON u.build_no = t.build_no
    JOIN seen AS s ON s.build_no = u.newer_no
),
-- The last sighting of a newer one before it, the instance's own where it has one.
last_before AS (
    SELECT finding_no, coalesce(own_no, last_no) AS witness_no
    FROM (
        SELECT
            finding_no,
            CASE
                WHEN enclave_id IS NOT NULL
                THEN last_value(seen_no IGNORE NULLS) OVER (
                    PARTITION BY build_no, enclave_id ORDER BY moment, seen_no NULLS FIRST
                    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
                )
            END AS own_no,
            last_value(seen_no IGNORE NULLS) OVER (
                PARTITION BY build_no ORDER BY moment, seen_no NULLS FIRST
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ) AS last_no
        FROM history
    ) AS r
    WHERE finding_no IS NOT NULL
),
witness AS (
    SELECT r.finding_no, o.observation_id
    FROM last_before AS r
    JOIN (
        SELECT observation_no, observation_id
        FROM observation
        WHERE observation_no IN (SELECT DISTINCT witness_no FROM last_before)
    ) AS o ON o.observation_no = r.witness_no
)
SELECT
    CASE WHEN t.enclave_id IS NULL THEN b.scope_type ELSE 'enclave' END AS subject_type,
    coalesce(t.enclave_id, b.scope_id) AS subject_id,
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
        'scope_type': b.scope_type,
        'scope_id': b.scope_id,
        'product': b.product,
        'measurement': b.measurement,
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
JOIN build AS b ON b.build_no = t.build_no
JOIN cause AS c ON c.finding_no = t.finding_no
JOIN timed AS m ON m.finding_no = t.finding_no
JOIN valid AS v ON v.finding_no = t.finding_no
JOIN witness AS w ON w.finding_no = t.finding_no
ORDER BY subject_type, subject_id, details
