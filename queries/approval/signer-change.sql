-- ---
-- id = "signer-change"
-- title = "A known service under another signer or product id"
-- version = 4
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = true
-- question = "Which services showed an MRSIGNER, or a product id of their signer, that they had not shown before and that nobody had approved?"
-- why = "The signer is who answers for the code. A service that changes hands without an approval was rebuilt by somebody, or the signing key was."
-- inputs = ["observation", "quote", "reference_value"]
-- requires = ["quote"]
-- scope = ["workload_id"]
-- suspects = "SELECT workload_id FROM late"
-- discriminator = ["mrsigner", "isv_prodid"]
-- grain = "one row per workload and new identity"
-- nulls = "evidence without a workload or a time is counted; an approval without a beginning was always there; no word from the verifier counts as accepted"
-- false_positives = ["a planned change of the signing key that the manifest does not have yet", "a service of several enclaves, one of which starts later than settle_time"]
-- blind_spots = ["the first signer of a workload is taken for the right one", "TDs have no signer: see superseded-measurement and doppelganger-quote", "an approval that was dated back: see backdated-approval"]
-- attack = ["look-alike enclave", "stolen or replaced signing key"]
-- spec = ["Intel SGX, SIGSTRUCT and MRSIGNER", "detector D58"]
-- created = 2026-11-23
-- updated = 2026-11-29
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [params.settle_time]
-- type = "INTERVAL"
-- default = "1h"
-- meaning = "identities that a workload shows within this time of its first evidence are parts of it from the start"
-- [details]
-- kind = "signer: the workload had not shown that MRSIGNER; product: it had, with other product ids"
-- mrsigner = "the new identity"
-- isv_prodid = "the new identity"
-- before = "identities that the workload had shown until then, signer:product"
-- known_since = "first evidence of the workload"
-- margin_ms = "how long after settle_time the new identity was seen first, by the clocks of the verifiers"
-- skew_ms = "how much of the time between the two the verifiers' clocks and the ways to them are, by the clocks of the hosts, which say when both quotes were made; else 0 where one verifier stamped both; null: not known"
-- skew_explains = "by the hosts' own clocks it came within settle_time; null: not known"
-- elsewhere = "other workloads that had shown the same signer"
-- enclaves = "enclave ids that presented it"
-- accepted = "number of sightings that the verifier called good"
-- sightings = "number of sightings"
-- [sides]
-- fact = "signer"
-- "known until then" = "before"
-- then = "mrsigner"
-- [[not_evaluable]]
-- reason = "SGX quote without a workload or without a time"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE q.trusted AND q.mrsigner IS NOT NULL
--     AND (o.workload_id IS NULL OR o.received_at IS NULL)"""
-- [[not_evaluable]]
-- reason = "quote proven, but under no trust anchor of the case, or not verified"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE coalesce(q.proven, TRUE) AND NOT coalesce(q.trusted, FALSE)"""
-- ---
WITH sighting AS (
    SELECT
        o.workload_id, q.mrenclave, q.isv_svn, q.measurement AS snp_measurement, o.observation_id,
        o.observation_no, o.received_at, o.enclave_id, o.claimed_ok,
        o.quote_generated_at AS made_at, o.backend_verifier AS verifier,
        -- An SNP guest is signed for by its author key, else by its ID key, or by nobody.
        coalesce(
            q.mrsigner,
            CASE WHEN q.author_key_en THEN q.author_key_digest ELSE q.id_key_digest END
        ) AS mrsigner,
        CASE WHEN q.tee = 'snp' THEN 0 ELSE q.isv_prodid END AS isv_prodid
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    WHERE q.trusted
        AND (q.mrsigner IS NOT NULL OR replace(q.id_key_digest, '0', '') <> '')
        AND (q.isv_prodid IS NOT NULL OR q.tee = 'snp')
        AND o.workload_id IS NOT NULL AND o.received_at IS NOT NULL
        AND coalesce(o.claimed_ok, TRUE)
),
identity AS (
    SELECT workload_id, mrsigner, isv_prodid, min(received_at) AS first_at
    FROM sighting
    GROUP BY workload_id, mrsigner, isv_prodid
),
service AS (
    SELECT workload_id, min(first_at) AS known_since
    FROM identity
    GROUP BY workload_id
    HAVING count(*) > 1
),
late AS (
    SELECT i.workload_id, i.mrsigner, i.isv_prodid, i.first_at, s.known_since
    FROM identity AS i
    JOIN service AS s ON s.workload_id = i.workload_id
    WHERE i.first_at >= s.known_since + $settle_time
),
-- Approved in time: an entry of the workload that names this signer or this very build.
approved AS (
    SELECT DISTINCT s.observation_no
    FROM late AS l
    JOIN sighting AS s
        ON s.workload_id = l.workload_id
        AND s.mrsigner = l.mrsigner AND s.isv_prodid = l.isv_prodid
    JOIN reference_value AS r
        ON r.workload_id = s.workload_id
        AND coalesce(
            r.mrsigner = s.mrsigner, r.mrenclave = s.mrenclave,
            r.measurement = s.snp_measurement, FALSE
        )
        AND coalesce(r.mrenclave = s.mrenclave, r.mrenclave IS NULL)
        AND coalesce(r.isv_prodid = s.isv_prodid, r.isv_prodid IS NULL)
        AND coalesce(s.received_at >= r.valid_from, TRUE)
        AND coalesce(s.received_at < r.valid_to, TRUE)
),
offence AS (
    SELECT
        l.workload_id, l.mrsigner, l.isv_prodid, l.first_at, l.known_since, s.observation_id,
        s.observation_no, s.received_at, s.enclave_id, s.claimed_ok, s.made_at, s.verifier
    FROM late AS l
    JOIN sighting AS s
        ON s.workload_id = l.workload_id
        AND s.mrsigner = l.mrsigner AND s.isv_prodid = l.isv_prodid
    LEFT JOIN approved AS a ON a.observation_no = s.observation_no
    WHERE a.observation_no IS NULL
),
told AS (
    SELECT
        workload_id, mrsigner, isv_prodid, first_at, known_since,
        min(received_at) AS first_seen,
        max(received_at) AS last_seen,
        string_split(string_agg(observation_id, ' ' ORDER BY received_at, observation_no), ' ')
            AS observation_ids,
        list_sort(list(DISTINCT enclave_id) FILTER (WHERE enclave_id IS NOT NULL)) AS enclaves,
        CAST(sum(CASE WHEN claimed_ok THEN 1 ELSE 0 END) AS BIGINT) AS accepted,
        count(*) AS sightings,
        CASE WHEN count(made_at) = count(*) THEN min(made_at) END AS first_made,
        CASE
            WHEN count(verifier) = count(*) AND min(verifier) = max(verifier) THEN min(verifier)
        END AS verifier
    FROM offence
    GROUP BY workload_id, mrsigner, isv_prodid, first_at, known_since
),
-- The first evidence of the workload, and what its host and its verifier said of the time.
beginning AS (
    SELECT
        w.workload_id,
        CASE WHEN count(s.made_at) = count(*) THEN min(s.made_at) END AS first_made,
        CASE
            WHEN count(s.verifier) = count(*) AND min(s.verifier) = max(s.verifier)
                THEN min(s.verifier)
        END AS verifier
    FROM (SELECT DISTINCT workload_id, known_since FROM told) AS w
    JOIN sighting AS s ON s.workload_id = w.workload_id AND s.received_at = w.known_since
    GROUP BY w.workload_id
),
timed AS (
    SELECT
        t.workload_id, t.mrsigner, t.isv_prodid,
        epoch(t.first_seen) - epoch(t.known_since + $settle_time) AS margin,
        coalesce(
            epoch(t.first_seen) - epoch(t.known_since)
            - (epoch(t.first_made) - epoch(b.first_made)),
            CASE WHEN t.verifier = b.verifier THEN 0 END
        ) AS skew
    FROM told AS t
    JOIN beginning AS b ON b.workload_id = t.workload_id
),
past AS (
    SELECT
        t.workload_id, t.mrsigner, t.isv_prodid,
        list_sort(list(DISTINCT i.mrsigner || ':' || CAST(i.isv_prodid AS VARCHAR))) AS before,
        bool_or(i.mrsigner = t.mrsigner) AS signer_known
    FROM told AS t
    JOIN identity AS i ON i.workload_id = t.workload_id AND i.first_at < t.first_at
    GROUP BY t.workload_id, t.mrsigner, t.isv_prodid
),
other AS (
    SELECT
        t.workload_id, t.mrsigner, t.isv_prodid,
        list_sort(list(DISTINCT i.workload_id)) AS elsewhere
    FROM told AS t
    JOIN identity AS i
        ON i.mrsigner = t.mrsigner AND i.workload_id <> t.workload_id AND i.first_at < t.first_at
    GROUP BY t.workload_id, t.mrsigner, t.isv_prodid
)
SELECT
    'workload' AS subject_type,
    t.workload_id AS subject_id,
    t.first_seen,
    t.last_seen,
    t.observation_ids,
    'high' AS severity,
    'Workload ' || t.workload_id
    || CASE
        WHEN p.signer_known THEN ' attests with a product id that it had not had ('
            || CAST(t.isv_prodid AS VARCHAR) || ')'
        ELSE ' attests under another signer'
    END
    || ', ' || CAST(CAST(epoch(t.first_seen) - epoch(t.known_since) AS BIGINT) AS VARCHAR)
    || ' s after its first evidence (' || CAST(t.sightings AS VARCHAR) || ' sighting(s))'
    || CASE WHEN m.margin < m.skew THEN ', by the hosts'' own clocks from the start' ELSE '' END
        AS summary,
    CAST(to_json({
        'kind': CASE WHEN p.signer_known THEN 'product' ELSE 'signer' END,
        'mrsigner': t.mrsigner,
        'isv_prodid': t.isv_prodid,
        'before': p.before,
        'known_since': t.known_since,
        'margin_ms': CAST(m.margin * 1000 AS BIGINT),
        'skew_ms': CAST(m.skew * 1000 AS BIGINT),
        'skew_explains': m.margin < m.skew,
        'elsewhere': o.elsewhere,
        'enclaves': t.enclaves,
        'accepted': t.accepted,
        'sightings': t.sightings
    }) AS VARCHAR) AS details
FROM told AS t
JOIN timed AS m
    ON m.workload_id = t.workload_id AND m.mrsigner = t.mrsigner AND m.isv_prodid = t.isv_prodid
JOIN past AS p
    ON p.workload_id = t.workload_id AND p.mrsigner = t.mrsigner AND p.isv_prodid = t.isv_prodid
LEFT JOIN other AS o
    ON o.workload_id = t.workload_id AND o.mrsigner = t.mrsigner AND o.isv_prodid = t.isv_prodid
ORDER BY subject_type, subject_id, details
