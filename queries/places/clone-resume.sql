-- ---
-- id = "clone-resume"
-- title = "One memory, run twice"
-- version = 5
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = true
-- question = "Which channel keys, made inside an enclave or TD, served two instances by turns, or a TD whose registers had gone back?"
-- why = "A key that was made in protected memory has one owner. Two instances that answer with it by turns are one memory image that was resumed twice; a register that is back at an old value under the same key is a snapshot that was restored."
-- inputs = ["binding", "observation", "quote"]
-- requires = ["binding", "quote"]
-- scope = ["runtime_data_id", "signature_r"]
-- discriminator = ["kind", "platform"]
-- grain = "one row per channel key, platform and kind"
-- nulls = "evidence that binds no runtime data has no key to tell it by; where a rule wants runtime data that was not logged it is counted, and so is evidence without a time or without container and enclave"
-- false_positives = ["a key that is sealed or provisioned to several instances on purpose: then it proves less than it seems to", "evidence that overtakes other evidence on its way, by more than in_flight"]
-- blind_spots = ["a snapshot that is resumed only after the original has stopped, with equal registers", "instances without a bound key", "clones on two platforms are two-places-at-once"]
-- attack = ["clone of a running TD", "rollback to a snapshot"]
-- spec = ["Intel TDX migration, session and immutable state", "detector D55"]
-- created = 2026-11-23
-- updated = 2026-11-30
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [params.in_flight]
-- type = "INTERVAL"
-- default = "1m"
-- meaning = "evidence may arrive this much out of order, by its way or by the clocks of two verifiers"
-- [details]
-- kind = "by_turns: one instance answers again after another one had taken over, on the same platform; register_returned: a run-time register shows an old value after a later one"
-- platform = "PPID or chip id, else attestation key (but not of SNP)"
-- instances = "containers, else enclaves, that answered with the key"
-- margin_ms = "how long after the first evidence of the later state the earlier one was seen last: by that much evidence would have to be late, or clocks apart"
-- skew_ms = "how much of that the verifiers' clocks and the ways to them are, by the host's own clock, which says when both were made; else 0 where one verifier stamped all; null: not known"
-- skew_explains = "by the host's own clock the earlier state was there last before the later one came; null: not known"
-- accepted = "number of sightings told that the verifier called good"
-- sightings = "number of sightings told"
-- [sides]
-- fact = "one memory"
-- "answered from" = "instances"
-- how = "kind"
-- [[not_evaluable]]
-- reason = "the rule binds runtime data, and none was logged"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM binding AS b
-- JOIN observation AS o ON o.observation_no = b.observation_no
-- WHERE o.runtime_data_id IS NULL
--     AND (strpos(b.rule, 'runtime_data') > 0 OR strpos(b.rule, '(') = 0)"""
-- [[not_evaluable]]
-- reason = "bound key in evidence without a time, or without container and enclave"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN binding AS b ON b.observation_no = o.observation_no AND b.result = 'match'
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE q.trusted AND o.runtime_data_id IS NOT NULL
--     AND (strpos(b.rule, 'runtime_data') > 0 OR strpos(b.rule, '(') = 0)
--     AND (o.received_at IS NULL OR coalesce(o.container_id, o.enclave_id) IS NULL)"""
-- ---
-- A key counts where REPORT_DATA binds it. Rules by name all bind the runtime data.
WITH bound AS (
    SELECT
        o.runtime_data_id AS key_id,
        coalesce(
            q.ppid, q.chip_id, CASE WHEN q.tee = 'snp' THEN NULL ELSE q.attestation_key_id END
        ) AS platform,
        coalesce(o.container_id, o.enclave_id) AS instance,
        o.observation_id, o.observation_no, o.received_at, o.claimed_ok,
        o.quote_generated_at AS made_at, o.backend_verifier AS verifier,
        q.rtmr0, q.rtmr1, q.rtmr2, q.rtmr3,
        row_number() OVER (
            PARTITION BY o.runtime_data_id, q.attestation_key_id, q.signature_r
            ORDER BY o.received_at, o.observation_no
        ) AS showing
    FROM observation AS o
    JOIN binding AS b ON b.observation_no = o.observation_no AND b.result = 'match'
    JOIN quote AS q ON q.quote_no = o.quote_no
    WHERE q.trusted
        AND o.runtime_data_id IS NOT NULL
        AND o.received_at IS NOT NULL
        AND coalesce(o.container_id, o.enclave_id) IS NOT NULL
        AND (strpos(b.rule, 'runtime_data') > 0 OR strpos(b.rule, '(') = 0)
),
candidate AS (
    SELECT key_id, platform
    FROM bound
    WHERE showing = 1
    GROUP BY key_id, platform
    HAVING min(instance) <> max(instance)
        OR min(rtmr0) <> max(rtmr0) OR min(rtmr1) <> max(rtmr1)
        OR min(rtmr2) <> max(rtmr2) OR min(rtmr3) <> max(rtmr3)
),
aspect AS (
    SELECT 'by_turns' AS kind, 'instance' AS aspect
    UNION ALL SELECT 'register_returned', 'rtmr0' UNION ALL SELECT 'register_returned', 'rtmr1'
    UNION ALL SELECT 'register_returned', 'rtmr2' UNION ALL SELECT 'register_returned', 'rtmr3'
),
reading AS (
    SELECT
        b.key_id, b.platform, a.kind, a.aspect, b.instance, b.observation_id, b.observation_no,
        b.received_at, b.claimed_ok, b.made_at, b.verifier,
        CASE a.aspect
            WHEN 'instance' THEN b.instance
            WHEN 'rtmr0' THEN b.rtmr0 WHEN 'rtmr1' THEN b.rtmr1
            WHEN 'rtmr2' THEN b.rtmr2 ELSE b.rtmr3
        END AS state
    FROM bound AS b
    JOIN candidate AS c ON c.key_id = b.key_id AND c.platform = b.platform
    CROSS JOIN aspect AS a
    WHERE b.showing = 1
),
stay AS (
    SELECT
        key_id, platform, kind, aspect, state,
        min(received_at) AS first_at, max(received_at) AS last_at,
        CASE WHEN count(made_at) = count(*) THEN min(made_at) END AS first_made,
        CASE WHEN count(made_at) = count(*) THEN max(made_at) END AS last_made,
        CASE
            WHEN count(verifier) = count(*) AND min(verifier) = max(verifier) THEN min(verifier)
        END AS verifier
    FROM reading
    WHERE state IS NOT NULL
    GROUP BY key_id, platform, kind, aspect, state
),
-- States are numbered as they came (place). What came later than one begins at next_place, and up to
-- last_place it had been there for in_flight when the earlier one was seen last.
ranked AS (
    SELECT
        key_id, platform, kind, aspect, state, first_at, last_at, first_made, last_made, verifier,
        last_place,
        row_number() OVER (
            PARTITION BY key_id, platform, aspect ORDER BY first_at, state
        ) AS place,
        1 + count(*) OVER (PARTITION BY key_id, platform, aspect ORDER BY first_at) AS next_place,
        count(*) OVER (PARTITION BY key_id, platform, aspect) AS places
    FROM (
        SELECT
            key_id, platform, kind, aspect, state, first_at, last_at, first_made, last_made,
            verifier, settled,
            CAST(
                sum(settled) OVER (PARTITION BY key_id, platform, aspect ORDER BY counted_at)
                AS BIGINT
            ) AS last_place
        FROM (
            SELECT
                key_id, platform, kind, aspect, state, first_at, last_at, first_made, last_made,
                verifier, 0 AS settled, last_at AS counted_at
            FROM stay
            UNION ALL
            SELECT
                key_id, platform, kind, aspect, state, first_at, last_at, first_made, last_made,
                verifier, 1 AS settled, first_at + $in_flight AS counted_at
            FROM stay
        ) AS event
    ) AS counted
    WHERE settled = 0
),
related AS (
    SELECT
        key_id, platform, kind, aspect, state, first_at, last_at, last_made, place, next_place,
        last_place,
        coalesce(max(last_place) OVER earlier >= place, FALSE) AS is_later,
        coalesce(
            min(CASE WHEN first_made IS NULL THEN place END) OVER later <= last_place, FALSE
        ) AS unmade,
        verifier IS NOT NULL AND coalesce(
            min(CASE WHEN first_made IS NULL THEN place END) OVER later_there <= last_place
            OR (last_made IS NULL AND min(place) OVER later_there <= last_place), FALSE
        ) AS one_clock
    FROM ranked
    WINDOW
        earlier AS (
            PARTITION BY key_id, platform, aspect ORDER BY next_place
            RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ),
        later AS (
            PARTITION BY key_id, platform, aspect ORDER BY next_place
            RANGE BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
        ),
        later_there AS (
            PARTITION BY key_id, platform, aspect, verifier ORDER BY next_place
            RANGE BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
        )
),
-- What was there first is seen again when others have been there for long.
returned AS (
    SELECT
        o.key_id, o.platform, o.kind, o.aspect, o.state, o.last_at, o.last_made, o.next_place,
        o.last_place, o.unmade, o.one_clock, n.first_at AS new_at
    FROM related AS o
    JOIN related AS n
        ON n.key_id = o.key_id AND n.platform = o.platform AND n.aspect = o.aspect
        AND n.place = o.next_place
    WHERE o.last_place >= o.next_place
),
told AS (
    SELECT DISTINCT
        x.key_id, x.platform, x.kind, x.observation_id, x.observation_no, x.received_at,
        x.instance, x.claimed_ok
    FROM reading AS x
    LEFT JOIN returned AS r
        ON r.key_id = x.key_id AND r.platform = x.platform AND r.aspect = x.aspect
        AND r.state = x.state
    LEFT JOIN related AS n
        ON n.key_id = x.key_id AND n.platform = x.platform AND n.aspect = x.aspect
        AND n.state = x.state AND n.is_later
    WHERE x.received_at >= r.new_at + $in_flight OR x.received_at = n.first_at
),
-- By the host's own clock, what came between two places is looked up, since any of the many may be
-- the one made earliest. Places are cut into blocks of 1, 2, 4, ...; where the block of the first
-- place and that of the last are the halves of one larger block, the end of the one from the first
-- place on and the beginning of the other up to the last are all that lies between.
size AS (
    SELECT a.size * b.size AS size
    FROM (
        SELECT 1 AS size UNION ALL SELECT 2 UNION ALL SELECT 4 UNION ALL SELECT 8
    ) AS a
    CROSS JOIN (
        SELECT 1 AS size UNION ALL SELECT 16 UNION ALL SELECT 256 UNION ALL SELECT 4096
        UNION ALL SELECT 65536 UNION ALL SELECT 1048576
    ) AS b
),
block AS (
    SELECT
        r.key_id, r.platform, r.aspect, r.place, z.size,
        min(r.first_made) OVER onward AS made_onward,
        min(epoch(r.first_at) - epoch(r.first_made)) OVER onward AS way_onward,
        min(r.first_made) OVER upward AS made_upward,
        min(epoch(r.first_at) - epoch(r.first_made)) OVER upward AS way_upward
    FROM ranked AS r
    JOIN (SELECT DISTINCT key_id, platform, aspect FROM returned) AS g
        ON g.key_id = r.key_id AND g.platform = r.platform AND g.aspect = r.aspect
    JOIN size AS z ON z.size <= r.places
    WINDOW
        onward AS (
            PARTITION BY r.key_id, r.platform, r.aspect, z.size, floor(r.place / z.size)
            ORDER BY r.place DESC
        ),
        upward AS (
            PARTITION BY r.key_id, r.platform, r.aspect, z.size, floor(r.place / z.size)
            ORDER BY r.place
        )
),
spread AS (
    SELECT r.key_id, r.platform, r.aspect, r.state, min(z.size) AS size
    FROM returned AS r
    JOIN size AS z
        ON floor(r.next_place / (2 * z.size)) = floor(r.last_place / (2 * z.size))
    GROUP BY r.key_id, r.platform, r.aspect, r.state
),
cause AS (
    SELECT
        key_id, platform, kind, max(margin) AS margin, max(skew) AS skew,
        CASE WHEN count(skew) > 0 THEN bool_and(explained) END AS explained
    FROM (
        SELECT
            r.key_id, r.platform, r.kind, epoch(r.last_at) - epoch(r.new_at) AS margin,
            greatest(
                epoch(r.last_at) - epoch(r.last_made) - least(a.way_onward, b.way_upward),
                CASE WHEN r.one_clock THEN 0 END
            ) AS skew,
            NOT r.unmade
            AND coalesce(r.last_made <= least(a.made_onward, b.made_upward), FALSE) AS explained
        FROM returned AS r
        JOIN spread AS s
            ON s.key_id = r.key_id AND s.platform = r.platform AND s.aspect = r.aspect
            AND s.state = r.state
        JOIN block AS a
            ON a.key_id = r.key_id AND a.platform = r.platform AND a.aspect = r.aspect
            AND a.place = r.next_place AND a.size = s.size
        JOIN block AS b
            ON b.key_id = r.key_id AND b.platform = r.platform AND b.aspect = r.aspect
            AND b.place = r.last_place AND b.size = s.size
    ) AS timed
    GROUP BY key_id, platform, kind
),
tally AS (
    SELECT
        key_id, platform, kind,
        min(received_at) AS first_seen,
        max(received_at) AS last_seen,
        string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
            AS observation_ids,
        list_sort(list(DISTINCT instance)) AS instances,
        CAST(sum(CASE WHEN claimed_ok THEN 1 ELSE 0 END) AS BIGINT) AS accepted,
        count(*) AS sightings
    FROM told
    GROUP BY key_id, platform, kind
)
SELECT
    'channel_key' AS subject_type,
    t.key_id AS subject_id,
    t.first_seen,
    t.last_seen,
    t.observation_ids,
    'high' AS severity,
    CASE t.kind
        WHEN 'by_turns' THEN 'One channel key answered for several instances of one platform by '
            || 'turns'
        ELSE 'Under one channel key a run-time register went back to an earlier value'
    END
    || ', up to ' || CAST(CAST(c.margin AS BIGINT) AS VARCHAR) || ' s after a later one ('
    || CAST(t.sightings AS VARCHAR) || ' sighting(s))'
    || CASE WHEN c.explained THEN ', by the host''s own clock in order' ELSE '' END AS summary,
    CAST(to_json({
        'kind': t.kind,
        'platform': t.platform,
        'instances': t.instances,
        'margin_ms': CAST(c.margin * 1000 AS BIGINT),
        'skew_ms': CAST(c.skew * 1000 AS BIGINT),
        'skew_explains': c.explained,
        'accepted': t.accepted,
        'sightings': t.sightings
    }) AS VARCHAR) AS details
FROM tally AS t
JOIN cause AS c ON c.key_id = t.key_id AND c.platform = t.platform AND c.kind = t.kind
ORDER BY subject_type, subject_id, details
