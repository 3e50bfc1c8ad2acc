-- ---
-- id = "replayed-quote"
-- title = "One signing event presented again in another context"
-- version = 8
-- fingerprint_version = 1
-- status = "stable"
-- severity = "critical"
-- sig = true
-- question = "Which quotes were presented again after the attestation that they were made for?"
-- why = "A quote proves a state at the moment of signing. Shown again later or elsewhere it proves nothing about who shows it."
-- inputs = ["observation", "quote", "reshown"]
-- scope = ["signature_r"]
-- suspects = "SELECT signature_r FROM sighting"
-- discriminator = []
-- grain = "one row per signing event"
-- nulls = "a sighting without time, session and context differs in nothing that is known: silent, and counted as not evaluable"
-- false_positives = ["boot-time evidence that is served to many readers by design", "devices that queue evidence while offline"]
-- blind_spots = ["a replay whose original was never collected", "a relay in the same session and within the retry window, by the same enclave, node and address"]
-- attack = ["evidence replay"]
-- spec = ["RFC 9334, section 10", "detector D01 and D09"]
-- created = 2026-11-23
-- updated = 2026-12-01
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [params.retry_window]
-- type = "INTERVAL"
-- default = "60s"
-- meaning = "a sighting up to this much later may be a retry (same session, or no session logged; same enclave, node and peer)"
-- [details]
-- original = "observation id of the first sighting"
-- replays = "number of replays, collector's copies aside"
-- accepted = "number of replays that the verifier called good"
-- seconds_after = "seconds from the original to the first replay; null when either has no time"
-- last_seconds_after = "seconds from the original to the last replay"
-- enclaves = "enclave ids of original and replays"
-- nonce_matched = "do the replays carry the original's nonce? null when none was logged on one side"
-- margin_ms = "where nothing but time sets the replays apart: by how much the last one came after the retry window; null: the context differs"
-- skew_explains = "false where one verifier's clock stamped original and replays, so that no skew explains margin_ms; null: several clocks, or no margin"
-- superseded = "what newer state had been seen between original and replay: isv_svn, measurement, tcb"
-- quotes = "number of distinct byte strings; more than one means that it was disguised"
-- [[not_evaluable]]
-- reason = "repeated quote without a time on one side and without anything else to compare"
-- count = """
-- WITH untimed AS (
--     SELECT quote_id
--     FROM observation
--     WHERE quote_id IN (SELECT quote_id FROM observation WHERE received_at IS NULL)
--     GROUP BY quote_id
--     HAVING count(*) > 1
-- )
-- SELECT count(*) AS unjudged FROM untimed"""
-- ---
-- The verifiers of one session may each see the evidence once: a retry is timed per verifier,
-- and where the verifier is not logged, per session.
WITH sighting AS (
    SELECT
        a.signing_id, q.signature_r, q.quote_id, q.tee, q.mrsigner, q.isv_prodid, q.isv_svn, q.ppid,
        q.tcb_components, q.pce_svn,
        coalesce(q.mrenclave, q.mrtd, q.measurement) AS measurement,
        o.observation_id, o.observation_no, o.event_id, o.session_id, o.nonce, o.enclave_id,
        o.node_id, o.peer, o.backend_verifier, o.received_at, o.claimed_ok,
        o.peer_address AS address,
        coalesce(o.workload_id, o.enclave_id) AS scope_id,
        CASE
            WHEN o.backend_verifier IS NULL
            THEN min(o.received_at) OVER (PARTITION BY a.signing_id, o.session_id)
            ELSE min(o.received_at) OVER (
                PARTITION BY a.signing_id, o.session_id, o.backend_verifier
            )
        END AS session_first_at,
        a.showing AS place,
        -- The collector's copies: one event id in one context, or, where the source gave no id,
        -- a record that agrees throughout.
        row_number() OVER (
            PARTITION BY
                a.signing_id, o.event_id, o.session_id, o.nonce, o.enclave_id, o.container_id,
                o.node_id, o.peer,
                CASE WHEN o.event_id IS NULL THEN o.timestamp END,
                CASE WHEN o.event_id IS NULL THEN o.received_at END
            ORDER BY o.received_at, o.observation_no
        ) AS copy
    FROM reshown AS a
    JOIN observation AS o ON o.observation_no = a.observation_no
    JOIN quote AS q ON q.quote_no = o.quote_no AND q.proven
),
replay AS (
    SELECT
        later.signing_id, later.quote_id, later.observation_id, later.observation_no,
        later.received_at, later.enclave_id, later.claimed_ok, later.place, later.scope_id,
        later.nonce = original.nonce AS nonce_matched,
        original.received_at AS original_at,
        later.session_id <> original.session_id
        OR coalesce(later.enclave_id <> original.enclave_id, FALSE)
        OR coalesce(later.node_id <> original.node_id, FALSE)
        OR (
            coalesce(later.address <> original.address, FALSE)
            AND coalesce(later.backend_verifier = original.backend_verifier, TRUE)
        )
        OR (
            NOT coalesce(later.session_id = original.session_id, FALSE)
            AND (
                coalesce(later.nonce <> original.nonce, FALSE)
                OR coalesce(later.peer <> original.peer, FALSE)
            )
        ) AS elsewhere,
        epoch(later.received_at) - epoch(
            CASE
                WHEN later.session_id = original.session_id THEN later.session_first_at
                ELSE original.received_at
            END + $retry_window
        ) AS late_by,
        later.backend_verifier = original.backend_verifier AS one_clock
    FROM sighting AS later
    JOIN sighting AS original
        ON original.signing_id = later.signing_id AND original.place = 1
    WHERE later.place > 1
        AND later.copy = 1
        -- The same event, collected again with more or less around it, is no second event.
        AND NOT coalesce(
            later.event_id = original.event_id
            AND coalesce(later.session_id = original.session_id, TRUE)
            AND coalesce(later.nonce = original.nonce, TRUE)
            AND coalesce(later.enclave_id = original.enclave_id, TRUE)
            AND coalesce(later.node_id = original.node_id, TRUE)
            AND coalesce(later.peer = original.peer, TRUE),
            FALSE
        )
        AND CASE
            WHEN later.session_id <> original.session_id THEN TRUE
            -- A retry comes again from where it came from; its connection may be a new one. Two
            -- verifiers may see different ends of it.
            WHEN later.session_id = original.session_id
                THEN coalesce(later.enclave_id <> original.enclave_id, FALSE)
                OR coalesce(later.node_id <> original.node_id, FALSE)
                OR (
                    coalesce(later.address <> original.address, FALSE)
                    AND coalesce(later.backend_verifier = original.backend_verifier, TRUE)
                )
                OR coalesce(later.received_at > later.session_first_at + $retry_window, FALSE)
            ELSE coalesce(later.nonce <> original.nonce, FALSE)
                OR coalesce(later.enclave_id <> original.enclave_id, FALSE)
                OR coalesce(later.node_id <> original.node_id, FALSE)
                OR coalesce(later.peer <> original.peer, FALSE)
                OR coalesce(later.received_at > original.received_at + $retry_window, FALSE)
        END
),
-- What else the same product, enclave or platform showed, and since when.
product_state AS (
    SELECT
        q.mrsigner, q.isv_prodid, q.isv_svn, coalesce(o.workload_id, o.enclave_id) AS scope_id,
        min(o.received_at) AS first_at
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    WHERE q.trusted AND q.mrsigner IN (
        SELECT s.mrsigner FROM sighting AS s JOIN replay AS r ON r.observation_no = s.observation_no
    )
    GROUP BY q.mrsigner, q.isv_prodid, q.isv_svn, coalesce(o.workload_id, o.enclave_id)
),
enclave_state AS (
    SELECT
        o.enclave_id, coalesce(q.mrenclave, q.mrtd, q.measurement) AS measurement,
        min(o.received_at) AS first_at
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    WHERE q.trusted AND o.enclave_id IN (SELECT enclave_id FROM replay)
    GROUP BY o.enclave_id, coalesce(q.mrenclave, q.mrtd, q.measurement)
),
platform_state AS (
    SELECT q.ppid, q.tcb_components, q.pce_svn, min(o.received_at) AS first_at
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    WHERE q.trusted AND q.ppid IN (
        SELECT s.ppid FROM sighting AS s JOIN replay AS r ON r.observation_no = s.observation_no
    )
    GROUP BY q.ppid, q.tcb_components, q.pce_svn
),
superseded AS (
    SELECT r.signing_id, 'isv_svn' AS state
    FROM replay AS r
    JOIN sighting AS s ON s.observation_no = r.observation_no
    JOIN product_state AS p
        ON p.mrsigner = s.mrsigner AND p.isv_prodid = s.isv_prodid AND p.scope_id = s.scope_id
    WHERE p.isv_svn > s.isv_svn AND p.first_at > r.original_at AND p.first_at < r.received_at
    UNION ALL
    SELECT r.signing_id, 'measurement' AS state
    FROM replay AS r
    JOIN sighting AS s ON s.observation_no = r.observation_no
    JOIN enclave_state AS e ON e.enclave_id = r.enclave_id
    WHERE e.measurement <> s.measurement
        AND e.first_at > r.original_at AND e.first_at < r.received_at
    UNION ALL
    SELECT r.signing_id, 'tcb' AS state
    FROM replay AS r
    JOIN sighting AS s ON s.observation_no = r.observation_no
    JOIN platform_state AS t ON t.ppid = s.ppid
    WHERE (t.tcb_components <> s.tcb_components OR t.pce_svn <> s.pce_svn)
        AND t.first_at > r.original_at AND t.first_at < r.received_at
),
superseded_states AS (
    SELECT signing_id, list_sort(list(DISTINCT state)) AS states
    FROM superseded
    GROUP BY signing_id
),
-- The original and its replays, in the order in which they came.
told AS (
    SELECT signing_id, quote_id, observation_id, enclave_id, place
    FROM sighting
    WHERE place = 1 AND signing_id IN (SELECT signing_id FROM replay)
    UNION ALL
    SELECT signing_id, quote_id, observation_id, enclave_id, place
    FROM replay
),
story AS (
    SELECT
        signing_id,
        count(DISTINCT quote_id) AS quotes,
        min_by(observation_id, place) AS original,
        list_sort(list(DISTINCT enclave_id) FILTER (WHERE enclave_id IS NOT NULL)) AS enclaves,
        string_split(string_agg(observation_id, ' ' ORDER BY place), ' ') AS observation_ids
    FROM told
    GROUP BY signing_id
),
tally AS (
    SELECT
        signing_id,
        count(*) AS replays,
        sum(CASE WHEN claimed_ok THEN 1 ELSE 0 END) AS accepted,
        min(received_at) AS first_seen,
        max(received_at) AS last_seen,
        min(original_at) AS original_at,
        bool_and(nonce_matched) AS nonce_matched,
        bool_or(elsewhere) AS elsewhere,
        max(late_by) AS late_by,
        bool_and(one_clock) AS one_clock
    FROM replay
    GROUP BY signing_id
)
SELECT
    'signing_event' AS subject_type,
    t.signing_id AS subject_id,
    t.first_seen,
    t.last_seen,
    s.observation_ids,
    CASE WHEN t.accepted > 0 THEN 'critical' ELSE 'high' END AS severity,
    'A quote was presented again ' || CAST(t.replays AS VARCHAR) || ' time(s)'
    || coalesce(
        ', first ' || CAST(CAST(epoch(t.first_seen) - epoch(t.original_at) AS BIGINT) AS VARCHAR)
        || ' s after the original', ''
    )
    || CASE
        WHEN t.accepted > 0 THEN '; the verifier accepted it ' || CAST(t.accepted AS VARCHAR)
        || ' time(s)' ELSE ''
    END
    || coalesce('; superseded meanwhile: ' || array_to_string(u.states, ', '), '') AS summary,
    CAST(to_json({
        'original': s.original,
        'replays': t.replays,
        'accepted': CAST(t.accepted AS BIGINT),
        'seconds_after': CAST(epoch(t.first_seen) - epoch(t.original_at) AS BIGINT),
        'last_seconds_after': CAST(epoch(t.last_seen) - epoch(t.original_at) AS BIGINT),
        'enclaves': s.enclaves,
        'nonce_matched': t.nonce_matched,
        'margin_ms': CASE
            WHEN NOT coalesce(t.elsewhere, FALSE) THEN CAST(t.late_by * 1000 AS BIGINT)
        END,
        'skew_explains': CASE
            WHEN NOT coalesce(t.elsewhere, FALSE) AND t.one_clock THEN FALSE
        END,
        'superseded': u.states,
        'quotes': s.quotes
    }) AS VARCHAR) AS details
FROM tally AS t
JOIN story AS s ON s.signing_id = t.signing_id
LEFT JOIN superseded_states AS u ON u.signing_id = t.signing_id
ORDER BY subject_type, subject_id
