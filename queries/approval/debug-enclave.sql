-- ---
-- id = "debug-enclave"
-- title = "An enclave, TD or guest that its host can read"
-- version = 5
-- fingerprint_version = 1
-- status = "stable"
-- severity = "critical"
-- sig = true
-- question = "Which genuine quotes come from an enclave, TD or SNP guest in debug mode, or from a TD with performance monitoring on?"
-- why = "A debuggable enclave, TD or guest has no confidentiality: its host reads and writes its memory, while its measurement stays that of the real one. Performance counters in a TD are a side channel, and belong to development as well."
-- inputs = ["observation", "quote"]
-- requires = ["quote"]
-- scope = ["observation_id"]
-- discriminator = []
-- grain = "one row per instance"
-- nulls = "a quote whose attributes were not read is not reported"
-- false_positives = ["development fleets", "a TD that is profiled on purpose: attributes is then performance_monitoring alone"]
-- blind_spots = ["service TDs that may debug, and migration"]
-- attack = ["debug launch of a production build"]
-- spec = ["Intel SDM volume 3D, ATTRIBUTES.DEBUG", "Intel TDX module, TD ATTRIBUTES.DEBUG", "AMD 56860, guest policy DEBUG", "detector D40"]
-- created = 2026-11-23
-- updated = 2026-11-29
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [details]
-- tee = "sgx, tdx or snp"
-- attributes = "what opens them: debug, performance_monitoring"
-- measurements = "MRENCLAVE, MRTD or SNP measurement of the debuggable ones"
-- workloads = "workload ids as logged"
-- accepted = "number of sightings that the verifier called good"
-- sightings = "number of sightings"
-- [sides]
-- fact = "debug mode"
-- "accepted, times" = "accepted"
-- debuggable = "measurements"
-- [[not_evaluable]]
-- reason = "quote proven, but under no trust anchor of the case, or not verified"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE (q.debug OR substr(q.td_attributes, 1, 2) <> '00' OR substr(q.td_attributes, 15, 1) >= '8')
--     AND coalesce(q.proven, TRUE) AND NOT coalesce(q.trusted, FALSE)"""
-- ---
WITH sighting AS (
    SELECT
        o.observation_id, o.observation_no, o.received_at, o.workload_id, o.claimed_ok,
        CASE
            WHEN o.enclave_id IS NOT NULL THEN 'enclave'
            WHEN o.container_id IS NOT NULL THEN 'container'
            ELSE 'quote'
        END AS subject_type,
        coalesce(o.enclave_id, o.container_id, o.quote_id) AS subject_id,
        q.tee,
        CASE
            WHEN q.debug OR substr(q.td_attributes, 1, 2) <> '00' THEN 'debug'
            ELSE 'performance_monitoring'
        END AS attribute,
        coalesce(q.mrenclave, q.mrtd, q.measurement) AS measurement
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    WHERE q.trusted
        -- Any bit of a TD's first attribute byte puts it under debug; its bit 63 is PERFMON.
        AND (
            q.debug
            OR substr(q.td_attributes, 1, 2) <> '00'
            OR substr(q.td_attributes, 15, 1) >= '8'
        )
)
SELECT
    subject_type,
    subject_id,
    min(received_at) AS first_seen,
    max(received_at) AS last_seen,
    string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
        AS observation_ids,
    'critical' AS severity,
    CASE
        WHEN bool_or(attribute = 'debug') THEN 'Debug mode: the host can read it ('
        ELSE 'Performance monitoring is on: no production TD ('
    END
    || CAST(count(*) AS VARCHAR)
    || ' sighting(s), accepted by the verifier '
    || CAST(sum(CASE WHEN claimed_ok THEN 1 ELSE 0 END) AS VARCHAR) || ' time(s))' AS summary,
    CAST(to_json({
        'tee': min(tee),
        'attributes': list_sort(list(DISTINCT attribute)),
        'measurements': list_sort(list(DISTINCT measurement)),
        'workloads': list_sort(list(DISTINCT workload_id) FILTER (WHERE workload_id IS NOT NULL)),
        'accepted': CAST(sum(CASE WHEN claimed_ok THEN 1 ELSE 0 END) AS BIGINT),
        'sightings': count(*)
    }) AS VARCHAR) AS details
FROM sighting
GROUP BY subject_type, subject_id
ORDER BY subject_type, subject_id
