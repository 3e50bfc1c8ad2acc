-- ---
-- id = "weak-status-accepted"
-- title = "Accepted with a weak TCB status"
-- version = 3
-- fingerprint_version = 1
-- status = "stable"
-- severity = "medium"
-- sig = true
-- question = "Which platforms did verifiers call good although Intel's status at that time was weaker than the policy accepts?"
-- why = "A weak status is a known vulnerability that nobody closed. Accepting it may be a decision; then it should be written down, and it should end."
-- inputs = ["observation", "policy", "quote", "verdict"]
-- requires = ["verdict"]
-- scope = ["observation_id"]
-- discriminator = ["status"]
-- grain = "one row per platform and status"
-- nulls = "an OK whose status could not be recomputed is counted; a platform without PPID is told by its attestation key; without a policy the parameter decides"
-- false_positives = ["an exception that the manifest does not record", "a configuration that is safe although the certificate cannot say so (ConfigurationNeeded: low)"]
-- blind_spots = ["OK without a quote: claims are policy-contradiction's business"]
-- attack = ["known vulnerability of the platform"]
-- spec = ["Intel SGX DCAP: TCB status", "detector D39"]
-- created = 2026-11-23
-- updated = 2026-11-29
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [params.accept]
-- type = "VARCHAR[]"
-- default = "UpToDate, SWHardeningNeeded"
-- meaning = "TCB statuses that are good enough, where the manifest's policy does not say"
-- [details]
-- status = "recomputed with the collateral of the time"
-- claimed_levels = "tcb_level as the verifier logged it"
-- advisory_ids = "Intel's advisories for the level"
-- verifiers = "verifiers that said OK"
-- enclaves = "enclave ids on the platform"
-- lasted_seconds = "from the first to the last sighting"
-- sightings = "number of sightings"
-- [sides]
-- fact = "TCB status"
-- "as the verifier logged it" = "claimed_levels"
-- recomputed = "status"
-- [[not_evaluable]]
-- reason = "claimed OK, but the status of the moment is not known"
-- count = """
-- WITH unknown AS (
--     SELECT o.quote_no
--     FROM observation AS o
--     LEFT JOIN verdict AS v
--         ON v.observation_no = o.observation_no
--         AND v.moment = 'receipt'
--         AND v.outcome <> 'undetermined'
--     WHERE o.claimed_ok AND v.observation_no IS NULL
-- )
-- SELECT count(*) AS unjudged
-- FROM unknown AS u
-- JOIN quote AS q ON q.quote_no = u.quote_no
-- WHERE q.trusted"""
-- ---
-- Of few statuses: good enough or not, under which policy.
WITH weighed AS (
    SELECT s.status, list_contains(coalesce(p.accept, $accept), s.status) AS good
    FROM (SELECT DISTINCT status FROM verdict WHERE status IS NOT NULL) AS s
    LEFT JOIN policy AS p ON TRUE
),
-- Few verdicts are weak: only their sightings are looked up.
graded AS (
    SELECT v.observation_no, v.status, v.advisory_ids
    FROM verdict AS v
    JOIN weighed AS w ON w.status = v.status
    WHERE v.moment = 'receipt' AND v.outcome = 'accepted' AND NOT w.good
),
sighting AS (
    SELECT
        observation_id, observation_no, quote_no, received_at, enclave_id, backend_verifier,
        claimed_tcb_level
    FROM observation
    WHERE claimed_ok AND observation_no IN (SELECT observation_no FROM graded)
),
weak AS (
    SELECT
        o.observation_id, o.observation_no, o.received_at, o.enclave_id, o.backend_verifier,
        o.claimed_tcb_level, g.status,
        coalesce(g.advisory_ids, CAST([] AS VARCHAR[])) AS advisory_ids,
        CASE WHEN q.ppid IS NULL THEN 'attestation_key' ELSE 'platform' END AS subject_type,
        coalesce(q.ppid, q.attestation_key_id) AS subject_id
    FROM graded AS g
    JOIN sighting AS o ON o.observation_no = g.observation_no
    JOIN quote AS q ON q.quote_no = o.quote_no
    WHERE q.trusted
)
SELECT
    subject_type,
    subject_id,
    min(received_at) AS first_seen,
    max(received_at) AS last_seen,
    string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
        AS observation_ids,
    CASE WHEN strpos(status, 'OutOfDate') > 0 THEN 'medium' ELSE 'low' END AS severity,
    'Called good ' || CAST(count(*) AS VARCHAR) || ' time(s) with status ' || status AS summary,
    CAST(to_json({
        'status': status,
        'claimed_levels': list_sort(
            list(DISTINCT claimed_tcb_level) FILTER (WHERE claimed_tcb_level IS NOT NULL)
        ),
        'advisory_ids': list_sort(list_distinct(flatten(list(advisory_ids)))),
        'verifiers': list_sort(
            list(DISTINCT backend_verifier) FILTER (WHERE backend_verifier IS NOT NULL)
        ),
        'enclaves': list_sort(list(DISTINCT enclave_id) FILTER (WHERE enclave_id IS NOT NULL)),
        'lasted_seconds': CAST(epoch(max(received_at)) - epoch(min(received_at)) AS BIGINT),
        'sightings': count(*)
    }) AS VARCHAR) AS details
FROM weak
GROUP BY subject_type, subject_id, status
ORDER BY subject_type, subject_id, details
