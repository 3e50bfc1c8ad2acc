-- ---
-- id = "tcb-recovery-lag"
-- title = "A platform that does not follow the TCB recovery"
-- version = 6
-- fingerprint_version = 1
-- status = "stable"
-- severity = "medium"
-- sig = true
-- question = "Which platforms still attest out of date, long after the TCB info that says so was issued?"
-- why = "Updates come to every honest host in the end. Who forges quotes with an extracted key cannot rise with a TCB recovery: he stays where the key was taken."
-- inputs = ["collateral", "observation", "quote", "verdict"]
-- requires = ["verdict"]
-- scope = ["ppid", "attestation_key_id"]
-- suspects = "SELECT subject_id AS ppid, subject_id AS attestation_key_id FROM late"
-- dated = ["collateral"]
-- discriminator = ["tee"]
-- grain = "one row per platform and TEE"
-- nulls = "a platform without PPID is told by its attestation key; out of date by a TCB info that has no date is counted, and so is evidence without a status at receipt"
-- false_positives = ["a vendor that has no update yet: every platform of the family lags, and the finding is low", "a host that is kept back on purpose"]
-- blind_spots = ["the demotion is dated by the first archived TCB info with that evaluation number: it may be older", "a forger who keeps to a platform that is never asked again"]
-- attack = ["extracted attestation key", "known vulnerability of the platform"]
-- spec = ["Intel SGX DCAP: TCB recovery", "detector D31"]
-- created = 2026-11-23
-- updated = 2026-12-01
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [params.patience]
-- type = "INTERVAL"
-- default = "30d"
-- meaning = "time that an operator has to update after the TCB info was issued"
-- [details]
-- tee = "SGX or TDX"
-- fmspc = "platform family"
-- statuses = "TCB statuses of its evidence after that time"
-- evaluation = "lowest TCB evaluation number that calls it out of date"
-- demoted_at = "when the first archived TCB info with that number was issued"
-- lag_seconds = "from then to its last evidence"
-- margin_ms = "by how much that is over patience, by the clocks of verifier and issuer"
-- skew_ms = "how far the verifier's clock was ahead of the host's at that evidence, the way included: received_at less quote_generated_at; null: not logged. Nothing ties the issuer's clock to others"
-- skew_explains = "by the host's own clock it was made within patience; null: not known"
-- family_platforms = "platforms of the family with evidence since the demotion"
-- family_lagging = "how many of them are out of date in their last evidence"
-- advisory_ids = "Intel's advisories for the level"
-- sightings = "sightings after that time"
-- [sides]
-- fact = "TCB"
-- "called out of date at" = "demoted_at"
-- "shown since" = "statuses"
-- [[not_evaluable]]
-- reason = "out of date by a TCB info without a number or a date"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM verdict AS v
-- LEFT JOIN collateral AS c ON c.collateral_id = v.tcb_info_id
-- WHERE v.moment = 'receipt'
--     AND v.outcome = 'accepted'
--     AND strpos(v.status, 'OutOfDate') > 0
--     AND (v.tcb_evaluation_data_number IS NULL OR c.issued_at IS NULL)"""
-- [[not_evaluable]]
-- reason = "no TCB status at receipt, or no time of it"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- LEFT JOIN verdict AS v ON v.observation_no = o.observation_no AND v.moment = 'receipt'
-- WHERE q.trusted AND q.fmspc IS NOT NULL
--     AND (o.received_at IS NULL OR coalesce(v.outcome, 'undetermined') = 'undetermined')"""
-- ---
WITH issue AS (
    SELECT id AS tee, fmspc, tcb_evaluation_data_number AS number, min(issued_at) AS issued_at
    FROM collateral
    WHERE kind = 'tcb_info' AND authentic AND issued_at IS NOT NULL
    GROUP BY id, fmspc, tcb_evaluation_data_number
),
-- Few levels are shown by each platform: all is told by those, and by the last sighting of each.
shown AS (
    SELECT
        CASE WHEN q.ppid IS NULL THEN 'attestation_key' ELSE 'platform' END AS subject_type,
        coalesce(q.ppid, q.attestation_key_id) AS subject_id,
        upper(q.tee) AS tee, q.fmspc, v.tcb_evaluation_data_number AS number,
        strpos(v.status, 'OutOfDate') > 0 AS lagging,
        max(o.received_at) AS last_at,
        max_by(o.observation_no, {'at': o.received_at, 'no': o.observation_no}) AS last_no
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    JOIN verdict AS v ON v.observation_no = o.observation_no AND v.moment = 'receipt'
    WHERE q.trusted
        AND o.received_at IS NOT NULL
        AND v.outcome = 'accepted'
        AND v.status IS NOT NULL
    GROUP BY
        CASE WHEN q.ppid IS NULL THEN 'attestation_key' ELSE 'platform' END,
        coalesce(q.ppid, q.attestation_key_id), upper(q.tee), q.fmspc,
        v.tcb_evaluation_data_number, strpos(v.status, 'OutOfDate') > 0
),
demoted AS (
    SELECT
        s.subject_type, s.subject_id, s.tee, s.fmspc,
        min(i.issued_at) AS demoted_at,
        arg_min(i.number, i.issued_at) AS evaluation
    FROM shown AS s
    JOIN issue AS i ON i.tee = s.tee AND i.fmspc = s.fmspc AND i.number = s.number
    WHERE s.lagging
    GROUP BY s.subject_type, s.subject_id, s.tee, s.fmspc
),
newest AS (
    SELECT subject_type, subject_id, tee, fmspc, last_at AS received_at, last_no, lagging
    FROM (
        SELECT
            subject_type, subject_id, tee, fmspc, last_at, last_no, lagging,
            row_number() OVER (
                PARTITION BY subject_type, subject_id, tee, fmspc
                ORDER BY last_at DESC, last_no DESC
            ) AS place
        FROM shown
    ) AS ordered
    WHERE place = 1
),
-- Still out of date in its newest evidence, and that came after the operator's time had run out.
late AS (
    SELECT d.subject_type, d.subject_id, d.tee, d.fmspc, d.demoted_at, d.evaluation,
        n.received_at AS newest_at,
        epoch(n.received_at) - epoch(d.demoted_at + $patience) AS margin,
        epoch(n.received_at) - epoch(o.quote_generated_at) AS skew
    FROM demoted AS d
    JOIN newest AS n
        ON n.subject_type = d.subject_type
        AND n.subject_id = d.subject_id
        AND n.tee = d.tee
        AND n.fmspc = d.fmspc
    JOIN observation AS o ON o.observation_no = n.last_no
    WHERE n.lagging AND n.received_at >= d.demoted_at + $patience
),
family AS (
    SELECT
        l.subject_type, l.subject_id, l.tee, l.fmspc,
        count(*) AS platforms,
        CAST(sum(CASE WHEN n.lagging THEN 1 ELSE 0 END) AS BIGINT) AS lagging
    FROM late AS l
    JOIN newest AS n ON n.tee = l.tee AND n.fmspc = l.fmspc AND n.received_at >= l.demoted_at
    GROUP BY l.subject_type, l.subject_id, l.tee, l.fmspc
),
suspect AS (
    SELECT DISTINCT
        q.quote_no, l.subject_type, l.subject_id, l.tee, l.fmspc, l.demoted_at, l.evaluation,
        l.newest_at, l.margin, l.skew
    FROM late AS l
    JOIN quote AS q
        ON coalesce(q.ppid, q.attestation_key_id) = l.subject_id
        AND CASE WHEN q.ppid IS NULL THEN 'attestation_key' ELSE 'platform' END = l.subject_type
        AND upper(q.tee) = l.tee
        AND q.fmspc = l.fmspc
    WHERE q.trusted
),
told AS (
    SELECT
        l.subject_type, l.subject_id, l.tee, l.fmspc, l.demoted_at, l.evaluation, l.newest_at,
        l.margin, l.skew,
        min(o.received_at) AS first_seen,
        string_split(string_agg(o.observation_id, ' ' ORDER BY o.received_at, o.observation_no), ' ')
            AS observation_ids,
        list_sort(list(DISTINCT v.status)) AS statuses,
        list_sort(list_distinct(flatten(
            list(coalesce(v.advisory_ids, CAST([] AS VARCHAR[])))
        ))) AS advisory_ids,
        count(*) AS sightings
    FROM suspect AS l
    JOIN observation AS o
        ON o.quote_no = l.quote_no AND o.received_at >= l.demoted_at + $patience
    JOIN verdict AS v ON v.observation_no = o.observation_no AND v.moment = 'receipt'
    WHERE v.outcome = 'accepted'
        AND strpos(v.status, 'OutOfDate') > 0
    GROUP BY
        l.subject_type, l.subject_id, l.tee, l.fmspc, l.demoted_at, l.evaluation, l.newest_at,
        l.margin, l.skew
)
SELECT
    t.subject_type,
    t.subject_id,
    t.first_seen,
    t.newest_at AS last_seen,
    t.observation_ids,
    CASE WHEN f.platforms > 1 AND f.lagging = f.platforms THEN 'low' ELSE 'medium' END AS severity,
    'Still ' || array_to_string(t.statuses, ', ') || ' '
    || CAST(CAST(floor((epoch(t.newest_at) - epoch(t.demoted_at)) / 86400) AS BIGINT) AS VARCHAR)
    || ' days after TCB evaluation ' || CAST(t.evaluation AS VARCHAR) || ' ('
    || CAST(f.lagging AS VARCHAR) || ' of ' || CAST(f.platforms AS VARCHAR)
    || ' platforms of the family lag)'
    || CASE WHEN t.margin < t.skew THEN ', by the host''s own clock not yet too late' ELSE '' END
        AS summary,
    CAST(to_json({
        'tee': t.tee,
        'fmspc': t.fmspc,
        'statuses': t.statuses,
        'evaluation': t.evaluation,
        'demoted_at': t.demoted_at,
        'lag_seconds': CAST(epoch(t.newest_at) - epoch(t.demoted_at) AS BIGINT),
        'margin_ms': CAST(t.margin * 1000 AS BIGINT),
        'skew_ms': CAST(t.skew * 1000 AS BIGINT),
        'skew_explains': t.margin < t.skew,
        'family_platforms': f.platforms,
        'family_lagging': f.lagging,
        'advisory_ids': t.advisory_ids,
        'sightings': t.sightings
    }) AS VARCHAR) AS details
FROM told AS t
JOIN family AS f
    ON f.subject_type = t.subject_type
    AND f.subject_id = t.subject_id
    AND f.tee = t.tee
    AND f.fmspc = t.fmspc
ORDER BY subject_type, subject_id, details
