-- ---
-- id = "unlisted-platform"
-- title = "Evidence of a platform that is not on the list"
-- version = 5
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = true
-- question = "Which platforms attested that no manifest lists, or lists for another time?"
-- why = "A forged quote needs the keys of some genuine platform, usually a machine that the attacker can hold in his hands. A list of the platforms that one uses leaves out all others."
-- inputs = ["listed_platform", "observation", "policy", "quote"]
-- requires = ["listed_platform", "quote"]
-- scope = ["observation_id"]
-- discriminator = ["kind"]
-- grain = "one row per platform and kind"
-- nulls = "a platform without PPID and a sighting without a time are counted; no word from the verifier counts as accepted; an event without a mode has the policy's; without either the list is not enforced"
-- clocks = "the verifier's against that of whoever keeps the list, which nothing ties together; listed_since beside the sightings shows the margin"
-- false_positives = ["autoscaling ahead of the list: listed_since says when the platform appeared on it after all", "a host whose PPID changed with a repair"]
-- blind_spots = ["keys that were extracted from a listed platform", "a list that is written by whoever runs the platforms"]
-- attack = ["forged quote under keys of another platform"]
-- spec = ["Proof of Cloud, registry of platform ids", "detector D20"]
-- created = 2026-11-23
-- updated = 2026-11-29
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [details]
-- kind = "unlisted: no row has its PPID; outside_validity: listed, but not for that time"
-- enforced = "some of the sightings were accepted under STRICT"
-- accepted = "number of sightings that the verifier did not refuse"
-- listed_from = "earliest valid_from of its rows; null when unlisted or valid since ever"
-- listed_since = "when this tool first read a row of it; null when unlisted"
-- fmspc = "family of the platform"
-- new_that_day = "unlisted platforms first seen on the same day (UTC)"
-- nodes = "hosts that it was seen as"
-- sightings = "number of sightings"
-- [sides]
-- fact = "platform"
-- "the list says" = "kind"
-- "accepted, times" = "accepted"
-- [[not_evaluable]]
-- reason = "quote of a platform without PPID"
-- count = """
-- SELECT count(*) AS unjudged FROM quote WHERE trusted AND ppid IS NULL"""
-- [[not_evaluable]]
-- reason = "quote without a time: it has no place in the order"
-- count = """
-- -- Few have no time: whose quotes are trusted is asked of them alone.
-- SELECT count(CASE WHEN q.trusted THEN 1 END) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE o.received_at IS NULL"""
-- [[not_evaluable]]
-- reason = "quote proven, but under no trust anchor of the case, or not verified"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE coalesce(q.proven, TRUE) AND NOT coalesce(q.trusted, FALSE)"""
-- ---
WITH listed AS (
    SELECT ppid, min(valid_from) AS listed_from, min(recorded_at) AS listed_since
    FROM listed_platform
    WHERE ppid IS NOT NULL
    GROUP BY ppid
),
-- A platform that one entry covers from its first to its last sighting has nothing to show.
span AS (
    SELECT q.ppid, min(o.received_at) AS first_at, max(o.received_at) AS last_at
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    WHERE q.trusted AND q.ppid IS NOT NULL
    GROUP BY q.ppid
),
suspect AS (
    SELECT s.ppid
    FROM span AS s
    LEFT JOIN listed_platform AS l
        ON l.ppid = s.ppid
        AND coalesce(s.first_at >= l.valid_from, TRUE)
        AND coalesce(s.last_at < l.valid_to, TRUE)
    WHERE l.ppid IS NULL
),
-- Few platforms are suspect: their quotes first.
shown AS (
    SELECT quote_no, ppid, fmspc
    FROM quote
    WHERE trusted AND ppid IN (SELECT ppid FROM suspect)
),
sighting AS (
    SELECT
        q.ppid, q.fmspc, o.observation_id, o.observation_no, o.received_at, o.node_id,
        coalesce(o.claimed_ok, TRUE) AS accepted,
        upper(coalesce(o.claimed_policy_mode, p.mode)) = 'STRICT' AS strict,
        l.ppid IS NOT NULL AS is_listed
    FROM shown AS q
    JOIN observation AS o ON o.quote_no = q.quote_no
    LEFT JOIN policy AS p ON TRUE
    LEFT JOIN listed AS l ON l.ppid = q.ppid
    WHERE o.received_at IS NOT NULL
),
covered AS (
    SELECT DISTINCT s.observation_no
    FROM sighting AS s
    JOIN listed_platform AS l
        ON l.ppid = s.ppid
        AND coalesce(s.received_at >= l.valid_from, TRUE)
        AND coalesce(s.received_at < l.valid_to, TRUE)
),
offence AS (
    SELECT
        s.ppid, s.fmspc, s.observation_id, s.observation_no, s.received_at, s.node_id, s.accepted,
        coalesce(s.accepted AND s.strict, FALSE) AS enforced,
        CASE WHEN s.is_listed THEN 'outside_validity' ELSE 'unlisted' END AS kind
    FROM sighting AS s
    LEFT JOIN covered AS c ON c.observation_no = s.observation_no
    WHERE c.observation_no IS NULL
),
told AS (
    SELECT
        ppid, kind,
        min(received_at) AS first_seen,
        max(received_at) AS last_seen,
        bool_or(enforced) AS enforced,
        CAST(sum(CASE WHEN accepted THEN 1 ELSE 0 END) AS BIGINT) AS accepted,
        max(fmspc) AS fmspc,
        list_sort(list(DISTINCT node_id) FILTER (WHERE node_id IS NOT NULL)) AS nodes,
        count(*) AS sightings,
        string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
            AS observation_ids
    FROM offence
    GROUP BY ppid, kind
),
day AS (
    SELECT kind, floor(epoch(first_seen) / 86400) AS day_no, count(*) AS platforms
    FROM told
    GROUP BY kind, floor(epoch(first_seen) / 86400)
)
SELECT
    'platform' AS subject_type,
    t.ppid AS subject_id,
    t.first_seen,
    t.last_seen,
    t.observation_ids,
    CASE WHEN t.enforced THEN 'high' ELSE 'info' END AS severity,
    CASE t.kind
        WHEN 'unlisted' THEN 'The platform is on no list'
        ELSE 'The platform is listed, but not for that time'
    END
    || ' (' || CAST(t.sightings AS VARCHAR) || ' sighting(s), '
    || CASE WHEN t.enforced THEN 'accepted under STRICT)' ELSE 'list not enforced)' END AS summary,
    CAST(to_json({
        'kind': t.kind,
        'enforced': t.enforced,
        'accepted': t.accepted,
        'listed_from': l.listed_from,
        'listed_since': l.listed_since,
        'fmspc': t.fmspc,
        'new_that_day': d.platforms,
        'nodes': t.nodes,
        'sightings': t.sightings
    }) AS VARCHAR) AS details
FROM told AS t
JOIN day AS d ON d.kind = t.kind AND d.day_no = floor(epoch(t.first_seen) / 86400)
LEFT JOIN listed AS l ON l.ppid = t.ppid
ORDER BY subject_type, subject_id, details
