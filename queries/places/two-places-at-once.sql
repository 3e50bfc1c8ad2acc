-- ---
-- id = "two-places-at-once"
-- title = "One identity alive in two places"
-- version = 8
-- fingerprint_version = 1
-- status = "stable"
-- severity = "critical"
-- sig = true
-- question = "Which enclave id, channel key or quote was alive on two platforms, or in two enclaves, at one time?"
-- why = "An enclave lives on one platform, a key that was made inside it never leaves it, a quote speaks for one enclave. Two places at once mean a clone, an exported key or a stolen quote."
-- inputs = ["binding", "launch", "observation", "quote", "reshown"]
-- requires = ["quote"]
-- scope = ["enclave_id", "runtime_data_id", "signature_r", "report_id"]
-- suspects = "SELECT enclave_id FROM moved_enclave"
-- discriminator = []
-- grain = "one row per enclave, channel key, signing event or SNP guest"
-- nulls = "a quote shown for two enclaves of which the verifier did not accept two, or did not say so, is high; sightings without a time have no place in the order and are counted; a platform without PPID or chip id is told by its attestation key, but not an SNP one"
-- false_positives = ["an enclave id that two deployments use on purpose", "a TLS key that is provisioned to replicas instead of made inside: worth knowing by itself", "a live migration without a launch event that was taken back"]
-- blind_spots = ["a launch event for every move hides the overlap: whoever writes the runtime's log can do that", "quotes without a bound key and without an enclave id", "a clone that is used only after the original has stopped"]
-- attack = ["enclave cloning", "exported channel key", "quote shown for another enclave"]
-- spec = ["RFC 9334, section 10", "AMD 56860, REPORT_ID and REPORT_ID_MA", "detector D03"]
-- created = 2026-11-23
-- updated = 2026-12-01
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [params.clock_tolerance]
-- type = "INTERVAL"
-- default = "5s"
-- meaning = "lives that overlap by no more than this may only seem to, by the clocks of two verifiers"
-- [details]
-- places = "the platforms (PPID or chip id, else attestation key); for a signing event the enclave ids"
-- margin_ms = "how long after the later place was first seen the earlier one was still alive, by the clocks of those who received the quotes: only clocks that are that far apart could explain it; null for a signing event and for a guest, in whose case no order counts"
-- skew_ms = "how much of that the verifiers' clocks and the ways to them are, by the clocks of the two hosts, which say when the quotes were made; else 0 where one verifier stamped all; null: not known, or no margin"
-- skew_explains = "by the hosts' own clocks the earlier life had ended when the later began; null: not known, or no margin"
-- sightings = "number of sightings where the place changed, and those just before; for a signing event or guest all of them"
-- accepted = "places for which the verifier said that the quote is good"
-- [sides]
-- fact = "place"
-- "in all of" = "places"
-- "at once, for ms" = "margin_ms"
-- [[not_evaluable]]
-- reason = "quote without a time: it has no place in the order"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE q.trusted AND o.received_at IS NULL AND o.enclave_id IS NOT NULL"""
-- [[not_evaluable]]
-- reason = "quote proven, but under no trust anchor of the case, or not verified"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE coalesce(q.proven, TRUE) AND NOT coalesce(q.trusted, FALSE)"""
-- ---
-- Few identities are ever seen on two platforms: only those are looked at further. A VEK changes
-- with the TCB, and a VLEK is for many hosts: neither tells a platform.
WITH moved_enclave AS (
    SELECT enclave_id
    FROM (
        SELECT
            o.enclave_id,
            coalesce(
                q.ppid, q.chip_id, CASE WHEN q.tee = 'snp' THEN NULL ELSE q.attestation_key_id END
            ) AS place
        FROM observation AS o
        JOIN quote AS q ON q.quote_no = o.quote_no
        WHERE q.trusted AND o.received_at IS NOT NULL AND o.enclave_id IS NOT NULL
    ) AS seen
    GROUP BY enclave_id
    HAVING min(place) <> max(place)
),
-- A key counts where REPORT_DATA binds it. Rules by name all bind the runtime data.
moved_key AS (
    SELECT runtime_data_id
    FROM (
        SELECT
            o.runtime_data_id,
            coalesce(
                q.ppid, q.chip_id, CASE WHEN q.tee = 'snp' THEN NULL ELSE q.attestation_key_id END
            ) AS place
        FROM observation AS o
        JOIN quote AS q ON q.quote_no = o.quote_no
        JOIN binding AS b ON b.observation_no = o.observation_no
        WHERE q.trusted AND o.received_at IS NOT NULL AND o.runtime_data_id IS NOT NULL
            AND b.result = 'match'
            AND (strpos(b.rule, 'runtime_data') > 0 OR strpos(b.rule, '(') = 0)
    ) AS seen
    GROUP BY runtime_data_id
    HAVING min(place) <> max(place)
),
candidate AS (
    SELECT
        'enclave' AS subject_type, enclave_id AS subject_id, observation_id, observation_no,
        quote_no, received_at, enclave_id, node_id, claimed_ok, quote_generated_at AS made_at,
        backend_verifier AS verifier
    FROM observation
    WHERE received_at IS NOT NULL AND enclave_id IN (SELECT enclave_id FROM moved_enclave)
    UNION ALL
    SELECT
        'channel_key' AS subject_type, o.runtime_data_id AS subject_id, o.observation_id,
        o.observation_no, o.quote_no, o.received_at, o.enclave_id, o.node_id, o.claimed_ok,
        o.quote_generated_at AS made_at, o.backend_verifier AS verifier
    FROM observation AS o
    JOIN binding AS b ON b.observation_no = o.observation_no AND b.result = 'match'
    WHERE o.received_at IS NOT NULL
        AND o.runtime_data_id IN (SELECT runtime_data_id FROM moved_key)
),
-- Evidence shown again says nothing about where its maker is now.
fresh AS (
    SELECT
        subject_type, subject_id, observation_id, observation_no, received_at, enclave_id,
        node_id, place, claimed_ok, made_at, verifier
    FROM (
        SELECT
            c.subject_type, c.subject_id, c.observation_id, c.observation_no, c.received_at,
            c.enclave_id, c.node_id, c.claimed_ok, c.made_at, c.verifier,
            coalesce(
                q.ppid, q.chip_id, CASE WHEN q.tee = 'snp' THEN NULL ELSE q.attestation_key_id END
            ) AS place,
            row_number() OVER (
                PARTITION BY c.subject_type, q.signing_id ORDER BY c.received_at, c.observation_no
            ) AS showing
        FROM candidate AS c
        JOIN quote AS q ON q.quote_no = c.quote_no
        WHERE q.trusted
    ) AS shown
    WHERE showing = 1
),
-- Launches and sightings of an enclave in one order of time: on each host, on none that is named,
-- and anywhere. A life has the number of the launches before it that may be its own.
course AS (
    SELECT
        enclave_id, 'any' AS lane, '' AS lane_id, timestamp AS happened_at, 1 AS is_launch,
        CAST(NULL AS BIGINT) AS observation_no
    FROM launch
    WHERE enclave_id IN (SELECT enclave_id FROM fresh WHERE subject_type = 'enclave')
        AND timestamp IS NOT NULL
    UNION ALL
    SELECT
        enclave_id, CASE WHEN node_id IS NULL THEN 'unnamed' ELSE 'named' END,
        coalesce(node_id, ''), timestamp, 1, NULL
    FROM launch
    WHERE enclave_id IN (SELECT enclave_id FROM fresh WHERE subject_type = 'enclave')
        AND timestamp IS NOT NULL
    UNION ALL
    SELECT
        f.enclave_id, l.lane, CASE l.lane WHEN 'named' THEN f.node_id ELSE '' END,
        f.received_at + $clock_tolerance, 0, f.observation_no
    FROM fresh AS f
    JOIN (
        SELECT 'any' AS lane, FALSE AS is_named
        UNION ALL SELECT 'unnamed', TRUE
        UNION ALL SELECT 'named', TRUE
    ) AS l ON l.is_named = (f.node_id IS NOT NULL)
    WHERE f.subject_type = 'enclave'
),
numbered AS (
    SELECT observation_no, CAST(sum(launches) AS BIGINT) AS life
    FROM (
        SELECT
            observation_no,
            sum(is_launch) OVER (
                PARTITION BY enclave_id, lane, lane_id ORDER BY happened_at
            ) AS launches
        FROM course
    ) AS so_far
    WHERE observation_no IS NOT NULL
    GROUP BY observation_no
),
-- A restart on the same host begins a new life: it may come after a life elsewhere.
lived AS (
    SELECT
        f.subject_type, f.subject_id, f.observation_id, f.observation_no, f.received_at, f.place,
        f.claimed_ok, f.made_at, f.verifier, coalesce(n.life, 0) AS life
    FROM fresh AS f
    LEFT JOIN numbered AS n
        ON f.subject_type = 'enclave' AND n.observation_no = f.observation_no
),
life AS (
    SELECT
        subject_type, subject_id, place, life,
        min(received_at) AS first_at, max(received_at) AS last_at,
        CASE WHEN count(made_at) = count(*) THEN min(made_at) END AS first_made,
        CASE WHEN count(made_at) = count(*) THEN max(made_at) END AS last_made,
        CASE
            WHEN count(verifier) = count(*) AND min(verifier) = max(verifier) THEN min(verifier)
        END AS verifier
    FROM lived
    GROUP BY subject_type, subject_id, place, life
),
concurrent AS (
    SELECT
        a.subject_type, a.subject_id,
        epoch(a.last_at) - epoch(b.first_at) AS margin,
        coalesce(
            epoch(a.last_at) - epoch(b.first_at) - (epoch(a.last_made) - epoch(b.first_made)),
            CASE WHEN a.verifier = b.verifier THEN 0 END
        ) AS skew
    FROM life AS a
    JOIN life AS b
        ON b.subject_type = a.subject_type
        AND b.subject_id = a.subject_id
        AND b.place <> a.place
        AND b.first_at >= a.first_at
        AND a.last_at > b.first_at + $clock_tolerance
),
overlap AS (
    SELECT
        subject_type, subject_id, max(margin) AS margin, max(skew) AS skew,
        CASE WHEN count(skew) > 0 THEN bool_and(coalesce(margin <= skew, FALSE)) END AS explained
    FROM concurrent
    GROUP BY subject_type, subject_id
),
ordered AS (
    SELECT
        s.subject_type, s.subject_id, s.observation_id, s.observation_no, s.received_at, s.place,
        s.claimed_ok,
        lag(s.place) OVER identity AS place_before,
        lead(s.place) OVER identity AS place_after
    FROM lived AS s
    JOIN overlap AS v ON v.subject_type = s.subject_type AND v.subject_id = s.subject_id
    WINDOW identity AS (
        PARTITION BY s.subject_type, s.subject_id ORDER BY s.received_at, s.observation_no
    )
),
-- REPORT_ID names a guest from its launch to its end; only a migration agent may move it.
split_guest AS (
    SELECT q.report_id
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    WHERE q.trusted AND o.received_at IS NOT NULL
        AND q.report_id IS NOT NULL
        AND replace(q.report_id, '0', '') <> ''
        AND (
            replace(coalesce(q.report_id_ma, ''), '0', '') = ''
            OR replace(coalesce(q.report_id_ma, ''), 'f', '') = ''
        )
    GROUP BY q.report_id
    HAVING min(q.chip_id) <> max(q.chip_id)
),
-- One signing event for two enclaves, whoever showed it, in whatever disguise.
shown AS (
    SELECT
        q.signing_id, o.observation_id, o.observation_no, o.received_at, o.enclave_id,
        o.claimed_ok,
        min(o.enclave_id) OVER (PARTITION BY q.signing_id)
        <> max(o.enclave_id) OVER (PARTITION BY q.signing_id) AS lent
    FROM (
        SELECT quote_no, signing_id
        FROM quote
        WHERE trusted AND signature_r IS NOT NULL
            AND signing_id IN (SELECT signing_id FROM reshown WHERE showing > 1)
    ) AS q
    JOIN observation AS o ON o.quote_no = q.quote_no
    WHERE o.received_at IS NOT NULL AND o.enclave_id IS NOT NULL
),
told AS (
    SELECT
        subject_type, subject_id, observation_id, observation_no, received_at, place, claimed_ok
    FROM ordered
    WHERE place_before <> place OR place_after <> place
    UNION ALL
    SELECT
        'signing_event' AS subject_type, signing_id AS subject_id, observation_id, observation_no,
        received_at, enclave_id AS place, claimed_ok
    FROM shown
    WHERE lent
    UNION ALL
    SELECT
        'guest' AS subject_type, q.report_id AS subject_id, o.observation_id, o.observation_no,
        o.received_at, q.chip_id AS place, o.claimed_ok
    FROM (
        SELECT quote_no, report_id, chip_id
        FROM quote
        WHERE trusted AND chip_id IS NOT NULL
            AND report_id IN (SELECT report_id FROM split_guest)
    ) AS q
    JOIN observation AS o ON o.quote_no = q.quote_no
    WHERE o.received_at IS NOT NULL
),
tally AS (
    SELECT
        subject_type, subject_id,
        min(received_at) AS first_seen,
        max(received_at) AS last_seen,
        string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
            AS observation_ids,
        list_sort(list(DISTINCT place)) AS places,
        count(DISTINCT place) AS place_count,
        count(DISTINCT CASE WHEN claimed_ok THEN place END) AS accepted,
        count(*) AS sightings
    FROM told
    GROUP BY subject_type, subject_id
)
SELECT
    t.subject_type,
    t.subject_id,
    t.first_seen,
    t.last_seen,
    t.observation_ids,
    CASE WHEN t.subject_type = 'signing_event' AND t.accepted < 2 THEN 'high' ELSE 'critical' END
        AS severity,
    CASE t.subject_type
        WHEN 'enclave' THEN 'One enclave id was alive on '
        WHEN 'channel_key' THEN 'One channel key was bound by evidence of '
        WHEN 'guest' THEN 'One guest (REPORT_ID), without a migration agent, was reported by '
        ELSE 'One quote was shown for '
    END
    || CAST(t.place_count AS VARCHAR)
    || CASE t.subject_type
        WHEN 'signing_event' THEN ' enclaves'
        WHEN 'guest' THEN ' chips'
        ELSE ' platforms at once: the first was still alive '
            || CAST(CAST(v.margin AS BIGINT) AS VARCHAR) || ' s after the second appeared'
            || CASE
                WHEN v.explained THEN ', which by the hosts'' own clocks it was not' ELSE ''
            END
    END AS summary,
    CAST(to_json({
        'places': t.places,
        'margin_ms': CAST(v.margin * 1000 AS BIGINT),
        'skew_ms': CAST(v.skew * 1000 AS BIGINT),
        'skew_explains': v.explained,
        'sightings': t.sightings,
        'accepted': t.accepted
    }) AS VARCHAR) AS details
FROM tally AS t
LEFT JOIN overlap AS v ON v.subject_type = t.subject_type AND v.subject_id = t.subject_id
ORDER BY subject_type, subject_id
