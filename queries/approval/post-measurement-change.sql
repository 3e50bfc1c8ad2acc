-- ---
-- id = "post-measurement-change"
-- title = "A measured instance that changed after it was measured"
-- version = 5
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = true
-- question = "Which instances kept their measurement, and changed a run-time register or their configuration without an approval?"
-- why = "The measurement is taken at the start. What is loaded later shows in the run-time registers alone, and what the code does is decided by a configuration that stands beside it: the same good measurement, another service."
-- inputs = ["observation", "quote", "reference_value", "reshown"]
-- requires = ["quote"]
-- scope = ["container_id", "enclave_id", "signature_r"]
-- suspects = "SELECT subject_id AS container_id, subject_id AS enclave_id FROM changed"
-- discriminator = ["part", "measurement"]
-- grain = "one row per instance, measurement and part"
-- nulls = "evidence without a time, or without container and enclave, is counted; a field that a version does not have is not compared"
-- false_positives = ["an application that logs its own events into RTMR3 by design: name the values in the manifest, or read it as a trace", "an enclave id that serves several tenants, each with a configuration"]
-- blind_spots = ["what changes before the first evidence, or within boot_time of it", "code that is loaded without extending a register"]
-- attack = ["change between measurement and use"]
-- spec = ["Intel TDX module, RTMR extension", "Intel SGX key separation and sharing, CONFIGID", "detector D45"]
-- created = 2026-11-23
-- updated = 2026-11-30
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
-- [sides]
-- fact = "measured part"
-- was = "was"
-- became = "became"
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
WITH shown AS (
    SELECT
        min(o.observation_no) AS shown_no, o.container_id, o.enclave_id, q.mrtd, q.mrenclave,
        q.rtmr0, q.rtmr1, q.rtmr2, q.rtmr3, q.mr_config_id, q.mr_owner, q.mr_owner_config,
        q.config_id, q.config_svn
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    LEFT JOIN reshown AS a ON a.observation_no = o.observation_no AND a.trusted_showing > 1
    WHERE q.trusted
        AND a.observation_no IS NULL
        AND o.received_at IS NOT NULL
        AND coalesce(o.container_id, o.enclave_id) IS NOT NULL
        AND coalesce(q.mrtd, q.mrenclave) IS NOT NULL
    GROUP BY
        o.container_id, o.enclave_id, q.mrtd, q.mrenclave, q.rtmr0, q.rtmr1, q.rtmr2, q.rtmr3,
        q.mr_config_id, q.mr_owner, q.mr_owner_config, q.config_id, q.config_svn
),
-- Registers belong to one boot, a configuration to an enclave through its restarts.
scope AS (
    SELECT
        shown_no, 'register' AS nature,
        CASE WHEN container_id IS NULL THEN 'enclave' ELSE 'container' END AS subject_type,
        coalesce(container_id, enclave_id) AS subject_id,
        coalesce(mrtd, mrenclave) AS measurement, rtmr0, rtmr1, rtmr2, rtmr3,
        NULL AS mr_config_id, NULL AS mr_owner, NULL AS mr_owner_config, NULL AS config_id,
        NULL AS config_svn
    FROM shown
    UNION ALL
    SELECT
        shown_no, 'configuration' AS nature, 'enclave' AS subject_type, enclave_id AS subject_id,
        coalesce(mrtd, mrenclave) AS measurement, NULL, NULL, NULL, NULL,
        mr_config_id, mr_owner, mr_owner_config, config_id, config_svn
    FROM shown
    WHERE enclave_id IS NOT NULL
),
-- Few instances ever change: only those are looked at further.
changed AS (
    SELECT subject_type, subject_id, measurement, nature
    FROM scope
    GROUP BY subject_type, subject_id, measurement, nature
    HAVING min(rtmr0) <> max(rtmr0) OR min(rtmr1) <> max(rtmr1)
        OR min(rtmr2) <> max(rtmr2) OR min(rtmr3) <> max(rtmr3)
        OR min(mr_config_id) <> max(mr_config_id) OR min(mr_owner) <> max(mr_owner)
        OR min(mr_owner_config) <> max(mr_owner_config)
        OR min(config_id) <> max(config_id) OR min(config_svn) <> max(config_svn)
),
suspect AS (
    SELECT
        s.shown_no, s.subject_type, s.subject_id, s.measurement, s.nature, s.rtmr0, s.rtmr1,
        s.rtmr2, s.rtmr3, s.mr_config_id, s.mr_owner, s.mr_owner_config, s.config_id, s.config_svn
    FROM scope AS s
    JOIN changed AS c
        ON c.subject_type = s.subject_type AND c.subject_id = s.subject_id
        AND c.measurement = s.measurement AND c.nature = s.nature
),
-- The sightings of instances that changed, one by one; shown_no is that of their group above.
sighting AS (
    SELECT
        min(o.observation_no) OVER (
            PARTITION BY
                o.container_id, o.enclave_id, q.mrtd, q.mrenclave, q.rtmr0, q.rtmr1, q.rtmr2,
                q.rtmr3, q.mr_config_id, q.mr_owner, q.mr_owner_config, q.config_id, q.config_svn
        ) AS shown_no,
        o.observation_no, o.received_at, o.workload_id, o.claimed_ok, o.made_at, o.verifier
    FROM (
        SELECT
            observation_no, quote_no, container_id, enclave_id, received_at, workload_id,
            claimed_ok, quote_generated_at AS made_at, backend_verifier AS verifier
        FROM observation
        WHERE container_id IN (SELECT subject_id FROM changed)
            OR enclave_id IN (SELECT subject_id FROM changed)
    ) AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    LEFT JOIN reshown AS a ON a.observation_no = o.observation_no AND a.trusted_showing > 1
    WHERE q.trusted AND a.observation_no IS NULL AND o.received_at IS NOT NULL
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
        c.subject_type, c.subject_id, c.measurement, p.part, s.observation_no, s.received_at,
        s.workload_id, s.claimed_ok, s.made_at, s.verifier,
        CASE p.part
            WHEN 'rtmr0' THEN c.rtmr0 WHEN 'rtmr1' THEN c.rtmr1
            WHEN 'rtmr2' THEN c.rtmr2 WHEN 'rtmr3' THEN c.rtmr3
            WHEN 'mr_config_id' THEN c.mr_config_id WHEN 'mr_owner' THEN c.mr_owner
            WHEN 'mr_owner_config' THEN c.mr_owner_config
            WHEN 'config_id' THEN c.config_id ELSE CAST(c.config_svn AS VARCHAR)
        END AS state
    FROM suspect AS c
    JOIN sighting AS s ON s.shown_no = c.shown_no
    JOIN part AS p ON p.nature = c.nature
),
ordered AS (
    SELECT
        subject_type, subject_id, measurement, part, observation_no, received_at,
        workload_id, claimed_ok, made_at, verifier, state,
        first_value(state) OVER life AS was,
        first_value(observation_no) OVER life AS first_no,
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
        o.subject_type, o.subject_id, o.measurement, o.part, o.observation_no,
        o.received_at, o.claimed_ok, o.state, o.was, o.first_no, o.first_at,
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
),
told AS (
    SELECT
        f.subject_type, f.subject_id, f.measurement, f.part, f.observation_no, f.received_at,
        f.claimed_ok, f.state, f.was, f.first_at, f.margin, f.skew,
        o.observation_id, w.observation_id AS first_observation
    FROM offence AS f
    JOIN observation AS o ON o.observation_no = f.observation_no
    JOIN observation AS w ON w.observation_no = f.first_no
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
FROM told
GROUP BY subject_type, subject_id, measurement, part
ORDER BY subject_type, subject_id, details
