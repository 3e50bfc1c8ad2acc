-- ---
-- id = "backdated-approval"
-- title = "Code that was approved after it had been let in"
-- version = 6
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = true
-- question = "Which evidence was accepted at a time at which no approval for it was on record, although one with an earlier date came later?"
-- why = "An approval with an earlier date makes unapproved code look approved, after the fact. Whether that is paperwork or a cover-up, the evidence was let in without it."
-- inputs = ["observation", "quote", "reference_value", "verdict"]
-- requires = ["reference_value", "quote"]
-- scope = ["observation_id"]
-- discriminator = ["workload_id", "approved_at"]
-- grain = "one row per measurement, workload and late approval"
-- nulls = "evidence without a workload or a time is counted; an approval that does not say when it was made counts from when this tool first read it, less recording_lag, but those of a workload's first manifest were always there; no word from the verifier and no verdict is no acceptance"
-- false_positives = ["a manifest that is read less often than recording_lag", "an emergency release that was approved the day after, on purpose"]
-- blind_spots = ["approvals in the first manifest of a workload, where they do not say when they were made", "an approval that states a false approved_at", "whoever writes the manifest before the tool reads it"]
-- attack = ["back-dated approval", "extended approval"]
-- spec = ["RFC 9334, section 8.3 (reference values)", "detector D42"]
-- created = 2026-11-23
-- updated = 2026-11-29
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [params.recording_lag]
-- type = "INTERVAL"
-- default = "2d"
-- meaning = "an approval may be read this much later than it was made"
-- [params.clock_tolerance]
-- type = "INTERVAL"
-- default = "5m"
-- meaning = "evidence this much before the approval, or less, may be a matter of clocks"
-- [details]
-- workload_id = "the workload that it was approved for"
-- approved_at = "when the earliest approval that covers it was made, as far as is known"
-- stated = "the approval says so itself; else it is when this tool first read it, less recording_lag"
-- valid_from = "from when on that approval claims to hold"
-- valid_to = "until when; null = for ever"
-- margin_ms = "how long before the approval the first of the evidence came, by the clocks of verifier and approver: they would have to be that far apart"
-- skew_ms = "how far the verifier's clock was behind the host's, the way not taken off: quote_generated_at less received_at; null: no evidence says when it was made. Nothing ties the approver's clock to others"
-- skew_explains = "by the clocks of the hosts that made it, all of the evidence is younger than the approval; null: not known"
-- enclaves = "enclave ids that were let in"
-- sightings = "number of sightings"
-- [sides]
-- fact = "approval"
-- "claims to hold from" = "valid_from"
-- "was made at" = "approved_at"
-- [[not_evaluable]]
-- reason = "accepted quote without a workload or without a time"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE q.trusted AND coalesce(o.claimed_ok, FALSE)
--     AND (o.workload_id IS NULL OR o.received_at IS NULL)"""
-- ---
-- From when on each entry was known; NULL: always.
WITH entry AS (
    SELECT
        r.workload_id, r.mrenclave, r.mrsigner, r.isv_prodid, r.min_isv_svn, r.mrtd, r.rtmr0,
        r.rtmr1, r.rtmr2, r.rtmr3, r.measurement, r.host_data, r.valid_from, r.valid_to,
        r.approved_at IS NOT NULL AS stated,
        CASE
            WHEN r.approved_at IS NOT NULL THEN r.approved_at
            WHEN r.recorded_at > r.workload_recorded_at THEN r.recorded_at - $recording_lag
        END AS known_at
    FROM reference_value AS r
    WHERE r.workload_id IS NOT NULL
        AND (
            r.mrenclave IS NOT NULL OR r.mrsigner IS NOT NULL OR r.mrtd IS NOT NULL
            OR r.measurement IS NOT NULL
        )
),
-- Workloads whose approvals were all there from the beginning have nothing to show, nor have
-- others once the last of them was known.
dated AS (
    SELECT workload_id, max(known_at) AS known_by
    FROM entry
    WHERE known_at IS NOT NULL
    GROUP BY workload_id
),
accepted AS (
    SELECT
        o.observation_id, o.observation_no, o.received_at, o.workload_id, o.enclave_id,
        o.quote_generated_at AS made_at,
        q.mrenclave, q.mrsigner, q.isv_prodid, q.isv_svn, q.mrtd, q.rtmr0, q.rtmr1, q.rtmr2,
        q.rtmr3, q.measurement, q.host_data
    FROM observation AS o
    JOIN dated AS d ON d.workload_id = o.workload_id
    JOIN quote AS q ON q.quote_no = o.quote_no
    LEFT JOIN verdict AS v ON v.observation_no = o.observation_no AND v.moment = 'receipt'
    WHERE q.trusted
        AND o.received_at + $clock_tolerance < d.known_by
        AND coalesce(o.claimed_ok, v.outcome = 'accepted', FALSE)
),
covering AS (
    SELECT
        a.observation_no, e.known_at, e.stated, e.valid_from, e.valid_to,
        row_number() OVER (
            PARTITION BY a.observation_no
            ORDER BY
                CASE WHEN e.known_at IS NULL THEN 0 ELSE 1 END, e.known_at, e.valid_from,
                e.valid_to
        ) AS place
    FROM accepted AS a
    JOIN entry AS e
        ON e.workload_id = a.workload_id
        AND coalesce(e.mrenclave = a.mrenclave, e.mrenclave IS NULL)
        AND coalesce(e.mrsigner = a.mrsigner, e.mrsigner IS NULL)
        AND coalesce(e.isv_prodid = a.isv_prodid, e.isv_prodid IS NULL)
        AND coalesce(a.isv_svn >= e.min_isv_svn, e.min_isv_svn IS NULL)
        AND coalesce(e.mrtd = a.mrtd, e.mrtd IS NULL)
        AND coalesce(e.rtmr0 = a.rtmr0, e.rtmr0 IS NULL)
        AND coalesce(e.rtmr1 = a.rtmr1, e.rtmr1 IS NULL)
        AND coalesce(e.rtmr2 = a.rtmr2, e.rtmr2 IS NULL)
        AND coalesce(e.rtmr3 = a.rtmr3, e.rtmr3 IS NULL)
        AND coalesce(e.measurement = a.measurement, e.measurement IS NULL)
        AND coalesce(e.host_data = a.host_data, e.host_data IS NULL)
        AND coalesce(a.received_at >= e.valid_from, TRUE)
        AND coalesce(a.received_at < e.valid_to, TRUE)
),
-- The approval that was known first decides: any that was there in time clears the evidence.
offence AS (
    SELECT
        CASE
            WHEN coalesce(a.mrenclave, a.mrtd, a.measurement) IS NULL THEN 'signer'
            ELSE 'measurement'
        END AS subject_type,
        coalesce(a.mrenclave, a.mrtd, a.measurement, a.mrsigner) AS subject_id,
        a.workload_id, a.observation_id, a.observation_no, a.received_at, a.enclave_id,
        c.known_at, c.stated, c.valid_from, c.valid_to,
        epoch(c.known_at) - epoch(a.received_at) AS margin,
        epoch(a.made_at) - epoch(a.received_at) AS skew
    FROM accepted AS a
    JOIN covering AS c ON c.observation_no = a.observation_no AND c.place = 1
    WHERE a.received_at + $clock_tolerance < c.known_at
)
SELECT
    subject_type,
    subject_id,
    min(received_at) AS first_seen,
    max(received_at) AS last_seen,
    string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
        AS observation_ids,
    'high' AS severity,
    'Accepted for workload ' || workload_id || ' '
    || CAST(CAST(max(margin) AS BIGINT) AS VARCHAR)
    || ' s before it was approved'
    || CASE WHEN bool_and(stated) THEN '' ELSE ', as far as is known' END
    || ' (' || CAST(count(*) AS VARCHAR) || ' sighting(s))'
    || CASE
        WHEN bool_and(coalesce(margin <= skew, FALSE)) THEN ', by the hosts'' own clocks after it'
        ELSE ''
    END AS summary,
    CAST(to_json({
        'workload_id': workload_id,
        'approved_at': known_at,
        'stated': bool_and(stated),
        'valid_from': min(valid_from),
        'valid_to': max(valid_to),
        'margin_ms': CAST(max(margin) * 1000 AS BIGINT),
        'skew_ms': CAST(max(skew) * 1000 AS BIGINT),
        'skew_explains': CASE
            WHEN count(skew) > 0 THEN bool_and(coalesce(margin <= skew, FALSE))
        END,
        'enclaves': list_sort(list(DISTINCT enclave_id) FILTER (WHERE enclave_id IS NOT NULL)),
        'sightings': count(*)
    }) AS VARCHAR) AS details
FROM offence
GROUP BY subject_type, subject_id, workload_id, known_at
ORDER BY subject_type, subject_id, details
