-- ---
-- id = "co-tenant-disagreement"
-- title = "Guests of one platform disagree about the platform"
-- version = 7
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = true
-- question = "Where did enclaves or TDs of one platform report two states of it by turns?"
-- why = "All guests run on one microcode and one TDX module at a time. An update moves them on once; a state that comes back after another was seen is told by somebody who is not there."
-- inputs = ["observation", "quote", "reshown"]
-- requires = ["quote"]
-- scope = ["ppid", "chip_id", "signature_r"]
-- suspects = "SELECT ppid, ppid AS chip_id FROM divided"
-- discriminator = ["part"]
-- grain = "one row per platform and part of its state"
-- nulls = "a platform without PPID cannot be told and is counted, and so are sightings without a time; TDs of TDX 1.0 report the module of their launch and count once, which takes an enclave id"
-- false_positives = ["an update that was taken back within the window", "two hosts behind one PPID: see two-places-at-once and shared-attestation-key"]
-- blind_spots = ["a forger who reports exactly what the honest guests report", "a forger who is the only guest"]
-- attack = ["forged reports under an extracted attestation key"]
-- spec = ["spec/dcap-verification.md, section 8.4", "detector D19"]
-- created = 2026-11-23
-- updated = 2026-11-29
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [params.return_window]
-- type = "INTERVAL"
-- default = "1h"
-- meaning = "a state that comes back sooner than this was never left"
-- [params.clock_tolerance]
-- type = "INTERVAL"
-- default = "5s"
-- meaning = "by the clocks of two verifiers a state may seem to come back this soon"
-- [details]
-- part = "cpu_svn: SGX reports; tdx_module: MR_SEAM and the module's SVNs of TD reports, current or at launch"
-- states = "the states that were reported"
-- returns = "how often a state came back"
-- margin_ms = "shortest time in which a state was left and came back, by the clocks of the verifiers: up to that much they would have to be apart"
-- skew_explains = "by the platform's own clock, which says when the quotes were made, no state came back within return_window; false where one verifier stamped all, and nothing says when they were made; null: not known"
-- enclaves = "enclaves that reported them"
-- sightings = "number of sightings told: where the state changed, and those just before"
-- [sides]
-- fact = "state of one platform"
-- "of its" = "part"
-- "reported by turns" = "states"
-- [[not_evaluable]]
-- reason = "quote of a platform without PPID"
-- count = """
-- SELECT count(*) AS unjudged FROM quote WHERE trusted AND coalesce(ppid, chip_id) IS NULL"""
-- [[not_evaluable]]
-- reason = "TD report with the state of its launch, from a TD without an id"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE q.trusted AND q.tee_tcb_svn IS NOT NULL AND q.tee_tcb_svn_2 IS NULL
--     AND o.enclave_id IS NULL AND o.received_at IS NOT NULL"""
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
WITH level AS (
    SELECT
        min(o.observation_no) AS level_no, q.ppid, q.chip_id, q.cpu_svn, q.mr_seam, q.tee_tcb_svn,
        q.tee_tcb_svn_2, q.committed_tcb, q.current_tcb,
        min(o.received_at) AS first_at, max(o.received_at) AS last_at
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    -- Evidence shown again does not count.
    LEFT JOIN reshown AS a ON a.observation_no = o.observation_no AND a.trusted_showing > 1
    WHERE q.trusted AND o.received_at IS NOT NULL AND a.observation_no IS NULL
    GROUP BY
        q.ppid, q.chip_id, q.cpu_svn, q.mr_seam, q.tee_tcb_svn, q.tee_tcb_svn_2, q.committed_tcb,
        q.current_tcb
),
report AS (
    SELECT
        level_no, ppid, FALSE AS at_launch, 'cpu_svn' AS part, cpu_svn AS state, first_at, last_at
    FROM level
    WHERE ppid IS NOT NULL AND cpu_svn IS NOT NULL
    UNION ALL
    SELECT
        level_no, ppid, tee_tcb_svn_2 IS NULL AS at_launch, 'tdx_module' AS part,
        coalesce(mr_seam, '') || ':' || substr(coalesce(tee_tcb_svn_2, tee_tcb_svn), 1, 4) AS state,
        first_at, last_at
    FROM level
    WHERE ppid IS NOT NULL AND tee_tcb_svn IS NOT NULL
    UNION ALL
    SELECT
        level_no, chip_id, FALSE, 'snp_tcb', committed_tcb || ':' || current_tcb, first_at, last_at
    FROM level
    WHERE chip_id IS NOT NULL AND current_tcb IS NOT NULL AND committed_tcb IS NOT NULL
),
period AS (
    SELECT
        ppid, part, at_launch, state, min(first_at) AS first_at, max(last_at) AS last_at
    FROM report
    GROUP BY ppid, part, at_launch, state
),
-- Only where a state was still, or again, seen after the first sight of another can it have come
-- back.
divided AS (
    SELECT DISTINCT one.ppid, one.part
    FROM period AS one
    JOIN period AS other
        ON other.ppid = one.ppid
        AND other.part = one.part
        AND other.at_launch = one.at_launch
        AND other.state <> one.state
        AND other.first_at <= one.last_at
        AND other.last_at >= one.first_at
),
undecided AS (
    SELECT r.level_no, r.ppid, r.part, r.state, r.at_launch
    FROM report AS r
    JOIN divided AS d ON d.ppid = r.ppid AND d.part = r.part
),
sighting AS (
    SELECT
        r.ppid, r.part, r.state, o.observation_no, o.received_at, o.enclave_id, r.at_launch,
        o.quote_generated_at AS made_at, o.backend_verifier AS verifier
    FROM undecided AS r
    JOIN (
        SELECT
            level_no, ppid, chip_id, cpu_svn, mr_seam, tee_tcb_svn, tee_tcb_svn_2, committed_tcb,
            current_tcb
        FROM level
        WHERE level_no IN (SELECT level_no FROM undecided)
    ) AS l ON l.level_no = r.level_no
    JOIN quote AS q
        ON q.ppid IS NOT DISTINCT FROM l.ppid
        AND q.chip_id IS NOT DISTINCT FROM l.chip_id
        AND q.cpu_svn IS NOT DISTINCT FROM l.cpu_svn
        AND q.mr_seam IS NOT DISTINCT FROM l.mr_seam
        AND q.tee_tcb_svn IS NOT DISTINCT FROM l.tee_tcb_svn
        AND q.tee_tcb_svn_2 IS NOT DISTINCT FROM l.tee_tcb_svn_2
        AND q.committed_tcb IS NOT DISTINCT FROM l.committed_tcb
        AND q.current_tcb IS NOT DISTINCT FROM l.current_tcb
    JOIN observation AS o ON o.quote_no = q.quote_no
    LEFT JOIN reshown AS a ON a.observation_no = o.observation_no AND a.trusted_showing > 1
    WHERE q.trusted AND o.received_at IS NOT NULL AND a.observation_no IS NULL
),
-- Neither does a TD that repeats its launch state.
telling AS (
    SELECT
        ppid, part, state, at_launch, observation_no, received_at, enclave_id,
        made_at, verifier
    FROM sighting
    WHERE NOT at_launch
    UNION ALL
    SELECT
        ppid, part, state, at_launch, observation_no, received_at, enclave_id,
        made_at, verifier
    FROM (
        SELECT
            ppid, part, state, at_launch, observation_no, received_at, enclave_id,
            made_at, verifier,
            row_number() OVER (
                PARTITION BY ppid, part, state, enclave_id ORDER BY received_at, observation_no
            ) AS guest_sighting
        FROM sighting
        WHERE at_launch AND enclave_id IS NOT NULL
    ) AS guest
    WHERE guest_sighting = 1
),
ordered AS (
    SELECT
        ppid, part, state, observation_no, received_at, enclave_id, made_at,
        verifier,
        lag(state) OVER platform_order AS state_before,
        lead(state) OVER platform_order AS state_after,
        lag(received_at) OVER (
            PARTITION BY ppid, part, at_launch, state ORDER BY received_at, observation_no
        ) AS same_before_at,
        lag(state) OVER (
            PARTITION BY ppid, part, at_launch ORDER BY made_at, observation_no
        ) AS made_state_before,
        lag(made_at) OVER (
            PARTITION BY ppid, part, at_launch, state ORDER BY made_at, observation_no
        ) AS same_made_before
    FROM telling
    WINDOW platform_order AS (
        PARTITION BY ppid, part, at_launch ORDER BY received_at, observation_no
    )
),
marked AS (
    SELECT
        ppid, part, state, observation_no, received_at, enclave_id, same_before_at,
        made_at, verifier,
        coalesce(state_before <> state, FALSE) OR coalesce(state_after <> state, FALSE) AS at_change,
        coalesce(
            state_before <> state
            AND received_at > same_before_at + $clock_tolerance
            AND received_at < same_before_at + $return_window,
            FALSE
        ) AS is_return,
        coalesce(
            made_state_before <> state
            AND made_at > same_made_before + $clock_tolerance
            AND made_at < same_made_before + $return_window,
            FALSE
        ) AS is_made_return
    FROM ordered
),
returned AS (
    SELECT
        ppid, part, count(*) AS returns,
        min(same_before_at) AS from_at, max(received_at) AS to_at,
        min(epoch(received_at) - epoch(same_before_at)) AS shortest
    FROM marked
    WHERE is_return
    GROUP BY ppid, part
),
-- The same question by the clock of the platform itself, and whether there is another at all.
clock AS (
    SELECT
        ppid, part,
        CASE
            WHEN count(made_at) = count(*) THEN NOT bool_or(is_made_return)
            WHEN count(verifier) = count(*) AND min(verifier) = max(verifier) THEN FALSE
        END AS explained
    FROM marked
    GROUP BY ppid, part
)
SELECT
    'platform' AS subject_type,
    m.ppid AS subject_id,
    min(m.received_at) AS first_seen,
    max(m.received_at) AS last_seen,
    string_split(
        string_agg(o.observation_id, ' ' ORDER BY m.received_at, m.observation_no), ' '
    ) AS observation_ids,
    'high' AS severity,
    'Guests of one platform report '
    || CASE m.part WHEN 'cpu_svn' THEN 'different microcode' ELSE 'different TDX modules' END
    || ' by turns: a state came back ' || CAST(max(r.returns) AS VARCHAR)
    || ' time(s), within ' || CAST(CAST(max(r.shortest) AS BIGINT) AS VARCHAR) || ' s'
    || CASE WHEN bool_and(c.explained) THEN ', by its own clock never' ELSE '' END AS summary,
    CAST(to_json({
        'part': m.part,
        'states': list_sort(list(DISTINCT m.state)),
        'returns': max(r.returns),
        'margin_ms': CAST(max(r.shortest) * 1000 AS BIGINT),
        'skew_explains': bool_and(c.explained),
        'enclaves': list_sort(
            list(DISTINCT m.enclave_id) FILTER (WHERE m.enclave_id IS NOT NULL)
        ),
        'sightings': count(*)
    }) AS VARCHAR) AS details
FROM marked AS m
JOIN returned AS r ON r.ppid = m.ppid AND r.part = m.part
JOIN clock AS c ON c.ppid = m.ppid AND c.part = m.part
JOIN observation AS o ON o.observation_no = m.observation_no
WHERE m.at_change AND m.received_at >= r.from_at AND m.received_at <= r.to_at
GROUP BY m.ppid, m.part
ORDER BY subject_type, subject_id, details
