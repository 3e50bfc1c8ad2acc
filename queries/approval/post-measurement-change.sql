-- ---
-- id = "post-measurement-change"
-- title = "A measured instance that changed after it was measured"
-- version = 3
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = true
-- question = "Which instances kept their measurement, and changed a run-time register or their configuration without an approval?"
-- why = "The measurement is taken at the start. What is loaded later shows in the run-time registers alone, and what the code does is decided by a configuration that stands beside it: the same good measurement, another service."
-- inputs = ["observation", "quote", "reference_value", "reshown"]
-- requires = ["quote"]
-- scope = ["container_id", "enclave_id", "signature_r"]
-- discriminator = ["part", "measurement"]
-- grain = "one row per instance, measurement and part"
-- nulls = "evidence without a time, or without container and enclave, is counted; a field that a version does not have is not compared"
-- false_positives = ["an application that logs its own events into RTMR3 by design: name the values in the manifest, or read it as a trace", "an enclave id that serves several tenants, each with a configuration"]
-- blind_spots = ["what changes before the first evidence, or within boot_time of it", "code that is loaded without extending a register"]
-- attack = ["change between measurement and use"]
-- spec = ["Intel TDX module, RTMR extension", "Intel SGX key separation and sharing, CONFIGID", "detector D45"]
-- created = 2026-11-23
-- updated = 2026-11-29
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [params.boot_time]
-- type = "INTERVAL"
-- default = "5m"
-- meaning = "an instance may go on booting for this long after its first evidence"
-- [details]
-- part = "rtmr0 to rtmr3: of one container, else enclave; mr_config_id, mr_owner, mr_owner_config, config_id, config_svn: of one enclave"
-- measurement = "MRTD or MRENCLAVE, which stayed"
-- was = "value of the first evidence"
-- became = "other values, not approved when they were seen"
-- after_seconds = "from the first evidence to the first change, by the verifier's clock"
-- margin_ms = "by how much the last sighting of other values came after boot_time, by the verifiers' clocks"
-- skew_ms = "how much of the time since the first evidence the verifiers' clocks and the ways to them are, by the host's own clock, which says when both were made; else 0 where one verifier stamped both; null: not known"
-- skew_explains = "by the host's own clock all of them were made within boot_time; null: not known"
-- accepted = "number of sightings that the verifier called good"
-- sightings = "number of sightings with other values"
-- [[not_evaluable]]
-- reason = "quote without a time, or without container and enclave"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE q.trusted
--     AND (o.received_at IS NULL OR coalesce(o.container_id, o.enclave_id) IS NULL)"""
-- [[not_evaluable]]
-- reason = "quote proven, but under no trust anchor of the case, or not verified"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE coalesce(q.proven, TRUE) AND NOT coalesce(q.trusted, FALSE)"""
-- ---
-- Evidence shown again tells an old state: only its first showing counts.
WITH sighting AS (
    SELECT
        o.observation_id, o.observation_no, o.received_at, o.container_id, o.enclave_id,
        o.workload_id, o.claimed_ok, o.quote_generated_at AS made_at,
        o.backend_verifier AS verifier, q.quote_no,
        coalesce(q.mrtd, q.mrenclave) AS measurement
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    LEFT JOIN reshown AS a ON a.observation_no = o.observation_no AND a.trusted_showing > 1
    WHERE q.trusted
        AND a.observation_no IS NULL
        AND o.received_at IS NOT NULL
        AND coalesce(o.container_id, o.enclave_id) IS NOT NULL
        AND coalesce(q.mrtd, q.mrenclave) IS NOT NULL
),
-- Registers belong to one boot, a configuration to an enclave through its restarts.
scope AS (
    SELECT
        CASE WHEN container_id IS NULL THEN 'enclave' ELSE 'container' END AS subject_type,
        coalesce(container_id, enclave_id) AS subject_id, measurement, 'register' AS nature,
        observation_id, observation_no, received_at, workload_id, claimed_ok, quote_no,
        made_at, verifier
    FROM sighting
    UNION ALL
    SELECT
        'enclave' AS subject_type, enclave_id AS subject_id, measurement,
        'configuration' AS nature,
        observation_id, observation_no, received_at, workload_id, claimed_ok, quote_no,
        made_at, verifier
    FROM sighting
    WHERE enclave_id IS NOT NULL
),
-- Few instances ever change: only those are looked at further.
changed AS (
    SELECT s.subject_type, s.subject_id, s.measurement, s.nature
    FROM scope AS s
    JOIN quote AS q ON q.quote_no = s.quote_no
    GROUP BY s.subject_type, s.subject_id, s.measurement, s.nature
    HAVING (
            s.nature = 'register'
            AND (
                min(q.rtmr0) <> max(q.rtmr0) OR min(q.rtmr1) <> max(q.rtmr1)
                OR min(q.rtmr2) <> max(q.rtmr2) OR min(q.rtmr3) <> max(q.rtmr3)
            )
        )
        OR (
            s.nature = 'configuration'
            AND (
                min(q.mr_config_id) <> max(q.mr_config_id) OR min(q.mr_owner) <> max(q.mr_owner)
                OR min(q.mr_owner_config) <> max(q.mr_owner_config)
                OR min(q.config_id) <> max(q.config_id) OR min(q.config_svn) <> max(q.config_svn)
            )
        )
),
part AS (
    SELECT 'register' AS nature, 'rtmr0' AS part UNION ALL SELECT 'register', 'rtmr1'
    UNION ALL SELECT 'register', 'rtmr2' UNION ALL SELECT 'register', 'rtmr3'
    UNION ALL SELECT 'configuration', 'mr_config_id'
    UNION ALL SELECT 'configuration', 'mr_owner'
    UNION ALL SELECT 'configuration', 'mr_owner_config'
    UNION ALL SELECT 'configuration', 'config_id'
    UNION ALL SELECT 'configuration', 'config_svn'
),
reading AS (
    SELECT
        s.subject_type, s.subject_id, s.measurement, p.part, s.observation_id, s.observation_no,
        s.received_at, s.workload_id, s.claimed_ok, s.made_at, s.verifier,
        CASE p.part
            WHEN 'rtmr0' THEN q.rtmr0 WHEN 'rtmr1' THEN q.rtmr1
            WHEN 'rtmr2' THEN q.rtmr2 WHEN 'rtmr3' THEN q.rtmr3
            WHEN 'mr_config_id' THEN q.mr_config_id WHEN 'mr_owner' THEN q.mr_owner
            WHEN 'mr_owner_config' THEN q.mr_owner_config
            WHEN 'config_id' THEN q.config_id ELSE CAST(q.config_svn AS VARCHAR)
        END AS state
    FROM changed AS c
    JOIN scope AS s
        ON s.subject_type = c.subject_type AND s.subject_id = c.subject_id
        AND s.measurement = c.measurement AND s.nature = c.nature
    JOIN quote AS q ON q.quote_no = s.quote_no
    JOIN part AS p ON p.nature = s.nature
),
ordered AS (
    SELECT
        subject_type, subject_id, measurement, part, observation_id, observation_no, received_at,
        workload_id, claimed_ok, made_at, verifier, state,
        first_value(state) OVER life AS was,
        first_value(observation_id) OVER life AS first_observation,
        first_value(received_at) OVER life AS first_at,
        first_value(made_at) OVER life AS first_made,
        first_value(verifier) OVER life AS first_verifier
    FROM reading
    WHERE state IS NOT NULL
    WINDOW life AS (
        PARTITION BY subject_type, subject_id, measurement, part
        ORDER BY received_at, observation_no
    )
),
approved AS (
    SELECT DISTINCT o.observation_no, o.part
    FROM ordered AS o
    JOIN reference_value AS r
        ON r.mrtd = o.measurement
        AND coalesce(r.workload_id = o.workload_id, TRUE)
        AND CASE o.part
            WHEN 'rtmr0' THEN r.rtmr0 WHEN 'rtmr1' THEN r.rtmr1
            WHEN 'rtmr2' THEN r.rtmr2 WHEN 'rtmr3' THEN r.rtmr3
        END = o.state
        AND coalesce(o.received_at >= r.valid_from, TRUE)
        AND coalesce(o.received_at < r.valid_to, TRUE)
),
offence AS (
    SELECT
        o.subject_type, o.subject_id, o.measurement, o.part, o.observation_id, o.observation_no,
        o.received_at, o.claimed_ok, o.state, o.was, o.first_observation, o.first_at,
        epoch(o.received_at) - epoch(o.first_at + $boot_time) AS margin,
        coalesce(
            epoch(o.received_at) - epoch(o.first_at) - (epoch(o.made_at) - epoch(o.first_made)),
            CASE WHEN o.verifier = o.first_verifier THEN 0 END
        ) AS skew
    FROM ordered AS o
    LEFT JOIN approved AS a ON a.observation_no = o.observation_no AND a.part = o.part
    WHERE o.state <> o.was
        AND o.received_at >= o.first_at + $boot_time
        AND a.observation_no IS NULL
)
SELECT
    subject_type,
    subject_id,
    min(received_at) AS first_seen,
    max(received_at) AS last_seen,
    string_split(
        min(first_observation) || ' '
        || string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' '
    ) AS observation_ids,
    'high' AS severity,
    upper(part) || ' changed '
    || CAST(CAST(epoch(min(received_at)) - epoch(min(first_at)) AS BIGINT) AS VARCHAR)
    || ' s after the first evidence, under the same measurement ('
    || CAST(count(*) AS VARCHAR) || ' sighting(s))'
    || CASE
        WHEN bool_and(coalesce(margin < skew, FALSE))
            THEN ', by the host''s own clock while it booted'
        ELSE ''
    END AS summary,
    CAST(to_json({
        'part': part,
        'measurement': min(measurement),
        'was': min(was),
        'became': list_sort(list(DISTINCT state)),
        'after_seconds': CAST(epoch(min(received_at)) - epoch(min(first_at)) AS BIGINT),
        'margin_ms': CAST(max(margin) * 1000 AS BIGINT),
        'skew_ms': CAST(max(skew) * 1000 AS BIGINT),
        'skew_explains': CASE
            WHEN count(skew) > 0 THEN bool_and(coalesce(margin < skew, FALSE))
        END,
        'accepted': CAST(sum(CASE WHEN claimed_ok THEN 1 ELSE 0 END) AS BIGINT),
        'sightings': count(*)
    }) AS VARCHAR) AS details
FROM offence
GROUP BY subject_type, subject_id, measurement, part
ORDER BY subject_type, subject_id, details
