-- ---
-- id = "constant-report-data"
-- title = "REPORT_DATA that never changes"
-- version = 4
-- fingerprint_version = 1
-- status = "stable"
-- severity = "medium"
-- sig = true
-- question = "Which services sign the same REPORT_DATA in one session after the other?"
-- why = "What is constant holds no challenge: such evidence is as good tomorrow and elsewhere as it is here and now. All zero, it does not even bind a key."
-- inputs = ["observation", "quote", "workload"]
-- requires = ["quote"]
-- scope = ["report_data"]
-- discriminator = []
-- grain = "one row per workload, else enclave"
-- nulls = "sightings without session are told apart by their nonce, without either by the signature alone; without workload and enclave they are counted"
-- false_positives = ["evidence made once at boot that proves a TLS key: then the rule of the workload has no nonce in it (low)"]
-- blind_spots = ["a constant that fewer than min_sessions sessions saw, unless it is all zero", "freshness in half of the bytes only"]
-- attack = ["replay of evidence without freshness"]
-- spec = ["RFC 9334, section 10", "detector D08"]
-- created = 2026-11-23
-- updated = 2026-12-01
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [params.min_sessions]
-- type = "BIGINT"
-- default = "3"
-- meaning = "a constant in this many sessions or more is reported; all zero in two"
-- [details]
-- values = "number of different constants"
-- all_zero = "one of them is all zero: nothing at all is bound"
-- sessions = "number of sessions that saw a constant"
-- quotes = "number of distinct quotes"
-- enclaves = "number of enclaves"
-- rule = "the REPORT_DATA rule of the workload; null when there is none"
-- by_design = "the rule has no nonce in it"
-- accepted = "number of sightings that the verifier called good"
-- sightings = "number of sightings"
-- [sides]
-- fact = "REPORT_DATA"
-- "the workload's rule" = "rule"
-- "different values in all" = "values"
-- [[not_evaluable]]
-- reason = "repeated REPORT_DATA in sightings without workload and enclave"
-- count = """
-- WITH nameless AS (
--     SELECT q.report_data
--     FROM observation AS o
--     JOIN quote AS q ON q.quote_no = o.quote_no AND q.proven
--     WHERE coalesce(o.workload_id, o.enclave_id) IS NULL
-- ),
-- repeated AS (
--     SELECT report_data
--     FROM quote
--     WHERE proven AND report_data IN (SELECT report_data FROM nameless)
--     GROUP BY report_data
--     HAVING min(signature_r) <> max(signature_r)
-- )
-- SELECT count(*) AS unjudged
-- FROM nameless AS n
-- JOIN repeated AS r ON r.report_data = n.report_data"""
-- ---
-- Different signatures over the same 64 bytes; a quote that is shown again is a replay.
WITH repeated AS (
    SELECT report_data
    FROM quote
    WHERE proven
        -- What occurs once has, as a rule, a beginning that occurs once.
        AND substr(report_data, 1, 12) IN (
            SELECT substr(report_data, 1, 12)
            FROM quote
            WHERE proven
            GROUP BY substr(report_data, 1, 12)
            HAVING count(*) > 1
        )
    GROUP BY report_data
    HAVING min(signature_r) <> max(signature_r)
),
sighting AS (
    SELECT
        CASE WHEN o.workload_id IS NOT NULL THEN 'workload' ELSE 'enclave' END AS subject_type,
        coalesce(o.workload_id, o.enclave_id) AS subject_id,
        q.report_data, q.quote_id, q.signature_r, o.observation_id, o.observation_no,
        o.received_at, o.enclave_id, o.claimed_ok,
        coalesce(o.session_id, o.nonce, q.signature_r) AS session_id
    FROM repeated AS r
    JOIN quote AS q ON q.report_data = r.report_data AND q.proven
    JOIN observation AS o ON o.quote_no = q.quote_no
    WHERE coalesce(o.workload_id, o.enclave_id) IS NOT NULL
),
constant AS (
    SELECT subject_type, subject_id, report_data
    FROM sighting
    GROUP BY subject_type, subject_id, report_data
    HAVING count(DISTINCT signature_r) > 1
        AND (
            count(DISTINCT session_id) >= $min_sessions
            OR (count(DISTINCT session_id) > 1 AND report_data = lpad('', 128, '0'))
        )
),
told AS (
    SELECT
        s.subject_type, s.subject_id,
        min(s.received_at) AS first_seen,
        max(s.received_at) AS last_seen,
        string_split(
            string_agg(s.observation_id, ' ' ORDER BY s.received_at, s.observation_no), ' '
        ) AS observation_ids,
        count(DISTINCT s.report_data) AS constants,
        bool_or(s.report_data = lpad('', 128, '0')) AS all_zero,
        count(DISTINCT s.session_id) AS sessions,
        count(DISTINCT s.quote_id) AS quotes,
        count(DISTINCT s.enclave_id) AS enclaves,
        CAST(sum(CASE WHEN s.claimed_ok THEN 1 ELSE 0 END) AS BIGINT) AS accepted,
        count(*) AS sightings
    FROM sighting AS s
    JOIN constant AS c
        ON c.subject_type = s.subject_type AND c.subject_id = s.subject_id
        AND c.report_data = s.report_data
    GROUP BY s.subject_type, s.subject_id
),
ruled AS (
    SELECT
        t.subject_type, t.subject_id, w.report_data_rule AS rule,
        -- Rules by name bind the held data; whether that holds a nonce their product decides.
        coalesce(
            strpos(w.report_data_rule, 'nonce') = 0 AND strpos(w.report_data_rule, '(') > 0, FALSE
        ) AS by_design
    FROM told AS t
    LEFT JOIN workload AS w ON t.subject_type = 'workload' AND w.workload_id = t.subject_id
)
SELECT
    t.subject_type,
    t.subject_id,
    t.first_seen,
    t.last_seen,
    t.observation_ids,
    CASE WHEN r.by_design AND NOT t.all_zero THEN 'low' ELSE 'medium' END AS severity,
    CAST(t.constants AS VARCHAR) || ' constant REPORT_DATA value(s) in '
    || CAST(t.sessions AS VARCHAR) || ' sessions'
    || CASE
        WHEN t.all_zero AND t.constants > 1 THEN ', one of them all zero'
        WHEN t.all_zero THEN ', all zero'
        ELSE ''
    END
    || CASE WHEN r.by_design THEN '; the rule binds no nonce' ELSE '' END AS summary,
    CAST(to_json({
        'values': t.constants,
        'all_zero': t.all_zero,
        'sessions': t.sessions,
        'quotes': t.quotes,
        'enclaves': t.enclaves,
        'rule': r.rule,
        'by_design': r.by_design,
        'accepted': t.accepted,
        'sightings': t.sightings
    }) AS VARCHAR) AS details
FROM told AS t
JOIN ruled AS r ON r.subject_type = t.subject_type AND r.subject_id = t.subject_id
ORDER BY subject_type, subject_id
