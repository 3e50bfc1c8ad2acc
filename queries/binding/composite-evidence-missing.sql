-- ---
-- id = "composite-evidence-missing"
-- title = "Half of the evidence that a workload must bring"
-- version = 2
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = false
-- question = "Which workloads that must attest a GPU or a TPM together with the CPU were accepted without that evidence, or with some of another challenge?"
-- why = "A confidential GPU beside an attested CPU is not attested by it. Where the second half is missing, or answers another nonce, the data goes to a device that nobody looked at."
-- inputs = ["observation", "quote", "reference_value", "workload"]
-- requires = ["workload", "observation"]
-- scope = ["observation_id"]
-- discriminator = ["kind", "device"]
-- grain = "one row per instance, device and kind"
-- nulls = "a workload whose manifest names no evidence must bring none; evidence that names no workload is held to the one whose reference values it fits, and counted where that is none or several; a device whose evidence names no nonce cannot be told to be unbound; refusals are no finding, no word from the verifier counts as accepted"
-- false_positives = ["a manifest that demands a GPU of instances that have none"]
-- blind_spots = ["that the device's own evidence verifies is not checked: it is kept and not judged", "evidence under names that the view does not know"]
-- attack = ["unattested accelerator", "device evidence of another machine"]
-- spec = ["RFC 9334, section 3.3 (composite device)", "NVIDIA confidential computing, attestation nonce", "detector D56"]
-- created = 2026-11-23
-- updated = 2026-12-01
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [details]
-- kind = "missing: no evidence of the device; claimed_only: a verdict about it, and nothing to verify it by; unbound: its evidence answers another nonce"
-- device = "gpu or tpm"
-- workload_id = "the workload that demands it"
-- nodes = "hosts as logged"
-- sightings = "number of sightings"
-- [sides]
-- fact = "evidence"
-- "demanded of" = "device"
-- "what came" = "kind"
-- [[not_evaluable]]
-- reason = "workload that demands evidence of a kind that is not known here"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM workload
-- WHERE array_to_string(list_sort(list_distinct(evidence)), ' ')
--     NOT IN ('', 'gpu', 'gpu tpm', 'tpm')"""
-- [[not_evaluable]]
-- reason = "evidence that names no workload of the manifests, and fits the reference values of none or of several"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM unnamed AS u
-- LEFT JOIN recognized AS r ON r.observation_no = u.observation_no
-- WHERE r.observation_no IS NULL AND EXISTS (SELECT 1 FROM demand)"""
-- ---
-- Evidence that names no workload of the manifests is of the only one whose reference values it fits.
WITH named AS (
    SELECT workload_id FROM workload WHERE workload_id IS NOT NULL
    UNION
    SELECT workload_id FROM reference_value WHERE workload_id IS NOT NULL
),
unnamed AS (
    SELECT
        o.observation_no, coalesce(q.mrenclave, q.mrtd, q.measurement) AS code, q.mrsigner,
        q.isv_prodid, q.rtmr0, q.rtmr1, q.rtmr2, q.rtmr3, q.host_data
    FROM observation AS o
    LEFT JOIN named AS n ON n.workload_id = o.workload_id
    LEFT JOIN quote AS q ON q.quote_no = o.quote_no
    WHERE n.workload_id IS NULL
        AND (o.event_type = 'enclave_attestation' OR o.quote_no IS NOT NULL)
        AND coalesce(o.claimed_ok, TRUE)
),
fit AS (
    SELECT u.observation_no, r.workload_id
    FROM unnamed AS u
    JOIN reference_value AS r
        ON coalesce(r.mrenclave, r.mrtd, r.measurement) = u.code
        AND coalesce(r.mrsigner = u.mrsigner, TRUE)
        AND coalesce(r.isv_prodid = u.isv_prodid, TRUE)
        AND coalesce(r.rtmr0 = u.rtmr0, TRUE) AND coalesce(r.rtmr1 = u.rtmr1, TRUE)
        AND coalesce(r.rtmr2 = u.rtmr2, TRUE) AND coalesce(r.rtmr3 = u.rtmr3, TRUE)
        AND coalesce(r.host_data = u.host_data, TRUE)
    UNION ALL
    SELECT u.observation_no, r.workload_id
    FROM unnamed AS u
    JOIN reference_value AS r
        ON r.mrsigner = u.mrsigner
        AND coalesce(r.mrenclave, r.mrtd, r.measurement) IS NULL
        AND coalesce(r.isv_prodid = u.isv_prodid, TRUE)
),
recognized AS (
    SELECT observation_no, min(workload_id) AS workload_id
    FROM fit
    GROUP BY observation_no
    HAVING min(workload_id) = max(workload_id)
),
demand AS (
    SELECT workload_id, 'gpu' AS device FROM workload WHERE list_contains(evidence, 'gpu')
    UNION ALL
    SELECT workload_id, 'tpm' AS device FROM workload WHERE list_contains(evidence, 'tpm')
),
held AS (
    SELECT
        o.observation_id, o.observation_no, o.received_at, d.workload_id, o.node_id, d.device,
        CASE
            WHEN o.enclave_id IS NOT NULL THEN 'enclave'
            WHEN o.container_id IS NOT NULL THEN 'container'
            ELSE 'observation'
        END AS subject_type,
        coalesce(o.enclave_id, o.container_id, o.observation_id) AS subject_id,
        coalesce(list_contains(o.device_evidence, d.device), FALSE) AS has_evidence,
        coalesce(list_contains(o.device_verdicts, d.device), FALSE) AS has_verdict,
        CASE d.device WHEN 'gpu' THEN o.gpu_nonce ELSE o.tpm_nonce END AS device_nonce,
        o.nonce
    FROM observation AS o
    LEFT JOIN recognized AS r ON r.observation_no = o.observation_no
    JOIN demand AS d ON d.workload_id = coalesce(r.workload_id, o.workload_id)
    WHERE (o.event_type = 'enclave_attestation' OR o.quote_id IS NOT NULL)
        AND coalesce(o.claimed_ok, TRUE)
),
offence AS (
    SELECT
        observation_id, observation_no, received_at, workload_id, node_id, device, subject_type,
        subject_id,
        CASE
            WHEN has_evidence THEN 'unbound' WHEN has_verdict THEN 'claimed_only' ELSE 'missing'
        END AS kind
    FROM held
    WHERE NOT has_evidence OR coalesce(device_nonce <> nonce, FALSE)
)
SELECT
    subject_type,
    subject_id,
    min(received_at) AS first_seen,
    max(received_at) AS last_seen,
    string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
        AS observation_ids,
    'high' AS severity,
    'Accepted for workload ' || min(workload_id)
    || CASE kind
        WHEN 'missing' THEN ' without evidence of its ' || device
        WHEN 'claimed_only' THEN ' on a verdict about its ' || device || ' without evidence of it'
        ELSE ' with evidence of its ' || device || ' for another nonce'
    END
    || ', ' || CAST(count(*) AS VARCHAR) || ' time(s)' AS summary,
    CAST(to_json({
        'kind': kind,
        'device': device,
        'workload_id': min(workload_id),
        'nodes': list_sort(list(DISTINCT node_id) FILTER (WHERE node_id IS NOT NULL)),
        'sightings': count(*)
    }) AS VARCHAR) AS details
FROM offence
GROUP BY subject_type, subject_id, device, kind
ORDER BY subject_type, subject_id, details
