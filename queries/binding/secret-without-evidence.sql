-- ---
-- id = "secret-without-evidence"
-- title = "A secret that no good evidence earned"
-- version = 11
-- fingerprint_version = 1
-- status = "stable"
-- severity = "critical"
-- sig = false
-- question = "Which secrets were released without fresh evidence, in the same session and for the same enclave, that was accepted and holds?"
-- why = "Evidence exists to decide who gets secrets. A release without it is the breach itself, whatever the verifier's log says of other sessions."
-- inputs = ["extent", "loose_end", "observation", "policy", "release", "traffic", "verdict"]
-- requires = ["release", "observation"]
-- waits_for = ["observation"]
-- scope = ["session_id"]
-- apart = ["extent", "loose_end", "traffic"]
-- again = """
-- SELECT session_id, CAST(NULL AS BIGINT) AS observation_no FROM unearned
-- UNION ALL
-- SELECT NULL, o.observation_no
-- FROM observation AS o
-- JOIN (SELECT DISTINCT enclave_id FROM release WHERE session_id IS NULL) AS r
--     ON r.enclave_id = o.enclave_id"""
-- discriminator = ["kind", "secret_id"]
-- grain = "one row per session, else enclave, and kind and secret"
-- nulls = "a release without a session is held against the enclave's evidence; without session and enclave, or without a time, it is counted; a verdict that is undetermined, or a verifier that said nothing of a quote that holds, contradicts nothing"
-- false_positives = ["a token that lives longer than evidence_lifetime and is used again by design: stale, and only high", "a hole in the verifier's log: an hour in which no session of several had any evidence is counted, not reported", "a broker that names sessions otherwise than the verifier"]
-- blind_spots = ["before the first evidence of the case, and log_reach after the last", "an attacker who releases in several sessions within an hour in which there is no evidence at all: counted, not reported", "releases that the broker does not log"]
-- attack = ["attestation bypass", "stolen session or token"]
-- spec = ["RFC 9334, section 8.4 (attestation results)", "detector D43"]
-- created = 2026-11-23
-- updated = 2026-12-01
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [totals.clocks]
-- releases = "sum"
-- longest = "max"
-- [params.evidence_lifetime]
-- type = "INTERVAL"
-- default = "1h"
-- meaning = "evidence earns secrets for this long, where the manifest's max_quote_age does not say"
-- [params.clock_tolerance]
-- type = "INTERVAL"
-- default = "5s"
-- meaning = "evidence that came after the release by no more than this may only seem to, by the clocks of broker and verifier"
-- [params.log_reach]
-- type = "INTERVAL"
-- default = "1h"
-- meaning = "a release without evidence this long after the last evidence of the case, or longer, lies outside the verifiers' logs"
-- [params.gap_size]
-- type = "BIGINT"
-- default = "3"
-- meaning = "an hour in which at least this many sessions got secrets, and none of them has any evidence, is a hole in the verifier's log"
-- [params.skew_sample]
-- type = "BIGINT"
-- default = "10"
-- meaning = "with fewer releases that have evidence the skew of the clocks of broker and verifiers is unknown"
-- [details]
-- kind = "no_evidence; late: it came after the release; refused: by the verifier; fails_verification: accepted, but it does not hold; other_enclave: evidence of another one; stale: too old"
-- secret_id = "which secret"
-- enclave_id = "to whom, as the broker logged it"
-- age_seconds = "of the newest evidence at the release, by the clocks of verifier and broker: only clocks that are that far apart could explain it; negative: it came later; null: none"
-- margin_ms = "by how much a limit was missed: how long before its first evidence it was released (late), or after the end of the lifetime (stale); null for other kinds"
-- skew_ms = "how far the broker's clock is behind the verifiers' at least: no release comes later after its evidence than so much before it; 0: some do; null: too few releases to know, or no evidence that came late"
-- skew_explains = "that skew would explain all of them; null: skew unknown"
-- evidence = "pieces of evidence in the session"
-- releases = "number of releases"
-- [sides]
-- fact = "release"
-- "the secret released" = "secret_id"
-- "its evidence" = "kind"
-- [[not_evaluable]]
-- reason = "release without session and enclave, or without a time"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM release
-- WHERE timestamp IS NULL OR coalesce(session_id, enclave_id) IS NULL"""
-- [[not_evaluable]]
-- reason = "session without evidence outside the time that the verifiers' logs cover, or in a hole of them"
-- anew = true
-- count = """
-- SELECT count(DISTINCT b.subject_id) AS unjudged
-- FROM bare AS b
-- CROSS JOIN log AS l
-- LEFT JOIN hole AS h ON h.hour_no = b.hour_no
-- WHERE l.first_at IS NULL
--     OR b.happened_at < l.first_at
--     OR b.happened_at >= l.last_at + $log_reach
--     OR h.hour_no IS NOT NULL"""
-- ---
WITH log AS (
    SELECT first_at, last_at FROM extent WHERE kind = 'observation'
),
-- What was released without any evidence; in an hour of nothing else, and to several, the log has a
-- hole.
bare AS (
    SELECT key_id, subject_id, happened_at, floor(epoch(happened_at) / 3600) AS hour_no
    FROM loose_end
    WHERE kind = 'release'
),
hole AS (
    SELECT b.hour_no
    FROM bare AS b
    JOIN traffic AS t ON t.hour_no = b.hour_no
    GROUP BY b.hour_no, t.releases
    HAVING count(*) = t.releases AND count(DISTINCT b.subject_id) >= $gap_size
),
unearned AS (
    SELECT DISTINCT b.key_id AS session_id, b.subject_id, b.happened_at
    FROM bare AS b
    CROSS JOIN log AS l
    LEFT JOIN hole AS h ON h.hour_no = b.hour_no
    WHERE b.happened_at >= l.first_at
        AND b.happened_at < l.last_at + $log_reach
        AND h.hour_no IS NULL
),
-- A release event collected twice is one release. It rests on the evidence of its session, else of
-- its enclave.
given AS (
    SELECT
        timestamp AS released_at, session_id, enclave_id, secret_id,
        CASE WHEN session_id IS NULL THEN 'enclave' ELSE 'session' END AS subject_type,
        coalesce(session_id, enclave_id) AS subject_id,
        row_number() OVER (ORDER BY timestamp, session_id, enclave_id, secret_id) AS release_no
    FROM (
        SELECT DISTINCT timestamp, session_id, enclave_id, secret_id FROM release
    ) AS once
    WHERE timestamp IS NOT NULL AND coalesce(session_id, enclave_id) IS NOT NULL
),
subject AS (
    SELECT
        subject_type, subject_id,
        count(*) AS releases,
        min(released_at) AS first_at, max(released_at) AS last_at,
        min(enclave_id) AS one_enclave, max(enclave_id) AS other_enclave
    FROM given
    GROUP BY subject_type, subject_id
),
linked AS (
    SELECT s.subject_type, s.subject_id, o.observation_no
    FROM subject AS s
    JOIN observation AS o ON o.session_id = s.subject_id
    WHERE s.subject_type = 'session'
    UNION ALL
    SELECT s.subject_type, s.subject_id, o.observation_no
    FROM subject AS s
    JOIN observation AS o ON o.enclave_id = s.subject_id
    WHERE s.subject_type = 'enclave'
),
-- What of it has a time.
dated AS (
    SELECT
        k.subject_type, k.subject_id, o.observation_no, o.enclave_id, o.received_at, o.claimed_ok
    FROM linked AS k
    JOIN observation AS o ON o.observation_no = k.observation_no
    WHERE o.received_at IS NOT NULL
        AND (o.event_type = 'enclave_attestation' OR o.quote_id IS NOT NULL)
),
evidence AS (
    SELECT
        d.subject_type, d.subject_id, d.observation_no, d.enclave_id, d.received_at,
        CASE
            WHEN coalesce(d.claimed_ok, v.outcome <> 'rejected', FALSE) THEN
                CASE WHEN v.outcome = 'rejected' THEN 'fails_verification' ELSE 'good' END
            WHEN d.claimed_ok IS NULL AND v.outcome = 'rejected' THEN 'fails_verification'
            WHEN d.claimed_ok IS NULL AND v.outcome IS NULL THEN 'silent'
            ELSE 'refused'
        END AS worth
    FROM dated AS d
    LEFT JOIN verdict AS v ON v.observation_no = d.observation_no AND v.moment = 'receipt'
),
-- By one pair of clocks no release comes before its evidence: what all of them show is skew.
clocks AS (
    SELECT
        coalesce(CAST(sum(s.releases) AS BIGINT), 0) AS releases,
        max(floor(1000000 * (epoch(s.last_at) - epoch(d.oldest_at)) + 0.5)) AS longest
    FROM subject AS s
    JOIN (
        SELECT subject_type, subject_id, min(received_at) AS oldest_at
        FROM dated
        GROUP BY subject_type, subject_id
    ) AS d ON d.subject_type = s.subject_type AND d.subject_id = s.subject_id
),
said AS (
    SELECT min(max_quote_age_ms) AS age_ms FROM policy
),
-- In days and the rest: an interval of so many milliseconds would not fit.
lifetime AS (
    SELECT
        CAST(least(floor(age_ms / 86400000), 36500) AS BIGINT) * INTERVAL '1' DAY
        + age_ms % 86400000 * INTERVAL '1' MILLISECOND AS said
    FROM said
),
shown AS (
    SELECT
        subject_type, subject_id,
        min(received_at) AS oldest_at,
        max(received_at) AS newest_at,
        count(*) AS evidence,
        min(CASE WHEN worth = 'good' THEN received_at END) AS good_at,
        min(enclave_id) AS one_enclave, max(enclave_id) AS other_enclave
    FROM evidence
    GROUP BY subject_type, subject_id
),
-- Mostly the first good evidence earned everything, and nobody else is named: the others are
-- looked at.
doubtful AS (
    SELECT s.subject_type, s.subject_id
    FROM subject AS s
    JOIN shown AS e ON e.subject_type = s.subject_type AND e.subject_id = s.subject_id
    CROSS JOIN lifetime AS l
    WHERE NOT coalesce(
        e.good_at <= s.first_at + $clock_tolerance
        AND e.good_at + coalesce(l.said, $evidence_lifetime) >= s.last_at
        AND coalesce(
            e.one_enclave = e.other_enclave
            AND s.one_enclave = s.other_enclave
            AND e.one_enclave = s.one_enclave,
            TRUE
        ),
        FALSE
    )
),
weighed AS (
    SELECT e.subject_type, e.subject_id, e.enclave_id, e.received_at, e.worth
    FROM evidence AS e
    JOIN doubtful AS d ON d.subject_type = e.subject_type AND d.subject_id = e.subject_id
),
-- Evidence and releases in one order of time: of each enclave, of no named one, and of any.
course AS (
    SELECT
        subject_type, subject_id, 'any' AS lane, '' AS lane_id, received_at AS moment, worth,
        0 AS is_release, CAST(NULL AS BIGINT) AS release_no
    FROM weighed
    UNION ALL
    SELECT
        subject_type, subject_id, CASE WHEN enclave_id IS NULL THEN 'unnamed' ELSE 'named' END,
        coalesce(enclave_id, ''), received_at, worth, 0, NULL
    FROM weighed
    UNION ALL
    SELECT
        g.subject_type, g.subject_id, l.lane,
        CASE l.lane WHEN 'named' THEN g.enclave_id ELSE '' END,
        g.released_at + $clock_tolerance, NULL, 1, g.release_no
    FROM given AS g
    JOIN doubtful AS d ON d.subject_type = g.subject_type AND d.subject_id = g.subject_id
    CROSS JOIN (
        SELECT 'any' AS lane UNION ALL SELECT 'unnamed' UNION ALL SELECT 'named'
    ) AS l
    WHERE l.lane = 'any' OR g.enclave_id IS NOT NULL
),
-- What there was in each lane when it was released.
before AS (
    SELECT
        release_no, lane, is_release,
        count(worth) OVER so_far AS evidence,
        max(CASE WHEN worth = 'good' THEN moment END) OVER so_far AS good_at,
        max(CASE WHEN worth = 'fails_verification' THEN 1 END) OVER so_far AS fails,
        max(CASE WHEN worth IN ('refused', 'silent') THEN 1 END) OVER so_far AS refused
    FROM course
    WINDOW so_far AS (
        PARTITION BY subject_type, subject_id, lane, lane_id
        ORDER BY moment, is_release ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )
),
-- That of its own enclave, or of one that either side does not name, may earn the release.
earned AS (
    SELECT
        b.release_no,
        max(CASE WHEN b.lane = 'any' THEN b.evidence END) AS all_evidence,
        max(CASE WHEN b.lane <> 'any' OR g.enclave_id IS NULL THEN b.good_at END) AS good_at,
        max(CASE WHEN b.lane <> 'any' OR g.enclave_id IS NULL THEN b.fails END) AS fails,
        max(CASE WHEN b.lane <> 'any' OR g.enclave_id IS NULL THEN b.refused END) AS refused
    FROM before AS b
    JOIN given AS g ON g.release_no = b.release_no
    WHERE b.is_release = 1
    GROUP BY b.release_no
),
-- How near the evidence comes to earning the release: the nearest decides.
best AS (
    SELECT
        g.release_no, s.oldest_at, s.newest_at, s.evidence,
        CASE
            WHEN e.release_no IS NULL THEN 1
            WHEN g.released_at <= e.good_at + coalesce(l.said, $evidence_lifetime) THEN 1
            WHEN e.good_at IS NOT NULL THEN 2
            WHEN e.fails = 1 THEN 3
            WHEN e.refused = 1 THEN 4
            WHEN e.all_evidence > 0 THEN 5
            ELSE 6
        END AS step
    FROM given AS g
    JOIN shown AS s ON s.subject_type = g.subject_type AND s.subject_id = g.subject_id
    LEFT JOIN earned AS e ON e.release_no = g.release_no
    CROSS JOIN lifetime AS l
),
judged AS (
    SELECT
        g.subject_type, g.subject_id, g.released_at, g.enclave_id, g.secret_id,
        coalesce(b.step, 7) AS step, b.oldest_at, b.newest_at, coalesce(b.evidence, 0) AS evidence
    FROM given AS g
    LEFT JOIN best AS b ON b.release_no = g.release_no
),
offence AS (
    SELECT
        j.subject_type, j.subject_id,
        CASE j.step
            WHEN 2 THEN 'stale'
            WHEN 3 THEN 'fails_verification'
            WHEN 4 THEN 'refused'
            WHEN 5 THEN 'other_enclave'
            WHEN 6 THEN 'late'
            ELSE 'no_evidence'
        END AS kind,
        j.released_at, j.enclave_id, j.secret_id, j.newest_at, j.evidence,
        CASE j.step
            WHEN 2 THEN epoch(j.released_at)
                - epoch(j.newest_at + coalesce(t.said, $evidence_lifetime))
            -- In whole microseconds: what is as long would differ by the rounding of its ends.
            WHEN 6 THEN floor(1000000 * (epoch(j.oldest_at) - epoch(j.released_at)) + 0.5) / 1000000
        END AS margin,
        CASE
            WHEN c.releases < $skew_sample THEN NULL
            WHEN j.step = 6 THEN greatest(0 - c.longest, 0) / 1000000
        END AS skew
    FROM judged AS j
    CROSS JOIN lifetime AS t
    CROSS JOIN clocks AS c
    LEFT JOIN unearned AS u
        ON u.subject_id = j.subject_id AND u.happened_at = j.released_at
        AND CASE WHEN u.session_id IS NULL THEN 'enclave' ELSE 'session' END = j.subject_type
    WHERE j.step > 1 AND (j.step < 7 OR u.subject_id IS NOT NULL)
),
seen AS (
    SELECT
        e.subject_type, e.subject_id,
        string_agg(o.observation_id, ' ' ORDER BY e.received_at, e.observation_no) AS observations
    FROM evidence AS e
    JOIN observation AS o ON o.observation_no = e.observation_no
    JOIN (SELECT DISTINCT subject_type, subject_id FROM offence) AS f
        ON f.subject_type = e.subject_type AND f.subject_id = e.subject_id
    GROUP BY e.subject_type, e.subject_id
),
told AS (
    SELECT
        f.subject_type, f.subject_id, f.kind, f.released_at, f.enclave_id, f.secret_id,
        f.newest_at, f.evidence, f.margin, f.skew, s.observations
    FROM offence AS f
    LEFT JOIN seen AS s ON s.subject_type = f.subject_type AND s.subject_id = f.subject_id
)
SELECT
    subject_type,
    subject_id,
    min(released_at) AS first_seen,
    max(released_at) AS last_seen,
    coalesce(string_split(min(observations), ' '), CAST([] AS VARCHAR[])) AS observation_ids,
    CASE kind WHEN 'stale' THEN 'high' ELSE 'critical' END AS severity,
    'Secret ' || coalesce(secret_id, '(unnamed)') || ' was released '
    || CASE kind
        WHEN 'no_evidence' THEN 'without any evidence'
        WHEN 'late' THEN 'before there was any evidence'
        WHEN 'refused' THEN 'although the verifier had accepted nothing'
        WHEN 'fails_verification' THEN 'for evidence that does not hold'
        WHEN 'other_enclave' THEN 'on the evidence of another enclave'
        ELSE 'on evidence that was '
            || CAST(CAST(max(epoch(released_at) - epoch(newest_at)) AS BIGINT) AS VARCHAR)
            || ' s old'
    END
    || coalesce(' to ' || min(enclave_id), '')
    || CASE
        WHEN bool_and(coalesce(margin <= skew, FALSE)) THEN ', by clocks that are that far apart'
        ELSE ''
    END AS summary,
    CAST(to_json({
        'kind': kind,
        'secret_id': secret_id,
        'enclave_id': min(enclave_id),
        'age_seconds': CAST(max(epoch(released_at) - epoch(newest_at)) AS BIGINT),
        'margin_ms': CAST(max(margin) * 1000 AS BIGINT),
        'skew_ms': CAST(max(skew) * 1000 AS BIGINT),
        'skew_explains': bool_and(margin <= skew),
        'evidence': max(evidence),
        'releases': count(*)
    }) AS VARCHAR) AS details
FROM told
GROUP BY subject_type, subject_id, kind, secret_id
ORDER BY subject_type, subject_id, details
