-- ---
-- id = "log-gap"
-- title = "A hole in a verifier's log"
-- version = 8
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = false
-- question = "Where are events missing: numbers in a writer's own count, or the answers of one instance to challenges while others were answered?"
-- why = "Who wants to hide an attack deletes its lines. An outage loses everybody's; a hole that has one instance's shape was cut."
-- inputs = ["extent", "loose_end", "nonce", "observation", "stretch"]
-- scope = ["nonce"]
-- apart = ["extent", "loose_end", "stretch"]
-- again = "SELECT nonce FROM asked UNION ALL SELECT nonce FROM within"
-- discriminator = ["kind", "since"]
-- grain = "one row per writer that counts; one row per instance and run of unanswered challenges"
-- nulls = "challenges for nobody in particular, and events without a count or with one below zero, say nothing of holes; an event of any type that names a challenge is one, since it was logged; challenges of which the log could not yet have the answer are counted"
-- false_positives = ["an instance that died, or that lost its connection, after it asked for challenges", "a log that was rotated, or kept for a shorter time: the hole is then everybody's", "a writer that logs a sample: more than half of its numbers are missing"]
-- blind_spots = ["a hole at the beginning or the end of a count", "who deletes the challenges as well", "a writer that does not count and a verifier that does not log its nonces"]
-- attack = ["log suppression"]
-- spec = ["detector D50"]
-- created = 2026-11-23
-- updated = 2026-12-01
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [params.run_length]
-- type = "BIGINT"
-- default = "3"
-- meaning = "so many challenges of one instance in a row without an answer are a hole"
-- [params.answer_time]
-- type = "INTERVAL"
-- default = "5m"
-- meaning = "an answer may take so long"
-- [params.skew_sample]
-- type = "BIGINT"
-- default = "10"
-- meaning = "with fewer answers the skew of the clocks of issuers and verifiers is unknown"
-- [details]
-- kind = "sequence: numbers are missing; unanswered: challenges without any event"
-- since = "the first challenge of the run; null for a sequence"
-- missing = "numbers or challenges without an event"
-- holes = "holes in the sequence; 1 for a run"
-- known = "events of the writer; others' challenges from the first to the last of the run that were answered"
-- largest = "the largest hole"
-- margin_ms = "how long after answer_time the verifiers' log went on: received_at of its last event by their clocks, the run's last challenge by its issuer's; null for a sequence, which one writer counted"
-- skew_ms = "how far the verifiers' clocks can be ahead of the issuers': the shortest time that any answer during a run took; null: too few answers to know, or a sequence"
-- skew_explains = "that skew would leave the answers time to come; null: not known"
-- around_seconds = "from the last event before to the first after the largest hole, by the writer's clock; length of the run"
-- [sides]
-- fact = "events"
-- there = "known"
-- missing = "missing"
-- [[not_evaluable]]
-- reason = "challenge whose answer may lie after the end of the log"
-- anew = true
-- count = """
-- SELECT count(DISTINCT c.key_id) AS unjudged
-- FROM loose_end AS c
-- CROSS JOIN (SELECT last_at FROM extent WHERE kind = 'sighting') AS l
-- WHERE c.kind = 'challenge'
--     AND (l.last_at IS NULL OR c.happened_at + $answer_time > l.last_at)"""
-- ---
WITH stepped AS (
    SELECT
        backend_verifier, last_no, last_at, last_id,
        lead(first_no) OVER writer AS next_no,
        lead(first_at) OVER writer AS next_at,
        lead(first_id) OVER writer AS next_id
    FROM stretch
    WINDOW writer AS (PARTITION BY backend_verifier ORDER BY first_no)
),
hole AS (
    SELECT
        backend_verifier, last_no, last_at, last_id, next_at, next_id,
        next_no - last_no - 1 AS missing
    FROM stepped
    WHERE next_no IS NOT NULL
),
writer AS (
    SELECT backend_verifier, CAST(sum(last_no - first_no + 1) AS BIGINT) AS known
    FROM stretch
    GROUP BY backend_verifier
),
cut AS (
    SELECT
        'verifier' AS subject_type, h.backend_verifier AS subject_id, 'sequence' AS kind,
        CAST(NULL AS TIMESTAMPTZ) AS since,
        min(h.last_at) AS first_seen,
        max(h.next_at) AS last_seen,
        string_split(
            string_agg(h.last_id || ' ' || h.next_id, ' ' ORDER BY h.last_no), ' '
        ) AS observation_ids,
        CAST(sum(h.missing) AS BIGINT) AS missing,
        count(*) AS holes,
        w.known,
        max(h.missing) AS largest,
        arg_max(epoch(h.next_at) - epoch(h.last_at), h.missing) AS around,
        CASE WHEN sum(h.missing) > w.known THEN 'medium' ELSE 'high' END AS severity
    FROM hole AS h
    JOIN writer AS w ON w.backend_verifier = h.backend_verifier
    GROUP BY h.backend_verifier, w.known
),
log AS (
    SELECT last_at FROM extent WHERE kind = 'sighting'
),
loose AS (
    SELECT key_id AS nonce, subject_id AS enclave_id FROM loose_end WHERE kind = 'challenge'
),
-- All challenges of the instances that left enough of them without an answer.
asked AS (
    SELECT
        n.enclave_id, n.nonce,
        min(n.timestamp) AS issued_at,
        min(CASE WHEN u.nonce IS NULL THEN 1 ELSE 0 END) AS known
    FROM nonce AS n
    LEFT JOIN loose AS u ON u.nonce = n.nonce AND u.enclave_id = n.enclave_id
    WHERE n.nonce IS NOT NULL AND n.timestamp IS NOT NULL
        AND n.enclave_id IN (
            SELECT enclave_id FROM loose GROUP BY enclave_id HAVING count(*) >= $run_length
        )
    GROUP BY n.enclave_id, n.nonce
),
-- Of one moment the answered ones come first: no two runs of an instance begin together.
numbered AS (
    SELECT
        k.enclave_id, k.nonce, k.issued_at, k.known,
        sum(k.known) OVER (
            PARTITION BY k.enclave_id ORDER BY k.issued_at, k.known DESC, k.nonce
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS answers_before
    FROM asked AS k
    CROSS JOIN log AS l
    WHERE k.known = 1 OR k.issued_at + $answer_time <= l.last_at
),
run AS (
    SELECT
        enclave_id, answers_before,
        min(issued_at) AS since,
        max(issued_at) AS until,
        count(*) AS missing
    FROM numbered
    WHERE known = 0
    GROUP BY enclave_id, answers_before
    HAVING count(*) >= $run_length
),
-- Others' challenges during each run, were they answered? All that were, less its own: both are
-- counted along the time, up to where the run ends and to where it begins. Those before and after
-- say nothing: they were answered around an outage too.
edge AS (
    SELECT enclave_id, since, since AS moment, 1 AS step, -1 AS sign FROM run
    UNION ALL
    SELECT enclave_id, since, until AS moment, 3 AS step, 1 AS sign FROM run
),
span AS (
    SELECT min(moment) AS first_at, max(moment) AS last_at FROM edge
),
answer AS (
    SELECT n.enclave_id, n.nonce, min(n.timestamp) AS issued_at
    FROM nonce AS n
    CROSS JOIN span AS s
    LEFT JOIN loose AS u ON u.nonce = n.nonce AND u.enclave_id = n.enclave_id
    WHERE n.timestamp >= s.first_at AND n.timestamp <= s.last_at
        AND n.nonce IS NOT NULL AND n.enclave_id IS NOT NULL AND u.nonce IS NULL
    GROUP BY n.enclave_id, n.nonce
),
timeline AS (
    SELECT
        enclave_id, since, sign, nonce, moment,
        sum(CASE WHEN nonce IS NULL THEN 0 ELSE 1 END) OVER along AS answers,
        sum(CASE WHEN nonce IS NULL THEN 0 ELSE 1 END) OVER own AS own_answers,
        sum(CASE WHEN nonce IS NULL THEN 0 - sign ELSE 0 END) OVER along AS runs
    FROM (
        SELECT enclave_id, since, moment, step, sign, CAST(NULL AS VARCHAR) AS nonce FROM edge
        UNION ALL
        SELECT r.enclave_id, NULL, k.issued_at, 2, NULL, k.nonce
        FROM answer AS k
        LEFT JOIN (SELECT DISTINCT enclave_id FROM run) AS r ON r.enclave_id = k.enclave_id
    ) AS event
    WINDOW
        along AS (ORDER BY moment, step ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW),
        own AS (
            PARTITION BY enclave_id
            ORDER BY moment, step ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        )
),
tally AS (
    SELECT enclave_id, since, CAST(sum(sign * (answers - own_answers)) AS BIGINT) AS known
    FROM timeline
    WHERE nonce IS NULL
    GROUP BY enclave_id, since
),
within AS (
    SELECT nonce, moment AS issued_at FROM timeline WHERE nonce IS NOT NULL AND runs > 0
),
-- No answer takes less than no time: the shortest one bounds how far the clocks are apart.
clocks AS (
    SELECT CASE WHEN count(took) >= $skew_sample THEN min(took) END AS skew
    FROM (
        SELECT epoch(a.answered_at) - epoch(w.issued_at) AS took
        FROM within AS w
        JOIN (
            SELECT nonce, min(received_at) AS answered_at
            FROM observation
            WHERE nonce IN (SELECT nonce FROM within)
            GROUP BY nonce
        ) AS a ON a.nonce = w.nonce
    ) AS answered
),
accompanied AS (
    SELECT r.enclave_id, r.since, r.until, r.missing, t.known
    FROM run AS r
    JOIN tally AS t ON t.enclave_id = r.enclave_id AND t.since = r.since
),
told AS (
    SELECT
        subject_type, subject_id, kind, since, first_seen, last_seen, observation_ids, missing,
        holes, known, largest, around, severity, CAST(NULL AS DOUBLE) AS margin,
        CAST(NULL AS DOUBLE) AS skew
    FROM cut
    UNION ALL
    SELECT
        'enclave' AS subject_type, enclave_id AS subject_id, 'unanswered' AS kind, since,
        since AS first_seen, until AS last_seen, CAST([] AS VARCHAR[]) AS observation_ids,
        missing, 1 AS holes, known, missing AS largest, epoch(until) - epoch(since) AS around,
        CASE WHEN known > 0 THEN 'high' ELSE 'medium' END AS severity,
        epoch(l.last_at) - epoch(until + $answer_time) AS margin, c.skew
    FROM accompanied
    CROSS JOIN log AS l
    CROSS JOIN clocks AS c
)
SELECT
    subject_type,
    subject_id,
    first_seen,
    last_seen,
    observation_ids,
    severity,
    CASE kind
        WHEN 'sequence' THEN CAST(missing AS VARCHAR) || ' number(s) missing in the writer''s own '
            || 'count, in ' || CAST(holes AS VARCHAR) || ' hole(s)'
        ELSE CAST(missing AS VARCHAR) || ' challenges in a row without any event; meanwhile '
            || CAST(known AS VARCHAR) || ' of other instances were answered'
            || CASE
                WHEN margin <= skew THEN '; the clocks may be so far apart that answers can still come'
                ELSE ''
            END
    END AS summary,
    CAST(to_json({
        'kind': kind,
        'since': since,
        'missing': missing,
        'holes': holes,
        'known': known,
        'largest': largest,
        'margin_ms': CAST(margin * 1000 AS BIGINT),
        'skew_ms': CAST(skew * 1000 AS BIGINT),
        'skew_explains': margin <= skew,
        'around_seconds': CAST(around AS BIGINT)
    }) AS VARCHAR) AS details
FROM told
ORDER BY subject_type, subject_id, details
