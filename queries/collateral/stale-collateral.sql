-- ---
-- id = "stale-collateral"
-- title = "Judged with old collateral while newer was out"
-- version = 5
-- fingerprint_version = 1
-- status = "stable"
-- severity = "medium"
-- sig = false
-- question = "Which verifier said OK with collateral that it had fetched longer ago than the policy allows, although newer had been issued?"
-- why = "Collateral is valid for a month. For as long, a verifier that does not ask again misses a TCB recovery and every revocation."
-- inputs = ["collateral", "observation", "policy", "quote"]
-- requires = ["observation"]
-- scope = ["observation_id"]
-- dated = ["collateral"]
-- again = """
-- SELECT o.observation_no
-- FROM observation AS o
-- CROSS JOIN (
--     SELECT min(issued_at) AS first_at
--     FROM fresh_collateral
--     WHERE kind = 'tcb_info' AND authentic
-- ) AS i
-- WHERE o.received_at >= i.first_at"""
-- discriminator = ["series"]
-- grain = "one row per verifier, else instance, and platform family"
-- nulls = "an OK without the time of the fetch is counted; documents without an evaluation number cannot outdate another one"
-- clocks = "one, the verifier's own: it stamped both fetch and receipt, so no skew is in margin_ms; the issue dates are the issuer's, and only say whether there was newer"
-- false_positives = ["an outage of the collateral service: all verifiers at once", "a site without network that carries collateral in on a schedule: give it a policy"]
-- blind_spots = ["a fetch from a cache that is itself old", "a verifier that logs a fetch that it never made"]
-- attack = ["frozen collateral"]
-- spec = ["RFC 9334, section 10 (freshness)", "detector D29"]
-- created = 2026-11-23
-- updated = 2026-11-30
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [params.max_age]
-- type = "INTERVAL"
-- default = "7d"
-- meaning = "oldest acceptable fetch, where the manifest's max_collateral_age does not say"
-- [details]
-- series = "TEE and FMSPC"
-- age_seconds = "how old the fetch was, at most, by the verifier's own clock"
-- limit_seconds = "how old it may be"
-- margin_ms = "by how much it was older, at most"
-- missed_issues = "TCB infos of the family issued between fetch and evidence, at most"
-- fetched_evaluation = "highest TCB evaluation number at the fetch"
-- missed_evaluation = "highest at the evidence: where it is higher, the finding is medium, else low"
-- verifiers = "verifiers that said OK"
-- sightings = "number of sightings"
-- [sides]
-- fact = "evaluation number"
-- fetched = "fetched_evaluation"
-- "issued by then" = "missed_evaluation"
-- [[not_evaluable]]
-- reason = "claimed OK, and when the collateral was fetched was not logged"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation
-- WHERE claimed_ok AND quote_id IS NOT NULL AND collateral_fetched_at IS NULL"""
-- [[not_evaluable]]
-- reason = "collateral older than allowed, and the case has none of that platform family from then or before to compare"
-- count = """
-- WITH said AS (
--     SELECT min(max_collateral_age_ms) AS age_ms FROM policy
-- ),
-- limits AS (
--     SELECT
--         CAST(least(floor(age_ms / 86400000), 36500) AS BIGINT) * INTERVAL '1' DAY
--         + age_ms % 86400000 * INTERVAL '1' MILLISECOND AS said
--     FROM said
-- ),
-- late AS (
--     SELECT o.observation_no, o.quote_no, o.received_at
--     FROM observation AS o
--     CROSS JOIN limits AS l
--     WHERE o.claimed_ok
--         AND o.received_at > o.collateral_fetched_at + coalesce(l.said, $max_age)
-- )
-- SELECT count(DISTINCT t.observation_no) AS unjudged
-- FROM late AS t
-- JOIN quote AS q ON q.quote_no = t.quote_no
-- LEFT JOIN collateral AS c
--     ON c.kind = 'tcb_info' AND c.authentic AND c.fmspc = q.fmspc AND c.id = upper(q.tee)
--     AND c.issued_at <= t.received_at
-- WHERE c.collateral_id IS NULL"""
-- ---
WITH said AS (
    SELECT min(max_collateral_age_ms) AS age_ms FROM policy
),
-- In days and the rest: an interval of so many milliseconds would not fit.
limits AS (
    SELECT
        CAST(least(floor(age_ms / 86400000), 36500) AS BIGINT) * INTERVAL '1' DAY
        + age_ms % 86400000 * INTERVAL '1' MILLISECOND AS said
    FROM said
),
late AS (
    SELECT o.observation_no, o.quote_no, l.said
    FROM observation AS o
    CROSS JOIN limits AS l
    WHERE o.claimed_ok
        AND o.received_at > o.collateral_fetched_at + coalesce(l.said, $max_age)
),
old AS (
    SELECT
        o.observation_id, o.observation_no, o.received_at, o.collateral_fetched_at,
        o.backend_verifier,
        CASE
            WHEN o.backend_verifier IS NOT NULL THEN 'verifier'
            WHEN o.enclave_id IS NOT NULL THEN 'enclave'
            ELSE 'quote'
        END AS subject_type,
        coalesce(o.backend_verifier, o.enclave_id, o.quote_id) AS subject_id,
        upper(q.tee) || ' ' || q.fmspc AS series,
        epoch(o.collateral_fetched_at + coalesce(t.said, $max_age))
        - epoch(o.collateral_fetched_at) AS limit_seconds
    FROM late AS t
    JOIN observation AS o ON o.observation_no = t.observation_no
    JOIN quote AS q ON q.quote_no = t.quote_no
),
issue AS (
    SELECT id || ' ' || fmspc AS series, issued_at, tcb_evaluation_data_number AS number
    FROM collateral
    WHERE kind = 'tcb_info' AND authentic AND issued_at IS NOT NULL
),
held AS (
    SELECT
        o.observation_no,
        CAST(sum(CASE WHEN i.issued_at > o.collateral_fetched_at THEN 1 ELSE 0 END) AS BIGINT)
            AS missed_issues,
        max(CASE WHEN i.issued_at <= o.collateral_fetched_at THEN i.number END)
            AS fetched_evaluation,
        max(i.number) AS missed_evaluation
    FROM old AS o
    JOIN issue AS i ON i.series = o.series AND i.issued_at <= o.received_at
    GROUP BY o.observation_no
),
told AS (
    SELECT
        o.subject_type, o.subject_id, o.series,
        min(o.received_at) AS first_seen,
        max(o.received_at) AS last_seen,
        string_split(string_agg(o.observation_id, ' ' ORDER BY o.received_at, o.observation_no), ' ')
            AS observation_ids,
        CAST(max(epoch(o.received_at) - epoch(o.collateral_fetched_at)) AS BIGINT) AS age_seconds,
        CAST(max(o.limit_seconds) AS BIGINT) AS limit_seconds,
        max(epoch(o.received_at) - epoch(o.collateral_fetched_at) - o.limit_seconds) AS margin,
        max(h.missed_issues) AS missed_issues,
        min(h.fetched_evaluation) AS fetched_evaluation,
        max(h.missed_evaluation) AS missed_evaluation,
        bool_or(coalesce(h.missed_evaluation > h.fetched_evaluation, FALSE)) AS outdated,
        list_sort(list(DISTINCT o.backend_verifier) FILTER (WHERE o.backend_verifier IS NOT NULL))
            AS verifiers,
        count(*) AS sightings
    FROM old AS o
    JOIN held AS h ON h.observation_no = o.observation_no
    WHERE h.missed_issues > 0
    GROUP BY o.subject_type, o.subject_id, o.series
)
SELECT
    subject_type,
    subject_id,
    first_seen,
    last_seen,
    observation_ids,
    CASE WHEN outdated THEN 'medium' ELSE 'low' END AS severity,
    'OK with collateral that was fetched up to ' || CAST(age_seconds AS VARCHAR)
    || ' s before; ' || CAST(missed_issues AS VARCHAR) || ' newer issue(s) were missed'
    || CASE
        WHEN outdated THEN ', up to TCB evaluation ' || CAST(missed_evaluation AS VARCHAR) ELSE ''
    END
    || ' (' || series || ', ' || CAST(sightings AS VARCHAR) || ' sighting(s))' AS summary,
    CAST(to_json({
        'series': series,
        'age_seconds': age_seconds,
        'limit_seconds': limit_seconds,
        'margin_ms': CAST(margin * 1000 AS BIGINT),
        'missed_issues': missed_issues,
        'fetched_evaluation': fetched_evaluation,
        'missed_evaluation': missed_evaluation,
        'verifiers': verifiers,
        'sightings': sightings
    }) AS VARCHAR) AS details
FROM told
ORDER BY subject_type, subject_id, details
