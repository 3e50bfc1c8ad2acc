-- ---
-- id = "pck-downgrade"
-- title = "An older PCK certificate for firmware that did not change"
-- version = 2
-- fingerprint_version = 1
-- status = "stable"
-- severity = "medium"
-- sig = true
-- question = "Which platforms showed a PCK certificate of a lower TCB than before, although they ran on the same microcode or newer?"
-- why = "A platform has a PCK certificate for every TCB that it passed through, and may show any that is not above it. Choosing an older one changes the verdict: what was fixed looks unfixed, and an advisory or a revocation is dodged."
-- inputs = ["observation", "quote", "reshown", "verdict"]
-- requires = ["quote"]
-- scope = ["ppid"]
-- suspects = "SELECT ppid FROM downgrade"
-- discriminator = []
-- grain = "one row per platform"
-- nulls = "sightings without a time are counted; a platform without PPID cannot be told from others and is counted"
-- clocks = "the verifiers': of two certificates of one platform they say which was used later. Nothing else does, and no limit of time is set: the sightings on both sides show the margin"
-- false_positives = ["a certificate cache (PCCS) that still serves the older one", "a host that asks for certificates by a raw TCB of its own"]
-- blind_spots = ["a platform that always showed the older certificate", "a downgrade together with older microcode: see tcb-rollback"]
-- attack = ["selection of an older certificate"]
-- spec = ["Intel PCS, PCK certificate selection", "detector D27"]
-- created = 2026-11-23
-- updated = 2026-11-29
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [details]
-- higher = "TCB components and PCE SVN of the higher certificate"
-- lower = "those of the lower ones"
-- higher_since = "when the higher certificate was first seen"
-- statuses = "TCB statuses at receipt with the lower certificate, and"
-- statuses_before = "with the higher one: a better one now would be the motive"
-- replayed = "every one of the sightings repeats evidence seen before: see replayed-quote"
-- sightings = "number of sightings with the lower certificate"
-- [sides]
-- fact = "PCK certificate's TCB"
-- earlier = "higher"
-- later = "lower"
-- [[not_evaluable]]
-- reason = "quote of a platform without PPID"
-- count = """
-- SELECT count(*) AS unjudged FROM quote WHERE trusted AND ppid IS NULL"""
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
-- The states that each platform showed, and when: few, whatever the fleet's age.
WITH state AS (
    SELECT
        q.ppid, q.pck_id, q.tcb_components, q.pce_svn, q.qe_cpu_svn,
        q.tcb_components || ' ' || CAST(q.pce_svn AS VARCHAR) AS tcb,
        min(o.received_at) AS first_at, max(o.received_at) AS last_at
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    WHERE q.trusted
        AND q.ppid IS NOT NULL AND q.pck_id IS NOT NULL AND q.tcb_components IS NOT NULL
        AND q.pce_svn IS NOT NULL AND q.qe_cpu_svn IS NOT NULL
        AND o.received_at IS NOT NULL
    GROUP BY q.ppid, q.pck_id, q.tcb_components, q.pce_svn, q.qe_cpu_svn
),
byte AS (
    SELECT 1 AS place UNION ALL SELECT 3 UNION ALL SELECT 5 UNION ALL SELECT 7
    UNION ALL SELECT 9 UNION ALL SELECT 11 UNION ALL SELECT 13 UNION ALL SELECT 15
    UNION ALL SELECT 17 UNION ALL SELECT 19 UNION ALL SELECT 21 UNION ALL SELECT 23
    UNION ALL SELECT 25 UNION ALL SELECT 27 UNION ALL SELECT 29 UNION ALL SELECT 31
),
-- Lower somewhere and higher nowhere. Raw CPUSVNs are compared whole: the first byte that differs
-- decides; two lower-case hex digits compare as the byte does.
downgrade AS (
    SELECT
        low.ppid, low.pck_id, low.tcb, low.qe_cpu_svn, high.pck_id AS high_pck_id,
        high.tcb AS high_tcb, high.qe_cpu_svn AS high_qe_cpu_svn, high.first_at AS higher_since
    FROM state AS low
    JOIN state AS high
        ON high.ppid = low.ppid
        AND high.pck_id <> low.pck_id
        AND low.qe_cpu_svn >= high.qe_cpu_svn
        AND low.pce_svn <= high.pce_svn
        AND high.first_at < low.last_at
    CROSS JOIN byte AS b
    GROUP BY
        low.ppid, low.pck_id, low.tcb, low.qe_cpu_svn, high.pck_id, high.tcb, high.qe_cpu_svn,
        high.first_at, low.pce_svn, high.pce_svn
    HAVING bool_and(
            substr(low.tcb_components, b.place, 2) <= substr(high.tcb_components, b.place, 2)
        )
        AND (
            low.pce_svn < high.pce_svn
            OR bool_or(
                substr(low.tcb_components, b.place, 2) < substr(high.tcb_components, b.place, 2)
            )
        )
),
reading AS (
    SELECT
        q.ppid, q.pck_id, q.qe_cpu_svn,
        q.tcb_components || ' ' || CAST(q.pce_svn AS VARCHAR) AS tcb,
        o.observation_id, o.observation_no, o.received_at, v.status,
        a.observation_no IS NOT NULL AS replayed
    FROM (SELECT DISTINCT ppid FROM downgrade) AS d
    JOIN quote AS q
        ON q.ppid = d.ppid AND q.trusted
        AND q.pck_id IS NOT NULL AND q.tcb_components IS NOT NULL
        AND q.pce_svn IS NOT NULL AND q.qe_cpu_svn IS NOT NULL
    JOIN observation AS o ON o.quote_no = q.quote_no AND o.received_at IS NOT NULL
    LEFT JOIN verdict AS v ON v.observation_no = o.observation_no AND v.moment = 'receipt'
    LEFT JOIN reshown AS a ON a.observation_no = o.observation_no AND a.trusted_showing > 1
),
offence AS (
    SELECT DISTINCT
        r.ppid, r.tcb, r.observation_id, r.observation_no, r.received_at, r.status, r.replayed
    FROM downgrade AS d
    JOIN reading AS r
        ON r.ppid = d.ppid AND r.pck_id = d.pck_id AND r.qe_cpu_svn = d.qe_cpu_svn
        AND r.received_at > d.higher_since
),
cause AS (
    SELECT
        d.ppid,
        list_sort(list(DISTINCT d.high_tcb)) AS higher,
        min(d.higher_since) AS higher_since,
        list_sort(list(DISTINCT r.status) FILTER (WHERE r.status IS NOT NULL)) AS statuses_before
    FROM downgrade AS d
    JOIN reading AS r
        ON r.ppid = d.ppid AND r.pck_id = d.high_pck_id AND r.qe_cpu_svn = d.high_qe_cpu_svn
    GROUP BY d.ppid
),
tally AS (
    SELECT
        ppid,
        min(received_at) AS first_seen,
        max(received_at) AS last_seen,
        count(*) AS sightings,
        bool_and(replayed) AS replayed,
        list_sort(list(DISTINCT tcb)) AS lower_tcbs,
        list_sort(list(DISTINCT status) FILTER (WHERE status IS NOT NULL)) AS statuses,
        string_agg(observation_id, ' ' ORDER BY received_at, observation_no) AS observations
    FROM offence
    GROUP BY ppid
),
-- The sighting that first showed the higher certificate stands first in the list.
witness AS (
    SELECT d.ppid, min_by(r.observation_id, r.observation_no) AS observation_id
    FROM downgrade AS d
    JOIN cause AS c ON c.ppid = d.ppid AND c.higher_since = d.higher_since
    JOIN reading AS r
        ON r.ppid = d.ppid AND r.pck_id = d.high_pck_id AND r.received_at = d.higher_since
    GROUP BY d.ppid
)
SELECT
    'platform' AS subject_type,
    t.ppid AS subject_id,
    t.first_seen,
    t.last_seen,
    string_split(w.observation_id || ' ' || t.observations, ' ') AS observation_ids,
    'medium' AS severity,
    'The platform went back to an older PCK certificate on the same microcode or newer ('
    || CAST(t.sightings AS VARCHAR) || ' sighting(s)'
    || CASE WHEN t.replayed THEN ', all of it repeated evidence)' ELSE ')' END AS summary,
    CAST(to_json({
        'higher': c.higher,
        'lower': t.lower_tcbs,
        'higher_since': c.higher_since,
        'statuses': t.statuses,
        'statuses_before': c.statuses_before,
        'replayed': t.replayed,
        'sightings': t.sightings
    }) AS VARCHAR) AS details
FROM tally AS t
JOIN cause AS c ON c.ppid = t.ppid
JOIN witness AS w ON w.ppid = t.ppid
ORDER BY subject_type, subject_id
