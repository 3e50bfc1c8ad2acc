-- ---
-- id = "platform-relocation"
-- title = "A platform reappears elsewhere"
-- version = 3
-- fingerprint_version = 1
-- status = "stable"
-- severity = "medium"
-- sig = true
-- question = "Which platforms fell silent and came back under another host name or from another network?"
-- why = "Attacks on the memory bus need hands on the machine. That it was away for some time and is somewhere else now may be all that can be seen of them."
-- inputs = ["observation", "quote", "reshown"]
-- requires = ["quote"]
-- scope = ["ppid"]
-- suspects = "SELECT ppid FROM moved"
-- discriminator = ["kind", "moved_from", "moved_to"]
-- grain = "one row per platform, kind of place and move"
-- nulls = "events without a host name or a peer say nothing of that kind; sightings without a time are counted"
-- false_positives = ["a provider that renumbers or renames: many platforms move on one day (low)", "hardware that was moved or re-used on purpose"]
-- blind_spots = ["a machine that keeps its host name and reaches the verifier through the same network", "a stay elsewhere that is shorter than away_time", "addresses are compared by their /24, IPv6 and names whole: no location is known"]
-- attack = ["physical access, memory interposer"]
-- spec = ["detector D21"]
-- created = 2026-11-23
-- updated = 2026-11-29
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [params.away_time]
-- type = "INTERVAL"
-- default = "1h"
-- meaning = "a platform that moved was away for at least this long"
-- [params.max_moves]
-- type = "BIGINT"
-- default = "2"
-- meaning = "a platform with more moves of one kind has no home in the first place: its addresses change by themselves"
-- [params.renumbering]
-- type = "BIGINT"
-- default = "5"
-- meaning = "with at least this many platforms moving on one day it is the provider that moved"
-- [details]
-- kind = "node: host name as logged; network: the /24 of an IPv4 peer, else the peer"
-- moved_from = "the place where it was last before"
-- moved_to = "the place where it was seen next"
-- places_before = "places of that kind before the move"
-- places_after = "and after it: none of them had been seen before"
-- away_seconds = "seconds between the last sighting before and the first one after"
-- margin_ms = "by how much that is over away_time"
-- skew_ms = "how much of it the verifiers' clocks and the ways to them are, by the clocks of the platform in its two places, which say when the quotes were made; else 0 where one verifier stamped all; null: not known"
-- skew_explains = "by the platform's own clocks it was away for less than away_time; null: not known"
-- moved_together = "platforms that made a move of that kind on the same day (UTC)"
-- [sides]
-- fact = "place"
-- before = "moved_from"
-- after = "moved_to"
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
-- Evidence shown again elsewhere does not move its maker.
WITH place AS (
    SELECT q.ppid, 'node' AS kind, o.node_id AS place, o.received_at, o.observation_id,
        o.observation_no, o.quote_generated_at AS made_at, o.backend_verifier AS verifier
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    LEFT JOIN reshown AS a ON a.observation_no = o.observation_no AND a.trusted_showing > 1
    WHERE q.trusted AND a.observation_no IS NULL
        AND q.ppid IS NOT NULL AND o.received_at IS NOT NULL AND o.node_id IS NOT NULL
    UNION ALL
    -- 192.0.2.7 and 192.0.2.7:443 are in 192.0.2: what stands before the last of three dots.
    SELECT
        q.ppid, 'network' AS kind,
        CASE
            WHEN length(replace(o.peer, '.', '')) = length(o.peer) - 3
            THEN substr(o.peer, 1, length(o.peer) - strpos(reverse(o.peer), '.'))
            ELSE o.peer
        END AS place,
        o.received_at, o.observation_id, o.observation_no, o.quote_generated_at AS made_at,
        o.backend_verifier AS verifier
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    LEFT JOIN reshown AS a ON a.observation_no = o.observation_no AND a.trusted_showing > 1
    WHERE q.trusted AND a.observation_no IS NULL
        AND q.ppid IS NOT NULL AND o.received_at IS NOT NULL AND o.peer IS NOT NULL
),
moved AS (
    SELECT ppid, kind FROM place GROUP BY ppid, kind HAVING min(place) <> max(place)
),
fresh AS (
    SELECT
        p.ppid, p.kind, p.place, p.received_at, p.observation_id, p.observation_no, p.made_at,
        p.verifier
    FROM place AS p
    JOIN moved AS m ON m.ppid = p.ppid AND m.kind = p.kind
),
stay AS (
    SELECT
        ppid, kind, place,
        min(received_at) AS first_at, max(received_at) AS last_at,
        CASE WHEN count(made_at) = count(*) THEN min(made_at) END AS first_made,
        CASE WHEN count(made_at) = count(*) THEN max(made_at) END AS last_made,
        CASE
            WHEN count(verifier) = count(*) AND min(verifier) = max(verifier) THEN min(verifier)
        END AS verifier,
        min_by(observation_id, observation_no) AS first_observation,
        max_by(observation_id, observation_no) AS last_observation
    FROM fresh
    GROUP BY ppid, kind, place
),
-- A clean cut: everything before has ended when the next place begins.
ranked AS (
    SELECT
        ppid, kind, place, first_at,
        max(last_at) OVER earlier AS left_at
    FROM stay
    WINDOW earlier AS (
        PARTITION BY ppid, kind ORDER BY first_at, place
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )
),
cut AS (
    SELECT ppid, kind, moved_to, arrived_at, left_at
    FROM (
        SELECT
            ppid, kind, place AS moved_to, first_at AS arrived_at, left_at,
            count(*) OVER (PARTITION BY ppid, kind) AS moves
        FROM ranked
        WHERE first_at >= left_at + $away_time
    ) AS counted
    WHERE moves <= $max_moves
),
told AS (
    SELECT
        c.ppid, c.kind, c.moved_to, c.arrived_at, c.left_at,
        list_sort(list(DISTINCT s.place) FILTER (WHERE s.last_at <= c.left_at)) AS places_before,
        list_sort(list(DISTINCT s.place) FILTER (WHERE s.first_at >= c.arrived_at)) AS places_after,
        min(CASE WHEN s.last_at = c.left_at THEN s.place END) AS moved_from,
        max(CASE WHEN s.last_at = c.left_at THEN s.last_made END) AS left_made,
        min(CASE WHEN s.place = c.moved_to THEN s.first_made END) AS arrived_made,
        min(CASE WHEN s.last_at = c.left_at THEN s.verifier END) AS left_verifier,
        min(CASE WHEN s.place = c.moved_to THEN s.verifier END) AS arrived_verifier,
        min(CASE WHEN s.last_at = c.left_at THEN s.last_observation END) AS last_before,
        min(CASE WHEN s.place = c.moved_to THEN s.first_observation END) AS first_after
    FROM cut AS c
    JOIN stay AS s ON s.ppid = c.ppid AND s.kind = c.kind
    GROUP BY c.ppid, c.kind, c.moved_to, c.arrived_at, c.left_at
),
timed AS (
    SELECT
        ppid, kind, moved_to, arrived_at, left_at, places_before, places_after, moved_from,
        last_before, first_after,
        epoch(arrived_at) - epoch(left_at + $away_time) AS margin,
        coalesce(
            epoch(arrived_at) - epoch(left_at) - (epoch(arrived_made) - epoch(left_made)),
            CASE WHEN arrived_verifier = left_verifier THEN 0 END
        ) AS skew
    FROM told
),
day AS (
    SELECT kind, floor(epoch(arrived_at) / 86400) AS day_no, count(DISTINCT ppid) AS platforms
    FROM cut
    GROUP BY kind, floor(epoch(arrived_at) / 86400)
)
SELECT
    'platform' AS subject_type,
    t.ppid AS subject_id,
    t.arrived_at AS first_seen,
    t.arrived_at AS last_seen,
    string_split(t.last_before || ' ' || t.first_after, ' ') AS observation_ids,
    CASE WHEN d.platforms >= $renumbering THEN 'low' ELSE 'medium' END AS severity,
    'The platform was away for ' || CAST(
        CAST(epoch(t.arrived_at) - epoch(t.left_at) AS BIGINT) AS VARCHAR
    )
    || ' s and came back '
    || CASE t.kind WHEN 'node' THEN 'as another host' ELSE 'from another network' END
    || CASE
        WHEN d.platforms > 1 THEN '; ' || CAST(d.platforms AS VARCHAR)
            || ' platforms moved on that day' ELSE ''
    END
    || CASE WHEN t.margin < t.skew THEN '; by its own clocks it was not away' ELSE '' END
        AS summary,
    CAST(to_json({
        'kind': t.kind,
        'moved_from': t.moved_from,
        'moved_to': t.moved_to,
        'places_before': t.places_before,
        'places_after': t.places_after,
        'away_seconds': CAST(epoch(t.arrived_at) - epoch(t.left_at) AS BIGINT),
        'margin_ms': CAST(t.margin * 1000 AS BIGINT),
        'skew_ms': CAST(t.skew * 1000 AS BIGINT),
        'skew_explains': t.margin < t.skew,
        'moved_together': d.platforms
    }) AS VARCHAR) AS details
FROM timed AS t
JOIN day AS d ON d.kind = t.kind AND d.day_no = floor(epoch(t.arrived_at) / 86400)
ORDER BY subject_type, subject_id, details
