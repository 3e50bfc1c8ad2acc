-- ---
-- id = "qe-svn-rollback"
-- title = "A platform's quoting enclave or PCE got older"
-- version = 3
-- fingerprint_version = 1
-- status = "stable"
-- severity = "high"
-- sig = true
-- question = "Which platforms signed with an older quoting enclave, or certified by an older PCE, than before?"
-- why = "Quoting enclave and PCE only move forward in honest operation. An older one brings back the holes that leaked attestation keys, or the quote was made elsewhere with keys of the old one."
-- inputs = ["observation", "quote", "reshown"]
-- requires = ["quote"]
-- scope = ["ppid", "attestation_key_id"]
-- suspects = "SELECT platform_id AS ppid, platform_id AS attestation_key_id FROM fallen"
-- discriminator = ["part"]
-- grain = "one row per platform and part"
-- nulls = "a platform without PPID is followed by its attestation key; header fields that a version does not have are not compared; sightings without a time are counted"
-- false_positives = ["a host that was installed anew with an old DCAP package: then the attestation key changes with the version", "processes on one host that each bring their own quoting enclave library"]
-- blind_spots = ["a platform without PPID whose attestation key changes with the version", "v4 and v5 quotes do not name the PCE version: see tcb-rollback for the PCK certificate's"]
-- attack = ["rollback of the quoting enclave", "quote forged with extracted keys"]
-- spec = ["Intel SGX DCAP quote format", "detector D26"]
-- created = 2026-11-23
-- updated = 2026-11-30
-- columns = ["subject_type", "subject_id", "first_seen", "last_seen", "observation_ids", "severity", "summary", "details"]
-- [details]
-- part = "qe_isv_svn: in the QE report that the PCK key signed; pce_svn: in the header"
-- quoting_enclaves = "signer and product of the quoting enclaves concerned"
-- highest = "the highest version, since higher_since"
-- lowest = "the lowest version after that"
-- higher_since = "when the higher version was first seen"
-- key_unchanged = "an attestation key signed with the higher version and with the lower one: a genuine QE makes another key for each version; null for pce_svn"
-- replayed = "every one of the sightings repeats evidence seen before (low): see replayed-quote"
-- sightings = "number of sightings with a lower version after a higher one"
-- [sides]
-- fact = "version"
-- earlier = "highest"
-- later = "lowest"
-- [[not_evaluable]]
-- reason = "quote without a time: it has no place in the order"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE q.trusted AND o.received_at IS NULL"""
-- [[not_evaluable]]
-- reason = "quote proven, but under no trust anchor of the case, or not verified"
-- count = """
-- SELECT count(*) AS unjudged
-- FROM observation AS o
-- JOIN quote AS q ON q.quote_no = o.quote_no
-- WHERE coalesce(q.proven, TRUE) AND NOT coalesce(q.trusted, FALSE)"""
-- ---
-- The states that each platform showed, and when: few, whatever the fleet's age.
WITH state AS (
    SELECT
        CASE WHEN q.ppid IS NULL THEN 'attestation_key' ELSE 'platform' END AS platform_type,
        coalesce(q.ppid, q.attestation_key_id) AS platform_id,
        q.qe_mrsigner, q.qe_isv_prodid, q.qe_isv_svn, q.header_pce_svn,
        min(o.received_at) AS first_at, max(o.received_at) AS last_at
    FROM observation AS o
    JOIN quote AS q ON q.quote_no = o.quote_no
    WHERE q.trusted AND o.received_at IS NOT NULL
    GROUP BY
        CASE WHEN q.ppid IS NULL THEN 'attestation_key' ELSE 'platform' END,
        coalesce(q.ppid, q.attestation_key_id),
        q.qe_mrsigner, q.qe_isv_prodid, q.qe_isv_svn, q.header_pce_svn
),
part AS (
    SELECT 'qe_isv_svn' AS part UNION ALL SELECT 'pce_svn'
),
shown AS (
    SELECT
        s.platform_type, s.platform_id, p.part, s.first_at, s.last_at,
        coalesce(s.qe_mrsigner, '') || ':' || coalesce(CAST(s.qe_isv_prodid AS VARCHAR), '')
            AS quoting_enclave,
        CASE p.part WHEN 'pce_svn' THEN s.header_pce_svn ELSE s.qe_isv_svn END AS svn
    FROM state AS s
    CROSS JOIN part AS p
),
level AS (
    SELECT
        platform_type, platform_id, part, quoting_enclave, svn,
        min(first_at) AS first_at, max(last_at) AS last_at
    FROM shown
    WHERE svn IS NOT NULL AND platform_id IS NOT NULL
    GROUP BY platform_type, platform_id, part, quoting_enclave, svn
),
fallen AS (
    SELECT
        low.platform_type, low.platform_id, low.part, low.quoting_enclave, low.svn,
        max(high.svn) AS highest, min(high.first_at) AS higher_since
    FROM level AS low
    JOIN level AS high
        ON high.platform_type = low.platform_type AND high.platform_id = low.platform_id
        AND high.part = low.part AND high.quoting_enclave = low.quoting_enclave
        AND high.svn > low.svn AND high.first_at < low.last_at
    GROUP BY low.platform_type, low.platform_id, low.part, low.quoting_enclave, low.svn
),
reading AS (
    SELECT
        d.platform_type, d.platform_id, p.part, q.attestation_key_id,
        coalesce(q.qe_mrsigner, '') || ':' || coalesce(CAST(q.qe_isv_prodid AS VARCHAR), '')
            AS quoting_enclave,
        CASE p.part WHEN 'pce_svn' THEN q.header_pce_svn ELSE q.qe_isv_svn END AS svn,
        o.observation_id, o.observation_no, o.received_at,
        a.observation_no IS NOT NULL AS replayed
    FROM (SELECT DISTINCT platform_type, platform_id FROM fallen) AS d
    JOIN quote AS q
        ON coalesce(q.ppid, q.attestation_key_id) = d.platform_id
        AND CASE WHEN q.ppid IS NULL THEN 'attestation_key' ELSE 'platform' END = d.platform_type
        AND q.trusted
    JOIN observation AS o ON o.quote_no = q.quote_no AND o.received_at IS NOT NULL
    LEFT JOIN reshown AS a ON a.observation_no = o.observation_no AND a.trusted_showing > 1
    CROSS JOIN part AS p
),
offence AS (
    SELECT
        r.platform_type, r.platform_id, r.part, r.quoting_enclave, r.attestation_key_id, r.svn,
        r.observation_id, r.observation_no, r.received_at, r.replayed, f.highest, f.higher_since
    FROM fallen AS f
    JOIN reading AS r
        ON r.platform_type = f.platform_type AND r.platform_id = f.platform_id
        AND r.part = f.part AND r.quoting_enclave = f.quoting_enclave
        AND r.svn = f.svn AND r.received_at > f.higher_since
),
key_level AS (
    SELECT
        platform_type, platform_id, part, quoting_enclave, attestation_key_id,
        max(svn) AS highest
    FROM reading
    GROUP BY platform_type, platform_id, part, quoting_enclave, attestation_key_id
),
one_key AS (
    SELECT DISTINCT o.platform_type, o.platform_id, o.part
    FROM offence AS o
    JOIN key_level AS k
        ON k.platform_type = o.platform_type AND k.platform_id = o.platform_id
        AND k.part = o.part AND k.quoting_enclave = o.quoting_enclave
        AND k.attestation_key_id = o.attestation_key_id
        AND k.highest > o.svn
),
tally AS (
    SELECT
        platform_type, platform_id, part,
        min(received_at) AS first_seen,
        max(received_at) AS last_seen,
        count(*) AS sightings,
        bool_and(replayed) AS replayed,
        max(highest) AS highest,
        min(svn) AS lowest,
        min(higher_since) AS higher_since,
        list_sort(list(DISTINCT quoting_enclave)) AS quoting_enclaves,
        string_agg(observation_id, ' ' ORDER BY received_at, observation_no) AS observations
    FROM offence
    GROUP BY platform_type, platform_id, part
),
-- The sighting that first showed a higher version stands first in the list.
witness AS (
    SELECT
        t.platform_type, t.platform_id, t.part,
        min_by(r.observation_id, r.observation_no) AS observation_id
    FROM tally AS t
    JOIN reading AS r
        ON r.platform_type = t.platform_type AND r.platform_id = t.platform_id
        AND r.part = t.part AND r.received_at = t.higher_since AND r.svn > t.lowest
    GROUP BY t.platform_type, t.platform_id, t.part
)
SELECT
    t.platform_type AS subject_type,
    t.platform_id AS subject_id,
    t.first_seen,
    t.last_seen,
    string_split(w.observation_id || ' ' || t.observations, ' ') AS observation_ids,
    -- Repeated evidence says nothing about what the platform runs now.
    CASE WHEN t.replayed THEN 'low' ELSE 'high' END AS severity,
    CASE t.part WHEN 'pce_svn' THEN 'The PCE SVN' ELSE 'The quoting enclave''s SVN' END
    || ' fell from ' || CAST(t.highest AS VARCHAR) || ' to ' || CAST(t.lowest AS VARCHAR) || ' ('
    || CAST(t.sightings AS VARCHAR) || ' sighting(s)'
    || CASE WHEN t.replayed THEN ', all of it repeated evidence' ELSE '' END
    || CASE
        WHEN t.part = 'qe_isv_svn' AND k.platform_id IS NOT NULL
        THEN ', under one attestation key)' ELSE ')'
    END AS summary,
    CAST(to_json({
        'part': t.part,
        'quoting_enclaves': t.quoting_enclaves,
        'highest': t.highest,
        'lowest': t.lowest,
        'higher_since': t.higher_since,
        'key_unchanged': CASE WHEN t.part = 'qe_isv_svn' THEN k.platform_id IS NOT NULL END,
        'replayed': t.replayed,
        'sightings': t.sightings
    }) AS VARCHAR) AS details
FROM tally AS t
JOIN witness AS w
    ON w.platform_type = t.platform_type AND w.platform_id = t.platform_id AND w.part = t.part
LEFT JOIN one_key AS k
    ON k.platform_type = t.platform_type AND k.platform_id = t.platform_id AND k.part = t.part
ORDER BY subject_type, subject_id, details
