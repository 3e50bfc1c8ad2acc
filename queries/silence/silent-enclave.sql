-- ---
-- id = "silent-enclave"
-- title = "A launch that should have attested and did not"
-- version = 7
-- fingerprint_version = 1
-- status = "stable"
-- severity = "critical"
-- sig = false
-- question = "Which launches stayed silent past the time that they had to attest, and which answer only with failures?"
-- why = "An enclave that fails is still talking; one that is silent may not be an enclave at all. Silence therefore escalates faster than failure."
-- inputs = ["launch", "observation", "stop", "workload"]
-- requires = ["launch"]
-- waits_for = ["observation"]
-- scope = ["container_id", "enclave_id"]
-- suspects = """
-- SELECT e.container_id, e.enclave_id
-- FROM silent AS s
-- JOIN expected AS e ON e.launch_key = s.launch_key
-- UNION ALL
-- SELECT container_id, enclave_id FROM attestation WHERE NOT passed"""
-- discriminator = ["kind", "container_id", "launch_no"]
-- grain = "one row per launch and kind"
-- nulls = "a launch without container and enclave id, or without a time, is counted as not evaluable; a verdict that was not logged is neither success nor failure; a weak TCB status that the policy allowed is a success"
-- false_positives = ["a collector that lost the attestation log", "clocks that disagree by more than an attestation takes", "a stop that was not logged"]
-- blind_spots = ["silence after the first attestation", "a launch that no log shows", "a launch under another runtime than the manifest names"]
-- attack = ["evidence suppression", "launch outside the enclave"]
-- spec = ["RFC 9334, section 4 (roles)", "detector D48"]
-- created = 2026-11-23
-- updated = 2026-11-30
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [params.attest_within]
-- type = "INTERVAL"
-- default = "30s"
-- meaning = "time a launch has to attest, where the manifest does not say; the second window is as long"
-- [params.as_of]
-- type = "TIMESTAMPTZ"
-- meaning = "the case's cut-off: a window that had not closed by then raises nothing"
-- [details]
-- kind = "silent or failing"
-- enclave_id = "as logged by the launch"
-- container_id = "as logged by the launch"
-- launch_no = "the first, second, ... launch of that container or enclave"
-- workload_id = "as logged by the launch"
-- node_id = "as logged by the launch"
-- runtime = "as logged by the launch"
-- launched_at = "when"
-- missed_windows = "1, or 2 for two and more; null when failing"
-- attested_at = "its first attestation at all, up to the cut-off"
-- margin_ms = "how long after the end of its first window it was first heard, or the wait ended, by the verifier's clock; null when failing"
-- skew_ms = "how far the verifier's clock was ahead of the host's, the way included: received_at less quote_generated_at of that evidence; null: not logged, or none"
-- skew_explains = "by the host's own clock, which stamped the launch, that evidence was made inside the window; null: not known"
-- failures = "failed attestations of the launch; null when silent"
-- failures_in_a_row = "the longest run of them without a success between; null when silent"
-- [sides]
-- fact = "attestation"
-- "the launch log: launched at" = "launched_at"
-- "first attested" = "attested_at"
-- [[not_evaluable]]
-- reason = "launch without a time, or without container and enclave id"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM launch
-- WHERE coalesce(expects_attestation, TRUE)
--     AND (timestamp IS NULL OR coalesce(container_id, enclave_id) IS NULL)"""
-- ---
-- A launch event collected twice is one launch.
WITH start AS (
    SELECT
        container_id, enclave_id, timestamp AS launched_at,
        min(workload_id) AS workload_id,
        min(node_id) AS node_id,
        min(runtime) AS runtime,
        bool_and(coalesce(expects_attestation, TRUE)) AS expects_attestation
    FROM launch
    WHERE timestamp IS NOT NULL AND coalesce(container_id, enclave_id) IS NOT NULL
    GROUP BY container_id, enclave_id, timestamp
),
numbered AS (
    SELECT
        container_id, enclave_id, launched_at, workload_id, node_id, runtime, expects_attestation,
        row_number() OVER (ORDER BY launched_at, container_id, enclave_id) AS launch_key,
        row_number() OVER (
            PARTITION BY container_id, enclave_id ORDER BY launched_at
        ) AS launch_no,
        lead(launched_at) OVER (
            PARTITION BY container_id, enclave_id ORDER BY launched_at
        ) AS relaunched_at
    FROM start
),
attesting_runtime AS (
    SELECT DISTINCT runtime FROM workload WHERE runtime IS NOT NULL
),
attesting_runtimes AS (
    SELECT count(*) AS known FROM attesting_runtime
),
-- Expected to attest: the launch does not deny it, and where a manifest says which runtimes
-- attest, its runtime is one of them.
expected AS (
    SELECT
        n.launch_key, n.container_id, n.enclave_id, n.launched_at, n.workload_id, n.node_id,
        n.runtime, n.launch_no, n.relaunched_at,
        coalesce(w.attest_within_ms * INTERVAL '1' MILLISECOND, $attest_within) AS patience
    FROM numbered AS n
    LEFT JOIN workload AS w ON w.workload_id = n.workload_id
    LEFT JOIN attesting_runtime AS r ON r.runtime = n.runtime
    CROSS JOIN attesting_runtimes AS k
    WHERE n.expects_attestation
        AND CASE
            WHEN n.runtime IS NULL THEN TRUE
            WHEN w.runtime IS NOT NULL THEN n.runtime = w.runtime
            ELSE k.known = 0 OR r.runtime IS NOT NULL
        END
),
-- A failed attestation is an attestation: the enclave was heard. It failed when the verifier did
-- not say OK or its policy refused.
attestation AS (
    SELECT
        observation_no, container_id, enclave_id, received_at,
        CASE WHEN NOT claimed_policy_allowed THEN FALSE ELSE claimed_ok END AS passed
    FROM observation
    WHERE (event_type = 'enclave_attestation' OR quote_id IS NOT NULL)
        AND received_at IS NOT NULL
        AND received_at <= $as_of
),
-- What speaks for a launch: the same container, else, where one side does not name a container,
-- the same enclave. Each way is a lane with launches, answers and stops in one order of time.
lane AS (
    SELECT 'container' AS lane, container_id AS name, launch_key, launched_at
    FROM expected
    WHERE container_id IS NOT NULL
    UNION ALL
    SELECT
        CASE WHEN container_id IS NULL THEN 'enclave' ELSE 'bare enclave' END AS lane,
        enclave_id AS name, launch_key, launched_at
    FROM expected
    WHERE enclave_id IS NOT NULL
),
span AS (
    SELECT lane, name, min(launched_at) AS first_at, max(launched_at) AS last_at
    FROM lane
    GROUP BY lane, name
),
word AS (
    SELECT container_id, enclave_id, received_at AS moment, observation_no FROM attestation
    UNION ALL
    SELECT container_id, enclave_id, timestamp, NULL FROM stop
),
-- After the last launch of a lane only the first answer and the first stop say anything.
first_word AS (
    SELECT
        lane, name,
        min(moment) AS moment,
        min_by(observation_no, {'at': moment, 'no': observation_no}) AS observation_no
    FROM (
        SELECT s.lane, s.name, s.last_at, w.moment, w.observation_no
        FROM span AS s
        JOIN word AS w ON w.container_id = s.name AND w.moment >= s.first_at
        WHERE s.lane = 'container'
        UNION ALL
        SELECT s.lane, s.name, s.last_at, w.moment, w.observation_no
        FROM span AS s
        JOIN word AS w ON w.enclave_id = s.name AND w.moment >= s.first_at
        WHERE s.lane = 'enclave' OR (s.lane = 'bare enclave' AND w.container_id IS NULL)
    ) AS spoken
    GROUP BY lane, name, observation_no IS NULL, CASE WHEN moment < last_at THEN moment END
),
answer AS (
    SELECT
        lane, name, moment, observation_no,
        row_number() OVER (ORDER BY moment, observation_no, lane, name) AS answer_no
    FROM first_word
    WHERE observation_no IS NOT NULL
),
-- The first of each from a launch on: what comes at its moment counts.
awaited AS (
    SELECT launch_key, min(answer_no) AS answer_no, min(stopped_at) AS stopped_at
    FROM (
        SELECT
            launch_key,
            min(answer_no) OVER later AS answer_no,
            min(stopped_at) OVER later AS stopped_at
        FROM (
            SELECT
                lane, name, launched_at AS moment, launch_key,
                CAST(NULL AS BIGINT) AS answer_no,
                CAST(NULL AS TIMESTAMPTZ) AS stopped_at
            FROM lane
            UNION ALL
            SELECT lane, name, moment, NULL, answer_no, NULL FROM answer
            UNION ALL
            SELECT lane, name, moment, NULL, NULL, moment
            FROM first_word
            WHERE observation_no IS NULL
        ) AS timeline
        WINDOW later AS (
            PARTITION BY lane, name ORDER BY moment DESC, launch_key NULLS FIRST
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        )
    ) AS ahead
    WHERE launch_key IS NOT NULL
    GROUP BY launch_key
),
-- What comes after a relaunch speaks for the earlier launch only inside that one's windows.
first_heard AS (
    SELECT e.launch_key, o.observation_id, o.received_at, o.quote_generated_at
    FROM expected AS e
    JOIN awaited AS w ON w.launch_key = e.launch_key
    JOIN answer AS a
        ON a.answer_no = w.answer_no
        AND (
            e.relaunched_at IS NULL
            OR a.moment < greatest(e.relaunched_at, e.launched_at + e.patience + e.patience)
        )
    JOIN observation AS o ON o.observation_no = a.observation_no
),
-- The wait ends with the first attestation, the stop or the cut-off.
wait AS (
    SELECT
        e.launch_key, e.patience, e.launched_at,
        h.observation_id,
        h.received_at AS attested_at,
        h.quote_generated_at AS made_at,
        least(
            coalesce(h.received_at, $as_of), coalesce(w.stopped_at, $as_of), $as_of
        ) AS silent_until
    FROM expected AS e
    JOIN awaited AS w ON w.launch_key = e.launch_key
    LEFT JOIN first_heard AS h ON h.launch_key = e.launch_key
),
silent AS (
    SELECT
        launch_key, attested_at, silent_until,
        launched_at + patience AS missed_at,
        epoch(attested_at) - epoch(made_at) AS skew,
        CASE
            WHEN made_at IS NOT NULL
                THEN made_at >= launched_at AND made_at < launched_at + patience
        END AS skew_explains,
        CASE
            WHEN silent_until >= launched_at + patience + patience THEN 2 ELSE 1
        END AS missed_windows,
        CASE
            WHEN observation_id IS NULL THEN CAST([] AS VARCHAR[]) ELSE [observation_id]
        END AS observation_ids
    FROM wait
    WHERE silent_until >= launched_at + patience
),
-- Only launches near which something failed are asked for their attempts.
failed AS (
    SELECT container_id, enclave_id FROM attestation WHERE NOT passed
),
troubled AS (
    SELECT container_id, enclave_id
    FROM numbered
    WHERE container_id IN (SELECT container_id FROM failed)
        OR enclave_id IN (SELECT enclave_id FROM failed)
),
tried AS (
    SELECT observation_no, container_id, enclave_id, received_at, passed
    FROM attestation
    WHERE passed IS NOT NULL
        AND (
            container_id IN (SELECT container_id FROM troubled)
            OR enclave_id IN (SELECT enclave_id FROM troubled)
        )
),
-- An attempt belongs to the launch before it: the last of its container and enclave, else the
-- last of its lanes.
event AS (
    SELECT
        container_id, enclave_id, launched_at AS moment, launch_key,
        CAST(NULL AS BIGINT) AS observation_no
    FROM numbered
    UNION ALL
    SELECT container_id, enclave_id, received_at, NULL, observation_no FROM tried
),
owned AS (
    SELECT
        observation_no,
        coalesce(max(CASE WHEN lane = 'both' THEN launch_key END), max(launch_key)) AS launch_key
    FROM (
        SELECT
            lane, observation_no,
            max(launch_key) OVER (
                PARTITION BY lane, container_id, enclave_id
                ORDER BY moment, observation_no NULLS FIRST
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ) AS launch_key
        FROM (
            SELECT 'both' AS lane, container_id, enclave_id, moment, launch_key, observation_no
            FROM event
            WHERE container_id IS NOT NULL AND enclave_id IS NOT NULL
            UNION ALL
            SELECT 'container', container_id, NULL, moment, launch_key, observation_no
            FROM event
            WHERE container_id IS NOT NULL
            UNION ALL
            SELECT 'enclave', NULL, enclave_id, moment, launch_key, observation_no
            FROM event
            WHERE enclave_id IS NOT NULL AND (container_id IS NULL OR launch_key IS NULL)
            UNION ALL
            SELECT 'bare enclave', NULL, enclave_id, moment, launch_key, observation_no
            FROM event
            WHERE enclave_id IS NOT NULL AND (container_id IS NULL) = (launch_key IS NULL)
        ) AS laned
    ) AS before
    WHERE observation_no IS NOT NULL
    GROUP BY observation_no
),
-- One event collected twice is one attempt.
copied AS (
    SELECT
        w.launch_key, o.observation_id, t.observation_no, t.received_at, t.passed,
        row_number() OVER (
            PARTITION BY
                w.launch_key, o.event_id, o.session_id, o.nonce,
                CASE WHEN o.event_id IS NULL THEN t.received_at END
            ORDER BY t.received_at, t.observation_no
        ) AS copy
    FROM tried AS t
    JOIN owned AS w ON w.observation_no = t.observation_no AND w.launch_key IS NOT NULL
    JOIN observation AS o ON o.observation_no = t.observation_no
),
attempt AS (
    SELECT
        launch_key, observation_id, observation_no, received_at, passed,
        sum(CASE WHEN passed THEN 1 ELSE 0 END) OVER (
            PARTITION BY launch_key ORDER BY received_at, observation_no
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS successes_before
    FROM copied
    WHERE copy = 1
),
failure_run AS (
    SELECT
        launch_key, successes_before,
        count(*) AS failures,
        min(received_at) AS first_seen,
        max(received_at) AS last_seen,
        string_agg(observation_id, ' ' ORDER BY received_at, observation_no) AS observations
    FROM attempt
    WHERE NOT passed
    GROUP BY launch_key, successes_before
),
failing AS (
    SELECT
        launch_key,
        CAST(sum(failures) AS BIGINT) AS failures,
        max(failures) AS failures_in_a_row,
        min(first_seen) AS first_seen,
        max(last_seen) AS last_seen,
        string_split(string_agg(observations, ' ' ORDER BY successes_before), ' ')
            AS observation_ids
    FROM failure_run
    GROUP BY launch_key
),
told AS (
    SELECT
        launch_key, 'silent' AS kind, missed_at AS first_seen, silent_until AS last_seen,
        observation_ids,
        CASE missed_windows WHEN 1 THEN 'high' ELSE 'critical' END AS severity,
        missed_windows, attested_at,
        epoch(silent_until) - epoch(missed_at) AS margin, skew, skew_explains,
        CAST(NULL AS BIGINT) AS failures,
        CAST(NULL AS BIGINT) AS failures_in_a_row
    FROM silent
    UNION ALL
    SELECT
        f.launch_key, 'failing' AS kind, f.first_seen, f.last_seen,
        f.observation_ids,
        CASE WHEN f.failures_in_a_row >= 3 THEN 'high' ELSE 'medium' END AS severity,
        CAST(NULL AS INTEGER) AS missed_windows, h.received_at AS attested_at,
        CAST(NULL AS DOUBLE) AS margin, CAST(NULL AS DOUBLE) AS skew,
        CAST(NULL AS BOOLEAN) AS skew_explains,
        f.failures, f.failures_in_a_row
    FROM failing AS f
    JOIN first_heard AS h ON h.launch_key = f.launch_key
)
SELECT
    CASE WHEN e.enclave_id IS NULL THEN 'container' ELSE 'enclave' END AS subject_type,
    coalesce(e.enclave_id, e.container_id) AS subject_id,
    t.first_seen,
    t.last_seen,
    t.observation_ids,
    t.severity,
    CASE
        WHEN t.kind = 'failing' THEN 'Attestation failed ' || CAST(t.failures AS VARCHAR)
            || ' time(s), up to ' || CAST(t.failures_in_a_row AS VARCHAR) || ' in a row'
        WHEN t.attested_at IS NULL THEN 'Launched, and never attested'
            || CASE t.missed_windows WHEN 1 THEN ' in its first window' ELSE '' END
        ELSE 'Launched, and attested only '
            || CAST(CAST(epoch(t.attested_at) - epoch(e.launched_at) AS BIGINT) AS VARCHAR)
            || ' s later'
            || CASE WHEN t.skew_explains THEN ', by the host''s own clock in time' ELSE '' END
    END
    || coalesce(' (workload ' || e.workload_id || ')', '') AS summary,
    CAST(to_json({
        'kind': t.kind,
        'enclave_id': e.enclave_id,
        'container_id': e.container_id,
        'launch_no': e.launch_no,
        'workload_id': e.workload_id,
        'node_id': e.node_id,
        'runtime': e.runtime,
        'launched_at': e.launched_at,
        'missed_windows': t.missed_windows,
        'attested_at': t.attested_at,
        'margin_ms': CAST(t.margin * 1000 AS BIGINT),
        'skew_ms': CAST(t.skew * 1000 AS BIGINT),
        'skew_explains': t.skew_explains,
        'failures': t.failures,
        'failures_in_a_row': t.failures_in_a_row
    }) AS VARCHAR) AS details
FROM told AS t
JOIN expected AS e ON e.launch_key = t.launch_key
ORDER BY subject_type, subject_id, details
