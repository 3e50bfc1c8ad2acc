-- ---
-- id = "tcb-incoherence"
-- title = "A report that contradicts the platform that certified its key"
-- version = 5
-- fingerprint_version = 1
-- status = "stable"
-- severity = "critical"
-- sig = true
-- question = "In which quotes do report, quoting enclave and PCK certificate not agree on the state of the platform?"
-- why = "Whoever has an attestation key writes the report himself, but not the quoting enclave's report, which the PCK key signed. A report that claims newer microcode, or another QE, was polished."
-- inputs = ["observation", "quote"]
-- requires = ["quote"]
-- scope = ["ppid", "attestation_key_id"]
-- suspects = """
-- SELECT c.ppid, c.attestation_key_id
-- FROM incoherent AS i
-- JOIN comparison AS c ON c.state_no = i.state_no"""
-- discriminator = ["kind"]
-- grain = "one row per platform and kind of contradiction"
-- nulls = "what a quote version does not have is not compared; sightings without a time cannot be explained by an update soon after"
-- clocks = "none decides: the contradiction lies within one quote. settle_time only excuses, by the clocks of the verifiers that received the two quotes"
-- false_positives = ["right after a microcode update the quoting enclave may not have certified itself again: the report is ahead, and within settle_time the platform shows a quoting enclave with that CPUSVN (medium)", "virtual quoting enclaves that fill the header with something else, or with nothing (unstated)"]
-- blind_spots = ["a forger who copies the old values into the report", "whoever has the PCK key as well"]
-- attack = ["forged report under an extracted attestation key (TEE.fail, WireTap)"]
-- spec = ["spec/dcap-verification.md, section 8.4", "Intel SGX DCAP quote format, header v3", "detector D18"]
-- created = 2026-11-23
-- updated = 2026-11-30
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [params.settle_time]
-- type = "INTERVAL"
-- default = "6h"
-- meaning = "after a microcode update the quoting enclave may certify itself again this much later"
-- [details]
-- kind = "cpu_svn: report and QE report differ; qe_svn: header and QE report differ; microcode: third byte of TEE_TCB_SVN and first of the QE's CPUSVN differ; below_pck: the QE runs below what its PCK certificate says; pce_svn: header below the PCK certificate; unstated: a version 3 header with both SVNs zero (medium)"
-- contradictions = "each as claimed against certified; hex, numbers for SVNs"
-- settled = "all of them are reports that run ahead of a quoting enclave which caught up within settle_time"
-- attestation_keys = "the keys that signed"
-- accepted = "number of sightings that the verifier called good"
-- sightings = "number of sightings"
-- [sides]
-- fact = "TCB"
-- by = "kind"
-- "claimed against certified" = "contradictions"
-- [[not_evaluable]]
-- reason = "quote proven, but under no trust anchor of the case, or not verified"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE coalesce(q.proven, TRUE) AND NOT coalesce(q.trusted, FALSE)"""
-- ---
-- Many quotes show the same: each of what they show is compared once.
WITH shown AS (
    SELECT
        ppid, attestation_key_id, cpu_svn, qe_cpu_svn, header_qe_svn, qe_isv_svn, header_pce_svn,
        pce_svn, tee_tcb_svn, tcb_components
    FROM quote
    WHERE trusted
    GROUP BY
        ppid, attestation_key_id, cpu_svn, qe_cpu_svn, header_qe_svn, qe_isv_svn, header_pce_svn,
        pce_svn, tee_tcb_svn, tcb_components
),
comparison AS (
    SELECT
        row_number() OVER (
            ORDER BY
                ppid, attestation_key_id, cpu_svn, qe_cpu_svn, header_qe_svn, qe_isv_svn,
                header_pce_svn, pce_svn, tee_tcb_svn, tcb_components
        ) AS state_no,
        ppid, attestation_key_id, cpu_svn, qe_cpu_svn,
        CASE WHEN ppid IS NULL THEN 'attestation_key' ELSE 'platform' END AS subject_type,
        coalesce(ppid, attestation_key_id) AS subject_id,
        cpu_svn <> qe_cpu_svn AS differs_cpu_svn,
        header_qe_svn <> qe_isv_svn AND NOT (header_qe_svn = 0 AND header_pce_svn = 0)
            AS differs_qe_svn,
        header_qe_svn = 0 AND header_pce_svn = 0 AND qe_isv_svn > 0 AS unstated,
        substr(tee_tcb_svn, 5, 2) <> substr(qe_cpu_svn, 1, 2) AS differs_microcode,
        -- Two lower-case hex digits compare as the byte does.
        substr(qe_cpu_svn, 1, 2) < substr(tcb_components, 1, 2)
        OR substr(qe_cpu_svn, 3, 2) < substr(tcb_components, 3, 2)
        OR substr(qe_cpu_svn, 5, 2) < substr(tcb_components, 5, 2)
        OR substr(qe_cpu_svn, 7, 2) < substr(tcb_components, 7, 2)
        OR substr(qe_cpu_svn, 9, 2) < substr(tcb_components, 9, 2)
        OR substr(qe_cpu_svn, 11, 2) < substr(tcb_components, 11, 2)
        OR substr(qe_cpu_svn, 13, 2) < substr(tcb_components, 13, 2)
        OR substr(qe_cpu_svn, 15, 2) < substr(tcb_components, 15, 2)
        OR substr(qe_cpu_svn, 17, 2) < substr(tcb_components, 17, 2)
        OR substr(qe_cpu_svn, 19, 2) < substr(tcb_components, 19, 2)
        OR substr(qe_cpu_svn, 21, 2) < substr(tcb_components, 21, 2)
        OR substr(qe_cpu_svn, 23, 2) < substr(tcb_components, 23, 2)
        OR substr(qe_cpu_svn, 25, 2) < substr(tcb_components, 25, 2)
        OR substr(qe_cpu_svn, 27, 2) < substr(tcb_components, 27, 2)
        OR substr(qe_cpu_svn, 29, 2) < substr(tcb_components, 29, 2)
        OR substr(qe_cpu_svn, 31, 2) < substr(tcb_components, 31, 2) AS differs_below_pck,
        header_pce_svn < pce_svn AND NOT (header_qe_svn = 0 AND header_pce_svn = 0)
            AS differs_pce_svn,
        header_qe_svn, qe_isv_svn, header_pce_svn, pce_svn, tee_tcb_svn, tcb_components
    FROM shown
),
incoherent AS (
    SELECT
        state_no, 'cpu_svn' AS kind,
        cpu_svn || ' against ' || qe_cpu_svn AS contradiction
    FROM comparison
    WHERE differs_cpu_svn
    UNION ALL
    SELECT
        state_no, 'qe_svn',
        CAST(header_qe_svn AS VARCHAR) || ' against ' || CAST(qe_isv_svn AS VARCHAR)
    FROM comparison
    WHERE differs_qe_svn
    UNION ALL
    SELECT state_no, 'microcode', tee_tcb_svn || ' against ' || qe_cpu_svn
    FROM comparison
    WHERE differs_microcode
    UNION ALL
    SELECT state_no, 'below_pck', qe_cpu_svn || ' against ' || tcb_components
    FROM comparison
    WHERE differs_below_pck
    UNION ALL
    SELECT
        state_no, 'pce_svn',
        CAST(header_pce_svn AS VARCHAR) || ' against ' || CAST(pce_svn AS VARCHAR)
    FROM comparison
    WHERE differs_pce_svn
    UNION ALL
    SELECT
        state_no, 'unstated',
        'none against ' || CAST(qe_isv_svn AS VARCHAR) || ' and ' || CAST(pce_svn AS VARCHAR)
    FROM comparison
    WHERE unstated
),
-- With another certification of the quoting enclave, at the CPUSVN of the report.
settled AS (
    SELECT i.state_no, later.state_no AS later_no
    FROM incoherent AS i
    JOIN comparison AS c ON c.state_no = i.state_no
    JOIN comparison AS later
        ON later.subject_type = c.subject_type
        AND later.subject_id = c.subject_id
        AND later.qe_cpu_svn = c.cpu_svn
        AND NOT later.differs_cpu_svn
    WHERE i.kind = 'cpu_svn'
),
member AS (
    SELECT c.state_no, q.quote_no
    FROM comparison AS c
    JOIN quote AS q
        ON q.ppid IS NOT DISTINCT FROM c.ppid
        AND q.attestation_key_id IS NOT DISTINCT FROM c.attestation_key_id
        AND q.cpu_svn IS NOT DISTINCT FROM c.cpu_svn
        AND q.qe_cpu_svn IS NOT DISTINCT FROM c.qe_cpu_svn
        AND q.header_qe_svn IS NOT DISTINCT FROM c.header_qe_svn
        AND q.qe_isv_svn IS NOT DISTINCT FROM c.qe_isv_svn
        AND q.header_pce_svn IS NOT DISTINCT FROM c.header_pce_svn
        AND q.pce_svn IS NOT DISTINCT FROM c.pce_svn
        AND q.tee_tcb_svn IS NOT DISTINCT FROM c.tee_tcb_svn
        AND q.tcb_components IS NOT DISTINCT FROM c.tcb_components
    WHERE q.trusted
        AND c.state_no IN (
            SELECT state_no FROM incoherent
            UNION
            SELECT later_no FROM settled
        )
),
sighting AS (
    SELECT
        c.subject_type, c.subject_id, i.kind, i.contradiction, c.attestation_key_id, i.state_no,
        o.observation_id, o.observation_no, o.received_at, o.claimed_ok
    FROM incoherent AS i
    JOIN comparison AS c ON c.state_no = i.state_no
    JOIN member AS m ON m.state_no = i.state_no
    JOIN observation AS o ON o.quote_no = m.quote_no
),
-- Sightings that run ahead, and those of the states that settle them, in one order of time.
course AS (
    SELECT state_no, received_at, observation_no, CAST(NULL AS TIMESTAMPTZ) AS settled_at
    FROM sighting
    WHERE kind = 'cpu_svn' AND received_at IS NOT NULL
    UNION ALL
    SELECT t.state_no, o.received_at, NULL, o.received_at
    FROM settled AS t
    JOIN member AS later ON later.state_no = t.later_no
    JOIN observation AS o ON o.quote_no = later.quote_no
    WHERE o.received_at IS NOT NULL
),
-- A quoting enclave that certified itself again soon after.
caught_up AS (
    SELECT observation_no
    FROM (
        SELECT
            observation_no, received_at,
            min(settled_at) OVER (PARTITION BY state_no ORDER BY received_at DESC) AS next_at
        FROM course
    ) AS ahead
    WHERE observation_no IS NOT NULL AND next_at < received_at + $settle_time
)
SELECT
    s.subject_type,
    s.subject_id,
    min(s.received_at) AS first_seen,
    max(s.received_at) AS last_seen,
    string_split(
        string_agg(s.observation_id, ' ' ORDER BY s.received_at, s.observation_no), ' '
    ) AS observation_ids,
    CASE
        WHEN s.kind = 'unstated' OR count(c.observation_no) = count(*) THEN 'medium'
        ELSE 'critical'
    END AS severity,
    CASE s.kind
        WHEN 'cpu_svn' THEN 'The report claims another CPUSVN than the quoting enclave'
        WHEN 'qe_svn' THEN 'The header names another QE SVN than the quoting enclave has'
        WHEN 'microcode' THEN 'The TD report claims other microcode than the quoting enclave'
        WHEN 'unstated' THEN 'The header names no SVNs at all, which Intel''s quoting enclave always does'
        WHEN 'below_pck' THEN 'The quoting enclave runs below its PCK certificate''s TCB'
        ELSE 'The header names a PCE SVN below the PCK certificate''s'
    END
    || ': ' || min(s.contradiction)
    || ' (' || CAST(count(*) AS VARCHAR) || ' sighting(s)'
    || CASE WHEN count(c.observation_no) = count(*) THEN ', settled soon after)' ELSE ')' END
        AS summary,
    CAST(to_json({
        'kind': s.kind,
        'contradictions': list_sort(list(DISTINCT s.contradiction)),
        'settled': count(c.observation_no) = count(*),
        'attestation_keys': list_sort(list(DISTINCT s.attestation_key_id)),
        'accepted': CAST(sum(CASE WHEN s.claimed_ok THEN 1 ELSE 0 END) AS BIGINT),
        'sightings': count(*)
    }) AS VARCHAR) AS details
FROM sighting AS s
LEFT JOIN caught_up AS c ON c.observation_no = s.observation_no
GROUP BY s.subject_type, s.subject_id, s.kind
ORDER BY subject_type, subject_id, details
