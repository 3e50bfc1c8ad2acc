-- ---
-- id = "snp-field-drift"
-- title = "An SEV-SNP report says less than it used to"
-- version = 3
-- fingerprint_version = 1
-- status = "stable"
-- severity = "medium"
-- sig = true
-- question = "Which workloads' SNP reports came with a weaker policy, another level, host data, identity or kind of key than before, a masked chip, or TCBs that contradict each other?"
-- why = "The measurement of an SNP guest covers neither its policy nor what the host hands it. The host chooses these at launch, and what it reports of its TCB at any time: the same good measurement, on weaker ground."
-- inputs = ["observation", "quote", "reference_value"]
-- requires = ["quote"]
-- scope = ["workload_id", "enclave_id"]
-- suspects = """
-- SELECT subject_id AS workload_id, subject_id AS enclave_id FROM drifted
-- UNION ALL
-- SELECT subject_id, subject_id FROM offence"""
-- discriminator = ["part"]
-- grain = "one row per workload, else enclave (host_data: the other way round), and part"
-- nulls = "reports without a time, or without workload and enclave, are counted; a chip id of zeros is a value of its own: masked; a report whose VEK certificate says nothing of its TCB is not compared with it"
-- false_positives = ["a firmware or hypervisor update that changes the policy of new launches", "a cloud that moves from VCEK to VLEK, or begins to mask chip ids", "a guest launched under provisional firmware that was never committed", "host data that is meant to differ: name it in the manifest"]
-- blind_spots = ["a workload that was weak from its first evidence on, or within settle_time of it", "what nobody but the guest's owner can expect: id and author keys are signer-change"]
-- attack = ["launch under a weaker policy", "host that understates or masks its platform"]
-- spec = ["AMD 56860, ATTESTATION_REPORT and guest policy", "detector D59"]
-- created = 2026-11-29
-- updated = 2026-11-29
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [params.settle_time]
-- type = "INTERVAL"
-- default = "1h"
-- meaning = "what is seen within this time of the first evidence is how the workload is meant to be"
-- [details]
-- part = "policy_smt, policy_migrate_ma, policy_abi, vmpl, host_data, family_id, image_id, chip_id, signing_key: other than before, and weaker where that can be said; launch_tcb: over the committed one; vek_tcb: the reported TCB is not the certificate's"
-- before = "values that had been seen until then; for launch_tcb the committed TCB, for vek_tcb the certificate's"
-- became = "the values that are told"
-- known_since = "first evidence of the workload or enclave; null for launch_tcb and vek_tcb"
-- margin_ms = "how long after settle_time the told values were seen first, by the clocks of the verifiers; null for launch_tcb and vek_tcb"
-- skew_ms = "how much of the time between the two the verifiers' clocks and the ways to them are, by the clocks of the hosts, which say when both quotes were made; else 0 where one verifier stamped both; null: not known"
-- skew_explains = "by the hosts' own clocks they came within settle_time; null: not known"
-- enclaves = "enclave ids that presented them"
-- accepted = "number of sightings that the verifier called good"
-- sightings = "number of sightings"
-- [sides]
-- fact = "guest"
-- was = "before"
-- became = "became"
-- [[not_evaluable]]
-- reason = "SNP report without a time, or without workload and enclave"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE q.trusted AND q.tee = 'snp'
--     AND (o.received_at IS NULL OR coalesce(o.workload_id, o.enclave_id) IS NULL)"""
-- [[not_evaluable]]
-- reason = "SNP report proven, but under no trust anchor of the case, or not verified"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE q.tee = 'snp' AND coalesce(q.proven, TRUE) AND NOT coalesce(q.trusted, FALSE)"""
-- ---
-- Evidence shown again tells an old state: only its first showing counts.
WITH sighting AS (
    SELECT
        observation_id, observation_no, received_at, workload_id, enclave_id, claimed_ok,
        policy_smt, policy_migrate_ma, policy_abi_major, policy_abi_minor, vmpl, host_data,
        family_id, image_id, chip_id, signing_key, launch_tcb, committed_tcb, reported_tcb,
        vek_tcb, made_at, verifier
    FROM (
        SELECT
            o.observation_id, o.observation_no, o.received_at, o.workload_id, o.enclave_id,
            o.claimed_ok, q.policy_smt, q.policy_migrate_ma, q.policy_abi_major,
            q.policy_abi_minor, q.vmpl, q.host_data, q.family_id, q.image_id, q.chip_id,
            q.signing_key, q.launch_tcb, q.committed_tcb, q.reported_tcb, q.vek_tcb,
            o.quote_generated_at AS made_at, o.backend_verifier AS verifier,
            row_number() OVER (
                PARTITION BY q.signing_id ORDER BY o.received_at, o.observation_no
            ) AS showing
        FROM observation AS o
        JOIN quote AS q ON q.quote_no = o.quote_no
        WHERE q.trusted AND q.tee = 'snp'
            AND o.received_at IS NOT NULL
            AND coalesce(o.workload_id, o.enclave_id) IS NOT NULL
    ) AS shown
    WHERE showing = 1
),
-- Every reading of every part. The weight grows with the weakness, where there is an order.
reading AS (
    SELECT
        observation_id, observation_no, received_at, workload_id, enclave_id, claimed_ok,
        'policy_smt' AS part, CASE WHEN policy_smt THEN 'allowed' ELSE 'forbidden' END AS value,
        CASE WHEN policy_smt THEN 1 ELSE 0 END AS weight, FALSE AS by_enclave
    FROM sighting
    WHERE policy_smt IS NOT NULL
    UNION ALL
    SELECT
        observation_id, observation_no, received_at, workload_id, enclave_id, claimed_ok,
        'policy_migrate_ma', CASE WHEN policy_migrate_ma THEN 'allowed' ELSE 'forbidden' END,
        CASE WHEN policy_migrate_ma THEN 1 ELSE 0 END, FALSE
    FROM sighting
    WHERE policy_migrate_ma IS NOT NULL
    UNION ALL
    SELECT
        observation_id, observation_no, received_at, workload_id, enclave_id, claimed_ok,
        'policy_abi',
        CAST(policy_abi_major AS VARCHAR) || '.' || CAST(policy_abi_minor AS VARCHAR),
        -(256 * policy_abi_major + policy_abi_minor), FALSE
    FROM sighting
    WHERE policy_abi_major IS NOT NULL AND policy_abi_minor IS NOT NULL
    UNION ALL
    SELECT
        observation_id, observation_no, received_at, workload_id, enclave_id, claimed_ok,
        'chip_id', CASE WHEN chip_id IS NULL THEN 'masked' ELSE 'named' END,
        CASE WHEN chip_id IS NULL THEN 1 ELSE 0 END, FALSE
    FROM sighting
    UNION ALL
    SELECT
        observation_id, observation_no, received_at, workload_id, enclave_id, claimed_ok,
        'vmpl', CAST(vmpl AS VARCHAR), NULL, FALSE
    FROM sighting
    WHERE vmpl IS NOT NULL
    UNION ALL
    SELECT
        observation_id, observation_no, received_at, workload_id, enclave_id, claimed_ok,
        'signing_key', signing_key, NULL, FALSE
    FROM sighting
    WHERE signing_key IS NOT NULL
    UNION ALL
    SELECT
        observation_id, observation_no, received_at, workload_id, enclave_id, claimed_ok,
        'family_id', family_id, NULL, FALSE
    FROM sighting
    WHERE family_id IS NOT NULL
    UNION ALL
    SELECT
        observation_id, observation_no, received_at, workload_id, enclave_id, claimed_ok,
        'image_id', image_id, NULL, FALSE
    FROM sighting
    WHERE image_id IS NOT NULL
    UNION ALL
    SELECT
        s.observation_id, s.observation_no, s.received_at, s.workload_id, s.enclave_id,
        s.claimed_ok, 'host_data', s.host_data, NULL, TRUE
    FROM sighting AS s
    WHERE s.host_data IS NOT NULL
),
-- Replicas of one workload may each have host data of their own; an instance keeps its own.
placed AS (
    SELECT
        observation_id, observation_no, received_at, workload_id, enclave_id, claimed_ok, part,
        value, weight,
        CASE
            WHEN (by_enclave AND enclave_id IS NOT NULL) OR workload_id IS NULL THEN 'enclave'
            ELSE 'workload'
        END AS subject_type,
        CASE
            WHEN by_enclave THEN coalesce(enclave_id, workload_id)
            ELSE coalesce(workload_id, enclave_id)
        END AS subject_id
    FROM reading
),
state AS (
    SELECT
        subject_type, subject_id, part, value, max(weight) AS weight, min(received_at) AS first_at
    FROM placed
    GROUP BY subject_type, subject_id, part, value
),
known AS (
    SELECT subject_type, subject_id, part, min(first_at) AS known_since
    FROM state
    GROUP BY subject_type, subject_id, part
    HAVING count(*) > 1
),
drifted AS (
    SELECT
        s.subject_type, s.subject_id, s.part, s.value, s.first_at, k.known_since
    FROM state AS s
    JOIN known AS k
        ON k.subject_type = s.subject_type AND k.subject_id = s.subject_id AND k.part = s.part
    JOIN state AS old
        ON old.subject_type = s.subject_type AND old.subject_id = s.subject_id
        AND old.part = s.part AND old.first_at < s.first_at
    WHERE s.first_at >= k.known_since + $settle_time
    GROUP BY
        s.subject_type, s.subject_id, s.part, s.value, s.weight, s.first_at, k.known_since
    HAVING s.weight IS NULL OR s.weight > max(old.weight)
),
-- Host data that the manifest names for the workload was meant.
approved AS (
    SELECT DISTINCT p.observation_id
    FROM placed AS p
    JOIN reference_value AS r
        ON r.workload_id = p.workload_id AND r.host_data = p.value
        AND coalesce(p.received_at >= r.valid_from, TRUE)
        AND coalesce(p.received_at < r.valid_to, TRUE)
    WHERE p.part = 'host_data'
),
offence AS (
    SELECT
        d.subject_type, d.subject_id, d.part, d.value, d.known_since, p.observation_id,
        p.observation_no, p.received_at, p.enclave_id, p.claimed_ok,
        CAST(NULL AS VARCHAR) AS held_against
    FROM drifted AS d
    JOIN placed AS p
        ON p.subject_type = d.subject_type AND p.subject_id = d.subject_id
        AND p.part = d.part AND p.value = d.value
    LEFT JOIN approved AS a ON a.observation_id = p.observation_id AND p.part = 'host_data'
    WHERE a.observation_id IS NULL
    UNION ALL
    SELECT
        CASE WHEN workload_id IS NULL THEN 'enclave' ELSE 'workload' END,
        coalesce(workload_id, enclave_id), 'launch_tcb', launch_tcb,
        CAST(NULL AS TIMESTAMP WITH TIME ZONE), observation_id, observation_no, received_at,
        enclave_id, claimed_ok, committed_tcb
    FROM sighting
    WHERE substr(launch_tcb, 1, 2) > substr(committed_tcb, 1, 2)
        OR substr(launch_tcb, 3, 2) > substr(committed_tcb, 3, 2)
        OR substr(launch_tcb, 5, 2) > substr(committed_tcb, 5, 2)
        OR substr(launch_tcb, 7, 2) > substr(committed_tcb, 7, 2)
        OR substr(launch_tcb, 9, 2) > substr(committed_tcb, 9, 2)
        OR substr(launch_tcb, 11, 2) > substr(committed_tcb, 11, 2)
        OR substr(launch_tcb, 13, 2) > substr(committed_tcb, 13, 2)
        OR substr(launch_tcb, 15, 2) > substr(committed_tcb, 15, 2)
    UNION ALL
    SELECT
        CASE WHEN workload_id IS NULL THEN 'enclave' ELSE 'workload' END,
        coalesce(workload_id, enclave_id), 'vek_tcb', reported_tcb,
        CAST(NULL AS TIMESTAMP WITH TIME ZONE), observation_id, observation_no, received_at,
        enclave_id, claimed_ok, vek_tcb
    FROM sighting
    WHERE reported_tcb <> vek_tcb
),
tally AS (
    SELECT
        subject_type, subject_id, part,
        min(received_at) AS first_seen,
        max(received_at) AS last_seen,
        min(known_since) AS known_since,
        string_agg(observation_id, ' ' ORDER BY received_at, observation_no) AS observations,
        list_sort(list(DISTINCT value)) AS became,
        list_sort(list(DISTINCT held_against) FILTER (WHERE held_against IS NOT NULL)) AS against,
        list_sort(list(DISTINCT enclave_id) FILTER (WHERE enclave_id IS NOT NULL)) AS enclaves,
        CAST(sum(CASE WHEN claimed_ok THEN 1 ELSE 0 END) AS BIGINT) AS accepted,
        count(*) AS sightings
    FROM offence
    GROUP BY subject_type, subject_id, part
),
past AS (
    SELECT
        t.subject_type, t.subject_id, t.part, list_sort(list(DISTINCT s.value)) AS before
    FROM tally AS t
    JOIN state AS s
        ON s.subject_type = t.subject_type AND s.subject_id = t.subject_id
        AND s.part = t.part AND s.first_at < t.first_seen
    GROUP BY t.subject_type, t.subject_id, t.part
),
-- When all that is told was made first, and who stamped it; and the same of the first evidence.
told_clock AS (
    SELECT
        x.subject_type, x.subject_id, x.part,
        CASE WHEN count(s.made_at) = count(*) THEN min(s.made_at) END AS made_at,
        CASE
            WHEN count(s.verifier) = count(*) AND min(s.verifier) = max(s.verifier)
                THEN min(s.verifier)
        END AS verifier
    FROM offence AS x
    JOIN sighting AS s ON s.observation_no = x.observation_no
    GROUP BY x.subject_type, x.subject_id, x.part
),
first_clock AS (
    SELECT
        t.subject_type, t.subject_id, t.part,
        CASE WHEN count(s.made_at) = count(*) THEN min(s.made_at) END AS made_at,
        CASE
            WHEN count(s.verifier) = count(*) AND min(s.verifier) = max(s.verifier)
                THEN min(s.verifier)
        END AS verifier
    FROM tally AS t
    JOIN placed AS p
        ON p.subject_type = t.subject_type AND p.subject_id = t.subject_id
        AND p.part = t.part AND p.received_at = t.known_since
    JOIN sighting AS s ON s.observation_no = p.observation_no
    GROUP BY t.subject_type, t.subject_id, t.part
),
timed AS (
    SELECT
        t.subject_type, t.subject_id, t.part,
        epoch(t.first_seen) - epoch(t.known_since + $settle_time) AS margin,
        coalesce(
            epoch(t.first_seen) - epoch(t.known_since) - (epoch(c.made_at) - epoch(f.made_at)),
            CASE WHEN c.verifier = f.verifier THEN 0 END
        ) AS skew
    FROM tally AS t
    JOIN told_clock AS c
        ON c.subject_type = t.subject_type AND c.subject_id = t.subject_id AND c.part = t.part
    JOIN first_clock AS f
        ON f.subject_type = t.subject_type AND f.subject_id = t.subject_id AND f.part = t.part
),
-- What was seen first stands first in the list.
witness AS (
    SELECT
        t.subject_type, t.subject_id, t.part,
        min_by(p.observation_id, p.observation_no) AS observation_id
    FROM tally AS t
    JOIN placed AS p
        ON p.subject_type = t.subject_type AND p.subject_id = t.subject_id
        AND p.part = t.part AND p.received_at = t.known_since
    GROUP BY t.subject_type, t.subject_id, t.part
)
SELECT
    t.subject_type,
    t.subject_id,
    t.first_seen,
    t.last_seen,
    string_split(coalesce(w.observation_id || ' ', '') || t.observations, ' ') AS observation_ids,
    'medium' AS severity,
    CASE t.part
        WHEN 'launch_tcb' THEN 'The TCB at launch is over the committed one'
        WHEN 'vek_tcb' THEN 'The reported TCB is not that of the key that signed'
        ELSE 'Reports changed in ' || t.part || ': '
            || coalesce(array_to_string(p.before, ', '), '') || ' became '
            || array_to_string(t.became, ', ')
    END
    || ' (' || CAST(t.sightings AS VARCHAR) || ' sighting(s))'
    || CASE WHEN m.margin < m.skew THEN ', by the hosts'' own clocks from the start' ELSE '' END
        AS summary,
    CAST(to_json({
        'part': t.part,
        'before': coalesce(p.before, t.against),
        'became': t.became,
        'known_since': t.known_since,
        'margin_ms': CAST(m.margin * 1000 AS BIGINT),
        'skew_ms': CAST(m.skew * 1000 AS BIGINT),
        'skew_explains': m.margin < m.skew,
        'enclaves': t.enclaves,
        'accepted': t.accepted,
        'sightings': t.sightings
    }) AS VARCHAR) AS details
FROM tally AS t
LEFT JOIN past AS p
    ON p.subject_type = t.subject_type AND p.subject_id = t.subject_id AND p.part = t.part
LEFT JOIN timed AS m
    ON m.subject_type = t.subject_type AND m.subject_id = t.subject_id AND m.part = t.part
LEFT JOIN witness AS w
    ON w.subject_type = t.subject_type AND w.subject_id = t.subject_id AND w.part = t.part
ORDER BY subject_type, subject_id, details
