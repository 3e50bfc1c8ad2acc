-- ---
-- id = "channel-diversion"
-- title = "A session that ends at another platform than the one that was started"
-- version = 7
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = true
-- question = "In which sessions did another platform attest than the host that the workload was started on, or did one channel key serve two peers by turns?"
-- why = "Who asks for an attested workload wants the one that he started. Genuine evidence of some other machine, or a channel that two machines end, sends his secrets elsewhere, and every signature holds."
-- inputs = ["binding", "launch", "listed_platform", "observation", "quote"]
-- requires = ["launch", "quote"]
-- scope = ["ppid", "runtime_data_id"]
-- suspects = "SELECT ppid FROM concerned"
-- follows = ["container_id"]
-- discriminator = ["kind"]
-- grain = "one row per container, else enclave, and one per channel key"
-- nulls = "sightings without a time, and workloads without a launch event, are counted where a quote came; a platform or host that was seen too seldom, or that is listed for another time only, has no home"
-- clocks = "the verifiers': they would have to be home_time apart to move a sighting out of the time in which its platform is at home, which most of its evidence tells, and not its order; peers by turns (channel_key, medium) are in the order of their receipt, and two verifiers could seem to take turns that one platform did not"
-- false_positives = ["a host whose platform was replaced: the old one is not seen again", "load balancers that end the channel for their backends, and clients behind changing addresses (channel_key: medium)"]
-- blind_spots = ["a diversion within one host", "a machine that takes over a host for good: see platform-relocation", "peer certificates are not compared: no log has them"]
-- attack = ["diversion of an attested channel"]
-- spec = ["Identity crisis in confidential computing, AsiaCCS 2026", "detector D11"]
-- created = 2026-11-23
-- updated = 2026-12-01
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [params.min_quotes]
-- type = "BIGINT"
-- default = "3"
-- meaning = "quotes that make a host the home of a platform, if they are more than half of what it signed"
-- [params.home_time]
-- type = "INTERVAL"
-- default = "1d"
-- meaning = "a platform that no list names counts as at home for this long after it was last seen there; a listed one until its valid_to"
-- [details]
-- kind = "foreign_platform: the evidence is of a platform whose home is another host; channel_key: one bound key, two peers by turns"
-- launched_on = "hosts that the launch named; null for channel_key"
-- home = "hosts that the platform is at home on; null for channel_key"
-- by_list = "the home is from a manifest; else from where most of its evidence came"
-- platforms = "platforms that attested"
-- expected = "platforms at home on the host of the launch; null for channel_key"
-- peers = "peers as logged; for channel_key their addresses"
-- accepted = "number of sightings that the verifier called good"
-- sightings = "number of sightings"
-- [sides]
-- fact = "host"
-- "launched on" = "launched_on"
-- "the platform's home" = "home"
-- [[not_evaluable]]
-- reason = "quote without a launch that names the host of its container, or without a time"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- LEFT JOIN (
--     SELECT DISTINCT container_id FROM launch WHERE node_id IS NOT NULL
-- ) AS l ON l.container_id = o.container_id
-- WHERE q.trusted AND o.event_type = 'enclave_attestation'
--     AND (l.container_id IS NULL OR o.received_at IS NULL)"""
-- [[not_evaluable]]
-- reason = "quote proven, but under no trust anchor of the case, or not verified"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE coalesce(q.proven, TRUE) AND NOT coalesce(q.trusted, FALSE)"""
-- ---
WITH started AS (
    SELECT container_id, min(node_id) AS node_id
    FROM launch
    WHERE container_id IS NOT NULL AND node_id IS NOT NULL
    GROUP BY container_id
    HAVING min(node_id) = max(node_id)
),
listed AS (
    SELECT ppid, node_id, valid_from, valid_to
    FROM listed_platform
    WHERE ppid IS NOT NULL AND node_id IS NOT NULL
),
-- Where each platform's evidence came from, by what the runtime, not the evidence, says.
spot AS (
    SELECT DISTINCT q.ppid, l.node_id
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    JOIN started AS l ON l.container_id = o.container_id
    WHERE q.trusted AND q.ppid IS NOT NULL AND o.received_at IS NOT NULL
),
-- Only what came from several hosts, or from one that it is not listed for, can be diverted;
-- whose it should have been is asked of the platforms that were seen on the same hosts.
astray AS (
    SELECT ppid FROM spot GROUP BY ppid HAVING min(node_id) <> max(node_id)
    UNION
    SELECT s.ppid
    FROM spot AS s
    JOIN listed AS l ON l.ppid = s.ppid AND l.node_id <> s.node_id
),
concerned AS (
    SELECT DISTINCT s.ppid
    FROM spot AS s
    JOIN spot AS n ON n.node_id = s.node_id
    JOIN astray AS a ON a.ppid = n.ppid
),
placed AS (
    SELECT
        q.ppid, q.signature_r, o.observation_no, o.received_at, o.container_id, o.enclave_id,
        o.peer, coalesce(o.claimed_ok, FALSE) AS claimed_ok, l.node_id
    FROM (
        SELECT quote_no, ppid, signature_r
        FROM quote
        WHERE trusted AND ppid IN (SELECT ppid FROM concerned)
    ) AS q
    JOIN observation AS o ON o.quote_no = q.quote_no
    JOIN started AS l ON l.container_id = o.container_id
    WHERE o.received_at IS NOT NULL
),
habit AS (
    SELECT
        ppid, node_id, count(DISTINCT signature_r) AS quotes,
        min(received_at) AS first_at, max(received_at) AS last_at
    FROM placed
    GROUP BY ppid, node_id
),
learned AS (
    SELECT ppid, node_id, first_at, last_at
    FROM (
        SELECT
            ppid, node_id, quotes, first_at, last_at,
            sum(quotes) OVER (PARTITION BY ppid) AS all_quotes
        FROM habit
    ) AS counted
    WHERE quotes >= $min_quotes AND quotes * 2 > all_quotes
),
-- A list knows better than habit, and until when: whoever was not seen again may still be there.
home AS (
    SELECT
        ppid, node_id, TRUE AS by_list, valid_from AS from_at, valid_to AS until_at
    FROM listed
    UNION ALL
    SELECT h.ppid, h.node_id, FALSE AS by_list, h.first_at, h.last_at + $home_time
    FROM learned AS h
    LEFT JOIN (SELECT DISTINCT ppid FROM listed) AS l ON l.ppid = h.ppid
    WHERE l.ppid IS NULL
),
settled AS (
    SELECT DISTINCT p.observation_no
    FROM placed AS p
    JOIN home AS h
        ON h.ppid = p.ppid
        AND h.node_id = p.node_id
        AND coalesce(p.received_at >= h.from_at, TRUE)
        AND coalesce(p.received_at < h.until_at, TRUE)
),
-- The platform is at home elsewhere, at that very time, and another one is at home here: listed
-- for that time, or by habit of any.
diverted AS (
    SELECT
        p.ppid, p.observation_no, p.received_at, p.container_id, p.enclave_id,
        p.peer, p.claimed_ok, p.node_id, h.node_id AS home_node, h.by_list,
        e.ppid AS expected_ppid
    FROM placed AS p
    JOIN home AS h
        ON h.ppid = p.ppid
        AND h.node_id <> p.node_id
        AND coalesce(p.received_at >= h.from_at, TRUE)
        AND coalesce(p.received_at < h.until_at, TRUE)
    JOIN home AS e
        ON e.node_id = p.node_id
        AND e.ppid <> p.ppid
        AND (NOT e.by_list OR coalesce(p.received_at >= e.from_at, TRUE))
        AND (NOT e.by_list OR coalesce(p.received_at < e.until_at, TRUE))
    LEFT JOIN settled AS s ON s.observation_no = p.observation_no
    WHERE s.observation_no IS NULL
),
foreign_platform AS (
    SELECT
        f.subject_type, f.subject_id,
        min(f.received_at) AS first_seen,
        max(f.received_at) AS last_seen,
        string_split(
            string_agg(o.observation_id, ' ' ORDER BY f.received_at, f.observation_no), ' '
        ) AS observation_ids,
        CAST(sum(CASE WHEN f.claimed_ok THEN 1 ELSE 0 END) AS BIGINT) AS accepted,
        count(*) AS sightings
    FROM (
        SELECT DISTINCT
            CASE WHEN enclave_id IS NULL THEN 'container' ELSE 'enclave' END AS subject_type,
            coalesce(enclave_id, container_id) AS subject_id,
            observation_no, received_at, claimed_ok
        FROM diverted
    ) AS f
    JOIN observation AS o ON o.observation_no = f.observation_no
    GROUP BY f.subject_type, f.subject_id
),
foreign_facts AS (
    SELECT
        CASE WHEN enclave_id IS NULL THEN 'container' ELSE 'enclave' END AS subject_type,
        coalesce(enclave_id, container_id) AS subject_id,
        list_sort(list(DISTINCT node_id)) AS launched_on,
        list_sort(list(DISTINCT home_node)) AS home_nodes,
        bool_or(by_list) AS by_list,
        list_sort(list(DISTINCT ppid)) AS platforms,
        list_sort(list(DISTINCT expected_ppid)) AS expected,
        list_sort(list(DISTINCT peer) FILTER (WHERE peer IS NOT NULL)) AS peers
    FROM diverted
    GROUP BY
        CASE WHEN enclave_id IS NULL THEN 'container' ELSE 'enclave' END,
        coalesce(enclave_id, container_id)
),
-- Keys that several peers showed; with what evidence is asked of these alone.
keyed AS (
    SELECT runtime_data_id
    FROM observation
    WHERE runtime_data_id IS NOT NULL AND received_at IS NOT NULL
    GROUP BY runtime_data_id
    HAVING min(peer_address) <> max(peer_address)
),
-- Rules by name all bind the runtime data.
bound AS (
    SELECT
        s.runtime_data_id, q.ppid, s.peer, s.observation_id, s.observation_no, s.received_at,
        coalesce(s.claimed_ok, FALSE) AS claimed_ok,
        lag(s.peer) OVER channel AS peer_before,
        lead(s.peer) OVER channel AS peer_after,
        row_number() OVER (
            PARTITION BY s.runtime_data_id, q.ppid, s.peer
            ORDER BY s.received_at, s.observation_no
        ) AS occurrence
    FROM (
        SELECT
            o.quote_no, o.runtime_data_id, o.peer_address AS peer, o.observation_id, o.observation_no,
            o.received_at, o.claimed_ok
        FROM observation AS o
        WHERE o.runtime_data_id IN (SELECT runtime_data_id FROM keyed)
            AND o.peer_address IS NOT NULL AND o.received_at IS NOT NULL
    ) AS s
    JOIN quote AS q ON q.quote_no = s.quote_no
    JOIN binding AS b ON b.observation_no = s.observation_no AND b.result = 'match'
    WHERE q.trusted AND q.ppid IS NOT NULL
        AND (strpos(b.rule, 'runtime_data') > 0 OR strpos(b.rule, '(') = 0)
    WINDOW channel AS (
        PARTITION BY s.runtime_data_id, q.ppid ORDER BY s.received_at, s.observation_no
    )
),
shared_key AS (
    SELECT DISTINCT runtime_data_id
    FROM bound
    WHERE peer_before <> peer AND occurrence > 1
),
told AS (
    SELECT
        f.subject_type, f.subject_id, 'foreign_platform' AS kind, f.first_seen, f.last_seen,
        f.observation_ids, f.accepted, f.sightings, g.launched_on, g.home_nodes, g.by_list,
        g.platforms, g.expected, g.peers
    FROM foreign_platform AS f
    JOIN foreign_facts AS g
        ON g.subject_type = f.subject_type AND g.subject_id = f.subject_id
    UNION ALL
    SELECT
        'channel_key' AS subject_type, b.runtime_data_id AS subject_id, 'channel_key' AS kind,
        min(b.received_at), max(b.received_at),
        string_split(
            string_agg(b.observation_id, ' ' ORDER BY b.received_at, b.observation_no), ' '
        ),
        CAST(sum(CASE WHEN b.claimed_ok THEN 1 ELSE 0 END) AS BIGINT), count(*),
        CAST(NULL AS VARCHAR[]), CAST(NULL AS VARCHAR[]), FALSE,
        list_sort(list(DISTINCT b.ppid)), CAST(NULL AS VARCHAR[]), list_sort(list(DISTINCT b.peer))
    FROM bound AS b
    JOIN shared_key AS k ON k.runtime_data_id = b.runtime_data_id
    WHERE b.peer_before <> b.peer OR b.peer_after <> b.peer
    GROUP BY b.runtime_data_id
)
SELECT
    subject_type,
    subject_id,
    first_seen,
    last_seen,
    observation_ids,
    CASE kind WHEN 'foreign_platform' THEN 'high' ELSE 'medium' END AS severity,
    CASE kind
        WHEN 'foreign_platform' THEN 'Launched on ' || array_to_string(launched_on, ', ')
            || ', but the evidence is of a platform at home on ' || array_to_string(home_nodes, ', ')
        ELSE 'One channel key ends at several peers by turns: ' || array_to_string(peers, ', ')
    END
    || ' (' || CAST(sightings AS VARCHAR) || ' sighting(s))' AS summary,
    CAST(to_json({
        'kind': kind,
        'launched_on': launched_on,
        'home': home_nodes,
        'by_list': by_list,
        'platforms': platforms,
        'expected': expected,
        'peers': peers,
        'accepted': accepted,
        'sightings': sightings
    }) AS VARCHAR) AS details
FROM told
ORDER BY subject_type, subject_id, details
